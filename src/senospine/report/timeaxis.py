"""The time axis of a study, and the colours of its arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from senospine.report.svg import ARM_COLOURS, tick_text, ticks
from senospine.study import Study

#: days in a month, on average
MONTH = 30.4375
#: days from surgery or enrolment up to which days are counted, not weeks
_FORTNIGHT = 14.0
#: half months that have room in the stretched part
_HALVES = 5


@dataclass(frozen=True)
class Axis:
    """Where a day of life stands across a panel.

    Attributes
    ----------
    title : str
    place : callable
        Day of life to a share of the width, 0 to 1.
    ticks : list of (day of life, label)
    stretched : float or None
        Day from which the axis is stretched.
    """

    title: str
    place: Callable[[Any], Any]
    ticks: list[tuple[float, str]]
    stretched: float | None = None


def arm_colours(study: Study) -> dict[str, str]:
    """Return a colour per group and per arm; an arm has its group's. The first, a control, is grey."""
    groups = dict(zip(study.groups, ARM_COLOURS * (1 + len(study.groups) // 7), strict=False))
    return groups | {arm.name: groups[arm.stands_for] for arm in study.arms}


def beginning(study: Study) -> tuple[float, str] | None:
    """Return the day of life that all arms count from, surgery or enrolment, and its name; None if there is none."""
    for name in ("surgery", "enrolment"):
        days = {getattr(arm, f"{name}_day") for arm in study.arms}
        if len(days) == 1 and (day := days.pop()) is not None:
            return float(day), name
    return None


def time_axis(study: Study) -> Axis:
    """Return weeks or days after surgery or enrolment, or months of age with the weeks around treatment stretched."""
    last = max(arm.measure_day for arm in study.arms)
    if (begun := beginning(study)) is not None:
        day, name = begun
        first = day - 7.0
        unit, length, begin = ("days", 1.0, -7.0) if last - day < _FORTNIGHT else ("weeks", 7.0, 0.0)
        marks = [(day + length * count, tick_text(count)) for count in ticks(begin, (last - day) / length)]
        return Axis(f"{unit} after {name}", lambda t: (t - first) / (last - first), marks)
    doses = [dose for arm in study.arms for dose in arm.doses]
    start = min(doses) - 7 if doses else 0.0
    if not doses or (last - start) > 0.4 * last:
        marks = [(MONTH * month, tick_text(month)) for month in ticks(0, last / MONTH)]
        return Axis("months of age", lambda t: t / last, marks)
    marks = [(MONTH * month, tick_text(month)) for month in ticks(0, start / MONTH * 0.85, 3)]
    months = [month / 2 for month in range(2 * int(last / MONTH) + 2) if start <= MONTH * month / 2 <= last + 1]
    if len(months) > _HALVES:
        months = ticks(start / MONTH, last / MONTH, _HALVES)
    marks += [(MONTH * month, tick_text(month)) for month in months]

    def place(t: Any) -> Any:
        return np.interp(t, [0, start, last], [0, 0.45, 1])

    return Axis("months of age", place, marks, start)
