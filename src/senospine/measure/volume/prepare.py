"""The part of a scan that a protocol asks for, and the region inside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.files import read_volume
from senospine.measure.volume.protocol import AXES, Protocol
from senospine.measure.volume.volume import Volume

Mask = NDArray[np.bool_]
#: bytes a voxel that a whole measurement holds at its peak: grey, masks, distances and maps
BYTES_PER_VOXEL = 32


def prepared(volume: Volume, protocol: Protocol) -> tuple[Volume, Mask]:
    """Return the part to measure, on cubic voxels, and the region inside it; nothing is read before it fits.

    Raises
    ------
    MeasureError
        A region of another shape, a crop beyond the scan, a margin that leaves nothing, or too little memory.
    """
    mask = None
    if protocol.region_mask is not None:
        mask = read_volume(protocol.region_mask, volume.spacing_um)
        if mask.array.shape != volume.array.shape:
            raise MeasureError(
                f"the region has shape {mask.array.shape}, the scan {volume.array.shape}",
                where=str(protocol.region_mask), remedy="draw the region on this scan",
            )  # fmt: skip
        volume = replace(volume, inputs={**volume.inputs, **mask.inputs})
    box = _box(protocol, volume)
    volume = volume.cropped(box)
    volume.require_memory(BYTES_PER_VOXEL / protocol.bin**3)
    mask = None if mask is None else replace(mask, array=mask.array[box] != 0)
    if protocol.bin > 1:
        volume = volume.binned(protocol.bin)
        mask = None if mask is None else replace(coarse := mask.binned(protocol.bin), array=coarse.array >= 0.5)
    if protocol.resample:
        volume, mask = volume.resampled(), None if mask is None else mask.resampled()
    domain = np.ones(volume.array.shape, bool) if mask is None else np.asarray(mask.array, bool)
    if protocol.margin_um is not None:
        inner = tuple(
            slice(round(protocol.margin_um / edge), n - round(protocol.margin_um / edge))
            for n, edge in zip(volume.array.shape, volume.spacing_um, strict=True)
        )
        inside = np.zeros_like(domain)
        inside[inner] = True
        domain &= inside
    if not domain.any():
        raise MeasureError("region and margin leave nothing of the scan", remedy="take a smaller margin")
    return volume, domain


def _box(protocol: Protocol, volume: Volume) -> tuple[slice, slice, slice]:
    box = []
    for name, axis in AXES.items():
        size = volume.array.shape[axis]
        first, last = getattr(protocol.crop, name) or (0, size)
        if not 0 <= first < last <= size:
            raise MeasureError(
                f"crop {name} from {first} to {last}, the scan has 0 to {size}", remedy="correct 'crop' in the protocol"
            )
        box.append(slice(first, last))
    return box[0], box[1], box[2]
