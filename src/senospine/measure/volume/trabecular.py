"""What a region of trabecular bone reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.segment import Bone
from senospine.measure.volume.surface import smoothed_mask, surface_area
from senospine.measure.volume.thickness import Border, Convention, Thickness, isotropic, local_thickness

Mask = NDArray[np.bool_]

#: voxels across a structure: below the first a warning, below the second no measurement unless asked for
FEW_VOXELS, TOO_FEW_VOXELS = 5.0, 2.0


@dataclass
class Values:
    """Values by definition id, with what else is to be told of each; maps for pictures."""

    values: dict[str, float] = field(default_factory=dict)
    settings: dict[str, dict[str, float | str]] = field(default_factory=dict)
    counts: dict[str, tuple[float, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    maps: dict[str, Thickness] = field(default_factory=dict)

    def add(self, definition: str, value: float, **settings: float | str) -> None:
        """Keep a value."""
        self.values[definition], self.settings[definition] = float(value), settings


def check_resolution(mean_um: float, voxel_um: float, what: str, allow_coarse: bool) -> str | None:
    """Return a warning where a structure is few voxels across.

    Raises
    ------
    MeasureError
        So few that a threshold alone decides, unless ``allow_coarse``.
    """
    across = mean_um / voxel_um
    if across < TOO_FEW_VOXELS and not allow_coarse:
        raise MeasureError(
            f"{what} is {across:.1f} voxels across",
            why="below 2 voxels blur and threshold decide the value, not the bone",
            remedy="scan with smaller voxels, or say 'allow_coarse: true' and trust no absolute value",
        )
    if across < FEW_VOXELS:
        return f"{what} is {across:.1f} voxels across: one voxel more or less is {1 / across:.0%}"
    return None


def thickness_settings(found: Thickness) -> dict[str, float | str]:
    """Return what is told beside a mean thickness."""
    values = found.values_um
    told: dict[str, float | str] = {"sd_um": float(values.std(dtype=float)), "largest_um": float(values.max())}
    told |= {f"percentile_{p}_um": float(np.percentile(values, p)) for p in (10, 50, 90)}
    told["share_lost_at_border"] = found.lost
    if np.isfinite(found.certain):
        told["share_certain"] = found.certain
    return told


def trabecular_values(
    bone: Mask,
    domain: Mask,
    spacing_um: tuple[float, float, float],
    *,
    border: Border = "open",
    convention: Convention = "bonej",
    allow_coarse: bool = False,
    threads: int = 0,
) -> Values:
    """Return TV, BV/TV, Tb.Th, Tb.Sp and Tb.N of a region.

    Raises
    ------
    MeasureError
        One phase is missing, or the bone is less than two voxels thick.
    """
    voxel = isotropic(spacing_um)
    total = int(domain.sum())
    bone_voxels = int((bone & domain).sum())
    if bone_voxels in (0, total):
        raise MeasureError(
            f"the region is all {'bone' if bone_voxels else 'marrow'}", remedy="check the threshold and the region"
        )
    out = Values()
    out.add("TV/voxel-count", total * (voxel * 1e-3) ** 3)
    out.add("BV/TV/voxel-count", bone_voxels / total)
    out.counts["BV/TV/voxel-count"] = bone_voxels, total
    for symbol, phase in (("Tb.Th", bone), ("Tb.Sp", ~bone)):
        found = local_thickness(phase, spacing_um, domain=domain, border=border, convention=convention, threads=threads)
        identity = f"{symbol}/hr-sphere/{convention}/{border}"
        mean = float(found.values_um.mean(dtype=float))
        out.add(identity, mean, **thickness_settings(found))
        out.maps[symbol] = found
        out.warnings += _border_warnings(symbol, found)
        if symbol == "Tb.Th":
            out.add("Tb.N/plate", 1e3 * bone_voxels / total / mean, thickness=identity)
            out.warnings += filter(None, [check_resolution(mean, voxel, "the bone", allow_coarse)])
    return out


def _border_warnings(symbol: str, found: Thickness) -> list[str]:
    warnings = []
    if found.lost > 0.05:
        warnings.append(f"{symbol}: {found.lost:.0%} of the phase lies under no ball that stays in the region")
    if found.border in ("margin", "open") and found.certain < 0.95:
        warnings.append(
            f"{symbol}: {1 - found.certain:.0%} of the values could change with a wider margin around the region"
        )
    return warnings


def surface_and_connectivity(bone: Bone, domain: Mask) -> Values:
    """Return BS/TV, BS/BV and Conn.D of a region."""
    from senospine.measure.volume.cells import euler_in_region

    voxel = isotropic(bone.spacing_um)
    out = Values()
    if bone.grey is None:
        identity, grey, level = "BS/TV/marching-cubes-smoothed-mask", smoothed_mask(bone.mask), 0.5
    else:  # a threshold of its own at each voxel is taken off first
        identity, single = "BS/TV/marching-cubes-grey", np.ndim(bone.level) == 0
        grey, level = (bone.grey, float(bone.level)) if single else (bone.grey - bone.level, 0.0)
    area, cubes = surface_area(grey, level, voxel, domain)
    density = area / (cubes * voxel**3) * 1e3 if cubes else float("nan")
    out.add(identity, density, area_mm2=area * 1e-6)
    out.add("BS/BV/marching-cubes", density / float(bone.mask[domain].mean()), surface=identity)
    euler, corners = euler_in_region(purified(bone.mask), domain)
    volume = corners * (voxel * 1e-3) ** 3
    out.add("Conn.D/euler-purified", (1 - euler) / volume if corners else float("nan"), euler_number=euler)
    return out


def purified(bone: Mask) -> Mask:
    """Return the largest 26-connected piece of bone with all of its cavities filled: specks make and hide tunnels."""
    from scipy import ndimage

    from senospine.measure.volume.endplate import largest_piece

    return np.asarray(~largest_piece(~np.pad(largest_piece(bone), 1), ndimage.generate_binary_structure(3, 1)))[
        1:-1, 1:-1, 1:-1
    ]
