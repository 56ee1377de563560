"""The mixed model of thousands of trials: in closed form where it holds, by Newton's method side by side elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.inference import METHODS, second_order_method
from senospine.stats.mmrm.many.closed import closed_form
from senospine.stats.mmrm.many.inference import infer
from senospine.stats.mmrm.many.results import Array, ManyContrasts, Mask, arrays, idle_columns, told
from senospine.stats.mmrm.many.sums import alike, summed
from senospine.stats.mmrm.structures import Structure, structure

#: how many numbers a batch may take: enough to share the cost of each call, few enough for the processor's cache
BATCH = 400_000


def mmrm_many(
    outcome: ArrayLike, covariates: ArrayLike, contrast: ArrayLike, *, covariance: str = "unstructured",
    df: str = "kenward-roger-linear", level: float = 0.95,
) -> ManyContrasts:  # fmt: skip
    """Return a contrast of the coefficients at the last visit, in each of many trials.

    The model is that of :func:`senospine.stats.mmrm.mmrm` by REML with every covariate crossed with the visit, and so
    are estimates, standard errors and degrees of freedom. A trial's numbers do not depend on the trials beside it.

    Parameters
    ----------
    outcome : array_like, shape (n_trials, n_patients, n_visits)
        NaN where missing; patients without any outcome do not count, so trials of different sizes are filled up with
        them.
    covariates : array_like, shape (n_trials, n_patients, n_covariates)
        With a column of ones; finite for all who have an outcome. Other columns that are the same for all who have an
        outcome are left out, unless the contrast asks for them.
    contrast : array_like, shape (n_covariates,)
    covariance, df : str
        As in :func:`senospine.stats.mmrm.mmrm`.
    level : float

    Raises
    ------
    AnalysisError
        Other shapes or an unknown name. A trial that cannot be estimated, or whose search fails, is NaN.

    Notes
    -----
    Cost: where the covariance is unstructured, degrees of freedom are Satterthwaite's or first-order Kenward-Roger's
    and nobody returns after a missed visit, a small inverse a trial and visit. Elsewhere some five iterations, whose
    cost depends on visits, covariates and patterns of missed visits, not on patients.

    Examples
    --------
    >>> y = np.array([[[1.0, 2.0], [2.0, 2.5], [4.0, 5.0], [3.0, 6.0], [2.0, np.nan]]])
    >>> x = np.array([[[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]])
    >>> mmrm_many(y, x, [0.0, 1.0]).estimate.round(3).tolist()
    [3.292]
    """
    y, x, c = arrays(outcome, covariates, contrast)
    kind = structure(covariance if y.shape[2] > 1 else "unstructured", y.shape[2])
    if df not in METHODS:
        raise AnalysisError(f"no degrees of freedom are called {df!r}", remedy=suggest(df, METHODS))
    seen = np.isfinite(y)
    here = np.asarray(seen.any(axis=2))
    idle = idle_columns(x, here, c != 0)
    linear = kind.kind == "unstructured" and (second_order_method(df, kind) != "kenward-roger" or y.shape[2] == 1)
    closed = monotone(seen) if linear else np.zeros(len(y), bool)
    found = np.full((3, len(y)), np.nan)
    if closed.any():
        found[:, closed] = closed_form(y[closed], x[closed], idle[closed], c, df)
    rest = np.flatnonzero(~closed)
    if len(rest):
        found[:, rest] = _iterated(y[rest], x[rest], idle[rest], c, kind, df)
    estimate, se, free = found
    return told(estimate, se, free, here.sum(axis=1), level)


def monotone(seen: Mask) -> Mask:
    """Return in which trials nobody returns after a missed visit, from (n_trials, n_patients, n_visits)."""
    return ~np.asarray((seen[..., 1:] & ~seen[..., :-1]).any(axis=(1, 2)))


def _iterated(y: Array, x: Array, idle: Mask, contrast: Array, kind: Structure, df: str) -> Array:
    """Return estimate, standard error and degrees of freedom, (3, n_trials)."""
    found = np.full((3, len(y)), np.nan)
    visits, k = y.shape[2], x.shape[2]
    for mine, kept in alike(np.isfinite(y), BATCH // (visits * k) ** 2):
        if len(kept) < 2 or kept[-1] != visits - 1:
            continue
        own = Structure(kind.name, kind.kind, kind.own_scales, len(kept))
        whole, sums = summed(y[mine][..., kept], x[mine], idle[mine], own)
        if whole.any():
            found[:, mine[whole]] = infer(sums, own, contrast, df)
    return found
