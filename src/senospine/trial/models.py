"""The mixed model of a design in many trials: in closed form where it holds, one fit at a time where it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError
from senospine.stats.mmrm import ManyContrasts, ancova_many, mmrm, mmrm_many
from senospine.stats.mmrm.many import MANY_METHODS
from senospine.stats.mmrm.structures import structure
from senospine.trial.file import Analysis

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
FIELDS = ("estimate", "se", "df", "p", "lower", "upper")


def comes_back(y: Array) -> Mask:
    """Return in which trials somebody has an outcome after a missed visit, from (n_trials, n_patients, n_visits)."""
    seen = np.isfinite(y)
    return np.asarray((seen[..., 1:] & ~seen[..., :-1]).any(axis=(1, 2)))


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

    Notes
    -----
    Cost: the closed form needs an unstructured covariance, Satterthwaite or first-order Kenward-Roger, and nobody who
    comes back after a missed visit; every other trial costs a fit of its own, some hundred times as much.
    """
    if method == "ancova":
        return ancova_many(y[..., -1], x, contrast)
    closed = structure(plan.covariance, 2).name == "unstructured" and plan.df in MANY_METHODS
    fast = ~comes_back(y) if closed else np.zeros(len(y), bool)
    if fast.all():
        return mmrm_many(y, x, contrast, df=plan.df)
    found = np.empty((len(FIELDS), len(y)))
    if fast.any():
        many = mmrm_many(y[fast], x[fast], contrast, df=plan.df)
        found[:, fast] = [getattr(many, name) for name in FIELDS]
    for index in np.flatnonzero(~fast):
        found[:, index] = _one(plan, y[index], x[index], contrast)
    return ManyContrasts(*found, np.isfinite(y).any(axis=2).sum(axis=1))


def _one(plan: Analysis, y: Array, x: Array, contrast: Array) -> list[float]:
    """Return what `mmrm` says of one trial; columns that are constant among those seen are left out."""
    n, visits = y.shape
    mine = np.isfinite(y).any(axis=1)
    kept = [k for k in range(1, x.shape[1]) if contrast[k] or (x[mine, k] != x[mine, k][:1]).any()]
    columns = {f"x{k}": np.repeat(x[:, k], visits) for k in kept}
    frame = pd.DataFrame(
        {"patient": np.repeat(np.arange(n), visits), "visit": np.tile(np.arange(visits), n), "y": y.ravel(), **columns}
    )
    try:
        fit = mmrm(
            frame, outcome="y", subject="patient", visit="visit", covariance=plan.covariance, df=plan.df,
            fixed=["visit", *(f"{name}*visit" for name in columns)],
        )  # fmt: skip
        weights = {
            name: float(contrast[k])
            for k in np.flatnonzero(contrast)
            for name in (f"x{k}", *([f"x{k}:visit{visits - 1}", f"visit{visits - 1}:x{k}"] if visits > 1 else []))
            if name in fit.design.columns
        }
        row = fit.contrast(weights).iloc[0]
    except AnalysisError:
        return [np.nan] * len(FIELDS)
    return [float(row[name]) for name in FIELDS] if fit.convergence.ok else [np.nan] * len(FIELDS)
