"""Reference-based imputation of thousands of trials at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.imputation.completed import Completed, reduced
from senospine.stats.imputation.exact import exactly_completed
from senospine.stats.imputation.gaps import completed_with_gaps
from senospine.stats.imputation.impute import STRATEGIES
from senospine.stats.mmrm.many.fit import monotone
from senospine.stats.mmrm.many.results import idle_columns

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
        NaN where missing.
    covariates : array_like, shape (n_trials, n_patients, n_covariates)
        With a column of ones; rows of zeros fill up smaller trials. Columns that are the same for all are left out.
    arm : int
        Which covariate is 1 on treatment and 0 on the reference; it is what is estimated.
    generators : sequence of numpy.random.Generator
        One a trial, so that a trial's numbers do not depend on its company.
    strategy : "MAR", "J2R", "CIR" or "CR"
    n_imputations : int

    Raises
    ------
    AnalysisError
        An unknown strategy, or fewer than two imputations. A trial that cannot be estimated is NaN.

    Notes
    -----
    Visits missed before the last one seen are imputed on the mean of the own arm (CR: of the reference), as in
    :func:`impute`. Where nobody comes back after a missed visit the posterior is exact, elsewhere that of large
    samples. Cost: linear in imputations, patients and visits; some twice as much where somebody comes
    back; shifts and tipping points of the result cost next to nothing.
    """
    if strategy not in STRATEGIES:
        raise AnalysisError(f"no strategy {strategy!r}", remedy=suggest(strategy, STRATEGIES))
    if n_imputations < 2:
        raise AnalysisError("need at least two imputations")
    y, x = np.asarray(outcome, float), np.asarray(covariates, float)
    seen = np.isfinite(y)
    idle = idle_columns(x, seen.any(axis=2), np.arange(x.shape[2]) == arm)
    leaving = monotone(seen)
    completed = np.full((n_imputations, *y.shape[:2]), np.nan)
    for which, fill in ((leaving, exactly_completed), (~leaving, completed_with_gaps)):
        chosen = np.flatnonzero(which)
        if len(chosen):
            own = [generators[int(index)] for index in chosen]
            some = np.where(idle[chosen, None], 0.0, x[chosen])
            completed[:, chosen] = fill(y[chosen], some, idle[chosen], arm, own, strategy, n_imputations)
    return reduced(completed, x, arm, ~seen[..., -1])
