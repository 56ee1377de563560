"""The density of a burden that drifts, diffuses and may kill: finite volumes in burden, second order in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Drift = Callable[[float, Array], Array]

_GAMMA = 1 - np.sqrt(0.5)  # of the two-stage L-stable diagonally implicit scheme (Alexander 1977, 10.1137/0714068)


@dataclass(frozen=True)
class Densities:
    """Where the animals are: ``mass`` of shape (n_subjects, n_cells) sums to the share alive, per subject.

    Attributes
    ----------
    centres, widths : numpy.ndarray
        Of the cells, shape (n_cells,).
    """

    centres: Array
    widths: Array
    mass: Array

    @property
    def alive(self) -> Array:
        """Share of animals alive, shape (n_subjects,)."""
        return np.asarray(self.mass.sum(axis=1))

    def mean(self, values: Array) -> Array:
        """Return the mean over animals alive of ``values``, shape (n_cells,) or (n_subjects, n_cells)."""
        return np.asarray((self.mass * values).sum(axis=1) / self.alive)


def edges_to(highest: float, cells: int = 90, finest: float = 0.04) -> Array:
    """Return cell edges from 0 to ``highest``, widths growing geometrically from ``finest``; shape (cells + 1,)."""
    low, high = 1.0, 2.0
    for _ in range(80):
        ratio = (low + high) / 2
        total = finest * cells if ratio == 1 else finest * np.expm1(cells * np.log(ratio)) / (ratio - 1)
        low, high = (ratio, high) if total < highest else (low, ratio)
    widths = finest * ratio ** np.arange(cells)
    return np.asarray(np.concatenate(([0.0], np.cumsum(widths))) * highest / widths.sum())


def solve_density(
    drift: Drift, diffusion: Array, edges: Array, times: Array, *, step: float = 6.0, deadly: bool = False
) -> list[Densities]:
    """Return the density of the burden at ``times``, begun at time 0 with all animals in the first cell.

    Solves dp/dt = -d(v p)/ds + D d2p/ds2. Nothing passes 0. The upper end is a wall too, or death.

    Parameters
    ----------
    drift : callable
        ``drift(time, burden)`` at the inner edges, shape (n_subjects, n_cells - 1) or what broadcasts to it [1/day].
    diffusion : numpy.ndarray
        D, shape (n_subjects,) [burden^2/day], above zero.
    edges : numpy.ndarray
        From 0 up, shape (n_cells + 1,).
    times : numpy.ndarray
        Rising, not negative [day].
    step : float
        Longest step in time [day].
    deadly : bool
        Whether animals that reach the upper end are lost; walls otherwise, and the mass is kept to rounding.

    Notes
    -----
    Fluxes are exponentially fitted (Scharfetter & Gummel 1969, 10.1109/T-ED.1969.16566), so that densities stay
    positive in space at any drift. Cost: two tridiagonal solves a step for all subjects at once.
    """
    widths, centres = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    gaps, diffusion = np.diff(centres), np.asarray(diffusion, dtype=float)[:, None]
    mass = np.zeros((len(diffusion), len(widths)))
    mass[:, 0] = 1.0
    loss = diffusion[:, 0] / ((edges[-1] - centres[-1]) * widths[-1]) if deadly else 0.0

    def matrix(time: float) -> tuple[Array, Array, Array]:
        """Return below, on and above the diagonal of d(mass)/dt."""
        peclet = drift(time, edges[1:-1]) * gaps / diffusion
        up, down = diffusion / gaps * _bernoulli(-peclet), diffusion / gaps * _bernoulli(peclet)
        rise, fall = up / widths[:-1], down / widths[1:]  # per mass, not per density
        main = np.zeros_like(mass)
        main[:, :-1] -= rise
        main[:, 1:] -= fall
        main[:, -1] -= loss
        return rise, main, fall

    now, found = 0.0, []
    for until in np.asarray(times, dtype=float):
        count = int(np.ceil((until - now) / step - 1e-9))
        for _ in range(count):
            mass = _advance(matrix, mass, now, (until - now) / count if count else 0.0)
            count, now = count - 1, now + (until - now) / count
        found.append(Densities(centres, widths, mass.copy()))
    return found


def _advance(matrix: Callable[[float], tuple[Array, Array, Array]], mass: Array, now: float, step: float) -> Array:
    first = _solve(matrix(now + _GAMMA * step), _GAMMA * step, mass)
    slope = (first - mass) / (_GAMMA * step)
    return _solve(matrix(now + step), _GAMMA * step, mass + (1 - _GAMMA) * step * slope)


def _solve(bands: tuple[Array, Array, Array], factor: float, right: Array) -> Array:
    """Return x of (1 - factor A) x = right, subject by subject (Thomas), for all subjects at once."""
    below, main, above = (np.ascontiguousarray(-factor * band.T) for band in bands)
    main += 1.0
    upper, found = np.empty_like(above), np.array(right.T, order="C")
    found[0] /= main[0]
    for i in range(1, len(found)):
        upper[i - 1] = above[i - 1] / main[i - 1]
        main[i] -= below[i - 1] * upper[i - 1]
        found[i] = (found[i] - below[i - 1] * found[i - 1]) / main[i]
    for i in range(len(found) - 2, -1, -1):
        found[i] -= upper[i] * found[i + 1]
    return np.asarray(found.T)


def _bernoulli(x: Array) -> Array:
    """Return x / (exp(x) - 1), 1 at 0."""
    x = np.clip(np.asarray(x, dtype=float), -600.0, 600.0)
    small = np.abs(x) < 1e-8
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 - x / 2, safe / np.expm1(safe))
