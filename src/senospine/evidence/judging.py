"""What the repeats of an experiment say to one published fact: the same statistic, and how often it comes out so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senospine.evidence.facts import Association, Bound, Contrast, Fact, Rate, Value
from senospine.stats import pooled_t

Array = NDArray[np.float64]
Groups = Mapping[str, Array]

#: significance level of every published test
ALPHA = 0.05
#: degrees of freedom of the density put through the repeats of a value: heavy tails, so that a miss costs bits, not all
TAIL = 4


@dataclass(frozen=True)
class Repeats:
    """What the repeats found for one fact.

    Attributes
    ----------
    up_star, up, down, down_star : float
        Shares of repeats, which sum to one: significant rise, rise, fall, significant fall. A difference of exactly
        zero counts half and half. A fact without a test has no stars.
    ratio : float
        Median over repeats of the fact's statistic: of contrasts the arms' mean ratio, arm over versus; of values
        and bounds the mean in the fact's scale; of rates the count; of associations the correlation.
    ratio_low, ratio_high, ratio_q25, ratio_q75 : float
        Its central 90 and 50 % over repeats.
    repeats : int
    without_ratio : float
        Share of repeats in which the control group's mean is zero; they have no ratio and are left out of it.
    published : float or None
        Of kinds without a test: probability of what was published. Of a value it is a density, see :func:`density`.
    """

    up_star: float
    up: float
    down: float
    down_star: float
    ratio: float
    ratio_low: float
    ratio_high: float
    repeats: int
    without_ratio: float = 0.0
    published: float | None = None
    ratio_q25: float = math.nan
    ratio_q75: float = math.nan

    @property
    def rise(self) -> float:
        """Share of repeats with a rise, significant or not."""
        return self.up_star + self.up

    @property
    def star(self) -> float:
        """Share of repeats that are significant, either way."""
        return self.up_star + self.down_star


def judge(fact: Fact, measured: Mapping[str, Groups]) -> Repeats:
    """Return what repeats say to a fact.

    Parameters
    ----------
    fact : Fact
    measured : mapping of read-out to arm to array (repeats, animals)
        NaN beyond a group's size.
    """
    groups = measured[fact.readout]
    if isinstance(fact, Contrast):
        return _contrast(fact, groups)
    if isinstance(fact, Association):
        return _association(groups[fact.arm], measured[fact.with_readout][fact.arm])
    if isinstance(fact, Rate):
        return _rate(fact, groups[fact.arm])
    assert isinstance(fact, Value | Bound)
    return _level(fact, groups)


def _contrast(fact: Contrast, groups: Groups) -> Repeats:
    others = [groups[arm] for arm in fact.groups if arm not in {fact.arm, fact.versus}]
    test = pooled_t(groups[fact.arm], groups[fact.versus], others, comparisons=fact.comparisons)
    arm, versus = (np.nanmean(groups[name], axis=1) for name in (fact.arm, fact.versus))
    known = versus > 0
    return _signed(test.difference, test.p < ALPHA, arm[known] / versus[known], float(1 - known.mean()))


def _association(one: Array, other: Array) -> Repeats:
    """Pearson's correlation over one arm's animals, and its t test."""
    n = np.isfinite(one).sum(axis=1)
    a, b = (values - np.nanmean(values, axis=1, keepdims=True) for values in (one, other))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.nansum(a * b, axis=1) / np.sqrt(np.nansum(a * a, axis=1) * np.nansum(b * b, axis=1))
    r = np.nan_to_num(r)  # values all alike go with nothing
    t = r * np.sqrt((n - 2) / np.maximum(1 - r * r, 1e-300))
    return _signed(r, 2 * stats.t.sf(np.abs(t), n - 2) < ALPHA, r, 0.0)


def _signed(difference: Array, star: NDArray[np.bool_], statistic: Array, without: float) -> Repeats:
    up = np.where(difference == 0, 0.5, difference > 0)
    return Repeats(
        float((up * star).mean()), float((up * ~star).mean()), float(((1 - up) * ~star).mean()),
        float(((1 - up) * star).mean()), *_middle(statistic), len(difference), without, None, *_quartiles(statistic),
    )  # fmt: skip


def _level(fact: Value | Bound, groups: Groups) -> Repeats:
    means = np.nanmean(groups[fact.arm], axis=1)
    without = 0.0
    if fact.scale == "change":
        versus = np.nanmean(groups[fact.versus], axis=1)
        known = versus > 0
        means, without = 100 * (means[known] / versus[known] - 1), float(1 - known.mean())
    up = np.where(means == 0, 0.5, means > 0) if fact.scale == "change" else np.full(len(means), 0.5)
    if not len(means):
        published = 0.0
    elif isinstance(fact, Bound):
        published = float(((means >= fact.low) & (means <= fact.high)).mean())
    else:
        published = density(fact, means)
    rise = float(up.mean()) if len(up) else 0.5
    return Repeats(
        0.0, rise, 1 - rise, 0.0, *_middle(means), len(groups[fact.arm]), without, published, *_quartiles(means)
    )


def logarithm(fact: Value | Bound, level: Array | float) -> Array:
    """Return a level as the logarithm of a fold (changes) or of itself, where densities are told."""
    fold = 1 + np.asarray(level, dtype=float) / 100 if fact.scale == "change" else np.asarray(level, dtype=float)
    return np.asarray(np.log(np.maximum(fold, 1e-6)))


def density(fact: Value, means: Array) -> float:
    """Return the density of the published mean under the repeats, per factor of e.

    A Student's t with 4 degrees of freedom is put through the repeats: its centre is their median, its quartiles
    theirs. The published mean carries its own sampling, as each repeat's does.
    """
    x = logarithm(fact, means)
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
    scale = max(float(high - low) / (2 * float(stats.t.ppf(0.75, TAIL))), 1e-3)
    return float(stats.t.pdf(float(logarithm(fact, fact.value)), TAIL, float(middle), scale))


def _rate(fact: Rate, values: Array) -> Repeats:
    present = np.isfinite(values)
    hit = (values >= fact.low) & (values <= fact.high) & present
    counts = hit.sum(axis=1).astype(float)
    published = (float((counts == fact.k).sum()) + 0.5) / (len(counts) + 0.5 * (fact.n_high + 1))
    return Repeats(0.0, 0.5, 0.5, 0.0, *_middle(counts), len(counts), 0.0, published, *_quartiles(counts))


def _quartiles(statistic: Array) -> tuple[float, float]:
    low, high = np.quantile(statistic, [0.25, 0.75]) if len(statistic) else (math.nan, math.nan)
    return float(low), float(high)


def _middle(statistic: Array) -> tuple[float, float, float]:
    """Return the median and the central 90 %."""
    if not len(statistic):
        return (math.nan,) * 3
    low, middle, high = np.quantile(statistic, [0.05, 0.5, 0.95])
    return float(middle), float(low), float(high)
