"""Two groups of independent units compared: Welch's test, exact permutation, Hedges' g."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, exp, lgamma, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.randomness import stream

Array = NDArray[np.float64]

#: relabellings that are listed one by one; beyond, as many are drawn
EXACT_PERMUTATIONS = 20_000


@dataclass(frozen=True)
class Estimate:
    """An effect with its interval of 95 % and a two-sided p value; NaN where the data do not carry it."""

    value: float
    low: float
    high: float
    p: float
    df: float = float("nan")


def welch(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Return the difference of two means, first minus second, variances unequal.

    Welch 1947, doi 10.1093/biomet/34.1-2.28. NaN everywhere but in the difference where a group has one unit; where
    nothing varies the interval has no width and p is 0 or 1.

    Examples
    --------
    >>> round(welch([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]).p, 4)
    0.0705
    """
    from scipy.special import stdtr, stdtrit

    a, b = _units(first), _units(second)
    difference = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return Estimate(difference, *[float("nan")] * 3)
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return Estimate(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    parts = [float(group.var(ddof=1)) / len(group) for group in (a, b)]  # scipy's own warns of groups that hardly vary
    df = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, (a, b), strict=True))
    error = sqrt(sum(parts))
    half = float(stdtrit(df, 0.975)) * error
    p = float(2 * stdtr(df, -abs(difference) / error))
    return Estimate(difference, difference - half, difference + half, p, df)


def hedges_g(first: ArrayLike, second: ArrayLike) -> float:
    """Return the standardised difference of two means, corrected for small samples.

    Hedges 1981, doi 10.3102/10769986006002107, with the exact correction. NaN where nothing varies.

    Examples
    --------
    >>> round(hedges_g([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]), 3)
    1.596
    """
    return float(_g(_units(first), _units(second)))


def hedges_g_interval(
    first: ArrayLike, second: ArrayLike, *, resamples: int = 2000, seed: int = 1
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of 95 % of :func:`hedges_g`, each group resampled by itself.

    Resamples in which nothing varies are left out; NaN where that is more than half, or a group has one unit. With five
    units a group the interval is somewhat narrow, as any bootstrap's.
    """
    a, b = _units(first), _units(second)
    if min(len(a), len(b)) < 2:
        return float("nan"), float("nan")
    generator = stream(seed, "stats/bootstrap")
    drawn = [group[generator.integers(len(group), size=(resamples, len(group)))] for group in (a, b)]
    values = _g(drawn[0], drawn[1])
    values = values[np.isfinite(values)]
    if len(values) < resamples / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _g(a: Array, b: Array) -> Array:
    """Return Hedges' g along the last axis."""
    df = a.shape[-1] + b.shape[-1] - 2
    squares = sum(((group - group.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1) for group in (a, b))
    if df < 1:
        return np.full(np.shape(squares), np.nan)
    correction = 1.0 if df == 1 else exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
    spread = np.sqrt(np.where(squares > 0, squares, np.nan) / df)
    return np.asarray((a.mean(axis=-1) - b.mean(axis=-1)) / spread * correction)


def permutation_p(first: ArrayLike, second: ArrayLike, *, seed: int = 1) -> float:
    """Return the two-sided p of a difference of means over relabellings of the units.

    All relabellings where there are at most :data:`EXACT_PERMUTATIONS`; else as many drawn, the observed one counted
    in, so that p is never zero (Phipson and Smyth 2010, doi 10.2202/1544-6115.1585).

    Examples
    --------
    >>> permutation_p([3.0, 4.0, 5.0], [0.0, 1.0, 2.0])  # the most extreme of 20 relabellings, and its mirror
    0.1
    """
    a, b = _units(first), _units(second)
    pool = np.concatenate([a, b])
    middle = pool.mean()
    observed = abs(a.mean() - middle)
    slack = 1e-9 * max(float(np.abs(pool).max()), 1e-300)  # what sums of the same numbers may differ by
    if comb(len(pool), len(a)) <= EXACT_PERMUTATIONS:
        picks = np.array(list(combinations(range(len(pool)), len(a))))
        return float((np.abs(pool[picks].mean(axis=1) - middle) >= observed - slack).mean())
    generator = stream(seed, "stats/permutation")
    drawn = generator.permuted(np.tile(pool, (EXACT_PERMUTATIONS, 1)), axis=1)[:, : len(a)]
    beyond = int((np.abs(drawn.mean(axis=1) - middle) >= observed - slack).sum())
    return (beyond + 1) / (EXACT_PERMUTATIONS + 1)


def _units(values: ArrayLike) -> Array:
    found = np.asarray(values, dtype=float).reshape(-1)
    if not len(found) or not np.isfinite(found).all():
        raise ValueError("each group needs at least one unit, and every unit a finite value")
    return found
