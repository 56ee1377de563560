"""Paint balls by descending radius, each voxel once.

The volume is cut into tiles that fit a processor's cache. A tile gathers the centres that reach it, sorts them by
radius, and paints. Which voxels are still bare is held as bits, 64 of a row in one word and neighbouring rows side by
side, so that a row of a ball that is painted already costs one look. Tiles share nothing: any number of threads gives
the same bits.
"""

from __future__ import annotations

import numpy as np

from senospine.measure.volume.jit import compiled, trailing_zeros
from senospine.measure.volume.ridge import BLOCK, PAINT, RIDGE

ONE = np.uint64(1)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
LAST = np.uint64(63)
#: how far a tile reaches along z, y, x: a word of bits along y and along x
TILE = (32, 64, 64)
#: voxels along x that share one bit in the summary over rows
CHUNK = 8


@compiled
def _gap(first: int, last: int, low: int, high: int) -> int:
    """Return how far the range first..last lies from low..high, ends included."""
    return max(first - high, low - last, 0)


@compiled
def _gather(
    distance: np.ndarray, label: np.ndarray, peaks: np.ndarray, tile: np.ndarray, largest: int,
    radii: np.ndarray, places: np.ndarray,
) -> tuple[int, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the centres whose ball reaches the tile: number, squared radii, places; the arrays grow as needed."""
    nz, ny, nx = distance.shape
    z0, z1, y0, y1, x0, x1 = tile
    reach = int(np.sqrt(largest)) + 1
    found = 0
    for bz in range(max(z0 - reach, 0) // BLOCK, min(z1 - 1 + reach, nz - 1) // BLOCK + 1):
        gz = _gap(bz * BLOCK, bz * BLOCK + BLOCK - 1, z0, z1 - 1)
        for by in range(max(y0 - reach, 0) // BLOCK, min(y1 - 1 + reach, ny - 1) // BLOCK + 1):
            gy = _gap(by * BLOCK, by * BLOCK + BLOCK - 1, y0, y1 - 1)
            for bx in range(max(x0 - reach, 0) // BLOCK, min(x1 - 1 + reach, nx - 1) // BLOCK + 1):
                gx = _gap(bx * BLOCK, bx * BLOCK + BLOCK - 1, x0, x1 - 1)
                peak = peaks[bz, by, bx]
                if gz * gz + gy * gy + gx * gx >= peak:
                    continue
                if found + BLOCK * BLOCK * BLOCK > radii.size:
                    grown = 2 * radii.size + BLOCK * BLOCK * BLOCK
                    radii_more, places_more = np.empty(grown, np.int32), np.empty((grown, 3), np.int32)
                    radii_more[:found], places_more[:found] = radii[:found], places[:found]
                    radii, places = radii_more, places_more
                for z in range(bz * BLOCK, min(bz * BLOCK + BLOCK, nz)):
                    az = _gap(z, z, z0, z1 - 1)
                    for y in range(by * BLOCK, min(by * BLOCK + BLOCK, ny)):
                        ay = _gap(y, y, y0, y1 - 1)
                        away = az * az + ay * ay
                        if away >= peak:
                            continue
                        for x in range(bx * BLOCK, min(bx * BLOCK + BLOCK, nx)):
                            if not label[z, y, x] & RIDGE:
                                continue
                            ax = _gap(x, x, x0, x1 - 1)
                            if away + ax * ax < distance[z, y, x]:
                                radii[found] = distance[z, y, x]
                                places[found, 0], places[found, 1], places[found, 2] = z, y, x
                                found += 1
    return found, radii, places


@compiled
def _descending(radii: np.ndarray, found: int, largest: int) -> np.ndarray:
    """Return the order of falling radius; equal ones stay in their order."""
    start = np.zeros(largest + 2, np.int64)
    for item in range(found):
        start[largest - radii[item] + 1] += 1
    for value in range(largest + 1):
        start[value + 1] += start[value]
    order = np.empty(found, np.int32)
    for item in range(found):
        value = largest - radii[item]
        order[start[value]] = item
        start[value] += 1
    return order


@compiled
def _bare(label: np.ndarray, tile: np.ndarray, bits: np.ndarray, rows: np.ndarray) -> int:
    """Set a bit for each voxel of the tile that is to be painted; return how many there are."""
    z0, z1, y0, y1, x0, x1 = tile
    bits[:] = np.uint64(0)
    rows[:] = np.uint64(0)
    total = 0
    for z in range(z0, z1):
        for y in range(y0, y1):
            for x in range(x0, x1):
                if label[z, y, x] & PAINT:
                    at = x - x0
                    bits[z - z0, y - y0] |= ONE << np.uint64(at)
                    rows[z - z0, at // CHUNK] |= ONE << np.uint64(y - y0)
                    total += 1
    return total


@compiled
def _between(first: int, last: int) -> np.uint64:
    """Return a word with the bits ``first`` to ``last`` set."""
    return (FULL << np.uint64(first)) & (FULL >> (LAST - np.uint64(last)))


@compiled
def _ball(
    radius: int, place: np.ndarray, value: float, tile: np.ndarray, bits: np.ndarray, rows: np.ndarray,
    root: np.ndarray, out: np.ndarray,
) -> int:  # fmt: skip
    """Paint what is bare under one ball; return how many voxels that was."""
    z0, z1, y0, y1, x0, x1 = tile
    cz, cy, cx = place[0], place[1] - y0, place[2] - x0
    half = root[radius - 1]
    painted = 0
    for z in range(max(z0, cz - half), min(z1 - 1, cz + half) + 1):
        rest = radius - (z - cz) * (z - cz)
        tall = root[rest - 1]
        left, right = max(0, cx - tall), min(x1 - x0 - 1, cx + tall)
        if left > right:
            continue
        for chunk in range(left // CHUNK, right // CHUNK + 1):
            todo = rows[z - z0, chunk]
            if todo == 0:
                continue
            start, stop = chunk * CHUNK, chunk * CHUNK + CHUNK - 1
            away = max(start - cx, cx - stop, 0)
            span = root[rest - away * away - 1]
            top, bottom = max(0, cy - span), min(y1 - y0 - 1, cy + span)
            if top > bottom:
                continue
            todo &= _between(top, bottom)
            while todo != 0:
                y = np.int64(trailing_zeros(todo))
                todo &= todo - ONE
                wide = root[rest - (y - cy) * (y - cy) - 1]
                first, last = max(start, cx - wide), min(stop, cx + wide)
                if first > last:
                    continue
                held = bits[z - z0, y]
                bare = held & _between(first, last)
                if bare == 0:
                    continue
                held ^= bare
                bits[z - z0, y] = held
                if held & _between(start, stop) == 0:
                    rows[z - z0, chunk] ^= ONE << np.uint64(y)
                while bare != 0:
                    out[z, y0 + y, x0 + np.int64(trailing_zeros(bare))] = value
                    bare &= bare - ONE
                    painted += 1
    return painted


@compiled
def paint_tiles(
    distance: np.ndarray, label: np.ndarray, peaks: np.ndarray, tiles: np.ndarray, values: np.ndarray,
    root: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Paint each tile (z0, z1, y0, y1, x0, x1) with ``values[squared radius]`` of the largest ball over a voxel.

    Tiles are at most :data:`TILE` voxels long.
    """
    largest = values.size - 1
    radii, places = np.empty(1 << 16, np.int32), np.empty((1 << 16, 3), np.int32)
    bits, rows = np.empty((TILE[0], TILE[1]), np.uint64), np.empty((TILE[0], TILE[2] // CHUNK), np.uint64)
    for index in range(tiles.shape[0]):
        tile = tiles[index]
        remaining = _bare(label, tile, bits, rows)
        if remaining == 0:
            continue
        found, radii, places = _gather(distance, label, peaks, tile, largest, radii, places)
        for item in _descending(radii, found, largest):
            radius = radii[item]
            remaining -= _ball(radius, places[item], values[radius], tile, bits, rows, root, out)
            if remaining == 0:
                break
