"""All subjects' break points in flat arrays, as the machine code reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from senospine.engine.columns import BOLUS, INFUSION, SWITCH, Array, Whole
from senospine.engine.schedule import Schedule
from senospine.errors import ScheduleError, suggest

#: what an action does: its number is known to the machine code
ADD_TO_STATE, SET_PARAMETER, ADD_TO_RATE = 0, 1, 2
#: order at one moment, after the outputs of that moment were recorded: infusions end, then these
_ENDS, _ORDER = 0, {SWITCH: 1, BOLUS: 2, INFUSION: 3}


@dataclass(frozen=True)
class Action:
    """One thing done at a break point: ``operation`` on element ``index`` with ``value``."""

    operation: int
    index: int
    value: float


@dataclass(frozen=True)
class BreakPoints:
    """Rows, one a break point, table after table; actions, row after row.

    Attributes
    ----------
    of_subject : ndarray, shape (n_subjects,)
        Each subject's table: all have the one, or each its own.
    row_start : ndarray, shape (n_tables + 1,)
    row_time : ndarray, shape (n_rows,)
    action_start : ndarray, shape (n_rows + 1,)
    kind, index, value : ndarray, shape (n_actions,)
    """

    of_subject: Whole
    row_start: Whole
    row_time: Array
    action_start: Whole
    kind: Whole
    index: Whole
    value: Array

    @classmethod
    def of(
        cls, schedule: Schedule | None, states: Sequence[str], parameters: Sequence[str], start: float, n: int
    ) -> BreakPoints:
        """Return the break points of a schedule for ``n`` subjects.

        Raises
        ------
        ScheduleError
            An unknown target, a time, amount or duration that is not finite, an infusion without duration, two
            switches of one parameter at one moment, or an entry before the start.
        """
        schedule = Schedule.shared([]) if schedule is None else schedule
        index = _places(schedule, states, parameters)
        _refuse(schedule, index, states, parameters, start)
        if schedule.patterned and (schedule.amount[:, schedule.kind == INFUSION] == 0).any():
            schedule = schedule._each(n)  # an infusion of nothing is no break point
            index = _places(schedule, states, parameters)
        tables = len(schedule.offsets) - 1
        table, actions = _actions(schedule, index)
        time, kind, index, value = actions
        new = np.ones(time.size, dtype=bool)
        new[1:] = (np.diff(time) != 0) | (np.diff(table) != 0)
        first = np.flatnonzero(new)
        row_start = np.searchsorted(table[first], np.arange(tables + 1)).astype(np.int64)
        if schedule.patterned:  # one pattern, and for each subject a copy with its own values
            return cls(
                np.arange(n), row_start[1] * np.arange(n + 1), np.tile(time[first], n),
                np.append((first + time.size * np.arange(n)[:, None]).ravel(), n * time.size),
                np.tile(kind, n), np.tile(index, n), value.ravel(),
            )  # fmt: skip
        own = np.arange(n) if schedule.per_subject else np.zeros(n, dtype=np.int64)
        return cls(own, row_start, time[first], np.append(first, time.size), kind, index, value)

    def points(self, subject: int) -> list[tuple[float, list[Action]]]:
        """Return one subject's break points in order of time, each with its actions in their order."""
        table = self.of_subject[subject]
        return [
            (
                float(self.row_time[row]),
                [
                    Action(int(self.kind[item]), int(self.index[item]), float(self.value[item]))
                    for item in range(self.action_start[row], self.action_start[row + 1])
                ],
            )
            for row in range(self.row_start[table], self.row_start[table + 1])
        ]


def _places(schedule: Schedule, states: Sequence[str], parameters: Sequence[str]) -> Whole:
    """Return where each entry's target stands among the states, or the parameters of a switch; -1: nowhere."""
    among = [{name: place for place, name in enumerate(names)} for names in (states, parameters)]
    places = np.array([[item.get(name, -1) for name in schedule.names] for item in among], dtype=np.int64)
    return np.asarray(places[(schedule.kind == SWITCH).astype(np.int8), schedule.target])


def _actions(schedule: Schedule, index: Whole) -> tuple[Whole, tuple[Array, Whole, Whole, Array]]:
    """Return each action's table; and times, kinds, indices and values, in the order in which they are done."""
    table = np.repeat(np.arange(len(schedule.offsets) - 1), np.diff(schedule.offsets))
    kind, time, value = schedule.kind, schedule.time, schedule.amount
    order = np.array([_ORDER[number] for number in range(3)])[kind]
    operation = np.array([ADD_TO_STATE, ADD_TO_RATE, SET_PARAMETER])[kind]
    if (kind == INFUSION).any():
        real = (kind != INFUSION) | (value != 0).reshape(-1, kind.size).any(axis=0)
        ends = np.flatnonzero((kind == INFUSION) & real)
        begins = np.flatnonzero(real)
        both = np.concatenate((begins, ends))
        value = np.divide(value, schedule.duration, out=value.copy(), where=kind == INFUSION)
        value = np.concatenate((value[..., begins], -value[..., ends]), axis=-1)
        time = np.concatenate((time[begins], time[ends] + schedule.duration[ends]))
        order = np.concatenate((order[begins], np.full(ends.size, _ENDS)))
        table, operation, index = table[both], operation[both], index[both]
    same = np.diff(table) == 0
    if (same & ((np.diff(time) < 0) | ((np.diff(time) == 0) & (np.diff(order) < 0)))).any():
        done = np.lexsort((order, time, table))  # stable: at one moment as they were written
        table, time, order, value = table[done], time[done], order[done], value[..., done]
        operation, index = operation[done], index[done]
    if (order == _ENDS).any():
        _end_at_zero(table, operation, index, order == _ENDS, value)
    return table, (np.array(time), operation, np.array(index), np.ascontiguousarray(value))


def _end_at_zero(table: Whole, operation: Whole, index: Whole, ends: NDArray[np.bool_], value: Array) -> None:
    """Let the last of overlapping infusions take off what is left, so that no rounding keeps on dripping."""
    rates = np.flatnonzero(operation == ADD_TO_RATE)
    rates = rates[np.lexsort((index[rates], table[rates]))]
    running = np.cumsum(np.where(ends[rates], -1, 1))
    stops = np.flatnonzero(running == 0) + 1
    starts = np.concatenate(([0], stops[:-1]))
    for start, stop in zip(starts, stops, strict=True):
        if stop - start > 2:
            left = np.add.accumulate(value[..., rates[start : stop - 1]], axis=-1)[..., -1]
            value[..., rates[stop - 1]] = -left


def _refuse(schedule: Schedule, index: Whole, states: Sequence[str], parameters: Sequence[str], start: float) -> None:
    """Raise the error of the first entry that cannot stand."""
    time, duration, infusion = schedule.time, schedule.duration, schedule.kind == INFUSION
    with np.errstate(all="ignore"):
        bad = ~(np.isfinite(time) & np.isfinite(duration)) | (index < 0) | (time < start)
        bad |= infusion & ((duration <= 0) | (time + duration == time))
        every = bad | ~np.isfinite(schedule.amount) | (infusion & ~np.isfinite(schedule.amount / duration))
    if every.any():
        row, entry = divmod(int(np.argmax(every)), time.size)
        table = _table_of(schedule, entry)
        number = entry - int(schedule.offsets[table])
        _explain(schedule, row if schedule.patterned else table, number, states, parameters, start)
    switches = np.flatnonzero(schedule.kind == SWITCH)
    if switches.size:
        tables = np.searchsorted(schedule.offsets, switches, side="right") - 1
        keys = (index[switches], time[switches], tables)
        order = np.lexsort(keys)
        twice = np.flatnonzero(np.all([np.diff(key[order]) == 0 for key in keys], axis=0))
        if twice.size:
            entry = int(switches[order[twice[0]]])
            raise ScheduleError(
                f"'{schedule.names[schedule.target[entry]]}' is switched twice at time {time[entry]:g}",
                where=f"subject {_table_of(schedule, entry)}" if schedule.per_subject else None,
                remedy="keep the value that is meant",
            )


def _table_of(schedule: Schedule, entry: int) -> int:
    return int(np.searchsorted(schedule.offsets, entry, side="right")) - 1


def _explain(
    schedule: Schedule, subject: int, number: int, states: Sequence[str], parameters: Sequence[str], start: float
) -> NoReturn:
    entry = schedule.of(subject)[number]
    where = f"subject {subject}, entry {number}" if schedule.per_subject else f"entry {number}"
    known, word = (parameters, "parameter") if entry.kind == "switch" else (states, "state")
    for field, value in (("time", entry.time), ("amount", entry.amount), ("duration", entry.duration)):
        if not math.isfinite(value):
            at = "" if field == "time" else f" at time {entry.time:g}"
            what = f"{field} {value} of the {entry.kind} into '{entry.target}'{at} is not a finite number"
            raise ScheduleError(what, where=where)
    if entry.target not in known:
        what = f"the model has no {word} '{entry.target}' ({entry.kind} at time {entry.time:g})"
        raise ScheduleError(what, where=where, remedy=suggest(entry.target, known))
    if entry.time < start:
        raise ScheduleError(f"an entry at {entry.time:g} lies before the start at {start:g}", where=where)
    what = f"the infusion into '{entry.target}' at time {entry.time:g}"
    if entry.duration <= 0:
        raise ScheduleError(
            f"{what} has duration {entry.duration:g}", where=where, remedy="give a positive duration, or use a bolus"
        )
    raise ScheduleError(
        f"{what} is too short, {entry.duration:g}",
        where=where,
        why="its end cannot be told from its start in double precision",
        remedy="use a bolus",
    )
