"""Intervals by profile likelihood: how far one parameter may go while the others follow."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate and its interval; an infinite end means that the data set none."""

    estimate: float
    low: float
    high: float


class Profiled(Protocol):
    """Something whose parameters can be held one at a time."""

    low: Array
    high: Array

    def deviance(self, p: Array) -> float:
        """Return minus twice the log likelihood, up to a constant."""

    def fit(self, start: Array | None = None, held: int | None = None, at: float = 0.0) -> Array:
        """Return the best parameters with one of them held."""


def profile_interval(
    problem: Profiled, best: Array, index: int, freedom: int, level: float = 0.95, unit: float = 1.0
) -> Interval:
    """Return where the deviance has risen by the squared quantile of Student's t.

    An end that lies at the parameter's bound is given as infinite.
    """
    from scipy.special import stdtrit

    rise = float(stdtrit(freedom, 0.5 + level / 2)) ** 2
    floor = problem.deviance(best)
    ends = []
    for side, bound in ((-1.0, problem.low[index]), (1.0, problem.high[index])):
        inside, outside, p = float(best[index]), float("nan"), best
        step = 0.05 * (problem.high[index] - problem.low[index])
        while np.isnan(outside):
            place = inside + side * step
            if side * (place - bound) >= 0:
                break
            q = problem.fit(p, index, place)
            if problem.deviance(q) - floor > rise:
                outside = place
            else:
                inside, p, step = place, q, 1.6 * step
        if np.isnan(outside):
            ends.append(side * np.inf)
            continue
        for _ in range(6):  # to a hundredth of the step
            middle = (inside + outside) / 2
            q = problem.fit(p, index, middle)
            if problem.deviance(q) - floor > rise:
                outside = middle
            else:
                inside, p = middle, q
        ends.append((inside + outside) / 2)
    return Interval(float(best[index]) * unit, float(ends[0]) * unit, float(ends[1]) * unit)
