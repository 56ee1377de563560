"""Values known only to lie between two limits: latencies cut off, concentrations below detection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CensoredFit:
    """Maximum likelihood fit of ``y = X b + e``, e normal, every y known exactly or to lie between limits.

    Attributes
    ----------
    coefficients : ndarray, shape (columns,)
    covariance : ndarray, shape (columns, columns)
    sd : float
        Of what is left, with the divisor rows minus columns; ``covariance`` is scaled to match.
    log_likelihood : float
        At the maximum.
    """

    coefficients: Array
    covariance: Array
    sd: float
    log_likelihood: float


def fit_censored(low: ArrayLike, high: ArrayLike, design: ArrayLike) -> CensoredFit:
    """Return the normal linear model of values that may be censored (Tobin 1958, doi 10.2307/1907382).

    Parameters
    ----------
    low, high : array_like, shape (rows,)
        Limits of each value: equal where it is known, ``high`` infinite where it was cut off, ``low`` minus infinite
        below a detection limit.
    design : array_like, shape (rows, columns)

    Raises
    ------
    ValueError
        Limits the wrong way round, or so much censored that the likelihood has no maximum: a coefficient that no
        value bounds on one side, or nothing left to tell the spread from.
    """
    from scipy.optimize import minimize

    a, b, x = (np.asarray(item, dtype=float) for item in (low, high, design))
    if (a > b).any() or np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("a value's lower limit must not lie above its upper one")
    known = a == b
    _refuse_unbounded(a, b, x)
    middle = np.where(known, a, np.where(np.isfinite(a), a, b))  # every row has one finite limit
    start, *_ = np.linalg.lstsq(x, middle, rcond=None)
    scale = max(float(np.std(middle - x @ start)), 1e-6 * max(float(np.abs(middle).max()), 1e-12))

    def negative(theta: Array) -> tuple[float, Array]:
        value, gradient = _log_likelihood(theta, a, b, x, known)
        return -value, -gradient

    found = minimize(negative, np.append(start, np.log(scale)), jac=True, method="BFGS", options={"gtol": 1e-8})
    hessian = _hessian(found.x, a, b, x, known)
    covariance = np.linalg.inv(hessian)[:-1, :-1]
    rows, columns = x.shape
    inflate = rows / (rows - columns) if rows > columns else float("nan")
    sd = float(np.exp(found.x[-1]))
    if not sd > 1e-7 * scale or not np.isfinite(covariance).all() or (np.diag(covariance) <= 0).any():
        raise ValueError("too many values are censored, or nothing varies: the spread cannot be told")
    return CensoredFit(found.x[:-1], covariance * inflate, sd * float(np.sqrt(inflate)), -float(found.fun))


def _refuse_unbounded(a: Array, b: Array, x: Array) -> None:
    """A coefficient that only censored values speak of has its maximum at infinity."""
    told = x[np.isfinite(a) & np.isfinite(b)]
    if not len(told) or np.linalg.matrix_rank(told) < x.shape[1]:
        raise ValueError("all values of a group are censored: its mean has no estimate, only a bound")


def _log_likelihood(theta: Array, a: Array, b: Array, x: Array, known: NDArray[np.bool_]) -> tuple[float, Array]:
    from scipy.special import log_ndtr

    beta, log_sd = theta[:-1], theta[-1]
    sd = np.exp(log_sd)
    centre = x @ beta
    za, zb = (a - centre) / sd, (b - centre) / sd
    value = np.where(known, -0.5 * za**2 - log_sd - 0.5 * np.log(2 * np.pi), 0.0)
    flip = (za > 0) & ~known  # work in the lower tail, where differences of tails keep their digits
    lower, upper = np.where(flip, -zb, za), np.where(flip, -za, zb)
    log_upper, log_lower = log_ndtr(upper), log_ndtr(lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = log_upper + np.log1p(-np.exp(log_lower - log_upper))
        value = np.where(known, value, mass)
        da, db = (np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - mass) for z in (za, zb))
        slope = np.where(known, za, da - db) / sd
        ends = np.where(np.isfinite(za), za * da, 0.0) - np.where(np.isfinite(zb), zb * db, 0.0)
    slope_sd = np.where(known, za**2 - 1, ends)
    return float(value.sum()), np.append(slope @ x, slope_sd.sum())


def _hessian(theta: Array, a: Array, b: Array, x: Array, known: NDArray[np.bool_]) -> Array:
    """Return minus the second derivatives, by central differences of the exact gradient."""
    step = 1e-5
    rows = []
    scales = np.append(np.full(len(theta) - 1, np.exp(theta[-1])), 1.0)
    for index, scale in enumerate(scales):
        shift = np.zeros(len(theta))
        shift[index] = step * scale
        up, down = (_log_likelihood(theta + sign * shift, a, b, x, known)[1] for sign in (1, -1))
        rows.append(-(up - down) / (2 * step * scale))
    matrix = np.array(rows)
    return np.asarray((matrix + matrix.T) / 2)


def kaplan_meier_median(times: ArrayLike, cut_off: ArrayLike) -> tuple[float, bool]:
    """Return the median of times some of which were cut off, and whether it is only known to be at least that.

    Where the survival curve meets one half exactly, the median is midway to the next time, as for uncensored data
    (Kaplan and Meier 1958, doi 10.1080/01621459.1958.10501452).

    Examples
    --------
    >>> kaplan_meier_median([4.0, 9.0, 30.0], [False, False, True])
    (9.0, False)
    >>> kaplan_meier_median([9.0, 30.0, 30.0], [False, True, True])
    (30.0, True)
    """
    from scipy.stats import CensoredData, ecdf

    values, cut = np.asarray(times, dtype=float), np.asarray(cut_off, dtype=bool)
    if not len(values):
        raise ValueError("no times")
    survival = ecdf(CensoredData.right_censored(values, cut)).sf
    left, share = survival.quantiles, survival.probabilities
    below = np.flatnonzero(share < 0.5 - 1e-12)
    at = np.flatnonzero(np.abs(share - 0.5) <= 1e-12)
    events = np.unique(values[~cut])
    if len(at):
        first = float(left[at[0]])
        later = events[events > first]
        return (float(first + later[0]) / 2, False) if len(later) else ((first + float(values.max())) / 2, True)
    if len(below):
        return float(left[below[0]]), False
    return float(values.max()), True


def gehan_scores(low: ArrayLike, high: ArrayLike) -> Array:
    """Return for each value how many others surely lie below it minus how many surely lie above.

    With these scores a permutation test compares groups of censored values (Gehan 1965,
    doi 10.1093/biomet/52.1-2.203); without censoring it is the rank-sum test.
    """
    a, b = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    exact = a == b
    above = np.where(exact[:, None], a[:, None] > b[None, :], a[:, None] >= b[None, :])
    above &= ~((a[:, None] == a[None, :]) & (b[:, None] == b[None, :]))
    return np.asarray(above.sum(axis=1) - above.sum(axis=0), dtype=float)
