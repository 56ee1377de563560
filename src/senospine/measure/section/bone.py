"""The bone's edge in a section: where it is, how long, how much of it lies under cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.extra import library
from senospine.measure.section.image import Mask, Section


@dataclass(frozen=True)
class BoneEdge:
    """The bone's edge inside the tissue.

    Attributes
    ----------
    middle : array (pieces, 2)
        Middle of each short piece, rows and columns [pixels].
    length_um : array (pieces,)
    """

    middle: NDArray[np.float64]
    length_um: NDArray[np.float64]

    @property
    def total_um(self) -> float:
        """Length of the edge [µm]."""
        return float(self.length_um.sum())


def find_bone(
    section: Section, channel: str, level: float | None = None, min_area_um2: float = 200.0
) -> tuple[Mask, float]:
    """Return bone and the level used: the smoothed channel above it, small pieces and holes left out.

    Without a level it is Otsu's, of this image.

    Raises
    ------
    MeasureError
        No bone in the field.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(section.channel(channel), 1.5)
    cut = float(library("skimage.filters").threshold_otsu(smooth[section.tissue])) if level is None else level
    mask = smooth > cut
    smallest = min_area_um2 / section.pixel_um**2
    for part in (True, False):
        labels, _ = ndimage.label(mask == part)
        small = np.bincount(labels.ravel()) < smallest
        small[0] = False
        mask ^= small[labels]
    if not (mask & section.tissue).any():
        raise MeasureError("no bone in this field", remedy="give a bone mask, another level, or count without bone")
    return np.asarray(mask), cut


def bone_edge(bone: Mask, section: Section) -> BoneEdge:
    """Return the edge between bone and other tissue, from the contour of the smoothed mask.

    Where the image or the tissue ends no edge is counted.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(bone.astype(np.float32), 1.0)
    inside = ndimage.binary_erosion(section.tissue, iterations=2, border_value=1)
    pieces = [np.empty((0, 2, 2))]
    for line in library("skimage.measure").find_contours(smooth, 0.5):
        pieces.append(np.stack([line[:-1], line[1:]], axis=1))
    ends = np.concatenate(pieces)
    middle = ends.mean(axis=1)
    keep = inside[tuple(np.round(middle).astype(int).T)]
    length = np.hypot(*(ends[:, 1] - ends[:, 0]).T) * section.pixel_um
    return BoneEdge(middle[keep], length[keep])


def covered_um(edge: BoneEdge, cells: Mask, max_gap_um: float, pixel_um: float) -> float:
    """Return the length of the edge within a gap of cells [µm]."""
    from scipy import ndimage

    if not cells.any() or not len(edge.length_um):
        return 0.0
    distance = ndimage.distance_transform_edt(~cells) * pixel_um
    near = distance[tuple(np.round(edge.middle).astype(int).T)] <= max_gap_um + pixel_um
    return float(edge.length_um[near].sum())
