"""The union of largest balls over a volume: threads over planes and tiles, slabs where memory is short.

Exact for any number of threads and slabs: a slab is computed with a halo of the largest diameter of the whole volume,
so that no ball that matters is cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.memory import available_memory

Label = NDArray[np.uint8]
#: bytes held for each voxel of a slab: label, squared distance, result
BYTES_PER_VOXEL = 9
#: the share of free memory that slabs may take
SHARE = 0.5


@dataclass(frozen=True)
class Balls:
    """What is asked: labels by planes, and how the border of the box counts.

    Attributes
    ----------
    labels : callable
        Returns the labels of planes ``first`` to ``last``, shape (planes, ny, nx), see :mod:`ridge`.
    closed : bool
        Outside counts as background.
    drop : bool
        Balls that reach outside (the box, or voxels that are SOLID only) are left out.
    """

    labels: Callable[[int, int], Label]
    shape: tuple[int, int, int]
    closed: bool = False
    drop: bool = False
    threads: int = 0

    def values(self, value: Callable[[NDArray[np.int64]], NDArray[Any]], slab: int | None = None) -> Iterator[Any]:
        """Yield first plane, last plane, labels, painted planes; ``value`` maps squared radii to what is painted.

        ``slab`` is the number of planes at once; None takes what fits into memory.
        """
        planes = slab or self._planes_that_fit()
        planes += planes % 2  # halves of voxels stay together
        count = self.threads or _cores()
        with ThreadPoolExecutor(count) as pool:
            halo = self.shape[0] if planes >= self.shape[0] else 2 * self._largest_radius(planes, pool) + 2
            for first in range(0, self.shape[0], planes):
                last = min(first + planes, self.shape[0])
                low, high = max(first - halo, 0), min(last + halo, self.shape[0])
                label, painted = self._paint(low, high, first, last, value, pool)
                yield first, last, label[first - low : last - low], painted[first - low : last - low]

    def _planes_that_fit(self) -> int:
        plane = self.shape[1] * self.shape[2] * (BYTES_PER_VOXEL + 4 * self.drop)
        return max(int(SHARE * available_memory() / plane), 32)

    def _distance(self, label: Label, low: int, high: int, pool: ThreadPoolExecutor) -> NDArray[np.int32]:
        from senospine.measure.volume import distance as kernels

        out = np.empty(label.shape, np.int32)
        ends = self.closed and low == 0, self.closed and high == self.shape[0]

        def planes(first: int, last: int) -> None:
            kernels.rows(label, out, first, last, self.closed)
            kernels.columns(out, first, last, self.closed)

        _share(pool, planes, label.shape[0], 8)
        _share(pool, lambda first, last: kernels.piles(out, first, last, *ends), label.shape[1], 8)
        return out

    def _largest_radius(self, planes: int, pool: ThreadPoolExecutor) -> int:
        """Return the largest radius of any centre, rounded up: slab by slab, each halo grown until it is certain."""
        from senospine.measure.volume.ridge import largest_centre

        largest = 0
        for first in range(0, self.shape[0], planes):
            last, halo = min(first + planes, self.shape[0]), 32
            while True:
                low, high = max(first - halo, 0), min(last + halo, self.shape[0])
                label = self.labels(low, high)
                here = largest_centre(self._distance(label, low, high, pool), label, first - low, last - low)
                if here <= halo * halo or (low, high) == (0, self.shape[0]):
                    break
                halo *= 2
            largest = max(largest, here)
        return isqrt(largest) + 1

    def _paint(self, low: int, high: int, first: int, last: int, value: Any, pool: ThreadPoolExecutor) -> Any:
        from senospine.measure.volume import distance as kernels
        from senospine.measure.volume import paint, ridge

        label = self.labels(low, high)
        distance = self._distance(label, low, high, pool)
        if ridge.largest_centre(distance, label, 0, label.shape[0]) >= kernels.FAR:
            raise MeasureError(
                "one phase fills the whole volume: there is nothing to measure its thickness against",
                remedy="check the threshold, or take a region that holds both bone and marrow",
            )
        if self.drop:
            ridge.drop_crossing(distance, self._reach(label, low, high, pool), label)
        largest = ridge.largest_centre(distance, label, 0, label.shape[0])
        radii = np.arange(largest + 1, dtype=np.int64)
        values = value(radii)
        painted = np.zeros(label.shape, values.dtype)
        if largest == 0:
            return label, painted
        table = ridge.cover_table(largest)
        peaks = np.zeros([-(-n // ridge.BLOCK) for n in label.shape], np.int32)
        root = np.sqrt(radii).astype(np.int32)
        _share(pool, partial(ridge.mark_ridge, distance, label, table, peaks), label.shape[0], ridge.BLOCK)
        tiles = _tiles(label.shape, first - low, last - low)
        _share(
            pool,
            lambda a, b: paint.paint_tiles(distance, label, peaks, tiles[a:b], values, root, painted),
            len(tiles),
            4,
        )
        return label, painted

    def _reach(self, label: Label, low: int, high: int, pool: ThreadPoolExecutor) -> NDArray[np.int32]:
        """Return squared distances to what lies outside: the box, or voxels that are neither phase nor background."""
        from senospine.measure.volume.ridge import SOLID

        inside = (label != SOLID).astype(np.uint8)
        return Balls(self.labels, self.shape, closed=True)._distance(inside, low, high, pool)


def _cores() -> int:
    """Return how many cores this process may use; not every system tells more than how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share(pool: ThreadPoolExecutor, work: Callable[[int, int], Any], size: int, step: int) -> None:
    list(pool.map(lambda first: work(first, min(first + step, size)), range(0, size, step)))


def _tiles(shape: tuple[int, ...], first: int, last: int) -> NDArray[np.int64]:
    from senospine.measure.volume.paint import TILE

    _, ny, nx = shape
    tiles = [
        (z, min(z + TILE[0], last), y, min(y + TILE[1], ny), x, min(x + TILE[2], nx))
        for z in range(first, last, TILE[0])
        for y in range(0, ny, TILE[1])
        for x in range(0, nx, TILE[2])
    ]
    return np.array(tiles, np.int64).reshape(-1, 6)
