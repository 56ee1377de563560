"""Estimates after stopping: rpact's figures, the test they belong to, limits, and simulated trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from scipy.optimize import brentq

from senospine.errors import AnalysisError
from senospine.stats.sequential import (
    Boundaries,
    classical_boundaries,
    spending_boundaries,
    stopping_probabilities,
)
from senospine.stats.stagewise import after_stopping, after_stopping_many

PLANS = [
    ("obrien-fleming", [0.5, 1.0], None),
    ("pocock", [0.3, 0.7, 1.0], None),
    ("obrien-fleming", [0.4, 0.8, 1.0], 0.0),
]


def floors(plan: Boundaries, futility: float | None) -> np.ndarray:
    floor = -plan.critical.copy()
    if futility is not None:
        floor[:-1] = np.maximum(floor[:-1], futility)
    return floor


def stopped(
    plan: Boundaries, floor: np.ndarray, drift: float, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return estimate, standard error and look of simulated trials with information 1 at the end."""
    times = plan.information
    steps = np.diff(times, prepend=0.0)
    noise = np.random.default_rng(seed).normal(size=(n, len(times)))
    z = np.cumsum(noise * np.sqrt(steps) + drift * steps, axis=1) / np.sqrt(times)
    out = (z >= plan.critical) | (z <= floor)
    out[:, -1] = True
    look = out.argmax(axis=1)
    se = times[look] ** -0.5
    return z[np.arange(n), look] * se, se, look + 1


def test_rpact_says_the_same() -> None:
    """Its test of a mean: four looks, Wang-Tsiatis 0.4, binding futility, stopped at the third (rpact 3.5.0)."""
    times, futility = np.arange(1, 5) / 4, np.array([0.5244, 0.5244, 0.5244, -np.inf])
    form = times**-0.1

    def rejects(constant: float) -> float:  # the last look's p value of its own bar is all of alpha
        bars = constant * form
        return float(after_stopping_many([bars[-1]], [1.0], [4], times, bars, futility).p_higher[0]) - 0.025

    bars = brentq(rejects, 1.5, 3.0, xtol=1e-12) * form
    plan = Boundaries(times, bars, np.full(4, np.nan), 1, "Wang-Tsiatis 0.4")
    n, mean, sd = np.array([120, 130, 130]), np.array([45.0, 41.0, 45.0]), np.array([130.0, 140.0, 120.0])
    whole = n @ mean / n.sum()
    se = np.sqrt(((n - 1) @ sd**2 + n @ (mean - whole) ** 2) / (n.sum() - 1) / n.sum())
    z = special.ndtri(stats.t.cdf((whole - 25) / se, n.sum() - 1))  # rpact goes on from the normal score
    found = after_stopping(plan, 3, z * se, se, futility=0.5244, binding=True)
    assert found.p == pytest.approx(0.014723218, abs=2e-8)
    assert 25 + found.estimate == pytest.approx(42.083093, abs=3e-6)
    assert 25 + found.lower == pytest.approx(26.836053, abs=3e-6)
    assert 25 + found.upper == pytest.approx(56.851998, abs=3e-6)


def test_one_look_is_the_fixed_sample_with_its_t_interval() -> None:
    plan = spending_boundaries([1.0])
    found = after_stopping(plan, 1, 1.7, 0.6, df=23)
    half = stats.t.ppf(0.975, 23) * 0.6
    np.testing.assert_allclose([found.estimate, found.lower, found.upper], [1.7, 1.7 - half, 1.7 + half], atol=1e-12)
    assert found.p == pytest.approx(2 * stats.t.sf(1.7 / 0.6, 23), abs=1e-12)
    first = after_stopping(spending_boundaries([0.5, 1.0]), 1, 3.5, 1.0)  # nothing was chosen before the first look
    np.testing.assert_allclose([first.estimate, first.lower], [3.5, 3.5 - stats.norm.ppf(0.975)], atol=1e-12)


def test_a_bar_nobody_reaches_changes_nothing() -> None:
    plan = Boundaries(np.array([0.5, 1.0]), np.array([40.0, 1.96]), np.array([0.0, 0.05]), 2, "none")
    found = after_stopping(plan, 2, 0.8, 0.5, df=40)
    fixed = after_stopping(spending_boundaries([1.0]), 1, 0.8, 0.5, df=40)
    np.testing.assert_allclose([found.estimate, found.lower, found.upper, found.p],
                               [fixed.estimate, fixed.lower, fixed.upper, fixed.p], atol=1e-7)  # fmt: skip


@pytest.mark.parametrize(("spending", "times", "futility"), PLANS)
@pytest.mark.parametrize("drift", [0.0, 1.5, 3.2])
def test_medians_and_intervals_hold_in_simulated_trials(
    spending: str, times: list[float], futility: float | None, drift: float
) -> None:
    """Half of the estimates lie below the drift and 95 % of the intervals hold it; unadjusted ones do not."""
    plan = spending_boundaries(times, spending=spending)
    floor = floors(plan, futility)
    estimate, se, look = stopped(plan, floor, drift, 1600, 7)
    found = after_stopping_many(estimate, se, look, plan.information, plan.critical, floor)
    n = len(estimate)
    assert abs((found.estimate < drift).mean() - 0.5) < 4 * 0.5 / n**0.5
    assert abs(((found.lower <= drift) & (drift <= found.upper)).mean() - 0.95) < 4 * (0.95 * 0.05 / n) ** 0.5
    assert abs((found.lower > drift).mean() - 0.025) < 4 * (0.025 * 0.975 / n) ** 0.5
    if drift == 3.2:
        assert (estimate < drift).mean() < (found.estimate < drift).mean() - 0.01
        assert abs(found.estimate.mean() - drift) < abs(estimate.mean() - drift)


@pytest.mark.parametrize(("spending", "times", "futility"), PLANS[:2])
def test_p_is_below_alpha_where_the_test_rejects_and_the_interval_leaves_zero_out(
    spending: str, times: list[float], futility: float | None
) -> None:
    plan = spending_boundaries(times, spending=spending)
    floor = floors(plan, futility)
    estimate, se, look = stopped(plan, floor, 1.8, 800, 11)
    found = after_stopping_many(estimate, se, look, plan.information, plan.critical, floor)
    rejected = np.abs(estimate / se) >= plan.critical[look - 1]
    np.testing.assert_array_equal(found.p <= 0.05, rejected)
    np.testing.assert_array_equal((found.lower > 0) | (found.upper < 0), rejected)


def test_outcomes_are_ordered_by_stage() -> None:
    """Higher Z at one look, earlier successes, later harms: each ranks above the one before it."""
    plan = spending_boundaries([0.4, 0.7, 1.0], spending="pocock")
    outcomes = [(1, -3.0), (1, -2.5), (2, -2.6), (3, -1.0), (3, 0.0), (3, 2.0), (3, 4.0), (2, 2.4), (2, 3.0),
                (1, 2.5), (1, 3.0)]  # fmt: skip
    se = plan.information[[look - 1 for look, _ in outcomes]] ** -0.5
    z = np.array([z for _, z in outcomes])
    found = after_stopping_many(z * se, se, [look for look, _ in outcomes], plan.information, plan.critical,
                                -plan.critical)  # fmt: skip
    for values in (found.estimate, found.lower, found.upper, -found.p_higher):
        assert (np.diff(values) > 0).all()


def test_at_the_bar_p_is_what_had_been_spent() -> None:
    plan = classical_boundaries(4, sided=1, alpha=0.025)
    for look in (1, 2, 3, 4):
        se = float(plan.information[look - 1]) ** -0.5
        found = after_stopping(plan, look, float(plan.critical[look - 1]) * se, se)
        assert found.p == pytest.approx(plan.spent[look - 1], abs=1e-10)
    reached = stopping_probabilities(plan.information, plan.critical, sided=1, drift=found.lower)
    assert reached.sum() == pytest.approx(0.025, abs=1e-8)  # at the lower end the outcome is that rare


def test_a_futility_bound_counts_only_where_it_is_binding() -> None:
    plan = spending_boundaries([0.5, 1.0])
    plain = after_stopping(plan, 2, 2.2, 1.0)
    loose = after_stopping(plan, 2, 2.2, 1.0, futility=[0.5])
    tight = after_stopping(plan, 2, 2.2, 1.0, futility=[0.5], binding=True)
    assert (loose.estimate, loose.p) == (plain.estimate, plain.p)
    assert tight.estimate > plain.estimate
    assert tight.p < plain.p
    assert "not binding" in str(loose)
    assert "median-unbiased = " in tight.summary()


def test_information_may_have_any_unit_and_many_are_one_by_one() -> None:
    plan = spending_boundaries([0.5, 0.75, 1.0])
    came = np.array([[12.0, 19.0, 26.0], [11.0, 20.0, np.nan]])
    many = after_stopping_many([0.42, 0.55], [26**-0.5, 20**-0.5], [3, 2], came, plan.critical, -plan.critical,
                               df=[55.0, 40.0])  # fmt: skip
    for index, (look, estimate, df) in enumerate([(3, 0.42, 55.0), (2, 0.55, 40.0)]):
        one = after_stopping(plan, look, estimate, came[index, look - 1] ** -0.5, information=3 * came[index], df=df)
        got = [many.estimate[index], many.lower[index], many.upper[index], many.p[index]]
        np.testing.assert_allclose(got, [one.estimate, one.lower, one.upper, one.p], rtol=1e-7)
    none = after_stopping_many([np.nan, 0.5], [0.2, 0.2], [2, 2], [0.5, 1.0], [2.9, 1.97], [-2.9, -1.97])
    np.testing.assert_array_equal(np.isnan(none.estimate), [True, False])


def test_what_cannot_be_is_refused() -> None:
    plan = spending_boundaries([0.5, 1.0])
    with pytest.raises(AnalysisError, match="no look 3"):
        after_stopping(plan, 3, 1.0, 1.0)
    with pytest.raises(AnalysisError, match="level"):
        after_stopping(plan, 1, 1.0, 1.0, level=95)
    with pytest.raises(AnalysisError, match="do not belong together"):
        after_stopping(plan, 1, 1.0, 0.0)
    with pytest.raises(AnalysisError, match="must rise"):
        after_stopping(plan, 2, 1.0, 1.0, information=[2.0, 1.0])
