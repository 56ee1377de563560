"""Co-localisation: exact values, a null of the right size, and nothing drawn outside the tissue."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from senospine.errors import MeasureError
from senospine.measure.section import colocalise, costes_thresholds, object_share
from senospine.measure.section.colocalisation import pearson

Y, X = np.mgrid[:96, :96]
ROUND = np.hypot(Y - 48, X - 48) < 44


def field(seed: int, sigma: float = 2.0, size: int = 96) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((size, size))
    return ndimage.gaussian_filter(noise, sigma, mode="wrap")


@pytest.mark.parametrize("shift", [0, 2, 4, 8])
def test_a_shifted_copy_has_the_correlation_theory_gives(shift: int) -> None:
    """White noise smoothed by a Gaussian of spread s correlates with itself k away by exp(-k²/4s²)."""
    wide = field(3, sigma=3.0, size=1024)
    found = pearson(wide, np.roll(wide, shift, axis=1), np.ones(wide.shape, bool))
    assert found == pytest.approx(np.exp(-(shift**2) / 36), abs=0.03)


def test_pearson_and_manders_follow_their_definitions() -> None:
    a, b = np.abs(field(1)), np.abs(field(2))
    found = colocalise(a, b, ROUND, (0.02, 0.03), n=19)
    assert found.pearson == pytest.approx(stats.pearsonr(a[ROUND], b[ROUND]).statistic)
    assert found.m1 == pytest.approx(a[ROUND & (b > 0.03)].sum() / a[ROUND].sum())
    assert found.m2 == pytest.approx(b[ROUND & (a > 0.02)].sum() / b[ROUND].sum())


def test_a_shift_by_fourier_equals_a_shift_by_hand() -> None:
    """With one shift allowed in all, every draw is that shift."""
    from senospine.measure.section import colocalisation

    a, b = field(1) + 1, field(2) + 1
    everywhere = np.ones(a.shape, bool)

    class First:
        def choice(self, places: np.ndarray, size: int, replace: bool) -> np.ndarray:
            return np.full(size, 30 * 96 + 17)

    r, m1, m2 = colocalisation._shifts(a, b, ROUND, (1.0, 1.0), 3, 10, First())  # type: ignore[arg-type]
    moved, where = np.roll(b, (30, 17), (0, 1)), np.roll(ROUND, (30, 17), (0, 1)) & ROUND
    assert r[0] == pytest.approx(pearson(a, moved, where))
    assert m1[0] == pytest.approx(np.maximum(a, 0)[where & (moved > 1)].sum() / np.maximum(a, 0)[where].sum())
    assert m2[0] == pytest.approx(np.maximum(moved, 0)[where & (a > 1)].sum() / np.maximum(moved, 0)[where].sum())
    assert everywhere.all()


@pytest.mark.parametrize("null", ["shift", "blocks"])
def test_independent_fields_are_called_together_one_time_in_twenty(null: str) -> None:
    p = [
        colocalise(field(2 * k), field(2 * k + 1), ROUND, (0.0, 0.0), null, n=99, block_px=12,  # type: ignore[arg-type]
                   generator=np.random.default_rng(k)).p_pearson
        for k in range(200)
    ]  # fmt: skip
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.09  # binomial 99 % about 5 % of 200
    assert 0.35 <= np.mean(np.array(p) <= 0.5) <= 0.65


def test_pixels_as_n_would_find_together_what_is_independent() -> None:
    p = [stats.pearsonr(field(2 * k)[ROUND], field(2 * k + 1)[ROUND]).pvalue for k in range(60)]
    assert np.mean(np.array(p) <= 0.05) > 0.5


def test_what_goes_together_is_found() -> None:
    a = field(1)
    found = colocalise(a, 0.5 * a + 0.5 * field(2), ROUND, n=199)
    assert found.p_pearson == pytest.approx(1 / 200)
    assert found.p_m1 < 0.05


def test_costes_separates_signal_from_independent_ground() -> None:
    rng = np.random.default_rng(0)
    signal = ndimage.gaussian_filter((rng.random((200, 200)) > 0.995).astype(float), 2) * 2000
    a, b = (signal + 20 + 3 * rng.standard_normal(signal.shape) for _ in range(2))
    everywhere = np.ones(a.shape, bool)
    cut_a, cut_b = costes_thresholds(a, b, everywhere)
    below = (a < cut_a) | (b < cut_b)
    assert 20 < cut_a < 35
    assert cut_b == pytest.approx(cut_a, abs=3)
    assert pearson(a, b, below) <= 0.01
    assert pearson(a, b, (a < cut_a + 10) | (b < cut_b + 10)) > 0.05


def test_without_positive_correlation_there_is_no_threshold() -> None:
    a = field(1)
    found = colocalise(a, -a, ROUND, n=19)
    assert np.isnan([found.m1, found.m2, found.p_m1]).all()
    assert found.p_pearson == 1
    assert "no Costes threshold" in found.warnings[0]


def test_tissue_too_small_for_a_null_is_refused() -> None:
    thin = np.zeros((96, 96), bool)
    thin[48] = True
    with pytest.raises(MeasureError, match="blocks"):
        colocalise(field(1), field(2), thin, (0.0, 0.0), "blocks", block_px=16)
    with pytest.raises(MeasureError, match="shapes"):
        colocalise(field(1), field(2), thin[:50])


def test_objects_at_random_places_in_the_tissue_are_no_finding() -> None:
    """A mask with all the stain inside: random in the tissue is no finding, though in a box it would look like one."""
    stained = (field(4) > 0) & ROUND
    places = np.argwhere(ROUND)
    p = []
    for k in range(200):
        rng = np.random.default_rng(k)
        centres = places[rng.choice(len(places), 60)]
        p.append(object_share(centres, stained, ROUND, 1.0, n=99, generator=rng).p_distance)
    assert np.mean(np.array(p) <= 0.05) <= 0.09
    found = object_share(places[stained[ROUND]][:40], stained, ROUND, 1.0)
    assert (found.share, found.distance_um) == (1.0, 0.0)
    assert found.p_share == pytest.approx(found.expected**40)
    with pytest.raises(MeasureError, match="no objects"):
        object_share(np.empty((0, 2)), stained, ROUND, 1.0)
