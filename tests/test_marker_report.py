"""Markers in a report: small panels over time, units, and a marker as the primary endpoint."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_trial_markers import GDF, marked, people

from senospine.report.trial import TrialReport, print_trial, trial_dict, write_trial_report
from senospine.report.trial.drawing import design_svg
from senospine.report.trial.rows import method_rows
from senospine.report.trial.told import sentences
from senospine.trial import (
    Design,
    follow,
    operating_characteristics,
    predicted_benefit,
    run_rivals,
    run_trials,
    simulate_trial,
)

MARKERS = "markers: {gdf15: [4], modic: [4, 12], pfirrmann: [12]}\n"
MODIC = "modic: {measure: modic, week: 12}"


def reported(plan: Design, folder: Path) -> TrialReport:
    stored = people().write(folder / "bank")
    run = run_trials(plan, stored, folder / "run", trials=12, workers=1)
    rivals = run_rivals(run, stored, trials=4, workers=1)
    benefits = tuple(predicted_benefit(plan, people()))
    found = operating_characteristics(run)
    return TrialReport(run, people(), found, rivals, follow(run, people()), benefits, "senospine trial small")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> TrialReport:
    return reported(marked(GDF, MODIC, more=MARKERS), tmp_path_factory.mktemp("last"))


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> TrialReport:
    return reported(marked(GDF, MODIC, first=True, more=MARKERS), tmp_path_factory.mktemp("first"))


def test_panels_show_what_patients_say(report: TrialReport) -> None:
    courses = {course.key: course for course in report.followed.markers}
    assert {key: course.weeks for key, course in courses.items()} == {
        "gdf15": (0, 4, 12), "modic": (0, 4, 12), "pfirrmann": (0, 12)
    }  # fmt: skip
    data = simulate_trial(report.design, people(), report.run.manifest["inputs"]["seed"], 0, tables=True)
    drug = data.enrolled.arm == 1
    logs = np.log(data.observed["gdf15"][drug, 3] / data.baseline["gdf15"][drug])
    assert courses["gdf15"].level[0, 1, 2] == pytest.approx(np.exp(np.nanmean(logs)))
    low, high = courses["gdf15"].example[1:, 1, 2]
    half = np.log(high / low) / 2
    assert half == pytest.approx(1.99 * np.nanstd(logs, ddof=1) / np.sqrt(np.isfinite(logs).sum()), rel=0.03)
    assert (courses["gdf15"].level[..., 0] == 1).all()
    seen = data.observed["modic"][drug, 3]
    assert courses["modic"].level[0, 1, 2] == pytest.approx((seen[np.isfinite(seen)] >= 1).mean())
    assert courses["pfirrmann"].level[0, 1, 0] == pytest.approx(data.baseline["pfirrmann"][drug].mean())


def test_the_page_and_the_terminal_tell_units(report: TrialReport, tmp_path: Path) -> None:
    page = write_trial_report(tmp_path / "report.html", report).read_text(encoding="utf-8")
    figure = next(svg for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "Markers over time" in svg)
    for words in ("plasma GDF-15", "ratio to entry, geometric mean", "Modic change", "share of patients"):
        assert words in figure
    assert 'href="#markers"' in page
    assert re.search(r"<td>gdf: drug − placebo</td>\s*<td class=\"unit\">ratio, week 12</td>", page)
    shown = io.StringIO()
    print_trial(Console(file=shown, width=120), report, tmp_path / "report.html", [])
    for words in ("pain: points of pain, 0–10, week 12", "gdf: ratio, week 12", "share of patients, week 12"):
        assert words in " ".join(shown.getvalue().split())
    rows = {row["hypothesis"].split(":")[0]: row for row in method_rows(report)}
    true = report.run.analyses.query("hypothesis.str.startswith('gdf:')")["true"].mean()
    assert float(rows["gdf"]["truth"].split(" ")[0]) == pytest.approx(np.exp(true), abs=5e-4)
    assert rows["modic"]["truth"].endswith("%")


def test_plain_data_has_the_means_of_the_panels(report: TrialReport) -> None:
    first = trial_dict(report)["markers"][0]
    assert (first["told"], first["weeks"]) == ("plasma GDF-15, pg/mL", [0, 4, 12])
    np.testing.assert_allclose(first["level"]["drug"], report.followed.markers[0].level[:, 1].mean(axis=0))


def test_a_marker_may_lead_the_report(primary: TrialReport, tmp_path: Path) -> None:
    assert primary.followed.weeks == (4, 12)
    assert primary.followed.reproduced == 12
    assert primary.followed.change.shape == (12, 2, 2)
    mine = primary.followed.contrasts.query("week == 12").set_index("trial")
    kept = primary.primary.set_index("trial")
    np.testing.assert_allclose(mine["estimate"], kept["estimate"], rtol=1e-12)
    page = write_trial_report(tmp_path / "report.html", primary).read_text(encoding="utf-8")
    assert "plasma GDF-15, pg/mL; log of the ratio to entry" in page
    told = sentences(primary)[1]
    assert "the true ratio, drug to placebo," in told
    assert "off by a factor of" in told
    low, high = (float(text) for text in re.search(r"between ([\d.]+) and ([\d.]+)", told).groups())  # type: ignore[union-attr]
    assert 0.8 < low < 1 < 1.2 * high


def test_many_endpoints_of_a_visit_are_told_in_few_words() -> None:
    many = [f"endpoint-{letter}: {{measure: gdf15, week: 12}}" for letter in "abcde"]
    assert "pain (primary) and 5 more" in design_svg(marked(*many))
