"""What is told of many trials, and what all their estimators share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from senospine.errors import AnalysisError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ManyContrasts:
    """One contrast in each of many trials.

    Attributes
    ----------
    estimate, se, df, p, lower, upper : ndarray, shape (n_trials,)
        NaN where a trial cannot be estimated.
    used : ndarray of int, shape (n_trials,)
        Patients with an outcome.
    """

    estimate: Array
    se: Array
    df: Array
    p: Array
    lower: Array
    upper: Array
    used: Integers


def told(estimate: Array, se: Array, df: Array, used: Integers, level: float) -> ManyContrasts:
    """Return estimates with intervals and two-sided p values.

    Raises
    ------
    AnalysisError
        A level outside 0 to 1.
    """
    if not 0 < level < 1:
        raise AnalysisError(f"level must lie between 0 and 1, got {level}")
    with np.errstate(divide="ignore", invalid="ignore"):
        half = special.stdtrit(df, 0.5 + level / 2) * se
        p = 2 * special.stdtr(df, -np.abs(estimate) / se)
    return ManyContrasts(estimate, se, df, p, estimate - half, estimate + half, used)


def arrays(outcome: ArrayLike, covariates: ArrayLike, contrast: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the three as arrays that belong together.

    Raises
    ------
    AnalysisError
        Other shapes.
    """
    y, x, c = np.asarray(outcome, float), np.asarray(covariates, float), np.asarray(contrast, float)
    if y.ndim != 3 or x.ndim != 3 or x.shape[:2] != y.shape[:2] or c.shape != (x.shape[2],):
        raise AnalysisError(
            f"outcomes {y.shape}, covariates {x.shape} and contrast {c.shape} do not belong together",
            remedy="give (trials, patients, visits), (trials, patients, covariates), (covariates,)",
        )
    return y, x, c


def idle_columns(covariates: Array, here: Mask, wanted: Mask) -> Mask:
    """Return the covariates (n_trials, k) that are the same for all who are here, and so say nothing.

    The first constant other than zero is the model's own; ``wanted`` (k,) are never idle.
    """
    low = np.where(here[..., None], covariates, np.inf).min(axis=1)
    high = np.where(here[..., None], covariates, -np.inf).max(axis=1)
    same = low == high
    ones = same & (low != 0)
    first = ones & (np.cumsum(ones, axis=1) == 1)
    return np.asarray(same & ~first & ~wanted & np.asarray(here.any(axis=1))[:, None])


def inverse(matrix: Array) -> Array:
    """Return inverses of symmetric matrices (..., k, k), NaN where a column follows from others."""
    size = matrix.shape[-1]
    if size == 0:
        return np.zeros_like(matrix)
    scale = np.sqrt(np.maximum(np.diagonal(matrix, axis1=-2, axis2=-1), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    outer = safe[..., :, None] * safe[..., None, :]
    scaled = matrix / outer
    with np.errstate(invalid="ignore"):
        weak = ~np.isfinite(scaled).all(axis=(-2, -1))
        scaled = np.where(weak[..., None, None], 0.0, scaled)
        weak |= np.linalg.eigvalsh(scaled)[..., 0] < 1e-12 * size
    scaled[weak] = np.eye(size)
    found: Array = np.linalg.inv(scaled) / outer
    found[weak] = np.nan
    return found
