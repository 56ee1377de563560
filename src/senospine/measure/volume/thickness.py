"""Local thickness: the diameter of the largest ball inside a phase that covers a voxel.

Hildebrand and Rueegsegger 1997, 10.1046/j.1365-2818.1997.1340694.x. Exact on the lattice: the same bits as painting
every ball of every voxel, for any number of threads and slabs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.volume.balls import Balls, Label

Border = Literal["margin", "open", "closed", "drop"]
Convention = Literal["bonej", "voxel", "oversample2"]

#: what each border rule does, in a sentence
BORDERS: dict[str, str] = {
    "margin": "balls are taken from the region and all that was scanned around it, and reported inside the region",
    "open": "balls may leave the region as if the phase went on outside; biased upwards",
    "closed": "outside counts as the other phase; biased downwards",
    "drop": "balls that cross the border are left out; few voxels are lost, smaller balls cover them: biased down",
}
#: what each convention does, in a sentence; d is the distance between voxel centres to the nearest other phase
CONVENTIONS: dict[str, str] = {
    "bonej": "2 d: a plate of t voxels reads t if t is even, t + 1 if odd",
    "voxel": "2 d - 1, to the face of the other phase's voxel: a plate of t voxels reads t if t is odd, t - 1 if even",
    "oversample2": "2 d on voxels cut in eight: a plate of t voxels reads t",
}


@dataclass(frozen=True)
class Thickness:
    """A map of local thickness.

    Attributes
    ----------
    map_um : (nz, ny, nx) float32 array
        0 outside the phase or the region, NaN where every ball was dropped; of the box around the region.
    voxel_um : float
    border, convention : str
    lost : float
        Share of the phase in the region that no ball covers (rule ``drop``).
    certain : float
        Share whose value more data beyond the border could not change, but for rounding to the lattice.
    """

    map_um: NDArray[np.float32]
    voxel_um: float
    border: str
    convention: str
    lost: float
    certain: float

    @property
    def values_um(self) -> NDArray[np.float32]:
        """Values of all voxels that have one."""
        return self.map_um[self.map_um > 0]


def isotropic(spacing_um: tuple[float, float, float]) -> float:
    """Return the edge of a cubic voxel.

    Raises
    ------
    MeasureError
        The voxels are no cubes, to one part in a thousand.
    """
    if not max(spacing_um) <= 1.001 * min(spacing_um):
        raise MeasureError(
            f"voxels of {' x '.join(f'{edge:g}' for edge in spacing_um)} um are no cubes",
            why="a ball of voxels would be an ellipsoid of bone",
            remedy="resample first: Volume.resampled(), or 'resample: true' in the protocol",
        )
    return float(np.mean(spacing_um))


def local_thickness(
    phase: NDArray[np.bool_],
    spacing_um: tuple[float, float, float],
    *,
    domain: NDArray[np.bool_] | None = None,
    border: Border = "margin",
    convention: Convention = "bonej",
    threads: int = 0,
    slab: int | None = None,
) -> Thickness:
    """Return the local thickness of a phase.

    Parameters
    ----------
    phase : (nz, ny, nx) bool array
        Bone for Tb.Th, marrow for Tb.Sp.
    spacing_um : tuple of float
        Voxel edges, z y x; equal.
    domain : (nz, ny, nx) bool array, optional
        The region to report. All of the volume where None, which the rule ``margin`` does not accept.
    border, convention : str
        See :data:`BORDERS` and :data:`CONVENTIONS`.
    threads : int
        0 takes every core this process may use.
    slab : int, optional
        Planes at once; None takes what fits into half of the free memory. Results do not depend on it.

    Returns
    -------
    Thickness

    Raises
    ------
    MeasureError
        Anisotropic voxels, shapes that differ, an unknown rule, an empty phase, or one that fills everything.

    Notes
    -----
    Some nine bytes a voxel (72 with ``oversample2``). Cost grows with the voxels and, slowly, with the thickness.

    Examples
    --------
    >>> import numpy as np
    >>> plate = np.zeros((20, 20, 20), bool)
    >>> plate[8:14] = True
    >>> float(local_thickness(plate, (10, 10, 10), border="open").values_um.mean())
    60.0
    """
    voxel = isotropic(spacing_um)
    phase = np.asarray(phase, bool)
    _check(phase, domain, border, convention)
    if domain is not None and border != "margin":
        box = bounding_box(domain)
        phase, domain = phase[box], domain[box]
    factor = 2 if convention == "oversample2" else 1
    shape = (factor * phase.shape[0], factor * phase.shape[1], factor * phase.shape[2])
    balls = Balls(_Labels(phase, domain, border, factor), shape, border == "closed", border == "drop", threads)
    scale, offset = voxel / factor, 1.0 if convention == "voxel" else 0.0

    def value(squared: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(scale * (2 * np.sqrt(squared) - offset), np.float32)

    result = np.zeros(phase.shape, np.float32)
    planes = None if slab is None else factor * slab
    for first, last, label, painted in balls.values(value, planes):
        from senospine.measure.volume.ridge import PAINT

        painted[(painted == 0) & (label & PAINT != 0)] = np.nan
        result[first // factor : last // factor] = painted if factor == 1 else _coarse(painted)
    measured = np.count_nonzero(result)
    lost = int(np.isnan(result).sum()) if border == "drop" else 0
    return Thickness(result, voxel, border, convention, float(lost / measured), _certain(result, voxel, border))


def _coarse(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    nz, ny, nx = (n // 2 for n in fine.shape)
    return np.asarray(fine.reshape(nz, 2, ny, 2, nx, 2).mean(axis=(1, 3, 5)), np.float32)


@dataclass(frozen=True)
class _Labels:
    """What each voxel is, by planes: nothing of the size of the volume is held for it."""

    phase: NDArray[np.bool_]
    domain: NDArray[np.bool_] | None
    border: str
    factor: int

    def __call__(self, first: int, last: int) -> Label:
        from senospine.measure.volume.ridge import CENTRE, PAINT, SOLID

        planes = slice(first // self.factor, -(-last // self.factor))
        phase = self.phase[planes]
        label = phase.astype(np.uint8) * np.uint8(SOLID | CENTRE | PAINT)
        if self.domain is not None:
            outside = ~self.domain[planes]
            if self.border == "margin":
                label[outside] &= SOLID | CENTRE
            else:
                label[outside] = 0 if self.border == "closed" else SOLID
        if self.factor == 1:
            return np.ascontiguousarray(label)
        for axis in range(3):
            label = label.repeat(self.factor, axis)
        start = first - planes.start * self.factor
        return np.ascontiguousarray(label[start : start + last - first])


def bounding_box(domain: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds a region."""
    box = []
    for axis in range(3):
        there = np.flatnonzero(domain.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    return box[0], box[1], box[2]


def _certain(values: NDArray[np.float32], voxel: float, border: str) -> float:
    """Return the share of values no larger than the way to the border of what was scanned.

    A ball over such a voxel lies inside the scan, and a larger one from outside would leave a larger trace inside.
    """
    if border in ("closed", "drop"):
        return float("nan")
    nz, ny, nx = values.shape
    room = [np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (nz, ny, nx)]
    plane = np.minimum(room[1][:, None], room[2])
    sure = measured = 0
    for z in range(nz):
        there = values[z] > 0
        measured += int(there.sum())
        sure += int((there & (values[z] <= voxel * np.minimum(plane, room[0][z]))).sum())
    return sure / measured


def _check(phase: NDArray[Any], domain: NDArray[Any] | None, border: str, convention: str) -> None:
    if border not in BORDERS:
        raise MeasureError(f"no border rule '{border}'", remedy=suggest(border, BORDERS))
    if convention not in CONVENTIONS:
        raise MeasureError(f"no convention '{convention}'", remedy=suggest(convention, CONVENTIONS))
    if domain is None and border == "margin":
        raise MeasureError(
            "the border rule 'margin' needs a region inside the scan",
            why="the margin is what was scanned around the region",
            remedy="give a region (domain), or take the rule 'drop'",
        )
    if domain is not None and domain.shape != phase.shape:
        raise MeasureError(f"the region has shape {domain.shape}, the volume {phase.shape}", remedy="use one grid")
    if not (phase.any() if domain is None else (phase & domain).any()):
        raise MeasureError("the phase has no voxel in the region", remedy="check the threshold and the region")
