"""The disc as the space between two vertebrae: a scan without contrast does not show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.endplate import close_surface
from senospine.measure.volume.trabecular import Values

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Disc:
    """The gap between two vertebrae, seen along the spine.

    Attributes
    ----------
    upper, lower : int arrays
        First and last-but-one index of the gap along the spine; equal where the vertebrae do not face each other.
    lengths : two int arrays
        Length of the vertebrae along the spine, in voxels, 0 where there is none.
    cut : bool
        A vertebra touches an end of the scan: its length is not known.
    """

    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    lengths: tuple[NDArray[np.int64], NDArray[np.int64]]
    cut: bool


def find_disc(bone: Mask, voxel_um: float, axis: int, closing_um: float) -> Disc:
    """Return the gap between the two largest pieces of bone, their faces closed as an endplate's is.

    Raises
    ------
    MeasureError
        Fewer than two pieces, or none above the other.
    """
    from scipy import ndimage

    turned = np.moveaxis(bone, axis, 0)
    labels, count = ndimage.label(turned, np.ones((3, 3, 3)))
    if count < 2:
        raise MeasureError(
            "the scan holds one piece of bone, a disc lies between two",
            remedy="crop to two vertebrae, and raise the threshold if their joints touch",
        )
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    pair = np.argsort(sizes)[-2:]
    heights = {one: ndimage.center_of_mass(labels == one)[0] for one in pair}
    first, second = (labels == one for one in sorted(pair, key=heights.__getitem__))
    radius, depth = max(round(closing_um / voxel_um), 0), turned.shape[0]
    below = close_surface(np.where(first.any(axis=0), depth - first[::-1].argmax(axis=0), 0), radius)
    above = depth - close_surface(np.where(second.any(axis=0), depth - second.argmax(axis=0), 0), radius)
    facing = (below > 0) & (above < depth) & (above > below)
    if not facing.any():
        raise MeasureError("the two vertebrae do not face each other", remedy="check the axis of the spine")
    lengths = tuple(piece.any(axis=0) * (depth - piece[::-1].argmax(0) - piece.argmax(0)) for piece in (first, second))
    return Disc(
        below, np.where(facing, above, below), (lengths[0], lengths[1]), bool(first[0].any() or second[-1].any())
    )


def disc_values(disc: Disc, voxel_um: float, front_axis: int = 0) -> Values:
    """Return disc volume and disc height index.

    Height index: the gap is averaged over the front, middle and back third of the middle third seen from the side; its
    mean over the three is divided by the mean length of both vertebrae in the same strip (assumption; on radiographs
    three single heights are taken).

    Parameters
    ----------
    disc : Disc
    voxel_um : float
    front_axis : {0, 1}
        Which axis of the face runs from front to back.
    """
    gap = (disc.lower - disc.upper).astype(float)
    out = Values()
    out.add("Disc.V/between-endplates", gap.sum() * (voxel_um * 1e-3) ** 3)
    if front_axis == 1:
        gap = gap.T
    facing = gap > 0
    sides = np.flatnonzero(facing.any(axis=0))
    strip = slice(sides[0] + len(sides) // 3, sides[0] + max(2 * len(sides) // 3, len(sides) // 3 + 1))
    rows = np.flatnonzero(facing[:, strip].any(axis=1))
    thirds = [gap[part, strip] for part in (slice(one[0], one[-1] + 1) for one in np.array_split(rows, 3))]
    heights = [float(third[third > 0].mean()) for third in thirds]
    index = float("nan")
    if disc.cut:
        out.warnings.append("a vertebra is cut by the end of the scan: no disc height index")
    else:
        turned = [length.T if front_axis == 1 else length for length in disc.lengths]
        strips = [length[rows[0] : rows[-1] + 1, strip] for length in turned]
        index = float(np.mean(heights) / np.mean([part[part > 0].mean() for part in strips]))
    names = ("first_third", "middle_third", "last_third")
    told = {f"{name}_um": voxel_um * height for name, height in zip(names, heights, strict=True)}
    out.add("DHI/mid-sagittal-thirds", index, **told)
    return out
