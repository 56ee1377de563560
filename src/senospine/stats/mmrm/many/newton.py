"""Newton's method with the exact Hessian in many trials side by side; each stops when it is done."""

from __future__ import annotations

import numpy as np

from senospine.stats.mmrm.many.likelihood import Local, State, by_entries, derivatives, evaluate, swept
from senospine.stats.mmrm.many.results import Array, Mask
from senospine.stats.mmrm.many.sums import Sums
from senospine.stats.mmrm.structures import Structure

#: iterations without the dearest part of the Hessian; a trial that needs more has little data for its model
CHEAP = 6


def near_guess(sums: Sums) -> Array:
    """Return covariances (b, m, m) to start from: those of pairs of visits among patients who have both.

    Where they make no covariance together they are drawn towards independence.
    """
    _, m, _, _ = sums.sizes
    together = (sums.seen * sums.count[:, None]) @ sums.seen.swapaxes(1, 2)
    sigma = sums.yy.sum(axis=3) / np.maximum(together, 1.0)
    scale = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    scale = np.maximum(scale, 1e-3 * scale.max(axis=1, keepdims=True))
    outer = scale[:, :, None] * scale[:, None, :]
    correlation = sigma / outer
    index = np.arange(m)
    correlation[:, index, index] = 1.0
    lowest = np.linalg.eigvalsh(correlation)[:, 0]
    share = np.clip((0.05 - lowest) / (1 - np.minimum(lowest, 0.5)), 0.0, 1.0)[:, None, None]
    return np.asarray(((1 - share) * correlation + share * np.eye(m)) * outer)


def improved(sums: Sums, sigma: Array, steps: int) -> Array:
    """Return covariances after steps of EM, which keep them covariances (Laird and Ware 1982, doi 10.2307/2529876)."""
    subjects = sums.count.sum(axis=1)[:, None, None]
    for _ in range(steps):
        sigma = sigma - sigma @ by_entries(sums, evaluate(sums, sigma)) @ sigma / subjects
        sigma = (sigma + sigma.swapaxes(1, 2)) / 2
    diagonal = np.diagonal(sigma, axis1=1, axis2=2)
    lifted = 1e-3 * diagonal + 1e-6 * diagonal.mean(axis=1, keepdims=True)  # where a visit is explained exactly
    return np.asarray(sigma + np.eye(sigma.shape[1]) * lifted[:, :, None])


def maximise(sums: Sums, structure: Structure, *, careful: bool, max_iterations: int = 100) -> tuple[Array, Mask]:
    """Return the parameters (b, t) that maximise the likelihood, and in which trials the search came to an end.

    Parameters
    ----------
    careful : bool
        Start far off, with more steps of EM, and never leave out a part of the Hessian, as
        :func:`senospine.stats.mmrm.mmrm` does.
    """
    m = structure.n_visits
    guess = np.broadcast_to(np.eye(m), (len(sums.yy), m, m)) if careful else near_guess(sums)
    theta = structure.start(improved(sums, guess, 8 if careful else 2))
    found, settled = theta.copy(), np.zeros(len(theta), bool)
    state = evaluate(sums, structure.sigma(theta))
    open_ = np.flatnonzero(state.fine)
    sums, theta, state = sums.take(open_), theta[open_], state.take(open_)
    for iteration in range(max_iterations):
        if not len(open_):
            break
        local = derivatives(sums, structure, theta, state, whole=careful or iteration >= CHEAP)
        step, promised, last = _step(local)
        theta, state, moved = _search(sums, structure, theta, state, step, promised, last)
        done = last | ~moved
        found[open_], settled[open_] = theta, done
        open_, sums, theta, state = open_[~done], sums.take(~done), theta[~done], state.take(~done)
    return found, settled


def _step(local: Local) -> tuple[Array, Array, Mask]:
    """Return Newton's step, the fall of the deviance it promises, and whether it is the last one needed.

    Where the Hessian is not positive definite its eigenvalues are taken without their sign.
    """
    inverse, _, positive = swept(local.hessian.transpose(1, 2, 0))
    inverse = np.where(positive[:, None, None], np.ascontiguousarray(inverse.transpose(2, 0, 1)), 0.0)
    step = -(inverse @ local.gradient[..., None])[..., 0]
    for one in np.flatnonzero(~positive & np.isfinite(local.hessian).all(axis=(1, 2))):
        values, vectors = np.linalg.eigh(local.hessian[one])
        size = np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max()))
        step[one] = -vectors @ (vectors.T @ local.gradient[one] / size)
    decrement = -(local.gradient * step).sum(axis=1)
    step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
    return step, -(local.gradient * step).sum(axis=1), positive & (decrement < 1e-16)


def _search(
    sums: Sums, structure: Structure, theta: Array, state: State, step: Array, promised: Array, last: Mask
) -> tuple[Array, State, Mask]:
    """Return the first points along the steps that are better enough; the last step is too short to be judged."""
    theta, moved = theta.copy(), np.zeros(len(theta), bool)
    parts = [getattr(state, name).copy() for name in ("fine", "deviance", "beta", "spread", "inverse")]
    for halving in range(30):
        here = np.flatnonzero(~moved)
        if not len(here):
            break
        share = 0.5**halving
        trial = theta[here] + share * step[here]
        found = evaluate(sums if len(here) == len(theta) else sums.take(here), structure.sigma(trial))
        before = parts[1][here]
        enough = found.deviance <= before - 1e-4 * share * promised[here] + 1e-12 * np.abs(before)
        good = found.fine & (last[here] | enough)
        chosen = here[good]
        theta[chosen], moved[chosen] = trial[good], True
        for part, new in zip(parts, (found.fine, found.deviance, found.beta, found.spread, found.inverse), strict=True):
            part[chosen] = new[good]
    return theta, State(*parts), moved
