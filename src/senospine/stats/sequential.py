"""Group-sequential boundaries: how high the bar stands at each look so that looking often costs no more error.

Test statistics Z_1, ..., Z_K at information t_1 < ... < t_K have the distribution of a Brownian motion B(t) / sqrt(t).
The density of those not yet stopped is carried from look to look by Gauss-Legendre quadrature (Armitage, McPherson and
Rowe 1969, doi 10.2307/2343787; Jennison and Turnbull 1999, doi 10.1201/9780367805326).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

from senospine.errors import AnalysisError, suggest

Array = NDArray[np.float64]
REACH = 8.5  # standard deviations: what lies beyond has a probability of 1e-17
NODES, WEIGHTS = np.polynomial.legendre.leggauss(160)


@dataclass(frozen=True)
class Boundaries:
    """Critical values of a group-sequential test.

    Attributes
    ----------
    information : ndarray, shape (n_looks,)
        Fractions, the last usually one.
    critical : ndarray, shape (n_looks,)
        Stop for success where Z (|Z| if two-sided) is at least this.
    spent : ndarray, shape (n_looks,)
        Cumulative type I error.
    sided : int
        1 or 2.
    name : str
    """

    information: Array
    critical: Array
    spent: Array
    sided: int
    name: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row a look: information, critical value, nominal p (as sided), cumulative alpha."""
        return pd.DataFrame(
            {
                "information": self.information,
                "critical": self.critical,
                "nominal_p": self.sided * special.ndtr(-self.critical),
                "spent": self.spent,
            },
            index=pd.RangeIndex(1, len(self.critical) + 1, name="look"),
        )

    def power(self, drift: float) -> Array:
        """Return the cumulative probability of having stopped for success at each look, shape (n_looks,).

        Parameters
        ----------
        drift : float
            Expected Z at full information; 3.24 gives a single look at two-sided 5 % a power of 90 %.
        """
        return np.cumsum(stopping_probabilities(self.information, self.critical, sided=self.sided, drift=drift))

    def drift(self, power: float) -> float:
        """Return the drift that gives this power; its square over that of one look is the inflation of sample size."""
        if not self.spent[-1] < power < 1:
            raise AnalysisError(f"power must lie between alpha and 1, got {power}")
        return float(brentq(lambda drift: self.power(drift)[-1] - power, 0.0, 30.0, xtol=1e-10))


def stopping_probabilities(information: ArrayLike, critical: ArrayLike, *, sided: int = 2, drift: float = 0.0) -> Array:
    """Return the probability of stopping for success first at each look, shape (n_looks,).

    Parameters
    ----------
    information, critical : array_like, shape (n_looks,)
    sided : 1 or 2
        One-sided success is Z >= critical; two-sided |Z| >= critical.
    drift : float
        Expected Z at information one.
    """
    times, bars = _times(information), np.asarray(critical, float)
    process = _Process(drift, sided)
    return np.array([process.look(time, bar) for time, bar in zip(times, bars, strict=True)])


class _Process:
    """The score B(t) of trials that have not stopped, as a density on quadrature nodes."""

    def __init__(self, drift: float, sided: int) -> None:
        self.drift, self.sided, self.time = drift, sided, 0.0
        self.nodes, self.mass = np.zeros(1), np.ones(1)  # all trials begin at zero

    def beyond(self, time: float, bar: float) -> float:
        """Return the probability of crossing at this look."""
        step, place = self._step(time)
        found = special.ndtr((place - bar * time**0.5) / step)
        if self.sided == 2:
            found = found + special.ndtr((-bar * time**0.5 - place) / step)
        return float(self.mass @ found)

    def look(self, time: float, bar: float) -> float:
        """Return the probability of crossing, and go on with those that did not."""
        crossed = self.beyond(time, bar)
        step, place = self._step(time)
        reach = REACH * time**0.5
        high = min(bar * time**0.5, self.drift * time + reach)
        low = max(-bar * time**0.5 if self.sided == 2 else -np.inf, self.drift * time - reach)
        half = max(high - low, 0.0) / 2
        nodes = low + half * (NODES + 1)
        density = np.exp(-0.5 * ((nodes[:, None] - place) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        self.nodes, self.mass, self.time = nodes, half * WEIGHTS * (density @ self.mass), time
        return crossed

    def _step(self, time: float) -> tuple[float, Array]:
        return (time - self.time) ** 0.5, self.nodes + self.drift * (time - self.time)


def spending_obrien_fleming(alpha: float, fraction: Array, sided: int = 2) -> Array:
    """Return alpha spent by Lan and DeMets' O'Brien-Fleming-type function (1983, doi 10.1093/biomet/70.3.659)."""
    each = alpha / sided
    return np.asarray(sided * 2 * special.ndtr(special.ndtri(each / 2) / np.sqrt(fraction)))


def spending_pocock(alpha: float, fraction: Array, sided: int = 2) -> Array:
    """Return alpha spent by Lan and DeMets' Pocock-type function, alpha log(1 + (e - 1) t)."""
    return np.asarray(alpha * np.log1p((math.e - 1) * fraction))


SPENDING: dict[str, Callable[[float, Array, int], Array]] = {
    "obrien-fleming": spending_obrien_fleming,
    "pocock": spending_pocock,
}


def spending_boundaries(
    information: ArrayLike, *, alpha: float = 0.05, sided: int = 2, spending: str = "obrien-fleming"
) -> Boundaries:
    """Return boundaries that spend alpha as a function of information, at looks planned or as they came.

    Parameters
    ----------
    information : array_like, shape (n_looks,)
        Fractions of the planned information, rising, at most one.
    alpha : float
        In all; for ``sided=2`` both sides together.
    sided : 1 or 2
    spending : "obrien-fleming" or "pocock"

    Raises
    ------
    AnalysisError
        Looks out of order, an unknown function, or an alpha outside (0, 1).

    Examples
    --------
    >>> spending_boundaries([0.5, 1.0]).critical.round(3).tolist()
    [2.963, 1.969]
    """
    times = _times(information)
    _check(alpha, sided)
    if spending not in SPENDING:
        raise AnalysisError(f"no spending function {spending!r}", remedy=suggest(spending, SPENDING))
    spent = SPENDING[spending](alpha, times, sided)
    process, critical = _Process(0.0, sided), []
    for time, part in zip(times, np.diff(spent, prepend=0.0), strict=True):
        if process.beyond(time, REACH) >= part:
            bar = REACH  # so little is spent that no result could reach it
        else:
            bar = brentq(lambda x, time=time, part=part: process.beyond(time, x) - part, 0.0, REACH, xtol=1e-12)
        critical.append(float(bar))
        process.look(time, bar)
    return Boundaries(times, np.array(critical), spent, sided, f"{spending} spending")


def classical_boundaries(
    looks: int, *, alpha: float = 0.05, sided: int = 2, shape: str = "obrien-fleming"
) -> Boundaries:
    """Return the boundaries of O'Brien and Fleming (1979) or Pocock (1977) for equally spaced looks.

    Critical values are C sqrt(K / k) (doi 10.2307/2530245) or C (doi 10.1093/biomet/64.2.191).

    Examples
    --------
    >>> classical_boundaries(5, shape="pocock").critical.round(3).tolist()
    [2.413, 2.413, 2.413, 2.413, 2.413]
    """
    _check(alpha, sided)
    if looks < 1:
        raise AnalysisError(f"need at least one look, got {looks}")
    shapes = {"obrien-fleming": -0.5, "pocock": 0.0}
    if shape not in shapes:
        raise AnalysisError(f"no shape {shape!r}", remedy=suggest(shape, shapes))
    times = np.arange(1, looks + 1) / looks
    form = times ** shapes[shape]
    constant = brentq(
        lambda c: stopping_probabilities(times, c * form, sided=sided).sum() - alpha, 0.01, REACH, xtol=1e-12
    )
    spent = np.cumsum(stopping_probabilities(times, constant * form, sided=sided))
    return Boundaries(times, constant * form, spent, sided, shape)


def _times(information: ArrayLike | Sequence[float]) -> Array:
    times = np.asarray(information, float)
    if times.ndim != 1 or len(times) < 1 or not (np.diff(times, prepend=0.0) > 0).all() or times[-1] > 1 + 1e-12:
        raise AnalysisError("information must rise from above 0 to at most 1", remedy="for instance [0.5, 1.0]")
    return times


def _check(alpha: float, sided: int) -> None:
    if not 0 < alpha < 1:
        raise AnalysisError(f"alpha must lie between 0 and 1, got {alpha}")
    if sided not in {1, 2}:
        raise AnalysisError(f"a test is one-sided or two-sided, got {sided}", remedy="say sided=1 or sided=2")
