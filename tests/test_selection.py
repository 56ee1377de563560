"""Estimates after a choice: closed forms against brute force, the bivariate normal, limits, and simulated trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from senospine.errors import AnalysisError
from senospine.stats.selection import Selected, after_selection, pooled_df

CASES = [
    (0.0, 0.0, 0.0, 0.3, 0.3, 0.3),  # effects of the chosen and of the other, threshold, standard errors
    (0.4, 0.1, 0.2, 0.3, 0.4, 0.25),
    (0.0, 0.6, 0.0, 0.25, 0.3, 0.4),  # hardly ever chosen
]


def simulated(case: tuple[float, ...], n: int) -> tuple[Selected, np.ndarray]:
    """Return estimates of n trials in which X - M was above the threshold, and which of them the plain pool holds."""
    mine, other, threshold, s1, so, s2 = case
    generator = np.random.default_rng(5)
    x, m, y = (generator.normal(mean, sd, 60 * n) for mean, sd in ((mine, s1), (other, so), (mine, s2)))
    kept = np.flatnonzero(x - m > threshold)[:n]
    found = after_selection(x[kept], s1, y[kept], s2, above=m[kept] + threshold)
    return found, np.abs(found.pooled - mine) < 1.959964 * found.pooled_se


@pytest.mark.parametrize("case", CASES)
def test_given_the_choice_estimates_are_unbiased_and_intervals_hold(case: tuple[float, ...]) -> None:
    truth, n = case[0], 1500
    found, _ = simulated(case, n)
    error = found.unbiased.std() / n**0.5
    assert abs((found.unbiased - truth).mean()) < 4 * error
    assert abs((found.median < truth).mean() - 0.5) < 4 * 0.5 / n**0.5
    assert abs(((found.lower <= truth) & (truth <= found.upper)).mean() - 0.95) < 4 * (0.95 * 0.05 / n) ** 0.5
    assert (found.pooled - truth).mean() > 8 * error  # the plain pool flatters what was chosen
    square = {name: np.mean((getattr(found, name) - truth) ** 2) for name in ("unbiased", "median", "second")}
    assert square["unbiased"] < square["second"]  # the second stage alone wastes the first
    assert square["median"] < square["second"]
    assert (found.upper - found.lower).mean() < 2 * 1.96 * case[5]
    np.testing.assert_array_equal(found.p <= 0.05, (found.lower > 0) | (found.upper < 0))


def test_the_plain_pool_misses_what_is_rarely_chosen() -> None:
    found, plain = simulated(CASES[2], 1500)
    assert plain.mean() < 0.94
    assert ((found.lower <= 0) & (found.upper >= 0)).mean() > plain.mean() + 0.01


def test_the_unbiased_estimate_is_the_second_stage_averaged_given_the_pool() -> None:
    """E[Y | pool, X > a], by numerical integration over X."""
    x, s1, y, s2, limit = 0.9, 0.3, 0.4, 0.5, 0.7
    found = after_selection(x, s1, y, s2, above=limit)
    pooled = float(found.pooled[0])
    weight = s2**2 / (s1**2 + s2**2)

    def density(value: float) -> float:
        other = (pooled - weight * value) / (1 - weight)
        return float(stats.norm.pdf(value, pooled, s1) * stats.norm.pdf(other, pooled, s2))

    def mean_part(value: float) -> float:
        return density(value) * (pooled - weight * value) / (1 - weight)

    whole = integrate.quad(density, limit, 4, epsabs=1e-13)[0]
    assert found.unbiased[0] == pytest.approx(integrate.quad(mean_part, limit, 4, epsabs=1e-13)[0] / whole, abs=1e-8)


@pytest.mark.parametrize(("above", "below"), [(0.7, np.inf), (-np.inf, 1.1), (0.7, 1.1)])
def test_the_ends_are_quantiles_of_the_bivariate_normal(above: float, below: float) -> None:
    x, s1, y, s2 = 0.9, 0.3, 0.4, 0.5
    found = after_selection(x, s1, y, s2, above=above, below=below, level=0.9)
    weight, pooled = s2**2 / (s1**2 + s2**2), float(found.pooled[0])
    v = s1**2 * weight  # of the pool, and its covariance with X

    def lower(mu: float) -> float:
        joint = stats.multivariate_normal([mu, mu], [[s1**2, v], [v, v]], abseps=1e-10)
        cdf = [0.0 if end == -np.inf else joint.cdf([min(end, mu + 12), pooled]) for end in (above, below)]
        return (cdf[1] - cdf[0]) / (stats.norm.cdf(below, mu, s1) - stats.norm.cdf(above, mu, s1))

    for end, target in ((found.median, 0.5), (found.lower, 0.95), (found.upper, 0.05)):
        assert lower(float(end[0])) == pytest.approx(target, abs=1e-6)
    assert found.p[0] == pytest.approx(2 * min(lower(0.0), 1 - lower(0.0)), abs=1e-6)


def test_without_limits_nothing_is_adjusted() -> None:
    found = after_selection([0.9, -0.2], 0.3, [0.4, 0.3], 0.4)
    for name in ("unbiased", "median"):
        np.testing.assert_allclose(getattr(found, name), found.pooled, atol=1e-7)
    half = 1.959963984540054 * found.pooled_se
    np.testing.assert_allclose(found.lower, found.pooled - half, atol=1e-7)
    np.testing.assert_allclose(found.p, 2 * stats.norm.sf(np.abs(found.pooled / found.pooled_se)), atol=1e-9)


def test_degrees_of_freedom_are_those_of_the_t_interval_where_nothing_was_chosen() -> None:
    df = pooled_df(0.3, 20.0, 0.4, 50.0)
    pieces = 0.3**-2, 0.4**-2  # variances of the weighted stages over their sum squared
    assert df == pytest.approx(sum(pieces) ** 2 / (pieces[0] ** 2 / 20 + pieces[1] ** 2 / 50))
    found = after_selection(0.9, 0.3, 0.4, 0.4, df=df)
    np.testing.assert_allclose(found.upper, found.pooled + stats.t.ppf(0.975, df) * found.pooled_se, atol=1e-7)
    np.testing.assert_allclose(found.p, 2 * stats.t.sf(found.pooled / found.pooled_se, df), atol=1e-8)
    chosen, few = (after_selection(0.9, 0.3, 0.4, 0.4, above=0.8, df=free) for free in (np.inf, 12.0))
    np.testing.assert_allclose(few.median, chosen.median, atol=1e-7)
    assert few.lower < chosen.lower < few.median < chosen.upper < few.upper


def test_sides_mirror_and_far_tails_keep_their_digits() -> None:
    up = after_selection(0.9, 0.3, 0.4, 0.3, above=0.85)
    down = after_selection(-0.9, 0.3, -0.4, 0.3, below=-0.85)
    for name, other in (("unbiased", "unbiased"), ("median", "median"), ("lower", "upper")):
        np.testing.assert_allclose(getattr(up, name), -getattr(down, other), rtol=1e-8)
    # chosen by a hair and against all odds: the first stage tells next to nothing, the second is left
    far = after_selection(6.0001, 0.5, 0.0, 0.5, above=6.0)
    assert np.isfinite([far.unbiased[0], far.median[0], far.lower[0], far.upper[0]]).all()
    assert far.lower[0] < far.second[0] < far.upper[0]
    assert abs(far.unbiased[0]) < 0.2 < 3 < far.pooled[0] + 0.1


def test_what_cannot_be_is_refused_and_the_missing_stay_missing() -> None:
    with pytest.raises(AnalysisError, match="outside the limits"):
        after_selection(0.5, 0.3, 0.4, 0.3, above=0.6)
    with pytest.raises(AnalysisError, match="positive"):
        after_selection(0.5, 0.0, 0.4, 0.3)
    with pytest.raises(AnalysisError, match="level"):
        after_selection(0.5, 0.3, 0.4, 0.3, level=1.5)
    found = after_selection([0.5, np.nan], 0.3, 0.4, 0.3, above=0.1)
    np.testing.assert_array_equal(np.isnan(found.median), [False, True])
    assert "second stage alone = 0.4000" in str(found)
