"""Proportions that vary more between units than chance allows: the beta-binomial, and groups compared by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.stats.groups import Estimate

Array = NDArray[np.float64]

_EDGE = 1e-6  # a mean nearer to 0 or 1 is told by counts alone


@dataclass(frozen=True)
class BetaBinomial:
    """A proportion over units, each with its own: mean, and correlation ``rho`` between two trials of one unit.

    ``low`` and ``high`` bound the mean at 95 % by profile likelihood. At ``rho`` 0 trials are independent.
    """

    mean: float
    rho: float
    low: float
    high: float


def fit_beta_binomial(successes: ArrayLike, trials: ArrayLike) -> BetaBinomial:
    """Return the maximum likelihood beta-binomial of several units (Williams 1975, doi 10.2307/2529820).

    Raises
    ------
    ValueError
        No unit, no trials, or more successes than trials.

    Notes
    -----
    ``rho`` is biased towards 0 with few units, as a maximum likelihood variance is; :func:`compare_proportions`
    does not use it.
    """
    from scipy.optimize import brentq

    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    if not len(k) or (n <= 0).any() or (k < 0).any() or (k > n).any():
        raise ValueError("need 0 <= successes <= trials and at least one trial in each unit")
    best, rho = _best_rho(float(np.clip(k.sum() / n.sum(), _EDGE, 1 - _EDGE)), k, n)
    mean = float(k.sum() / n.sum())
    for _ in range(20):  # mean and rho by turns; both profiles have one peak
        mean = _best_mean(rho, k, n)
        before = rho
        best, rho = _best_rho(mean, k, n)
        if abs(rho - before) < 1e-7:
            break
    if k.sum() in (0, n.sum()):
        mean = float(k.sum() / n.sum())

    def excess(p: float) -> float:
        return 2 * (best - _best_rho(p, k, n)[0]) - 3.841458820694124

    inside = float(np.clip(mean, _EDGE, 1 - _EDGE))
    low = 0.0 if k.sum() == 0 else float(brentq(excess, _EDGE, inside)) if excess(_EDGE) > 0 else 0.0
    high = 1.0 if k.sum() == n.sum() else float(brentq(excess, inside, 1 - _EDGE)) if excess(1 - _EDGE) > 0 else 1.0
    return BetaBinomial(mean, rho, low, high)


def _best_mean(rho: float, k: Array, n: Array) -> float:
    return _peak(lambda p: _log_mass(p, rho, k, n), _EDGE, 1 - _EDGE)


def _best_rho(p: float, k: Array, n: Array) -> tuple[float, float]:
    if (n == 1).all():
        return _log_mass(p, 0.0, k, n), 0.0
    rho = _peak(lambda r: _log_mass(p, r, k, n), 1e-7, 0.999)
    at, none = _log_mass(p, rho, k, n), _log_mass(p, 0.0, k, n)
    return (at, rho) if at > none else (none, 0.0)


def _peak(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda v: -function(v), bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return float(found.x)


def _log_mass(p: float, rho: float, k: Array, n: Array) -> float:
    from scipy.special import betaln, xlog1py, xlogy

    if rho <= 0:
        return float((xlogy(k, p) + xlog1py(n - k, -p)).sum())
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    return float((betaln(k + a, n - k + b) - betaln(a, b)).sum())


def compare_proportions(
    first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]
) -> tuple[Estimate, float]:
    """Return the log odds ratio of two groups of units, first over second, and how overdispersed they are.

    Each group is ``(successes, trials)`` by unit. The variance is the binomial one times the Pearson dispersion of
    the units about their group, at least 1, with t of units minus two degrees of freedom (McCullagh and Nelder 1989,
    chapter 4.5). Half a success and half a failure are added to both groups where one of them has none of either.
    """
    from scipy.special import stdtr, stdtrit

    groups = [(np.asarray(k, dtype=float), np.asarray(n, dtype=float)) for k, n in (first, second)]
    totals = [(k.sum(), n.sum()) for k, n in groups]
    if any(k in (0, n) for k, n in totals):
        totals = [(k + 0.5, n + 1) for k, n in totals]
    df = float(sum(len(k) for k, _ in groups) - 2)
    shares = [k / n for k, n in totals]
    pearson = sum(float(((k - n * p) ** 2 / (n * p * (1 - p))).sum()) for (k, n), p in zip(groups, shares, strict=True))
    value = float(np.log(shares[0] / (1 - shares[0])) - np.log(shares[1] / (1 - shares[1])))
    if df < 1:
        return Estimate(value, *[float("nan")] * 3), float("nan")
    dispersion = pearson / df
    error = float(
        np.sqrt(max(dispersion, 1.0) * sum(1 / (n * p * (1 - p)) for (_, n), p in zip(totals, shares, strict=True)))
    )
    half = float(stdtrit(df, 0.975)) * error
    return Estimate(value, value - half, value + half, float(2 * stdtr(df, -abs(value) / error)), df), dispersion


def compare_rates(first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]) -> tuple[Estimate, float]:
    """Return the log ratio of two rates of counting, first over second, and how overdispersed the counts are.

    Each group is ``(counts, exposures)`` by unit, exposures such as areas. As :func:`compare_proportions`, with the
    variance of Poisson counts; half a count is added to both groups where one has none.
    """
    from scipy.special import stdtr, stdtrit

    groups = [(np.asarray(k, dtype=float), np.asarray(t, dtype=float)) for k, t in (first, second)]
    if any((t <= 0).any() or (k < 0).any() or not len(k) for k, t in groups):
        raise ValueError("need counts from zero up, and an exposure above zero for each")
    extra = 0.5 if any(k.sum() == 0 for k, _ in groups) else 0.0
    counts = [float(k.sum()) + extra for k, _ in groups]
    rates = [count / float(t.sum()) for count, (_, t) in zip(counts, groups, strict=True)]
    df = float(sum(len(k) for k, _ in groups) - 2)
    value = float(np.log(rates[0]) - np.log(rates[1]))
    if df < 1:
        return Estimate(value, *[float("nan")] * 3), float("nan")
    pearson = sum(float(((k - t * r) ** 2 / (t * r)).sum()) for (k, t), r in zip(groups, rates, strict=True))
    dispersion = pearson / df
    error = float(np.sqrt(max(dispersion, 1.0) * sum(1 / count for count in counts)))
    half = float(stdtrit(df, 0.975)) * error
    return Estimate(value, value - half, value + half, float(2 * stdtr(df, -abs(value) / error)), df), dispersion
