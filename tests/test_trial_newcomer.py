"""What a newcomer meets: the order of the terminal, numbers with their errors, refusals, and what a stop leaves."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_trial_report import ENRICHED, EVENTS, figures_of, reported, words_of
from trial_helpers import bank, design

from senospine.cli import main
from senospine.errors import FileError, SenospineError, TrialError
from senospine.report.trial import TrialReport, print_trial, trial_dict, write_trial_report
from senospine.report.trial.panel import keys, mark
from senospine.report.trial.rows import method_rows, method_words, prediction_rows, spelled, tipping_rows
from senospine.report.trial.told import measured, sentences
from senospine.stats.performance import Measure
from senospine.trial import (
    comparators,
    find_size,
    follow,
    load_design,
    open_trials,
    predicted_benefit,
    run_rivals,
    run_trials,
    simulate_block,
)
from senospine.trial.dosing import check_therapies

FACTORIAL = """\
trial: factorial
question: Is the pair better?
patients: 80
weeks: 12
arms:
  placebo: {control: pill}
  one: {therapy: one}
  two: {therapy: drug}
  both: {therapy: both}
block: 4
visits: [4, 12]
endpoints:
  pain: {measure: pain, week: 12}
analysis: {method: mmrm, compare: [[both, placebo], [both, one], [both, two], [one, placebo], [two, placebo]]}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> TrialReport:
    plan = design(("df: kenward-roger-linear}", "df: kenward-roger-linear, tipping: {up_to: 3, steps: 3}}"),
                  more=EVENTS + ENRICHED)  # fmt: skip
    return reported(plan, tmp_path_factory.mktemp("newcomer"), trials=40, fall=0.8)


def shown(report: TrialReport, width: int, folder: Path) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    print_trial(console, report, folder / "report.html", [folder / "first-trial" / "adsl.csv"], folder / "bank")
    return console.export_text()


def test_the_terminal_tells_the_answer_first_and_the_files_last(report: TrialReport, tmp_path: Path) -> None:
    text = shown(report, 118, tmp_path)
    order = [
        "Does it work?", "•", "How often it is right", "What happens in the arms", "Beside other designs",
        "Predicted benefit beside published effects", "Synthetic data", "report for a trial meeting", "trial 0 as ADSL",
        "--resume adds", "the virtual patients",
    ]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert text.count("Enthoven 2016") == 1
    assert text.count("drug, made up") == 1  # the prediction stands in the table of what was published


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_fits(report: TrialReport, tmp_path: Path, width: int) -> None:
    text = shown(report, width, Path("run"))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    assert measured(report.result.design["success"], percent=True) in text


def test_no_error_above_zero_is_shown_as_zero() -> None:
    generator = np.random.default_rng(4)
    for error in 10.0 ** generator.uniform(-7, 3, 200):
        for percent in (False, True):
            told = measured(Measure(0.5, float(error), 10), percent=percent).replace(" %", "").replace(",", "")
            assert float(told.split(" ± ")[1]) > 0
            assert float(told.split(" ± ")[1]) == pytest.approx(error * (100 if percent else 1), rel=0.55)
    assert measured(Measure(400.0, 0.0, 10)) == "400"


def test_platelets_between_visits_are_shown(report: TrialReport, tmp_path: Path) -> None:
    found, people = report.followed, report.bank
    row, arm = found.example.enrolled.row, found.example.enrolled.arm
    lowest = people.course("drug")["platelets"][row[arm == 1]][:, people.days <= 84].min(axis=1)
    assert found.prescribed_grades[0, 1].tolist() == pytest.approx(
        [float((lowest < cut).mean()) for cut in (150, 75, 50, 25)]
    )
    assert found.prescribed.shape == (2, 2, int((people.days <= 84).sum()))
    # doses are held in the trial, not in what was prescribed
    assert found.prescribed_grades[:, 1, 1].mean() > found.grades[:, 1, 1].mean()
    page = words_of(write_trial_report(tmp_path / "r.html", report).read_text(encoding="utf-8"))
    assert "Platelets in truth on any day the bank holds" in page


def test_shifts_of_a_tipping_point_are_no_estimates_of_the_truth(report: TrialReport) -> None:
    assert {row["method"] for row in method_rows(report)} == {"MMRM"}
    rows = tipping_rows(report)
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    estimates = [float(row[1].split(" ±")[0].replace("−", "-")) for row in rows]
    assert estimates == sorted(estimates)  # each shift takes something from the benefit
    kept = [float(row[2].split(" ±")[0]) for row in rows]
    assert kept == sorted(kept, reverse=True)


def test_predictions_and_published_effects_share_one_table(report: TrialReport) -> None:
    rows = prediction_rows(report)
    assert rows[0]["treatment"] == "drug, made up"
    assert rows[0]["benefit"] == f"{report.benefits[0].mean:.2f}"
    assert [row["treatment"] for row in rows[1:]] == [item.treatment for item in comparators()]
    assert "It does not exceed" in replace(report.benefits[0], by_draw=np.array([0.1])).statement()
    assert "No draw exceeds" in replace(report.benefits[0], by_draw=np.array([0.1, 0.2])).statement()


def test_words_of_print() -> None:
    assert spelled("pain: drug - placebo, modic >= 1") == "pain: drug − placebo, modic ≥ 1"
    assert method_words("mmrm, second stage") == "MMRM, second stage"
    assert len({mark(0, 0, shape, "#000").split("/>")[0] for shape in range(5)}) == 5
    assert any("<path" in part for part in keys([("an arm", "#000", 1)], 0, 0))


def test_four_arms_are_told_apart_without_colour(tmp_path: Path) -> None:
    from senospine.trial import operating_characteristics, parse_design, synthetic_bank

    plan = parse_design(FACTORIAL)
    people = synthetic_bank({"one": 0.3, "drug": 0.5, "both": 0.8}, patients=300)
    stored = people.write(tmp_path / "bank")
    run = run_trials(plan, stored, tmp_path / "run", trials=6, workers=1)
    rivals = run_rivals(run, stored, trials=4, workers=1)
    report = TrialReport(run, people, operating_characteristics(run), rivals, follow(run, people),
                         tuple(predicted_benefit(plan, people)), "x")  # fmt: skip
    page = write_trial_report(tmp_path / "report.html", report).read_text(encoding="utf-8")
    effect = next(item for item in figures_of(page) if "Change from baseline" in item)
    for pair in ("both − one", "both − two", "one − placebo", "two − placebo", "both − placebo"):
        assert f">{pair}<" in effect
    assert any("true difference, both − placebo," in item for item in sentences(report))
    assert any("the arm both has" in item for item in sentences(report))
    plain = trial_dict(report)
    assert plain["made_up_patients"] is True
    assert len(plain["published"]) == len(comparators())


def test_a_bank_in_place_of_its_folder_is_refused_in_a_line(tmp_path: Path) -> None:
    people, plan = bank(0.0), design()
    stored = people.write(tmp_path / "bank")
    with pytest.raises(TrialError, match=r"not the bank itself") as told:
        run_trials(plan, people, tmp_path / "run", trials=2)  # type: ignore[arg-type]
    assert len(str(told.value)) < 250
    assert "bank.write" in str(told.value)
    with pytest.raises(TrialError, match="load_design"):
        run_trials("placebo-placebo", stored, tmp_path / "run", trials=2)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    run = run_trials(plan, stored, tmp_path / "run", trials=2, workers=1)
    for wrong in (lambda: simulate_block(plan, str(stored), 1, range(2)), lambda: follow(run, str(stored)),  # type: ignore[arg-type]
                  lambda: predicted_benefit(plan, str(stored))):  # type: ignore[arg-type]  # fmt: skip
        with pytest.raises(TrialError, match="read_bank"):
            wrong()
    with pytest.raises(FileError, match="of 100 trials 0 stand here"):
        open_trials(run.path, plan, 100)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "rate: 20 %",
            "rate: {placebo: 20 %, drug: 130 %}",
            18,
            "'dropout.rate.drug' is '130 %': a share lies between",
        ),
        ("df: kenward-roger-linear", "covariance: banana", 17, "no covariance structure is called 'banana'"),
        ("[2, 4, 8, 12]", "[4, 2, 8, 12]", 14, "write them like [4, 8, 12]"),
        ("block: 4", "block: 4\nrescue: {pain_at_least: 17}", 14, "'rescue.pain_at_least' is 17"),
    ],
)
def test_bad_designs_are_told_with_line_and_remedy(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(SenospineError) as told:
        design((old, new))
    assert f"small.yaml:{line}:" in str(told.value)
    assert said in str(told.value)
    assert told.value.remedy
    assert "more problem" not in str(told.value)


def test_a_bank_written_anew_in_its_folder_is_read_anew(tmp_path: Path) -> None:
    first = bank(0.0).write(tmp_path / "bank")
    run = run_trials(design(), first, tmp_path / "one", trials=2, workers=1)
    second = bank(1.0).write(tmp_path / "bank")
    again = run_trials(design(), second, tmp_path / "two", trials=2, workers=1)
    assert run.manifest["inputs"]["bank"] == bank(0.0).sha256
    assert again.manifest["inputs"]["bank"] == bank(1.0).sha256


def test_a_therapy_no_bank_can_be_made_for_is_told_with_its_line() -> None:
    with pytest.raises(TrialError, match=r"small\.yaml:7:"):
        check_therapies(design(("therapy: drug", 'therapy: "navitoclax 250 mgg oral daily"')))
    check_therapies(load_design("rg7112-o-vanillin"))


def test_a_search_below_what_can_be_analysed_is_refused() -> None:
    with pytest.raises(TrialError, match="too few") as told:
        find_size(design(), bank(1.0), power=0.5, low=4, high=80, trials=4)
    least = int(str(told.value.remedy).split()[4])
    analyses, _ = simulate_block(design().with_patients(-(-least // 4) * 4), bank(1.0), 1, range(4))
    assert np.isfinite(analyses["estimate"]).all()


def command(words: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("sys.argv", ["senospine", *words.split()])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def test_the_patients_of_a_run_that_stands_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(_text(), encoding="utf-8")
    words = "trial small.yaml --bank synthetic --trials 4 --beside-trials 2 --workers 1 --out run"
    assert not command(f"{words} --effect 1", monkeypatch)
    kept = {path: path.stat().st_mtime_ns for path in Path("run-bank").iterdir()}
    assert command(f"{words} --effect 2", monkeypatch) == 2
    assert command(f"{words} --effect 2 --resume", monkeypatch) == 2
    assert "were made from other patients" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in Path("run-bank").iterdir()} == kept
    assert command("trial small.yaml --effect 1 --out other", monkeypatch) == 2
    assert "--bank synthetic" in capsys.readouterr().err
    Path("none.yaml").write_text(_text().replace("at_least: 30, at_most: 85", "at_least: 95"), encoding="utf-8")
    assert command("trial none.yaml --bank synthetic --trials 4 --out nobody", monkeypatch) == 2
    assert "enrol no one" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["none.yaml", "run", "run-bank", "small.yaml"]  # nothing is left behind


def _text() -> str:
    from trial_helpers import DESIGN

    return DESIGN


def test_a_stop_says_what_stands_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(_text(), encoding="utf-8")
    words = "trial small.yaml --bank synthetic --trials 120 --beside-trials 2 --workers 1 --out run"
    from senospine.trial.run import simulated_tables

    def stops(*args: object) -> object:
        if args[-2] == 50:
            raise KeyboardInterrupt
        return simulated_tables(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("senospine.trial.run.simulated_tables", stops)
        assert command(words, patched) == 130
    said = capsys.readouterr().err
    assert "stopped; 50 of 120 trials stand in run, the same command with --resume goes on from them" in said
    assert command(words, monkeypatch) == 2
    assert not command(f"{words} --resume", monkeypatch)
    assert "In 120 simulated trials" in capsys.readouterr().out


def test_the_search_for_a_size_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(_text(), encoding="utf-8")
    words = "trial small.yaml --bank synthetic --effect 1.5 --trials 30 --power 0.5 --sizes 24 120"
    assert not command(words, monkeypatch)
    out = capsys.readouterr().out
    assert "patients reach a power of 50 %: small succeeds in" in out
    assert "Sizes that were tried" in out
    assert "±" in out
