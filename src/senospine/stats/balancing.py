"""Weights that bring a sample to published figures and stay as even as they can: entropy balancing with doubt.

Hainmueller 2012 Political Analysis 20:25, doi 10.1093/pan/mpr025, with targets met as closely as they are known: the
weights w minimise ``sum w log(w n) + sum (A w / s)^2 / (2 strength)`` over shares that add to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from senospine.errors import AnalysisError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Balanced:
    """Weights of a sample.

    Attributes
    ----------
    weights : ndarray, shape (n,)
        Shares; they add to 1.
    left : ndarray, shape (n_targets,)
        Weighted mean of each column, 0 where its target is met.
    effective_size : float
        Kish's: 1 over the sum of squared weights.
    """

    weights: Array
    left: Array
    effective_size: float


def entropy_balance(deviations: ArrayLike, tolerance: ArrayLike, *, strength: float = 0.1) -> Balanced:
    """Return the most even weights whose weighted means of ``deviations`` lie near 0.

    Parameters
    ----------
    deviations : array_like, shape (n, n_targets)
        Of each member from each target; the target is met where the weighted mean is 0.
    tolerance : array_like, shape (n_targets,)
        Standard error of each target, in the column's unit; above 0.
    strength : float
        Of the pull toward even weights: the smaller, the closer targets are met.

    Raises
    ------
    AnalysisError
        Something is not finite, a tolerance is not above 0, or the weights were not found.

    Examples
    --------
    >>> found = entropy_balance([[-0.5], [-0.5], [0.5]], [1e-4])  # a third is in the group, half should be
    >>> found.weights.round(3).tolist(), round(found.effective_size, 2)
    ([0.25, 0.25, 0.5], 2.67)
    """
    columns, error = np.asarray(deviations, float), np.asarray(tolerance, float)
    if columns.ndim != 2 or error.shape != columns.shape[1:] or len(columns) == 0:
        raise AnalysisError("balancing needs one column and one tolerance for each target, and at least one member")
    if not (np.isfinite(columns).all() and np.isfinite(error).all() and (error > 0).all()):
        raise AnalysisError("a deviation or a tolerance is not finite, or a tolerance is not above 0")
    size = np.maximum(np.abs(columns).max(axis=0), 1e-12)
    scaled, slack = columns / size, strength * (error / size) ** 2

    def shares(multiplier: Array) -> tuple[Array, float]:
        power = scaled @ multiplier
        raised = np.exp(power - power.max())
        return raised / raised.sum(), float(power.max() + np.log(raised.mean()))

    def dual(multiplier: Array) -> tuple[float, Array]:
        """Convex in the multipliers; its gradient is what is left of the targets, less what doubt allows."""
        w, value = shares(multiplier)
        return value + 0.5 * float(slack @ multiplier**2), np.asarray(w @ scaled + slack * multiplier)

    def curvature(multiplier: Array) -> Array:
        w, _ = shares(multiplier)
        mean = w @ scaled
        return np.asarray((scaled * w[:, None]).T @ scaled - np.outer(mean, mean) + np.diag(slack))

    found = minimize(dual, np.zeros(len(size)), jac=True, hess=curvature, method="trust-exact",
                     options={"maxiter": 500, "gtol": 1e-10})  # fmt: skip
    if not np.isfinite(found.fun) or np.abs(dual(found.x)[1]).max() > 1e-6:
        raise AnalysisError(
            "no weights were found that bring the sample near its targets",
            why=str(found.message), remedy="widen the tolerances, or sample people of whom more are like the targets",
        )  # fmt: skip
    weights, _ = shares(found.x)
    return Balanced(weights, np.asarray(weights @ columns), float(1 / (weights**2).sum()))
