"""How probable a published fact is, given means and spreads of the groups it speaks of; for many candidates at once.

The same probabilities as the virtual laboratory's, without its repeats: the paper's test has a t statistic whose
distribution is known once the groups' means and SDs are. That is fast and smooth enough to climb.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from senospine.calibration import signs
from senospine.calibration.signs import FARTHEST, LEAST, REPORTED
from senospine.evidence import Association, Bound, Contrast, Fact, Rate, Value

__all__ = ["FARTHEST", "LEAST", "MISFIT", "REPORTED", "Group", "can_judge", "log_probability", "rate"]

Array = NDArray[np.float64]

#: spread of a published mean beyond sampling, on the log scale: dose, strain, site and laboratory (assumption)
MISFIT = 0.15
#: degrees of freedom of Student's t about a published mean
TAIL = 4
_NOTHING = 1e-9


@dataclass(frozen=True)
class Group:
    """Mean and SD of one measured animal, each of shape (n_candidates,)."""

    mean: Array
    sd: Array

    def times(self, factor: Array) -> Group:
        """Return the group with every animal's value multiplied."""
        return Group(self.mean * factor, self.sd * factor)


Groups = Mapping[str, Group]


def log_probability(fact: Fact, groups: Groups, *, selection: bool = True) -> Array:
    """Return the log probability of a fact (of a value: its log density), shape (n_candidates,).

    ``selection``: contrasts without a star are reckoned to be reported less often than starred ones.

    Raises
    ------
    TypeError
        Of a kind that means and spreads do not decide.
    """
    if isinstance(fact, Contrast):
        arm, versus = groups[fact.arm], groups[fact.versus]
        pooled = np.sqrt(np.maximum(np.mean([groups[name].sd ** 2 for name in fact.groups], axis=0), 1e-300))
        return signs.contrast(fact, (arm.mean - versus.mean) / pooled, selection=selection)
    if isinstance(fact, Value | Bound):
        return _level(fact, groups)
    raise TypeError(f"no likelihood for a {fact.kind} from means and spreads")


def can_judge(fact: Fact) -> bool:
    """Return whether the likelihood knows this kind of fact."""
    return fact.testable and isinstance(fact, Contrast | Value | Bound | Rate | Association)


def rate(fact: Rate, share: Array) -> Array:
    """Return the log probability that ``k`` of the ``n`` animals lie within the fact's bounds.

    Parameters
    ----------
    fact : Rate
    share : ndarray, shape (n_candidates,)
        Probability that one measured animal does.
    """
    total = np.zeros_like(share)
    for n in range(max(fact.n_low, fact.k), fact.n_high + 1):
        ways = gammaln(n + 1) - gammaln(fact.k + 1) - gammaln(n - fact.k + 1)
        total += np.exp(ways) * share**fact.k * (1 - share) ** (n - fact.k)
    return np.asarray(np.log(np.maximum(total / (fact.n_high - fact.n_low + 1), LEAST)))


def level(fact: Value | Bound, groups: Groups) -> tuple[Array, Array]:
    """Return what a paper would print, on the log scale: its middle and the spread about it, each (n_candidates,)."""
    n = _size(fact)
    arm = groups[fact.arm]
    x, variance = np.log(np.maximum(arm.mean, _NOTHING)), (arm.sd / np.maximum(arm.mean, _NOTHING)) ** 2 / n
    if fact.scale == "change":
        versus = groups[fact.versus]
        x = x - np.log(np.maximum(versus.mean, _NOTHING))
        variance = variance + (versus.sd / np.maximum(versus.mean, _NOTHING)) ** 2 / n
    told = 0.0
    if isinstance(fact, Value) and not np.isnan(fact.spread):
        told = fact.spread / abs(fact.value) / (np.sqrt(n) if fact.spread_kind == "sd" else 1.0)
    return x, np.sqrt(variance + MISFIT**2 + told**2)


def _level(fact: Value | Bound, groups: Groups) -> Array:
    x, spread = level(fact, groups)
    if isinstance(fact, Bound):
        ends = [fold_of(fact, end) for end in (fact.low, fact.high)]
        inside = ndtr((ends[1] - x) / spread) - ndtr((ends[0] - x) / spread)
        return np.asarray(np.log(np.maximum(inside, LEAST)))
    z = (fold_of(fact, fact.value) - x) / spread
    return np.asarray(-2.5 * np.log1p(z**2 / TAIL) - np.log(spread * 8 / 3))


def _size(fact: Fact) -> float:
    """Return animals per group: the mean of the ends and the middle of what the paper allows."""
    return float(np.unique(np.linspace(fact.n_low, fact.n_high, 3).round()).mean())


def fold_of(fact: Value | Bound, level: float) -> float:
    """Return the logarithm of a level in a fact's scale; of changes, of the fold."""
    if math.isinf(level):
        return float(level)
    fold = 1 + level / 100 if fact.scale == "change" else level
    return float(np.log(max(fold, _NOTHING)))
