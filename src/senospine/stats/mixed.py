"""A linear mixed model with one random intercept, by restricted maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.randomness import stream

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RandomIntercept:
    """A fitted model ``y = X b + u[unit] + e``.

    Attributes
    ----------
    coefficients : ndarray, shape (columns,)
    covariance : ndarray, shape (columns, columns)
    between, within : float
        Variances of the units' intercepts and of what is left.
    units : int
    """

    coefficients: Array
    covariance: Array
    between: float
    within: float
    units: int

    @property
    def icc(self) -> float:
        """Share of the variance that lies between units."""
        total = self.between + self.within
        return self.between / total if total > 0 else float("nan")

    def contrast(self, weights: ArrayLike, df: float) -> tuple[float, float, float, float]:
        """Return a weighted sum of coefficients, its interval of 95 %, and p by t with ``df`` degrees of freedom."""
        from scipy.special import stdtr, stdtrit

        w = np.asarray(weights, dtype=float)
        value = float(w @ self.coefficients)
        error = float(np.sqrt(max(w @ self.covariance @ w, 0.0)))
        if df < 1 or error <= 0:
            return value, float("nan"), float("nan"), float("nan")
        half = float(stdtrit(df, 0.975)) * error
        return value, value - half, value + half, float(2 * stdtr(df, -abs(value) / error))


def fit_random_intercept(y: ArrayLike, design: ArrayLike, units: ArrayLike) -> RandomIntercept:
    """Return the restricted maximum likelihood fit of a linear model with an intercept for each unit.

    One number, the ratio of the two variances, is searched on a line; all else is closed form, so that there is
    nothing that could fail to converge (Patterson and Thompson 1971, doi 10.1093/biomet/58.3.545).

    Parameters
    ----------
    y : array_like, shape (rows,)
    design : array_like, shape (rows, columns)
        Full rank.
    units : array_like, shape (rows,)
        Which unit each row belongs to.

    Raises
    ------
    ValueError
        Fewer rows than columns, or a design without full rank.
    """
    from scipy.optimize import minimize_scalar

    x, values = np.asarray(design, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 2 or len(x) <= x.shape[1] or np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError("the design needs more rows than columns, and no column that follows from the others")
    names, index = np.unique(np.asarray(units), return_inverse=True)
    sizes = np.bincount(index).astype(float)
    sums_x = np.stack([np.bincount(index, column) for column in x.T], axis=1)
    sums_y = np.bincount(index, values)
    gram, cross, square = x.T @ x, x.T @ values, float(values @ values)
    free = len(x) - x.shape[1]

    def solved(ratio: float) -> tuple[Array, Array, float]:
        shrink = ratio / (1 + ratio * sizes)
        a = gram - (sums_x * shrink[:, None]).T @ sums_x
        b = cross - (sums_x * shrink[:, None]).T @ sums_y
        beta = np.linalg.solve(a, b)
        return a, beta, max(float(square - (shrink * sums_y**2).sum() - b @ beta), 1e-12 * max(square, 1e-300))

    def criterion(share: float) -> float:
        ratio = share / (1 - share)
        a, _, rest = solved(ratio)
        return float(free * np.log(rest) + np.log1p(ratio * sizes).sum() + np.linalg.slogdet(a)[1])

    found = minimize_scalar(criterion, bounds=(0.0, 1 - 1e-9), method="bounded", options={"xatol": 1e-10})
    share = float(found.x) if found.fun < criterion(0.0) else 0.0
    ratio = share / (1 - share)
    a, beta, rest = solved(ratio)
    within = rest / free
    return RandomIntercept(beta, within * np.linalg.inv(a), ratio * within, within, len(names))


def bootstrap_p(
    y: ArrayLike, design: ArrayLike, units: ArrayLike, weights: ArrayLike, *, resamples: int = 999, seed: int = 1
) -> float:
    """Return the parametric bootstrap p of a contrast in :func:`fit_random_intercept`, for few units.

    Data are drawn from the model fitted without the contrast; p is the share whose |t| is at least the observed one,
    which counts in itself. Costs two fits and ``resamples`` more (about 1 ms each).
    """
    x, w, label = np.asarray(design, dtype=float), np.asarray(weights, dtype=float), np.asarray(units)

    def t_of(values: Array) -> float:
        fit = fit_random_intercept(values, x, label)
        return abs(float(w @ fit.coefficients)) / float(np.sqrt(w @ fit.covariance @ w))

    basis = np.linalg.svd(w[None, :])[2][1:].T  # coefficients for which the contrast is zero
    null = fit_random_intercept(y, x @ basis, label)
    names, index = np.unique(label, return_inverse=True)
    generator = stream(seed, "stats/parametric-bootstrap")
    centre, observed = x @ basis @ null.coefficients, t_of(np.asarray(y, dtype=float))
    beyond = 0
    for _ in range(resamples):
        shift = np.sqrt(null.between) * generator.standard_normal(len(names))
        drawn = centre + shift[index] + np.sqrt(null.within) * generator.standard_normal(len(x))
        beyond += t_of(drawn) >= observed
    return (beyond + 1) / (resamples + 1)
