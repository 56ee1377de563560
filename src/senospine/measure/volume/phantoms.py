"""Bodies whose true values are known, to judge any program that measures bone.

Each function returns a :class:`Phantom`: voxels (z, y, x), and its true values by name, lengths in voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from senospine.randomness import stream

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Phantom:
    """A body and what is true of it.

    Attributes
    ----------
    mask : (nz, ny, nx) bool array
    truth : mapping of str to float
        Such as ``thickness``, ``euler``, ``volume``, ``area``, ``porosity``; lengths in voxels.
    depth : float array or None
        How deep a voxel's centre lies inside the body, negative outside: a grey picture without noise.
    """

    mask: Mask
    truth: Mapping[str, float]
    depth: NDArray[np.float32] | None = None


def _grid(*shape: int) -> list[NDArray[np.float64]]:
    """Return coordinates of voxel centres along each axis, the middle of the box at 0."""
    return list(np.ogrid[tuple(slice(-(n - 1) / 2, (n - 1) / 2 + 0.5) for n in shape)])


def plate(thickness: int, size: int = 24, margin: int = 8) -> Phantom:
    """Return a plate that goes on beyond the box along y and x: local thickness is ``thickness``."""
    mask = np.zeros((thickness + 2 * margin, size, size), bool)
    mask[margin : margin + thickness] = True
    return Phantom(mask, {"thickness": thickness})


def lamellae(bone: int, gap: int, repeats: int = 6, size: int = 24) -> Phantom:
    """Return plates and gaps in turn: thickness ``bone``, separation ``gap``, one plate in ``bone + gap``."""
    mask = (np.arange(repeats * (bone + gap)) % (bone + gap) < bone)[:, None, None]
    truth = {"thickness": bone, "separation": gap, "number": 1 / (bone + gap), "bone_fraction": bone / (bone + gap)}
    return Phantom(np.ascontiguousarray(np.broadcast_to(mask, (mask.size, size, size))), truth)


def rod(diameter: float, length: int = 40) -> Phantom:
    """Return a round rod that goes on beyond the box along z."""
    side = 2 * int(diameter / 2 + 3)
    _, y, x = _grid(1, side, side)
    mask = np.broadcast_to(y**2 + x**2 <= (diameter / 2) ** 2, (length, side, side))
    return Phantom(np.ascontiguousarray(mask), {"thickness": diameter})


def ball(radius: float, hollow: float = 0.0) -> Phantom:
    """Return a ball, its middle a voxel, with a cavity of radius ``hollow``: Euler number 1, or 2 when hollow."""
    z, y, x = _grid(*[2 * int(radius + 3) + 1] * 3)
    squared = z**2 + y**2 + x**2
    truth = {
        "thickness": 2 * radius if not hollow else float("nan"),
        "volume": 4 / 3 * pi * (radius**3 - hollow**3),
        "area": 4 * pi * (radius**2 + hollow**2),
        "euler": 2.0 if hollow else 1.0,
    }
    distance = np.sqrt(squared)
    depth = np.minimum(radius - distance, distance - hollow if hollow else np.inf).astype(np.float32)
    return Phantom((squared <= radius**2) & ((squared > hollow**2) | (hollow == 0)), truth, depth)


def torus(radius: float = 14, tube: float = 5) -> Phantom:
    """Return a ring: Euler number 0."""
    side = 2 * int(radius + tube + 3)
    z, y, x = _grid(2 * int(tube + 3), side, side)
    mask = (np.sqrt(y**2 + x**2) - radius) ** 2 + z**2 <= tube**2
    return Phantom(mask, {"euler": 0.0, "volume": 2 * pi**2 * radius * tube**2, "area": 4 * pi**2 * radius * tube})


def ladder(handles: int, bar: int = 3, hole: int = 5) -> Phantom:
    """Return a flat ladder with ``handles`` holes: Euler number 1 - ``handles``."""
    step = bar + hole
    mask = np.zeros((bar + 4, 2 * bar + hole + 4, handles * step + bar + 4), bool)
    mask[2:-2, 2:-2, 2:-2] = True
    for index in range(handles):
        mask[:, 2 + bar : 2 + bar + hole, 2 + bar + index * step : 2 + bar + index * step + hole] = False
    return Phantom(mask, {"euler": 1.0 - handles})


def box_frame(side: int = 12, bar: int = 2) -> Phantom:
    """Return the twelve edges of a cube: Euler number -4, connectivity 5."""
    inner = np.arange(side)
    edge = (inner < bar) | (inner >= side - bar)
    near = edge[:, None, None].astype(int) + edge[:, None] + edge
    return Phantom(np.pad(near >= 2, 2), {"euler": -4.0, "connectivity": 5.0})


def crossed_circle(radius: int = 14, bar: int = 3) -> Phantom:
    """Return a ring with two bars that cross: Euler number -3."""
    z, y, x = _grid(2 * bar + 5, 2 * radius + 7, 2 * radius + 7)
    distance = np.sqrt(y**2 + x**2)
    ring = abs(distance - radius + bar / 2) <= bar / 2
    bars = ((abs(y) <= bar / 2) | (abs(x) <= bar / 2)) & (distance <= radius)
    return Phantom((ring | bars) & (abs(z) <= bar / 2), {"euler": -3.0})


def gyroid(period: float, size: int, bone_fraction: float = 0.5) -> Phantom:
    """Return one labyrinth of a gyroid; its bone fraction holds for whole periods, exactly one half at a half.

    The level of other fractions is a quantile of the field over one period.
    """

    def field(edge: int, step: float) -> NDArray[np.float64]:
        z, y, x = (2 * pi * step * (axis + 0.5) for axis in np.ogrid[:edge, :edge, :edge])
        return np.asarray(np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x))

    level = float(np.quantile(field(96, 1 / 96), 1 - bone_fraction))
    return Phantom(field(size, 1 / period) > level, {"bone_fraction": bone_fraction})


def boolean_balls(radius: float, intensity: float, size: int, seed: int = 0) -> Phantom:
    """Return balls thrown at random, overlap allowed (the Boolean model), with balls from outside reaching in.

    The share left free is e^(-λV), the surface of a volume λS e^(-λV) (Chiu, Stoyan, Kendall and Mecke 2013,
    10.1002/9781118658222). ``intensity`` λ is in balls per voxel.
    """
    generator = stream(seed, "measure/boolean-balls")
    reach = int(radius + 2)
    edge = size + 2 * reach
    centres = generator.random((generator.poisson(intensity * edge**3), 3)) * edge
    depth = np.full((edge,) * 3, -2, np.float32)
    for centre in centres:
        first = np.maximum(np.floor(centre - radius - 1).astype(int), 0)
        box = tuple(slice(a, int(b)) for a, b in zip(first, centre + radius + 2, strict=True))
        part = depth[box]
        axes = np.ogrid[tuple(slice(0, n) for n in part.shape)]
        squared = sum((axis + first[k] + 0.5 - centre[k]) ** 2 for k, axis in enumerate(axes))
        np.maximum(part, radius - np.sqrt(squared), out=part, casting="same_kind")
    free = exp(-intensity * 4 / 3 * pi * radius**3)
    truth = {"porosity": free, "surface_density": intensity * 4 * pi * radius**2 * free}
    depth = np.ascontiguousarray(depth[reach:-reach, reach:-reach, reach:-reach])
    return Phantom(depth >= 0, truth, depth)


def rod_bias(diameter: float) -> float:
    """Return how much thinner than its diameter a rod reads, voxels: 2 times the largest lattice radius inside, less d.

    Closed form for a rod about a corner of voxels: the thickest ball stands on one of the four middle voxels.
    """
    half = diameter / 2
    reach = np.arange(int(half) + 3) + 0.5
    outside = reach[:, None] ** 2 + reach**2 > half**2
    y, x = (axis[outside] for axis in np.meshgrid(reach, reach, indexing="ij"))
    return 2 * sqrt(float(np.min((y - 0.5) ** 2 + (x - 0.5) ** 2))) - diameter
