"""Reference-based imputation of thousands of trials at once, where nobody returns after leaving.

The mixed model is a product of regressions (see :mod:`senospine.stats.mmrm.many`), whose posterior is exact: residual
variance scaled inverse chi-squared, coefficients normal given it. Those who left are carried from visit to visit by
the regressions of residuals, about the mean their strategy names (:mod:`senospine.stats.imputation.impute`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.imputation.completed import Completed, reduced
from senospine.stats.imputation.impute import STRATEGIES

Array = NDArray[np.float64]


def impute_many(
    outcome: ArrayLike,
    covariates: ArrayLike,
    arm: int,
    generators: Sequence[np.random.Generator],
    *,
    strategy: str = "J2R",
    n_imputations: int = 25,
) -> Completed:
    """Return imputations of many trials, reduced to what comparisons at the last visit need.

    Parameters
    ----------
    outcome : array_like, shape (n_trials, n_patients, n_visits)
        NaN from the visit on at which a patient was gone.
    covariates : array_like, shape (n_trials, n_patients, n_covariates)
        With a column of ones; rows of zeros fill up smaller trials.
    arm : int
        Which covariate is 1 on treatment and 0 on the reference; it is what is estimated.
    generators : sequence of numpy.random.Generator
        One a trial, so that a trial's numbers do not depend on its company.
    strategy : "MAR", "J2R", "CIR" or "CR"
    n_imputations : int

    Raises
    ------
    AnalysisError
        An unknown strategy, fewer than two imputations, or a patient who comes back after a missed visit.

    Notes
    -----
    Cost: linear in imputations, patients and visits; shifts and tipping points of the result cost next to nothing.
    """
    if strategy not in STRATEGIES:
        raise AnalysisError(f"no strategy {strategy!r}", remedy=suggest(strategy, STRATEGIES))
    if n_imputations < 2:
        raise AnalysisError("need at least two imputations")
    y, x = np.asarray(outcome, float), np.asarray(covariates, float)
    seen = np.isfinite(y)
    if (seen[..., 1:] & ~seen[..., :-1]).any():
        raise AnalysisError("a patient has an outcome after a missed visit", remedy="use `impute`, one trial at a time")
    other = x.copy()
    other[..., arm] = 0.0
    last = seen.sum(axis=2) - 1
    regressions = _regressions(np.where(seen, y, 0.0), x, seen)
    completed = np.empty((n_imputations, *y.shape[:2]))
    for number in range(n_imputations):
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
    return reduced(completed, x, arm, ~seen[..., -1])


def _regressions(y: Array, x: Array, seen: NDArray[np.bool_]) -> list[tuple[Array, Array, Array, Array]]:
    """Return coefficients, their Cholesky factor, residual sum of squares and its degrees of freedom at each visit."""
    found = []
    for t in range(y.shape[2]):
        mask = seen[:, :, t, None]
        rows = np.concatenate([x, y[:, :, :t]], axis=2) * mask
        gram = rows.swapaxes(1, 2) @ rows
        inverse = np.linalg.inv(gram)
        target = y[:, :, t] * mask[..., 0]
        coefficients = np.einsum("bij,bj->bi", inverse, np.einsum("bni,bn->bi", rows, target))
        left = target - np.einsum("bni,bi->bn", rows, coefficients)
        free = (mask[..., 0].sum(axis=1) - rows.shape[2]).astype(float)
        found.append((coefficients, np.linalg.cholesky(inverse), (left**2).sum(axis=1), free))
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
