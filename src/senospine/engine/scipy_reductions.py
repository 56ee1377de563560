"""Reductions for the oracle, another way: panels between break points, halved until Chebyshev series resolve them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from senospine.engine.reductions import Cell, ReductionPlan

Array = NDArray[np.float64]

_DEGREE = 8
_NODES = -np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
_TO_SERIES = np.linalg.inv(chebyshev.chebvander(_NODES, _DEGREE))
_HALVINGS = 30


class Gatherer:
    """What one subject's reductions have gathered so far.

    Parameters
    ----------
    edges : ndarray, shape (n_windows, 2)
    accuracy : float
        Of the series, relative to the size of an output; LSODA's steps are no smoother than its tolerance.
    """

    def __init__(self, plan: ReductionPlan, edges: Array, accuracy: float) -> None:
        self.plan, self.edges, self.accuracy = plan, edges, accuracy
        self.slots = np.full(plan.slots, math.nan)
        for cell in plan.cells:
            if cell.kind != "at":
                self.slots[cell.slot] = -math.inf if cell.kind == "greatest" else 0.0

    def take_segment(self, outputs: Callable[[Array], Array], begin: float, end: float) -> None:
        """Take in a stretch without break points; ``outputs`` returns (n_outputs, n_times)."""
        inner = self.edges[(self.edges > begin) & (self.edges < end)]
        cuts = [begin, *sorted(set(inner.tolist())), end]
        pieces = [piece for piece in pairwise(cuts) if any(self._holds(cell, *piece) for cell in self.plan.cells)]
        for left, right, series in self._resolved(outputs, pieces):
            for cell, level in zip(self.plan.cells, self.plan.levels, strict=True):
                if self._holds(cell, left, right):
                    self._take(cell, level, left, right, cell.sign * series[cell.output])

    def finished(self, times: Array, values: Array) -> Array:
        """Return what was gathered, with the values at points taken from what was recorded, (n_outputs, n_times)."""
        for cell in self.plan.cells:
            if cell.kind == "at":
                column = int(np.searchsorted(times, self.edges[cell.window, 1]))
                self.slots[cell.slot] = values[cell.output, column]
        return self.slots

    def _holds(self, cell: Cell, left: float, right: float) -> bool:
        start, stop = self.edges[cell.window]
        return bool(cell.kind != "at" and start <= left and right <= stop)

    def _resolved(
        self, outputs: Callable[[Array], Array], pieces: list[tuple[float, float]]
    ) -> list[tuple[float, float, Array]]:
        """Return panels in order of time with their series, (n_outputs, degree + 1)."""
        done: list[tuple[float, float, Array]] = []
        for halving in range(_HALVINGS + 1):
            if not pieces:
                break
            left, right = np.array(pieces).T
            times = (left + right)[:, None] / 2 + (right - left)[:, None] / 2 * _NODES
            times[:, 0], times[:, -1] = left, right
            grid, back = np.unique(times, return_inverse=True)
            values = outputs(grid)[:, back.reshape(times.shape)]
            series = values @ _TO_SERIES.T
            size = np.abs(values).max(axis=(1, 2), initial=1e-300)
            rough = (np.abs(series[:, :, -2:]).max(axis=2) > self.accuracy * size[:, None]).any(axis=0)
            rough &= (right - left > 1e-12 * np.maximum(np.abs(right), 1e-300)) & (halving < _HALVINGS)
            done += [(*pieces[i], series[:, i]) for i in np.flatnonzero(~rough)]
            middles = (left + right) / 2
            pieces = [half for i in np.flatnonzero(rough) for half in ((left[i], middles[i]), (middles[i], right[i]))]
        return sorted(done, key=lambda item: item[0])

    def _take(self, cell: Cell, level: float, left: float, right: float, series: Array) -> None:
        half = (right - left) / 2
        if not np.isfinite(series).all():
            self.slots[cell.slot] = math.nan
        elif cell.kind == "area":
            whole = chebyshev.chebint(series)
            self.slots[cell.slot] += half * (chebyshev.chebval(1, whole) - chebyshev.chebval(-1, whole))
        elif cell.kind == "greatest":
            at = np.array([-1.0, *_roots(np.asarray(chebyshev.chebder(series), dtype=float)), 1.0])
            values = chebyshev.chebval(at, series)
            best = int(np.argmax(values))
            if values[best] > self.slots[cell.slot]:
                self.slots[cell.slot : cell.slot + 2] = values[best], left + half * (1 + at[best])
        else:
            above = np.array(series, dtype=float)
            above[0] -= cell.sign * level
            for a, b in pairwise([-1.0, *_roots(above), 1.0]):
                self.slots[cell.slot] += half * (b - a) * (chebyshev.chebval((a + b) / 2, above) > 0)


def _roots(series: Array) -> Array:
    """Return the real roots within (-1, 1), in order."""
    trimmed = chebyshev.chebtrim(series, 1e-14 * max(np.abs(series).max(), 1e-300))
    found = chebyshev.chebroots(trimmed)
    real = found[np.abs(found.imag) < 1e-7].real
    return np.sort(real[(real > -1) & (real < 1)])
