"""How probable a published fact is, given means and spreads of the groups it speaks of; for many candidates at once.

The same probabilities as the virtual laboratory's, without its repeats: the paper's test has a t statistic whose
distribution is known once the groups' means and SDs are. That is fast and smooth enough to climb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, ndtr, stdtrit

from senospine.evidence import Bound, Contrast, Fact, Value
from senospine.evidence.judging import ALPHA

Array = NDArray[np.float64]

#: chance that a contrast without a star would have been reported, relative to one with a star (assumption)
REPORTED = 0.3
#: a probability below this is told apart no more
LEAST = 1e-4
#: a noncentrality beyond this changes no probability
FARTHEST = 30.0
#: spread of a published mean beyond sampling, on the log scale: dose, strain, site and laboratory (assumption)
MISFIT = 0.15


@dataclass(frozen=True)
class Group:
    """Mean and SD of one measured animal, each of shape (n_candidates,)."""

    mean: Array
    sd: Array


Groups = Mapping[str, Group]


def log_probability(fact: Fact, groups: Groups) -> Array:
    """Return the log probability of a fact (of a value: its log density), shape (n_candidates,).

    Raises
    ------
    TypeError
        Of a kind that this likelihood does not know.
    """
    if isinstance(fact, Contrast):
        return np.asarray(np.log(np.maximum(_contrast(fact, groups), LEAST)))
    if isinstance(fact, Value | Bound):
        return _level(fact, groups)
    raise TypeError(f"no likelihood for a {fact.kind}")


def can_judge(fact: Fact) -> bool:
    """Return whether the likelihood knows this kind of fact."""
    return fact.testable and isinstance(fact, Contrast | Value | Bound)


def _sizes(fact: Fact) -> Array:
    """Return animals per group: the ends and the middle of what the paper allows."""
    return np.unique(np.linspace(fact.n_low, fact.n_high, 3).round())


def _contrast(fact: Contrast, groups: Groups) -> Array:
    arm, versus = groups[fact.arm], groups[fact.versus]
    variance = np.mean([groups[name].sd ** 2 for name in fact.groups], axis=0)
    total = np.zeros_like(arm.mean)
    sizes = _sizes(fact)
    for n in sizes:
        freedom = len(fact.groups) * (n - 1)
        shift = (arm.mean - versus.mean) / np.sqrt(np.maximum(variance, 1e-300) * 2 / n)
        critical = stdtrit(freedom, 1 - ALPHA / (2 * fact.comparisons))
        shift = np.clip(shift, -FARTHEST, FARTHEST)
        # SciPy's distribution has no number where it is about nothing
        up_star, down_star = (np.nan_to_num(nctdtr(freedom, side * shift, -critical)) for side in (-1, 1))
        total += _reported(fact, up_star, down_star, ndtr(shift))
    return np.asarray(total / len(sizes))


def _reported(fact: Contrast, up_star: Array, down_star: Array, up: Array) -> Array:
    """Return the probability of what was reported, given that something was."""
    if fact.significant == "unclear":
        return up if fact.direction == "up" else 1 - up
    star = up_star + down_star
    reported = star + REPORTED * (1 - star)
    if fact.significant == "yes":
        return (up_star if fact.direction == "up" else down_star) / reported
    plain = {"up": up - up_star, "down": 1 - up - down_star, "none": 1 - star}[fact.direction]
    return REPORTED * np.maximum(plain, 0.0) / reported


def _level(fact: Value | Bound, groups: Groups) -> Array:
    n = float(_sizes(fact).mean())
    arm = groups[fact.arm]
    x, variance = np.log(np.maximum(arm.mean, 1e-9)), (arm.sd / np.maximum(arm.mean, 1e-9)) ** 2 / n
    if fact.scale == "change":
        versus = groups[fact.versus]
        x = x - np.log(np.maximum(versus.mean, 1e-9))
        variance = variance + (versus.sd / np.maximum(versus.mean, 1e-9)) ** 2 / n
    spread = np.sqrt(variance + MISFIT**2)
    if isinstance(fact, Bound):
        ends = [_log(fact, end) for end in (fact.low, fact.high)]
        inside = ndtr((ends[1] - x) / spread) - ndtr((ends[0] - x) / spread)
        return np.asarray(np.log(np.maximum(inside, LEAST)))
    told = 0.0 if np.isnan(fact.spread) else fact.spread / abs(fact.value)
    spread = np.sqrt(spread**2 + (told / np.sqrt(n) if fact.spread_kind == "sd" else told) ** 2)
    z = (_log(fact, fact.value) - x) / spread
    return np.asarray(-2.5 * np.log1p(z**2 / 4) - np.log(spread * 8 / 3))  # Student's t, 4 degrees of freedom


def _log(fact: Value | Bound, level: float) -> float:
    if np.isinf(level):
        return float(level)
    fold = 1 + level / 100 if fact.scale == "change" else level
    return float(np.log(max(fold, 1e-9)))
