"""Trials reduced to sums of products by pattern of visits, which is all the mixed model needs of its patients.

Every covariate is crossed with the visit, so a patient's design is (one row a visit seen) x (covariates z), and
patients who were seen at the same visits enter the likelihood only through the sums of z z', y z' and y y'. The cost of
a likelihood no longer depends on the number of patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.many.results import Array, Integers, Mask, inverse
from senospine.stats.mmrm.structures import Structure

#: slots for patterns come in multiples of this, so that what a trial is computed with depends on itself alone
SLOTS = 8


@dataclass(frozen=True)
class Sums:
    """Trials in the units of their own scatter; P slots for patterns, those left over without patients.

    Attributes
    ----------
    seen, count : ndarray, shapes (b, m, P) and (b, P)
        Which visits a pattern has, 0 or 1, and its patients.
    products : ndarray, shape (b, k + m, P, k + m)
        Sums of products of (covariates, outcomes); the covariates are orthonormal over all patients, the outcomes are
        what least squares at each visit leaves.
    zz : ndarray, shape (b, P, k * k)
    yz : ndarray, shape (b, m, P, k)
    yy : ndarray, shape (b, m, m, P)
    unit : ndarray, shape (b, m)
        Of the outcomes.
    centre : ndarray, shape (b, m, k)
        Coefficients of least squares, of the covariates as they came and in the outcome's unit.
    turn : ndarray, shape (b, k, k)
        Covariates as they came times this are orthonormal.
    """

    seen: Array
    count: Array
    products: Array
    zz: Array
    yz: Array
    yy: Array
    unit: Array
    centre: Array
    turn: Array

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Trials, visits, covariates, slots."""
        trials, visits, slots, covariates = self.yz.shape
        return trials, visits, covariates, slots

    def take(self, which: Mask | Integers) -> Sums:
        """Return some of the trials, or the same more than once."""
        return Sums(*(getattr(self, item.name)[which] for item in fields(Sums)))


def alike(seen: Mask, cost: int) -> Iterator[tuple[Integers, NDArray[np.int64]]]:
    """Yield trials that can be worked on together, and the visits that somebody has in them.

    Parameters
    ----------
    seen : ndarray of bool, shape (n_trials, n_patients, n_visits)
    cost : int
        How many trials with one pattern fit into a batch.
    """
    visits = seen.shape[2]
    powers = 2 ** np.arange(visits)
    codes = np.sort(seen @ powers, axis=1)
    patterns = (np.diff(codes, axis=1, prepend=0) > 0).sum(axis=1)
    slots = -(-patterns // SLOTS)
    key = seen.any(axis=1) @ powers * (seen.shape[1] + 1) + slots
    for one in np.unique(key[patterns > 0]):
        mine = np.flatnonzero(key == one)
        size = max(1, cost // int(slots[mine[0]] * SLOTS))
        for start in range(0, len(mine), size):
            yield mine[start : start + size], np.flatnonzero(seen[mine[0]].any(axis=0))


def summed(y: Array, x: Array, idle: Mask, structure: Structure) -> tuple[Mask, Sums]:
    """Return which trials can be estimated, and those reduced to sums.

    Parameters
    ----------
    y : ndarray, shape (n_trials, n_patients, n_visits)
        NaN where missing; trials of one batch of :func:`alike`.
    x : ndarray, shape (n_trials, n_patients, k)
    idle : ndarray of bool, shape (n_trials, k)
        Covariates to leave out.
    structure : Structure
    """
    seen = np.isfinite(y)
    whole, here = _estimable(seen, structure), np.asarray(seen.any(axis=2))
    y, x = np.where(seen, y, 0.0), np.where(here[..., None] & ~idle[:, None], x, 0.0)
    spare = np.eye(x.shape[2]) * idle[:, :, None]
    gram = x.swapaxes(1, 2) @ x + spare
    whole &= np.isfinite(inverse(gram)).all(axis=(1, 2))
    lower = np.linalg.cholesky(np.where(whole[:, None, None], gram, np.eye(x.shape[2])))
    turn = np.asarray(np.linalg.inv(lower).swapaxes(1, 2), float)
    z = x @ turn
    centre = _least_squares(y, z, seen, spare)
    whole &= np.isfinite(centre).all(axis=(1, 2))
    residual = np.where(seen, y - z @ centre.swapaxes(1, 2), 0.0)
    free = seen.sum(axis=(1, 2)) - y.shape[2] * (x.shape[2] - idle.sum(axis=1))
    scattered, unit = _units(y, residual, seen, free, structure)
    whole &= scattered
    turn, unit = turn[whole], unit[whole]
    parts = _products(z[whole], residual[whole] / unit[:, None], seen[whole])
    return whole, Sums(*parts, unit, centre[whole] @ turn.swapaxes(1, 2), turn)


def _least_squares(y: Array, z: Array, seen: Mask, spare: Array) -> Array:
    """Return the coefficients of each visit by itself, (b, m, k); NaN where it has no unique ones."""
    b, n, k = z.shape
    outer = (z[..., :, None] * z[..., None, :]).reshape(b, n, k * k)
    gram = (seen.astype(float).swapaxes(1, 2) @ outer).reshape(b, -1, k, k) + spare[:, None]
    return np.asarray((inverse(gram) @ (y.swapaxes(1, 2) @ z)[..., None])[..., 0])


def _units(y: Array, residual: Array, seen: Mask, free: Integers, structure: Structure) -> tuple[Mask, Array]:
    """Return in which trials there is scatter at every visit and about the coefficients, and units in its size (b, m).

    The limits are those of :func:`senospine.stats.mmrm.mmrm`.
    """
    n = np.maximum(seen.sum(axis=1), 1)
    mean = y.sum(axis=1) / n
    scatter = np.sqrt((np.where(seen, y - mean[:, None], 0.0) ** 2).sum(axis=1) / n)
    squares = (residual**2).sum(axis=1)
    if not structure.own_scales:
        scatter = np.broadcast_to(np.sqrt((scatter**2).mean(axis=1, keepdims=True)), scatter.shape)
    fine = (scatter > 1e-12 * np.abs(y).max(axis=(1, 2))[:, None]).all(axis=1)
    fine &= (free > 0) & (squares.sum(axis=1) > 1e-24 * (y**2).sum(axis=(1, 2)))
    scatter = np.where(fine[:, None], scatter, 1.0)
    left = np.where(fine, (squares / scatter**2).sum(axis=1) / np.maximum(free, 1), 1.0)
    return np.asarray(fine), scatter * np.sqrt(left)[:, None]


def _estimable(seen: Mask, structure: Structure) -> Mask:
    """Return in which trials somebody was seen twice, or at each pair of visits where each has a covariance."""
    numbers = seen.astype(float)
    together = numbers.swapaxes(1, 2) @ numbers
    if structure.kind == "unstructured":
        return np.asarray((together > 0).all(axis=(1, 2)))
    return np.asarray((seen.sum(axis=2) > 1).any(axis=1))


def _products(z: Array, y: Array, seen: Mask) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Return seen, count, products, zz, yz, yy."""
    trials, n, k = z.shape
    visits = y.shape[2]
    codes = seen @ (2 ** np.arange(visits))
    order = np.argsort(codes, axis=1, kind="stable")
    codes = np.take_along_axis(codes, order, axis=1)
    new = np.diff(codes, axis=1, prepend=0) > 0
    slot = np.cumsum(new, axis=1) - 1
    slots = SLOTS * -(-(int(slot.max(initial=0)) + 1) // SLOTS)
    both = np.take_along_axis(np.concatenate([z, y], axis=2), order[..., None], axis=1).reshape(trials * n, k + visits)
    starts = np.flatnonzero((new | (np.arange(n) == 0)).ravel())  # nobody's rows, where there are any, come first
    ends = np.append(starts[1:], trials * n)
    products = np.zeros((trials, k + visits, slots, k + visits))
    count, present = np.zeros((trials, slots)), np.zeros((trials, visits, slots))
    for start, end in zip(starts[codes.ravel()[starts] > 0], ends[codes.ravel()[starts] > 0], strict=True):
        rows, trial, place = both[start:end], start // n, slot.ravel()[start]
        products[trial, :, place] = rows.T @ rows
        count[trial, place] = end - start
        present[trial, :, place] = (codes.ravel()[start] >> np.arange(visits)) & 1
    return (
        present, count, products,
        products[:, :k, :, :k].transpose(0, 2, 1, 3).reshape(trials, slots, k * k),
        products[:, k:, :, :k].copy(),
        products[:, k:, :, k:].transpose(0, 1, 3, 2).copy(),
    )  # fmt: skip
