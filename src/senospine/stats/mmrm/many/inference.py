"""One contrast of the coefficients at the last visit: its variance, adjusted or not, and degrees of freedom.

Those of :mod:`senospine.stats.mmrm.inference`, for one contrast: with u = C l for a contrast l, all that is asked of
the design are sums of squares of X u and of V^-1 V_j V^-1 X u, and no matrix of all coefficients is built.
"""

from __future__ import annotations

import numpy as np

from senospine.stats.mmrm.inference import second_order_method
from senospine.stats.mmrm.many.likelihood import Local, State, by_pattern, crossed, derivatives, evaluate, swept
from senospine.stats.mmrm.many.newton import maximise
from senospine.stats.mmrm.many.results import Array, Mask
from senospine.stats.mmrm.many.sums import Sums
from senospine.stats.mmrm.structures import Structure


def fitted(sums: Sums, structure: Structure) -> tuple[Array, State, Local, Array, Mask]:
    """Return parameters (b, t), likelihood and derivatives there, their covariance (b, t, t), and where to use it.

    The reasons not to use it are those of :class:`senospine.stats.mmrm.Convergence`.
    """
    theta, settled = maximise(sums, structure, careful=False)
    found = _looked_at(sums, structure, theta, settled)
    if found[-1].all():
        return theta, *found
    again = np.flatnonzero(~found[-1])
    theta[again], settled[again] = maximise(sums.take(again), structure, careful=True)
    return theta, *_looked_at(sums, structure, theta, settled)


def _looked_at(sums: Sums, structure: Structure, theta: Array, settled: Mask) -> tuple[State, Local, Array, Mask]:
    state = evaluate(sums, structure.sigma(theta))
    local = derivatives(sums, structure, theta, state, whole=True)
    return state, local, *_verdict(structure, theta, state.fine & settled, local.gradient, local.hessian)


def _verdict(structure: Structure, theta: Array, fine: Mask, gradient: Array, hessian: Array) -> tuple[Array, Mask]:
    sigma = structure.sigma(theta)
    scale = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = sigma / (scale[:, :, None] * scale[:, None, :])
    fine = fine & np.isfinite(correlation).all(axis=(1, 2)) & np.isfinite(hessian).all(axis=(1, 2))
    safe = np.where(fine[:, None, None], correlation, np.eye(structure.n_visits))
    fine &= (np.linalg.eigvalsh(safe)[:, 0] >= 1e-7) & (scale.min(axis=1) >= 1e-6)
    values = np.linalg.eigvalsh(np.where(fine[:, None, None], hessian, 0.0))
    fine &= values[:, 0] > 1e-10 * values[:, -1]
    hessian = np.where(fine[:, None, None], hessian, np.eye(hessian.shape[1]))
    inverse = np.ascontiguousarray(swept(hessian.transpose(1, 2, 0))[0].transpose(2, 0, 1))
    gradient = np.where(fine[:, None], gradient, 0.0)
    remaining = (gradient[:, None] @ inverse @ gradient[..., None])[:, 0, 0]
    return 2 * inverse, fine & (remaining < 1e-6)


def infer(sums: Sums, structure: Structure, contrast: Array, method: str) -> tuple[Array, Array, Array]:
    """Return estimate, standard error and degrees of freedom, each (b,); NaN where the search failed."""
    b, m, k, p = sums.sizes
    theta, state, local, spread, fine = fitted(sums, structure)
    own = contrast @ sums.turn
    line = state.spread[:, :, -k:] @ own[..., None]
    variance = (line[:, -k:, 0] * own).sum(axis=1)
    direction = line.reshape(b, m, k)
    outer = (direction[:, :, None, :, None] * direction[:, None, :, None, :]).reshape(b, m * m, k * k)
    inverse = by_pattern(state)
    squares = (outer @ sums.zz.swapaxes(1, 2)).reshape(b, m, m, p).transpose(0, 3, 1, 2)
    inner = inverse @ squares @ inverse
    total = inner.sum(axis=1).reshape(b, m * m, 1)
    change = local.slope @ total  # of the variance by the parameters
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2 * variance**2 / (change.swapaxes(1, 2) @ spread @ change)[:, 0, 0]
    if method != "satterthwaite":
        right = direction[:, None] @ sums.zz.reshape(b, p, k, k)
        cross = crossed(inverse, right, local.slope)
        extra = -(spread * (cross @ state.spread @ cross.swapaxes(1, 2))).sum(axis=(1, 2))
        omega = (local.slope.swapaxes(1, 2) @ spread @ local.slope).reshape(b, m, m, m, m)  # a b, c d
        omega = omega.transpose(0, 1, 4, 2, 3).reshape(b, m * m, m * m)  # a d, b c
        middle = omega @ state.inverse.reshape(b, m * m, p)
        extra += (middle * inner.reshape(b, p, m * m).swapaxes(1, 2)).reshape(b, -1).sum(axis=1)
        extra -= _bend(structure, theta, spread, local.curve, local.slope, total, method) / 4
        variance = variance + 2 * extra
    unit = sums.unit[:, -1]
    estimate = (state.beta[:, -1] * own).sum(axis=1) * unit + (sums.centre[:, -1] * contrast).sum(axis=1)
    with np.errstate(invalid="ignore"):
        se = np.sqrt(variance) * unit
    blank = np.where(fine, 0.0, np.nan)
    return estimate + blank, se + blank, df + blank


def _bend(
    structure: Structure, theta: Array, spread: Array, curve: Array, slope: Array, total: Array, method: str
) -> Array:
    """Return what the curvature of Sigma adds up to."""
    b, t, _ = slope.shape
    method = second_order_method(method, structure)
    if method == "kenward-roger-linear":
        return np.zeros(b)
    bend = spread.reshape(b, 1, t * t) @ curve.reshape(b, t * t, -1)
    if method == "kenward-roger-sas":
        extra = np.diagonal(spread, axis1=1, axis2=2) * structure.sas_curvature(theta)
        bend = bend + extra[:, None] @ slope
    return np.asarray((bend @ total)[:, 0, 0])
