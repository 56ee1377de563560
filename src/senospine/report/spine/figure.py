"""Whole figures of the drawn spine: still pictures of chosen times, and one with a slider that needs no server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from markupsafe import escape

from senospine.report.spine.courses import SpineCourses, spine_courses
from senospine.report.spine.ink import Drawn, Group, Ink, Words, rectangle
from senospine.report.spine.legend import legend, legend_height
from senospine.report.spine.quantities import QUANTITIES
from senospine.report.spine.section import FOOT, GAUGE_ROW, GAUGE_TOP, TRACK_W, TRACK_X, section, tissue_names
from senospine.report.spine.tissue import WIDTH, layers
from senospine.report.svg import FONT, MARK, QUIET
from senospine.report.timeaxis import MONTH
from senospine.study import Outcome

_LEFT, _GAP, _TOP, _PAGE = 88.0, 26.0, 34.0, 1120.0


def draw_spine(outcome: Outcome, times: Sequence[float] | None = None, arms: Sequence[str] | None = None) -> str:
    """Return a still picture as SVG: a column for each arm, a row for each time.

    Parameters
    ----------
    outcome : Outcome
    times : sequence of float, optional
        Days of life; the nearest recorded day is drawn and named. By default the last measurement.
    arms : sequence of str, optional
        Names of arms; by default all. Of an arm whose dose is not known, animals of all possible doses are pooled.

    Raises
    ------
    StudyError
        An arm the study does not have, or a time that was not recorded.
    """
    sheet, width, height = still(outcome, times, arms)
    return _svg(sheet, width, height, f"Drawn spine of {outcome.study.name}")


def still(
    outcome: Outcome, times: Sequence[float] | None = None, arms: Sequence[str] | None = None
) -> tuple[Group, float, float]:
    """Return a still picture as drawn things, with its width and height."""
    last = [max(arm.measure_day for arm in outcome.study.arms)]
    courses = spine_courses(outcome, last if times is None else times, arms)
    if len(courses.days) == 1:
        return _sheet(courses, 0)
    parts: list[Drawn | Group] = [_title(courses)]
    for row in range(len(courses.days)):
        y = 30 + row * (_TOP + FOOT + 12)
        parts += _row(courses, row, range(len(courses.arms)), y)
    width = _LEFT + len(courses.arms) * (WIDTH + _GAP)
    y = 30 + len(courses.days) * (_TOP + FOOT + 12)
    columns = max(1, min(4, int(width / 300)))
    parts.append(Group(20, y, 1, tuple(legend(columns, (width - 20) / columns))))
    height = y + legend_height(columns) + 34
    return _signed(parts, width, height), width, height


def spine_figure(courses: SpineCourses) -> str:
    """Return a figure with a slider over time, as HTML; :func:`spine_script` must stand once on the same page."""
    frame = len(courses.days) - 1
    sheet, width, height = _sheet(courses, frame)
    svg = _svg(sheet, width, height, f"Drawn spine of {courses.study.name}", more='class="figure"')
    data = json.dumps(slider_data(courses), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    buttons = "".join(
        f'<button type="button" data-frame="{index}">{escape(label)}</button>'
        for index, label in sorted(courses.labels.items())
    )
    return (
        f'<div class="spine">{svg}<div class="spine-controls" hidden>'
        f'<button type="button" class="play" aria-label="play">▶ play</button>'
        f'<input type="range" min="0" max="{frame}" value="{frame}" step="1" aria-label="time">'
        f'<output>{escape(courses.when(frame))}</output><div class="moments">{buttons}</div></div>'
        f'<script type="application/json">{data}</script></div>'
    )


def spine_script() -> str:
    """Return the script and the geometry that every figure of a page shares, as HTML."""
    tissue = json.dumps(_tissue(), separators=(",", ":"))
    code = (files("senospine.report") / "templates" / "spine.js").read_text(encoding="utf-8")
    return f"<script>const spineTissue={tissue};\n{code}</script>"


def spine_page(outcome: Outcome, arms: Sequence[str] | None = None) -> str:
    """Return a page of its own that holds the figure with its slider; nothing in it is fetched."""
    courses = spine_courses(outcome, arms=arms)
    style = (files("senospine.report") / "templates" / "spine.css").read_text(encoding="utf-8")
    title = escape(outcome.study.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}: the drawn spine</title>'
        f"<style>body {{ font-family: {FONT}; max-width: 1180px; margin: 24px auto; padding: 0 20px; }}\n"
        f"{style}</style>"
        f"</head><body><h1>{title}</h1><p>{escape(outcome.study.question)}</p>{spine_figure(courses)}"
        f"<p>{escape(CAPTION)}</p>{spine_script()}</body></html>\n"
    )


CAPTION = (
    "Drawn is the median animal of each arm, quantity by quantity; bars and numbers beneath give the central 90 % of "
    "animals. Places were drawn once at random and kept, so a mark is the same mark in every arm and at every time; "
    "only how many there are, and how large, follows the simulation. Synthetic data: a hypothesis in a picture, not a "
    "histological section."
)


def slider_data(courses: SpineCourses) -> dict[str, Any]:
    """Return what the slider shows: percentiles by arm, quantity and frame, to four significant digits."""
    notes = [[_note(courses, arm, frame) for frame in range(len(courses.days))] for arm in range(len(courses.arms))]
    return {
        "when": [courses.when(frame) for frame in range(len(courses.days))],
        "notes": [notes_of if any(notes_of) else [] for notes_of in notes],
        "values": [
            [[[None if np.isnan(x) else float(f"{x:.4g}") for x in found] for found in row] for row in arm]
            for arm in courses.values
        ],
    }


def _tissue() -> dict[str, Any]:
    kinds = [
        {
            "q": next(i for i, item in enumerate(QUANTITIES) if item.name == layer.quantity),
            "name": layer.quantity, "line": layer.kind == "line", "flip": layer.flip,
            "marks": [
                [round(mark.low, 3), round(mark.high, 3), round(mark.x, 1), round(mark.y, 1),
                 [np.round(points, 1).ravel().tolist() for points in mark.rings]]
                for mark in layer.marks
            ],
        }
        for layer in layers()
    ]  # fmt: skip
    quantities = [{key: getattr(q, key) for key in ("name", "most", "least", "digits", "unit")} for q in QUANTITIES]
    return {"layers": kinds, "quantities": quantities,
            "gauge": {"x": TRACK_X, "width": TRACK_W, "top": GAUGE_TOP, "row": GAUGE_ROW}}  # fmt: skip


def _sheet(courses: SpineCourses, frame: int) -> tuple[Group, float, float]:
    """Return one moment: arms side by side, three in a row, and the key where there is room."""
    count = len(courses.arms)
    across = min(count, 3) if count != 4 else 2
    step = WIDTH + _GAP
    width = max(_PAGE, _LEFT + across * step)
    parts: list[Drawn | Group] = [_title(courses)]
    for first in range(0, count, across):
        mine = range(first, min(first + across, count))
        parts += _row(courses, frame, mine, 26 + first // across * (_TOP + FOOT + 8))
    rows = -(-count // across)
    y = 26 + rows * (_TOP + FOOT + 8)
    room = 3 - (count - (rows - 1) * across if count != 4 else 2)
    if room:
        x = _LEFT + (3 - room) * step
        parts.append(Group(x, 26 + (rows - 1) * (_TOP + FOOT + 8) + _TOP + 4, 1, tuple(legend(1, step))))
        return _signed(parts, width, y + 16), width, y + 16
    parts.append(Group(24, y + 4, 1, tuple(legend(3, (width - 24) / 3))))
    height = y + legend_height(3) + 26
    return _signed(parts, width, height), width, height


def _row(courses: SpineCourses, frame: int, arms: range, y: float) -> list[Drawn | Group]:
    parts: list[Drawn | Group] = []
    for column, arm in enumerate(arms):
        doses = courses.doses[arm]
        pooled = f" ({doses} possible doses)" if doses > 1 else ""
        note = _note(courses, arm, frame)
        shown = note or courses.when(frame)
        head: tuple[Drawn, ...] = (
            Words(0, 14, f"{courses.arms[arm]}{pooled}", 14, bold=True),
            Words(WIDTH, 14, shown, 11, "end", QUIET, name="when"),
        )
        names = () if column else tissue_names()
        drawn = Group(0, _TOP - 6, 1, (*section(courses.values[arm, :, frame]), *names))
        parts.append(Group(_LEFT + column * (WIDTH + _GAP), y, 1, (*head, drawn), name="arm"))
    return parts


def _note(courses: SpineCourses, arm: int, frame: int) -> str:
    """Say so where an arm is drawn at another day than the rest, because it was measured earlier."""
    shown, day = float(courses.shown[arm, frame]), float(courses.days[frame])
    if abs(shown - day) < 1.0:
        return ""
    return f"{'last' if shown < day else 'first'} recorded at {shown / MONTH:.1f} months"


def _title(courses: SpineCourses) -> Words:
    return Words(4, 13, courses.study.title, 13, bold=True)


def _signed(parts: list[Drawn | Group], width: float, height: float) -> Group:
    """Return the parts on white, with the mark at the foot."""
    ground = Ink(rectangle(0, 0, width, height), "#ffffff")
    return Group(0, 0, 1, (ground, *parts, Words(width - 4, height - 5, MARK, 10, "end", "#8a3b00", bold=True)))


def _svg(sheet: Group, width: float, height: float, label: str, more: str = "") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'aria-label="{escape(label)}" font-family="{FONT}" stroke-linejoin="round" stroke-linecap="round"'
        f"{' ' + more if more else ''}>{sheet.svg()}</svg>"
    )
