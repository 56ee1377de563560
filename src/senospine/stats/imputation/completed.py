"""Completed trials reduced to a few numbers, from which any shift of what was imputed is told exactly.

Add delta to every value imputed on treatment after the last visit seen. The outcome at the last visit is then y + delta
z, with z = 1 for those. In analysis of covariance the estimate is linear in delta and the residual sum of squares a
parabola, so one imputation serves all shifts: r_y'r_y + 2 delta r_y'r_z + delta^2 r_z'r_z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senospine.errors import AnalysisError
from senospine.stats.mmrm.many.results import ManyContrasts, idle_columns, inverse

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Completed:
    """Imputations of many trials, as comparisons at the last visit need them.

    Attributes
    ----------
    estimates, squares, crossed : ndarray, shape (n_imputations, n_trials)
        Difference of adjusted means, residual sum of squares, and its product with that of the shift.
    slope, shift_squares : ndarray, shape (n_trials,)
        What a shift of one adds to the estimate and, squared, to the sum of squares.
    leverage, df : ndarray, shape (n_trials,)
        Variance of the estimate in units of the residual's, and degrees of freedom of complete data.
    used : ndarray of int, shape (n_trials,)
    """

    estimates: Array
    squares: Array
    crossed: Array
    slope: Array
    shift_squares: Array
    leverage: Array
    df: Array
    used: NDArray[np.int64]

    def contrasts(self, delta: Array | float = 0.0, *, level: float = 0.95) -> ManyContrasts:
        """Return the pooled difference in each trial, by Rubin's rules.

        Parameters
        ----------
        delta : float or ndarray, shape (n_trials,)
            Added to what was imputed on treatment after the last visit seen, in the outcome's unit.
        level : float

        Notes
        -----
        Degrees of freedom are those of Barnard and Rubin 1999 (doi 10.1093/biomet/86.4.948).
        """
        m = len(self.estimates)
        squares = self.squares + 2 * delta * self.crossed + delta**2 * self.shift_squares
        within = (squares / self.df * self.leverage).mean(axis=0)
        added = (1 + 1 / m) * self.estimates.var(axis=0, ddof=1)
        share = added / (within + added)
        with np.errstate(divide="ignore"):
            old = (m - 1) / share**2
        observed = (self.df + 1) / (self.df + 3) * self.df * (1 - share)
        free = 1 / (1 / old + 1 / observed)
        estimate, se = self.estimates.mean(axis=0) + delta * self.slope, np.sqrt(within + added)
        half = special.stdtrit(free, 0.5 + level / 2) * se
        p = 2 * special.stdtr(free, -np.abs(estimate) / se)
        return ManyContrasts(estimate, se, free, p, estimate - half, estimate + half, self.used)

    def tipping_point(self, up_to: float, *, alpha: float = 0.05, steps: int = 64) -> Array:
        """Return for each trial the first shift at which a benefit is no longer shown, shape (n_trials,).

        Parameters
        ----------
        up_to : float
            Largest shift; its sign harms, so that a benefit has the other sign.
        alpha : float
            Two-sided.
        steps : int
            Equal steps in which the first crossing is looked for; it is then found by halving.

        Returns
        -------
        ndarray
            NaN where no benefit is shown without a shift, infinite where one is shown up to the largest.

        Raises
        ------
        AnalysisError
            A largest shift of zero, or not a number.
        """
        if not np.isfinite(up_to) or up_to == 0 or steps < 1:
            raise AnalysisError(f"need a largest shift other than zero, got {up_to}", remedy="for instance up_to=4")
        sign = np.sign(up_to)

        def kept(delta: Array) -> NDArray[np.bool_]:
            found = self.contrasts(delta)
            return np.asarray((found.p < alpha) & (sign * found.estimate < 0))

        n = len(self.slope)
        first = kept(np.zeros(n))
        low, high = np.zeros(n), np.full(n, np.nan)
        for step in range(1, steps + 1):
            delta = np.full(n, up_to * step / steps)
            open_ = first & np.isnan(high)
            good = kept(delta)
            low = np.where(open_ & good, delta, low)
            high = np.where(open_ & ~good, delta, high)
        for _ in range(50):
            middle = (low + high) / 2
            good = kept(middle)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        return np.where(~first, np.nan, np.where(np.isnan(high), np.inf * sign, high))


def reduced(completed: Array, covariates: Array, arm: int, imputed: NDArray[np.bool_]) -> Completed:
    """Return completed last visits reduced to what comparisons need.

    Parameters
    ----------
    completed : ndarray, shape (n_imputations, n_trials, n_patients)
    covariates : ndarray, shape (n_trials, n_patients, n_covariates)
        Rows of zeros for places without a patient; columns that are the same for all are left out.
    arm : int
        Which covariate is 1 on treatment; its coefficient is the estimate.
    imputed : ndarray of bool, shape (n_trials, n_patients)
        Who was gone by the last visit.
    """
    present = (covariates != 0).any(axis=2)
    idle = idle_columns(covariates, present, np.arange(covariates.shape[2]) == arm)
    covariates = np.where(idle[:, None], 0.0, covariates)
    own = inverse(covariates.swapaxes(1, 2) @ covariates + np.eye(covariates.shape[2]) * idle[:, :, None])

    def fitted(y: Array) -> tuple[Array, Array]:
        y = np.where(present, y, 0.0)
        beta = np.einsum("bij,...bj->...bi", own, np.einsum("bni,...bn->...bi", covariates, y))
        return beta[..., arm], y - np.einsum("bni,...bi->...bn", covariates, beta)

    estimates, left = fitted(completed)
    slope, shift = fitted(imputed * covariates[..., arm])
    free = (present.sum(axis=1) - covariates.shape[2] + idle.sum(axis=1)).astype(float)
    return Completed(
        estimates, (left**2).sum(axis=2), (left * shift).sum(axis=2), slope, (shift**2).sum(axis=1),
        np.asarray(own[:, arm, arm], float), free, present.sum(axis=1),
    )  # fmt: skip
