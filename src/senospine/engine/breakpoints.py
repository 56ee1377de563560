"""All subjects' break points in flat arrays, as the machine code reads them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from senospine.engine.columns import BOLUS, INFUSION, SWITCH, Array, Whole
from senospine.engine.schedule import Schedule
from senospine.errors import ScheduleError, suggest

#: what an action does: its number is known to the machine code
ADD_TO_STATE, SET_PARAMETER, ADD_TO_RATE, DECIDE, TRIGGER, EXECUTE = range(6)
#: order at one moment, after the outputs of that moment were recorded
AT_END, AT_SWITCH, AT_VISIT, AT_BOLUS, AT_START = range(5)
_ORDER = {SWITCH: AT_SWITCH, BOLUS: AT_BOLUS, INFUSION: AT_START}


@dataclass(frozen=True)
class Action:
    """One thing done at a break point: ``operation`` on element ``index`` with ``value``.

    ``entry`` is the number of the entry, or visit, it comes from; ``ends`` tells an infusion's end from its start.
    """

    operation: int
    index: int
    value: float
    entry: int = dataclasses.field(default=-1, compare=False)
    ends: bool = dataclasses.field(default=False, compare=False)


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
    order, entry : ndarray, shape (n_actions,)
        An action's place within its moment, see :data:`AT_END`; the number of the entry, or visit, it comes from.
    partner : ndarray, shape (n_actions,)
        Of an infusion's end the action that started it; -1 else, and everywhere without decisions.
    early : ndarray, shape (n_rows,)
        1 for what happens before outputs are recorded: the model's own events *at* a moment.
    """

    of_subject: Whole
    row_start: Whole
    row_time: Array
    action_start: Whole
    kind: Whole
    index: Whole
    value: Array
    order: NDArray[np.int8]
    entry: NDArray[np.int32]
    partner: Whole
    early: Whole

    @classmethod
    def of(
        cls, schedule: Schedule | None, states: Sequence[str], parameters: Sequence[str], start: float, n: int
    ) -> BreakPoints:
        """Return the break points of a schedule for ``n`` subjects; of its decisions the visits.

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
        actions = _actions(schedule, index)
        own = np.arange(n) if schedule.per_subject else np.zeros(n, dtype=np.int64)
        values = actions["value"]
        if schedule.patterned:
            actions["value"] = np.zeros(values.shape[-1])  # until tiled
        made = cls._of_sorted(own, len(schedule.offsets) - 1, **actions)
        made = made.paired() if schedule.decisions else made
        return made._tiled(values) if schedule.patterned else made

    @classmethod
    def arranged(cls, of_subject: Whole, tables: int, **actions: NDArray[Any]) -> BreakPoints:
        """Return the break points of actions as :meth:`actions` gives them, in any order.

        Those of one table, moment and place within it stay in the order given.
        """
        return cls._of_sorted(of_subject, tables, **_sorted(actions))

    @classmethod
    def _of_sorted(
        cls, of_subject: Whole, tables: int, *, table: Whole, time: Array, order: NDArray[np.int8], kind: Whole,
        index: Whole, value: Array, entry: NDArray[np.int32],
    ) -> BreakPoints:  # fmt: skip
        early = order < 0
        new = np.ones(time.size, dtype=bool)
        new[1:] = (np.diff(time) != 0) | (np.diff(table) != 0) | (np.diff(early) != 0)
        first = np.flatnonzero(new)
        row_start = np.searchsorted(table[first], np.arange(tables + 1)).astype(np.int64)
        return cls(
            of_subject, row_start, time[first], np.append(first, time.size), kind, index,
            np.ascontiguousarray(value), order, entry, np.broadcast_to(-1, time.shape), early[first].astype(np.int64),
        )  # fmt: skip

    def _tiled(self, values: Array) -> BreakPoints:
        """Return of one table a copy for each subject, with its own values: shape (n_subjects, n_actions)."""
        n, size = values.shape
        each = size * np.arange(n)[:, None]
        partner = np.broadcast_to(-1, n * size)
        if (self.partner >= 0).any():
            partner = np.where(self.partner < 0, -1, self.partner + each).ravel()
        order, entry = np.tile(self.order, n), np.tile(self.entry, n)
        return BreakPoints(
            np.arange(n), self.row_start[1] * np.arange(n + 1), np.tile(self.row_time, n),
            np.append((self.action_start[:-1] + each).ravel(), n * size), np.tile(self.kind, n),
            np.tile(self.index, n), values.ravel(), order, entry, partner, np.tile(self.early, n),
        )  # fmt: skip

    @property
    def longest(self) -> int:
        """Actions of the longest table."""
        return int(np.diff(self.action_start[self.row_start]).max(initial=0))

    def actions(self) -> dict[str, NDArray[Any]]:
        """Return what :meth:`arranged` takes, action by action."""
        row = np.repeat(np.arange(len(self.row_time)), np.diff(self.action_start))
        table = np.searchsorted(self.row_start, row, side="right") - 1
        parts = {name: getattr(self, name) for name in ("order", "kind", "index", "value", "entry")}
        return {"table": table, "time": self.row_time[row], **parts}

    def paired(self) -> BreakPoints:
        """Return the break points with each infusion's end knowing its start."""
        partner, table = np.full(len(self.kind), -1), self.actions()["table"]
        starts, ends = (
            found[np.lexsort((self.entry[found], table[found]))]
            for found in (np.flatnonzero(self.order == place) for place in (AT_START, AT_END))
        )
        partner[ends] = starts  # every infusion has both
        return replace(self, partner=partner)

    def points(self, subject: int) -> list[tuple[float, list[Action]]]:
        """Return one subject's break points in order of time, each with its actions in their order."""
        table = self.of_subject[subject]
        rows = range(self.row_start[table], self.row_start[table + 1])
        return [
            (
                float(self.row_time[row]),
                [self._action(item) for item in range(self.action_start[row], self.action_start[row + 1])],
            )
            for row in rows
        ]

    def _action(self, item: int) -> Action:
        kind, index, entry = (int(part[item]) for part in (self.kind, self.index, self.entry))
        return Action(kind, index, float(self.value[item]), entry, bool(self.order[item] == AT_END))


def _places(schedule: Schedule, states: Sequence[str], parameters: Sequence[str]) -> Whole:
    """Return where each entry's target stands among the states, or the parameters of a switch; -1: nowhere."""
    among = [{name: place for place, name in enumerate(names)} for names in (states, parameters)]
    places = np.array([[item.get(name, -1) for name in schedule.names] for item in among], dtype=np.int64)
    return np.asarray(places[(schedule.kind == SWITCH).astype(np.int8), schedule.target])


def _actions(schedule: Schedule, index: Whole) -> dict[str, NDArray[Any]]:
    """Return columns of all tables' actions in the order in which they are done, as :meth:`BreakPoints.actions`."""
    tables, sizes, size = len(schedule.offsets) - 1, np.diff(schedule.offsets), schedule.time.size
    infusion, value = schedule.kind == INFUSION, schedule.amount
    actions: dict[str, NDArray[Any]] = {
        "table": np.repeat(np.arange(tables), sizes), "time": schedule.time,
        "order": np.array([_ORDER[number] for number in range(3)], dtype=np.int8)[schedule.kind],
        "kind": np.array([ADD_TO_STATE, ADD_TO_RATE, SET_PARAMETER])[schedule.kind],
        "index": index, "value": value,
        "entry": (np.arange(size) - np.repeat(schedule.offsets[:-1], sizes)).astype(np.int32),
    }  # fmt: skip
    if infusion.any():
        real = ~infusion | (value.any(axis=0) if schedule.patterned else value != 0)
        begins, ends = np.flatnonzero(real), np.flatnonzero(infusion & real)
        both = np.concatenate((begins, ends))
        value = np.divide(value, schedule.duration, out=value.copy(), where=infusion)
        value = np.concatenate((value[..., begins], -value[..., ends]), axis=-1)
        actions = {name: item[both] for name, item in actions.items() if name != "value"} | {"value": value}
        actions["order"][begins.size :] = AT_END
        actions["time"][begins.size :] += schedule.duration[ends]
    visits = [(time, rule) for rule, item in enumerate(schedule.decisions) for time in item.times]
    if visits:
        count = len(visits) * tables
        more = {
            "table": np.repeat(np.arange(tables), len(visits)), "time": np.tile([time for time, _ in visits], tables),
            "order": np.full(count, AT_VISIT, dtype=np.int8), "kind": np.full(count, DECIDE),
            "index": np.tile([rule for _, rule in visits], tables), "value": np.zeros((*value.shape[:-1], count)),
            "entry": np.tile(np.arange(len(visits), dtype=np.int32), tables),
        }  # fmt: skip
        actions = {name: np.concatenate((item, more[name]), axis=-1) for name, item in actions.items()}
    actions = _sorted(actions)
    if infusion.any():
        ruled = {item.target for item in schedule.decisions}
        scaled = np.array([name in ruled for name in schedule.names])[schedule.target] & infusion
        _end_at_zero(actions, index[scaled])
    return actions


def _sorted(actions: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return actions table after table in the order in which they are done, otherwise as they were."""
    table, time, order = (actions[name] for name in ("table", "time", "order"))
    same = np.diff(table) == 0
    wrong = (np.diff(table) < 0) | (same & ((np.diff(time) < 0) | ((np.diff(time) == 0) & (np.diff(order) < 0))))
    if not wrong.any():
        return actions
    done = np.lexsort((order, time, table))
    return {name: np.ascontiguousarray(item[..., done]) for name, item in actions.items()}


def _end_at_zero(actions: dict[str, NDArray[Any]], scaled: Whole) -> None:
    """Let the last of overlapping infusions take off what is left, so that no rounding keeps on dripping.

    Not where decisions scale them: each has to end as it began.
    """
    table, operation, index, value = (actions[name] for name in ("table", "kind", "index", "value"))
    ends = actions["order"] == AT_END
    rates = np.flatnonzero((operation == ADD_TO_RATE) & ~np.isin(index, scaled))
    rates = rates[np.lexsort((index[rates], table[rates]))]
    running = np.cumsum(np.where(ends[rates], -1, 1))
    stops = np.flatnonzero(running == 0) + 1
    starts = np.append(0, stops)[:-1]
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
