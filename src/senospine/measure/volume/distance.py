"""Exact squared Euclidean distances, one axis after another.

The first axis is two scans of a row. The others take, for growing offsets k, the smaller of what is there and the
neighbour's value plus k squared, and stop when k squared exceeds the largest value left in the row: whole rows at a
time, which a processor does in vectors. Bone is thin, so k stays small (separability: Saito and Toriwaki 1994,
10.1016/0031-3203(94)90133-3).
"""

from __future__ import annotations

import numpy as np

from senospine.measure.volume.jit import compiled

#: no background seen yet; leaves room to add the square of any offset
FAR = 1 << 30


@compiled
def rows(label: np.ndarray, out: np.ndarray, first: int, last: int, closed: bool) -> None:
    """Write squared distances along x of planes ``first`` to ``last``: to the nearest voxel of label 0."""
    nx = label.shape[2]
    for z in range(first, last):
        for y in range(label.shape[1]):
            row, line = label[z, y], out[z, y]
            steps = 0 if closed else 1 << 15
            for x in range(nx):
                steps = 0 if row[x] == 0 else steps + 1
                line[x] = steps
            steps = 0 if closed else 1 << 15
            for x in range(nx - 1, -1, -1):
                steps = 0 if row[x] == 0 else steps + 1
                nearest = min(line[x], steps)
                line[x] = nearest * nearest if nearest < 1 << 15 else FAR


@compiled
def _lower(source: np.ndarray, target: np.ndarray, low: bool, high: bool) -> None:
    """Write to each row of ``target`` the smallest of all rows of ``source`` plus their squared offset."""
    n, nx = source.shape
    for y in range(n):
        line = target[y]
        edge = FAR
        if low:
            edge = (y + 1) * (y + 1)
        if high:
            edge = min(edge, (n - y) * (n - y))
        peak = np.int32(0)
        mine = source[y]
        limit = np.int32(edge)
        for x in range(nx):
            line[x] = min(mine[x], limit)
            peak = max(peak, line[x])
        k = 1
        while k * k < peak and (y - k >= 0 or y + k < n):
            square = np.int32(k * k)
            before, behind = source[max(y - k, 0)], source[min(y + k, n - 1)]
            peak = np.int32(0)
            if y - k >= 0 and y + k < n:
                for x in range(nx):
                    line[x] = min(line[x], min(before[x], behind[x]) + square)
                    peak = max(peak, line[x])
            else:
                only = before if y - k >= 0 else behind
                for x in range(nx):
                    line[x] = min(line[x], only[x] + square)
                    peak = max(peak, line[x])
            k += 1


@compiled
def columns(out: np.ndarray, first: int, last: int, closed: bool) -> None:
    """Bring the second axis in, planes ``first`` to ``last``."""
    held = np.empty(out.shape[1:], np.int32)
    for z in range(first, last):
        held[:] = out[z]
        _lower(held, out[z], closed, closed)


@compiled
def piles(out: np.ndarray, first: int, last: int, low: bool, high: bool) -> None:
    """Bring the third axis in, for rows ``first`` to ``last`` of every plane."""
    nz, _, nx = out.shape
    held, lowered = np.empty((nz, nx), np.int32), np.empty((nz, nx), np.int32)
    for y in range(first, last):
        for z in range(nz):
            held[z] = out[z, y]
        _lower(held, lowered, low, high)
        for z in range(nz):
            out[z, y] = lowered[z]
