"""Where every subject starts: its constants, with those derived from others, and its initial values."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import ModelError, suggest
from senospine.model import Expression, Model, evaluate
from senospine.model.expressions import Number, names, walk

Array = NDArray[np.float64]


def start_values(
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
