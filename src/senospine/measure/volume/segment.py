"""Bone or marrow: a threshold, and how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.volume.extra import skimage
from senospine.measure.volume.volume import Volume

Method = Literal["otsu", "fixed", "adaptive"]
METHODS = ("otsu", "fixed", "adaptive")
#: share of the grey variance that two classes explain in a picture of noise alone: 2/pi, cut at the mean of a normal
NOISE_ONLY = 2 / np.pi


@dataclass(frozen=True)
class Bone:
    """A segmented scan.

    Attributes
    ----------
    mask : (nz, ny, nx) bool array
    spacing_um : tuple of float
    grey : float32 array or None
        What was thresholded; None where the scan was a mask already.
    level : float or array
        The threshold, one number or one a voxel (``adaptive``); NaN for a mask.
    dark, bright : float
        Mean grey of marrow and of bone.
    settings : mapping
        What to write beside every value.
    """

    mask: NDArray[np.bool_]
    spacing_um: tuple[float, float, float]
    grey: NDArray[np.float32] | None
    level: Any
    dark: float
    bright: float
    settings: Mapping[str, float | str]
    warnings: tuple[str, ...] = ()

    def at(self, factor: float) -> NDArray[np.bool_]:
        """Return the mask with the threshold's height above the marrow's grey times ``factor``.

        Height above marrow, not the number itself: the zero of a grey scale is the scanner's choice.
        """
        if self.grey is None:
            return self.mask
        return np.asarray(self.grey > self.dark + factor * (self.level - self.dark))


def segment_bone(
    volume: Volume,
    method: Method = "otsu",
    level: float | None = None,
    sigma_um: float = 0.0,
    window_um: float = 200.0,
) -> Bone:
    """Return bone and marrow of a scan; a scan of two values is taken as a mask.

    Parameters
    ----------
    volume : Volume
    method : {'otsu', 'fixed', 'adaptive'}
        ``otsu`` finds one threshold (Otsu 1979, 10.1109/TSMC.1979.4310076). ``fixed`` takes ``level``. ``adaptive``
        takes the mean of a Gaussian window about the voxel, held between a quarter and three quarters of the way from
        marrow's to bone's mean grey as Otsu parts them (assumption).
    level : float, optional
        Grey value of ``fixed``; larger is bone.
    sigma_um : float
        Width of a Gaussian that smooths first; 0 for none.
    window_um : float
        Standard deviation of the adaptive window.

    Raises
    ------
    MeasureError
        An unknown method, ``fixed`` without level, or a threshold that leaves only one phase.
    """
    if volume.is_mask:
        mask = np.asarray(volume.array != 0)
        return Bone(mask, volume.spacing_um, None, float("nan"), 0.0, 1.0, {"threshold_rule": "the scan was a mask"})
    if method not in METHODS:
        raise MeasureError(f"no threshold rule '{method}'", remedy=suggest(method, METHODS))
    if (method == "fixed") != (level is not None):
        raise MeasureError("the rule 'fixed' needs a level, and only it does", remedy="give both or neither")
    grey = _smoothed(np.asarray(volume.array, np.float32), sigma_um, volume.spacing_um)
    otsu, dark, bright, explained = _otsu(grey)
    warnings = () if explained > 0.7 else (
        f"bone and marrow hardly differ in grey: two classes explain {explained:.0%} of its variance, "
        f"in noise alone {NOISE_ONLY:.0%}",
    )  # fmt: skip
    settings: dict[str, float | str] = {"threshold_rule": method, "smoothing_sigma_um": sigma_um}
    threshold: Any = otsu if level is None else float(level)
    if method == "adaptive":
        local = _smoothed(grey, window_um, volume.spacing_um)
        threshold = np.clip(local, dark + 0.25 * (bright - dark), dark + 0.75 * (bright - dark))
        settings["window_um"] = window_um
    else:
        dark, bright = _class_means(grey, threshold, volume.name)
    settings |= {"threshold": float(np.mean(threshold)), "marrow_grey": dark, "bone_grey": bright}
    return Bone(grey > threshold, volume.spacing_um, grey, threshold, dark, bright, settings, warnings)


def _smoothed(grey: NDArray[np.float32], sigma_um: float, spacing_um: tuple[float, ...]) -> NDArray[np.float32]:
    from scipy import ndimage

    if sigma_um == 0:
        return grey
    return np.asarray(ndimage.gaussian_filter(grey, [sigma_um / edge for edge in spacing_um], mode="nearest"))


def _otsu(grey: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return threshold, mean of both classes, and the share of the variance they explain."""
    low, high = float(grey.min()), float(grey.max())
    counts = np.zeros(1024)
    for plane in grey:
        counts += np.histogram(plane, 1024, (low, high))[0]
    step = (high - low) / 1024
    centres = low + step * (np.arange(1024) + 0.5)
    level = float(skimage("filters").threshold_otsu(hist=(counts, centres))) + step / 2
    bone = centres > level
    dark, bright = (float(np.average(centres[part], weights=counts[part])) for part in (~bone, bone))
    share, mean = counts[bone].sum() / counts.sum(), np.average(centres, weights=counts)
    explained = share * (1 - share) * (bright - dark) ** 2 / np.average((centres - mean) ** 2, weights=counts)
    return level, dark, bright, float(explained)


def _class_means(grey: NDArray[np.float32], level: float, name: str) -> tuple[float, float]:
    bone = grey > level
    share = bone.mean()
    if share in (0, 1):
        raise MeasureError(
            f"the threshold {level:g} leaves {'only bone' if share else 'no bone'}: grey runs from "
            f"{grey.min():g} to {grey.max():g}",
            where=name,
            remedy="give a level inside that range, or take 'otsu'",
        )
    return float(grey[~bone].mean(dtype=float)), float(grey[bone].mean(dtype=float))
