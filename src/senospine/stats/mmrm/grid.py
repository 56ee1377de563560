"""Reference grids: rows of the design averaged as least-squares means and tests of terms need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.terms import Design, Term

Array = NDArray[np.float64]


def averaged_rows(
    design: Design, frame: pd.DataFrame, names: Sequence[str], at: Mapping[str, float], weights: str
) -> tuple[pd.DataFrame, Array]:
    """Return labels (n, n_names) and design rows (n, n_columns), one for each combination of levels of ``names``."""
    for name in names:
        if name not in design.factors:
            raise AnalysisError(f"{name!r} is no factor of the model", remedy=suggest(name, design.factors))
    numbers = [name for name in design.variables if name not in design.factors]
    for name in at:
        if name not in numbers:
            raise AnalysisError(f"{name!r} is no covariate of the model", remedy=suggest(name, numbers))
    others = [name for name in design.variables if name in design.factors and name not in names]
    labels = pd.DataFrame(list(product(*(design.factors[name] for name in names))), columns=list(names), dtype=object)
    inner = pd.DataFrame(list(product(*(design.factors[name] for name in others))), columns=others, dtype=object)
    share = _shares(frame, inner, weights)
    grid = labels.merge(inner, how="cross") if others else labels.copy()
    for name in numbers:
        grid[name] = float(at.get(name, frame[name].mean()))
    rows = design.matrix(grid).reshape(len(labels), len(share), -1)
    return labels, np.asarray(np.einsum("nkp,k->np", rows, share))


def _shares(frame: pd.DataFrame, inner: pd.DataFrame, weights: str) -> Array:
    if weights not in {"equal", "proportional"}:
        raise AnalysisError(f"weights {weights!r} are unknown", remedy=suggest(weights, ["equal", "proportional"]))
    if inner.shape[1] == 0:
        return np.ones(1)
    if weights == "equal":
        return np.full(len(inner), 1 / len(inner))
    seen = frame.groupby(list(inner.columns), observed=True).size()
    keys = [tuple(row) if inner.shape[1] > 1 else row[0] for row in inner.itertuples(index=False)]
    count = np.array([float(seen.get(key, 0)) for key in keys])
    return np.asarray(count / count.sum())


def marginal_contrasts(design: Design, frame: pd.DataFrame, term: Term) -> Array:
    """Return the contrasts that vanish where the term has no effect, other factors averaged with equal weights."""
    factors = [name for name in term if name in design.factors]
    corners = []
    numbers = [name for name in term if name not in design.factors]
    for ends in product((0.0, 1.0), repeat=len(numbers)):  # a slope is a difference over one unit: all terms are linear
        _, rows = averaged_rows(design, frame, factors, dict(zip(numbers, ends, strict=True)), "equal")
        corners.append((-1.0) ** (len(numbers) - sum(ends)) * rows)
    rows = np.sum(corners, axis=0)
    shape = [len(design.factors[name]) for name in factors]
    table = rows.reshape(*shape, rows.shape[-1])
    for axis in range(len(factors)):
        # all levels but the last from their mean, as car::Anova: Satterthwaite's df depend on the rows chosen
        table = np.delete(table - table.mean(axis=axis, keepdims=True), -1, axis=axis)
    return np.asarray(table.reshape(-1, rows.shape[-1]))
