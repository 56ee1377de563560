"""How far a surface lies from each null: grids of many draws at once, and tables of measured groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.surfaces.curves import DoseResponse, Tabulated, fit_hill
from senospine.stats.surfaces.musyc import MuSyCFit, fit_musyc
from senospine.stats.surfaces.nulls import bliss, highest_single_agent, interaction_index, loewe

Array = NDArray[np.float64]


def fraction_affected(effect: ArrayLike, untreated: ArrayLike, full: ArrayLike) -> Array:
    """Return effects as the share of the way from ``untreated`` to ``full``.

    Raises
    ------
    AnalysisError
        The two are the same: nothing can be affected.
    """
    start, end = np.asarray(untreated, dtype=float), np.asarray(full, dtype=float)
    if (start == end).any():
        raise AnalysisError(
            "the untreated and the full effect are the same", remedy="choose a read-out that the disease moves"
        )
    return np.asarray((start - np.asarray(effect, dtype=float)) / (start - end))


@dataclass(frozen=True)
class SurfaceIndices:
    """What lies above each null, for fractions affected.

    Attributes
    ----------
    bliss, highest, loewe : ndarray, shape (draws, n, m)
        Observed minus expected over the pairs of doses above zero; positive is synergy.
    index : ndarray, shape (draws, n, m)
        Interaction index; below 1 is synergy. NaN, as in ``loewe``, where a drug alone never has that effect.
    """

    bliss: Array
    highest: Array
    loewe: Array
    index: Array


def surface_indices(
    affected: ArrayLike, doses_a: ArrayLike, doses_b: ArrayLike, curve_a: tuple[ArrayLike, ArrayLike] | None = None,
    curve_b: tuple[ArrayLike, ArrayLike] | None = None,
) -> SurfaceIndices:  # fmt: skip
    """Return the distance of surfaces from three nulls.

    Parameters
    ----------
    affected : array_like, shape (draws, n + 1, m + 1) or (n + 1, m + 1)
        Fractions affected; the first row and column are the drugs alone.
    doses_a, doses_b : array_like, shape (n + 1,), (m + 1,)
        Rising from zero.
    curve_a, curve_b : (doses, fractions affected of shape (draws, doses)), optional
        The drugs alone at more doses, for Loewe's inverse; the grid's own by default.

    Examples
    --------
    >>> import numpy as np
    >>> spared = np.exp(-np.add.outer([0, 1, 2], [0, 0.5, 1]))  # two hazards that add
    >>> float(abs(surface_indices(1 - spared, [0, 1, 2], [0, 1, 2]).bliss).max()) < 1e-15
    True
    """
    f = np.atleast_3d(np.asarray(affected, dtype=float)) if np.ndim(affected) == 3 else np.asarray(affected)[None]
    a, b = np.asarray(doses_a, dtype=float), np.asarray(doses_b, dtype=float)
    if f.ndim != 3 or f.shape[1:] != (len(a), len(b)):
        raise AnalysisError(f"a surface of shape {f.shape[1:]} for {len(a)} and {len(b)} doses")
    alone_a, alone_b, both = f[:, 1:, :1], f[:, :1, 1:], f[:, 1:, 1:]
    xa, ya = (a, f[:, :, 0]) if curve_a is None else (np.asarray(curve_a[0]), np.atleast_2d(curve_a[1]))
    xb, yb = (b, f[:, 0, :]) if curve_b is None else (np.asarray(curve_b[0]), np.atleast_2d(curve_b[1]))
    index, expected = np.empty(both.shape), np.empty(both.shape)
    for draw in range(len(f)):
        one, two = Tabulated(xa, ya[draw]), Tabulated(xb, yb[draw])
        grid = (a[1:, None], b[None, 1:])
        index[draw] = interaction_index(*grid, both[draw], one, two)
        most = min(float(ya[draw].max()), float(yb[draw].max()))
        expected[draw] = loewe(*grid, one, two, 0.0, most)
    return SurfaceIndices(
        both - bliss(alone_a, alone_b), both - highest_single_agent(alone_a, alone_b), both - expected, index
    )


@dataclass(frozen=True)
class TableIndices:
    """The indices of measured groups.

    Attributes
    ----------
    table : DataFrame
        One row a combination, for each index its estimate and interval.
    musyc : MuSyCFit or None
        Nothing where there are too few combinations.
    sd : float
        Pooled over the groups, as a fraction affected.
    """

    table: pd.DataFrame
    musyc: MuSyCFit | None
    sd: float


def interaction_indices(
    frame: pd.DataFrame, *, dose_a: str, dose_b: str, effect: str, spread: str, n: str, full: float = 0.0,
    level: float = 0.95, resamples: int = 400, seed: int = 0,
) -> TableIndices:  # fmt: skip
    """Return all indices of a table of group means, with intervals.

    Parameters
    ----------
    frame : DataFrame
        One row a group: its two doses, its mean, SD and size; the control and both drugs alone among them.
    dose_a, dose_b, effect, spread, n : str
        Its columns.
    full : float
        The read-out's level where everything is affected.
    level : float
        Of the intervals, which are a parametric bootstrap of the group means with the pooled SD (MuSyC: profile).
    resamples, seed : int

    Raises
    ------
    AnalysisError
        A missing column or control, an impossible value, or no combination.
    """
    for name in (dose_a, dose_b, effect, spread, n):
        if name not in frame.columns:
            raise AnalysisError(f"no column '{name}'", remedy=suggest(name, frame.columns))
    a, b, y, s, size = (frame[name].to_numpy(dtype=float) for name in (dose_a, dose_b, effect, spread, n))
    if not (np.isfinite([a, b, y, s, size]).all() and (s >= 0).all() and (size >= 2).all() and (a >= 0).all()):
        raise AnalysisError("doses, effects, spreads and n must be numbers; n two or more", remedy="mend the table")
    control = (a == 0) & (b == 0)
    pairs = np.flatnonzero((a > 0) & (b > 0))
    if control.sum() != 1 or not len(pairs):
        raise AnalysisError("the table needs one row of the control and at least one combination")
    alone = [_alone(a, b, a[pairs], 0), _alone(b, a, b[pairs], 0)]
    freedom = int((size - 1).sum())
    pooled = float(np.sqrt(((size - 1) * s**2).sum() / freedom))
    error = pooled / np.sqrt(size)
    draws = y + error * np.random.Generator(np.random.Philox(seed)).standard_normal((resamples, len(y)))
    rows = []
    everything = np.vstack([y, draws])
    fractions = fraction_affected(everything, everything[:, control], full)
    fa, fb, both = fractions[:, alone[0]], fractions[:, alone[1]], fractions[:, pairs]
    found = {"bliss_excess": both - bliss(fa, fb), "highest_excess": both - highest_single_agent(fa, fb)}
    found["interaction_index"] = _fitted_index(a, b, fractions, pairs, size)
    edge = (1 - level) / 2
    for place, pair in enumerate(pairs):
        row = {dose_a: a[pair], dose_b: b[pair], "affected": both[0, place]}
        for name, values in found.items():
            spare = values[1:, place]
            defined = np.isfinite(spare)
            ends = np.quantile(spare[defined], [edge, 1 - edge]) if defined.mean() > 0.5 else (np.nan, np.nan)
            row |= {name: values[0, place], f"{name}_low": ends[0], f"{name}_high": ends[1]}
        rows.append(row)
    scale = abs(float(y[control][0]) - full)
    try:
        fitted = fit_musyc(a, b, fractions[0], error / scale, freedom=freedom, level=level)
    except AnalysisError:
        fitted = None  # a table too small for nine parameters still has the other indices
    return TableIndices(pd.DataFrame(rows), fitted, pooled / scale)


def _alone(dose: Array, other: Array, wanted: Array, none: float) -> NDArray[np.int64]:
    """Return the row of each wanted dose given alone."""
    places = []
    for value in wanted:
        rows = np.flatnonzero((dose == value) & (other == none))
        if len(rows) != 1:
            raise AnalysisError(f"no single row of dose {value:g} alone", remedy="give each dose of a pair alone, once")
        places.append(int(rows[0]))
    return np.array(places)


def _fitted_index(a: Array, b: Array, fractions: Array, pairs: NDArray[np.int64], size: Array) -> Array:
    """Return the interaction index by Hill curves of the drugs alone; NaN where there are fewer than four doses."""
    singles = [np.flatnonzero(b == 0), np.flatnonzero(a == 0)]
    if min(len(rows) for rows in singles) < 4:
        return np.full((len(fractions), len(pairs)), np.nan)
    found = []
    for values in fractions:
        curves: list[DoseResponse] = [
            fit_hill(x[rows], values[rows], np.sqrt(size[rows])) for x, rows in zip((a, b), singles, strict=True)
        ]
        found.append(interaction_index(a[pairs], b[pairs], values[pairs], *curves))
    return np.array(found)
