"""Multiple imputation of what patients would have shown, as if they stayed on their arm or went to the reference.

Carpenter, Roger and Kenward 2013 (doi 10.1080/10543406.2013.834911). The mean after the last visit seen is:

    MAR   that of the own arm
    J2R   jump to reference: that of the reference
    CIR   copy increments in reference: the reference's, keeping the difference at the last visit seen
    CR    copy reference: the reference's at every visit, before and after

One covariance serves all arms; visits missed before the last one seen are imputed on the own arm's mean (CR: on the
reference's). Parameters are drawn from the large-sample posterior of the mixed model: covariance parameters normal on
the scale of R's mmrm (log standard deviations, Cholesky factor) with the inverse observed information, then
coefficients given them, exactly.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError, suggest
from senospine.randomness import stream
from senospine.stats.mmrm.fit import mmrm
from senospine.stats.mmrm.model import MixedModel

Array = NDArray[np.float64]
STRATEGIES = ("MAR", "J2R", "CIR", "CR")


@dataclass(frozen=True)
class Imputations:
    """Completed data sets.

    Attributes
    ----------
    subjects : pandas.DataFrame
        One row a subject: arm and covariates, with the subject as index, sorted.
    visits : tuple
    completed : ndarray, shape (n_imputations, n_subjects, n_visits)
        Observed values are the same in all.
    last_seen : ndarray of int, shape (n_subjects,)
        Position of the last visit seen; -1 for none.
    outcome, arm, strategy : str
    reference : object
        The arm that is copied.
    model : MixedModel
        What the parameters were drawn from.
    """

    subjects: pd.DataFrame
    visits: tuple[Hashable, ...]
    completed: Array
    last_seen: NDArray[np.int64]
    outcome: str
    arm: str
    strategy: str
    reference: Hashable
    model: MixedModel

    def shifted(self, delta: Mapping[Hashable, float]) -> Imputations:
        """Return the same with ``delta[arm]`` added to every value imputed after the last visit seen."""
        known = self.subjects[self.arm].unique().tolist()
        for name in delta:
            if name not in known:
                raise AnalysisError(f"no arm is called {name!r}", remedy=suggest(str(name), known))
        shift = self.subjects[self.arm].map(lambda name: delta.get(name, 0.0)).to_numpy(float)
        after = np.arange(len(self.visits)) > self.last_seen[:, None]
        return replace(self, completed=self.completed + after * shift[:, None])


def impute(
    data: pd.DataFrame,
    *,
    outcome: str,
    subject: str,
    visit: str,
    arm: str,
    reference: Hashable,
    covariates: Sequence[str] = (),
    strategy: str = "J2R",
    n_imputations: int = 100,
    seed: int = 0,
) -> Imputations:
    """Return completed data sets under one assumption about those who left.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a subject and visit, with NaN where the outcome is missing or must not be used (after an intercurrent
        event). A subject without any outcome still needs a row.
    outcome, subject, visit, arm : str
        Columns.
    reference : hashable
        The arm that is copied, usually the control.
    covariates : sequence of str
        Columns that do not change within a subject; each interacts with the visit.
    strategy : "MAR", "J2R", "CIR" or "CR"
    n_imputations, seed : int

    Raises
    ------
    AnalysisError
        An unknown strategy or arm, covariates that change or are missing, or a model that does not converge.

    Notes
    -----
    Cost: one mixed model, then one evaluation of it for each imputation.
    """
    if strategy not in STRATEGIES:
        raise AnalysisError(f"no strategy {strategy!r}", remedy=suggest(strategy, STRATEGIES))
    fixed = [f"{arm}*{visit}", *(f"{name}*{visit}" for name in covariates)]
    model = mmrm(data, outcome=outcome, subject=subject, visit=visit, fixed=fixed)
    if not model.convergence.ok:
        raise AnalysisError(f"the model to impute from failed: {model.convergence.value}")
    subjects = _one_row_each(data, subject, [arm, *covariates])
    if reference not in set(subjects[arm]):
        raise AnalysisError(
            f"no subject is in the arm {reference!r}", remedy=suggest(str(reference), subjects[arm].unique())
        )
    visits = tuple(model.covariance.columns)
    wide = data.dropna(subset=[outcome]).pivot_table(outcome, subject, visit, "first", observed=True)
    observed = wide.reindex(index=subjects.index, columns=list(visits)).to_numpy(float)
    own = _design_rows(model, subjects, visits, visit)
    copied = subjects.copy()
    copied[arm] = pd.Series([reference] * len(copied), index=copied.index)
    other = _design_rows(model, copied, visits, visit)
    seen = np.isfinite(observed)
    last = np.where(seen.any(axis=1), len(visits) - 1 - seen[:, ::-1].argmax(axis=1), -1).astype(np.int64)
    theta, root = model.theta, np.linalg.cholesky(model.theta_covariance)
    values = np.empty((n_imputations, *observed.shape))
    for number in range(n_imputations):
        numbers = stream(seed, "imputation", number)
        drawn = theta + (root @ numbers.standard_normal(theta.size)).reshape(theta.shape)
        sigma, centre, spread = model.at(drawn)
        beta = centre + spread @ numbers.standard_normal(len(centre))
        mean = combined_mean(own @ beta, other @ beta, last, strategy)
        values[number] = _complete(observed, mean, sigma[0], numbers.standard_normal(observed.shape))
    return Imputations(subjects, visits, values, last, outcome, arm, strategy, reference, model)


def _one_row_each(data: pd.DataFrame, subject: str, columns: Sequence[str]) -> pd.DataFrame:
    table = data[[subject, *columns]].drop_duplicates()
    if table[subject].duplicated().any():
        name = table.loc[table[subject].duplicated(), subject].iloc[0]
        raise AnalysisError(f"arm or covariates of {name!r} change", remedy="use values known before treatment")
    if table.isna().any(axis=None):
        column = table.columns[table.isna().any()][0]
        raise AnalysisError(f"{column!r} is missing for a subject", remedy="impute from complete covariates")
    return table.set_index(subject).sort_index()


def _design_rows(model: MixedModel, subjects: pd.DataFrame, visits: tuple[Hashable, ...], visit: str) -> Array:
    """Return design rows, shape (n_subjects, n_visits, n_coefficients)."""
    grid = subjects.reset_index(drop=True).merge(pd.DataFrame({visit: list(visits)}), how="cross")
    return model.design.matrix(grid).reshape(len(subjects), len(visits), -1)


def combined_mean(own: Array, other: Array, last_seen: NDArray[np.int64], strategy: str) -> Array:
    """Return the mean that a strategy assumes, shape (n_subjects, n_visits), from those of both arms."""
    after = np.arange(own.shape[1]) > last_seen[:, None]
    if strategy == "MAR":
        return own
    if strategy == "CR":
        return other
    if strategy == "J2R":
        return np.where(after, other, own)
    index = np.maximum(last_seen, 0)[:, None]
    kept = np.take_along_axis(own - other, index, axis=1) * (last_seen >= 0)[:, None]
    return np.where(after, other + kept, own)


def _complete(observed: Array, mean: Array, sigma: Array, noise: Array) -> Array:
    """Return observed values, and draws given them where there are none; all subjects of a pattern at once."""
    out = observed.copy()
    missing = np.isnan(observed)
    for pattern in np.unique(missing, axis=0):
        who = np.flatnonzero((missing == pattern).all(axis=1))
        u, o = np.flatnonzero(pattern), np.flatnonzero(~pattern)
        if len(u) == 0:
            continue
        gain = np.linalg.solve(sigma[np.ix_(o, o)], sigma[np.ix_(o, u)])
        left = np.linalg.cholesky(sigma[np.ix_(u, u)] - sigma[np.ix_(u, o)] @ gain)
        error = observed[np.ix_(who, o)] - mean[np.ix_(who, o)]
        out[np.ix_(who, u)] = mean[np.ix_(who, u)] + error @ gain + noise[np.ix_(who, u)] @ left.T
    return out
