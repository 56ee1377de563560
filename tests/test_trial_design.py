"""Designs are read strictly: what cannot be run is told with its place and a remedy, before anything is simulated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from trial_helpers import DESIGN, bank, design

from senospine.errors import AnalysisError, FileError, SenospineError, TrialError
from senospine.trial import analyse, design_names, load_design, parse_design, simulate_trial, therapy_key
from senospine.trial.file import HOLDS

BAD = {
    "no control": (("{control: pill}", "{therapy: other}"),
        r"small\.yaml:\d+: the design has no control", "control: pill"),
    "visit after the end": (("weeks: 12\n", "weeks: 10\n"),
        r"small\.yaml:14: the visit at week 12 comes after", "later"),
    "nobody measures": (("measure: pain", "measure: paint"),
        r"small\.yaml:16: .*'paint', which nobody measures", "'pain'"),
    "nobody is there": (("week: 12}", "week: 6}"), r"small\.yaml:16: .*week 6, when nobody measures", "2, 4, 8, 12"),
    "enrols no one": (("{at_least: 30, at_most: 85}", "{at_least: 85, at_most: 30}"),
        r"small\.yaml:9: .*enrols no one", "ends"),
    "dropout above 100 %": (("rate: 20 %", "rate: 120 %"),
        r"small\.yaml:18: 'dropout\.rate' .*between 0 % and 100 %", "docs"),
    "dropout without sign": (("rate: 20 %", "rate: 20"), r"small\.yaml:18: .*20 %", "docs"),
    "unknown marker": (("{sex: 1}", "{modick: 1}"),
        r"small\.yaml:12: unknown marker 'modick'", "did you mean 'modic'"),
    "unknown key": (("patients:", "patient:"), r"small\.yaml:3: unknown key 'patient'", "did you mean 'patients'"),
    "unknown key below": (("mechanism:", "mechanisms:"), r"small\.yaml:18: unknown key 'mechanisms'", "'mechanism'"),
    "unknown key of an arm": (("control: pill", "controls: pill"),
        r"small\.yaml:6: unknown key 'controls'", "'control'"),
    "missing key": (("question: Does it work?\n", ""), r"small\.yaml:1: key 'question' is missing", "add it"),
    "unknown control": (("control: pill", "control: pil"), r"small\.yaml:6: .*no such control", "docs"),
    "too few to estimate": (("patients: 80", "patients: 10"),
        r"small\.yaml:3: 10 patients cannot estimate", "at least"),
    "one visit for a mixed model": (("[2, 4, 8, 12]", "[12]"), r"small\.yaml:17: .*from one visit", "ancova"),
    "blocks": (("block: 4", "block: 5"), r"small\.yaml:13: blocks of 5", "multiple of 2"),
    "an arm that is not there": (("rate: 20 %", "rate: {placebos: 20 %}"),
        r"small\.yaml:18: 'dropout' names arm", "'placebo'"),
    "falling visits": (("[2, 4, 8, 12]", "[4, 2, 8, 12]"), r"small\.yaml:14: visits must", ""),
    "both therapy and control": (("{control: pill}", "{control: pill, therapy: x}"),
        r"either a therapy or a control", "REGIMEN"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_designs_are_told_with_place_and_remedy(name: str) -> None:
    change, message, remedy = BAD[name]
    with pytest.raises(TrialError, match=message) as caught:
        design(change)
    assert remedy in str(caught.value)


MORE_BAD = {
    "dose_holds: hold below 57\n": "did you mean 'hold below 75'|did you mean 'hold below 50'",
    "interim: {at: [0.05]}\n": "too few to estimate",
    "interim: {at: [0.8, 0.5]}\n": "looks must rise",
    "population: {kind: two-stage}\n": "needs a marker",
    "population: {kind: marker-enriched, marker: modick, at_least: 1}\n": "unknown marker",
    "population: {kind: stratified, marker: modic, at_least: 1}\ninterim: {at: [0.5]}\n": "no further looks",
}


@pytest.mark.parametrize("more", MORE_BAD)
def test_further_sections_are_checked(more: str) -> None:
    with pytest.raises(TrialError, match=MORE_BAD[more]):
        design(more=more)


def test_analyses_are_checked() -> None:
    for change, message in (
        ("{method: mmrm, sensitivity: [anova]}", "did you mean 'ancova'"),
        ("{method: mmrm, compare: [[drug, drug]]}", "not one of two arms"),
    ):
        with pytest.raises(TrialError, match=message):
            design(("{method: mmrm, df: kenward-roger-linear}", change))
    with pytest.raises(TrialError, match="no covariance structure"):
        design(("{method: mmrm, df: kenward-roger-linear}", "{method: mmrm, covariance: unstructurd}"))


def test_what_the_bank_does_not_hold_is_told() -> None:
    with pytest.raises(TrialError, match=r"small\.yaml:7: the bank holds no patients under 'drugs'") as caught:
        design(("therapy: drug", "therapy: drugs")).check_bank(bank())
    assert "did you mean 'drug'" in str(caught.value)
    with pytest.raises(TrialError, match="followed for 84 days"):
        design(("weeks: 12\n", "weeks: 30\n"), ("8, 12]", "8, 12, 26]")).check_bank(bank())
    with pytest.raises(TrialError, match=r"small\.yaml:8: the entry criteria enrol no one of") as caught:
        simulate_trial(design(("{at_least: 100}", "{at_least: 3000}")), bank(), 1, 0)
    assert "most fail by platelets" in str(caught.value)


def test_a_design_says_what_it_is(tmp_path: Path) -> None:
    plan = design()
    assert plan.arms == ("placebo", "drug")
    assert plan.therapies == ("untreated", "drug")
    assert plan.contexts == ("pill", "pill")
    assert [item.name for item in plan.hypotheses] == ["pain: drug - placebo"]
    assert plan.with_patients(90).sha256 != plan.sha256 == design().sha256
    file = tmp_path / "mine.yaml"
    file.write_text(DESIGN)
    assert load_design(file).sha256 == plan.sha256
    assert design(("{therapy: drug}", "{therapy: drug, given_as: injection}")).contexts == ("pill", "injection")


def test_regimens_are_one_key_however_they_are_spaced() -> None:
    line = "navitoclax 50 mg/kg oral daily for 7 days from week 4 after surgery"
    assert therapy_key(line.replace(" oral", "   oral")) == therapy_key(line)
    assert therapy_key(None) == "untreated"
    assert therapy_key(" my   bank's  drug ") == "my bank's drug"


def test_shipped_designs_load_and_others_are_suggested() -> None:
    assert "placebo-placebo" in design_names()
    for name in design_names():
        assert load_design(name).name == name
    with pytest.raises(TrialError, match="did you mean 'placebo-placebo'"):
        load_design("placebo-placebos")
    with pytest.raises(FileError, match="cannot read"):
        load_design("nowhere.yaml")


def test_a_design_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(TrialError, match="a mapping of keys"):
        parse_design("- a\n- b\n")


def test_every_rule_for_platelets_can_be_written() -> None:
    for rule in HOLDS:
        assert design(more=f"dose_holds: {rule}\n").file.dose_holds == rule
    assert all(issubclass(kind, SenospineError) for kind in (TrialError, AnalysisError))
    assert re.match(r"^[a-z]", DESIGN)


def test_the_design_in_the_documents_loads_and_runs() -> None:
    text = (Path(__file__).parents[1] / "docs/trial-designs.md").read_text(encoding="utf-8")
    plan = parse_design(text.split("```yaml")[1].split("```")[0])
    plan.check_bank(bank())
    data = simulate_trial(plan, bank(), 1, 0)
    assert len(data.enrolled.row) == 240
    table = analyse(plan, [data], [0], 1)
    shifts = [f"MAR+{delta}" for delta in range(5)]
    assert table["method"].tolist() == [
        "mmrm", "ancova", "J2R", *shifts, *["subgroup", "subgroup, shrunk"] * 4, "responder"
    ]  # fmt: skip
    assert np.isfinite(table["p"]).all()
