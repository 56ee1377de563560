"""Dose-response curves of one drug, and their inverse: which dose has this effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError

Array = NDArray[np.float64]


class DoseResponse(Protocol):
    """A curve that knows which dose has an effect."""

    def dose(self, effect: ArrayLike) -> Array:
        """Return the dose of each effect; NaN where no dose has it."""


@dataclass(frozen=True)
class Hill:
    """A Hill curve from ``e0`` without drug to ``e1`` at the largest dose (Hill 1910).

    Attributes
    ----------
    e0, e1 : float
        In the effect's unit; the curve may fall or rise.
    c : float
        Dose half-way between them.
    h : float
        Steepness.

    Examples
    --------
    >>> curve = Hill(e0=1.0, e1=0.0, c=2.0, h=1.0)
    >>> float(curve.effect(6.0)), float(curve.dose(0.25))
    (0.25, 6.0)
    """

    e0: float
    e1: float
    c: float
    h: float

    def effect(self, dose: ArrayLike) -> Array:
        """Return the effect of each dose."""
        bound = (np.asarray(dose, dtype=float) / self.c) ** self.h
        return np.asarray((self.e0 + self.e1 * bound) / (1 + bound))

    def dose(self, effect: ArrayLike) -> Array:
        """Return the dose of each effect; NaN where no dose has it."""
        level = np.asarray(effect, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            bound = (level - self.e0) / (self.e1 - level)
            return np.asarray(np.where(bound >= 0, self.c * np.abs(bound) ** (1 / self.h), np.nan))


class Tabulated:
    """A curve known at some doses; between them, its inverse is a monotone cubic (PCHIP).

    Parameters
    ----------
    doses : array_like, shape (n,)
        Rising; the first is zero.
    effects : array_like, shape (n,)

    Attributes
    ----------
    monotone : bool
        Whether every further dose does more in one direction. A curve that turns has no inverse: every dose it is
        asked for is NaN.

    Examples
    --------
    >>> curve = Tabulated([0, 1, 2, 4], [0.0, 0.3, 0.5, 0.7])
    >>> [round(float(d), 3) for d in curve.dose([0.3, 0.7, 0.8])]
    [1.0, 4.0, nan]
    """

    def __init__(self, doses: ArrayLike, effects: ArrayLike) -> None:
        x, y = np.asarray(doses, dtype=float), np.asarray(effects, dtype=float)
        if x.ndim != 1 or x.shape != y.shape or len(x) < 2 or (np.diff(x) <= 0).any() or x[0] != 0:
            raise AnalysisError(
                "a tabulated curve needs two rising doses or more, the first of them zero, and an effect for each"
            )
        steps = np.diff(y)
        self.monotone = bool((steps > 0).all() or (steps < 0).all())
        self._sign = 1.0 if steps[0] > 0 else -1.0
        if self.monotone:
            from scipy.interpolate import PchipInterpolator

            self._inverse = PchipInterpolator(self._sign * y, x, extrapolate=False)

    def dose(self, effect: ArrayLike) -> Array:
        """Return the dose of each effect; NaN where no dose in the table has it."""
        level = self._sign * np.asarray(effect, dtype=float)
        return np.asarray(self._inverse(level)) if self.monotone else np.full(level.shape, np.nan)


def fit_hill(dose: ArrayLike, effect: ArrayLike, weight: ArrayLike = 1.0) -> Hill:
    """Return the Hill curve nearest to effects by weighted least squares.

    Parameters
    ----------
    dose, effect : array_like, shape (n,)
    weight : array_like
        Inverse standard errors.

    Raises
    ------
    AnalysisError
        Fewer than four different doses: four parameters cannot be told.
    """
    from scipy.optimize import least_squares

    x, y = np.asarray(dose, dtype=float), np.asarray(effect, dtype=float)
    if len(np.unique(x)) < 4 or (x < 0).any() or not np.isfinite(y).all():
        raise AnalysisError("a Hill curve needs four different doses of zero or more, and a finite effect for each")
    w = np.broadcast_to(np.asarray(weight, dtype=float), y.shape)
    scale = float(np.median(x[x > 0]))
    first, last = float(y[x == x.min()].mean()), float(y[x == x.max()].mean())

    def off(p: Array) -> Array:
        return np.asarray(w * (Hill(p[0], p[1], scale * np.exp(p[2]), np.exp(p[3])).effect(x) - y))

    room = 3 * max(float(np.ptp(y)), 1e-12)
    low = [y.min() - room, y.min() - room, -7.0, np.log(0.1)]
    high = [y.max() + room, y.max() + room, 7.0, np.log(10)]
    starts = ([first, last, shift, 0.0] for shift in (-1.0, 0.0, 1.0))
    best = min((least_squares(off, p, bounds=(low, high), x_scale="jac") for p in starts), key=lambda r: r.cost)
    e0, e1, log_c, log_h = best.x
    return Hill(float(e0), float(e1), float(scale * np.exp(log_c)), float(np.exp(log_h)))
