"""Background, bleed-through, colours and tissue: taken away exactly where theory says how much there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage

from senospine.errors import MeasureError
from senospine.measure.section import (
    Plan,
    Section,
    bleed_through,
    draw_section,
    find_tissue,
    separate_stains,
    subtract_background,
    unmix,
)
from senospine.measure.section.prepare import background, stain_vector

Y, X = np.mgrid[:240, :240]
RNG = np.random.default_rng(4)


@pytest.mark.parametrize("method", ["top hat", "rolling ball"])
def test_background_is_found_below_cells(method: str) -> None:
    ground = 50 + 0.1 * X + 20 * np.sin(Y / 120)
    cell = 200.0 * (np.hypot(Y - 120, X - 120) < 15)
    image = ground + cell + 3 * RNG.standard_normal(ground.shape)
    found = background(image, method, 40.0)  # type: ignore[arg-type]
    assert np.abs(found - ground)[20:-20, 20:-20].max() < 12
    assert float(np.median(found - ground)) == pytest.approx(0, abs=4)
    section = subtract_background(Section({"a": image}, 1.0), method, 40.0)  # type: ignore[arg-type]
    assert section.channel("a")[115:125, 115:125].mean() == pytest.approx(200, rel=0.03)
    assert section.settings["background"] == method


def test_backgrounds_that_swallow_the_signal_are_refused() -> None:
    with pytest.raises(MeasureError, match="swallow"):
        background(np.zeros((20, 20)), "top hat", 2.0)
    with pytest.raises(MeasureError, match="did you mean 'top hat'"):
        background(np.zeros((20, 20)), "tophat", 9.0)  # type: ignore[arg-type]


def test_bleed_through_is_measured_on_a_single_stain_and_undone() -> None:
    plan = Plan(384, 384, osteoclasts=80, senescent=0.0, bleed=0.15)
    section, _ = draw_section(plan, 2)
    section = replace(section, channels={name: section.channels[name] for name in ("TRAP", "p16")})
    section = subtract_background(section, "top hat", 25.0)
    cells = section.channel("TRAP") > 100
    share = bleed_through(section.channel("TRAP"), section.channel("p16"), cells)
    assert share == pytest.approx(0.15, abs=0.01)
    pure = unmix(section, {"p16": {"TRAP": share}})
    assert section.channel("p16")[cells].mean() > 30
    assert pure.channel("p16")[cells].mean() == pytest.approx(0, abs=4)
    assert np.array_equal(pure.channel("TRAP"), section.channel("TRAP"))
    assert pure.settings["bleed_through TRAP into p16"] == share


def test_unmixing_inverts_any_mixing_and_refuses_the_impossible() -> None:
    a, b = RNG.random((2, 30, 30)).astype(np.float32)
    mixed = Section({"a": a + 0.2 * b, "b": b + 0.1 * a}, 1.0)
    pure = unmix(mixed, {"a": {"b": 0.2}, "b": {"a": 0.1}})
    assert np.allclose(pure.channel("a"), a, atol=1e-6)
    assert np.allclose(pure.channel("b"), b, atol=1e-6)
    with pytest.raises(MeasureError, match="did you mean 'a'"):
        unmix(mixed, {"aa": {"b": 0.2}})
    with pytest.raises(MeasureError, match="share below 1"):
        unmix(mixed, {"a": {"b": 1.2}})
    with pytest.raises(MeasureError, match="leaves the channels alike"):
        unmix(mixed, {"a": {"b": 0.999}, "b": {"a": 0.999}})
    noise = RNG.standard_normal((50, 50))
    with pytest.raises(MeasureError, match="no signal"):
        bleed_through(noise, noise)


def colours(amounts: dict[str, np.ndarray], vectors: dict[str, np.ndarray]) -> Section:
    density = sum(amounts[name][..., None] * vectors[name] for name in amounts)
    rgb = np.round(255 * np.exp(-density))
    return Section({name: rgb[..., k] for k, name in enumerate(("red", "green", "blue"))}, 0.5)


def test_known_amounts_of_stain_come_back() -> None:
    from skimage.color import rgb_from_hed

    vectors = {name: rgb_from_hed[k] / np.linalg.norm(rgb_from_hed[k]) for name, k in (("haematoxylin", 0), ("DAB", 2))}
    truth = {"haematoxylin": 0.8 * RNG.random((60, 60)), "DAB": 1.2 * RNG.random((60, 60))}
    found = separate_stains(colours(truth, vectors), {"haematoxylin": None, "DAB": None})
    for name, amount in truth.items():
        assert np.abs(found.channel(name) - amount).max() < 0.02  # rounding to 8 bits
    measured = stain_vector(colours({"DAB": truth["DAB"] + 0.5}, vectors))
    assert np.allclose(measured, vectors["DAB"], atol=0.01)
    with pytest.raises(MeasureError, match="nearly the same colour"):
        separate_stains(colours(truth, vectors), {"DAB": None, "mine": vectors["DAB"] + 0.01})
    with pytest.raises(MeasureError, match="did you mean 'haematoxylin'"):
        separate_stains(colours(truth, vectors), {"DAB": None, "hematoxylin": None})


def test_brown_and_blue_of_a_real_section_go_to_their_stains() -> None:
    """scikit-image's ihc.png: what an eye calls brown (red above blue) has the DAB, what it calls blue has not."""
    from skimage.io import imread

    rgb = imread(Path(skimage.__file__).parent / "data" / "ihc.png")[..., :3].astype(float)
    section = Section({name: rgb[..., k] for k, name in enumerate(("red", "green", "blue"))}, 0.5)
    found = separate_stains(section, {"haematoxylin": None, "DAB": None})
    dark = rgb.sum(axis=-1) < 450
    brown = dark & (rgb[..., 0] > rgb[..., 2] + 30)
    blue = dark & (rgb[..., 2] > rgb[..., 0] + 30)
    pale = rgb.min(axis=-1) > 215
    assert min(brown.sum(), blue.sum(), pale.sum()) > 500
    dab, haematoxylin = found.channel("DAB"), found.channel("haematoxylin")
    assert np.quantile(dab[brown], 0.05) > np.quantile(dab[blue], 0.95)
    assert np.median(haematoxylin[blue]) > 3 * abs(np.median(haematoxylin[pale]))
    assert np.quantile(dab[brown], 0.05) > np.quantile(dab[pale], 0.95)


def test_tissue_is_found_and_its_rule_recorded() -> None:
    tissue = np.hypot(Y - 120, X - 120) < 80
    tissue_image = 20 + 100.0 * tissue * (np.hypot(Y - 120, X - 130) > 20) + 5 * RNG.standard_normal(tissue.shape)
    found = find_tissue(Section({"a": tissue_image}, 1.0), "a")
    assert np.count_nonzero(found.tissue != tissue) < 5 * 2 * np.pi * 80  # half the smoothing along its edge
    assert found.tissue[120, 130]  # a hole belongs to it
    assert found.settings["tissue"] == "Otsu of root a"
    assert "look at the overlay" in found.warnings[0]
