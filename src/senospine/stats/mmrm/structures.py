"""Covariance structures: from unbounded parameters to a covariance and its first and second derivatives.

Every structure is Sigma[i, j] = s[i] s[j] R[i, j], with log(s) among the parameters. R is a correlation, or, for the
unstructured covariance, L L' with a unit lower triangle L. Names and parameters are those of R's mmrm
(https://doi.org/10.32614/CRAN.package.mmrm); Kenward-Roger's second-order term depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.correlations import CORRELATIONS, unit_triangle

Array = NDArray[np.float64]

# name: (kind of R, does each visit have its own standard deviation, name in R's mmrm, name in SAS)
STRUCTURES = {
    "unstructured": ("unstructured", True, "us", "UN"),
    "toeplitz": ("toeplitz", False, "toep", "TOEP"),
    "heterogeneous_toeplitz": ("toeplitz", True, "toeph", "TOEPH"),
    "ar1": ("ar1", False, "ar1", "AR(1)"),
    "heterogeneous_ar1": ("ar1", True, "ar1h", "ARH(1)"),
    "compound_symmetry": ("compound_symmetry", False, "cs", "CS"),
    "heterogeneous_compound_symmetry": ("compound_symmetry", True, "csh", "CSH"),
    "ante_dependence": ("ante_dependence", False, "ad", ""),
    "heterogeneous_ante_dependence": ("ante_dependence", True, "adh", "ANTE(1)"),
}
LINEAR_IN_SAS = {"unstructured", "toeplitz", "compound_symmetry"}  # SAS estimates the covariances themselves


def structure(name: str, n_visits: int) -> Structure:
    """Return a structure by its name here, in R's mmrm or in SAS; capitals and hyphens do not matter.

    Raises
    ------
    AnalysisError
        An unknown name.
    """
    wanted = name.lower().replace("-", "_").replace(" ", "_")
    for key, (kind, own, *others) in STRUCTURES.items():
        if wanted in {key, *(other.lower() for other in others if other)}:
            return Structure(key, kind, own, n_visits)
    raise AnalysisError(f"no covariance structure is called {name!r}", remedy=suggest(wanted, STRUCTURES))


@dataclass(frozen=True)
class Structure:
    """One covariance structure over ``n_visits`` visits."""

    name: str
    kind: str
    own_scales: bool
    n_visits: int

    @property
    def n_scales(self) -> int:
        """Number of standard deviations, which come first among the parameters."""
        return self.n_visits if self.own_scales else 1

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        m = self.n_visits
        shapes = {"unstructured": m * (m - 1) // 2, "ar1": 1, "compound_symmetry": 1}
        return self.n_scales + shapes.get(self.kind, m - 1)

    def covariance(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return Sigma, its derivatives and second derivatives at ``theta`` (..., t).

        Shapes (..., m, m), (..., t, m, m) and (..., t, t, m, m).
        """
        m, n, t = self.n_visits, self.n_scales, self.n_parameters
        lead = theta.shape[:-1]
        scale = np.exp(np.broadcast_to(theta[..., :n], (*lead, m)))
        shape, first, second = self._shape(theta[..., n:])
        outer = scale[..., :, None] * scale[..., None, :]
        sigma = outer * shape
        weight = np.full((1, m, m), 2.0)
        if self.own_scales:
            eye = np.eye(m)
            weight = eye[:, :, None] + eye[:, None, :]
        slope, curve = np.empty((*lead, t, m, m)), np.empty((*lead, t, t, m, m))
        slope[..., :n, :, :], slope[..., n:, :, :] = weight * sigma[..., None, :, :], outer[..., None, :, :] * first
        curve[..., :n, :n, :, :] = weight[:, None] * weight[None] * sigma[..., None, None, :, :]
        curve[..., :n, n:, :, :] = weight[:, None] * slope[..., None, n:, :, :]
        curve[..., n:, :n, :, :] = curve[..., :n, n:, :, :].swapaxes(-4, -3)
        curve[..., n:, n:, :, :] = outer[..., None, None, :, :] * second
        return sigma, slope, curve

    def sigma(self, theta: Array) -> Array:
        """Return Sigma (..., m, m) alone."""
        scale = np.exp(np.broadcast_to(theta[..., : self.n_scales], (*theta.shape[:-1], self.n_visits)))
        return np.asarray(scale[..., :, None] * scale[..., None, :] * self._shape(theta[..., self.n_scales :])[0])

    def _shape(self, phi: Array) -> tuple[Array, Array, Array]:
        """Return R and its derivatives by the parameters themselves."""
        if self.kind == "unstructured":
            return unit_triangle(phi, self.n_visits)
        rho, d1, d2 = self._correlation(phi)
        shape, first, second = CORRELATIONS[self.kind](rho, self.n_visits)
        curve = second * (d1[..., :, None] * d1[..., None, :])[..., None, None]
        index = np.arange(phi.shape[-1])
        curve[..., index, index, :, :] += first * d2[..., None, None]
        return shape, first * d1[..., None, None], curve

    def _correlation(self, phi: Array) -> tuple[Array, Array, Array]:
        """Return correlations and their derivatives: phi / sqrt(1 + phi^2), or a logit for compound symmetry."""
        if self.kind == "compound_symmetry":
            lower = 1 / (self.n_visits - 1)
            share = 1 / (1 + np.exp(-phi))
            slope = (1 + lower) * share * (1 - share)
            return share * (1 + lower) - lower, slope, slope * (1 - 2 * share)
        root = np.sqrt(1 + phi**2)
        return phi / root, root**-3, -3 * phi * root**-5

    def sas_curvature(self, theta: Array) -> Array:
        """Return (d2 theta / d p2) / (d theta / d p)^2, p being SAS's (variances, correlations), (..., t)."""
        _, d1, d2 = self._correlation(theta[..., self.n_scales :])
        # of an inverse function: theta'' / theta'^2 = -rho'' / rho'; theta = log(v) / 2 gives -2
        return np.concatenate([np.full((*theta.shape[:-1], self.n_scales), -2.0), -d2 / d1], axis=-1)

    def start(self, sigma: Array) -> Array:
        """Return parameters (..., t) near covariances (..., m, m) of any shape; used as first guess."""
        m = self.n_visits
        scale = np.sqrt(np.diagonal(sigma, axis1=-2, axis2=-1))
        correlation = sigma / (scale[..., :, None] * scale[..., None, :])
        rows, columns = np.tril_indices(m, -1)
        if self.kind == "unstructured":
            root = np.linalg.cholesky(sigma)
            diagonal = np.diagonal(root, axis1=-2, axis2=-1)
            return np.concatenate([np.log(diagonal), (root / diagonal[..., None])[..., rows, columns]], axis=-1)
        lags = np.stack([np.diagonal(correlation, lag, -2, -1).mean(axis=-1) for lag in range(1, m)], axis=-1)
        guess = {
            "ar1": lags[..., :1],
            "compound_symmetry": correlation[..., rows, columns].mean(axis=-1, keepdims=True),
            "toeplitz": lags,
            "ante_dependence": np.diagonal(correlation, 1, -2, -1),
        }[self.kind].copy()
        for _ in range(60):  # towards independence until it is a correlation
            far = np.linalg.eigvalsh(CORRELATIONS[self.kind](guess, m)[0])[..., :1] <= 0.02
            if not far.any():
                break
            guess = np.where(far, 0.9 * guess, guess)
        logs = np.log(scale) if self.own_scales else np.log(np.sqrt(np.mean(scale**2, axis=-1, keepdims=True)))
        return np.concatenate([logs, self._inverse(guess)], axis=-1)

    def _inverse(self, rho: Array) -> Array:
        if self.kind == "compound_symmetry":
            return np.log((rho + 1 / (self.n_visits - 1)) / (1 - rho))
        return rho / np.sqrt(1 - rho**2)
