"""What a solve is given, checked and brought into arrays; the same for every kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.schedule import Schedule, check_times
from senospine.errors import ModelError, ScheduleError, suggest
from senospine.model import Model, evaluate

Array = NDArray[np.float64]


def output_times(times: ArrayLike, start: float) -> Array:
    """Return the output times as an array, shape (n_times,) or (n_subjects, n_times)."""
    checked = np.ascontiguousarray(times, dtype=float)
    check_times(checked)
    if checked.min() < start:
        raise ScheduleError(f"an output at {checked.min():g} lies before the start at {start:g}")
    return checked


def count_subjects(
    parameters: Mapping[str, ArrayLike], schedule: Schedule | None, times: Array, initial: Mapping[str, ArrayLike],
    given: int | None,
) -> int:  # fmt: skip
    """Return the number of subjects that the arguments tell, or 1."""
    sizes = {"n_subjects": given} if given is not None else {}
    for source in (parameters, initial):
        sizes |= {name: np.shape(value)[0] for name, value in source.items() if np.ndim(value) == 1}
    if times.ndim == 2:
        sizes["times"] = len(times)
    if schedule is not None and schedule.per_subject:
        sizes["schedule"] = len(schedule.entries)
    if len(set(sizes.values())) > 1:
        words = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ModelError(f"different numbers of subjects ({words})", remedy="give arrays of one length, or scalars")
    return next(iter(sizes.values()), 1)


def initial_states(model: Model, initial: Mapping[str, ArrayLike], values: Array, start: float, n: int) -> Array:
    """Return the initial values, shape (n_subjects, n_states); formulas are evaluated for each subject."""
    known: dict[str, Any] = {name: values[:, i] for i, name in enumerate(model.parameters)}
    columns = {}
    for state in model.states:  # plain numbers and formulas of parameters; formulas of other states follow
        if state in initial:
            columns[state] = np.broadcast_to(np.asarray(initial[state], dtype=float), (n,))
    for state in initial:
        if state not in model.states:
            raise ModelError(f"the model has no state '{state}'", remedy=suggest(state, model.states))
    pending = [state for state in model.states if state not in columns]
    while pending:
        waiting = []
        for state in pending:
            try:
                value = evaluate(model.initial[state], known | columns, start)
            except KeyError:
                waiting.append(state)
                continue
            columns[state] = np.broadcast_to(np.asarray(value, dtype=float), (n,))
        if len(waiting) == len(pending):
            raise ModelError(f"initial values of {', '.join(pending)} depend on each other", where=str(model.path))
        pending = waiting
    matrix = np.column_stack([columns[state] for state in model.states])
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ModelError(f"initial value of '{model.states[column]}' of subject {row} is not a finite number")
    return matrix


def parameter_values(given: Mapping[str, ArrayLike], defaults: Mapping[str, float], n: int) -> Array:
    """Return the parameters, shape (n_subjects, n_parameters), what is given in the place of the defaults."""
    for name in given:
        if name not in defaults:
            raise ModelError(f"the model has no parameter '{name}'", remedy=suggest(name, defaults))
    columns = [
        np.broadcast_to(np.asarray(given.get(name, value), dtype=float), (n,)) for name, value in defaults.items()
    ]
    matrix = np.column_stack(columns) if columns else np.zeros((n, 0))
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ModelError(f"parameter '{list(defaults)[column]}' of subject {row} is not a finite number")
    return matrix
