"""What makes a regimen impossible or ambiguous, whichever way it was written."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from senospine.errors import RegimenError, suggest
from senospine.therapy.times import ANCHORS, span_text

if TYPE_CHECKING:
    from senospine.therapy.drug import Drug
    from senospine.therapy.regimen import Regimen

MAX_DOSES = 100_000
MAX_DAYS = 100_000.0  # nearly three centuries; further out, a day is a slip of a zero
MIN_INTERVAL_DAYS = 1 / 1440  # a minute; closer doses are an infusion


def check_regimen(regimen: Regimen, drug: Drug) -> None:
    """Raise at the first thing that makes ``regimen`` impossible; the dose is checked apart.

    Raises
    ------
    RegimenError
        With what is wrong, why, and what to do.
    """
    if regimen.route not in drug.routes:
        raise RegimenError(
            f"route '{regimen.route}' is not one of {drug.name}",
            why="a route needs a source and a state of the model that receives the dose",
            remedy=suggest(str(regimen.route), drug.routes),
        )
    if regimen.anchor not in ANCHORS:
        raise RegimenError(f"unknown anchor '{regimen.anchor}'", remedy=suggest(str(regimen.anchor), ANCHORS))
    _check_numbers(regimen)
    if regimen.interval_days is None:
        _check_single(regimen)
    else:
        _check_course(regimen, regimen.interval_days)
    _check_horizon(regimen)


def _check_numbers(regimen: Regimen) -> None:
    named = {
        "dose": regimen.dose,
        "interval": regimen.interval_days,
        "duration": regimen.duration_days,
        "cycle length": regimen.cycle_days,
        "start": regimen.start_days,
    }
    for name, value in named.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise RegimenError(f"{name}: {value!r} is not a number", remedy="give a finite number")
        if name == "dose":
            continue
        if not isfinite(value):
            raise RegimenError(f"{name}: {value!r} is not finite", remedy="give a finite number of days")
        if name != "start" and value <= 0:
            raise RegimenError(f"{name}: {value} days is not positive", remedy="give a positive length of time")
    if regimen.start_days < 0:
        raise RegimenError(
            f"start: {regimen.start_days} days lies before its anchor, {regimen.anchor}",
            why="times are counted forward from their anchor",
            remedy="count from an earlier anchor, for instance 'from month 3 after birth'",
        )
    if isinstance(regimen.cycles, bool) or not isinstance(regimen.cycles, int) or regimen.cycles < 1:
        raise RegimenError(
            f"cycles: {regimen.cycles!r} is not a whole number of at least 1",
            remedy="give the number of courses, for instance '2 cycles'",
        )


def _check_single(regimen: Regimen) -> None:
    if regimen.duration_days is not None:
        raise RegimenError(
            "a duration without a frequency",
            why="it does not say how often the dose is given",
            remedy="add how often, for instance 'daily', or leave out the duration for a single dose",
        )
    if regimen.cycles > 1 or regimen.cycle_days is not None:
        raise RegimenError(
            "a single dose in cycles",
            remedy="write the time between doses as the frequency, for instance 'every 21 days for 42 days'",
        )


def _check_course(regimen: Regimen, interval: float) -> None:
    duration = regimen.duration_days
    if duration is None:
        raise RegimenError(
            f"a dose every {span_text(interval)}, but for how long?",
            why="a frequency alone has no end",
            remedy="add the duration, for instance 'for 7 days'",
        )
    if interval < MIN_INTERVAL_DAYS:
        raise RegimenError(
            f"interval: {interval} days is shorter than a minute",
            why="doses that close are an infusion",
            remedy="give fewer and larger doses",
        )
    if regimen.cycles > MAX_DOSES or duration / interval * regimen.cycles > MAX_DOSES:
        raise RegimenError(
            f"more than {MAX_DOSES:,} doses",
            why="no laboratory gives as many, so a number or a unit must be wrong",
            remedy="check interval, duration and number of cycles",
        )
    whole = round(duration / interval)
    if whole < 1 or abs(whole * interval - duration) > 1e-9 * duration:
        raise RegimenError(
            f"a duration of {span_text(duration)} is not a whole number of intervals of {span_text(interval)}",
            why="it is unclear whether the last, broken interval gets a dose",
            remedy=f"write for instance 'for {span_text(max(whole, 1) * interval)}'",
        )
    if regimen.cycles > 1 and regimen.cycle_days is None:
        raise RegimenError(
            f"{regimen.cycles} cycles without a period",
            why="it does not say when the next course starts",
            remedy="add the time from start to start, for instance 'every 21 days, 2 cycles'",
        )
    if regimen.cycle_days is not None and regimen.cycle_days < duration:
        raise RegimenError(
            f"a cycle of {span_text(regimen.cycle_days)} is shorter than its course of {span_text(duration)}",
            why="the courses would overlap; cycles count from start to start",
            remedy=f"make the cycle at least {span_text(duration)}",
        )


def _check_horizon(regimen: Regimen) -> None:
    end = regimen.start_days + (regimen.duration_days or 0.0) + (regimen.cycles - 1) * (regimen.cycle_days or 0.0)
    if end > MAX_DAYS:
        raise RegimenError(
            f"the regimen ends {end:.6g} days after its anchor",
            why=f"no animal or patient lives {MAX_DAYS:,.0f} days",
            remedy="check the start, the durations and their units",
        )
