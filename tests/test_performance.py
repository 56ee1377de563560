"""Measures of performance: table 6 of Morris 2019 (doi 10.1002/sim.8086), and errors as large as said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from senospine.errors import AnalysisError
from senospine.stats.performance import mean_of, monte_carlo_interval, performance, search_size, share


def simulated(seed: int, n: int = 400) -> list[np.ndarray]:
    """Return estimates, errors, intervals and p values of z tests whose standard error is known only roughly."""
    generator = np.random.default_rng(seed)
    estimate = generator.normal(0.3, 0.2, n)
    se = 0.2 * np.exp(0.1 * generator.normal(size=n))
    return [estimate, se, estimate - 1.96 * se, estimate + 1.96 * se, 2 * stats.norm.sf(np.abs(estimate) / se)]


def test_measures_are_those_of_the_paper() -> None:
    estimate, se, low, high, p = arrays = simulated(1)
    table = performance(*arrays, truth=0.25)
    n, empirical = 400, estimate.std(ddof=1)
    expected = {
        "bias": (estimate.mean() - 0.25, empirical / 20),
        "empirical_se": (empirical, empirical / np.sqrt(2 * 399)),
        "mean_square_error": (((estimate - 0.25) ** 2).mean(), ((estimate - 0.25) ** 2).std(ddof=1) / 20),
        "coverage": (c := ((low <= 0.25) & (high >= 0.25)).mean(), np.sqrt(c * (1 - c) / n)),
        "rejected": (r := (p <= 0.05).mean(), np.sqrt(r * (1 - r) / n)),
        "model_se": (m := np.sqrt((se**2).mean()), np.sqrt((se**2).var(ddof=1) / (4 * n * m**2))),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table.loc[name, ["value", "error"]].to_numpy(float), values, rtol=1e-12)


def test_the_error_said_is_the_spread_between_repetitions() -> None:
    tables = [performance(*simulated(seed), truth=0.3) for seed in range(300)]
    for name in ("bias", "empirical_se", "model_se", "relative_error_of_model_se", "coverage", "rejected"):
        values = np.array([table.loc[name, "value"] for table in tables])
        said = np.mean([table.loc[name, "error"] for table in tables])
        assert 0.85 < values.std() / said < 1.15, name


def test_what_could_not_be_analysed_is_counted() -> None:
    arrays = simulated(2)
    arrays[1][:40] = np.nan
    table = performance(*arrays, truth=0.3)
    assert table.loc["estimable", "value"] == 0.9
    assert table.loc["bias", "trials"] == 360
    with pytest.raises(AnalysisError, match="at least 2"):
        performance(*[item[:1] for item in arrays], truth=0.3)


def test_no_event_still_has_an_error() -> None:
    assert share(np.zeros(100)).error > 0
    low, high = monte_carlo_interval(0.05, 10_000)
    assert (round(low, 4), round(high, 4)) == (0.0457, 0.0543)
    assert mean_of([2.0, 2.0]).error == 0


def test_sample_size_search_finds_the_formula() -> None:
    """Two-sample z test, effect 0.5 SD, power 90 %: 2 (1.96 + 1.2816)^2 / 0.25 = 84.06 an arm."""
    normals = np.random.default_rng(5).normal(size=40_000)

    def power(n: int) -> np.ndarray:
        return normals + 0.5 * np.sqrt(n / 2) > stats.norm.ppf(0.975)

    found = search_size(power, target=0.9, low=10, high=400, step=1)
    assert abs(found.size - 84.06) < 2.5
    assert found.table["power"].is_monotonic_increasing
    assert len(found.table) < 12
    with pytest.raises(AnalysisError, match="reach a power"):
        search_size(power, target=0.9, low=10, high=20)
