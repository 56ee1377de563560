"""Intervals for counts and for proportions whose parts hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.stats.intervals import wilson_interval

Array = NDArray[np.float64]


def poisson_interval(counts: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Return the exact interval of a Poisson mean (Garwood 1936, doi 10.1093/biomet/28.3-4.437).

    It covers at least ``level``, often more where counts are small. It knows no clustering.

    Raises
    ------
    ValueError
        Negative counts, or a level outside (0, 1).

    Examples
    --------
    >>> low, high = poisson_interval(0)
    >>> float(low), round(float(high), 3)
    (0.0, 3.689)
    """
    from scipy.special import gammaincinv

    k = np.asarray(counts, dtype=float)
    if (k < 0).any() or not 0 < level < 1:
        raise ValueError("need counts of zero or more and a level between 0 and 1")
    tail = (1 - level) / 2
    low = np.where(k > 0, gammaincinv(np.maximum(k, 1), tail), 0.0)
    return low, np.asarray(gammaincinv(k + 1, 1 - tail))


def beta_binomial_interval(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return the interval of a proportion from several fields or sections, and the correlation within them.

    The correlation is the moment estimate of the beta-binomial (Williams 1982, doi 10.2307/2347977), not below
    zero; the trials are reduced to their effective number, and Wilson's interval is taken with Student's quantile.

    Returns
    -------
    low, high, correlation : float

    Raises
    ------
    ValueError
        Fewer than two fields with trials.

    Examples
    --------
    >>> low, high, correlation = beta_binomial_interval([5, 5, 5, 5], [20, 20, 20, 20])
    >>> round(low, 2), round(high, 2), correlation
    (0.13, 0.43, 0.0)
    """
    from scipy.special import ndtr, stdtrit

    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    k, n = k[n > 0], n[n > 0]
    if n.size < 2:
        raise ValueError("need at least two fields with something to count; use Wilson's interval for one")
    p, total, fields = k.sum() / n.sum(), n.sum(), n.size
    chi2 = float(((k - n * p) ** 2 / n).sum() / (p * (1 - p))) if 0 < p < 1 else 0.0
    spare = float((n * (1 - n / total)).sum()) - (fields - 1)
    correlation = min(max((chi2 - (fields - 1)) / spare, 0.0), 1.0) if spare > 0 else 0.0
    shrink = total / float((n * (1 + (n - 1) * correlation)).sum())
    student = 2 * float(ndtr(stdtrit(fields - 1, 0.5 + level / 2))) - 1
    low, high = wilson_interval(k.sum() * shrink, total * shrink, min(student, 1 - 1e-9))
    return float(low), float(high), correlation
