"""Analysis of imputed data: covariance at one visit in each set, pooled; and how far it can be pushed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from senospine.errors import AnalysisError, suggest
from senospine.stats.imputation.impute import Imputations
from senospine.stats.imputation.rubin import Pooled, pool
from senospine.stats.mmrm.data import prepare
from senospine.stats.mmrm.grid import averaged_rows


def compare_at(
    imputations: Imputations, visit: Hashable, *, arm: Hashable, covariates: Sequence[str] = (), level: float = 0.95
) -> Pooled:
    """Return the pooled difference of adjusted means at a visit, ``arm`` minus reference, by analysis of covariance.

    Parameters
    ----------
    imputations : Imputations
    visit, arm : hashable
    covariates : sequence of str
        Columns of ``imputations.subjects``.
    level : float

    Raises
    ------
    AnalysisError
        An unknown visit or arm, or a design that cannot be estimated.
    """
    if visit not in imputations.visits:
        raise AnalysisError(f"no visit {visit!r}", remedy=suggest(str(visit), imputations.visits))
    name = imputations.arm
    values = imputations.completed[:, :, imputations.visits.index(visit)].T
    table = imputations.subjects.assign(**{imputations.outcome: values[:, 0]})
    prepared = prepare(table, imputations.outcome, [*covariates, name], [])
    levels = prepared.design.factors[name]
    if arm not in levels or arm == imputations.reference:
        raise AnalysisError(
            f"no arm {arm!r} to compare with {imputations.reference!r}", remedy=suggest(str(arm), levels)
        )
    _, rows = averaged_rows(prepared.design, prepared.frame, [name], {}, "equal")
    contrast = rows[levels.index(arm)] - rows[levels.index(imputations.reference)]
    basis, triangle = np.linalg.qr(prepared.matrix)
    weights = np.linalg.solve(triangle.T, contrast)
    fitted = basis.T @ values  # the design is the same in every imputation
    df = len(values) - len(contrast)
    variance = ((values**2).sum(axis=0) - (fitted**2).sum(axis=0)) / df * float(weights @ weights)
    return pool(weights @ fitted, variance, df=float(df), level=level)


@dataclass(frozen=True)
class TippingPoint:
    """How much worse those who left must have done for the finding to go.

    Attributes
    ----------
    delta : float
        The shift at which p reaches ``alpha``; NaN where no shift of the table does.
    table : pandas.DataFrame
        Index ``delta``; columns estimate, se, p, lower, upper.
    alpha : float
    """

    delta: float
    table: pd.DataFrame
    alpha: float

    def __str__(self) -> str:
        found = (
            f"p reaches {self.alpha:g} at a shift of {self.delta:.3f}" if np.isfinite(self.delta) else "no shift tips"
        )
        return f"Tipping point: {found}\n{self.table.round(4).reset_index().to_string(index=False)}"


def tipping_point(
    imputations: Imputations,
    visit: Hashable,
    *,
    arm: Hashable,
    deltas: ArrayLike,
    covariates: Sequence[str] = (),
    alpha: float = 0.05,
) -> TippingPoint:
    """Return the comparison for a row of shifts of the values imputed in ``arm`` after the last visit seen.

    Parameters
    ----------
    imputations, visit, arm, covariates
        As for :func:`compare_at`.
    deltas : array_like, shape (n_shifts,)
        In the outcome's unit, from mild to harsh, whichever sign harms.
    alpha : float
        Two-sided.

    Raises
    ------
    AnalysisError
        Fewer than two shifts, or shifts that do not go one way.
    """
    from scipy.optimize import brentq

    shifts = np.asarray(deltas, float)
    steps = np.diff(shifts)
    if shifts.ndim != 1 or len(shifts) < 2 or not ((steps > 0).all() or (steps < 0).all()):
        raise AnalysisError("need at least two shifts that go one way", remedy="for instance deltas=[0, -1, -2]")

    def at(delta: float) -> Pooled:
        return compare_at(imputations.shifted({arm: delta}), visit, arm=arm, covariates=covariates, level=1 - alpha)

    found = [at(float(delta)) for delta in shifts]
    table = pd.DataFrame(
        [[item.estimate, item.se, item.p, item.lower, item.upper] for item in found],
        index=pd.Index(shifts, name="delta"),
        columns=["estimate", "se", "p", "lower", "upper"],
    )
    tips = np.flatnonzero((table["p"].to_numpy()[:-1] < alpha) & (table["p"].to_numpy()[1:] >= alpha))
    delta = np.nan
    if len(tips):
        delta = float(brentq(lambda x: at(x).p - alpha, shifts[tips[0]], shifts[tips[0] + 1], xtol=1e-10))
    return TippingPoint(delta, table, alpha)
