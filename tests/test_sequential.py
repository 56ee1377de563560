"""Group-sequential boundaries against published tables, against the bivariate normal, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from senospine.errors import AnalysisError
from senospine.stats.sequential import classical_boundaries, spending_boundaries, stopping_probabilities


@pytest.mark.parametrize(
    ("looks", "pocock", "obrien"),
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040), (10, 2.555, 2.087)],
)
def test_constants_of_jennison_and_turnbull(looks: int, pocock: float, obrien: float) -> None:
    """Tables 2.1 and 2.3 at two-sided 5 % (doi 10.1201/9780367805326)."""
    assert round(classical_boundaries(looks, shape="pocock").critical[-1], 3) == pocock
    assert round(classical_boundaries(looks).critical[-1], 3) == obrien


def test_spending_boundaries_of_the_tables() -> None:
    """O'Brien-Fleming-type spending, five equal looks, two-sided 5 %: Lan and DeMets' programme prints these."""
    found = spending_boundaries(np.arange(1, 6) / 5)
    assert found.critical.round(3).tolist() == [4.877, 3.357, 2.680, 2.290, 2.031]
    assert found.to_frame()["spent"].iloc[-1] == pytest.approx(0.05)
    one_sided = spending_boundaries(np.arange(1, 6) / 5, alpha=0.025, sided=1)
    assert np.allclose(one_sided.critical, found.critical, atol=1e-6)


@pytest.mark.parametrize("drift", [0.0, 1.7])
def test_two_looks_are_the_bivariate_normal(drift: float) -> None:
    times, bars = np.array([0.4, 1.0]), np.array([2.5, 2.0])
    joint = stats.multivariate_normal(drift * np.sqrt(times), [[1, 0.4**0.5], [0.4**0.5, 1]])
    stay = joint.cdf(bars)
    found = stopping_probabilities(times, bars, sided=1, drift=drift)
    assert found[0] == pytest.approx(stats.norm.sf(2.5 - drift * 0.4**0.5), abs=1e-12)
    assert found.sum() == pytest.approx(1 - stay, abs=1e-7)


def test_probabilities_against_simulated_trials() -> None:
    design = spending_boundaries([0.3, 0.6, 1.0], spending="pocock")
    steps = np.random.default_rng(1).normal(size=(400_000, 3)) * np.sqrt([0.3, 0.3, 0.4]) + 2.5 * np.array(
        [0.3, 0.3, 0.4]
    )
    z = np.cumsum(steps, axis=1) / np.sqrt([0.3, 0.6, 1.0])
    crossed = np.maximum.accumulate(np.abs(z) >= design.critical, axis=1).mean(axis=0)
    assert np.allclose(design.power(2.5), crossed, atol=4 * np.sqrt(0.25 / 400_000))


def test_all_alpha_is_spent_wherever_one_looks() -> None:
    for spending in ("obrien-fleming", "pocock"):
        for sided in (1, 2):
            for times in ([1.0], [0.5, 1.0], [0.11, 0.35, 0.36, 0.9, 1.0], np.arange(1, 21) / 20):
                design = spending_boundaries(times, alpha=0.05, sided=sided, spending=spending)
                assert np.allclose(design.power(0.0), design.spent, atol=1e-9)
                assert design.spent[-1] == pytest.approx(0.05)
    assert spending_boundaries([1.0]).critical[0] == pytest.approx(stats.norm.isf(0.025), abs=1e-9)


def test_a_look_too_early_to_stop_at() -> None:
    design = spending_boundaries([0.01, 1.0])
    assert design.critical[0] == 8.5
    assert design.critical[1] == pytest.approx(stats.norm.isf(0.025), abs=1e-6)


def test_drift_and_inflation() -> None:
    """Jennison and Turnbull 1999, tables 2.2 and 2.4: five looks at 90 % power cost 1.207 or 1.026 times one look."""
    single = stats.norm.isf(0.025) + stats.norm.isf(0.1)
    for shape, inflation in (("pocock", 1.207), ("obrien-fleming", 1.026)):
        design = classical_boundaries(5, shape=shape)
        drift = design.drift(0.9)
        assert design.power(drift)[-1] == pytest.approx(0.9, abs=1e-9)
        assert (drift / single) ** 2 == pytest.approx(inflation, abs=6e-4)


def test_impossible_designs_are_refused() -> None:
    with pytest.raises(AnalysisError, match="must rise"):
        spending_boundaries([0.5, 0.4])
    with pytest.raises(AnalysisError, match="no spending function"):
        spending_boundaries([0.5, 1.0], spending="pocok")
    with pytest.raises(AnalysisError, match="alpha"):
        spending_boundaries([1.0], alpha=5)
    with pytest.raises(AnalysisError, match="one-sided or two-sided"):
        classical_boundaries(2, sided=3)
    with pytest.raises(AnalysisError, match="at least one look"):
        classical_boundaries(0)
    with pytest.raises(AnalysisError, match="no shape"):
        classical_boundaries(2, shape="haybittle")
    with pytest.raises(AnalysisError, match="between alpha and 1"):
        classical_boundaries(2).drift(0.01)
