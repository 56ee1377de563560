"""Which centres of largest balls are needed: those whose ball no neighbour's ball covers.

The test is a look-up (Remy and Thiel 2002, 10.1016/S0167-8655(01)00141-6, in three directions): the ball of squared
radius r about a voxel lies inside the ball about a neighbour if that one's squared radius reaches ``table[direction,
r]``. Balls are the lattice points nearer than the radius, and so is the test: nothing is lost by dropping a centre.
"""

from __future__ import annotations

import numpy as np

from senospine.measure.volume.jit import compiled

#: what a voxel is, as bits
SOLID, CENTRE, PAINT, RIDGE = 1, 2, 4, 8
#: edge of the blocks whose largest centre is kept, so that far small centres are passed over at once
BLOCK = 16


@compiled
def cover_table(largest: int) -> np.ndarray:
    """Return the squared radius a neighbour needs, shape (3, largest + 1): across a face, an edge, a corner."""
    table = np.zeros((3, largest + 1), np.int32)
    reach = int(np.sqrt(largest)) + 1
    for a in range(reach + 1):
        for b in range(min(a, reach) + 1):
            for c in range(b + 1):
                norm = a * a + b * b + c * c
                if norm >= largest:
                    break
                table[0, norm + 1] = max(table[0, norm + 1], norm + 2 * a + 1)
                table[1, norm + 1] = max(table[1, norm + 1], norm + 2 * (a + b) + 2)
                table[2, norm + 1] = max(table[2, norm + 1], norm + 2 * (a + b + c) + 3)
    for direction in range(3):
        best = 0
        for radius in range(1, largest + 1):
            best = max(best, table[direction, radius])
            table[direction, radius] = max(best + 1, radius)
    return table


@compiled
def drop_crossing(distance: np.ndarray, reach: np.ndarray, label: np.ndarray) -> None:
    """Take the mark of a centre from balls that reach what lies outside; ``reach`` is the squared distance to it."""
    for z in range(distance.shape[0]):
        for y in range(distance.shape[1]):
            for x in range(distance.shape[2]):
                if distance[z, y, x] > reach[z, y, x]:
                    label[z, y, x] &= ~CENTRE & 0xFF


@compiled
def largest_centre(distance: np.ndarray, label: np.ndarray, first: int, last: int) -> int:
    """Return the largest squared radius of a centre in planes ``first`` to ``last``, 0 without one."""
    largest = 0
    for z in range(first, last):
        for y in range(distance.shape[1]):
            for x in range(distance.shape[2]):
                if label[z, y, x] & CENTRE:
                    largest = max(largest, distance[z, y, x])
    return largest


@compiled
def mark_ridge(
    distance: np.ndarray, label: np.ndarray, table: np.ndarray, peaks: np.ndarray, first: int, last: int
) -> None:
    """Mark needed centres of planes ``first`` to ``last`` (whole blocks) and keep each block's largest."""
    nz, ny, nx = distance.shape
    for z in range(first, last):
        for y in range(ny):
            for x in range(nx):
                if not label[z, y, x] & CENTRE:
                    continue
                mine = distance[z, y, x]
                needed = True
                for dz in range(-1, 2):
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            steps = abs(dz) + abs(dy) + abs(dx)
                            if steps == 0:
                                continue
                            p, q, r = z + dz, y + dy, x + dx
                            if p < 0 or q < 0 or r < 0 or p >= nz or q >= ny or r >= nx:
                                continue
                            if distance[p, q, r] >= table[steps - 1, mine] and label[p, q, r] & CENTRE:
                                needed = False
                                break
                        if not needed:
                            break
                    if not needed:
                        break
                if needed:
                    label[z, y, x] |= RIDGE
                    block = peaks[z // BLOCK, y // BLOCK]
                    block[x // BLOCK] = max(block[x // BLOCK], mine)
