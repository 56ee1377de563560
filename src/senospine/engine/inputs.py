"""What a solve is given, checked and brought into arrays; the same for every kernel."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.schedule import Schedule, check_times
from senospine.errors import ModelError, ScheduleError, suggest
from senospine.model import Expression, Model, evaluate
from senospine.model.expressions import Number, names, walk

Array = NDArray[np.float64]


def refuse_settings(start: float, rtol: float, max_steps: int, n_subjects: int | None) -> None:
    """Refuse numbers that no solver can honour."""
    if not np.isfinite(start):
        raise ScheduleError(f"the start {start} is not a finite number")
    if not 0 < rtol < 1:
        raise ModelError(f"rtol {rtol} is not between 0 and 1", remedy="1e-6 suits most uses")
    if max_steps < 1:
        raise ModelError(f"max_steps {max_steps} allows no step")
    if n_subjects is not None and n_subjects < 1:
        raise ModelError(f"n_subjects {n_subjects} is not a positive number")


def output_times(times: ArrayLike, start: float) -> Array:
    """Return the output times as an array, shape (n_times,) or (n_subjects, n_times)."""
    try:
        checked = np.ascontiguousarray(times, dtype=float)
    except (TypeError, ValueError):
        raise ScheduleError("the output times are not numbers") from None
    check_times(checked)
    if checked.size and checked.min() < start:
        raise ScheduleError(f"an output at {checked.min():g} lies before the start at {start:g}")
    return checked


def columns_of(given: Mapping[str, ArrayLike], word: str) -> dict[str, Array]:
    """Return ``given`` as arrays of numbers, scalars or one per subject."""
    result = {}
    for name, value in given.items():
        try:
            result[name] = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise ModelError(f"{word} '{name}' is not a number or an array of numbers") from None
        if result[name].ndim > 1:
            raise ModelError(
                f"{word} '{name}' has shape {result[name].shape}", remedy="give a scalar or an array (n_subjects,)"
            )
    return result


def count_subjects(
    parameters: Mapping[str, Array],
    schedule: Schedule | None,
    times: Array,
    initial: Mapping[str, Array],
    given: int | None,
) -> int:
    """Return the number of subjects that the arguments tell, or 1."""
    sizes = {"n_subjects": given} if given is not None else {}
    for source in (parameters, initial):
        sizes |= {name: len(value) for name, value in source.items() if np.ndim(value) == 1}
    if times.ndim == 2:
        sizes["times"] = len(times)
    if schedule is not None and schedule.per_subject:
        sizes["schedule"] = len(schedule.entries)
    if len(set(sizes.values())) > 1:
        words = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ModelError(f"different numbers of subjects ({words})", remedy="give arrays of one length, or scalars")
    return next(iter(sizes.values()), 1)


def starting_values(
    model: Model, parameters: Mapping[str, ArrayLike], initial: Mapping[str, ArrayLike], start: float, n: int
) -> tuple[Array, Array]:
    """Return initial values (n_subjects, n_states) and constants (n_subjects, n_constants)."""
    given = _constants(parameters, dict(model.parameters), model.derived, n)
    for name, value in initial.items():
        if name not in model.states:
            raise ModelError(f"the model has no state '{name}'", remedy=suggest(name, model.states))
        given[name] = np.broadcast_to(np.asarray(value, dtype=float), (n,))
    known: dict[str, Any] = {name: given[name] for name in model.parameters}
    with np.errstate(all="ignore"):
        for name, formula in model.start.items():
            if name in given:
                known[name] = given[name]
                continue
            try:
                value = evaluate(formula, known, start)
            except (ArithmeticError, ValueError):
                value = np.nan
            known[name] = np.broadcast_to(np.asarray(value, dtype=float), (n,))
    for name in (*model.states, *model.derived):
        finite = np.isfinite(known[name])
        if not finite.all() and (name in model.states or name in given or _finite_inside(model.start[name], known)):
            raise ModelError(
                f"initial value of '{name}' of subject {int(np.argmin(finite))} is not a finite number",
                where=str(model.path),
                remedy="look for a division by zero or a logarithm of a negative number in its formula",
            )
    columns = [[known[name] for name in group] for group in (model.states, model.constants)]
    first, constants = (np.column_stack(group) if group else np.zeros((n, 0)) for group in columns)
    return first, constants


def _constants(
    given: Mapping[str, ArrayLike], defaults: dict[str, float], derived: Container[str], n: int
) -> dict[str, Array]:
    """Return each parameter's column, and one for each derived constant that is ``given``."""
    for name in given:
        if name not in defaults and name not in derived:
            raise ModelError(f"the model has no parameter '{name}'", remedy=suggest(name, defaults))
    columns = {
        name: np.broadcast_to(np.asarray(value, dtype=float), (n,)) for name, value in {**defaults, **given}.items()
    }
    for name, column in columns.items():
        if name in given and not np.isfinite(column).all():  # a file may say INF, and mean it
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ModelError(f"parameter '{name}' of subject {row} is not a finite number")
    return columns


def _finite_inside(formula: Expression, known: Mapping[str, Any]) -> bool:
    """Return whether everything that ``formula`` reads and says is finite: then its result should be too."""
    numbers = (part.value for part in walk(formula) if isinstance(part, Number))
    return all(map(np.isfinite, numbers)) and all(np.isfinite(known[name]).all() for name in names(formula))
