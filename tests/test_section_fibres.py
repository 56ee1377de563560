"""Length does not depend on direction; noise has no fibres; what crosses, shares or is both is told apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from senospine.errors import MeasureError
from senospine.measure.section import Section, double_positive, trace_fibres
from senospine.measure.section.fibres import length_within
from senospine.measure.section.paths import kulpa_length, length, trace


def bar(angle: float, length_px: float = 200.0, width: float = 5.0, size: int = 300, blur: float = 1.0) -> np.ndarray:
    """Return a bar of height 100 on ground 10, drawn four times finer and blurred."""
    fine = 4
    y, x = (np.mgrid[: size * fine, : size * fine] + 0.5) / fine - size / 2
    turn = np.deg2rad(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    inside = (np.abs(along) <= length_px / 2) & (np.abs(across) <= width / 2)
    return 100 * ndimage.gaussian_filter(inside.reshape(size, fine, size, fine).mean((1, 3)), blur) + 10


def sine(amplitude: float, wave: float, size: int = 500) -> tuple[np.ndarray, float]:
    """Return a line along a sine, of Gaussian profile, and its arc length by fine summation."""
    t = np.linspace(50, size - 50, 20_000)
    y = size / 2 + amplitude * np.sin(2 * np.pi * t / wave)
    steps = np.hypot(np.diff(t), np.diff(y))
    image, _, _ = np.histogram2d(y[1:], t[1:], bins=size, range=[[-0.5, size - 0.5]] * 2, weights=steps)
    return 300 * ndimage.gaussian_filter(image, 1.5) + 10, float(steps.sum())


@pytest.mark.parametrize("angle", [0, 15, 30, 45, 60, 75, 90])
@pytest.mark.parametrize("width", [3.0, 5.0])
def test_a_bar_is_as_long_at_any_angle(angle: float, width: float) -> None:
    image = bar(angle, width=width) + 5 * np.random.default_rng(angle).standard_normal((300, 300))
    fibres = trace_fibres(Section({"CGRP": image}, 1.0), "CGRP", radius_um=width / 2)
    assert len(fibres.table) == 1
    assert fibres.length_um == pytest.approx(200, rel=0.02)
    mask = bar(angle, width=width, blur=0.0) > 60
    assert sum(map(length, trace(mask))) == pytest.approx(200, rel=0.02)


def test_why_pixels_are_not_counted() -> None:
    """The same bar at 45 degrees reads a third short by pixel count; Kulpa's weights stay within 9 % (Kulpa 1977)."""
    from skimage.morphology import skeletonize

    skeletons = {angle: skeletonize(bar(angle, blur=0.0) > 60) for angle in (0, 22, 45)}
    assert skeletons[45].sum() < 0.75 * skeletons[0].sum()
    for skeleton in skeletons.values():
        assert kulpa_length(skeleton) == pytest.approx(195, rel=0.09)


@pytest.mark.parametrize(
    ("amplitude", "wave", "within"), [(0, 100, 0.01), (20, 150, 0.01), (20, 80, 0.015), (10, 40, 0.03)]
)
def test_a_sine_has_its_arc_length(amplitude: float, wave: float, within: float) -> None:
    image, truth = sine(amplitude, wave)
    image = image + 5 * np.random.default_rng(1).standard_normal(image.shape)
    assert trace_fibres(Section({"CGRP": image}, 1.0), "CGRP", 1.5).length_um == pytest.approx(truth, rel=within)


def test_length_scales_with_the_pixel_and_stays_in_the_tissue() -> None:
    image = bar(30)
    whole = trace_fibres(Section({"f": image}, 0.5), "f", 1.25)
    assert whole.length_um == pytest.approx(100, rel=0.02)
    half = np.zeros(image.shape, bool)
    half[:, :150] = True
    cut = trace_fibres(Section({"f": image}, 0.5, mask=half), "f", 1.25)
    assert cut.length_um == pytest.approx(50, rel=0.05)
    assert not (cut.mask & ~half).any()
    assert length_within(whole, half, 0.5) == pytest.approx(50, rel=0.03)


def test_noise_holds_no_fibres_and_short_pieces_are_dropped() -> None:
    noise = np.random.default_rng(2).poisson(30, (400, 400))
    assert trace_fibres(Section({"f": noise}, 0.65), "f", 1.0).length_um == 0
    dot = bar(0, length_px=12)
    section = Section({"f": dot}, 0.5)
    assert len(trace_fibres(section, "f", 1.25).table) == 0
    assert len(trace_fibres(section, "f", 1.25, min_length_um=4).table) == 1
    assert trace_fibres(Section({"f": np.full((50, 50), 7.0)}, 1.0), "f", 2.0).length_um == 0


def test_crossing_fibres_add_up() -> None:
    cross = np.maximum(bar(20), bar(110))
    fibres = trace_fibres(Section({"f": cross}, 1.0), "f", 2.5)
    assert len(fibres.table) == 1
    assert fibres.length_um == pytest.approx(400, rel=0.03)


def test_a_ring_is_as_long_as_its_circle() -> None:
    y, x = np.mgrid[:200, :200] - 100.0
    ring = np.abs(np.hypot(y, x) - 60) <= 2
    assert sum(map(length, trace(ring))) == pytest.approx(2 * np.pi * 60, rel=0.02)


def test_a_contrast_from_controls_is_used_and_told() -> None:
    section = Section({"f": bar(0)}, 1.0)
    assert trace_fibres(section, "f", 2.5, contrast=30.0).warnings == ()
    assert trace_fibres(section, "f", 2.5, contrast=300.0).length_um == 0
    assert "not on controls" in trace_fibres(section, "f", 2.5).warnings[0]


def test_lines_thinner_than_a_pixel_are_refused() -> None:
    with pytest.raises(MeasureError, match="thinner than the pixels"):
        trace_fibres(Section({"f": bar(0)}, 2.0), "f", 1.0)


def test_double_positive_pixels_need_both() -> None:
    first, second = np.zeros((2, 60, 60))
    first[10:50, 10:30] = 100.0
    second[10:50, 20:40] = 100.0
    both = double_positive(Section({"CD31": first, "Emcn": second}, 1.0), "CD31", "Emcn", (50.0, 50.0))
    assert both[11:49, 21:29].all()
    assert not both[:, :20].any()
    assert not both[:, 30:].any()
