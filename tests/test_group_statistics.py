"""Statistics for a laboratory's groups, against closed forms, published tables and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from senospine.stats import (
    bootstrap_p,
    compare_proportions,
    compare_rates,
    fit_beta_binomial,
    fit_censored,
    fit_cumulative_logit,
    fit_random_intercept,
    gehan_scores,
    hedges_g,
    hedges_g_interval,
    intraclass_correlation,
    kaplan_meier_median,
    permutation_p,
    pooled_t,
    variance_split,
    weighted_kappa,
    welch,
)

#: Shrout and Fleiss 1979 (doi 10.1037/0033-2909.86.2.420), table 2: six targets, four judges
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


@pytest.mark.parametrize(
    ("form", "published"), [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71), ("1,k", 0.44), ("2,k", 0.62), ("3,k", 0.91)]
)
def test_intraclass_correlations_are_those_of_shrout_and_fleiss(form: str, published: float) -> None:
    assert intraclass_correlation(JUDGES, form) == pytest.approx(published, abs=0.005)  # type: ignore[arg-type]


def test_kappa_of_a_two_by_two_table_is_cohens() -> None:
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15  # agreement 0.70, by chance 0.50
    for weights in ("none", "linear", "quadratic"):
        assert weighted_kappa(first, second, weights) == pytest.approx(0.4)  # type: ignore[arg-type]
    assert np.isnan(weighted_kappa([2, 2], [2, 2]))


def test_quadratic_kappa_is_the_intraclass_correlation_of_many() -> None:
    """Fleiss and Cohen 1973 (doi 10.1177/001316447303300309): equal up to terms of one over n."""
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 6, 20_000)
    first, second = (np.clip(truth + generator.integers(-1, 2, truth.size), 0, 6) for _ in range(2))
    icc = intraclass_correlation(np.stack([first, second], axis=1))
    assert weighted_kappa(first, second) == pytest.approx(icc, abs=1e-4)


def test_welch_is_scipys_and_survives_what_does_not_vary() -> None:
    a, b = [3.1, 4.0, 5.2, 4.4], [1.0, 2.5, 3.0]
    assert welch(a, b).p == pytest.approx(scipy_stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert (welch([1, 1], [1, 1]).p, welch([2, 2], [1, 1]).p) == (1.0, 0.0)
    assert np.isnan(welch([1.0], [2.0, 3.0]).p)
    with pytest.raises(ValueError, match="finite"):
        welch([np.nan], [1.0])


def test_permutation_is_scipys_exact_one() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.normal(1, 1, 5), generator.normal(0, 1, 6)
    oracle = scipy_stats.permutation_test(
        (a, b), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), n_resamples=np.inf, vectorized=True
    )
    assert permutation_p(a, b) == pytest.approx(oracle.pvalue, abs=0.003)  # scipy doubles the smaller tail
    a, b = generator.normal(0, 1, 15), generator.normal(0, 1, 15)
    assert permutation_p(a, b) == pytest.approx(welch(a, b).p, abs=0.02)  # drawn, not listed


def test_hedges_g_is_unbiased_with_five_animals() -> None:
    generator = np.random.default_rng(3)
    a, b = generator.normal(1, 1, (20_000, 5)), generator.normal(0, 1, (20_000, 5))
    found = [hedges_g(x, y) for x, y in zip(a, b, strict=True)]
    assert np.mean(found) == pytest.approx(1.0, abs=0.02)
    low, high = hedges_g_interval(a[0], b[0])
    assert low < hedges_g(a[0], b[0]) < high
    assert np.isnan(hedges_g_interval([1.0, 1.0], [1.0, 1.0])[0])


def _nested(seed: int, sizes: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    unit = np.repeat(np.arange(len(sizes)), sizes)
    y = generator.normal(size=len(sizes))[unit] + generator.normal(size=unit.size)
    treated = (unit >= len(sizes) // 2).astype(float)
    return y, unit, np.stack([np.ones(unit.size), treated], axis=1)


def test_balanced_mixed_model_is_the_t_test_of_unit_means() -> None:
    y, unit, design = _nested(4, [6] * 10)
    fit = fit_random_intercept(y, design, unit)
    means = np.bincount(unit, y) / 6
    value, low, high, p = fit.contrast([0, 1], 8)
    assert value == pytest.approx(means[5:].mean() - means[:5].mean())
    assert p == pytest.approx(float(pooled_t(means[5:], means[:5]).p), rel=1e-6)
    assert low < value < high
    squares = np.array([((y[unit == i] - means[i]) ** 2).sum() for i in range(10)])
    split = variance_split(np.full(10, 6), means, squares, np.repeat([0, 1], 5))
    assert (fit.between, fit.within, fit.icc) == pytest.approx((split.between, split.within, split.icc), rel=1e-5)


def test_unbalanced_mixed_model_maximises_the_restricted_likelihood() -> None:
    y, unit, design = _nested(5, [3, 9, 4, 7, 2, 8])
    fit = fit_random_intercept(y, design, unit)

    def restricted(between: float, within: float) -> float:
        v = within * np.eye(len(y)) + between * (unit[:, None] == unit[None, :])
        inverse = np.linalg.inv(v)
        gram = design.T @ inverse @ design
        rest = y - design @ np.linalg.solve(gram, design.T @ inverse @ y)
        return float(-0.5 * (np.linalg.slogdet(v)[1] + np.linalg.slogdet(gram)[1] + rest @ inverse @ rest))

    best = restricted(fit.between, fit.within)
    for factor in (0.98, 1.02):
        assert restricted(fit.between * factor, fit.within) < best
        assert restricted(fit.between, fit.within * factor) < best
    v = fit.within * np.eye(len(y)) + fit.between * (unit[:, None] == unit[None, :])
    assert fit.covariance == pytest.approx(np.linalg.inv(design.T @ np.linalg.inv(v) @ design), rel=1e-6)
    with pytest.raises(ValueError, match="follows from"):
        fit_random_intercept(y, np.ones((len(y), 2)), unit)


def test_parametric_bootstrap_agrees_with_t_where_t_is_exact() -> None:
    y, unit, design = _nested(6, [5] * 8)
    p = fit_random_intercept(y, design, unit).contrast([0, 1], 6)[3]
    assert bootstrap_p(y, design, unit, [0, 1], resamples=999) == pytest.approx(p, abs=0.05)


def test_censored_fit_without_censoring_is_least_squares() -> None:
    generator = np.random.default_rng(7)
    y, group = generator.normal(3, 2, 12), np.repeat([0.0, 1.0], 6)
    fit = fit_censored(y, y, np.stack([np.ones(12), group], axis=1))
    a, b = y[group == 1], y[group == 0]
    oracle = scipy_stats.ttest_ind(a, b)
    assert fit.coefficients[1] == pytest.approx(a.mean() - b.mean(), rel=1e-6)
    assert fit.coefficients[1] / np.sqrt(fit.covariance[1, 1]) == pytest.approx(oracle.statistic, rel=1e-4)


def test_censored_fit_is_scipys_for_one_group() -> None:
    generator = np.random.default_rng(8)
    y = generator.normal(2, 1, 60)
    low, high = np.where(y < 1, -np.inf, np.minimum(y, 2.5)), np.where(y > 2.5, np.inf, np.maximum(y, 1.0))
    fit = fit_censored(low, high, np.ones((60, 1)))
    known = low == high
    data = scipy_stats.CensoredData(y[known], left=np.full((y < 1).sum(), 1.0), right=np.full((y > 2.5).sum(), 2.5))
    loc, scale = scipy_stats.norm.fit(data)
    assert fit.coefficients[0] == pytest.approx(loc, abs=1e-4)
    assert fit.sd * np.sqrt(59 / 60) == pytest.approx(scale, rel=1e-3)
    with pytest.raises(ValueError, match="only a bound"):
        fit_censored([30.0, 30.0, 4.0], [np.inf, np.inf, 4.0], [[1, 0], [1, 0], [1, 1]])


@pytest.mark.parametrize(
    ("times", "cut", "median"),
    [
        ([4.0, 9.0, 12.0], [0, 0, 0], (9.0, False)),
        ([4.0, 9.0, 30.0, 30.0], [0, 0, 1, 1], (19.5, True)),
        ([4.0, 9.0, 12.0, 30.0], [0, 0, 0, 1], (10.5, False)),
        ([30.0, 30.0], [1, 1], (30.0, True)),
        ([5.0], [0], (5.0, False)),
    ],
)
def test_median_of_times_with_a_cut_off(times: list[float], cut: list[int], median: tuple[float, bool]) -> None:
    assert kaplan_meier_median(times, cut) == median


def test_gehan_scores_are_ranks_without_censoring_and_ties_where_nothing_is_sure() -> None:
    y = np.array([3.0, 1.0, 2.0, 2.0])
    assert gehan_scores(y, y).tolist() == [3, -3, 0, 0]
    assert gehan_scores([30.0, 30.0, 5.0, 31.0], [np.inf, np.inf, 5.0, 31.0]).tolist() == [1, 1, -3, 1]


def test_beta_binomial_is_scipys_maximum() -> None:
    k, n = np.array([2, 9, 4, 7, 1, 8]), np.full(6, 10)
    fit = fit_beta_binomial(k, n)

    def likelihood(p: float, rho: float) -> float:
        return float(scipy_stats.betabinom.logpmf(k, n, p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho).sum())

    best = likelihood(fit.mean, fit.rho)
    for step in (-0.01, 0.01):
        assert likelihood(fit.mean + step, fit.rho) < best
        assert likelihood(fit.mean, fit.rho + step) < best
    assert fit.low < fit.mean < fit.high
    even = fit_beta_binomial([5, 5, 5], [10, 10, 10])
    assert (even.mean, even.rho) == (pytest.approx(0.5, abs=1e-6), 0.0)
    assert fit_beta_binomial([0, 0], [10, 10]).low == 0.0
    with pytest.raises(ValueError, match="successes"):
        fit_beta_binomial([11], [10])


def test_proportions_without_overdispersion_have_woolfs_error() -> None:
    found, dispersion = compare_proportions(([6, 6], [10, 10]), ([3, 3], [10, 10]))
    assert dispersion == pytest.approx(0)
    assert found.value == pytest.approx(np.log(12 * 14 / (8 * 6)))
    error = np.sqrt(1 / 12 + 1 / 8 + 1 / 6 + 1 / 14)
    assert found.high - found.value == pytest.approx(scipy_stats.t.ppf(0.975, 2) * error)
    assert np.isfinite(compare_proportions(([0, 0], [10, 10]), ([3, 3], [10, 10]))[0].p)


def test_rates_of_even_counts_have_poissons_error() -> None:
    found, dispersion = compare_rates(([20, 20], [2.0, 2.0]), ([10, 10], [2.0, 2.0]))
    assert dispersion == pytest.approx(0)
    assert (found.value, found.df) == (pytest.approx(np.log(2)), 2)
    assert found.high - found.value == pytest.approx(scipy_stats.t.ppf(0.975, 2) * np.sqrt(1 / 40 + 1 / 20))
    uneven, dispersion = compare_rates(([35, 5], [2.0, 2.0]), ([10, 10], [2.0, 2.0]))
    assert dispersion == pytest.approx((15**2 + 15**2) / 20 / 2)  # Pearson over two degrees of freedom
    assert uneven.p > found.p
    assert np.isfinite(compare_rates(([0, 0], [1, 1]), ([3, 1], [1, 1]))[0].value)
    with pytest.raises(ValueError, match="exposure"):
        compare_rates(([1], [0]), ([1], [1]))


def test_cumulative_logit_of_two_scores_is_the_odds_ratio() -> None:
    scores = [1] * 7 + [0] * 3 + [1] * 4 + [0] * 8
    fit = fit_cumulative_logit(scores, [True] * 10 + [False] * 12)
    assert fit.log_odds == pytest.approx(np.log(7 * 8 / (3 * 4)), abs=1e-4)
    assert fit.error == pytest.approx(np.sqrt(1 / 7 + 1 / 3 + 1 / 4 + 1 / 8), rel=1e-3)
    with pytest.raises(ValueError, match="do not overlap"):
        fit_cumulative_logit([1, 2, 3, 4], [False, False, True, True])


def test_cumulative_logit_recovers_odds_and_the_units_spread() -> None:
    generator = np.random.default_rng(9)
    unit = np.repeat(np.arange(400), 4)
    treated = unit >= 200
    shift = 1.2 * treated + 0.9 * generator.normal(size=400)[unit]
    scores = np.searchsorted([-1.0, 0.5, 1.5], shift + generator.logistic(size=1600))
    fit = fit_cumulative_logit(scores, treated, unit)
    assert fit.log_odds == pytest.approx(1.2, abs=3 * fit.error)
    assert fit.unit_sd == pytest.approx(0.9, abs=0.2)
    naive = fit_cumulative_logit(scores, treated)
    assert naive.error < fit.error  # discs as n know too much
