"""The model's own events at known times as break points of each subject."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.engine.breakpoints import EXECUTE, SET_PARAMETER, TRIGGER, BreakPoints
from senospine.engine.events import AT, firings, refuse_moving_triggers
from senospine.model.events import TimedEvent
from senospine.model.expressions import names

Array = NDArray[np.float64]

#: order within a moment: events at it before all else, events just after it behind all else; first all are triggered
_ORDER = {(True, TRIGGER): -2, (True, EXECUTE): -1, (False, TRIGGER): 5, (False, EXECUTE): 6}


def with_events(
    table: BreakPoints, events: Sequence[TimedEvent], constants: Sequence[str], values: Array, start: float
) -> tuple[BreakPoints, int]:
    """Return the break points with the model's events, and how many numbers a subject keeps from trigger to execution.

    Parameters
    ----------
    values : ndarray, shape (n_subjects, n_constants)
        Subjects alike in what decides when events fire, and in their schedule, share a table.

    Raises
    ------
    ScheduleError
        A delay that is negative, or a schedule that switches what decides when an event fires.
    """
    switched = {constants[index] for index in set(table.index[table.kind == SET_PARAMETER].tolist())}
    refuse_moving_triggers(events, switched)
    read = set().union(*(names(item.trigger) | names(item.delay) | names(item.priority) for item in events))
    deciding = values[:, [number for number, name in enumerate(constants) if name in read]]
    keys = np.column_stack((table.of_subject.astype(float), deciding))
    unique, first, of_subject = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    parts = table.actions()
    bounds = table.action_start[table.row_start]
    columns: dict[str, list[NDArray[np.generic]]] = {name: [] for name in parts}
    numbers = {id(event): number for number, event in enumerate(events)}
    stored = 0
    for place, subject in enumerate(first):
        own = slice(*bounds[table.of_subject[subject] :][:2])
        constant = dict(zip(constants, values[subject].tolist(), strict=True))
        rows = []
        slot = 0
        for firing in firings(events, constant, start, math.inf):
            number = numbers[id(firing.event)]
            for (time, phase), kind in ((firing.triggered, TRIGGER), (firing.executed, EXECUTE)):
                rows.append((time, _ORDER[phase == AT, kind], kind, number, slot))
            slot += len(firing.event.assigned)
        stored = max(stored, slot)
        more = list(zip(*rows, strict=True)) if rows else [()] * 5
        added: dict[str, Sequence[Any]] = dict(zip(("time", "order", "kind", "index", "value"), more, strict=True))
        added |= {"table": [place] * len(rows), "entry": [-1] * len(rows)}
        for name, part in parts.items():
            kept = np.full(own.stop - own.start, place) if name == "table" else part[own]
            columns[name].append(np.concatenate((kept, np.array(added[name], dtype=part.dtype))))
    joined = {name: np.concatenate(items) for name, items in columns.items()}
    made = BreakPoints.arranged(of_subject.reshape(-1).astype(np.int64), len(unique), **joined)
    return (made.paired() if (table.partner >= 0).any() else made), stored
