"""The noise of measuring once: what is unbiased, what is censored, what lies on a grid."""

from __future__ import annotations

import math

import numpy as np
import pytest

from senospine.assays import readout, readouts

MANY = 200_000
RIGHT_SKEWED = {
    "trabecular_separation": 0.02, "cgrp_fibres": 0.2, "pgp95_fibres": 0.2, "cd31_vessels": 0.2, "emcn_vessels": 0.2,
    "netrin1_mrna": 0.1, "ngf_mrna": 0.1, "netrin1_protein": 0.06, "ngf_protein": 0.06,
    "wheel_distance": 0.17, "wheel_active_time": 0.15, "wheel_max_speed": 0.08,
}  # fmt: skip


#: where the assay works: cytokines are above their limit, percentages below their top
LEVEL = {"disc_cxcl1": 20.0, "mineralised_matrix": 10.0}
#: published after many animals; one animal has no measurement of it
DERIVED = "senescent_cell_removal"
#: grades and days of people are whole numbers, and have tests of their own
MEASURED = [name for name, row in readouts().items() if "mouse" in row.species or row.unit not in {"grade", "day"}]


def measured(name: str, value: float, count: int = MANY, seed: int = 1) -> np.ndarray:
    return readout(name).measure(np.full(count, value), np.random.default_rng(seed))


@pytest.mark.parametrize(("name", "cv"), RIGHT_SKEWED.items())
def test_log_normal_noise_has_the_true_value_as_median_and_the_registered_cv(name: str, cv: float) -> None:
    logs = np.log(measured(name, 3.0) / 3.0)
    spread = math.sqrt(math.log1p(cv**2))
    assert logs.mean() == pytest.approx(0.0, abs=4.5 * spread / math.sqrt(MANY))
    assert logs.std() == pytest.approx(spread, rel=4.5 / math.sqrt(2 * MANY))


@pytest.mark.parametrize("name", ["snoc_density", "osteoclast_density"])
@pytest.mark.parametrize("density", [0.0, 0.3, 15.0, 60.0])
def test_counts_are_poisson_over_the_area(name: str, density: float) -> None:
    """Mean is the density, variance the density over the area of 1 mm2, values whole cells per area."""
    values = measured(name, density)
    error = math.sqrt(density / MANY)
    assert values.mean() == pytest.approx(density, abs=4.5 * error)
    kurtosis = math.sqrt((density + 2 * density**2) / MANY)  # SD of a Poisson sample variance
    assert values.var() == pytest.approx(density, abs=4.5 * kurtosis)
    assert (values == np.round(values)).all()


@pytest.mark.parametrize("name", ["withdrawal_frequency_0.07g", "withdrawal_frequency_0.4g"])
@pytest.mark.parametrize("expected", [0.0, 1.5, 4.0, 10.0])
def test_withdrawals_are_thirty_touches(name: str, expected: float) -> None:
    values = measured(name, expected)
    p = expected / 10
    assert values.mean() == pytest.approx(expected, abs=4.5 * math.sqrt(30 * p * (1 - p) / 9 / MANY) + 1e-12)
    assert values.var() == pytest.approx(30 * p * (1 - p) / 9, rel=0.02, abs=1e-12)
    assert np.allclose(values * 3, np.round(values * 3), atol=1e-9)  # a frequency in steps of 1/30
    assert values.min() >= 0
    assert values.max() <= 10


@pytest.mark.parametrize("expected", [1e-6, 0.5, 15.0, 60.0, 99.999])
def test_porosity_stays_a_percentage_with_the_true_value_as_median(expected: float) -> None:
    values = measured("endplate_porosity", expected)
    assert (values > 0).all()
    assert (values < 100).all()
    share = (values < expected).mean()
    assert share == pytest.approx(0.5, abs=4.5 * 0.5 / math.sqrt(MANY))


def test_porosity_precision_is_the_registered_one_where_porosity_is_small() -> None:
    assert measured("endplate_porosity", 0.5).std() / 0.5 == pytest.approx(0.05, rel=0.02)


def test_heat_is_the_mean_of_three_trials_stopped_at_twenty_seconds() -> None:
    far_below = measured("heat_latency", 8.0)
    assert far_below.mean() == pytest.approx(8.0 * math.sqrt(1.0225), rel=0.002)  # mean of a log-normal of CV 15 %
    assert far_below.std() / far_below.mean() == pytest.approx(0.15 / math.sqrt(3), rel=0.01)
    near = measured("heat_latency", 19.0)
    assert near.max() <= 20.0
    assert near.mean() < 19.0  # censoring pulls down, and is not corrected: so does the laboratory's
    assert (measured("heat_latency", 200.0) == 20.0).all()


@pytest.mark.parametrize("name", MEASURED)
def test_noise_keeps_shape_and_order_and_comes_only_from_the_generator(name: str) -> None:
    true = np.array([[2.0, 4.0, 6.0], [3.0, 5.0, 9.0]]) * LEVEL.get(name, 1.0)
    once, again = (readout(name).measure(true, np.random.default_rng(7)) for _ in range(2))
    assert once.shape == true.shape
    assert (once == again).all()
    many = readout(name).measure(np.repeat(true[..., None], 3000, axis=-1), np.random.default_rng(8)).mean(axis=-1)
    assert (np.argsort(many.ravel()) == np.argsort(true.ravel())).all()  # no animal gets another one's value


@pytest.mark.parametrize("name", [name for name in MEASURED if name != DERIVED])
def test_two_measurements_of_one_animal_differ(name: str) -> None:
    first, second = (measured(name, 6.0 * LEVEL.get(name, 1.0), 200, seed) for seed in (1, 2))
    assert (first != second).mean() > 0.3
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_a_cytokine_below_its_detection_limit_is_written_down_as_the_limit() -> None:
    assert (measured("disc_tnf", 0.5, 100) == 2.0).all()
    assert measured("disc_tnf", 20.0).mean() == pytest.approx(20.0, rel=0.01)  # far above, it is unbiased


def test_grades_are_whole_and_stay_on_their_scale() -> None:
    for name, top in (("endplate_score", 10), ("degeneration_score", 14)):
        for level in (0.0, 2.3, 30.0):
            values = measured(name, level, 1000)
            assert (values == np.round(values)).all()
            assert values.min() >= 0
            assert values.max() <= top


def test_windows_end_what_is_timed() -> None:
    assert measured("acetone_response", 55.0).max() == 60.0
    assert (measured("tail_suspension_immobility", 179.0, 1000) < 180.0).all()


def test_p16_is_counted_in_two_hundred_cells() -> None:
    values = measured("disc_p16", 8.0)
    assert values.mean() == pytest.approx(8.0, rel=0.01)
    assert values.var() == pytest.approx(100**2 * 0.08 * 0.92 / 200, rel=0.02)
