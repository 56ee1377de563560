"""Draws from the exact posterior of many trials in which those who leave stay away.

The mixed model is a product of regressions (see :mod:`senospine.stats.mmrm.many.closed`), whose posterior is exact:
residual variance scaled inverse chi-squared, coefficients normal given it. Those who left are carried from visit to
visit by the regressions of residuals, about the mean their strategy names (:mod:`senospine.stats.imputation.impute`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.many.results import inverse

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def exactly_completed(
    y: Array, x: Array, idle: Mask, arm: int, generators: Sequence[np.random.Generator], strategy: str, count: int
) -> Array:
    """Return completed last visits, shape (count, n_trials, n_patients); arguments as of `impute_many`."""
    seen = np.isfinite(y)
    other = x.copy()
    other[..., arm] = 0.0
    last = seen.sum(axis=2) - 1
    regressions = _regressions(np.where(seen, y, 0.0), x, seen, idle)
    completed = np.empty((count, *y.shape[:2]))
    for number in range(count):
        noise = np.stack([generator.standard_normal(y.shape[1:]) for generator in generators])
        phi, scatter, beta = _draw(regressions, generators, y.shape[2], x.shape[2])
        own, copied = x @ beta.swapaxes(1, 2), other @ beta.swapaxes(1, 2)
        before, after = _means(own, copied, last, strategy)
        residual = np.where(seen, np.where(seen, y, 0.0) - before, 0.0)
        for t in range(y.shape[2]):
            carried = (residual[..., :t] @ phi[:, t, :t, None])[..., 0]
            drawn = carried + np.sqrt(scatter[:, t, None]) * noise[..., t]
            residual[..., t] = np.where(seen[..., t], residual[..., t], drawn)
        completed[number] = np.where(
            seen[..., -1], np.where(seen[..., -1], y[..., -1], 0.0), after[..., -1] + residual[..., -1]
        )
    return completed


def _regressions(y: Array, x: Array, seen: Mask, idle: Mask) -> list[tuple[Array, Array, Array, Array]]:
    """Return coefficients, their Cholesky factor, residual sum of squares and its degrees of freedom at each visit.

    Where a visit cannot be estimated they are not numbers.
    """
    found = []
    k = x.shape[2]
    for t in range(y.shape[2]):
        mask = seen[:, :, t, None]
        rows = np.concatenate([x, y[:, :, :t]], axis=2) * mask
        gram = rows.swapaxes(1, 2) @ rows
        gram[:, :k, :k] += np.eye(k) * idle[:, :, None]
        bound = inverse(gram)
        target = y[:, :, t] * mask[..., 0]
        coefficients = np.einsum("bij,bj->bi", bound, np.einsum("bni,bn->bi", rows, target))
        left = target - np.einsum("bni,bi->bn", rows, coefficients)
        free = mask[..., 0].sum(axis=1) - rows.shape[2] + idle.sum(axis=1)
        fine = (free > 0) & np.isfinite(bound).all(axis=(1, 2))
        root = np.linalg.cholesky(np.where(fine[:, None, None], bound, np.eye(rows.shape[2])))
        squares = np.where(fine, (left**2).sum(axis=1), np.nan)
        found.append((coefficients, root, squares, np.where(fine, free, 1).astype(float)))
    return found


def _draw(
    regressions: list[tuple[Array, Array, Array, Array]], generators: Sequence[np.random.Generator], visits: int, k: int
) -> tuple[Array, Array, Array]:
    """Return Phi, D and the coefficients of the means, beta (n_trials, n_visits, k), drawn from their posterior."""
    trials = len(generators)
    phi, scatter = np.zeros((trials, visits, visits)), np.empty((trials, visits))
    beta = np.empty((trials, visits, k))
    for t, (coefficients, root, squares, free) in enumerate(regressions):
        chance = np.array([generator.chisquare(df) for generator, df in zip(generators, free, strict=True)])
        normal = np.stack([generator.standard_normal(k + t) for generator in generators])
        scatter[:, t] = squares / chance
        drawn = coefficients + np.sqrt(scatter[:, t, None]) * np.einsum("bij,bj->bi", root, normal)
        phi[:, t, :t] = drawn[:, k:]
        beta[:, t] = drawn[:, :k] + np.einsum("bs,bsk->bk", drawn[:, k:], beta[:, :t])
    return phi, scatter, beta


def _means(own: Array, other: Array, last: NDArray[np.int64], strategy: str) -> tuple[Array, Array]:
    """Return the mean while a patient is seen, and after."""
    if strategy == "MAR":
        return own, own
    if strategy == "CR":
        return other, other
    if strategy == "J2R":
        return own, other
    at = np.maximum(last, 0)[..., None]
    kept = np.take_along_axis(own - other, at, axis=2) * (last >= 0)[..., None]
    return own, other + kept
