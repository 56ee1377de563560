"""The (restricted) likelihood of a layout, its gradient and its Hessian, exactly.

All derivatives are first taken with respect to the entries of Sigma, where they are sums over patterns, and then
carried to the parameters by the structure's derivatives. With P = V^-1 - V^-1 X C X' V^-1 and e = P y:

    d(-2 l)/d_j        = tr(P V_j) - e' V_j e
    d2(-2 l)/d_j d_k   = -tr(P V_j P V_k) + 2 e' V_j P V_k e + tr(P V_jk) - e' V_jk e

(Harville 1977, doi 10.1080/01621459.1977.10480998; Lindstrom and Bates 1988, doi 10.1080/01621459.1988.10478693).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.layout import Layout
from senospine.stats.mmrm.structures import Structure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """The likelihood at one set of covariances, in the layout's own units.

    Attributes
    ----------
    deviance : float
        -2 log likelihood, without constants.
    beta : ndarray, shape (n_columns,)
    root : ndarray, shape (n_columns, n_columns)
        ``root @ root.T`` is the covariance of ``beta``.
    inverse : ndarray, shape (n_patterns, n_visits, n_visits)
        V^-1 of each pattern, zero at missing visits.
    weighted : ndarray, shape (n_lines, n_visits, n_columns + 1)
        V^-1 X root of each line, then V^-1 (y - X beta).
    """

    deviance: float
    beta: Array
    root: Array
    inverse: Array
    weighted: Array


def evaluate(layout: Layout, sigma: Array, *, restricted: bool) -> State | None:
    """Return the likelihood at ``sigma`` (n_groups, n_visits, n_visits), or None where it is no covariance."""
    size = sigma.shape[-1]
    pair = layout.seen[:, :, None] * layout.seen[:, None, :]
    padded = sigma[layout.group] * pair + np.eye(size) * (1 - layout.seen)[:, None, :]
    if not np.isfinite(padded).all():
        return None
    try:
        lower = np.linalg.cholesky(padded)
        inverse = np.linalg.inv(padded) * pair
        weighted = inverse[layout.pattern] @ layout.rows
        flat = layout.rows.reshape(-1, layout.rows.shape[2])
        products = flat.T @ weighted.reshape(flat.shape)
        information = np.linalg.cholesky((products[:-1, :-1] + products[:-1, :-1].T) / 2)
    except np.linalg.LinAlgError:
        return None
    root = np.linalg.inv(information).T
    beta = root @ (root.T @ products[:-1, -1])
    error = weighted[..., -1] - weighted[..., :-1] @ beta
    residual = layout.rows[..., -1] - layout.rows[..., :-1] @ beta
    log_sigma = 2 * float(layout.count @ np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1))
    deviance = log_sigma + float((residual * error).sum())
    if restricted:
        deviance += 2 * float(np.log(np.diag(information)).sum())
    weighted = np.concatenate([weighted[..., :-1] @ root, error[..., None]], axis=-1)
    return State(deviance, beta, root, inverse, weighted)


def pattern_sums(layout: Layout, state: State, *, restricted: bool) -> Array:
    """Return the sum of e e' (and of V^-1 X C X' V^-1 if restricted) of each pattern, (n_patterns, m, m)."""
    used = state.weighted if restricted else state.weighted[..., -1:]
    return np.add.reduceat(used @ used.swapaxes(1, 2), layout.starts, axis=0)


def gradient(layout: Layout, state: State, sums: Array) -> Array:
    """Return d(-2 l) / d Sigma of each group, shape (n_groups, n_visits, n_visits)."""
    by_pattern = layout.count[:, None, None] * state.inverse - sums
    return np.stack([by_pattern[layout.group == group].sum(axis=0) for group in range(layout.n_groups)])


@dataclass(frozen=True)
class Derivatives:
    """Derivatives with respect to the parameters of all groups, one group after the other.

    Attributes
    ----------
    gradient : ndarray, shape (t,)
    hessian : ndarray, shape (t, t)
    slopes : ndarray, shape (t, n_columns, n_columns)
        root' X' V^-1 V_j V^-1 X root.
    """

    gradient: Array
    hessian: Array
    slopes: Array


def derivatives(layout: Layout, structure: Structure, theta: Array, state: State, *, restricted: bool) -> Derivatives:
    """Return gradient and observed Hessian of -2 log likelihood by ``theta`` (n_groups, t)."""
    sums = pattern_sums(layout, state, restricted=restricted)
    by_sigma = gradient(layout, state, sums)
    size, each, columns = structure.n_visits, structure.n_parameters, state.root.shape[0]
    middle = 2 * sums - layout.count[:, None, None] * state.inverse
    first, blocks, slopes, cross = [], [], [], []
    for group in range(layout.n_groups):
        mine = layout.group == group
        _, slope, curve = structure.covariance(theta[group])
        flat = slope.reshape(each, -1)
        first.append(flat @ by_sigma[group].ravel())
        pairs = state.inverse[mine].reshape(-1, size**2).T @ middle[mine].reshape(-1, size**2)  # (b c), (d a)
        tensor = pairs.reshape(size, size, size, size).transpose(3, 0, 1, 2).reshape(size**2, size**2)
        block = flat @ tensor @ flat.T + curve.reshape(each, each, -1) @ by_sigma[group].ravel()
        blocks.append((block + block.T) / 2)
        lines = state.weighted[mine[layout.pattern]].reshape(-1, size * (columns + 1))
        products = (lines.T @ lines).reshape(size, columns + 1, size, columns + 1).transpose(0, 2, 1, 3)
        both = (flat @ products.reshape(size**2, -1)).reshape(each, columns + 1, columns + 1)
        slopes.append((both[:, :-1, :-1] + both[:, :-1, :-1].swapaxes(1, 2)) / 2)
        cross.append(both[:, :-1, -1])
    hessian = np.zeros((layout.n_groups * each,) * 2)
    for group, block in enumerate(blocks):
        part = slice(group * each, (group + 1) * each)
        hessian[part, part] = block
    slopes_all, cross_all = np.concatenate(slopes), np.concatenate(cross)
    hessian -= 2 * cross_all @ cross_all.T
    if restricted:
        flat_slopes = slopes_all.reshape(len(slopes_all), -1)
        hessian -= flat_slopes @ flat_slopes.T
    return Derivatives(np.concatenate(first), hessian, slopes_all)
