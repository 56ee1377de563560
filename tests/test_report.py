"""The page holds all of a run in one file, says what it is, and its sentences follow the numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from senospine.assays import assay_register
from senospine.errors import FileError, StudyError
from senospine.evidence import Contrast, Laboratory, Repeats, Score, load_evidence, run_laboratory, scoreboard
from senospine.model import Model
from senospine.report import write_report
from senospine.report.board import boards, insights
from senospine.report.endpoints import control_arm, endpoints_svg, measured
from senospine.report.glance import ORDER, at_a_glance, contradictions, in_order
from senospine.report.sentences import brief, headline
from senospine.report.svg import number, text_width, ticks
from senospine.report.timeaxis import time_axis
from senospine.report.timecourses import _PLOT_W, course, pooled_course, timecourses_svg
from senospine.study import Outcome, load_study, published_studies, run_study

HOSTILE = '<script>alert("x")</script>'
Made = tuple[list[Outcome], dict[str, Laboratory], list[Score]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("outcomes")
    names = ("pan2024-lsi", "pan2024-aged")
    outcomes = [run_study(load_study(name), folder / name, animals=40, workers=1) for name in names]
    evidence = load_evidence()
    repeats, laboratories = run_laboratory(outcomes, evidence, repeats=50)
    return outcomes, laboratories, scoreboard(evidence, repeats)


def page_of(made: Made, model: Model, folder: Path, **other: object) -> str:
    outcomes, laboratories, scores = made
    given = {"outcomes": outcomes, "laboratories": laboratories, "scores": scores, "model": model,
             "command": "senospine reproduce"} | other  # fmt: skip
    return write_report(folder / "report.html", **given).read_text(encoding="utf-8")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page(made: Made, mouse: Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(made, mouse, tmp_path_factory.mktemp("page"))


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


class _Balance(HTMLParser):
    """Checks that what is opened is closed, in order."""

    VOID = frozenset({"meta", "br", "wbr", "link", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_one_file_that_fetches_nothing(page: str) -> None:
    for word in ("src=", "@import", "<link", "url(", "<img", "<iframe", "fetch(", "XMLHttpRequest"):
        assert word not in page
    fetched = set(re.findall(r"https?://[^\s\"<]+", page)) - {"http://www.w3.org/2000/svg"}
    assert all(address.startswith("https://doi.org/") for address in fetched)  # links a reader may follow
    assert len(page) < 3_000_000


def test_it_is_well_formed(page: str) -> None:
    parser = _Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert "{{" not in page
    assert "nan" not in re.findall(r'"([^"]*)"', page)
    assert not re.search(r'\b(points|x|y|x1|y1|cx|cy|width|height|d)="[^"]*\b(nan|inf)', page)


def test_it_says_that_it_is_synthetic_on_every_figure(page: str, made: Made) -> None:
    assert "never medical advice" in page
    figures = page.split('class="figure"')[1:]
    assert len(figures) == 3 * len(made[0])
    assert all("SYNTHETIC DATA" in figure.split("</svg>")[0] for figure in figures)
    assert "A hypothesis, not data" in page


def test_it_holds_every_finding_and_every_parameter(page: str, mouse: Model) -> None:
    for row in load_evidence():
        assert f'data-row="{row.id}"' in page
        assert f">{row.panel} <small>{row.study}</small>" in page
    text = page.replace("<wbr>", "")
    for name in [*mouse.parameters, *assay_register()]:
        assert f"<code>{name}</code>" in text
    assumed = sum(row.assumed for row in mouse.register.values())
    assert f"{assumed} assumed ({100 * assumed / len(mouse.register):.0f} %)" in page
    assert "contested" in page  # a conflict on record


def test_it_says_where_it_came_from(page: str, mouse: Model, made: Made) -> None:
    for outcome in made[0]:
        assert outcome.study.sha256 in page
        assert str(outcome.seed) in page
        assert outcome.study.question in page
        assert str(outcome.path) not in page  # machine paths stay out
    assert mouse.sha256 in page
    assert "senospine reproduce" in page
    assert "0 of 120 simulated mice failed" in words_of(page)


def test_hostile_text_is_escaped(made: Made, mouse: Model, tmp_path: Path) -> None:
    outcomes, laboratories, scores = made
    study = replace(outcomes[0].study, question=HOSTILE, title=HOSTILE, source=HOSTILE, strain=HOSTILE)
    noted = [replace(score, fact=replace(score.fact, note=HOSTILE, source=HOSTILE)) for score in scores]
    page = page_of(
        (outcomes, laboratories, noted), mouse, tmp_path,
        outcomes=[replace(outcomes[0], study=study)], command=HOSTILE,
    )  # fmt: skip
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 6


def test_failed_animals_are_named(made: Made, mouse: Model, tmp_path: Path) -> None:
    outcome = made[0][0]
    failure = {"arm": "vehicle", "animal": 7, "status": "STEP_TOO_SMALL", "sentence": "the steps became too small",
               "time": 101.25, "state": "endplate_porosity", "advice": "check the <values>"}  # fmt: skip
    parts = {name: {**part, "failures": [failure]} if name.startswith("vehicle") else part
             for name, part in outcome.manifest["parts"].items()}  # fmt: skip
    failed = replace(outcome, manifest={**outcome.manifest, "parts": parts})
    frame = outcome.frame.copy()
    gone = (frame["arm"] == "vehicle") & (frame["animal"] == 7)
    frame.loc[gone, [name for name in frame.columns if name not in {"arm", "animal", "time"}]] = np.nan
    failed.__dict__["frame"] = frame
    page = page_of(made, mouse, tmp_path, outcomes=[failed])
    text = words_of(page)
    assert "1 of 120 simulated mice failed" in text
    assert "vehicle 7 the steps became too small (STEP_TOO_SMALL) 101.2 endplate_porosity" in text
    assert "check the &lt;values&gt;" in page
    assert "nan" not in page.split('id="failures"')[0].split("<polyline")[1][:2000]


def test_a_curve_leaves_failed_animals_out(made: Made) -> None:
    outcome = replace(made[0][0])
    frame = made[0][0].frame.copy()
    arm = outcome.study.arm("vehicle")
    frame.loc[(frame["arm"] == "vehicle") & (frame["animal"] > 0), "sasp"] = np.nan
    outcome.__dict__["frame"] = frame
    days, bands = course(outcome, arm, "sasp")
    mine = frame[(frame["arm"] == "vehicle") & (frame["animal"] == 0)]
    assert np.array_equal(days, mine["time"])
    assert np.allclose(bands, np.tile(mine["sasp"], (3, 1)))


def test_another_model_is_refused(made: Made, mouse: Model, tmp_path: Path) -> None:
    other = replace(mouse, parameters={**mouse.parameters, "pain_ep4_activity": 0.5})
    with pytest.raises(StudyError, match="another version of the model"):
        page_of(made, other, tmp_path)
    with pytest.raises(StudyError, match="no outcome"):
        page_of(made, mouse, tmp_path, outcomes=[])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error(made: Made, mouse: Model, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(FileError, match="cannot write"):
        page_of(made, mouse, tmp_path)


def test_folds_are_of_the_control_of_the_same_experiment(made: Made) -> None:
    laboratory = made[1]["pan2024-lsi"]
    study = laboratory.outcome.study
    assert control_arm(study) == "sham"
    fibres = next(item for item in study.readouts if item.name == "cgrp_fibres")
    shown, _ = measured(laboratory, fibres)
    raw = laboratory.measure("cgrp_fibres").values
    assert shown["sham"].mean() == pytest.approx(1.0)
    assert shown["vehicle"] == pytest.approx(raw["vehicle"][0, :6] / raw["sham"][0, :6].mean())
    assert {len(values) for values in shown.values()} == {6}


def test_time_axes_fit_their_studies(made: Made) -> None:
    lsi, aged = (time_axis(outcome.study) for outcome in made[0])
    assert (lsi.title, lsi.stretched) == ("weeks after surgery", None)
    assert [label for _, label in lsi.ticks] == ["0", "2", "4", "6", "8"]
    assert aged.title == "months of age"
    assert aged.stretched == pytest.approx(700.0625 - 7)
    places = [float(aged.place(day)) for day, _ in aged.ticks]
    assert places == sorted(places)
    assert 0 <= places[0] < places[-1] <= 1


@pytest.mark.parametrize("name", published_studies())
def test_labels_of_a_time_axis_stand_apart_and_on_it(name: str) -> None:
    axis = time_axis(load_study(name))
    middles = [float(axis.place(day)) * _PLOT_W for day, _ in axis.ticks]
    halves = [text_width(label, 10) / 2 for _, label in axis.ticks]
    ends = [(middle - half, middle + half) for middle, half in zip(middles, halves, strict=True)]
    assert all(right + 2 < left for (_, right), (left, _) in pairwise(ends))
    assert 0 <= middles[0] < middles[-1] <= _PLOT_W + 1


def test_a_study_of_days_counts_days_and_one_of_weeks_weeks() -> None:
    dogs, cll = time_axis(load_study("dog-platelets")), time_axis(load_study("navitoclax-cll"))
    assert (dogs.title, cll.title) == ("days after enrolment", "weeks after enrolment")
    assert [label for _, label in dogs.ticks] == ["−5", "0", "5"]
    assert [day - dogs.ticks[1][0] for day, _ in dogs.ticks] == [-5, 0, 5]
    assert [day - cll.ticks[0][0] for day, _ in cll.ticks] == [0, 7, 14, 21]


# --- sentences follow the numbers ---


def found(row: Contrast, share: float) -> Repeats:
    """Repeats that find what was published with this probability, and the opposite otherwise."""
    rest = 1 - share
    if row.direction == "none":
        return Repeats(rest, share / 2, share / 2, 0.0, 1.0, 0.9, 1.1, 1000)
    good, bad = (2.0, 0.5) if row.direction == "up" else (0.5, 2.0)
    ratio = good if share > 0.5 else bad
    starred = (share, 0.0, 0.0, rest) if row.direction == "up" else (rest, 0.0, 0.0, share)
    return Repeats(*starred, ratio, ratio * 0.9, ratio * 1.1, 1000)


def scores_of(study: str, share: float) -> list[Score]:
    evidence = load_evidence()
    repeats = {row.id: found(row, share) for row in evidence if row.testable and isinstance(row, Contrast)}
    return [score for score in scoreboard(evidence, repeats) if score.fact.study == study]


def text_of(study: str, scores: Sequence[Score]) -> str:
    return " ".join(brief(load_study(study), scores))


def test_a_perfect_model_is_praised_with_numbers() -> None:
    scores = scores_of("pan2024-aged", 1.0)
    text = text_of("pan2024-aged", scores)
    assert "Calibration, 27 findings: 27 agree." in text
    assert "Validation, 18 findings: 18 agree." in text
    assert "is right in 44 of 45" in text
    assert "it beats the rule" in text
    assert "leaves none of 37 published stars" in text
    assert "knows more than the naive rule in 45 comparisons, most in withdrawals, 0.07 g" in text
    assert "though" not in text
    assert "wrong" not in text
    assert not insights(scores)["misses"]


def test_a_model_that_is_always_wrong_is_told_so() -> None:
    scores = scores_of("pan2024-lsi", 0.0)
    text = text_of("pan2024-lsi", scores)
    assert "Calibration, 38 findings: 38 miss." in text
    assert "does not yet beat the rule" in text
    assert "sign itself is wrong in 38 comparisons" in text
    assert "Nowhere does it clearly know more" in text
    assert "38 miss" in headline(scores)
    assert len(insights(scores)["wrong_way"]) == 38


def test_small_effects_are_called_too_small() -> None:
    evidence = load_evidence()
    small = {
        row.id: Repeats(0.0, 0.9, 0.1, 0.0, 1.1, 0.9, 1.3, 1000) if row.direction == "up"
        else Repeats(0.0, 0.1, 0.9, 0.0, 0.9, 0.7, 1.1, 1000)
        for row in evidence if row.testable and isinstance(row, Contrast)
    }  # fmt: skip
    scores = [score for score in scoreboard(evidence, small) if score.fact.study == "pan2024-lsi"]
    text = text_of("pan2024-lsi", scores)
    starred = [score.fact for score in scores if score.fact.significant == "yes" and score.repeats]
    drug = sum(row.subset == "drug" for row in starred)
    assert f"right sign but no star in {len(starred)}, {drug} of them on a treatment" in text
    assert f"{len(starred)} weak" in text


def test_one_more_agreement_changes_the_words() -> None:
    before = scores_of("pan2024-lsi", 0.0)
    row = next(score.fact for score in before if isinstance(score.fact, Contrast))
    evidence = load_evidence()
    repeats = {item.id: found(item, 1.0 if item.id == row.id else 0.0) for item in evidence
               if item.testable and isinstance(item, Contrast)}  # fmt: skip
    after = [score for score in scoreboard(evidence, repeats) if score.fact.study == "pan2024-lsi"]
    assert "1 agrees and 37 miss" in text_of("pan2024-lsi", after)


def test_a_study_without_evidence_says_so() -> None:
    assert brief(load_study("pan2024-lsi"), []) == [
        "No published finding is on record for this study, so nothing could be scored."
    ]
    untested = scoreboard(load_evidence(), {})
    assert headline(untested) == "Nothing could be tested."
    assert "None of them can be tested" in text_of("pan2024-lsi", untested)


def test_boards_keep_roles_apart_and_every_row(made: Made) -> None:
    shown = boards(made[2])
    assert [board.role for board in shown] == ["calibration", "validation"]
    rows = load_evidence()
    assert [len(board.rows) for board in shown] == [
        sum(row.role == role for row in rows) for role in ("calibration", "validation")
    ]
    tested = sum(row.study in {"pan2024-lsi", "pan2024-aged"} and row.testable for row in rows)
    assert sum(row.verdict != "not testable" for board in shown for row in board.rows) == tested


def test_the_glance_counts_each_role_beside_the_rule() -> None:
    scores = scores_of("pan2024-aged", 1.0)
    (row,) = at_a_glance([load_study("pan2024-aged")], scores)
    assert list(row.cells) == ["calibration", "validation"]
    assert [(cell.rows, cell.parts[0][:2], cell.naive) for cell in row.cells.values()] == [
        (27, ("agrees", 27), "26 of 27"), (18, ("agrees", 18), "18 of 18"),
    ]  # fmt: skip
    gains = [sum(s.gain_bits or 0 for s in scores if s.fact.role == role) for role in row.cells]
    assert [cell.gain for cell in row.cells.values()] == [f"{gain:+.1f}" for gain in gains]
    silent = at_a_glance([load_study("lsi-timing")], scores)[0]
    assert silent.cells == {}


def test_studies_stand_in_a_readers_order(made: Made) -> None:
    assert [item.study.name for item in in_order(made[0][::-1])] == ["pan2024-lsi", "pan2024-aged"]
    assert set(ORDER) == set(published_studies())


def test_contradictions_stand_beside_what_they_contradict() -> None:
    found = {item.score.fact.study: item for item in contradictions(scoreboard(load_evidence(), {}))}
    assert set(found) == {"cao2017", "su2022"}
    assert {other.fact.panel for other in found["cao2017"].against} == {"1k", "4f"}
    assert {other.fact.readout for other in found["cao2017"].against} == {"endplate_porosity"}
    assert {other.fact.panel for other in found["su2022"].against} == {"1o", "4k", "5k"}


def test_the_page_says_what_carries_what(page: str, mouse: Model) -> None:
    text = words_of(page)
    assert "Which assumptions carry which conclusions" in text
    block = page.split('id="carrying"')[1].split("</section>")[0].replace("<wbr>", "")
    named = set(re.findall(r"<code>([a-z0-9_]+)</code>", block))
    assert named <= set(mouse.register)
    assert {name for name in named if mouse.register[name].assumed} != set()


def test_a_finding_of_an_earlier_moment_stands_at_that_moment(tmp_path: Path) -> None:
    outcome = run_study(load_study("ash2006-platelets"), tmp_path / "ash", animals=30, workers=1)
    evidence = [row for row in load_evidence() if row.study == "ash2006-platelets"]
    repeats, laboratories = run_laboratory([outcome], evidence, repeats=20)
    scores = scoreboard(evidence, repeats)
    drawn = endpoints_svg(laboratories[outcome.study.name], scores)
    for words in ("day 100.25", "day 101", "day 102", "day 103"):
        assert f">{words}</text>" in drawn
    assert "navitoclax v vehicle, day 100.25: paper" in drawn
    item = next(item for item in outcome.study.readouts if item.name == "platelet_count")
    early = dict.fromkeys(outcome.study.groups, "day 100.25 after birth")
    _, pool = measured(laboratories[outcome.study.name], item, early)
    assert pool["navitoclax"].mean() < 0.3 * pool["vehicle"].mean()


def test_possible_doses_are_pooled_in_one_curve(tmp_path: Path, mouse: Model) -> None:
    outcome = run_study(load_study("krock2018"), tmp_path / "krock", animals=10, workers=1)
    found = pooled_course(outcome, "tak242", "disc_sasp")
    assert found is not None
    days, bands = found
    rows = outcome.frame[outcome.frame["arm"].isin(["tak242.low", "tak242.high"]) & (outcome.frame["time"] == days[-1])]
    assert bands[:, -1] == pytest.approx(np.quantile(rows["disc_sasp"], [0.05, 0.5, 0.95]))
    assert "tak242 (2 possible doses)" in timecourses_svg(outcome, mouse)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.93, 1.04), (0, 23), (0, 8300), (-3, 7), (0, 0)])
def test_ticks_are_round_and_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 5
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_numbers_read_as_a_person_writes_them() -> None:
    assert [number(value) for value in (0.996, 9.96, -3.21, 1e-9, float("nan"))] == [
        "1.0", "10", "−3.2", "1.0e-09", "–",
    ]  # fmt: skip
