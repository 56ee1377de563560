"""Euler number by adding up corners: each corner of the lattice looks at its eight voxels.

Bone is 26-connected, marrow 6-connected: bone is the union of closed cubes, and its Euler number is vertices less edges
plus faces less cubes. A corner owns itself, half of its six edges, a quarter of its twelve faces and an eighth of its
eight cubes, so corners add up over any region without counting its border twice (the correction of Odgaard and
Gundersen 1993, 10.1016/8756-3282(93)90245-6).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from senospine.measure.volume.jit import compiled


def _corner_table() -> NDArray[np.int64]:
    """Return eight times the share of the Euler number for each of 256 corners."""
    cubes = list(product((0, 1), repeat=3))
    table = np.zeros(256, np.int64)
    for pattern in range(256):
        there = [cube for place, cube in enumerate(cubes) if pattern >> place & 1]
        # a cell at the corner is named by the axes it is fixed on: three for an octant's own cube
        edges = {(axis, side) for axis in range(3) for cube in there for side in [cube[axis]]}
        faces = {
            (a, b, cube[a], cube[b]) for a in range(3) for b in range(a + 1, 3) for cube in there
        }  # a quarter face lies in the plane of two axes, on one side along each
        table[pattern] = 8 * bool(there) - 4 * len(edges) + 2 * len(faces) - len(there)
    return table


_TABLE = _corner_table()


@compiled
def _add_corners(bone: np.ndarray, domain: np.ndarray, table: np.ndarray) -> tuple[int, int]:
    total = corners = 0
    for z in range(bone.shape[0] - 1):
        for y in range(bone.shape[1] - 1):
            for x in range(bone.shape[2] - 1):
                pattern = inside = place = 0
                for dz in range(2):
                    for dy in range(2):
                        for dx in range(2):
                            inside += domain[z + dz, y + dy, x + dx]
                            pattern |= int(bone[z + dz, y + dy, x + dx]) << place
                            place += 1
                if inside == 8:
                    total += table[pattern]
                    corners += 1
    return total, corners


def euler_number(bone: NDArray[np.bool_]) -> int:
    """Return components less tunnels plus cavities of the whole of ``bone``; nothing lies outside.

    Examples
    --------
    >>> euler_number(np.ones((3, 3, 3), bool))
    1
    """
    padded = np.pad(bone, 1)
    return int(_add_corners(padded, np.ones_like(padded), _TABLE)[0]) // 8


def euler_in_region(bone: NDArray[np.bool_], domain: NDArray[np.bool_]) -> tuple[float, int]:
    """Return what a region adds to the Euler number of the bone it was cut from, and how many voxels it counts as.

    Corners with all eight voxels inside count; each stands for the volume of one voxel.
    """
    total, corners = _add_corners(bone, domain, _TABLE)
    return total / 8, int(corners)
