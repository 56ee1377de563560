"""Subjects grouped by the visits they have, and squeezed: what the likelihood needs of the data and no more.

Everything the likelihood asks of subjects with the same visits is a sum of products of their rows, so a matrix with
one line a subject may be replaced by the triangle of its QR decomposition. Where design rows depend on a few
properties of the subject, a thousand subjects become a dozen lines, with the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from senospine.stats.mmrm.data import check_scatter

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Squeezed subjects, sorted by pattern.

    Attributes
    ----------
    rows : ndarray, shape (n_lines, n_visits, n_columns + 1)
        Orthonormal design columns, then the outcome in units of ``unit``; times the root of the weight, zero where
        missing.
    starts : ndarray, shape (n_patterns,)
        First line of each pattern.
    pattern : ndarray, shape (n_lines,)
        Pattern of each line.
    seen : ndarray, shape (n_patterns, n_visits)
        Which visits a pattern has, 0 or 1.
    count : ndarray, shape (n_patterns,)
        Subjects.
    group : ndarray, shape (n_patterns,)
        Covariance group.
    n_observations, n_subjects, n_groups : int
    unit : float
        Scale of the outcome.
    back : ndarray, shape (n_columns, n_columns)
        Coefficients of the design are ``unit * back @`` those of the orthonormal columns.
    log_design, log_weights : float
        log |X'X|^(1/2) of the design, and the sum of log weights.
    """

    rows: Array
    starts: Integers
    pattern: Integers
    seen: Array
    count: Array
    group: Integers
    n_observations: int
    n_subjects: int
    n_groups: int
    unit: float
    back: Array
    log_design: float
    log_weights: float


def lay_out(
    design: Array, outcome: Array, subject: Integers, visit: Integers, n_visits: int, group: Integers, weights: Array
) -> Layout:
    """Return the layout of one row an observation (``group``: one entry a subject); all are counted from zero."""
    root = np.sqrt(weights)[:, None]
    orthonormal, triangle = np.linalg.qr(design * root)
    back = np.linalg.inv(triangle)
    residual = (outcome * root[:, 0]) - orthonormal @ (orthonormal.T @ (outcome * root[:, 0]))
    check_scatter(residual, outcome * root[:, 0])
    unit = float(np.sqrt(residual @ residual / max(len(outcome) - design.shape[1], 1)))
    n_subjects = int(subject.max()) + 1
    rows = np.zeros((n_subjects, n_visits, design.shape[1] + 1))
    rows[subject, visit, :-1] = orthonormal
    rows[subject, visit, -1] = outcome * root[:, 0] / unit
    key = np.zeros((n_subjects, n_visits + 1), dtype=np.int64)
    key[subject, visit + 1] = 1
    key[:, 0] = group
    kinds, which = np.unique(key, axis=0, return_inverse=True)
    lines = [_squeeze(rows[which.ravel() == index], kind[1:] == 1) for index, kind in enumerate(kinds)]
    lengths = np.array([len(line) for line in lines])
    return Layout(
        rows=np.concatenate(lines),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        pattern=np.repeat(np.arange(len(kinds)), lengths),
        seen=kinds[:, 1:].astype(float),
        count=np.bincount(which.ravel(), minlength=len(kinds)).astype(float),
        group=kinds[:, 0].astype(np.int64),
        n_observations=len(outcome),
        n_subjects=n_subjects,
        n_groups=int(group.max()) + 1,
        unit=unit,
        back=back,
        log_design=float(np.log(np.abs(np.diag(triangle))).sum()),
        log_weights=float(np.log(weights).sum()),
    )


def _squeeze(rows: Array, seen: NDArray[np.bool_]) -> Array:
    """Return fewer lines with the same sums of products."""
    size = rows.shape[1] * rows.shape[2]
    table = rows[:, seen].reshape(len(rows), -1)
    if len(rows) < 8:
        return rows
    scale = np.linalg.norm(table, axis=0)
    scale[scale == 0] = 1.0
    triangle, order = qr(table / scale, mode="r", pivoting=True, check_finite=False)
    diagonal = np.abs(np.diagonal(triangle))
    rank = int((diagonal > 1e-10 * diagonal[0]).sum())  # what is dropped enters the sums squared
    if rank >= len(rows):
        return rows
    kept = np.zeros((rank, table.shape[1]))
    kept[:, order] = triangle[:rank]
    out = np.zeros((rank, size)).reshape(rank, rows.shape[1], rows.shape[2])
    out[:, seen] = (kept * scale).reshape(rank, int(seen.sum()), rows.shape[2])
    return out
