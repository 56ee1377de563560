"""What two drugs do together if they do not interact: three answers, which disagree.

Bliss 1939 (doi 10.1111/j.1744-7348.1939.tb06990.x): each drug spares its own share, independently. Loewe and Muischnek
1926 (doi 10.1007/BF01952257): a drug can be replaced by its equal dose of the other. Highest single agent (Berenbaum
1989): the better one alone. Effects are fractions affected: 0 untreated, 1 everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.stats.surfaces.curves import DoseResponse

Array = NDArray[np.float64]

#: halvings that find an effect to the last bit of a double
_HALVINGS = 60


def bliss(affected_a: ArrayLike, affected_b: ArrayLike) -> Array:
    """Return the fraction affected by two drugs that act independently.

    Examples
    --------
    >>> round(float(bliss(0.3, 0.4)), 3)
    0.58
    """
    a, b = np.asarray(affected_a, dtype=float), np.asarray(affected_b, dtype=float)
    return np.asarray(a + b - a * b)


def highest_single_agent(affected_a: ArrayLike, affected_b: ArrayLike) -> Array:
    """Return the larger of two fractions affected."""
    return np.asarray(np.maximum(np.asarray(affected_a, dtype=float), np.asarray(affected_b, dtype=float)))


def interaction_index(
    dose_a: ArrayLike, dose_b: ArrayLike, effect: ArrayLike, curve_a: DoseResponse, curve_b: DoseResponse
) -> Array:
    """Return the interaction index: what the doses are worth, in doses of the single drugs with the same effect.

    Below 1 together they need less than they should (synergy), above 1 more. NaN where no dose of one of the drugs
    has the effect: Loewe's additivity says nothing there.

    Examples
    --------
    >>> from senospine.stats.surfaces import Hill
    >>> drug = Hill(1.0, 0.0, 2.0, 1.5)
    >>> round(float(interaction_index(1.0, 3.0, drug.effect(4.0), drug, drug)), 12)
    1.0
    """
    a, b = np.asarray(dose_a, dtype=float), np.asarray(dose_b, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a / curve_a.dose(effect) + b / curve_b.dose(effect))


def loewe(
    dose_a: ArrayLike, dose_b: ArrayLike, curve_a: DoseResponse, curve_b: DoseResponse, none: float, most: float
) -> Array:
    """Return the effect at which the interaction index is 1, by halving the interval of effects.

    Parameters
    ----------
    dose_a, dose_b : array_like
        Broadcast.
    none, most : float
        Effect without drug, and the largest that both curves reach; the answer lies between them, or is NaN.
    """
    a, b = np.broadcast_arrays(np.asarray(dose_a, dtype=float), np.asarray(dose_b, dtype=float))
    low, high = np.full(a.shape, float(none)), np.full(a.shape, float(most))
    beyond = interaction_index(a, b, high, curve_a, curve_b)
    reached = (beyond <= 1 + 1e-12) | ((a == 0) & (b == 0))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = interaction_index(a, b, middle, curve_a, curve_b) <= 1  # a larger effect is worth a larger dose
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    found = np.where((a == 0) & (b == 0), none, (low + high) / 2)
    return np.asarray(np.where(reached, found, np.nan))
