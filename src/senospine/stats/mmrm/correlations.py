"""The shapes of covariance structures: R (..., m, m) with first and second derivatives by its parameters (..., c)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@lru_cache(maxsize=32)
def _triangle_curve(m: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    rows, columns = np.tril_indices(m, -1)
    count = len(rows)
    curve = np.zeros((count, count, m, m))
    a, b = np.nonzero(columns[:, None] == columns)
    np.add.at(curve, (a, b, rows[a], rows[b]), 1.0)
    np.add.at(curve, (a, b, rows[b], rows[a]), 1.0)
    return rows, columns, curve


def unit_triangle(phi: Array, m: int) -> tuple[Array, Array, Array]:
    """Return L L' of a unit lower triangle filled by rows, and its derivatives."""
    rows, columns, curve = _triangle_curve(m)
    lower = np.broadcast_to(np.eye(m), (*phi.shape[:-1], m, m)).copy()
    lower[..., rows, columns] = phi
    slope = np.zeros((*phi.shape, m, m))
    slope[..., np.arange(len(rows)), rows, :] = lower.swapaxes(-1, -2)[..., columns, :]
    return lower @ lower.swapaxes(-1, -2), slope + slope.swapaxes(-1, -2), curve


def _lag(m: int) -> NDArray[np.int64]:
    return np.abs(np.subtract.outer(np.arange(m), np.arange(m)))


def _ar1(rho: Array, m: int) -> tuple[Array, Array, Array]:
    lag, r = _lag(m), rho[..., None]
    slope = np.where(lag > 0, lag * r ** np.maximum(lag - 1, 0), 0.0)
    curve = np.where(lag > 1, lag * (lag - 1) * r ** np.maximum(lag - 2, 0), 0.0)
    return r ** lag.astype(float), slope[..., None, :, :], curve[..., None, None, :, :]


def _compound_symmetry(rho: Array, m: int) -> tuple[Array, Array, Array]:
    off = 1.0 - np.eye(m)
    return np.eye(m) + rho[..., None] * off, off[None], np.zeros((1, 1, m, m))


def _toeplitz(rho: Array, m: int) -> tuple[Array, Array, Array]:
    lag = _lag(m)
    slope = (lag == np.arange(1, m)[:, None, None]).astype(float)
    return np.concatenate([np.ones_like(rho[..., :1]), rho], axis=-1)[..., lag], slope, np.zeros((m - 1, m - 1, m, m))


def _ante_dependence(rho: Array, m: int) -> tuple[Array, Array, Array]:
    i, j = np.minimum.outer(np.arange(m), np.arange(m)), np.maximum.outer(np.arange(m), np.arange(m))
    steps = np.arange(m - 1)[:, None, None]
    inside = (i <= steps) & (steps < j)

    def product(*left_out: int) -> Array:
        kept = inside.copy()
        kept[list(left_out)] = False
        return np.asarray(np.where(kept, rho[..., None, None], 1.0).prod(axis=-3))

    slope = np.stack([inside[k] * product(k) for k in range(m - 1)], axis=-3)
    curve = np.zeros((*rho.shape, m - 1, m, m))
    for k in range(m - 1):
        for other in range(k):
            curve[..., k, other, :, :] = curve[..., other, k, :, :] = inside[k] * inside[other] * product(k, other)
    return product(), slope, curve


CORRELATIONS = {
    "ar1": _ar1,
    "compound_symmetry": _compound_symmetry,
    "toeplitz": _toeplitz,
    "ante_dependence": _ante_dependence,
}
