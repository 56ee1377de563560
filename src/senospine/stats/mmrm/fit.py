"""The mixed model for repeated measures, as trials report it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.data import Prepared, Repeated, check_numbers, index_repeats, prepare
from senospine.stats.mmrm.inference import (
    METHODS,
    Degrees,
    KenwardRoger,
    Satterthwaite,
    adjustment,
    second_order_method,
)
from senospine.stats.mmrm.layout import Layout, lay_out
from senospine.stats.mmrm.model import MixedModel
from senospine.stats.mmrm.optimise import Convergence, Optimum, optimise
from senospine.stats.mmrm.structures import Structure, structure

Array = NDArray[np.float64]


def mmrm(
    data: pd.DataFrame,
    *,
    outcome: str,
    subject: str,
    visit: str,
    fixed: Sequence[str],
    covariance: str = "unstructured",
    method: str = "REML",
    df: str = "satterthwaite",
    weights: str | None = None,
    grouped: str | None = None,
    level: float = 0.95,
    max_iterations: int = 100,
) -> MixedModel:
    """Fit a mixed model for repeated measures: fixed effects and a covariance between the visits of a subject.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a subject and visit; rows with a missing value are dropped and counted.
    outcome, subject, visit : str
        Columns. Visits are ordered as a categorical is, else naturally (VIS9 before VIS10).
    fixed : sequence of str
        Terms: ``"A"``, ``"A:B"``, or ``"A*B"`` for both and their interaction. Text, categories and the visit are
        factors whose first level is the reference; numbers are covariates. The intercept is always there.
    covariance : str
        A name of ``STRUCTURES``, or what R's mmrm ("us", "toeph") or SAS ("UN", "TOEPH") call it.
    method : "REML" or "ML"
    df : str
        "satterthwaite"; "kenward-roger" and "kenward-roger-linear" as R's mmrm names them (the second is SAS's
        ``ddfm=kr(firstorder)``); "kenward-roger-sas" is SAS's ``ddfm=kr``, whose second-order term is taken in SAS's
        parameters. The three differ in the standard errors, not in the degrees of freedom of one contrast.
    weights : str, optional
        Column of positive weights; the variance of a row is divided by its weight.
    grouped : str, optional
        Column whose levels have covariances of their own.
    level : float
        Of the intervals.
    max_iterations : int
        Of Newton's method.

    Returns
    -------
    MixedModel
        Look at ``convergence`` first.

    Raises
    ------
    AnalysisError
        Data that cannot be estimated, an unknown name, or Kenward-Roger with ML.

    Notes
    -----
    Cost: linear in subjects once, to set the data up; then a few iterations whose cost depends on the number of
    missingness patterns, visits and coefficients. Mallinckrodt et al. 2008 (doi 10.1177/009286150804200402).
    """
    _check_options(method, df, level)
    prepared = prepare(data, outcome, fixed, [name for name in (subject, visit, grouped, weights) if name], visit)
    shape_is_free = structure(covariance, 2).kind == "unstructured"
    repeats = index_repeats(prepared.frame, subject, visit, grouped, free=shape_is_free)
    kind = structure(covariance, len(repeats.visits))
    scales = _visit_scales(prepared.outcome, repeats, kind)
    known = _weights(prepared.frame, weights) / scales[repeats.visit] ** 2
    visits = len(repeats.visits)
    layout = lay_out(prepared.matrix, prepared.outcome, repeats.subject, repeats.visit, visits, repeats.group, known)
    best = optimise(layout, kind, restricted=method == "REML", max_iterations=max_iterations)
    return _result(prepared, repeats, kind, layout, scales * layout.unit, best, outcome, method, df, level)


def _check_options(method: str, df: str, level: float) -> None:
    if method not in {"REML", "ML"}:
        raise AnalysisError(f"no method {method!r}", remedy="choose REML or ML")
    if df not in METHODS:
        raise AnalysisError(f"no degrees of freedom are called {df!r}", remedy=suggest(df, METHODS))
    if df != "satterthwaite" and method == "ML":
        raise AnalysisError("Kenward-Roger needs REML", why="it is derived for it", remedy="use satterthwaite with ML")
    if not 0 < level < 1:
        raise AnalysisError(f"level must lie between 0 and 1, got {level}")


def _weights(frame: pd.DataFrame, name: str | None) -> Array:
    if name is None:
        return np.ones(len(frame))
    check_numbers(frame, name)
    values = frame[name].to_numpy(float)
    if not (values > 0).all():
        raise AnalysisError(f"a weight in {name!r} is not positive", remedy="drop the row, or weigh it above zero")
    return values


def _visit_scales(outcome: Array, repeats: Repeated, kind: Structure) -> Array:
    """Return a unit for each visit, so that visits of very different scatter are estimated as easily as equal ones."""
    scales = np.ones(len(repeats.visits))
    if kind.own_scales:
        scales = np.array([outcome[repeats.visit == visit].std() for visit in range(len(scales))])
        flat = np.flatnonzero(scales <= 1e-12 * np.abs(outcome).max())
        if len(flat):
            raise AnalysisError(
                f"the outcome is the same for all at {repeats.visits[flat[0]]!r}",
                why="a visit without scatter has no variance to estimate",
                remedy="leave that visit out, for instance the baseline where the outcome is a change from it",
            )
    return scales


def _result(
    prepared: Prepared,
    repeats: Repeated,
    kind: Structure,
    layout: Layout,
    scales: Array,
    best: Optimum,
    outcome: str,
    method: str,
    df: str,
    level: float,
) -> MixedModel:
    back = layout.unit * layout.back
    root = back @ best.state.root
    spread = _theta_covariance(best)
    degrees: Degrees = Satterthwaite(root, best.derivatives.slopes, spread)
    covariance_of_beta = root @ root.T
    if df != "satterthwaite":
        degrees = KenwardRoger(root, best.derivatives.slopes, spread)
        extra = adjustment(layout, kind, best, spread, second_order_method(df, kind))
        covariance_of_beta = covariance_of_beta + 2 * root @ extra @ root.T
    theta = best.theta.copy()
    theta[:, : kind.n_scales] += np.log(scales[: kind.n_scales])
    names = pd.Index(repeats.visits, name=None)
    sigma = kind.sigma(best.theta) * np.outer(scales, scales)
    return MixedModel(
        design=prepared.design,
        frame=prepared.frame,
        beta=back @ best.state.beta,
        covariance_of_beta=covariance_of_beta,
        degrees=degrees,
        level=level,
        outcome=outcome,
        method=method,
        df=df,
        structure=kind,
        theta=theta,
        theta_covariance=spread,
        covariances={
            group: pd.DataFrame(one, index=names, columns=names)
            for group, one in zip(repeats.groups, sigma, strict=True)
        },
        log_likelihood=_log_likelihood(layout, best, restricted=method == "REML"),
        n_subjects=layout.n_subjects,
        n_observations=layout.n_observations,
        n_dropped=prepared.n_dropped,
        convergence=best.convergence,
        iterations=best.iterations,
        layout=layout,
        units=scales,
    )


def _theta_covariance(best: Optimum) -> Array:
    """Return the inverse observed information; not a number where it is none."""
    hessian = best.derivatives.hessian
    if best.convergence in {Convergence.BOUNDARY, Convergence.NOT_A_MAXIMUM}:
        return np.full(hessian.shape, np.nan)
    return np.asarray(2 * np.linalg.inv(hessian), dtype=np.float64)


def _log_likelihood(layout: Layout, best: Optimum, *, restricted: bool) -> float:
    """Return the log likelihood in the data's units, with all constants (SAS's and mmrm's convention)."""
    free = layout.n_observations - (layout.rows.shape[2] - 1 if restricted else 0)
    deviance = best.state.deviance + free * float(np.log(2 * np.pi * layout.unit**2)) - layout.log_weights
    return -0.5 * (deviance + (2 * layout.log_design if restricted else 0.0))
