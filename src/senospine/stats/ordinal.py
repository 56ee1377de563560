"""Ordered scores: the cumulative logit model, units nested or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_NODES = 15  # of Gauss and Hermite; enough for a handful of discs an animal


@dataclass(frozen=True)
class CumulativeLogit:
    """A fitted model ``logit P(score > c) = -threshold_c + log_odds * group + u[unit]``.

    Attributes
    ----------
    log_odds, error : float
        Log of how much higher the odds of a higher score are in the group, and its standard error.
    thresholds : ndarray
        One fewer than the scores that occur.
    unit_sd : float
        Standard deviation of the units' own shifts, 0 where each unit has one score.
    log_likelihood : float
    """

    log_odds: float
    error: float
    thresholds: Array
    unit_sd: float
    log_likelihood: float


def fit_cumulative_logit(scores: ArrayLike, group: ArrayLike, units: ArrayLike | None = None) -> CumulativeLogit:
    """Return the proportional-odds model of scores in two groups (McCullagh 1980).

    doi 10.1111/j.2517-6161.1980.tb01109.x. The units' shifts are normal and integrated out by quadrature.

    Parameters
    ----------
    scores : array_like, shape (rows,)
        Numbers whose order alone counts.
    group : array_like of bool, shape (rows,)
    units : array_like, optional
        The animal of each disc; without it all rows are independent.

    Raises
    ------
    ValueError
        Only one score occurs, a group is empty, or the groups do not overlap, so that the odds ratio has no maximum.
    """
    from scipy.optimize import minimize

    label, treated = np.asarray(scores, dtype=float), np.asarray(group, dtype=bool)
    names, code = np.unique(label, return_inverse=True)
    if len(names) < 2 or treated.all() or not treated.any():
        raise ValueError("a comparison of scores needs two groups and two different scores")
    first, second = label[treated], label[~treated]
    if first.min() >= second.max() or second.min() >= first.max():
        raise ValueError("the groups' scores do not overlap: the odds ratio is infinite, only its sign is known")
    index = np.arange(len(label)) if units is None else np.unique(np.asarray(units), return_inverse=True)[1]
    nested = bool(np.bincount(index).max() > 1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES) if nested else (np.zeros(1), np.ones(1))
    log_weights = np.log(weights / weights.sum())
    cuts = len(names) - 1

    def negative(theta: Array) -> float:
        thresholds = np.concatenate(([theta[0]], theta[0] + np.cumsum(np.exp(theta[1:cuts]))))
        edges = np.concatenate(([-np.inf], thresholds, [np.inf]))
        sd = np.exp(theta[cuts + 1]) if nested else 0.0
        shift = (theta[cuts] * treated)[:, None] + sd * nodes[None, :]
        upper, lower = _logistic(edges[code + 1][:, None] - shift), _logistic(edges[code][:, None] - shift)
        rows = np.log(np.maximum(upper - lower, 1e-300))
        by_unit = np.stack([np.bincount(index, column) for column in rows.T], axis=1)
        return -float(np.logaddexp.reduce(by_unit + log_weights, axis=1).sum())

    share = np.clip(np.array([(code <= cut).mean() for cut in range(cuts)]), 0.02, 0.98)
    begin = np.log(share / (1 - share))
    gaps = np.log(np.maximum(np.diff(begin), 0.05))
    start = np.concatenate((begin[:1], gaps, [0.0], [-1.0] if nested else []))
    bounds = [(-30, 30)] * (cuts + 1) + ([(-6, 3)] if nested else [])
    found = minimize(negative, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-7})
    theta = np.asarray(found.x)
    free = [i for i in range(len(theta)) if i <= cuts or theta[i] > -5.9]  # a spread at zero has no curvature
    error = float(np.sqrt(np.linalg.inv(_curvature(negative, theta, free))[cuts, cuts]))
    thresholds = np.concatenate(([theta[0]], theta[0] + np.cumsum(np.exp(theta[1:cuts]))))
    sd = float(np.exp(theta[cuts + 1])) if nested and len(free) == len(theta) else 0.0
    return CumulativeLogit(float(theta[cuts]), error, thresholds, sd, -float(found.fun))


def _logistic(value: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(value))


def _curvature(function: Callable[[Array], float], theta: Array, free: list[int]) -> Array:
    step = 1e-4
    size = len(free)
    matrix = np.zeros((size, size))

    def at(*moves: tuple[int, float]) -> float:
        moved = theta.copy()
        for index, by in moves:
            moved[index] += by
        return function(moved)

    for i, p in enumerate(free):
        for j, q in enumerate(free[: i + 1]):
            corners = at((p, step), (q, step)) - at((p, step), (q, -step)) - at((p, -step), (q, step))
            matrix[i, j] = matrix[j, i] = (corners + at((p, -step), (q, -step))) / (4 * step**2)
    return matrix
