"""Nerve fibres and vessels: found as ridges, told as length, area, number and intensity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.extra import library
from senospine.measure.section import paths
from senospine.measure.section.image import Image, Mask, Section

if TYPE_CHECKING:
    import pandas as pd

#: a ridge starts where its contrast exceeds the median by this many robust deviations, and goes on at half of it
_NOISE_MULTIPLE = 6.0


@dataclass(frozen=True)
class Fibres:
    """Fibres of one channel.

    Attributes
    ----------
    table : data frame
        One row a profile (a connected piece): ``profile, length_um, area_um2, width_um``.
    lines : list of array (points, 2)
        Middle lines, rows and columns [pixels].
    owner : list of int
        The profile each line belongs to.
    mask : array of bool
        Where they are: inside half of their own peak.
    length_um : float
        Length of all lines [µm].
    settings, warnings
    """

    table: pd.DataFrame
    lines: list[paths.Path]
    owner: list[int]
    mask: Mask
    length_um: float
    settings: dict[str, float | str]
    warnings: tuple[str, ...] = ()


def ridge_contrast(image: Image, radius_px: Sequence[float]) -> Image:
    """Return how much brighter than beside it a line is here [grey], largest over the radii.

    The most negative curvature of the image smoothed at the width of a line, scaled so that a line with a Gaussian
    profile of matching width gives its own height (after Sato 1998, doi 10.1016/S1361-8415(98)80009-1).
    """
    from scipy import ndimage

    best = np.zeros(image.shape, dtype=np.float32)
    for radius in radius_px:
        sigma = max(radius * np.sqrt(2 / 3), 1.0)  # sqrt(2) times the spread of a bar of this half width
        yy, xx, xy = (ndimage.gaussian_filter(image, sigma, order=order) for order in ((2, 0), (0, 2), (1, 1)))
        across = (yy + xx) / 2 - np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
        np.maximum(best, -across * (sigma**2 * 3**1.5 / 2), out=best)
    return best


def trace_fibres(
    section: Section,
    channel: str,
    radius_um: float | Sequence[float] = 1.0,
    contrast: float | None = None,
    min_length_um: float = 10.0,
) -> Fibres:
    """Return the fibres or vessels of one channel.

    Ridges by :func:`ridge_contrast`, hysteresis (a line starts above ``contrast`` and goes on above half of it), cut
    where it falls below half of its own peak, thinned, pieces shorter than ``min_length_um`` dropped. The length is
    that of the smoothed middle line; within 2 % at any direction for straight lines.

    Parameters
    ----------
    radius_um : float or sequence of float
        Half width of what is sought; several for vessels of many sizes.
    contrast : float, optional
        From controls [grey]. Without it six robust deviations of this image's own ridges above their median, with a
        warning.
    """
    import pandas as pd
    from scipy import ndimage

    radii = [section.pixels(r) for r in np.atleast_1d(radius_um)]
    if min(radii) < 0.7:
        raise MeasureError(
            f"lines of half width {min(np.atleast_1d(radius_um)):g} µm are thinner than the pixels can show",
            remedy="take images of smaller pixels, or a larger radius",
        )
    image = section.channel(channel)
    response = ridge_contrast(image, radii)
    inside = response[section.tissue]
    middle = float(np.median(inside))
    deviation = 1.4826 * float(np.median(np.abs(inside - middle)))
    high = middle + _NOISE_MULTIPLE * deviation if contrast is None else contrast
    if high <= 0:
        high = float("inf")  # a field without any variation has no ridges
    low = high / 2 if contrast is not None else middle + (high - middle) / 2
    ridge = library("skimage.filters").apply_hysteresis_threshold(response, low, high) & section.tissue
    mask = _half_maximum(image, ridge, response, max(radii)) & section.tissue
    minimum = section.pixels(min_length_um)
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    lines: list[paths.Path] = []
    owner: list[int] = []
    for line in paths.trace(mask):
        y, x = np.clip(np.round(line[len(line) // 2]).astype(int), 0, np.array(mask.shape) - 1)
        lines.append(line)
        owner.append(int(labels[y, x]))
    sums = np.bincount(owner, weights=[paths.length(line) for line in lines], minlength=int(labels.max()) + 1)
    long = sums >= minimum
    long[0] = False
    kept = [(line, number) for line, number in zip(lines, owner, strict=True) if long[number]]
    areas = np.bincount(labels.ravel(), minlength=long.size)
    chosen = np.flatnonzero(long)
    um = section.pixel_um
    table = pd.DataFrame(
        {"profile": chosen, "length_um": sums[chosen] * um, "area_um2": areas[chosen] * um**2,
         "width_um": areas[chosen] / np.maximum(sums[chosen], 1e-9) * um}
    )  # fmt: skip
    settings: dict[str, float | str] = {
        f"{channel}_radius_um": " ".join(f"{r:g}" for r in np.atleast_1d(radius_um)), f"{channel}_contrast": high,
        f"{channel}_contrast_rule": "given" if contrast is not None else f"{_NOISE_MULTIPLE:g} deviations, this image",
        f"{channel}_min_length_um": min_length_um, f"{channel}_path_smoothing_px": paths.SMOOTHING,
    }  # fmt: skip
    warnings = () if contrast is not None else (f"contrast of {channel} found on this image, not on controls",)
    return Fibres(table, [line for line, _ in kept], [number for _, number in kept], long[labels],
                  float(sums[chosen].sum()) * um, settings, warnings)  # fmt: skip


def _half_maximum(image: Image, ridge: Mask, response: Image, radius_px: float) -> Mask:
    """Return the ridges cut, or widened, to where the image falls to half between its own peak and what lies beside."""
    from scipy import ndimage

    if not ridge.any():
        return ridge
    smooth = ndimage.gaussian_filter(image, 0.7)
    reach = 2 * int(np.ceil(radius_px)) + 1
    base = float(np.median(image))
    peak = ndimage.maximum_filter(np.where(ridge, smooth, base), size=reach)
    peak = base + ndimage.gaussian_filter(peak - base, radius_px / 2)
    near = ndimage.binary_dilation(ridge, iterations=max(1, int(np.ceil(radius_px))))
    return np.asarray(near & (response > 0) & (smooth - base > 0.5 * (peak - base)))


def length_within(fibres: Fibres, where: Mask, pixel_um: float) -> float:
    """Return the length of the middle lines that runs inside a mask [µm]."""
    total = 0.0
    bounds = np.array(where.shape) - 1
    for line in fibres.lines:
        middle = (line[1:] + line[:-1]) / 2
        y, x = np.clip(np.round(middle).astype(int), 0, bounds).T
        total += float((np.hypot(*np.diff(line, axis=0).T) * where[y, x]).sum())
    return total * pixel_um


def double_positive(section: Section, first: str, second: str, levels: tuple[float, float]) -> Mask:
    """Return the pixels of the tissue in which both channels exceed their level [grey], lone ones removed.

    The levels come from controls; for type H vessels (CD31 high, endomucin high) from vessels known to be of type L.
    """
    from scipy import ndimage

    both = (section.channel(first) > levels[0]) & (section.channel(second) > levels[1]) & section.tissue
    return np.asarray(ndimage.median_filter(both, size=3) & section.tissue)
