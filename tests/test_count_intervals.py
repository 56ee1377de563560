"""Intervals of counts and of proportions in clusters: tables, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from senospine.stats import wilson_interval
from senospine.stats.counts import beta_binomial_interval, poisson_interval


def test_poisson_interval_inverts_the_distribution() -> None:
    low, high = poisson_interval([1, 5, 40])
    assert stats.poisson.sf(np.array([1, 5, 40]) - 1, low) == pytest.approx(0.025)
    assert stats.poisson.cdf([1, 5, 40], high) == pytest.approx(0.025)


@pytest.mark.parametrize("mean", [0.5, 3.0, 12.0])
def test_poisson_interval_covers_at_least_what_it_says(mean: float) -> None:
    counts = np.arange(200)
    low, high = poisson_interval(counts)
    assert stats.poisson.pmf(counts, mean)[(low <= mean) & (mean <= high)].sum() >= 0.95


def coverage(correlation: float, fields: int) -> tuple[float, float]:
    rng = np.random.default_rng(int(100 * correlation) + fields)
    hits, naive = 0, 0
    for _ in range(600):
        p = 0.3 if correlation == 0 else rng.beta(0.3 * (1 / correlation - 1), 0.7 * (1 / correlation - 1), fields)
        n = rng.integers(10, 30, fields)
        k = rng.binomial(n, p)
        low, high, _ = beta_binomial_interval(k, n)
        hits += low <= 0.3 <= high
        low, high = wilson_interval(k.sum(), n.sum())
        naive += bool(low <= 0.3 <= high)
    return hits / 600, naive / 600


@pytest.mark.parametrize(("correlation", "fields"), [(0.0, 6), (0.1, 6), (0.3, 12)])
def test_beta_binomial_interval_covers_where_wilson_does_not(correlation: float, fields: int) -> None:
    ours, naive = coverage(correlation, fields)
    assert 0.91 <= ours <= 0.995
    if correlation:
        assert naive < 0.85


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        poisson_interval(-1)
    with pytest.raises(ValueError, match="two fields"):
        beta_binomial_interval([3, 0], [10, 0])
