"""The simulated values behind the drawn spine: percentiles over animals, by arm and moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.errors import StudyError, suggest
from senospine.report.spine.quantities import QUANTITIES
from senospine.report.svg import tick_text
from senospine.report.timeaxis import MONTH, beginning, time_axis
from senospine.study import Outcome, Study

Array = NDArray[np.float64]

#: moments of the slider, at most, beside those that are labelled
FRAMES = 36
PERCENTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class SpineCourses:
    """What is drawn of a study.

    Attributes
    ----------
    arms : tuple of str
        Groups, as evidence knows them.
    doses : tuple of int
        Of each group, how many possible doses were run; their animals are pooled.
    days : ndarray, shape (n_frames,)
        Days of life, all of them recorded in the outcome.
    labels : mapping of int to str
        Frames that have a name: surgery, doses, measurements.
    shown : ndarray, shape (n_arms, n_frames)
        The day that is drawn of each arm: the frame's, or the arm's last, or its nearest recorded one.
    values : ndarray, shape (n_arms, n_quantities, n_frames, 3)
        5th, 50th and 95th percentile over solved animals, in each quantity's unit; NaN where none was solved.
    """

    study: Study
    arms: tuple[str, ...]
    doses: tuple[int, ...]
    days: Array
    labels: dict[int, str]
    shown: Array
    values: Array

    def when(self, frame: int) -> str:
        """Return a frame's moment in words."""
        day = float(self.days[frame])
        begun = beginning(self.study)
        if begun is None:
            return f"month {day / MONTH:.1f} of age"
        known, name = begun
        if day < known - 1:
            return f"before {name}"
        return f"week {tick_text(max(round((day - known) / 7, 1), 0.0))} after {name}"


def spine_courses(
    outcome: Outcome, times: Sequence[float] | None = None, arms: Sequence[str] | None = None
) -> SpineCourses:
    """Return percentiles of everything drawn; ``times`` in days of life and ``arms`` by name where not all are wanted.

    Raises
    ------
    StudyError
        An arm the study does not have, or a time before or after everything that was recorded.
    """
    study = outcome.study
    chosen = tuple(arms) if arms is not None else tuple(study.groups)
    for name in chosen:
        if name not in study.groups:
            raise StudyError(f"study '{study.name}' has no arm '{name}'", remedy=suggest(name, list(study.groups)))
    needs = sorted({name for item in QUANTITIES for name in item.needs})
    members = {name: [arm.name for arm in study.arms if arm.stands_for == name] for name in chosen}
    tables = {arm: rows[["time", *needs]] for arm, rows in outcome.frame.groupby("arm", observed=True)}
    days, labels = _frames(study, [tables[arm]["time"].unique() for group in members.values() for arm in group], times)
    shown = np.empty((len(chosen), len(days)))
    values = np.full((len(chosen), len(QUANTITIES), len(days), 3), np.nan)
    for row, name in enumerate(chosen):
        recorded = np.unique(tables[members[name][0]]["time"].to_numpy())
        shown[row] = recorded[np.abs(recorded[:, None] - days).argmin(axis=0)]
        found: dict[str, list[Array]] = {output: [] for output in needs}
        for arm in members[name]:
            grid = np.unique(tables[arm]["time"].to_numpy())
            columns = np.abs(grid[:, None] - shown[row]).argmin(axis=0)
            for output in needs:
                found[output].append(tables[arm][output].to_numpy().reshape(-1, len(grid))[:, columns])
        pooled = {output: np.concatenate(parts) for output, parts in found.items()}
        solved = np.isfinite(np.stack(list(pooled.values()))).all(axis=(0, 2))
        if solved.any():
            for place, item in enumerate(QUANTITIES):
                value = item.value({output: pooled[output][solved] for output in item.needs})
                values[row, place] = np.quantile(value, PERCENTILES, axis=0).T
    counts = tuple(len(members[name]) for name in chosen)
    return SpineCourses(study, chosen, counts, days, labels, shown, values)


def _frames(study: Study, recorded: Sequence[Array], times: Sequence[float] | None) -> tuple[Array, dict[int, str]]:
    """Return the days that are drawn, and the names of those that have one."""
    known = np.unique(np.concatenate(recorded))
    if times is not None:
        for day in times:
            if not known[0] - 0.5 <= day <= known[-1] + 0.5:
                raise StudyError(
                    f"day {day:g} was not recorded", why=f"the outcome runs from day {known[0]:g} to {known[-1]:g}",
                    remedy="choose a day in between",
                )  # fmt: skip
        days = known[np.abs(known[:, None] - np.asarray(times, dtype=float)).argmin(axis=0)]
        return days, {}
    named = {float(known[np.abs(known - day).argmin()]): label for day, label in moments(study)}
    axis = time_axis(study)  # as close in time as the time courses are drawn: closer around treatment
    life = known[(known >= 0) & (np.asarray(axis.place(known)) >= 0)]
    places = np.asarray(axis.place(life))
    nearest = life[np.abs(places[:, None] - np.linspace(places[0], places[-1], FRAMES)).argmin(axis=0)]
    days = np.union1d(nearest, list(named))
    return days, {int(np.searchsorted(days, day)): label for day, label in named.items()}


def moments(study: Study) -> list[tuple[float, str]]:
    """Return the days that have a name, in order: surgery, first and last dose, measurements."""
    found: dict[float, list[str]] = {}
    for day in {arm.surgery_day for arm in study.arms if arm.surgery_day is not None}:
        found.setdefault(day, []).append("surgery")
    dosed = [arm for arm in study.arms if arm.doses]
    starts, ends = {arm.doses[0] for arm in dosed}, {arm.doses[-1] for arm in dosed}
    for days, label in ((starts, "first dose"), (ends, "last dose")):
        for day in sorted(days):
            who = [arm.name.removeprefix(f"{arm.group}.") for arm in dosed
                   if arm.doses[0 if label == "first dose" else -1] == day]  # fmt: skip
            name = f"{label}, {who[0]}" if len(days) > 1 and len(dosed) > 1 else label
            near = next((other for other in found if abs(day - other) < 0.5), day)
            found.setdefault(near, []).append(name)
    for arm in study.arms:
        for text, day in arm.moments:
            words = found.setdefault(day, [])
            label = f"measured, {text.removesuffix(' after birth').removesuffix(' after surgery')}"
            if label not in words:
                words.append(label)
    return [(day, "; ".join(found[day])) for day in sorted(found)]
