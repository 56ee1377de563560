"""The restricted likelihood of many trials, its gradient and its Hessian, from sums over patterns.

The formulas are those of :mod:`senospine.stats.mmrm.likelihood`. Axes: b trials, v w visits, p slots for patterns, i j
covariates; every product is one of matrices within a trial, so that no number depends on the trials beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from senospine.stats.mmrm.many.results import Array, Integers, Mask
from senospine.stats.mmrm.many.sums import Sums
from senospine.stats.mmrm.structures import Structure


@dataclass(frozen=True)
class State:
    """The likelihood of each trial at one covariance each.

    Attributes
    ----------
    fine : ndarray of bool, shape (b,)
        Whether that is a covariance.
    deviance : ndarray, shape (b,)
        -2 log restricted likelihood, without constants.
    beta : ndarray, shape (b, m, k)
    spread : ndarray, shape (b, m * k, m * k)
        Covariance of ``beta``.
    inverse : ndarray, shape (b, m, m, P)
        V^-1 of each pattern, zero at missing visits.
    """

    fine: Mask
    deviance: Array
    beta: Array
    spread: Array
    inverse: Array

    def take(self, which: Mask | Integers) -> State:
        """Return some of the trials."""
        return State(*(getattr(self, item.name)[which] for item in fields(State)))


def swept(matrix: Array) -> tuple[Array, Array, Mask]:
    """Return inverse, log determinant, and which are positive definite, of symmetric matrices (m, m, ...).

    Trials come last and are worked on side by side (Goodnight 1979, doi 10.1080/00031305.1979.10482685).
    """
    a = matrix.copy()
    log = np.zeros(a.shape[2:])
    fine = np.ones(a.shape[2:], bool)
    for j in range(len(a)):
        pivot = a[j, j].copy()
        good = pivot > 1e-300
        fine &= good
        pivot = np.where(good, pivot, 1.0)
        log += np.log(pivot)
        column = a[:, j].copy()
        with np.errstate(over="ignore", invalid="ignore"):  # of those that are not positive definite
            a -= column[:, None] * (column / pivot)
            a[:, j] = a[j] = column / pivot
        a[j, j] = -1 / pivot
    return -a, log, fine


def evaluate(sums: Sums, sigma: Array) -> State:
    """Return the likelihood at covariances (b, m, m)."""
    b, m, k, p = sums.sizes
    fine = np.asarray(np.isfinite(sigma).all(axis=(1, 2)))
    sigma = np.where(fine[:, None, None], sigma, np.eye(m))
    seen = sums.seen.transpose(1, 0, 2)
    padded = sigma.transpose(1, 2, 0)[..., None] * (seen[:, None] * seen[None])
    index = np.arange(m)
    padded[index, index] += 1 - seen
    turned, log, good = swept(padded)
    fine &= good.all(axis=1)
    turned[index, index] *= seen
    inverse = np.ascontiguousarray(turned.transpose(2, 0, 1, 3))
    inverse[~fine] = 0.0
    information = (inverse.reshape(b, m * m, p) @ sums.zz).reshape(b, m, m, k, k)
    information = information.transpose(0, 1, 3, 2, 4).reshape(b, m * k, m * k)
    index = np.arange(m * k)
    size = information[:, index, index]
    information[:, index, index] = np.where(size > 0, size, 1.0)  # of covariates left out
    spread, determinant, good = _inverted(information)
    fine &= good
    right = inverse.reshape(b, m, m * p) @ sums.yz.reshape(b, m * p, k)
    beta = spread @ right.reshape(b, m * k, 1)
    squares = (inverse * sums.yy).reshape(b, -1).sum(axis=1) - (right.reshape(b, -1) * beta[..., 0]).sum(axis=1)
    deviance = (sums.count * log).sum(axis=1) + squares + determinant
    return State(fine & np.isfinite(deviance), deviance, beta.reshape(b, m, k), spread, inverse)


def _inverted(matrix: Array) -> tuple[Array, Array, Mask]:
    sign, log = np.linalg.slogdet(matrix)
    good = np.isfinite(log) & (sign > 0)
    safe = np.where(good[:, None, None], matrix, np.eye(matrix.shape[1]))
    found = np.linalg.inv(safe)
    return (found + found.swapaxes(1, 2)) / 2, log, good


@dataclass(frozen=True)
class Moments:
    """Sums over the patients of each pattern, with all of V^-1 multiplied in.

    Attributes
    ----------
    inverse : ndarray, shape (b, P, m, m)
        V^-1.
    expected : ndarray, shape (b, P, m, m)
        V^-1 times the number of patients.
    found : ndarray, shape (b, P, m, m)
        V^-1 (sum of e e' + X C X') V^-1.
    errors : ndarray, shape (b, P, m, k)
        Sum of e z'.
    """

    inverse: Array
    expected: Array
    found: Array
    errors: Array


def moments(sums: Sums, state: State) -> Moments:
    """Return the sums that derivatives are made of."""
    b, m, k, p = sums.sizes
    left = np.concatenate([-state.beta, np.broadcast_to(np.eye(m), (b, m, m))], axis=2)
    errors = left @ sums.products.reshape(b, k + m, -1)
    squares = (errors.reshape(b, m * p, k + m) @ left.swapaxes(1, 2)).reshape(b, m, p, m).transpose(0, 2, 1, 3)
    spread = state.spread.reshape(b, m, k, m, k).transpose(0, 1, 3, 2, 4).reshape(b, m * m, k * k)
    fitted = (spread @ sums.zz.swapaxes(1, 2)).reshape(b, m, m, p).transpose(0, 3, 1, 2)
    inverse = by_pattern(state)
    return Moments(
        inverse,
        sums.count[..., None, None] * inverse,
        inverse @ (squares + fitted) @ inverse,
        np.ascontiguousarray(errors.reshape(b, m, p, k + m)[..., :k].transpose(0, 2, 1, 3)),
    )


def by_pattern(state: State) -> Array:
    """Return V^-1 with patterns first, shape (b, P, m, m)."""
    return np.ascontiguousarray(state.inverse.transpose(0, 3, 1, 2))


def by_entries(sums: Sums, state: State) -> Array:
    """Return d deviance / d Sigma, shape (b, m, m)."""
    found = moments(sums, state)
    return np.asarray((found.expected - found.found).sum(axis=1))


@dataclass(frozen=True)
class Local:
    """Slopes (b, t, m * m) and curves (b, t, t, m * m) of Sigma, gradient (b, t) and Hessian (b, t, t) of deviance."""

    slope: Array
    curve: Array
    gradient: Array
    hessian: Array


def crossed(inverse: Array, right: Array, slope: Array) -> Array:
    """Return sums over patterns of V^-1 S V^-1 right for each slope S, shape (b, t, m * k).

    Parameters
    ----------
    inverse : ndarray, shape (b, P, m, m)
    right : ndarray, shape (b, P, m, k)
    slope : ndarray, shape (b, t, m * m)
    """
    b, p, m, k = right.shape
    both = inverse.reshape(b, p, m * m).swapaxes(1, 2) @ (inverse @ right).reshape(b, p, m * k)
    both = both.reshape(b, m, m, m, k).transpose(0, 2, 3, 1, 4).reshape(b, m * m, m * k)
    return slope @ both


def derivatives(sums: Sums, structure: Structure, theta: Array, state: State, *, whole: bool) -> Local:
    """Return gradient and observed Hessian of the deviance by ``theta`` (b, t).

    Without the ``whole``, the Hessian lacks -tr(C M_j C M_l): what is left is larger by a positive semidefinite matrix,
    a share of some k / n, at a third of the cost.
    """
    b, m, _, p = sums.sizes
    t = theta.shape[1]
    _, slope, curve = structure.covariance(theta)
    slope, curve = slope.reshape(b, t, m * m), curve.reshape(b, t * t, m * m)
    part = moments(sums, state)
    by_sigma = (part.expected - part.found).sum(axis=1).reshape(b, m * m, 1)
    pairs = (2 * part.found - part.expected).reshape(b, p, m * m)
    pairs = part.inverse.reshape(b, p, m * m).swapaxes(1, 2) @ pairs
    pairs = pairs.reshape(b, m, m, m, m).transpose(0, 4, 1, 2, 3).reshape(b, m * m, m * m)
    hessian = slope @ pairs @ slope.swapaxes(1, 2) + (curve @ by_sigma).reshape(b, t, t)
    cross = crossed(part.inverse, part.errors, slope)
    hessian -= 2 * cross @ state.spread @ cross.swapaxes(1, 2)
    if whole:
        hessian -= _restricted(sums, state, slope)
    gradient = (slope @ by_sigma)[..., 0]
    return Local(slope, curve.reshape(b, t, t, m * m), gradient, (hessian + hessian.swapaxes(1, 2)) / 2)


def _restricted(sums: Sums, state: State, slope: Array) -> Array:
    """Return tr(C M_j C M_l), M_j being X' V^-1 V_j V^-1 X, shape (b, t, t)."""
    b, m, k, p = sums.sizes
    t = slope.shape[1]
    flat = state.inverse.reshape(b, 1, m * m, p)
    left = (flat * sums.zz.swapaxes(1, 2)[:, :, None]).reshape(b, k * k * m * m, p)
    four = (left @ flat[:, 0].swapaxes(1, 2)).reshape(b, k, k, m, m, m, m)  # i j, v a, c w
    four = four.transpose(0, 4, 5, 3, 1, 6, 2).reshape(b, m * m, (m * k) ** 2)  # a c, v i, w j
    each = (slope @ four).reshape(b, t, m * k, m * k)
    turned = (state.spread @ each.transpose(0, 2, 1, 3).reshape(b, m * k, -1)).reshape(b, m * k, t, m * k)
    one = turned.transpose(0, 2, 1, 3).reshape(b, t, -1)
    other = turned.transpose(0, 2, 3, 1).reshape(b, t, -1)
    return one @ other.swapaxes(1, 2)
