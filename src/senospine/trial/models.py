"""The model of a design in many trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm import ManyContrasts, ancova_many, mmrm_many
from senospine.trial.file import Analysis

Array = NDArray[np.float64]


def model_contrasts(plan: Analysis, method: str, y: Array, x: Array, contrast: Array) -> ManyContrasts:
    """Return a contrast of coefficients at the last visit, by analysis of covariance or the design's mixed model.

    Parameters
    ----------
    plan : Analysis
    method : "ancova" or "mmrm"
    y : ndarray, shape (n_trials, n_patients, n_visits)
    x : ndarray, shape (n_trials, n_patients, n_covariates)
        Ones first; all crossed with the visit.
    contrast : ndarray, shape (n_covariates,)
    """
    if method == "ancova":
        return ancova_many(y[..., -1], x, contrast)
    return mmrm_many(y, x, contrast, covariance=plan.covariance, df=plan.df)
