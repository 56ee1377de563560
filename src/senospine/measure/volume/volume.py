"""A scan: voxels with their size. There is no voxel of size one by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.memory import available_memory

#: voxel edges beyond these are a mistaken unit, not a scan of bone, um
SMALLEST_UM, LARGEST_UM = 0.05, 2000.0
#: share of voxels at the top of the grey scale: beyond the first a warning, beyond the second no measurement
SATURATED_WARN, SATURATED_REFUSE = 0.01, 0.5


@dataclass(frozen=True)
class Volume:
    """Voxels and their size.

    Attributes
    ----------
    array : (nz, ny, nx) array
        Grey values, or a mask; may be a memory map.
    spacing_um : tuple of float
        Voxel edges along z, y, x.
    name : str
        What messages call it.
    inputs : mapping of str to str
        File name to SHA-256.
    """

    array: NDArray[Any]
    spacing_um: tuple[float, float, float]
    name: str = "volume"
    inputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise MeasureError(
                f"{self.array.ndim} axes, not 3", where=self.name, remedy="give one grey channel as (z, y, x)"
            )
        if min(self.array.shape) < 2:
            raise MeasureError(
                f"the scan is {' x '.join(map(str, self.array.shape))} voxels: one slice is no volume",
                where=self.name,
                remedy="give the whole stack; a single section belongs to 'measure section'",
            )
        check_spacing(self.spacing_um, self.name)

    @property
    def is_mask(self) -> bool:
        """True where there are two values and one of them is 0."""
        sample = self.array[:: max(self.array.shape[0] // 16, 1)]
        found = np.unique(sample)
        if len(found) > 2 or (len(found) == 2 and found[0] != 0):
            return False
        return bool(len(found) == 2 and all(np.isin(plane, found).all() for plane in self.array))

    def cropped(self, box: tuple[slice, slice, slice]) -> Volume:
        """Return a part; a memory map stays one."""
        return replace(self, array=self.array[box])

    def binned(self, factor: int) -> Volume:
        """Return the volume with ``factor`` voxels along each axis averaged to one; an incomplete rim is left out."""
        shape = tuple(n // factor for n in self.array.shape)
        out = np.zeros(shape, np.float32)
        for z in range(shape[0]):  # plane by plane: a memory map is never held whole
            part = self.array[z * factor : (z + 1) * factor, : shape[1] * factor, : shape[2] * factor]
            out[z] = part.reshape(factor, shape[1], factor, shape[2], factor).mean(axis=(0, 2, 4), dtype=np.float32)
        z_um, y_um, x_um = (edge * factor for edge in self.spacing_um)
        return replace(self, array=out, spacing_um=(z_um, y_um, x_um))

    def resampled(self, edge_um: float | None = None) -> Volume:
        """Return cubic voxels, grey values interpolated linearly; the smallest edge where None.

        A mask comes back as a mask: what is at least half bone is bone.
        """
        from scipy import ndimage

        edge = min(self.spacing_um) if edge_um is None else edge_um
        mask = self.is_mask
        grey = (self.array != 0).astype(np.float32) if mask else np.asarray(self.array, np.float32)
        shape = [max(round(n * old / edge), 1) for n, old in zip(grey.shape, self.spacing_um, strict=True)]
        scale = [edge / old for old in self.spacing_um]
        offset = [(step - 1) / 2 for step in scale]  # voxel centres, the outer faces stay where they are
        out = ndimage.affine_transform(grey, scale, offset, tuple(shape), order=1, mode="nearest")
        return replace(self, array=out >= 0.5 if mask else out, spacing_um=(edge, edge, edge))

    def require_memory(self, bytes_per_voxel: float) -> None:
        """Refuse a volume that would not fit into free memory, before anything is read.

        Raises
        ------
        MeasureError
            With what would help.
        """
        needed, free = self.array.size * bytes_per_voxel, available_memory()
        if needed > 0.8 * free:
            factor = int(np.ceil((needed / (0.8 * free)) ** (1 / 3)))
            raise MeasureError(
                f"{' x '.join(map(str, self.array.shape))} voxels need some {needed / 1e9:.1f} GB, "
                f"{free / 1e9:.1f} GB are free",
                where=self.name,
                remedy=f"crop to the bone ('crop' in the protocol), average voxels ('bin: {max(factor, 2)}'), "
                "or use a larger machine",
            )


def check_spacing(spacing_um: tuple[float, ...], name: str) -> None:
    """Refuse voxel edges that are no lengths of a scan of bone.

    Raises
    ------
    MeasureError
        Not three, not positive, or so far off that the unit must be wrong.
    """
    right = len(spacing_um) == 3 and all(np.isfinite(edge) and edge > 0 for edge in spacing_um)
    if not right or min(spacing_um) < SMALLEST_UM or max(spacing_um) > LARGEST_UM:
        raise MeasureError(
            f"voxels of {' x '.join(f'{edge:g}' for edge in spacing_um)} um",
            where=name,
            why=f"edges of {SMALLEST_UM:g} to {LARGEST_UM:g} um can be a scan of bone; is this another unit?",
            remedy="give 'spacing_um' (z, y, x) in micrometres",
        )


def check_grey(volume: Volume) -> tuple[str, ...]:
    """Return warnings about grey values.

    Raises
    ------
    MeasureError
        Not a number somewhere, one value everywhere, or most voxels at the top of the scale.
    """
    low, high, top, whole = np.inf, -np.inf, 0, volume.array.dtype.kind in "iu"
    ceiling = np.iinfo(volume.array.dtype).max if whole else np.inf
    for plane in volume.array:
        if not np.isfinite(plane).all():
            raise MeasureError("some voxels hold no number", where=volume.name, remedy="reconstruct or export again")
        low, high = min(low, plane.min()), max(high, plane.max())
        top += int((plane == ceiling).sum())
    if low == high:
        raise MeasureError(
            f"every voxel holds {low:g}", where=volume.name, why="an empty or failed export", remedy="export again"
        )
    share = top / volume.array.size
    if volume.is_mask or share <= SATURATED_WARN:
        return ()
    if share > SATURATED_REFUSE:
        raise MeasureError(
            f"{share:.0%} of the voxels are saturated at {ceiling:g}",
            where=volume.name,
            remedy="export with a wider grey range",
        )
    return (f"{share:.1%} of the voxels are saturated at {ceiling:g}: thresholds in the bright part cannot be told",)
