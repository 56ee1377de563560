"""Pictures of markers over the visits of a trial, a small panel each."""

from __future__ import annotations

import textwrap

import numpy as np

from senospine.report.svg import INK, QUIET, figure, text
from senospine.report.trial.drawing import colour_of
from senospine.report.trial.panel import WIDTH, Panel, keys, span_of
from senospine.trial.followed import Followed
from senospine.trial.followed_markers import MarkerCourse
from senospine.trial.measures import is_oracle, measure_of

_ACROSS, _WIDE, _TALL, _STEP = 3, 214.0, 130.0, 226.0
_SCALE = {"ratio": "ratio to entry, geometric mean", "share": "share of patients", "points": "mean"}


def markers_svg(followed: Followed) -> str:
    """Return each marker at entry and at the visits that measure it, by arm."""
    design = followed.design
    rows = -(-len(followed.markers) // _ACROSS)
    parts = keys([(arm, colour_of(design, arm), "line") for arm in design.arms], 60, 22)
    meanings = [
        ("mean of trials", INK, "line"),
        ("95 % of trials", INK, "band"),
        ("trial 0, 95 % interval", INK, "dot"),
    ]
    parts += keys(meanings, 60, 44)
    for number, course in enumerate(followed.markers):
        row, column = divmod(number, _ACROSS)
        parts += _panel(followed, course, 60 + 284.0 * column, 112 + _STEP * row)
    return figure(WIDTH, 84 + _STEP * rows, parts, "Markers over time")


def _panel(followed: Followed, course: MarkerCourse, left: float, top: float) -> list[str]:
    design, weeks, item = followed.design, np.array(course.weeks), measure_of(course.key)
    low, high = np.nanquantile(course.level, [0.025, 0.975], axis=0)
    middle = np.nanmean(course.level, axis=0)
    level = 1.0 if item.scale == "ratio" else None
    panel = Panel(
        left, top, _WIDE, _TALL, (0.0, float(weeks[-1]) * 1.05),
        span_of(low, high, course.example, include=() if level is None else (level,)),
    )  # fmt: skip
    along = _SCALE[item.scale] + (", in truth" if is_oracle(course.key) else "")
    parts = panel.frame("", "week", along, at=weeks.tolist(), percent=item.scale == "share")
    parts.append(text(left, top - 24, textwrap.shorten(item.label, 34), "title"))
    parts += [panel.level(level, QUIET)] if level is not None else []
    for index, arm in enumerate(design.arms):
        colour, shift = colour_of(design, arm), 5 * (index - (len(design.arms) - 1) / 2)
        parts.append(panel.band(weeks, low[index], high[index], colour, 0.13))
        parts.append(panel.line(weeks, middle[index], colour))
        for week, (value, below, above) in zip(weeks, course.example[:, index].T, strict=True):
            if week > 0 and np.isfinite([value, below, above]).all():
                parts += panel.whisker(week, below, value, above, colour, shift)
    return parts
