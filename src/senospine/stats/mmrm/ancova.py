"""Analysis of covariance at one visit, told like the mixed model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from senospine.errors import AnalysisError
from senospine.stats.mmrm.data import check_scatter, prepare
from senospine.stats.mmrm.inference import ResidualDegrees
from senospine.stats.mmrm.result import FixedEffects
from senospine.stats.mmrm.summary import describe


@dataclass(frozen=True, eq=False, repr=False)
class Ancova(FixedEffects):
    """A fitted analysis of covariance.

    Attributes
    ----------
    outcome : str
    residual_variance : float
        In the outcome's unit squared.
    n_observations, n_dropped : int
        Used, and rows dropped because a value is missing.
    """

    outcome: str
    residual_variance: float
    n_observations: int
    n_dropped: int

    def summary(self) -> str:
        """Return the fit as text that can go into a report."""
        facts = {
            "outcome": self.outcome,
            "observations": f"{self.n_observations} ({self.n_dropped} rows dropped for missing values)",
            "residual SD": f"{self.residual_variance**0.5:.3f}",
            "residual df": f"{self.degrees.single(np.zeros(len(self.beta))):.0f}",
        }
        return describe("Analysis of covariance", facts, self.to_frame(), {})

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Ancova of {self.outcome}: {self.n_observations} observations>"


def ancova(data: pd.DataFrame, *, outcome: str, fixed: Sequence[str], level: float = 0.95) -> Ancova:
    """Fit a linear model by least squares, one row a subject.

    Parameters
    ----------
    data : pandas.DataFrame
        Rows with a missing value are dropped and counted.
    outcome : str
    fixed : sequence of str
        Terms as in :func:`mmrm`, for instance ``["BASE", "ARM"]``.
    level : float
        Of the intervals.

    Raises
    ------
    AnalysisError
        Data that cannot be estimated.

    Examples
    --------
    >>> rows = pd.DataFrame({"ARM": list("aabb"), "Y": [1.0, 3.0, 6.0, 8.0]})
    >>> ancova(rows, outcome="Y", fixed=["ARM"]).to_frame()["estimate"].round(6).tolist()
    [2.0, 5.0]
    """
    if not 0 < level < 1:
        raise AnalysisError(f"level must lie between 0 and 1, got {level}")
    prepared = prepare(data, outcome, fixed, [])
    basis, triangle = np.linalg.qr(prepared.matrix)
    root = np.linalg.inv(triangle)
    beta = root @ (basis.T @ prepared.outcome)
    residual = prepared.outcome - prepared.matrix @ beta
    check_scatter(residual, prepared.outcome)
    free = len(residual) - len(beta)
    variance = float(residual @ residual) / free
    return Ancova(
        design=prepared.design,
        frame=prepared.frame,
        beta=beta,
        covariance_of_beta=variance * root @ root.T,
        degrees=ResidualDegrees(float(free)),
        level=level,
        outcome=outcome,
        residual_variance=variance,
        n_observations=len(residual),
        n_dropped=prepared.n_dropped,
    )
