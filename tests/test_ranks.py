"""Simulation-based calibration: exact posteriors pass it; false samplers and false likelihoods are caught."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sampling_cases import Straight

from senospine.calibration.ranks import Ranks, band, ecdf, pooled_power, power, rank, ranks_of
from senospine.calibration.tempering import temper

REPLICATES, DRAWS = 120, 63


def _simulated(truth: np.ndarray, number: int) -> Straight:
    """Data about a truth, drawn as the likelihood says."""
    base = Straight(parameters=3)
    noise = np.random.default_rng(1000 + number).standard_normal(4)
    return _Told(parameters=3, told=tuple(base.matrix @ truth + base.spread * noise))


@dataclasses.dataclass(frozen=True)
class _Told(Straight):
    """The closed form with other data."""

    told: tuple[float, ...] = ()

    @property
    def data(self) -> np.ndarray:
        return np.array(self.told)


def _ranked(narrowed: float = 1.0, spread: float = 0.5) -> Ranks:
    """Ranks of closed-form posteriors, drawn too narrowly or with a false spread of the data."""
    truths = np.random.default_rng(3).standard_normal((REPLICATES, 3))

    def fit(number: int, truth: np.ndarray) -> np.ndarray:
        data = dataclasses.replace(_simulated(truth, number), spread=spread)
        mean, covariance, _ = data.exact()
        noise = np.random.default_rng(number).standard_normal((DRAWS, 3))
        return mean + narrowed * noise @ np.linalg.cholesky(covariance).T

    return ranks_of(("a", "b", "c"), truths, fit, seed=1)


def test_exact_posteriors_have_uniform_ranks() -> None:
    found = _ranked()
    assert found.verdict()["passes"]
    assert found.verdict()["outside_band"] == []
    assert found.pooled() > 0.01


def test_a_sampler_that_is_too_narrow_is_caught() -> None:
    found = _ranked(narrowed=0.6)
    assert not found.verdict()["passes"]
    assert found.verdict()["outside_band"]
    assert found.pooled() < 0.01


def test_a_likelihood_that_is_too_sure_is_caught() -> None:
    found = _ranked(spread=0.2)
    assert not found.verdict()["passes"]
    assert found.pooled() < 1e-4


def test_the_samplers_own_walkers_pass() -> None:
    truths = np.random.default_rng(5).standard_normal((40, 3))

    def fit(number: int, truth: np.ndarray) -> np.ndarray:
        return temper(_simulated(truth, number), walkers=32, seed=number, polish=4).normal

    found = ranks_of(("a", "b", "c"), truths, fit, seed=1)
    assert found.draws == 32
    assert found.verdict()["passes"]


def test_the_band_holds_uniform_samples_in_95_of_100_cases() -> None:
    low, high, grid = band(50, 99)
    generator = np.random.default_rng(11)
    held = []
    for _ in range(1500):
        shares = ecdf((generator.integers(0, 100, 50) + 0.5) / 100, grid)
        held.append(((low <= shares) & (shares <= high)).all())
    assert 0.93 < np.mean(held) < 0.985


def test_more_replicates_see_smaller_errors() -> None:
    few, many = power(20, 63), power(200, 63)
    assert many["0.5"] > 0.99
    assert all(many[wrong] >= few[wrong] - 0.05 for wrong in few)
    assert few["0.8"] < 0.5


def test_ties_are_broken_evenly() -> None:
    generator = np.random.default_rng(0)
    found = [rank(np.zeros(1), np.zeros((10, 1)), generator)[0] for _ in range(2000)]
    assert np.mean(found) == pytest.approx(5, abs=0.3)
    assert {*found} == {*range(11)}


def test_few_replicates_of_many_parameters_see_what_is_false_in_all() -> None:
    found = pooled_power(8, 200, 100)
    assert found["0.5"] == found["2"] == 1.0
    assert pooled_power(8, 200, 2)["1.25"] < found["1.25"]
