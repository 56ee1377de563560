"""What happens to a subject at known times: doses, infusions, switches, decisions; compiled to a sorted table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from senospine.engine.decisions import Decision
from senospine.errors import ScheduleError, suggest

Kind = Literal["bolus", "infusion", "switch"]

#: order of entries at one moment, after the outputs of that moment were recorded
ORDER = ("infusion end", "switch", "decision", "bolus", "infusion start")


@dataclass(frozen=True)
class Entry:
    """One entry of a schedule.

    Parameters
    ----------
    time : float
        When, in the model's time.
    kind : {'bolus', 'infusion', 'switch'}
        Add ``amount`` to a state at once; add it evenly over ``duration``; or set a parameter to ``amount``.
    target : str
        The state that receives the drug, or the parameter that is switched.
    amount : float
        In the target's unit.
    duration : float
        Of an infusion, in the model's time.
    """

    time: float
    kind: Kind
    target: str
    amount: float
    duration: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Entries shared by all subjects, or one sequence of entries per subject; and decisions, which all subjects share.

    At one moment outputs are recorded first, so an output exactly at a dose is the value before it; then
    infusions end, parameters switch, decisions are made, boluses are added, and infusions start.

    Examples
    --------
    >>> Schedule.shared([Entry(0.0, "bolus", "gut", 50.0)]).of(7)
    (Entry(time=0.0, kind='bolus', target='gut', amount=50.0, duration=0.0),)
    """

    entries: tuple[tuple[Entry, ...], ...]
    per_subject: bool
    decisions: tuple[Decision, ...] = ()

    @classmethod
    def shared(cls, entries: Iterable[Entry], decisions: Iterable[Decision] = ()) -> Schedule:
        """Return a schedule in which every subject gets the same, unless a decision changes it."""
        return cls((tuple(entries),), False, tuple(decisions))

    @classmethod
    def each(cls, entries: Sequence[Iterable[Entry]], decisions: Iterable[Decision] = ()) -> Schedule:
        """Return a schedule with one sequence of entries per subject."""
        return cls(tuple(tuple(item) for item in entries), True, tuple(decisions))

    def of(self, subject: int) -> tuple[Entry, ...]:
        """Return one subject's entries."""
        return self.entries[subject if self.per_subject else 0]


@dataclass(frozen=True)
class Action:
    """One thing done at a break point: ``operation`` on element ``index`` with ``value``.

    ``entry`` is the number of the entry it comes from; ``ends`` tells an infusion's end from its start.
    """

    operation: Literal["add to state", "set parameter", "add to rate", "decide"]
    index: int
    value: float
    entry: int = field(default=-1, compare=False)
    ends: bool = field(default=False, compare=False)


def compile_entries(
    entries: Iterable[Entry], states: Sequence[str], parameters: Sequence[str]
) -> list[tuple[float, list[Action]]]:
    """Return break points in time order, each with its actions in the stated order.

    Raises
    ------
    ScheduleError
        An unknown kind or target, a time, amount or duration that is not finite, an infusion without
        duration, or two switches of one parameter at one moment.
    """
    rows: list[tuple[float, int, Action]] = []
    switched: set[tuple[float, str]] = set()
    for number, entry in enumerate(entries):
        _refuse(entry, states, parameters)
        if entry.kind == "switch":
            if (entry.time, entry.target) in switched:
                raise ScheduleError(
                    f"'{entry.target}' is switched twice at time {entry.time:g}", remedy="keep the value that is meant"
                )
            switched.add((entry.time, entry.target))
            rows.append(
                (entry.time, 1, Action("set parameter", list(parameters).index(entry.target), entry.amount, number))
            )
            continue
        index = list(states).index(entry.target)
        if entry.kind == "bolus":
            rows.append((entry.time, 2, Action("add to state", index, entry.amount, number)))
        elif entry.amount != 0.0:
            rate = entry.amount / entry.duration
            rows.append((entry.time, 3, Action("add to rate", index, rate, number)))
            rows.append((entry.time + entry.duration, 0, Action("add to rate", index, -rate, number, ends=True)))
    rows.sort(key=lambda row: (row[0], row[1]))
    points: list[tuple[float, list[Action]]] = []
    for time, _, action in rows:
        if not points or points[-1][0] != time:
            points.append((time, []))
        points[-1][1].append(action)
    return points


def _refuse(entry: Entry, states: Sequence[str], parameters: Sequence[str]) -> None:
    for word, value in (("time", entry.time), ("amount", entry.amount), ("duration", entry.duration)):
        if not math.isfinite(value):
            raise ScheduleError(f"{word} {value} of {entry.kind} into '{entry.target}' is not a finite number")
    if entry.kind not in {"bolus", "infusion", "switch"}:
        raise ScheduleError(
            f"unknown kind of entry '{entry.kind}'", remedy=suggest(entry.kind, ["bolus", "infusion", "switch"])
        )
    known = parameters if entry.kind == "switch" else states
    if entry.target not in known:
        word = "parameter" if entry.kind == "switch" else "state"
        raise ScheduleError(f"the model has no {word} '{entry.target}'", remedy=suggest(entry.target, known))
    if entry.kind == "infusion" and entry.duration <= 0:
        raise ScheduleError(
            f"the infusion into '{entry.target}' at time {entry.time:g} has duration {entry.duration:g}",
            remedy="give a positive duration, or use a bolus",
        )
    if entry.kind == "infusion" and (
        entry.time + entry.duration == entry.time or not math.isfinite(entry.amount / entry.duration)
    ):
        raise ScheduleError(
            f"the infusion into '{entry.target}' at time {entry.time:g} is too short, {entry.duration:g}",
            why="its end cannot be told from its start in double precision",
            remedy="use a bolus",
        )


def check_times(times: np.ndarray) -> None:
    """Refuse output times that are empty, not finite, or not increasing."""
    if times.ndim not in {1, 2} or times.shape[-1] == 0:
        raise ScheduleError(f"times have shape {times.shape}", remedy="give (n_times,) or (n_subjects, n_times)")
    if not np.isfinite(times).all():
        raise ScheduleError("an output time is not a finite number")
    if (np.diff(times, axis=-1) <= 0).any():
        raise ScheduleError("output times do not increase", remedy="sort them and drop duplicates")


def with_decisions(
    points: Sequence[tuple[float, list[Action]]], decisions: Sequence[Decision]
) -> list[tuple[float, list[Action]]]:
    """Return break points with the visits of decisions at their place in the order; visits count rule after rule."""
    found = {time: list(actions) for time, actions in points}
    number = 0
    for rule, decision in enumerate(decisions):
        for time in decision.times:
            actions = found.setdefault(time, [])
            place = next((i for i, item in enumerate(actions) if _doses(item)), len(actions))
            actions.insert(place, Action("decide", rule, 0.0, number))
            number += 1
    return sorted(found.items())


def _doses(action: Action) -> bool:
    return action.operation == "add to state" or (action.operation == "add to rate" and not action.ends)
