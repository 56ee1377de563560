"""What a fitted linear or mixed model says about its fixed effects: coefficients, contrasts, least-squares means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.grid import averaged_rows, marginal_contrasts
from senospine.stats.mmrm.inference import Degrees
from senospine.stats.mmrm.terms import Design

Array = NDArray[np.float64]
Contrast = ArrayLike | Mapping[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class FixedEffects:
    """Coefficients with their covariance and degrees of freedom.

    Attributes
    ----------
    design : Design
    frame : pandas.DataFrame
        The rows that were analysed.
    beta : ndarray, shape (n_coefficients,)
    covariance_of_beta : ndarray, shape (n_coefficients, n_coefficients)
        Adjusted, where the method adjusts it.
    degrees : Degrees
    level : float
        Of the intervals.
    """

    design: Design
    frame: pd.DataFrame
    beta: Array
    covariance_of_beta: Array
    degrees: Degrees
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficient table: estimate, se, df, t, p, lower, upper."""
        return self._table(np.eye(len(self.beta))).set_axis(pd.Index(self.design.columns, name="coefficient"))

    def contrast(self, weights: Contrast) -> pd.DataFrame:
        """Return linear combinations of coefficients, one a row of ``weights``.

        Parameters
        ----------
        weights : mapping of coefficient name to weight, or array_like, shape (n_coefficients,) or (n, n_coefficients)
        """
        return self._table(self._rows(weights))

    def joint_test(self, weights: Contrast) -> pd.Series:
        """Return the F test that all combinations are zero: num_df, den_df, F, p.

        Raises
        ------
        AnalysisError
            Contrasts that repeat each other, or of another length than the coefficients.
        """
        rows = self._rows(weights)
        if np.linalg.matrix_rank(rows @ self.covariance_of_beta @ rows.T, hermitian=True) < len(rows):
            raise AnalysisError("the contrasts repeat each other", remedy="drop those that follow from the others")
        df, factor = self.degrees.joint(rows)
        estimate = rows @ self.beta
        covariance = rows @ self.covariance_of_beta @ rows.T
        f = factor * float(estimate @ np.linalg.solve(covariance, estimate)) / len(rows)
        p = (
            float(special.fdtrc(len(rows), df, f))
            if np.isfinite(df)
            else float(special.chdtrc(len(rows), len(rows) * f))
        )
        return pd.Series({"num_df": float(len(rows)), "den_df": df, "F": f, "p": p})

    def joint_tests(self) -> pd.DataFrame:
        """Return one F test a term, all others averaged with equal weights (type III; joint_tests of R's emmeans).

        Covariates stand at their mean; SAS's type III puts those that interact with the term at zero.
        """
        tests = {
            ":".join(term): self.joint_test(marginal_contrasts(self.design, self.frame, term))
            for term in self.design.terms
        }
        return pd.DataFrame(tests).T.rename_axis("term")

    def lsmeans(
        self,
        of: str | Sequence[str],
        *,
        at: Mapping[str, float] | None = None,
        weights: str = "equal",
    ) -> pd.DataFrame:
        """Return least-squares (estimated marginal) means, one a combination of levels of the factors ``of``.

        Parameters
        ----------
        of : str or sequence of str
        at : mapping of covariate to value, optional
            Otherwise covariates stand at the mean of the rows analysed.
        weights : "equal" or "proportional"
            How the levels of the other factors are averaged; R and SAS default to equal, SAS's OM is proportional.

        Raises
        ------
        AnalysisError
            A name that is no factor of the model, or unknown weights.
        """
        names = [of] if isinstance(of, str) else list(of)
        labels, rows = averaged_rows(self.design, self.frame, names, at or {}, weights)
        return self._table(rows).set_axis(pd.MultiIndex.from_frame(labels) if len(names) > 1 else labels.iloc[:, 0])

    def differences(
        self,
        of: str,
        *,
        by: str | Sequence[str] = (),
        reference: object = None,
        at: Mapping[str, float] | None = None,
        weights: str = "equal",
    ) -> pd.DataFrame:
        """Return differences of least-squares means from those of the reference level, one for each level of ``by``.

        Parameters as for :meth:`lsmeans`; ``reference`` is the first level unless said otherwise.
        """
        group = [by] if isinstance(by, str) else list(by)
        labels, rows = averaged_rows(self.design, self.frame, [of, *group], at or {}, weights)
        levels = self.design.factors[of]
        base = levels[0] if reference is None else reference
        if base not in levels:
            raise AnalysisError(f"{of} has no level {base!r}", remedy=suggest(str(base), levels))
        table = rows.reshape(len(levels), -1, rows.shape[1])
        first = levels.index(base)
        others = [index for index in range(len(levels)) if index != first]
        kept = labels.iloc[[index * table.shape[1] + j for index in others for j in range(table.shape[1])]].copy()
        kept[of] = [f"{level} - {base}" for level in kept[of]]
        change = (table[others] - table[first]).reshape(-1, rows.shape[1])
        return self._table(change).set_axis(pd.MultiIndex.from_frame(kept) if group else kept.iloc[:, 0])

    def _rows(self, weights: Contrast) -> Array:
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in self.design.columns]
            if unknown:
                raise AnalysisError(f"no coefficient {unknown[0]!r}", remedy=suggest(unknown[0], self.design.columns))
            weights = [weights.get(name, 0.0) for name in self.design.columns]
        rows = np.atleast_2d(np.asarray(weights, dtype=float))
        if rows.shape[1] != len(self.beta):
            raise AnalysisError(f"a contrast needs {len(self.beta)} weights, got {rows.shape[1]}")
        return rows

    def _table(self, rows: Array) -> pd.DataFrame:
        estimate = rows @ self.beta
        error = np.sqrt(np.einsum("ij,jk,ik->i", rows, self.covariance_of_beta, rows))
        df = np.array([self.degrees.single(row) for row in rows])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = estimate / error
        half = special.stdtrit(np.where(np.isfinite(df), df, 1e12), 0.5 + self.level / 2) * error
        p = 2 * special.stdtr(np.where(np.isfinite(df), df, 1e12), -np.abs(t))
        columns = {"estimate": estimate, "se": error, "df": df, "t": t, "p": p}
        return pd.DataFrame({**columns, "lower": estimate - half, "upper": estimate + half})
