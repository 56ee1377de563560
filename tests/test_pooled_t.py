"""Group comparisons: the textbook's formula, SciPy, the size of the test, and the thresholds they imply."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from senospine.stats import pooled_t

GENERATOR = np.random.default_rng(20240913)


def bonferroni_by_hand(groups: list[np.ndarray], pairs: int) -> float:
    """One-way analysis of variance, then the post-hoc t of the first two: written from the textbook."""
    within = sum(sum((x - sum(g) / len(g)) ** 2 for x in g) for g in groups)
    df = sum(len(g) for g in groups) - len(groups)
    error = math.sqrt(within / df * (1 / len(groups[0]) + 1 / len(groups[1])))
    t = abs(sum(groups[0]) / len(groups[0]) - sum(groups[1]) / len(groups[1])) / error
    return min(1.0, pairs * 2 * float(stats.t.sf(t, df)))


def test_closed_form_with_two_degrees_of_freedom() -> None:
    """For n = 2 and 2 the t distribution has the closed form p = 1 - t / sqrt(2 + t^2)."""
    result = pooled_t([1.0, 3.0], [6.0, 8.0])
    t = 5 / math.sqrt(2.0)
    assert float(result.difference) == -5.0
    assert float(result.df) == 2.0
    assert float(result.p) == pytest.approx(1 - t / math.sqrt(2 + t**2), rel=1e-12)


def test_agrees_with_scipy_over_many_repeats_at_once() -> None:
    a, b = GENERATOR.normal(size=(2, 50, 7))
    peer = stats.ttest_ind(a, b[:, :5], axis=1, equal_var=True)
    result = pooled_t(a, b[:, :5])
    assert np.allclose(result.p, peer.pvalue, rtol=1e-10)
    assert np.allclose(result.difference, a.mean(1) - b[:, :5].mean(1))


def test_agrees_with_the_pooled_post_hoc_of_a_one_way_analysis() -> None:
    for sizes in [(4, 4, 4), (3, 5, 6), (2, 2, 9), (1, 4, 3), (6, 6, 6, 6)]:
        groups = [GENERATOR.normal(i, 2.0, n) for i, n in enumerate(sizes)]
        pairs = len(sizes) * (len(sizes) - 1) // 2
        result = pooled_t(groups[0], groups[1], groups[2:], comparisons=pairs)
        assert float(result.p) == pytest.approx(bonferroni_by_hand(groups, pairs), rel=1e-10)
        assert float(result.df) == sum(sizes) - len(sizes)


def test_missing_animals_may_differ_from_repeat_to_repeat() -> None:
    values = GENERATOR.normal(size=(3, 40, 8))
    sizes = GENERATOR.integers(1, 9, size=(3, 40))
    masked = np.where(np.arange(8) < sizes[..., None], values, np.nan)
    result = pooled_t(masked[0], masked[1], [masked[2]], comparisons=3)
    for repeat in range(40):
        groups = [values[g, repeat, : sizes[g, repeat]] for g in range(3)]
        if sizes[:, repeat].sum() > 3:
            assert result.p[repeat] == pytest.approx(bonferroni_by_hand(groups, 3), rel=1e-9)
        else:
            assert np.isnan(result.p[repeat])


def test_where_the_missing_animals_stand_does_not_matter() -> None:
    nan = np.nan
    assert pooled_t([nan, 1.0, nan, 3.0], [5.0, nan, 4.0]).p == pooled_t([1.0, 3.0], [5.0, 4.0]).p


@given(st.integers(2, 8), st.integers(2, 8), st.floats(-1e3, 1e3), st.floats(0.01, 100), st.integers(0, 1000))
@settings(max_examples=60)
def test_shift_scale_and_order_change_nothing(n: int, m: int, shift: float, scale: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=n), generator.normal(1, 1, m)
    plain, moved = pooled_t(a, b), pooled_t(shift + scale * a[::-1], shift + scale * b)
    assert float(moved.p) == pytest.approx(float(plain.p), rel=1e-5)
    assert float(pooled_t(b, a).p) == pytest.approx(float(plain.p), rel=1e-12)


def test_factor_multiplies_p_and_stops_at_one() -> None:
    a, b = [1.0, 2.0, 3.0], [2.0, 3.0, 4.5]
    single = float(pooled_t(a, b).p)
    assert float(pooled_t(a, b, comparisons=3).p) == pytest.approx(3 * single)
    assert float(pooled_t(a, b, comparisons=100).p) == 1.0


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [
        ([2.0, 2.0], [2.0, 2.0], 1.0),
        ([2.0, 2.0], [3.0, 3.0], 0.0),
        ([0.1] * 3, [0.1] * 4, 1.0),  # 0.1 + 0.1 + 0.1 is not 0.3: rounding is neither difference nor variance
        ([0.1] * 7, [0.7] * 3, 0.0),
        ([0.0] * 4, [0.0] * 4, 1.0),
    ],
)
def test_no_variance_at_all(a: list[float], b: list[float], p: float) -> None:
    assert float(pooled_t(a, b).p) == p


def test_a_tie_is_a_tie_whatever_the_order_of_the_animals() -> None:
    """Means of thirds, as withdrawals are, used to differ by 1e-16: a tie then counted as a rise."""
    a = np.array([1, 2, 3, 4, 6]) / 3
    assert float(pooled_t([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]).difference) == 0.0
    for order in ([4, 2, 0, 1, 3], [3, 1, 4, 0, 2]):
        assert float(pooled_t(a, a[order]).difference) == 0.0
    assert float(pooled_t([0.1, 0.2, 0.3], [0.3, 0.2, 0.1 + 1e-12]).difference) != 0.0


def test_where_no_test_can_be_made_p_is_not_a_number() -> None:
    nan = np.nan
    assert np.isnan(pooled_t([1.0], [2.0]).p)
    assert np.isnan(pooled_t([nan, nan], [1.0, 2.0]).p)
    assert np.isnan(pooled_t([nan], [nan]).p)
    assert float(pooled_t([1.0], [2.0, 3.0]).df) == 1.0  # the other group lends its variance
    assert np.isfinite(pooled_t([1.0], [2.0], [[5.0, 6.0, 7.0]]).p)


def test_one_control_serves_many_repeats_and_an_empty_group_none() -> None:
    a, control, third = GENERATOR.normal(size=(10, 5)), [1.0, 2.0, 4.0], np.ones((10, 3))
    result = pooled_t(a, control, [third])
    assert np.allclose(result.p, [float(pooled_t(row, control, [[1.0] * 3]).p) for row in a], rtol=1e-12)
    assert np.isnan(pooled_t([], [1.0, 2.0]).p)


def test_fewer_than_one_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        pooled_t([1.0, 2.0], [1.0, 2.0], comparisons=0)


@pytest.mark.parametrize(("others", "comparisons", "rate"), [(0, 1, 0.05), (1, 3, 0.05 / 3)])
def test_size_under_the_null(others: int, comparisons: int, rate: float) -> None:
    repeats = 40_000
    groups = np.random.default_rng(5).normal(size=(2 + others, repeats, 5))
    found = (pooled_t(groups[0], groups[1], list(groups[2:]), comparisons=comparisons).p < 0.05).mean()
    assert found == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / repeats))


def test_family_wise_error_of_three_pairs_stays_below_five_percent() -> None:
    a, b, c = np.random.default_rng(6).normal(size=(3, 40_000, 4))
    found = [pooled_t(x, y, [z], comparisons=3).p < 0.05 for x, y, z in ((a, b, c), (a, c, b), (b, c, a))]
    assert 0.03 < np.any(found, axis=0).mean() <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 40_000)


@pytest.mark.parametrize(("n", "two", "three"), [(3, 2.27, 2.68), (4, 1.73, 2.07), (6, 1.29, 1.56), (12, 0.85, 1.03)])
def test_smallest_difference_that_earns_a_star(n: int, two: float, three: float) -> None:
    """Observed |d| at p = 0.05, as derived for Pan 2024 (doi 10.7554/eLife.92889)."""
    base = np.linspace(-1, 1, n)
    base /= base.std(ddof=1)  # every group has SD one, so the difference is d

    def excess(d: float, groups: int, comparisons: int) -> float:
        return float(pooled_t(base + d, base, [base] * (groups - 2), comparisons=comparisons).p) - 0.05

    assert round(brentq(excess, 0.1, 9, args=(2, 1)), 2) == two
    assert round(brentq(excess, 0.1, 9, args=(3, 3)), 2) == three
