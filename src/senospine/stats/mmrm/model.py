"""A fitted mixed model for repeated measures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError
from senospine.stats.mmrm.inference import METHODS
from senospine.stats.mmrm.layout import Layout
from senospine.stats.mmrm.likelihood import evaluate
from senospine.stats.mmrm.optimise import Convergence
from senospine.stats.mmrm.result import FixedEffects
from senospine.stats.mmrm.structures import Structure
from senospine.stats.mmrm.summary import describe

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class MixedModel(FixedEffects):
    """A fitted mixed model for repeated measures.

    Attributes
    ----------
    outcome, method, df : str
        What was fitted: column, "REML" or "ML", and how degrees of freedom were found.
    structure : Structure
    theta : ndarray, shape (n_groups, n_parameters)
        Covariance parameters, those of R's mmrm.
    theta_covariance : ndarray, shape (n_groups * n_parameters,) * 2
        Inverse observed information.
    covariances : mapping of group to pandas.DataFrame
        Between visits; the only key is ``""`` where subjects are not grouped.
    log_likelihood : float
        Restricted where ``method`` is "REML".
    n_subjects, n_observations, n_dropped : int
        Used, and rows dropped because a value is missing.
    convergence : Convergence
        How the search ended; nothing else may be used unless ``convergence.ok``.
    iterations : int
    layout : Layout
        The squeezed data, in units of their own.
    units : ndarray, shape (n_visits,)
        The layout's unit at each visit.
    """

    outcome: str
    method: str
    df: str
    structure: Structure
    theta: Array
    theta_covariance: Array
    covariances: Mapping[Hashable, pd.DataFrame]
    log_likelihood: float
    n_subjects: int
    n_observations: int
    n_dropped: int
    convergence: Convergence
    iterations: int
    layout: Layout
    units: Array

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance between visits of the first group (the only one, unless grouped)."""
        return next(iter(self.covariances.values()))

    @property
    def aic(self) -> float:
        """Akaike's criterion; only covariance parameters count, as in R's mmrm and SAS under REML."""
        return 2 * self.theta.size - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of subjects, as in R's mmrm and SAS."""
        return float(np.log(self.n_subjects)) * self.theta.size - 2 * self.log_likelihood

    def at(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return what other covariance parameters imply.

        Parameters
        ----------
        theta : ndarray, shape (n_groups, n_parameters)

        Returns
        -------
        sigma : ndarray, shape (n_groups, n_visits, n_visits)
        beta : ndarray, shape (n_coefficients,)
            Generalised least squares given ``sigma``.
        root : ndarray, shape (n_coefficients, n_coefficients)
            Upper triangle; ``root @ root.T`` is the covariance of ``beta``, not adjusted.

        Raises
        ------
        AnalysisError
            No covariance belongs to these parameters.
        """
        own = theta.copy()
        own[:, : self.structure.n_scales] -= np.log(self.units[: self.structure.n_scales])
        sigma = self.structure.sigma(own)
        state = evaluate(self.layout, sigma, restricted=True)
        if state is None:
            raise AnalysisError("these covariance parameters give no positive definite covariance")
        back = self.layout.unit * self.layout.back
        root = back @ state.root
        root *= np.sign(np.diag(root))  # the one triangle with a positive diagonal, whatever the order of rows
        return sigma * np.outer(self.units, self.units), back @ state.beta, root

    def summary(self) -> str:
        """Return the fit as text that can go into a report."""
        facts = {
            "outcome": self.outcome,
            "covariance": f"{self.structure.name} ({self.theta.size} parameters)",
            "estimation": self.method,
            "degrees of freedom": METHODS[self.df],
            "subjects": f"{self.n_subjects}",
            "observations": f"{self.n_observations} ({self.n_dropped} rows dropped for missing values)",
            "-2 log likelihood": f"{-2 * self.log_likelihood:.1f}",
            "AIC, BIC": f"{self.aic:.1f}, {self.bic:.1f}",
            "convergence": self.convergence.value,
        }
        tables = {f"covariance{f', {name}' if name else ''}": table for name, table in self.covariances.items()}
        return describe("Mixed model for repeated measures", facts, self.to_frame(), tables)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        ended = self.convergence.name.lower().replace("_", " ")
        return f"<MixedModel of {self.outcome}: {self.structure.name}, {self.n_subjects} subjects, {ended}>"
