"""All subjects' break points in flat arrays, as the machine code reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.engine.decisions import Decision
from senospine.engine.schedule import Entry, Schedule, compile_entries
from senospine.errors import ScheduleError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: what an action does: its number is known to the machine code
ADD_TO_STATE, SET_PARAMETER, ADD_TO_RATE, DECIDE, TRIGGER, EXECUTE = range(6)
#: order within a moment: infusion ends 0, switches 1, visits, boluses, infusion starts
VISIT, BOLUS, START = 2, 3, 4
_fields = attrgetter("time", "kind", "target", "amount", "duration")
_KINDS = {"bolus": 0, "infusion": 1, "switch": 2}


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
        An action's place within its moment, see :data:`VISIT`; the number of the entry it comes from.
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
    order: Whole
    entry: Whole
    partner: Whole
    early: Whole

    @classmethod
    def of(
        cls, schedule: Schedule | None, states: Sequence[str], parameters: Sequence[str], start: float, n: int
    ) -> BreakPoints:
        """Return the break points of a schedule for ``n`` subjects.

        Raises
        ------
        ScheduleError
            As :func:`~senospine.engine.schedule.compile_entries`, or an entry before the start.
        """
        each = schedule is not None and schedule.per_subject
        lists = [] if schedule is None else [schedule.of(number) for number in range(n if each else 1)]
        rows = _rows(lists, states, parameters)
        if rows is None or (rows.size and rows["time"].min() < start):
            _refuse(lists, states, parameters, start)
        assert rows is not None
        counts = np.cumsum([0, *(len(entries) for entries in lists)])
        entry = rows["place"] // 2 - counts[rows["table"]]
        of_subject = np.arange(n) if each else np.zeros(n, dtype=np.int64)
        parts = {name: rows[name] for name in ("table", "time", "order", "kind", "index", "value")}
        return cls.arranged(of_subject, n if each else 1, entry=entry, **parts)

    @classmethod
    def arranged(
        cls, of_subject: Whole, tables: int, *, table: Whole, time: Array, order: Whole, kind: Whole, index: Whole,
        value: Array, entry: Whole,
    ) -> BreakPoints:  # fmt: skip
        """Return the break points of actions; those of one moment and order stay as given."""
        place = np.lexsort((order, time, table))
        table, order, kind, index, entry = (
            np.ascontiguousarray(item[place]) for item in (table, order, kind, index, entry)
        )
        time, value = np.ascontiguousarray(time[place]), np.ascontiguousarray(value[place])
        early = order < 0
        new = np.ones(len(time), dtype=bool)
        new[1:] = (np.diff(time) != 0) | (np.diff(table) != 0) | (np.diff(early) != 0)
        first = np.flatnonzero(new)
        return cls(
            of_subject,
            np.searchsorted(table[first], np.arange(tables + 1)).astype(np.int64),
            np.ascontiguousarray(time[first]),
            np.append(first, len(time)).astype(np.int64),
            kind, index, value, order, entry, np.full(len(time), -1), early[first].astype(np.int64),
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

    def with_decisions(self, decisions: Sequence[Decision]) -> BreakPoints:
        """Return the break points with visits, and each infusion's end knowing its start."""
        parts, tables = self.actions(), len(self.row_start) - 1
        visits = [(time, rule) for rule, item in enumerate(decisions) for time in item.times]
        count = len(visits)
        more = {
            "table": np.repeat(np.arange(tables), count), "time": np.tile([time for time, _ in visits], tables),
            "order": np.full(count * tables, VISIT), "kind": np.full(count * tables, DECIDE),
            "index": np.tile([rule for _, rule in visits], tables), "value": np.zeros(count * tables),
            "entry": np.tile(np.arange(count), tables),
        }  # fmt: skip
        joined = {name: np.concatenate((parts[name], more[name])) for name in parts}
        return self.arranged(self.of_subject, tables, **joined).paired()

    def paired(self) -> BreakPoints:
        """Return the break points with each infusion's end knowing its start."""
        partner = np.full(len(self.kind), -1)
        table = self.actions()["table"]
        starts = {(table[i], self.entry[i]): i for i in np.flatnonzero(self.order == START)}
        for number in np.flatnonzero(self.order == 0):
            partner[number] = starts[table[number], self.entry[number]]
        return replace(self, partner=partner)


_ROW = np.dtype(
    [(name, np.int64) for name in ("table", "order", "place", "kind", "index")] + [("time", float), ("value", float)]
)


def _rows(
    lists: Sequence[Sequence[Entry]], states: Sequence[str], parameters: Sequence[str]
) -> NDArray[np.void] | None:
    """Return one row for each action, in the order of entries; None if any entry cannot stand."""
    flat = [entry for entries in lists for entry in entries]
    if not flat:
        return np.zeros(0, dtype=_ROW)
    times, kinds, targets, amounts, durations = zip(*map(_fields, flat), strict=True)
    places = [{name: i for i, name in enumerate(names)} for names in (states, parameters)]
    kind = np.array([_KINDS.get(item, -1) for item in kinds])
    index = np.array([places[item == "switch"].get(name, -1) for item, name in zip(kinds, targets, strict=True)])
    time, amount, duration = (np.array(item, dtype=float) for item in (times, amounts, durations))
    bolus, infusion, switch = (kind == number for number in range(3))
    sound = np.isfinite(time) & np.isfinite(amount) & np.isfinite(duration) & (kind >= 0) & (index >= 0)
    if not (sound & ~(infusion & (duration <= 0))).all():
        return None
    table = np.repeat(np.arange(len(lists)), [len(entries) for entries in lists])
    if switch.any():
        twice = np.column_stack((table[switch], time[switch], index[switch]))
        if len(np.unique(twice, axis=0)) < len(twice):
            return None
    rows = np.zeros(2 * len(flat), dtype=_ROW)
    main, end = rows[::2], rows[1::2]
    for part in (main, end):
        part["table"], part["index"] = table, index
    rows["place"] = np.arange(len(rows))
    rate = np.divide(amount, duration, out=np.zeros(len(flat)), where=infusion)
    main["time"], main["value"] = time, np.where(infusion, rate, amount)
    main["kind"] = np.select([bolus, switch], [ADD_TO_STATE, SET_PARAMETER], ADD_TO_RATE)
    main["order"] = np.select([bolus, switch], [BOLUS, 1], START)
    end["time"], end["value"], end["kind"], end["order"] = time + duration, -rate, ADD_TO_RATE, 0
    kept = np.ones(len(rows), dtype=bool)
    kept[::2], kept[1::2] = ~infusion | (amount != 0), infusion & (amount != 0)
    return rows[kept]


def _refuse(lists: Iterable[Sequence[Entry]], states: Sequence[str], parameters: Sequence[str], start: float) -> None:
    """Raise the error of the first entry that cannot stand."""
    for number, entries in enumerate(lists):
        points = compile_entries(entries, states, parameters)
        if points and points[0][0] < start:
            where = f"subject {number}"
            raise ScheduleError(f"an entry at {points[0][0]:g} lies before the start at {start:g}", where=where)
