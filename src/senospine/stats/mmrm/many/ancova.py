"""Analysis of covariance in many trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from senospine.stats.mmrm.many.results import ManyContrasts, arrays, idle_columns, inverse, told


def ancova_many(
    outcome: ArrayLike, covariates: ArrayLike, contrast: ArrayLike, *, level: float = 0.95
) -> ManyContrasts:
    """Return a contrast of a linear model in each of many trials, by least squares.

    Parameters
    ----------
    outcome : array_like, shape (n_trials, n_patients)
        NaN for those without; they do not count.
    covariates : array_like, shape (n_trials, n_patients, n_covariates)
        Those that are the same for all with an outcome are left out as in :func:`mmrm_many`.
    contrast : array_like, shape (n_covariates,)
    level : float

    Examples
    --------
    >>> ancova_many([[1.0, 3.0, 6.0, 8.0]], [[[1, 0], [1, 0], [1, 1], [1, 1]]], [0, 1]).estimate.round(9).tolist()
    [5.0]
    """
    y, x, c = arrays(np.asarray(outcome, float)[..., None], covariates, contrast)
    seen = np.isfinite(y)
    idle = idle_columns(x, seen[..., 0], c != 0)
    xt, yt = np.where(seen & ~idle[:, None], x, 0.0), np.where(seen, y, 0.0)
    own = inverse(xt.swapaxes(1, 2) @ xt + np.eye(len(c)) * idle[:, :, None])
    beta = own @ (xt.swapaxes(1, 2) @ yt)
    left = (yt - xt @ beta)[..., 0]
    used = seen[..., 0].sum(axis=1)
    free = (used - len(c) + idle.sum(axis=1)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(free > 0, (left**2).sum(axis=1) / free, np.nan) * np.einsum("i,bij,j->b", c, own, c)
    return told(beta[..., 0] @ c, np.sqrt(variance), np.where(free > 0, free, np.nan), used, level)
