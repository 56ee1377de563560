"""From data to covariance parameters: a few EM steps from far away, then Newton's method with the exact Hessian."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.layout import Layout
from senospine.stats.mmrm.likelihood import Derivatives, State, derivatives, evaluate, gradient, pattern_sums
from senospine.stats.mmrm.structures import Structure

Array = NDArray[np.float64]


class Convergence(Enum):
    """How the search for the covariance ended; each member is a sentence."""

    CONVERGED = "converged: the gradient vanishes and the observed information is positive definite"
    BOUNDARY = "a variance or a correlation ran to its limit: choose a simpler covariance structure"
    ITERATIONS = "the iterations ran out before the gradient vanished"
    NOT_A_MAXIMUM = "the search stopped where the observed information is not positive definite"

    @property
    def ok(self) -> bool:
        """Whether the estimates may be used."""
        return self is Convergence.CONVERGED


@dataclass(frozen=True)
class Optimum:
    """Where the search ended."""

    theta: Array
    state: State
    derivatives: Derivatives
    convergence: Convergence
    iterations: int


def first_guess(layout: Layout, structure: Structure, *, restricted: bool, steps: int = 8) -> Array:
    """Return starting parameters (n_groups, t): EM steps for an unstructured covariance, then the nearest of the kind.

    An EM step keeps a covariance a covariance and never lowers the likelihood (Laird and Ware 1982,
    doi 10.2307/2529876), so that no guess is too far.
    """
    size = layout.seen.shape[1]
    sigma = np.repeat(np.eye(size)[None], layout.n_groups, axis=0)
    subjects = np.bincount(layout.group, layout.count, minlength=layout.n_groups)[:, None, None]
    for _ in range(steps):
        state = evaluate(layout, sigma, restricted=restricted)
        if state is None:
            break
        slope = gradient(layout, state, pattern_sums(layout, state, restricted=restricted))
        update = sigma - sigma @ slope @ sigma / subjects
        sigma = (update + update.swapaxes(1, 2)) / 2
    diagonal = np.diagonal(sigma, axis1=1, axis2=2)
    lifted = 1e-3 * diagonal + 1e-6 * diagonal.mean(axis=1, keepdims=True)  # where a visit is explained exactly
    sigma = sigma + np.eye(size) * lifted[:, :, None]
    return structure.start(sigma)


def optimise(layout: Layout, structure: Structure, *, restricted: bool, max_iterations: int = 100) -> Optimum:
    """Return the parameters that maximise the likelihood, and how the search ended."""
    theta = first_guess(layout, structure, restricted=restricted)
    state = evaluate(layout, structure.sigma(theta), restricted=restricted)
    assert state is not None  # the first guess is a covariance by construction
    iteration, settled = 0, False
    while True:
        local = derivatives(layout, structure, theta, state, restricted=restricted)
        values, vectors = np.linalg.eigh(local.hessian)
        if settled or iteration >= max_iterations:
            break
        along = vectors.T @ local.gradient
        lengths = along / np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max()))
        decrement = float(along @ lengths)
        step = (-vectors @ lengths).reshape(theta.shape)
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        iteration += 1
        settled = decrement < 1e-9 and values[0] > 0
        promised = -float(local.gradient @ step.ravel())
        moved = _search(layout, structure, theta, state, step, promised, settled, restricted)
        if moved is None:
            settled = True
            continue
        theta, state = moved
    return Optimum(theta, state, local, _verdict(layout, structure, theta, local, values, settled), iteration)


def _search(
    layout: Layout,
    structure: Structure,
    theta: Array,
    state: State,
    step: Array,
    promised: float,
    last: bool,
    restricted: bool,
) -> tuple[Array, State] | None:
    """Return the first point along the step that is better enough; the last step is too short to be judged."""
    for halving in range(30):
        share = 0.5**halving
        trial = theta + share * step
        found = evaluate(layout, structure.sigma(trial), restricted=restricted)
        if found is not None and (last or found.deviance <= state.deviance - 1e-4 * share * promised):
            return trial, found
    return None


def _verdict(
    layout: Layout, structure: Structure, theta: Array, local: Derivatives, values: Array, settled: bool
) -> Convergence:
    sigma = structure.sigma(theta)
    scale = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    correlation = sigma / (scale[:, :, None] * scale[:, None, :])
    limit = 1e-7 if settled else 1e-3  # a search that does not end is on its way there
    if not np.isfinite(correlation).all() or np.linalg.eigvalsh(correlation).min() < limit or scale.min() < 1e-6:
        return Convergence.BOUNDARY
    if values[0] <= 1e-10 * values[-1]:
        return Convergence.NOT_A_MAXIMUM
    remaining = float(local.gradient @ np.linalg.solve(local.hessian, local.gradient))
    return Convergence.CONVERGED if settled and remaining < 1e-6 else Convergence.ITERATIONS
