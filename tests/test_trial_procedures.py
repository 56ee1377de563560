"""Procedures in virtual patients and trials: in whom they succeed, what a sham changes, whose context they have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import senospine
from trial_helpers import design

from senospine.errors import RegimenError, TrialError
from senospine.therapy import load_procedure
from senospine.trial import (
    Design,
    PatientBank,
    benefit_text,
    load_design,
    make_bank,
    parse_design,
    predicted_benefit,
    read_therapy,
    simulate_trial,
    synthetic_bank,
)
from senospine.trial.benefit import _by_reports
from senospine.trial.dosing import dosing_days
from senospine.trial.enrol import _screen
from senospine.trial.patients import Plan, simulate_people
from senospine.trial.procedures import given_as, lucks
from senospine.trial.rivals import without_effect

ABLATION = "basivertebral-nerve-ablation once at day 0 after enrolment"
SHAM = "sham-procedure once at day 0 after enrolment"
COXIB = "celecoxib 200 mg oral twice daily for 84 days from day 0 after enrolment"
BOTH = f"{ABLATION} + {COXIB}"
DESIGN = f"""\
trial: cut
question: Does cutting the nerve help?
patients: 60
weeks: 12
arms:
  sham: {{control: sham procedure}}
  ablation: {{therapy: {ABLATION}}}
  nothing: {{therapy: {SHAM}}}
entry:
  pain: {{at_least: 3, days: 1}}
  odi: {{at_least: 30}}
block: 3
visits: [4, 8, 12]
endpoints:
  disability: {{measure: odi, week: 12}}
  pain: {{measure: pain, week: 12}}
analysis: {{method: mmrm, multiplicity: hierarchical}}
"""


def plan_of(**changes: object) -> Plan:
    therapies = tuple(read_therapy(text) for text in (ABLATION, SHAM, BOTH, COXIB))
    return Plan(therapies, tuple(np.arange(0.0, 85.0, 7.0)), 5, uncertainty="none", **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def people() -> dict[str, dict[str, np.ndarray]]:
    return {key: dict(course) for key, course in simulate_people(plan_of(), 0, 0, 120).courses.items()}


def test_a_sham_changes_nobody_and_a_failed_procedure_either(people: dict[str, dict[str, np.ndarray]]) -> None:
    untreated, cut = people["untreated"]["spinal_pain"], people[ABLATION]["spinal_pain"]
    for name, values in people[SHAM].items():
        np.testing.assert_array_equal(values, people["untreated"][name])
    failed = lucks(load_procedure("BVNA"), 5, 120, 0) >= 0.93
    assert 1 <= failed.sum() < 30
    np.testing.assert_allclose(cut[failed], untreated[failed], rtol=2e-4)
    np.testing.assert_array_equal(cut[:, 0], untreated[:, 0])  # day 0 is before
    hurt = ~failed & (untreated[:, 0] > 1.2)
    assert hurt.sum() > 20
    assert (cut[hurt, -1] < untreated[hurt, -1]).all()
    assert (cut >= 1 - 1e-4).all()  # no less than in the healthy
    for name in ("platelets", "neutrophils", "gut_exposure"):
        np.testing.assert_allclose(people[ABLATION][name], people["untreated"][name], rtol=2e-3)


def test_with_a_drug_both_act(people: dict[str, dict[str, np.ndarray]]) -> None:
    both, one, other = (people[read_therapy(key).text]["spinal_pain"][:, -1] for key in (BOTH, ABLATION, COXIB))
    assert (both <= np.minimum(one, other) + 2e-4).all()
    assert (both < other - 0.05).sum() > 20


def test_success_belongs_to_the_person_and_is_as_common_as_the_file_says() -> None:
    procedure = load_procedure("BVNA")
    luck = lucks(procedure, 20240913, 4000, 0)
    assert abs((luck < 0.93).mean() - 0.93) < 4 * np.sqrt(0.93 * 0.07 / 4000)
    np.testing.assert_array_equal(luck[150:250], lucks(procedure, 20240913, 100, 150))  # whatever the block
    assert not np.array_equal(luck[:100], lucks(procedure, 1, 100, 0))


def test_blocks_and_other_therapies_change_no_one() -> None:
    whole = simulate_people(plan_of(), 1, 40, 40)
    part = simulate_people(Plan((read_therapy(ABLATION),), plan_of().days, 5, uncertainty="none"), 1, 60, 20)
    np.testing.assert_array_equal(whole.courses[ABLATION]["spinal_pain"][20:], part.courses[ABLATION]["spinal_pain"])


def test_therapies_read_and_refused(tmp_path: Path) -> None:
    both = read_therapy(BOTH)
    assert ([drug.name for drug in both.drugs], [item.name for item in both.procedures]) == (
        ["celecoxib"], ["basivertebral-nerve-ablation"],
    )  # fmt: skip
    assert read_therapy("BVNA once at day 0 after enrolment").text == ABLATION
    assert dosing_days(ABLATION, 84) == [(0.0, 1.0)]
    with pytest.raises(TrialError, match="no doses"):
        read_therapy(f"{ABLATION}; rule navitoclax-entry")
    with pytest.raises(RegimenError, match="counts from surgery"):
        make_bank(tmp_path / "bank", [ABLATION.replace("enrolment", "surgery")], patients=50, draws=1)
    with pytest.raises(RegimenError, match="did you mean 'basivertebral-nerve-ablation'"):
        make_bank(tmp_path / "bank", ["basivertebral-ablation once at day 0 after enrolment"], patients=50, draws=1)


def test_a_procedure_brings_its_own_context_and_says_where_contexts_differ(tmp_path: Path) -> None:
    changed = design(("{therapy: drug}", f"{{therapy: {ABLATION}}}"))
    assert changed.contexts == ("pill", "sham procedure")
    assert "ablation" not in changed.arms
    assert "drug (sham procedure) and placebo (pill)" in (changed.context_note or "")
    assert design(("{therapy: drug}", f"{{therapy: {ABLATION}, given_as: pill}}")).contexts == ("pill", "pill")
    assert design(("{therapy: drug}", f"{{therapy: {BOTH}}}")).contexts == ("pill", "sham procedure")
    same = design(("{therapy: drug}", f"{{therapy: {SHAM}}}"), ("control: pill", "control: sham procedure"))
    assert (same.contexts, same.context_note) == (("sham procedure", "sham procedure"), None)
    assert design().context_note is None
    assert given_as("drug") is None
    path = tmp_path / "odd.yaml"
    path.write_text(
        "name: odd\nclass: none\ngiven_as: needle\nsource: [{doi: 10.1000/none, citation: none}]\nspecies: [human]\n"
        "effects: {human: {}}\n",
        encoding="utf-8",
    )
    with pytest.raises(TrialError, match="no control is called 'needle'"):
        design(("{therapy: drug}", f"{{therapy: {path} once at day 0 after enrolment}}"))


def _stopping(therapy: str) -> tuple[Design, PatientBank]:
    plan = design(
        ("{therapy: drug}", f"{{therapy: {therapy}, given_as: pill}}"), ("patients: 80", "patients: 3000"),
        ("stratify: {sex: 1}\n", ""),
        ("{rate: 20 %, mechanism: at random, log_hazard_per_point: 0.3}", "{rate: 90 %, followed: 100 %}"),
        more="offset_days: 1\nadherence: 50 %\n",
    )  # fmt: skip
    return plan, synthetic_bank({plan.therapies[1]: 3.0}, patients=1500, seed=3)


def test_who_leaves_takes_the_cut_nerve_along() -> None:
    effects = {}
    for therapy in ("drug", ABLATION):
        plan, bank = _stopping(therapy)
        data = simulate_trial(plan, bank, 1, 0)
        change, arm = data.complete["pain"][:, -1] - data.baseline["pain"], data.enrolled.arm
        stopped = data.stopped < 3  # four weeks ago and more
        assert stopped.mean() > 0.4
        effects[therapy] = [
            change[who & (arm == 1)].mean() - change[who & (arm == 0)].mean() for who in (stopped, ~stopped)
        ]
    assert abs(effects["drug"][0]) < 0.4  # it fades with offset_days, and half of it was missed before
    assert effects[ABLATION][0] < -2
    assert effects[ABLATION][1] < effects["drug"][1] - 0.7  # adherence is of what is taken day by day


def test_entry_by_disability_keeps_the_reading_it_was_made_by() -> None:
    plan = design(
        ("  platelets: {at_least: 100}\n", "  odi: {at_least: 40}\n"),
        ("measure: pain, week: 12", "measure: odi, week: 12"),
        ("patients: 80", "patients: 600"), ("{therapy: drug}", "{therapy: drug, given_as: none}"), ("pill", "none"),
    )  # fmt: skip
    bank = synthetic_bank({"drug": 0.0}, patients=1500, seed=3)
    data = simulate_trial(plan, bank, 2, 0)
    assert data.baseline["odi"].min() >= 40
    assert data.enrolled.failures["odi"] > 20
    open_to_all = simulate_trial(design(("measure: pain, week: 12", "measure: odi, week: 12")), bank, 2, 0)
    assert open_to_all.baseline["odi"].min() < 40
    shift = (data.complete["odi"][:, 0] - data.baseline["odi"]).mean()
    assert shift < -1  # regression to the mean comes out of the cut
    function = data.enrolled.function
    assert function is not None
    assert function[1].mean() > 0.2  # who is let in is more disabled than pain alone would say
    with pytest.raises(TrialError, match="enrols no one"):
        design(("  platelets: {at_least: 100}\n", "  odi: {at_least: 40, at_most: 30}\n"))


def test_the_chance_to_enter_is_that_of_many_screenings() -> None:
    plan = design(("  platelets: {at_least: 100}\n", "  odi: {at_least: 34}\n"), ("{at_least: 30, at_most: 85}", "{}"))
    bank = synthetic_bank({"drug": 0.0}, patients=1500, seed=3)
    level = bank.course("untreated")["pain"][:, 0]
    rows = np.flatnonzero((level > 3) & (level < 7))  # where no rating is held at an end of its scale
    rng = np.random.default_rng(1)
    seen = [_screen(plan, bank, rows, rng, False)[1] < 0 for _ in range(40)]
    chance = _by_reports(plan.file.entry, level[rows].astype(float)).mean()
    assert np.mean(seen) == pytest.approx(chance, abs=0.02)


def test_the_shipped_trials_of_ablation(tmp_path: Path) -> None:
    blind, unblind = load_design("nerve-ablation"), load_design("nerve-ablation-open")
    assert (blind.contexts, blind.context_note) == (("sham procedure",) * 2, None)
    assert [blind.file.arms[name].allocation for name in blind.arms] == [1, 2]
    assert unblind.contexts == ("usual care", "sham procedure")
    assert unblind.context_note is not None
    null = without_effect(unblind)
    assert (null.therapies, null.contexts) == (("untreated",) * 2, unblind.contexts)
    bank = make_bank(tmp_path / "bank", blind.therapies, patients=300, draws=1, weeks=26, uncertainty="none", workers=1)
    (found,) = predicted_benefit(blind, bank)
    assert 0 < found.mean < 1.5
    assert "ablation beyond sham, week 13" in benefit_text([found], bank)
    changes = []
    for number in range(8):
        data = simulate_trial(blind, bank, 1, number)
        change = data.complete["odi"][:, 2] - data.baseline["odi"]
        changes.append([change[data.enrolled.arm == arm].mean() for arm in (0, 1)])
    sham, ablation = np.mean(changes, axis=0)
    assert sham < -6  # context, course and regression to the mean, without any nerve cut
    assert ablation < sham


def test_a_whole_small_trial_at_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.yaml"
    path.write_text(DESIGN, encoding="utf-8")
    done = senospine(
        "trial", path, "--patients", 100, "--draws", 1, "--trials", 12, "--beside-trials", 4, "--workers", 1,
        "--parameters", "register", "--json", "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["context"] is None
    assert {item["treated"] for item in found["predicted"]} == {"ablation", "nothing"}
    by_arm = {item["treated"]: item["mean"] for item in found["predicted"]}
    assert by_arm["ablation"] > 0.01
    assert by_arm["nothing"] == 0
    manifest = json.loads((tmp_path / "run-bank" / "lives" / "manifest.json").read_text(encoding="utf-8"))
    assert "basivertebral-nerve-ablation" in json.dumps(manifest)
    assert parse_design(DESIGN).name == "cut"
