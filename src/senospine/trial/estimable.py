"""Contrasts of markers that nobody's value can tell apart: said to be not estimable instead of certain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm import ManyContrasts

Array = NDArray[np.float64]
_ROUNDING = 1e-6  # a bank holds single precision


def estimable(found: ManyContrasts, y: Array) -> ManyContrasts:
    """Return contrasts, NaN in trials whose outcome follows from the covariates up to rounding.

    That happens where no patient's finding changes: residuals are then zero or the rounding of zero, and p means
    nothing.

    Parameters
    ----------
    found : ManyContrasts
    y : ndarray, shape (n_trials, n_patients)
        Outcomes at the endpoint.
    """
    seen = np.isfinite(y)
    count = np.maximum(seen.sum(axis=1), 1)
    mean = np.where(seen, y, 0.0).sum(axis=1) / count
    sd = np.sqrt(np.where(seen, (y - mean[:, None]) ** 2, 0.0).sum(axis=1) / count)
    with np.errstate(invalid="ignore"):
        certain = found.se <= _ROUNDING * np.maximum(sd, np.abs(mean) * _ROUNDING)
    names = ("estimate", "se", "df", "p", "lower", "upper")
    return replace(found, **{name: np.where(certain, np.nan, getattr(found, name)) for name in names})
