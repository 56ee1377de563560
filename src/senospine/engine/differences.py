"""First derivatives from values at neighbouring points, and how far they may be wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: steps from the point, by stencil: to both sides, upwards, downwards; the point itself is the fifth value
OFFSETS = np.array([[-2.0, -1.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0, -4.0]])
#: from the four differences to the first and the fourth Taylor term; to both sides the first is Richardson's
#: extrapolation of the central differences over one step and over two
TERMS = np.array([np.linalg.inv(offsets[:, None] ** np.arange(1, 5))[[0, 3]] for offsets in OFFSETS])
#: what independent noise in the five values does to the first term, over what it does to their fourth difference
NOISE = np.array([np.hypot(np.linalg.norm(rows[0]), rows[0].sum()) for rows in TERMS]) / np.sqrt(70.0)
#: a difference of two results is one draw: the error may be this much larger
SAFETY = 3.0
#: of the kernel's tolerance: neighbours that agree better than this do so by luck, where steps happen to be the same
LEAST = 1e-3
#: the same where neighbours take the same steps: upwards or downwards, or two of them
SINGLE = np.array([[1.0], [1.0], [-1.0]])
SINGLE_AGAIN = np.array([[-1.0], [2.0], [-2.0]])
DOUBLE = np.array([[-1.0, 1.0], [1.0, 2.0], [-1.0, -2.0]])
#: what rounding does to the value of a solution, in parts of it
ROUNDING = 2.0**-50


def choose_stencils(at: Array, reach: Array, low: Array, high: Array) -> NDArray[np.int64]:
    """Return the stencil of each value, shape of ``at``: to both sides if four ``reach`` stay in ``low`` … ``high``."""
    fits = [(at + reach * offsets.min() >= low) & (at + reach * offsets.max() <= high) for offsets in OFFSETS]
    return np.select(fits, range(3), 0)  # a value outside its own range has no side to keep to


def differentiate(paths: Array, steps: Array, stencils: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return derivatives and fourth Taylor terms over the step, shape (n_subjects, n_wrt, n_times).

    Parameters
    ----------
    paths : ndarray, shape (n_subjects, 1 + 4 * n_wrt, n_times)
        Values at the point, then at the four offsets of each parameter's stencil.
    steps, stencils : ndarray, shape (n_subjects, n_wrt)
    """
    n, _, n_times = paths.shape
    differences = paths[:, 1:].reshape(n, steps.shape[1], 4, n_times) - paths[:, None, :1]
    weights = TERMS[stencils]
    first, fourth = (
        # one by one, so that the order of the sum does not hang on the number of subjects
        sum(weights[:, :, term, column, None] * differences[:, :, column] for column in range(4))
        for term in (0, 1)
    )
    return first / steps[:, :, None], fourth / steps[:, :, None]


def derivatives_with_errors(
    near: Array, far: Array, steps: Array, stencils: NDArray[np.int64], tolerance: float
) -> tuple[Array, Array]:
    """Return derivatives from ``near`` and their errors from ``far``, shape (n_subjects, n_times, n_wrt).

    Parameters
    ----------
    near, far : ndarray, shape (n_subjects, 1 + 4 * n_wrt, n_times)
        Values as in :func:`differentiate`; ``far`` with twice the step and ten times the ``tolerance``.

    Notes
    -----
    Twice the step has sixteen times the truncation, and ten times the tolerance several times the solver's error: the
    change of the derivative shows both, but is one draw, and blind to what is even around the point. That the fourth
    term sees: of a smooth function it grows sixteenfold, and what does not is noise (Hamming's table; Moré & Wild
    2011, doi 10.1137/100786125) or a kink.
    """
    values, fourth = differentiate(near, steps, stencils)
    again, fourth_again = differentiate(far, 2.0 * steps, stencils)
    noise = 24.0 * np.abs(fourth - fourth_again / 8.0) * NOISE[stencils][:, :, None]
    least = LEAST * tolerance * np.abs(near[:, None, 0]) / steps[:, :, None]
    error = SAFETY * (np.abs(values - again) + noise + least) + tolerance * np.abs(values)
    return values.transpose(0, 2, 1), error.transpose(0, 2, 1)


def slopes(paths: Array, places: NDArray[np.int64], moves: Array) -> tuple[Array, Array]:
    """Return derivatives from one neighbour or two, and how much two disagree, shape (n_subjects, n_wrt, n_times).

    Parameters
    ----------
    paths : ndarray, shape (n_subjects, n_variants, n_times)
        The first of each subject is at the point.
    places : ndarray, shape (n_wrt, 1 or 2)
        Where the neighbours stand among the variants.
    moves : ndarray, shape (n_subjects, n_wrt, 1 or 2)
        How far they are from the point.
    """
    differences = (paths[:, places] - paths[:, None, :1]) / moves[..., None]
    if places.shape[1] == 1:
        return differences[:, :, 0], np.zeros_like(differences[:, :, 0])
    near, far = moves[:, :, 0, None], moves[:, :, 1, None]
    one, other = differences[:, :, 0], differences[:, :, 1]
    return (far * one - near * other) / (far - near), one - other


def slopes_with_errors(
    near: Array, far: Array, places: NDArray[np.int64], moves: Array, moves_far: Array, tolerance: float
) -> tuple[Array, Array]:
    """Return derivatives from ``near`` and their errors from ``far``, shape (n_subjects, n_times, n_wrt).

    Parameters
    ----------
    near, far, places, moves, moves_far
        As in :func:`slopes`; ``far`` solved with a larger tolerance, and moved elsewhere.
    tolerance : float
        Of ``near``.

    Notes
    -----
    Both runs have their own steps, so the change of the derivative shows what the steps do; other moves make it show
    the truncation and kinks as well. Between two neighbours at both sides a kink hides, but they disagree: of a smooth
    function half as much at half the distance, at a kink as much as before.
    """
    (values, disagreement), (again, before) = slopes(near, places, moves), slopes(far, places, moves_far)
    rounding = ROUNDING * np.abs(near[:, None, 0]) / np.abs(moves).min(axis=2)[:, :, None]
    kink = np.abs(disagreement - before / 2.0)
    error = SAFETY * (np.abs(values - again) + kink + rounding) + tolerance * np.abs(values)
    return values.transpose(0, 2, 1), error.transpose(0, 2, 1)
