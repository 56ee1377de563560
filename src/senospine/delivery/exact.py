"""Exact series for a drug entering two layers, against which the layers of ``disc_transport.ant`` are judged.

Cartilage endplate and half nucleus, each homogeneous, with the bony endplate as a resistance, partition, binding, loss
and exchange across the annulus. Separated in space and time the problem is of Sturm and Liouville's kind; eigenvalues are
roots of one entire function (Carslaw and Jaeger, Conduction of Heat in Solids, 1959, chapter 12; Crank, The Mathematics of
Diffusion, 1975, chapter 4), found here by bracketing. Nothing is shared with the finite volumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]
#: grid points in each expected distance between eigenvalues: two of them come close where one layer is thin
_PER_ROOT = 60


@dataclass(frozen=True)
class TwoLayers:
    """A half disc beside plasma that steps from 0 to 1, in mm and days; concentrations are shares of plasma times partition.

    Parameters
    ----------
    cep, half : float
        Thickness of cartilage endplate and half nucleus [mm].
    diffusivity_cep, diffusivity_nucleus : float
        Of free drug [mm2/day].
    storage_cep, storage_nucleus : float
        Water share times partition [fold].
    transfer : float
        Of the bony endplate [mm/day]; ``inf`` holds the surface.
    retardation : float
        Total over free drug [fold].
    loss, annulus : float
        Rates of free drug [1/day]; the annulus exchanges with the nucleus only.
    terms : int
        Eigenvalues kept.
    """

    cep: float
    half: float
    diffusivity_cep: float
    diffusivity_nucleus: float
    storage_cep: float = 1.0
    storage_nucleus: float = 1.0
    transfer: float = math.inf
    retardation: float = 1.0
    loss: float = 0.0
    annulus: float = 0.0
    terms: int = 160

    def centre(self, times: Array) -> Array:
        """Return the concentration at the middle plane, shape (n_times,)."""
        return self._steady(0.0) - self._coefficients @ self._decay(times)

    def mean(self, times: Array) -> Array:
        """Return the mean over the nucleus, shape (n_times,)."""
        return self._steady_mean - (self._coefficients * self._mode_means) @ self._decay(times)

    def area(self, times: Array) -> Array:
        """Return the area under :meth:`mean` from 0 on, shape (n_times,) [day]."""
        past = (1 - self._decay(times)) / self._rates[:, None]
        return self._steady_mean * np.asarray(times) - (self._coefficients * self._mode_means) @ past

    def at_depth(self, times: Array, depth: float) -> Array:
        """Return the concentration at a depth below the bone, in either tissue, shape (n_times,)."""
        x = self.cep + self.half - depth
        modes = np.array([self._mode(rate * self.retardation, x)[0] for rate in self._rates])
        return self._steady(x) - (self._coefficients * modes) @ self._decay(times)

    def _decay(self, times: Array) -> Array:
        return np.asarray(np.exp(-self._rates[:, None] * np.asarray(times)))

    @property
    def _conductivities(self) -> tuple[float, float]:
        return self.storage_cep * self.diffusivity_cep, self.storage_nucleus * self.diffusivity_nucleus

    def _squares(self, rate: float) -> tuple[complex, complex]:
        """Return the wave numbers of a mode that decays at ``rate`` over the retardation, in endplate and nucleus."""
        return (
            np.sqrt(complex((rate - self.loss) / self.diffusivity_cep)),
            np.sqrt(complex((rate - self.loss - self.annulus) / self.diffusivity_nucleus)),
        )

    def _mode(self, rate: float, x: float) -> tuple[float, float]:
        """Return a mode and its flux toward the bone at ``x`` from the middle plane, where the mode is 1."""
        (p, q), (outer, inner) = self._squares(rate), self._conductivities
        inside = min(x, self.half)
        value, flux = np.cos(q * inside), -inner * q * np.sin(q * inside)
        if x > self.half:
            y = x - self.half
            sine = np.sin(p * y) / p if p else complex(y)
            value, flux = (
                value * np.cos(p * y) + flux / outer * sine,
                flux * np.cos(p * y) - outer * p * p * value * sine,
            )
        return float(value.real), float(flux.real)

    def _edge(self, rate: float) -> float:
        """Return what is zero at an eigenvalue: the condition at the bone."""
        value, flux = self._mode(rate, self.cep + self.half)
        return value + flux / self.transfer

    @cached_property
    def _rates(self) -> Array:
        """The eigenvalues [1/day], shape (terms,)."""
        travel = self.cep / math.sqrt(self.diffusivity_cep) + self.half / math.sqrt(self.diffusivity_nucleus)
        step = math.pi / travel / _PER_ROOT
        roots: list[float] = []
        left, at_left, index = self.loss, self._edge(self.loss), 0
        while len(roots) < self.terms:
            index += 1
            right = self.loss + (index * step) ** 2
            at_right = self._edge(right)
            if at_left * at_right < 0:
                roots.append(float(brentq(self._edge, left, right, xtol=1e-14 * right, rtol=1e-14)))
            left, at_left = right, at_right
        return np.array(roots) / self.retardation

    @cached_property
    def _mode_means(self) -> Array:
        """The mean of each mode over the nucleus, shape (terms,)."""
        return np.array([self._over_nucleus(rate * self.retardation) / self.half for rate in self._rates])

    def _over_nucleus(self, rate: float) -> float:
        q = self._squares(rate)[1]
        return float((np.sin(q * self.half) / q).real) if q else self.half

    @cached_property
    def _coefficients(self) -> Array:
        """What each mode lacks of the steady profile, shape (terms,): from what drives it at the edge and the annulus."""
        found = []
        for rate in self._rates * self.retardation:
            drive = -self._mode(rate, self.cep + self.half)[1]
            drive += self.storage_nucleus * self.annulus * self._over_nucleus(rate)
            found.append(drive / (rate * self._square_norm(rate)))
        return np.array(found)

    def _square_norm(self, rate: float) -> float:
        (p, q), outer = self._squares(rate), self._conductivities[0]
        inner = self.half / 2 + (np.sin(2 * q * self.half) / (4 * q) if q else self.half / 2)
        value, flux = self._mode(rate, self.half)
        slope, thick = flux / outer, self.cep
        cosine = thick / 2 + np.sin(2 * p * thick) / (4 * p)
        sine = (thick / 2 - np.sin(2 * p * thick) / (4 * p)) / p**2
        cross = (np.sin(p * thick) / p) ** 2 / 2
        ring = value**2 * cosine + 2 * value * slope * cross + slope**2 * sine
        return float((self.storage_nucleus * inner + self.storage_cep * ring).real)

    def _steady(self, x: float) -> float:
        """Return the steady profile at ``x`` from the middle plane."""
        return self._shifted(x)[0] + self._grown * self._mode(0.0, x)[0]

    @cached_property
    def _grown(self) -> float:
        """How much of the mode that does not decay the condition at the bone asks for."""
        edge = self.cep + self.half
        base, base_flux = self._shifted(edge)
        value, flux = self._mode(0.0, edge)
        return (1 - base - base_flux / self.transfer) / (value + flux / self.transfer)

    @property
    def _particular(self) -> float:
        """What annulus and loss alone would hold in the nucleus."""
        return self.annulus / (self.annulus + self.loss) if self.annulus else 0.0

    def _shifted(self, x: float) -> tuple[float, float]:
        """Return a steady profile that is ``_particular`` through the nucleus, carried on into the endplate."""
        if x <= self.half:
            return self._particular, 0.0
        grow, y = math.sqrt(self.loss / self.diffusivity_cep), x - self.half
        return (
            self._particular * math.cosh(grow * y),
            self._conductivities[0] * self._particular * grow * math.sinh(grow * y),
        )

    @property
    def _steady_mean(self) -> float:
        return self._particular + self._grown * self._over_nucleus(0.0) / self.half
