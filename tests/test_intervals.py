"""Wilson's interval against its own equation, against SciPy, and against a published one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from senospine.stats import wilson_interval

pairs = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(pairs, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_ends_solve_the_score_equation(pair: tuple[int, int], level: float) -> None:
    """Both ends p satisfy n (phat - p)^2 = z^2 p (1 - p): the definition (Wilson 1927)."""
    k, n = pair
    z = stats.norm.ppf(0.5 + level / 2)
    for p in map(float, wilson_interval(k, n, level)):
        assert n * (k / n - p) ** 2 == pytest.approx(z**2 * p * (1 - p), rel=1e-6, abs=1e-9)


@given(pairs)
def test_the_interval_holds_the_proportion_and_stays_between_zero_and_one(pair: tuple[int, int]) -> None:
    k, n = pair
    low, high = map(float, wilson_interval(k, n))
    assert 0 <= low <= k / n <= high <= 1
    if k == 0:
        assert low == 0.0  # not 2e-19: an empty cell would otherwise exclude zero
    if k == n:
        assert high == 1.0


@given(pairs)
def test_successes_and_failures_mirror_each_other(pair: tuple[int, int]) -> None:
    k, n = pair
    low, high = map(float, wilson_interval(k, n))
    other_low, other_high = map(float, wilson_interval(n - k, n))
    assert (low, high) == pytest.approx((1 - other_high, 1 - other_low), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (3, 10), (29, 55), (500, 1000)])
def test_agrees_with_scipy(k: int, n: int) -> None:
    peer = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert np.allclose(wilson_interval(k, n), (peer.low, peer.high), atol=1e-12)


def test_thrombocytopenia_of_wilson_2010() -> None:
    """Grade 3-4 in 29 of 55 patients: 53 % (40-65), doi 10.1016/S1470-2045(10)70261-8."""
    low, high = wilson_interval(29, 55)
    assert (round(float(low), 3), round(float(high), 3)) == (0.398, 0.653)


def test_arrays_broadcast() -> None:
    low, high = wilson_interval([0, 5, 10], 10)
    assert low.shape == high.shape == (3,)
    assert (np.diff(low) > 0).all()


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (0, 0), (0, -3), ([1, 2], [1, 1])])
def test_impossible_counts_are_refused(k: object, n: object) -> None:
    with pytest.raises(ValueError, match="0 <= successes <= trials"):
        wilson_interval(k, n)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson_interval(1, 2, level)


def test_coverage_is_near_the_level() -> None:
    """The exact coverage, summed over the binomial distribution, averages 95 % (Agresti and Coull 1998)."""
    n, k = 40, np.arange(41)
    low, high = wilson_interval(k, n)
    grid = np.linspace(0.05, 0.95, 181)
    coverage = [stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum() for p in grid]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
