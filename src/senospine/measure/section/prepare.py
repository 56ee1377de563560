"""From what the camera saw to what the stain says: background, bleed-through, colours, tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.extra import library
from senospine.measure.section.image import Image, Mask, Section

Background = Literal["rolling ball", "top hat", "gaussian", "none"]

#: optical densities of red, green and blue of one stain (Ruifrok & Johnston 2001, Anal Quant Cytol Histol 23:291,
#: as shipped by scikit-image); fast red stands for the usual TRAP product, an assumption to replace by a control
_STAINS = {"haematoxylin": ("rgb_from_hed", 0), "eosin": ("rgb_from_hed", 1), "DAB": ("rgb_from_hed", 2),
           "TRAP": ("rgb_from_rbd", 0)}  # fmt: skip


def background(image: ArrayLike, method: Background, radius_px: float) -> Image:
    """Return the background of an image, (rows, columns).

    Anything smaller than the radius is taken for signal. The ball and the hat work on a smoothed image, since the
    darkest pixel of a noisy one lies below its background, and on a shrunken one where the radius allows.

    Raises
    ------
    MeasureError
        Unknown method, or a radius below three pixels.
    """
    from scipy import ndimage

    values = np.asarray(image, dtype=np.float32)
    if method not in get_args(Background):
        raise MeasureError(f"unknown background method '{method}'", remedy=suggest(method, get_args(Background)))
    if method == "none":
        return np.zeros_like(values)
    if radius_px < 3:
        raise MeasureError(
            f"a background radius of {radius_px:.1f} pixels would swallow the signal",
            remedy="take at least the radius of the largest cell",
        )
    if method == "gaussian":
        return np.asarray(ndimage.gaussian_filter(values, radius_px), dtype=np.float32)
    shrink = max(1, int(radius_px / 8))
    smooth = ndimage.gaussian_filter(values, max(1.5, shrink / 2))
    small = smooth[shrink // 2 :: shrink, shrink // 2 :: shrink]
    radius = radius_px / shrink
    if method == "top hat":
        found = ndimage.grey_opening(small, size=2 * int(np.ceil(radius)) + 1)
    else:
        found = library("skimage.restoration").rolling_ball(small, radius=radius)
    return _grow(np.asarray(found, dtype=np.float32), values.shape, shrink)


def _grow(small: Image, shape: tuple[int, ...], shrink: int) -> Image:
    from scipy import ndimage

    axes = [(np.arange(length) - shrink // 2) / shrink for length in shape]
    grid = np.meshgrid(*axes, indexing="ij")
    return np.asarray(ndimage.map_coordinates(small, grid, order=1, mode="nearest"), dtype=np.float32)


def subtract_background(section: Section, method: Background, radius_um: float) -> Section:
    """Return the section with the background of every channel subtracted; values below it stay negative."""
    found = {}
    for name in section.channels:
        values = section.channel(name)
        found[name] = values - background(values, method, section.pixels(radius_um))
    settings = {**section.settings, "background": method, "background_radius_um": radius_um}
    return replace(section, channels=found, settings=settings)


def bleed_through(source: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Return the share of one channel that shows in another, from a control stained for the first only.

    Both channels with background subtracted. The slope through the origin over pixels in which the source is
    bright (above its 90th percentile within the mask), as the ratio of medians: a few outliers do not move it.

    Raises
    ------
    MeasureError
        The source shows no signal.
    """
    where = np.ones(np.shape(source), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    a, b = np.asarray(source, dtype=float)[where], np.asarray(target, dtype=float)[where]
    bright = a >= np.quantile(a, 0.9)
    middle = float(np.median(a[bright]))
    if middle <= 3 * float(1.4826 * np.median(np.abs(a - np.median(a)))):
        raise MeasureError("the single-stain control shows no signal", remedy="check which channel was stained")
    return float(np.median(b[bright])) / middle


def unmix(section: Section, coefficients: Mapping[str, Mapping[str, float]]) -> Section:
    """Return the section with bleed-through undone by linear unmixing.

    Parameters
    ----------
    coefficients : mapping
        ``{"p16": {"TRAP": 0.08}}``: 8 % of TRAP shows in p16. From :func:`bleed_through` on single-stain controls.

    Raises
    ------
    MeasureError
        An unknown channel, a coefficient outside [0, 1), or channels that cannot be told apart.
    """
    names = list(section.channels)
    mixing = np.eye(len(names))
    for target, sources in coefficients.items():
        for source, share in sources.items():
            section.channel(target), section.channel(source)
            if not 0 <= share < 1 or source == target:
                raise MeasureError(f"bleed-through of {source} into {target} is {share}", remedy="give a share below 1")
            mixing[names.index(target), names.index(source)] = share
    if np.linalg.cond(mixing) > 100:
        raise MeasureError("bleed-through this large leaves the channels alike", remedy="change dyes or filters")
    stack = np.stack([section.channel(name) for name in names])
    pure = np.tensordot(np.linalg.inv(mixing).astype(np.float32), stack, axes=1)
    said = {f"bleed_through {s} into {t}": share for t, found in coefficients.items() for s, share in found.items()}
    return replace(section, channels=dict(zip(names, pure, strict=True)), settings={**section.settings, **said})


def stain_vector(section: Section, mask: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the optical densities (red, green, blue), length one, of a slide with one stain only."""
    where = section.tissue if mask is None else np.asarray(mask, dtype=bool)
    density = -np.log(np.clip(_colours(section)[where] / 255.0, 1 / 255, 1))
    strong = density[density.sum(axis=1) >= np.quantile(density.sum(axis=1), 0.9)].mean(axis=0)
    return np.asarray(strong / np.linalg.norm(strong), dtype=float)


def _colours(section: Section) -> Image:
    return np.stack([section.channel(name) for name in ("red", "green", "blue")], axis=-1)


def separate_stains(section: Section, stains: Mapping[str, ArrayLike | None]) -> Section:
    """Return a brightfield section (channels red, green, blue of 0-255) as amounts of two or three stains.

    Colour deconvolution (Ruifrok & Johnston 2001): optical density is linear in the amount of each stain.
    One unit of an amount is an optical density (natural logarithm) of length one.

    Parameters
    ----------
    stains : mapping of str to (3,) array or None
        Name and optical densities, such as from :func:`stain_vector`; None for a shipped vector
        (haematoxylin, eosin, DAB, TRAP).

    Raises
    ------
    MeasureError
        Unknown stain, another number of stains than two or three, or stains of nearly the same colour.
    """
    color = library("skimage.color")
    if len(stains) not in (2, 3):
        raise MeasureError(f"{len(stains)} stains in three colours", remedy="name two or three stains")
    rows = []
    for name, vector in stains.items():
        if vector is None and name not in _STAINS:
            raise MeasureError(f"no colour is known of stain '{name}'", remedy=suggest(name, _STAINS))
        row = np.asarray(getattr(color, _STAINS[name][0])[_STAINS[name][1]] if vector is None else vector, dtype=float)
        rows.append(row / np.linalg.norm(row))
    if len(rows) == 2:  # what neither explains
        rows.append(np.cross(rows[0], rows[1]) / np.linalg.norm(np.cross(rows[0], rows[1])))
    matrix = np.array(rows)
    if abs(np.linalg.det(matrix)) < 0.05:
        raise MeasureError("the stains have nearly the same colour", remedy="measure stain_vector on single stains")
    density = -np.log(np.clip(_colours(section) / 255.0, 1 / 255, 1))
    amounts = density @ np.linalg.inv(matrix)
    said = {f"stain {name}": " ".join(f"{v:.4f}" for v in row) for name, row in zip(stains, rows, strict=False)}
    channels = {name: amounts[..., number] for number, name in enumerate(stains)}
    return replace(section, channels=channels, settings={**section.settings, **said})


def find_tissue(section: Section, channel: str, smooth_um: float = 10.0, brightfield: bool = False) -> Section:
    """Return the section with its tissue found: smoothed channel beyond Otsu's threshold of its square root, no holes.

    The threshold is recorded and a warning left: it belongs to this image.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(section.channel(channel), section.pixels(smooth_um) / 2)
    scale = np.sqrt(smooth - smooth.min())
    level = float(library("skimage.filters").threshold_otsu(scale))
    mask: Mask = ndimage.binary_fill_holes(scale < level if brightfield else scale > level)
    rule = {"tissue": f"Otsu of root {channel}", "tissue_smooth_um": smooth_um, "tissue_level": level}
    found = section.with_mask(mask, **rule)  # type: ignore[arg-type]
    return replace(found, warnings=(*found.warnings, "tissue found by this image's own threshold: look at the overlay"))
