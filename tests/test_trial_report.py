"""The page for a trial meeting tells the run and nothing else: exact counts, escaped words, one file that "
"fetches nothing."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from trial_helpers import bank, design

from senospine.cli import main
from senospine.errors import TrialError
from senospine.report.svg import MARK
from senospine.report.trial import TrialReport, print_trial, trial_dict, write_trial_report
from senospine.report.trial.checklist import checklist
from senospine.report.trial.drawing import design_svg
from senospine.report.trial.effect import effect_svg
from senospine.report.trial.told import measured, sentences
from senospine.stats.mmrm import mmrm_many
from senospine.stats.performance import Measure
from senospine.trial import (
    Design,
    follow,
    operating_characteristics,
    predicted_benefit,
    read_bank,
    run_rivals,
    run_trials,
    simulate_trial,
    synthetic_bank,
)
from senospine.trial.analyse import covariates
from senospine.trial.dosing import dosing_days
from senospine.trial.followed import IMPROVEMENTS
from senospine.trial.rivals import other_populations, sizes_of, without_effect

HOSTILE = "</style><script>alert(1)</script> & <b>"
EVENTS = """
adverse_events: {background: 40 %, per_gut_exposure: 20 %, stops: 20 %}
dose_holds: hold below 75
rescue: {pain_at_least: 7, uptake: 50 %}
"""
ENRICHED = "population: {kind: marker-enriched, marker: endplate_defect, at_least: 1, mode: clinic}\n"


def reported(plan: Design, folder: Path, *, effect: float = 1.0, trials: int = 60, fall: float = 0.7) -> TrialReport:
    people = bank(effect, only_with_defect=True, fall=fall)
    stored = people.write(folder / "bank")
    run = run_trials(plan, stored, folder / "run", trials=trials, workers=1)
    rivals = run_rivals(run, stored, trials=10, workers=1)
    benefits = tuple(predicted_benefit(plan, people))
    found = operating_characteristics(run)
    return TrialReport(run, people, found, rivals, follow(run, people), benefits, "senospine trial small")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> TrialReport:
    return reported(design(more=EVENTS + ENRICHED), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(report: TrialReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_trial_report(tmp_path_factory.mktemp("page") / "report.html", report).read_text(encoding="utf-8")


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def figures_of(page: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", page, re.DOTALL)


def test_first_trials_are_simulated_again_to_the_last_bit(report: TrialReport) -> None:
    assert report.followed.trials == report.followed.reproduced == 60
    rows = report.followed.contrasts
    mine = rows[rows["week"] == 12].set_index("trial")
    kept = report.primary.set_index("trial")
    np.testing.assert_allclose(mine["estimate"], kept["estimate"], rtol=1e-12)
    np.testing.assert_allclose(mine["lower"], kept["lower"], rtol=1e-12)


def test_a_changed_record_of_the_run_is_noticed(report: TrialReport) -> None:
    run = replace(report.run)
    conduct = report.run.conduct.copy()
    conduct.loc[3, "screened"] += 1
    run.__dict__["conduct"], run.__dict__["analyses"] = conduct, report.run.analyses
    found = follow(run, report.bank)
    assert found.reproduced == 59
    told = {line.item: line for line in checklist(replace(report, followed=found), [MARK])}
    assert told["Verification of code and calculation"].status == "partly"


def test_what_is_followed_is_what_the_patients_say(report: TrialReport) -> None:
    plan, found = report.design, report.followed
    data = simulate_trial(plan, report.bank, report.run.manifest["inputs"]["seed"], 0, tables=True)
    treated = data.enrolled.arm == 1
    change = data.observed["pain"][treated, -1] - data.baseline["pain"][treated]
    assert found.change[0, 1, -1] == pytest.approx(np.nanmean(change), rel=1e-12)
    better = change <= -0.3 * data.baseline["pain"][treated] + 1e-9
    assert found.responders[0, 1, IMPROVEMENTS.tolist().index(30)] == pytest.approx(better.mean())
    assert (np.diff(found.responders, axis=2) <= 0).all()
    worst = np.nanmin(np.where(np.isnan(data.counts["platelets"]), np.inf, data.counts["platelets"]), axis=1)
    assert found.grades[0, 1, 1] == pytest.approx((worst[treated] < 75).mean())
    assert found.grades[:, 1, 0].mean() > found.grades[:, 0, 0].mean()


def test_the_flow_adds_up(report: TrialReport, page: str) -> None:
    first = report.run.conduct.iloc[0]
    failed = first[[name for name in first.index if str(name).startswith("failed/")]]
    assert first["screened"] == failed.sum() + 80
    words = words_of(page)
    assert f"Assessed: {int(first['screened']):,} ({report.run.conduct['screened'].mean():,.1f})" in words
    assert f"marker-negative: {int(first['failed/marker-negative'])} (" in words
    for reason in ("lack of efficacy", "adverse event", "other"):
        assert f"{reason}: {int(first[reason.replace(' ', '_') + '/drug'])} (" in words


def test_every_number_of_the_answer_is_the_runs(report: TrialReport, page: str) -> None:
    words = words_of(page)
    assert measured(report.result.design["success"], percent=True) in words
    assert f"{measured(report.result.design['screened'])} in a trial" in words
    assert report.design.sha256 in words
    assert report.bank.sha256 in words
    assert f"Seed {report.run.manifest['inputs']['seed']}" in words


def test_another_run_gives_another_page(report: TrialReport, page: str, tmp_path: Path) -> None:
    less = reported(design(more=EVENTS + ENRICHED), tmp_path, effect=0.0)
    other = write_trial_report(tmp_path / "report.html", less).read_text(encoding="utf-8")
    assert "The prediction EXCEEDS what any treatment has achieved" in words_of(page)
    assert "EXCEEDS" not in words_of(other)
    assert less.result.design["success"].value < report.result.design["success"].value
    mine, theirs = figures_of(page), figures_of(other)
    assert mine[0] == theirs[0]  # the design is the same
    assert all(a != b for a, b in zip(mine[2:], theirs[2:], strict=True))


def test_figures_are_well_formed_marked_and_not_empty(page: str) -> None:
    figures = figures_of(page)
    assert len(figures) == 7
    for figure in figures:
        ElementTree.fromstring(figure)
        assert MARK in figure
        assert "nan" not in figure
        assert figure.count("<") > 20


def test_it_is_one_file_that_fetches_nothing(page: str) -> None:
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b", page)
    assert not re.search(r"url\(|@import|\ssrc=", page)
    assert all(address.startswith("https://doi.org/") for address in re.findall(r'href="(?!#)([^"]*)', page))
    targets = set(re.findall(r'href="#([^"]+)', page))
    assert targets == set(re.findall(r'<section id="([^"]+)', page))


def test_hostile_words_are_escaped(tmp_path: Path, report: TrialReport) -> None:
    file = report.design.file.model_copy(update={"title": HOSTILE, "question": HOSTILE, "source": HOSTILE})
    arms = {**file.arms, "drug": file.arms["drug"].model_copy(update={"therapy": HOSTILE})}
    hostile = replace(report.design, file=file.model_copy(update={"arms": arms}))
    named = replace(report.run)
    named.__dict__.update(report.run.__dict__, design=hostile)
    followed = replace(report.followed, design=hostile)
    page = write_trial_report(
        tmp_path / "report.html", replace(report, run=named, followed=followed, command=HOSTILE)
    ).read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 5
    for figure in figures_of(page):
        ElementTree.fromstring(figure)


def test_the_checklist_says_what_cannot_be_filled(report: TrialReport) -> None:
    lines = {line.item: line for line in checklist(report, [MARK, "no mark"])}
    assert len(lines) == 19
    assert lines["Model risk: influence × consequence"].status == "not filled"
    assert lines["Extrapolation from mouse to human"].status == "not filled"  # closed forms carry nothing over
    assert lines["Synthetic data marked"].status == "partly"
    assert lines["Synthetic data marked"].told.startswith("1 of 2 figures")
    made = replace(report.bank, made_by={"how": "made", "inputs": {"model": "0" * 64, "rtol": 1e-4}, "targets": ["a"]})
    points = ("spinal_pain_points", "persisting_pain_points", "facet_pain_points", "muscle_pain_points",
              "central_pain_points", "pain")  # fmt: skip
    noise, n = np.random.default_rng(1), len(made.baseline)
    person = pd.DataFrame({name: noise.uniform(0, 8, n) for name in points}, index=made.baseline.index)
    person = person.assign(disc_degeneration=noise.random(n) < 0.5, facet_degeneration=noise.random(n) < 0.5)
    made = replace(made, baseline=made.baseline.join(person))
    lines = {line.item: line for line in checklist(replace(report, bank=made), [MARK])}
    assert lines["Equations, units and diagram from the model"].status == "partly"  # of another model
    assert "seen in people" in lines["Extrapolation from mouse to human"].told
    assert "R-hat" in lines["Identifiability"].told


def test_a_marker_design_stands_beside_all_comers_and_a_perfect_reader(report: TrialReport) -> None:
    labels = [rival.label for rival in report.rivals.designs]
    assert labels == ["small, marker-enriched by endplate defect", "the same, all-comers", "the same, perfect reader"]
    enriched, everyone, perfect = report.rivals.designs
    assert enriched.own.design["screened"].value > 1.3 * everyone.own.design["screened"].value
    assert everyone.design.file.population.kind == "all-comers"
    assert perfect.design.file.population.mode == "oracle"
    # the defect decides who responds: a better reader enrols more who do
    assert abs(truth_of(perfect)) > abs(truth_of(enriched)) > abs(truth_of(everyone))
    assert report.rivals.null is not None
    assert report.rivals.null.null
    assert list(enriched.sizes) == sorted([*sizes_of(report.design), 80])


def truth_of(rival: object) -> float:
    rows = rival.own.methods.reset_index()  # type: ignore[attr-defined]
    return float(rows.loc[rows["measure"] == "truth", "value"].iloc[0])


def test_what_stands_beside_goes_on_and_is_the_same_for_any_workers(report: TrialReport) -> None:
    folder = report.run.path / "beside"
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    again = run_rivals(report.run, report.run.path.parent / "bank", trials=10, workers=2)
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()} == before
    for old, new in zip(report.rivals.designs, again.designs, strict=True):
        assert {n: item.design for n, item in old.sizes.items()} == {n: item.design for n, item in new.sizes.items()}


def test_a_null_drug_keeps_all_but_the_effect() -> None:
    plan = design(("drug: {therapy: drug}", "drug: {therapy: drug, given_as: infusion}"))
    null = without_effect(plan)
    assert null.therapies == ("untreated", "untreated")
    assert null.contexts == plan.contexts
    assert null.sha256 != plan.sha256
    assert other_populations(plan) == {}


def test_one_draw_and_many_are_told_apart(tmp_path: Path) -> None:
    plain = bank(1.0)
    people = replace(plain, baseline=plain.baseline.assign(draw=np.arange(len(plain.baseline)) % 3))
    untreated, drug = plain.courses["untreated"], dict(plain.courses["drug"])
    factor = np.array([0.0, 1.0, 2.0])[people.baseline["draw"]][:, None]
    drug["pain"] = (untreated["pain"] + factor * (drug["pain"] - untreated["pain"])).astype(np.float32)
    people = replace(people, courses={"untreated": untreated, "drug": drug})
    stored = people.write(tmp_path / "bank")
    run = run_trials(design(), stored, tmp_path / "run", trials=120, workers=1)
    found = operating_characteristics(run)
    rows = found.methods.reset_index()
    values = rows.set_index("measure")["value"]
    # judged by each draw's own truth, intervals hold it as often as they say; by the mean over draws they cannot
    assert values["coverage"] > 0.88
    outside = run.analyses["lower"].gt(values["truth"]) | run.analyses["upper"].lt(values["truth"])
    assert 1 - outside.mean() < values["coverage"] - 0.1
    rivals = run_rivals(run, stored, trials=6, workers=1)
    benefits = tuple(predicted_benefit(design(), people))
    report = TrialReport(run, people, found, rivals, follow(run, read_bank(stored)), benefits, "x")
    assert any("assurance" in item for item in sentences(report))
    text = write_trial_report(tmp_path / "report.html", report).read_text(encoding="utf-8")
    assert "true effect by draw of parameters" in text
    assert "one draw of the parameters" not in text


@pytest.mark.parametrize(
    "more",
    [
        "population: {kind: two-stage, marker: endplate_defect, at_least: 1}\n",
        "interim: {at: [0.5], success: obrien-fleming, futility_z: 0.0}\n",
        "population: {kind: stratified, marker: endplate_defect, at_least: 1}\n",
    ],
)
def test_every_kind_of_design_has_a_page(more: str, tmp_path: Path) -> None:
    report = reported(design(("patients: 80", "patients: 160"), more=more), tmp_path, trials=8, fall=0.0)
    assert report.followed.reproduced == 8
    text = write_trial_report(tmp_path / "report.html", report).read_text(encoding="utf-8")
    for figure in figures_of(text):
        ElementTree.fromstring(figure)
        assert "nan" not in figure
    assert report.followed.change.shape == (8, 2, 4)
    assert ("MMRM, adjusted" in text) == ("Rows called" in text) == ("stratified" not in more)


@pytest.mark.parametrize("kind", ["stratified", "two-stage"])
def test_effects_in_the_positive_are_drawn_beside_those_in_all(kind: str, tmp_path: Path) -> None:
    """What is drawn of the positive is what their own patients say, and both populations have one scale."""
    more = f"population: {{kind: {kind}, marker: endplate_defect, at_least: 1, mode: oracle}}\n"
    plan = design(("patients: 80", "patients: 160"), more=more)
    people = bank(2.0, only_with_defect=True)
    run = run_trials(plan, people.write(tmp_path / "bank"), tmp_path / "run", trials=30, workers=1)
    found = follow(run, people)
    names = ["pain: drug - placebo", "pain: drug - placebo, marker-positive"]
    assert found.contrasts["hypothesis"].unique().tolist() == names
    last = found.contrasts[found.contrasts["week"] == 12].pivot_table(index="trial", columns="hypothesis")
    assert last["true"][names[1]].mean() < last["true"][names[0]].mean() - 0.5
    if kind == "stratified":
        kept = run.analyses.pivot_table(index="trial", columns="hypothesis", values=["estimate", "true"])
        np.testing.assert_allclose(last["estimate"], kept["estimate"], rtol=1e-9)
        np.testing.assert_array_equal(last["true"], kept["true"])
    else:  # where only the positive went on, all-comers are the first stage's 80
        one = simulate_trial(plan, people, run.manifest["inputs"]["seed"], 0, patients=80, part="stage 1/")
        assert (run.analyses.query("trial == 0")["chosen"] == "positive").all()
        x, contrast = covariates(plan, [one], plan.hypotheses[0])
        only = mmrm_many(one.observed["pain"][None], x, contrast)
        np.testing.assert_allclose(last["estimate"][names[0]].loc[0], only.estimate[0], rtol=1e-9)
    drawn = effect_svg(found)
    words = words_of(drawn)
    assert "drug − placebo, all difference" in words
    assert "drug − placebo, marker-positive difference" in words
    ElementTree.fromstring(drawn)
    zero = re.findall(r'<line x1="([\d.]+)" y1="([\d.]+)" [^>]*stroke-dasharray="4 3"', drawn)
    assert len({height for _, height in zero}) == 1  # side by side, zero at one height
    assert len({left for left, _ in zero}) == 2


def test_a_graph_of_hypotheses_is_drawn_with_its_shares() -> None:
    one, two = "pain: drug - placebo", "odi: drug - placebo"
    endpoints = ("week: 12}", "week: 12}\n  odi: {measure: odi, week: 12}")
    graph = f'{{weights: {{"{one}": 80 %, "{two}": 20 %}}, transitions: {{"{one}": {{"{two}": 75 %}}}}}}'
    plan = design(endpoints, ("df: kenward-roger-linear}", f"df: kenward-roger-linear, multiplicity: {graph}}}"))
    drawn, plain = design_svg(plan), design_svg(design(endpoints))
    words = words_of(drawn)
    for expected in (f"{one} 80 % of alpha", f"{two} 20 % of alpha", "75 %", "share alpha: by a graph of its own"):
        assert expected in words
    assert drawn.count("<polygon") - plain.count("<polygon") == 1  # one arrow
    assert "2 hypotheses share alpha: hierarchical" in words_of(plain)
    assert "share alpha" not in words_of(design_svg(design()))
    ElementTree.fromstring(drawn)


def test_the_design_is_drawn_from_its_file() -> None:
    regimen = "navitoclax 250 mg oral daily for 7 days every 28 days, 3 cycles, from day 0 after enrolment"
    plan = design(("therapy: drug", f'therapy: "{regimen}"'))
    drawn = design_svg(plan)
    words = words_of(drawn)
    assert "age 30 to 85 years" in words
    assert "80 patients" in words
    assert drawn.count("<path") == 2 + 4  # an arrow to each arm, a mark for each visit
    assert dosing_days(regimen, 84) == [(0.0, 7.0), (28.0, 35.0), (56.0, 63.0)]
    assert drawn.count('height="10" fill="#D55E00"') == 3  # pulses
    assert drawn != design_svg(design())


def test_a_bank_of_another_run_is_refused(report: TrialReport) -> None:
    with pytest.raises(TrialError, match="not the one"):
        follow(report.run, synthetic_bank({"drug": 0.2}, patients=100))


def test_numbers_show_the_digits_their_error_allows() -> None:
    assert measured(Measure(-0.30512, 0.0412, 10)) == "−0.305 ± 0.041"
    assert measured(Measure(974.13, 17.7, 10)) == "974.1 ± 17.7"


def test_the_terminal_fits_100_columns_and_json_is_whole(report: TrialReport, tmp_path: Path) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    print_trial(console, report, tmp_path / "report.html", [])
    shown = console.export_text()
    assert all(len(line.rstrip()) <= 100 for line in shown.splitlines() if "report:" not in line)
    assert "…" not in shown
    assert measured(report.result.design["success"], percent=True) in shown
    plain = json.loads(json.dumps(trial_dict(report), allow_nan=False))
    assert plain["designs"][1]["design"] == "the same, all-comers"
    assert plain["simulated_again"] == {"trials": 60, "identical": 60}


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "null"
    words = "trial placebo-placebo --bank synthetic --trials 6 --beside-trials 3 --workers 1 --json --out"
    monkeypatch.setattr("sys.argv", ["senospine", *words.split(), str(out)])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    plain = json.loads(capsys.readouterr().out)
    assert plain["null"] is True
    assert plain["null_drug"] is None  # the design is its own
    page = (out / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert "--bank synthetic" in words_of(page)
    assert "Type I error" in words_of(page)
