"""The drawn spine shows the simulated values: areas to scale, marks by their step, the same tissue each time."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.path import Path as Path2D

from senospine.errors import FileError, StudyError
from senospine.report.spine import (
    QUANTITIES,
    draw_spine,
    shows_spine,
    spine_courses,
    spine_figure,
    spine_page,
    write_spine,
)
from senospine.report.spine.ink import Commands, Ink, Words
from senospine.report.spine.section import drawn_value, gauge_words, layer_path, section
from senospine.report.spine.tissue import BONE_BEGIN, BONE_END, CARTILAGE_END, WIDTH, Layer, layers
from senospine.study import Outcome, load_study, run_study

YOUNG = {
    "porosity": 15.0, "ossification": 0.0, "osteoclasts": 15.0, "senescent_osteoclasts": 0.3, "fibres": 1.0,
    "vessels": 1.0, "bone": 21.0, "disc_cells": 0.15, "matrix": 100.0,
}  # fmt: skip
#: quantities whose drawn area is the value, with the area of which it is a share
TO_SCALE = {
    "porosity": WIDTH * (BONE_END - BONE_BEGIN), "ossification": WIDTH * (CARTILAGE_END - BONE_END),
    "bone": WIDTH * BONE_BEGIN,
}  # fmt: skip


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("spine") / "krock2018"
    return run_study(load_study("krock2018"), folder, animals=24, workers=1)


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("spine") / "pan2024-aged"
    return run_study(load_study("pan2024-aged"), folder, animals=12, workers=1)


def layer(name: str) -> Layer:
    return next(item for item in layers() if item.quantity == name)


def values(**other: float | Sequence[float]) -> np.ndarray:
    given = {**YOUNG, **other}
    return np.array([np.broadcast_to(np.asarray(given[item.name], dtype=float), 3) for item in QUANTITIES])


def area(commands: Commands) -> float:
    """Area inside a path of quadratic curves, by following each in 40 steps: no formula of the drawing's own."""
    total, place, control, ring = 0.0, np.zeros(2), np.zeros(2), []
    for letter, numbers in commands:
        points = np.array(numbers).reshape(-1, 2)
        if letter == "Z":
            x, y = np.array(ring).T
            total += (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
            continue
        if letter == "M":
            ring = [points[0]]
        else:
            control = points[0] if letter == "Q" else 2 * place - control
            t = np.linspace(0, 1, 41)[1:, None]
            ring += list((1 - t) ** 2 * place + 2 * t * (1 - t) * control + t**2 * points[-1])
        place = points[-1]
    return abs(total)


@pytest.mark.parametrize("name", ["porosity", "ossification"])
@pytest.mark.parametrize("value", [0.5, 7.3, 15.0, 22.8, 44.0, 69.0])
def test_areas_are_drawn_to_scale(name: str, value: float) -> None:
    drawn = area(layer_path(layer(name), value))
    assert 100 * drawn / TO_SCALE[name] == pytest.approx(value, rel=0.002, abs=0.05)


@pytest.mark.parametrize("value", [8.0, 16.1, 21.0, 35.0])
def test_marrow_leaves_the_bone_volume(value: float) -> None:
    marrow = area(layer_path(layer("bone"), drawn_value(layer("bone"), value)))
    assert 100 - 100 * marrow / TO_SCALE["bone"] == pytest.approx(value, rel=0.002)


def test_the_nucleus_shrinks_with_the_matrix() -> None:
    whole, less = (area(layer_path(layer("matrix"), value)) for value in (100.0, 61.0))
    assert less / whole == pytest.approx(0.61, rel=1e-3)


def test_area_grows_all_the_way_with_porosity() -> None:
    drawn = [area(layer_path(layer("porosity"), value)) for value in np.linspace(1, 70, 60)]
    assert (np.diff(drawn) > 0).all()


@pytest.mark.parametrize("item", [item for item in QUANTITIES if item.step], ids=lambda item: item.name)
def test_every_count_follows_its_step(item: object) -> None:
    assert item.most / item.step == pytest.approx(len(layer(item.name).marks))  # type: ignore[attr-defined]
    for count in (0.5, 1, 3, 7.25):
        commands = layer_path(layer(item.name), count * item.step)  # type: ignore[attr-defined]
        whole = layer(item.name).marks  # type: ignore[attr-defined]
        begun = sum(letter == "M" for letter, _ in commands)
        rings = sum(len(mark.rings) for mark in whole[: int(np.ceil(count))])
        assert begun == rings


def test_the_last_line_is_cut_at_its_share() -> None:
    step = next(item.step for item in QUANTITIES if item.name == "fibres")
    lengths = []
    for count in (2.0, 2.25, 3.0):
        total, place = 0.0, np.zeros(2)
        for letter, numbers in layer_path(layer("fibres"), count * step):
            total += float(np.hypot(*(np.array(numbers) - place))) if letter == "L" else 0.0
            place = np.array(numbers)
        lengths.append(total)
    assert (lengths[1] - lengths[0]) / (lengths[2] - lengths[0]) == pytest.approx(0.25, abs=1e-6)


def test_the_same_tissue_is_recognised_when_it_grows() -> None:
    few = layer_path(layer("senescent_osteoclasts"), 3.0)
    assert layer_path(layer("senescent_osteoclasts"), 12.0)[: len(few)] == few
    assert [mark.rings[0].tolist() for mark in layers()[1].marks] == [
        mark.rings[0].tolist() for mark in layers.__wrapped__()[1].marks
    ]


@pytest.mark.parametrize("name", ["bone", "porosity", "ossification"])
def test_marks_of_one_strip_never_overlap(name: str) -> None:
    x, y = np.meshgrid(np.linspace(0, WIDTH, 641), np.linspace(-10, CARTILAGE_END, 309))
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = np.zeros(len(places), dtype=int)
    for mark in layer(name).marks:  # a rounded mark lies within the polygon of its control points
        inside += Path2D(mark.rings[0] + [mark.x, mark.y]).contains_points(places, radius=-1e-6)
    assert inside.max() == 1


def test_what_is_out_of_range_is_capped_and_says_so() -> None:
    inside, beyond = section(values(porosity=(50, 60, 69))), section(values(porosity=(80, 90, 95)))

    def named(parts: list, name: str) -> Ink:  # type: ignore[type-arg]
        return next(part for part in parts if part.name == name)

    assert named(inside, "over-porosity").commands == ()
    assert named(beyond, "over-porosity").commands
    assert named(beyond, "q-porosity").commands == layer_path(layer("porosity"), 70.0)
    assert named(section(values(bone=(4, 7, 9))), "over-bone").commands
    words = next(part for part in beyond if isinstance(part, Words) and part.name == "words-porosity")
    assert words.words == "90.0 % (80.0–95.0)"  # the number itself is never capped


def test_a_rounded_nothing_has_no_sign() -> None:
    assert gauge_words(QUANTITIES[1], (-0.004, -0.001, 0.2)) == "0.0 % (0.0–0.2)"


def test_the_slider_holds_the_outcomes_percentiles(outcome: Outcome) -> None:
    courses = spine_courses(outcome)
    assert courses.arms == ("wild-type", "vehicle", "tak242")
    assert courses.doses == (1, 1, 2)
    figure = spine_figure(courses)
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', figure, re.DOTALL).group(1))  # type: ignore[union-attr]
    frame = len(courses.days) - 1
    assert courses.days[frame] == 270.0
    rows = outcome.frame[(outcome.frame["time"] == 270.0) & outcome.frame["arm"].isin(["tak242.low", "tak242.high"])]
    place = [item.name for item in QUANTITIES].index("disc_cells")
    expected = np.quantile(rows["senescent_disc_cells"], [0.05, 0.5, 0.95])
    assert data["values"][2][place][frame] == pytest.approx(expected, rel=1e-3)
    young = outcome.frame[(outcome.frame["time"] == 270.0) & (outcome.frame["arm"] == "wild-type")]
    odds = 15 / 85 * np.quantile(young["endplate_porosity"], [0.05, 0.5, 0.95])
    assert data["values"][0][0][frame] == pytest.approx(100 * odds / (1 + odds), rel=1e-3)
    assert set(courses.days) <= set(outcome.frame["time"])  # nothing between recorded days is made up


def test_an_arm_measured_earlier_says_so(aged: Outcome) -> None:
    courses = spine_courses(aged)
    figure = spine_figure(courses)
    assert "last recorded at 4.0 months" in figure
    assert "measured, month 4" in courses.labels.values()
    assert {"first dose", "last dose"} <= set(courses.labels.values())


def test_failed_animals_are_left_out(outcome: Outcome) -> None:
    frame = outcome.frame.copy()
    frame.loc[(frame["arm"] == "vehicle") & (frame["animal"] > 0), "senescent_disc_cells"] = np.nan
    failed = replace(outcome)
    failed.__dict__["frame"] = frame
    courses = spine_courses(failed, times=[270.0], arms=["vehicle"])
    assert courses.values[0, :, 0, 0] == pytest.approx(courses.values[0, :, 0, 2])  # one animal, no spread
    frame.loc[frame["arm"] == "vehicle", "senescent_disc_cells"] = np.nan
    assert "no animal could be solved" in draw_spine(failed, arms=["vehicle"])
    assert "null" in spine_figure(spine_courses(failed, arms=["vehicle"]))


def test_pictures_are_well_formed_and_repeat_to_the_byte(outcome: Outcome, tmp_path: Path) -> None:
    names = ("a.svg", "b.svg", "a.png", "b.png")
    paths = [write_spine(outcome, tmp_path / name, times=[220.0, 270.0]) for name in names]
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[1]
    assert contents[2] == contents[3]
    assert contents[2].startswith(b"\x89PNG")
    root = ElementTree.fromstring(contents[0].decode())
    assert len([part for part in root.iter() if part.get("class") == "arm"]) == 6
    text = contents[0].decode()
    assert "SYNTHETIC DATA" in text
    assert "nan" not in text
    assert "1 mark = 1.5 cells/mm²" in text


def test_the_page_needs_no_network_and_escapes(outcome: Outcome, tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    study = replace(outcome.study, title=hostile, question=hostile,
                    arms=tuple(replace(arm, moments=((hostile, 270.0),)) for arm in outcome.study.arms))  # fmt: skip
    page = spine_page(replace(outcome, study=study))
    assert "<script>alert" not in page
    fetched = set(re.findall(r"https?://[^\s\"<]+", page)) - {"http://www.w3.org/2000/svg"}
    assert not fetched
    for word in ("src=", "@import", "<link", "url(", "fetch("):
        assert word not in page
    assert 'type="range"' in page
    assert len(page) < 400_000
    assert write_spine(outcome, tmp_path / "spine.html").read_text(encoding="utf-8") == spine_page(outcome)


def test_what_cannot_be_drawn_is_an_error(outcome: Outcome, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no arm 'vehicel'"):
        draw_spine(outcome, arms=["vehicel"])
    with pytest.raises(StudyError, match="day 900 was not recorded"):
        draw_spine(outcome, times=[900.0])
    with pytest.raises(FileError, match=r"written as \.svg"):
        write_spine(outcome, tmp_path / "spine.jpeg")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write"):
        write_spine(outcome, tmp_path / "file" / "spine.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_line_draws(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from senospine.cli import main

    command = ["senospine", "simulate", "krock2018", "--animals", "24", "--parameters", "register", "--workers", "1"]
    picture = tmp_path / "spine.svg"
    monkeypatch.setattr("sys.argv", [*command, "--out", str(outcome.path), "--spine", str(picture), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert json.loads(capsys.readouterr().out)["spine"] == str(picture)
    assert picture.read_text(encoding="utf-8") == draw_spine(outcome) + "\n"


def test_studies_of_blood_have_no_spine() -> None:
    assert not shows_spine(load_study("ash2006-platelets"))
    assert shows_spine(load_study("krock2018"))
