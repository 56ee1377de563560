"""What a region of endplate reads: how much of it is pore, and what the pores are like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.endplate import Endplate
from senospine.measure.volume.thickness import Convention, local_thickness
from senospine.measure.volume.trabecular import Values, check_resolution, thickness_settings

Mask = NDArray[np.bool_]

#: layers of the depth profile
LAYERS = 10


def porosity_values(
    bone: Mask,
    endplate: Endplate,
    voxel_um: float,
    *,
    convention: Convention = "bonej",
    smallest_pore_voxels: int = 8,
    allow_coarse: bool = False,
    threads: int = 0,
) -> Values:
    """Return total, open, closed and areal porosity, pore number and size of an endplate region.

    Pores are 6-connected; those smaller than ``smallest_pore_voxels`` (assumption) are not counted, but are porosity.

    Raises
    ------
    MeasureError
        The region lies outside the scan, or pores are less than two voxels wide.
    """
    region = endplate.region
    total = int(region.sum())
    if total == 0:
        raise MeasureError("the endplate region lies outside the scan", remedy="take a smaller depth, or scan deeper")
    pores = region & ~bone
    sizes, closed = _pieces(pores, region)
    out = Values()
    out.add("Po.tot/endplate-region", pores.sum() / total)
    out.add("Po.cl/endplate-region", sizes[closed].sum() / total)
    out.add("Po.op/endplate-region", sizes[~closed].sum() / total)
    for name, count in (("tot", sizes.sum()), ("cl", sizes[closed].sum()), ("op", sizes[~closed].sum())):
        out.counts[f"Po.{name}/endplate-region"] = float(count), float(total)
    inside, is_pore = endplate.from_disc(region), endplate.from_disc(pores)
    face = inside.any(axis=0)
    mouth = np.take_along_axis(is_pore, inside.argmax(axis=0)[None], 0)[0]
    out.add("Po.areal/through", (face & ~(inside & ~is_pore).any(axis=0)).sum() / face.sum())
    out.add("Po.areal/mouth", mouth[face].mean())
    area = float(face.sum()) * (voxel_um * 1e-3) ** 2
    number = int((sizes >= smallest_pore_voxels).sum())
    out.add("Po.N/area", number / area, smallest_pore_voxels=smallest_pore_voxels)
    out.counts["Po.N/area"] = number, area
    diameter = f"Po.Dm/hr-sphere/{convention}/open"
    if not pores.any():
        out.add(diameter, float("nan"))
        out.warnings.append("there is no pore in the region: its diameter cannot be told")
        return out
    found = local_thickness(
        pores, (voxel_um,) * 3, domain=region, border="open", convention=convention, threads=threads
    )
    mean = float(found.values_um.mean(dtype=float))
    out.add(diameter, mean, **thickness_settings(found))
    out.add(f"Tb.Sp/hr-sphere/{convention}/open", mean, region="endplate")
    out.maps["Po.Dm"] = found
    out.warnings += filter(None, [check_resolution(mean, voxel_um, "a pore", allow_coarse)])
    return out


def depth_profile(bone: Mask, endplate: Endplate, voxel_um: float) -> Mapping[tuple[float, float], float]:
    """Return porosity by depth below the surface, um, from upper to lower end of each layer."""
    region, solid = endplate.from_disc(endplate.region), endplate.from_disc(bone)
    there = np.flatnonzero(region.any(axis=(1, 2)))
    depth = np.arange(there[0], there[-1] + 1)[:, None, None] - endplate.top  # of each voxel under its own surface
    part = slice(there[0], there[-1] + 1)
    inside = region[part]
    depths, pore = depth[inside], ~solid[part][inside]
    last = int(depths.max()) + 1
    edges = np.unique(np.linspace(int(depths.min()), last, LAYERS + 1).round().astype(int))
    place = np.searchsorted(edges, depths, "right") - 1
    return {
        (float(edges[k] * voxel_um), float(edges[k + 1] * voxel_um)): float(pore[place == k].mean())
        for k in range(len(edges) - 1)
    }


def _pieces(pores: Mask, region: Mask) -> tuple[NDArray[np.int64], Mask]:
    """Return the size of each 6-connected pore, and which do not touch the border of the region."""
    from scipy import ndimage

    labels, count = ndimage.label(pores)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    touching = np.unique(labels[region & ~ndimage.binary_erosion(region)])
    closed = np.ones(count + 1, bool)
    closed[touching] = False
    return sizes, closed[1:]
