"""Synthetic scans with known truth: endplates with drilled channels on a vertebra, and fields of trabeculae.

They are synthetic and say so in their name. Sizes are those of a mouse's lumbar vertebra in order of magnitude, grey
values and noise those of a clean 8-bit reconstruction (assumptions, all of them arguments).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import readout
from senospine.errors import MeasureError
from senospine.measure.volume.volume import Volume
from senospine.randomness import stream

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SyntheticScan:
    """A scan nobody made, and what is true of it.

    Attributes
    ----------
    volume : Volume
        Grey values as a scanner would give them.
    mask : (nz, ny, nx) bool array
        Bone, without blur and noise.
    truth : mapping of str to float
    """

    volume: Volume
    mask: Mask
    truth: Mapping[str, float]


def scanned(
    mask: Mask, voxel_um: float, *, blur_um: float, noise: float, seed: int, subject: int = 0,
    marrow: float = 60.0, bone: float = 180.0, name: str = "synthetic",
) -> Volume:  # fmt: skip
    """Return 8-bit grey values of a mask seen by a scanner.

    Parameters
    ----------
    blur_um : float
        Standard deviation of the point spread.
    noise : float
        Standard deviation of the grey noise, as a share of the contrast between bone and marrow.
    """
    from scipy import ndimage

    grey = ndimage.gaussian_filter(mask.astype(np.float32), blur_um / voxel_um, mode="nearest")
    grey += noise * stream(seed, "measure/grey-noise", subject).standard_normal(mask.shape, dtype=np.float32)
    grey = np.clip(np.rint(marrow + (bone - marrow) * grey), 0, 255).astype(np.uint8)
    return Volume(grey, (voxel_um,) * 3, name)


def trabecular_field(
    bone_fraction: float = 0.25, spacing_um: float = 250.0, *, size: int = 96, voxel_um: float = 9.0,
    blur_um: float = 6.0, noise: float = 0.1, seed: int = 0, subject: int = 0,
) -> SyntheticScan:  # fmt: skip
    """Return sheets and struts of about one wavelength ``spacing_um`` that fill exactly ``bone_fraction``.

    The middle level set of a random field with waves of one length: the brightest share of -abs(field) is bone.
    """
    mask = _sheets((size,) * 3, bone_fraction, spacing_um / voxel_um, stream(seed, "measure/trabeculae", subject))
    volume = scanned(mask, voxel_um, blur_um=blur_um, noise=noise, seed=seed, subject=subject)
    return SyntheticScan(volume, mask, {"bone_fraction": float(mask.mean())})


def _sheets(shape: tuple[int, int, int], bone_fraction: float, spacing: float, generator: np.random.Generator) -> Mask:
    """Return the voxels where a sum of forty waves of length twice ``spacing`` is nearest to zero."""
    directions = generator.standard_normal((3, 40))
    directions *= np.pi / spacing / np.linalg.norm(directions, axis=0)
    z, y, x = (np.exp(1j * np.arange(n)[:, None] * d).astype("c8") for n, d in zip(shape, directions, strict=True))
    z = z * np.exp(2j * np.pi * generator.random(40)).astype("c8")
    height = np.stack([np.abs(((y * plane) @ x.T).real) for plane in z])
    order = np.argsort(height, axis=None, kind="stable")
    mask = np.zeros(height.size, bool)
    mask[order[: round(bone_fraction * height.size)]] = True
    return mask.reshape(shape)


def drilled_endplate(
    porosity: float = 0.15, diameter_um: float = 70.0, *, voxel_um: float = 9.0, radius_um: float = 600.0,
    thickness_um: float = 200.0, inset: float = 0.1, blur_um: float = 6.0, noise: float = 0.1, seed: int = 0,
    subject: int = 0,
) -> SyntheticScan:  # fmt: skip
    """Return the end of a vertebra whose flat endplate is drilled through until ``porosity`` of its face is open.

    Round channels stand at random within the face less its rim (``inset`` of the radius), apart from each other as
    long as there is room. The last one is as large as is needed. The disc lies beyond the first slice. Truth:
    ``porosity`` of the region of any depth up to ``thickness_um``, ``number``, ``area_mm2`` of the face less its rim.
    """
    if not 0 <= porosity < 1 or diameter_um < 2 * voxel_um or thickness_um < 3 * voxel_um:
        raise MeasureError(
            f"no endplate with porosity {porosity:g}, channels of {diameter_um:g} um and voxels of {voxel_um:g} um",
            remedy="take a porosity below 1, and channels and an endplate of a few voxels",
        )
    from scipy import ndimage

    generator = stream(seed, "measure/endplate", subject)
    radius, gap = round(radius_um / voxel_um), 12
    plate, wall = round(thickness_um / voxel_um), max(round(80 / voxel_um), 2)
    y, x = np.ogrid[-radius - 6 : radius + 7, -radius - 6 : radius + 7]
    away = np.sqrt(y**2 + x**2)
    body = away <= radius
    rim = ndimage.distance_transform_edt(body)
    face = rim > inset * rim.max()
    drilled, number = _drilled(face, round(porosity * face.sum()), diameter_um / voxel_um / 2, generator)
    below = (2 * plate, *away.shape)
    depth = gap + 3 * plate
    mask = np.zeros((depth, *away.shape), bool)
    mask[gap : gap + plate] = body & ~drilled
    trabeculae = _sheets(below, 0.25, 250 / voxel_um, stream(seed, "measure/trabeculae", subject))
    mask[gap + plate :] = body & (trabeculae | (away > radius - wall))
    volume = scanned(
        mask, voxel_um, blur_um=blur_um, noise=noise, seed=seed, subject=subject, name="synthetic endplate"
    )
    truth = {
        "porosity": float(drilled.sum() / face.sum()),
        "number": float(number),
        "area_mm2": float(face.sum()) * (voxel_um * 1e-3) ** 2,
        "diameter_um": diameter_um,
    }
    return SyntheticScan(volume, mask, truth)


def _drilled(face: Mask, target: int, radius: float, generator: np.random.Generator) -> tuple[Mask, int]:
    """Return the open part of a face, exactly ``target`` points of it, and how many separate openings that is."""
    from scipy import ndimage

    open_ = np.zeros_like(face)
    rows, columns = np.ogrid[: face.shape[0], : face.shape[1]]
    room = ndimage.distance_transform_edt(face)
    places = np.argwhere(room > min(radius + 1, float(room.max()) - 1))
    while (missing := target - int(open_.sum())) > 0:
        for _ in range(400):  # apart from others while there is room, then anywhere
            centre = places[generator.integers(len(places))] + generator.random(2) - 0.5
            squared = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
            if not (open_ & (squared <= (radius * 2 + 2) ** 2 / 2)).any():
                break
        fresh = (squared <= radius**2) & face & ~open_
        if fresh.sum() > missing:
            order = np.argsort(np.where(fresh, squared, np.inf), axis=None, kind="stable")[:missing]
            fresh = np.isin(np.arange(face.size), order).reshape(face.shape)
        open_ |= fresh
    return open_, int(ndimage.label(open_)[1])


def endplate_of_animal(
    endplate_porosity: float, *, bone_trait: float = 0.0, seed: int = 0, subject: int = 0, voxel_um: float = 9.0,
    blur_um: float = 6.0, noise: float = 0.1, diameter_um: float = 70.0,
) -> SyntheticScan:  # fmt: skip
    """Return the scan of a simulated animal's endplate.

    Parameters
    ----------
    endplate_porosity : float
        The model's output, fold of young.
    bone_trait : float
        The animal's lasting difference in bone, standard normal, as in :mod:`senospine.assays`.

    Examples
    --------
    >>> scan = endplate_of_animal(1.0)
    >>> abs(scan.truth["porosity"] - 0.15) < 1e-3
    True
    """
    assay = readout("endplate_porosity")
    percent = assay.expected({"endplate_porosity": np.array([endplate_porosity])}, {"bone": np.array([bone_trait])})
    return drilled_endplate(
        float(percent[0]) / 100,
        diameter_um,
        voxel_um=voxel_um,
        blur_um=blur_um,
        noise=noise,
        seed=seed,
        subject=subject,
    )
