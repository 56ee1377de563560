"""The bony endplate as a declared region: where its surface is, how deep, how far from the rim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Endplate:
    """A region of endplate.

    Attributes
    ----------
    region : (nz, ny, nx) bool array
        On the scan's own grid.
    area : bool array
        The part of the disc's face that was kept, seen from the disc.
    top : int array
        Index of the closed surface under each point of the face, counted from the disc's end.
    axis : int
    flipped : bool
        True where the disc lies beyond the last slice.
    settings : mapping
    warnings : tuple of str
    """

    region: Mask
    area: Mask
    top: NDArray[np.int64]
    axis: int
    flipped: bool
    settings: Mapping[str, float | str]
    warnings: tuple[str, ...]

    def from_disc(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view of an array of the scan's grid with depth, seen from the disc, as first axis."""
        turned = np.moveaxis(array, self.axis, 0)
        return turned[::-1] if self.flipped else turned


def endplate_region(
    bone: Mask,
    voxel_um: float,
    *,
    axis: int = 0,
    disc: Literal["first", "last"] = "first",
    depth_um: tuple[float, float] = (0.0, 150.0),
    inset: float = 0.1,
    closing_um: float = 100.0,
    grow_voxels: int = 0,
) -> Endplate:
    """Return the region under the face of a vertebra that looks at the disc.

    The surface is the first bone under each point of the face, of the largest piece of bone, closed with a disc of
    radius ``closing_um`` so that the mouths of pores narrower than that are bridged. The region reaches from
    ``depth_um[0]`` to ``depth_um[1]`` below it, along the spine. There is no published standard; all of this is our
    choice (assumption) and is written beside every value.

    Parameters
    ----------
    bone : (nz, ny, nx) bool array
        One vertebra.
    voxel_um : float
    axis : int
        The scan's axis that runs along the spine.
    disc : {'first', 'last'}
        At which end of that axis the disc lies.
    depth_um : (float, float)
    inset : float
        How far from the rim, as a share of the radius of the largest circle on the face.
    closing_um : float
        Larger than the largest pore's radius.
    grow_voxels : int
        Added to the closing radius, for its sensitivity.

    Raises
    ------
    MeasureError
        No bone, or depth, inset and closing that leave nothing.
    """
    from scipy import ndimage

    first, last = round(depth_um[0] / voxel_um), round(depth_um[1] / voxel_um)
    if not 0 <= first < last or not 0 <= inset < 1 or closing_um < 0:
        raise MeasureError(
            f"no region of depth {depth_um[0]:g} to {depth_um[1]:g} um, inset {inset:g}, closing {closing_um:g} um",
            why=f"a voxel is {voxel_um:g} um",
            remedy="let the depth grow by a voxel at least, and keep the inset between 0 and 1",
        )
    turned = np.moveaxis(largest_piece(bone), axis, 0)
    turned = turned[::-1] if disc == "last" else turned
    depth = turned.shape[0]
    radius = max(round(closing_um / voxel_um) + grow_voxels, 0)
    height = close_surface(np.where(turned.any(axis=0), depth - turned.argmax(axis=0), 0), radius)
    rim = ndimage.distance_transform_edt(np.pad(height > 0, 1))[1:-1, 1:-1]
    area = rim > max(inset * rim.max(), 0.5)
    top = depth - height
    if not area.any():
        raise MeasureError("the inset leaves nothing of the endplate", remedy="take a smaller inset")
    warnings = []
    cut = float((top[area] + last > depth).mean())
    if cut > 0:
        warnings.append(f"under {cut:.1%} of the endplate the scan ends before {depth_um[1]:g} um depth")
    if (top[area] == 0).any():
        warnings.append("bone touches the disc's end of the scan: the surface may lie outside")
    oriented = np.zeros(turned.shape, bool)
    for index in range(depth):
        oriented[index] = (index >= top + first) & (index < top + last) & area
    region = np.moveaxis(oriented[::-1] if disc == "last" else oriented, 0, axis)
    settings: dict[str, float | str] = {
        "depth_from_um": first * voxel_um, "depth_to_um": last * voxel_um, "inset": inset,
        "closing_um": radius * voxel_um, "disc_at": f"{disc} slice of axis {axis}",
    }  # fmt: skip
    return Endplate(np.ascontiguousarray(region), area, top, axis, disc == "last", settings, tuple(warnings))


def largest_piece(bone: Mask, neighbours: Mask | None = None) -> Mask:
    """Return the largest piece, 26-connected unless told otherwise: specks before the surface are noise.

    Raises
    ------
    MeasureError
        There is none.
    """
    from scipy import ndimage

    pieces, count = ndimage.label(bone, np.ones((3, 3, 3)) if neighbours is None else neighbours)
    if count == 0:
        raise MeasureError("there is no bone in the scan", remedy="check the threshold")
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def close_surface(height: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Return a surface with hollows narrower than a disc filled level; flat and tilted surfaces stay as they are."""
    from scipy import ndimage

    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    padded = np.pad(height, 2 * radius + 1)
    closed = ndimage.grey_closing(padded, footprint=y**2 + x**2 <= radius**2)
    inner = slice(2 * radius + 1, -(2 * radius + 1))
    return np.asarray(np.maximum(closed[inner, inner], height))
