"""Degrees of freedom and adjusted covariances of fixed effects.

Satterthwaite's as in Giesbrecht and Burns 1985 (doi 10.2307/2530651) and, for several contrasts at once, Fai and
Cornelius 1996 (doi 10.1080/00949659608811740); Kenward and Roger 1997 (doi 10.2307/2533558). All need the covariance W
of the covariance parameters; like R's mmrm and SAS, we take it from the observed information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm.layout import Layout
from senospine.stats.mmrm.optimise import Optimum
from senospine.stats.mmrm.structures import LINEAR_IN_SAS, Structure

Array = NDArray[np.float64]

METHODS = {
    "satterthwaite": "Satterthwaite",
    "kenward-roger": "Kenward-Roger, second order in R's parameters",
    "kenward-roger-linear": "Kenward-Roger, first order",
    "kenward-roger-sas": "Kenward-Roger, second order in SAS's parameters",
}


class Degrees(Protocol):
    """Where a test gets its degrees of freedom from."""

    def single(self, contrast: Array) -> float:
        """Return the degrees of freedom of one contrast, shape (n_columns,)."""

    def joint(self, contrasts: Array) -> tuple[float, float]:
        """Return denominator degrees of freedom and the factor of F for contrasts of full row rank."""


@dataclass(frozen=True)
class ResidualDegrees:
    """Of a linear model: as many as observations exceed coefficients."""

    df: float

    def single(self, contrast: Array) -> float:
        """Return the residual degrees of freedom."""
        return self.df

    def joint(self, contrasts: Array) -> tuple[float, float]:
        """Return the residual degrees of freedom; F needs no factor."""
        return self.df, 1.0


@dataclass(frozen=True)
class Satterthwaite:
    """From the variance of the estimated variance of a contrast.

    Attributes
    ----------
    root : ndarray, shape (p, p)
        ``root @ root.T`` is the (unadjusted) covariance of the coefficients.
    slopes : ndarray, shape (t, p, p)
        root' X' V^-1 V_j V^-1 X root.
    theta_covariance : ndarray, shape (t, t)
    """

    root: Array
    slopes: Array
    theta_covariance: Array

    def single(self, contrast: Array) -> float:
        """Return 2 v^2 / Var(v)."""
        turned = contrast @ self.root
        slope = self.slopes @ turned @ turned
        spread = float(slope @ self.theta_covariance @ slope)
        return float(np.divide(2 * (turned @ turned) ** 2, spread))

    def joint(self, contrasts: Array) -> tuple[float, float]:
        """Return the degrees of freedom whose F has the expectation of the sum of squared independent t."""
        if len(contrasts) == 1:
            return self.single(contrasts[0]), 1.0
        turned = contrasts @ self.root
        _, vectors = np.linalg.eigh(turned @ turned.T)
        each = np.array([self.single(row) for row in vectors.T @ contrasts])
        if np.ptp(each) < 1e-8 * each.max():
            return float(each.mean()), 1.0
        if each.min() <= 2:
            return 2.0, 1.0
        expected = float((each / (each - 2)).sum())
        return 2 * expected / (expected - len(each)), 1.0


@dataclass(frozen=True)
class KenwardRoger(Satterthwaite):
    """Kenward and Roger's: df and factor that give F its first two moments, for the adjusted covariance."""

    def joint(self, contrasts: Array) -> tuple[float, float]:
        """Return denominator degrees of freedom and the factor of F (section 3 of the paper)."""
        rank = len(contrasts)
        basis, _ = np.linalg.qr((contrasts @ self.root).T)
        inner = basis.T @ self.slopes @ basis
        weight = self.theta_covariance
        traces = np.trace(inner, axis1=1, axis2=2)
        flat = inner.reshape(len(inner), -1)
        a1, a2 = float(traces @ weight @ traces), float((weight * (flat @ flat.T)).sum())
        b = (a1 + 6 * a2) / (2 * rank)
        g = ((rank + 1) * a1 - (rank + 4) * a2) / ((rank + 2) * a2)
        below = 3 * rank + 2 * (1 - g)
        c1, c2, c3 = g / below, (rank - g) / below, (rank + 2 - g) / below
        mean = 1 / (1 - a2 / rank)
        variance = 2 / rank * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
        ratio = variance / (2 * mean**2)
        df = 4 + (rank + 2) / (rank * ratio - 1)
        return float(df), float(df / (mean * (df - 2)))


def adjustment(layout: Layout, structure: Structure, optimum: Optimum, theta_covariance: Array, method: str) -> Array:
    """Return A with adjusted covariance = root (I + 2 A) root', shape (p, p).

    A sums W_jk (Q_jk - P_j C P_k - R_jk / 4). Since W_jk is summed over before subjects are, its cost does not
    depend on the number of parameters.
    """
    size, each = structure.n_visits, structure.n_parameters
    lines = optimum.state.weighted[..., :-1]
    slopes = optimum.derivatives.slopes
    columns = slopes.shape[1]
    spread = (theta_covariance @ slopes.reshape(len(slopes), -1)).reshape(slopes.shape)
    total = -np.tensordot(slopes, spread, axes=([0, 2], [0, 1]))
    for group in range(layout.n_groups):
        part = slice(group * each, (group + 1) * each)
        weight = theta_covariance[part, part]
        _, slope, curve = structure.covariance(optimum.theta[group])
        flat = slope.reshape(each, -1)
        omega = (flat.T @ weight @ flat).reshape((size,) * 4)  # the covariance of the entries of Sigma
        mine = layout.group == group
        middle = np.einsum("abcd,pbc->pad", omega, optimum.state.inverse[mine], optimize=True)
        if method != "kenward-roger-linear":
            bend = np.tensordot(weight, curve, axes=2)
            if method == "kenward-roger-sas":
                extra = np.diag(weight) * structure.sas_curvature(optimum.theta[group])
                bend = bend + np.tensordot(extra, slope, axes=1)
            middle = middle - bend / 4
        which = np.full(len(mine), -1)
        which[mine] = np.arange(int(mine.sum()))
        chosen = mine[layout.pattern]
        own = lines[chosen]
        turned = middle[which[layout.pattern[chosen]]] @ own
        total += own.reshape(-1, columns).T @ turned.reshape(-1, columns)
    return (total + total.T) / 2


def second_order_method(method: str, structure: Structure) -> str:
    """Return the method to compute: SAS's parameters of these structures are the covariances, which do not bend."""
    if method == "kenward-roger-sas" and structure.kind in LINEAR_IN_SAS and _plain(structure):
        return "kenward-roger-linear"
    return method


def _plain(structure: Structure) -> bool:
    return structure.kind == "unstructured" or not structure.own_scales
