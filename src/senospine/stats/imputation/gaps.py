"""Draws from the large-sample posterior of many trials in which some come back after missed visits.

Covariance parameters are normal about their estimates with the inverse observed information, coefficients follow given
them, exactly, as in :mod:`senospine.stats.imputation.impute`. A missing value given those seen is drawn as the
difference that a draw of all from the unconditional distribution makes to its own prediction (Hoffman and Ribak 1991,
doi 10.1086/186160), so that no covariance is needed for each pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.many.inference import fitted
from senospine.stats.mmrm.many.likelihood import State, evaluate
from senospine.stats.mmrm.many.sums import Sums, alike, summed
from senospine.stats.mmrm.structures import Structure, structure

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: how many numbers a batch of draws may take
BATCH = 400_000


def completed_with_gaps(
    y: Array, x: Array, idle: Mask, arm: int, generators: Sequence[np.random.Generator], strategy: str, count: int
) -> Array:
    """Return completed last visits, shape (count, n_trials, n_patients); arguments as of `impute_many`."""
    out = np.where(np.isfinite(y[..., -1]), y[..., -1], np.nan)[None].repeat(count, axis=0)
    visits, k = y.shape[2], x.shape[2]
    for mine, kept in alike(np.isfinite(y), BATCH // (visits * k) ** 2):
        if len(kept) < 2 or kept[-1] != visits - 1:
            continue
        kind = structure("unstructured", len(kept))
        whole, sums = summed(y[mine][..., kept], x[mine], idle[mine], kind)
        if not whole.any():
            continue
        theta, _, _, spread, fine = fitted(sums, kind)
        for index in np.flatnonzero(fine):
            trial = mine[whole][index]
            own = sums.take(np.array([index]))
            drawn = _drawn(own, kind, theta[index], spread[index], generators[trial], count)
            out[:, trial] = _filled(own, *drawn, y[trial][:, kept], x[trial], arm, generators[trial], strategy)
    return out


def _drawn(
    sums: Sums, kind: Structure, theta: Array, spread: Array, generator: np.random.Generator, count: int
) -> tuple[Array, State, Array]:
    """Return covariances (count, m, m), the likelihood there, and coefficients (count, m, k) of one trial, drawn."""
    _, m, k, _ = sums.sizes
    sigma = kind.sigma(theta + generator.standard_normal((count, len(theta))) @ np.linalg.cholesky(spread).T)
    many = replace(sums, products=np.zeros((1, 0))).take(np.zeros(count, dtype=np.int64))
    state = evaluate(many, sigma)
    normal = generator.standard_normal((count, m * k, 1))
    beta = state.beta + (np.linalg.cholesky(state.spread) @ normal).reshape(count, m, k)
    return sigma, state, np.where(state.fine[:, None, None], beta, np.nan)


def _filled(
    sums: Sums,
    sigma: Array,
    state: State,
    beta: Array,
    y: Array,
    x: Array,
    arm: int,
    generator: np.random.Generator,
    strategy: str,
) -> Array:
    """Return last visits of one trial, shape (count, n_patients), with draws where they are missing."""
    out = np.where(np.isfinite(y[:, -1]), y[:, -1], np.nan)[None].repeat(len(sigma), axis=0)
    who = np.flatnonzero(np.isnan(y[:, -1]) & (x != 0).any(axis=1))
    y, x = y[who], x[who]
    seen, centre, unit = np.isfinite(y), x @ sums.centre[0].T, sums.unit[0]
    own = x @ sums.turn[0] @ beta.swapaxes(1, 2)  # on top of the centre, in its units
    effect = sums.centre[0, :, arm] / unit + beta @ sums.turn[0, arm]
    before, after = _means(own, x[:, arm, None] * effect[:, None], seen, unit / unit[-1], strategy)
    noise = generator.standard_normal(own.shape) @ np.linalg.cholesky(sigma).swapaxes(1, 2)
    surprise = np.where(seen, (y - centre) / unit - before - noise, 0.0)
    gain = (sigma[:, -1:] @ state.inverse.reshape(len(sigma), len(unit), -1)).reshape(len(sigma), len(unit), -1)
    powers = 2 ** np.arange(len(unit))
    used = int((sums.count[0] > 0).sum())
    pattern = np.searchsorted(powers @ sums.seen[0, :, :used], seen @ powers)  # 0 for the never seen, who surprise not
    drawn = after + noise[..., -1] + (gain[:, :, pattern].swapaxes(1, 2) * surprise).sum(axis=2)
    out[:, who] = centre[:, -1] + unit[-1] * drawn
    return out


def _means(own: Array, effect: Array, seen: Mask, unit: Array, strategy: str) -> tuple[Array, Array]:
    """Return the mean at the visits seen (count, n, m), and at the last visit (count, n) where it was missed.

    ``unit`` (m,) is that of each visit in terms of the last one's.
    """
    if strategy == "MAR":
        return own, own[..., -1]
    other = own - effect
    if strategy == "CR":
        return other, other[..., -1]
    if strategy == "J2R":
        return own, other[..., -1]
    last = seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    return own, other[..., -1] + effect[:, np.arange(len(last)), last] * unit[last] * seen.any(axis=1)
