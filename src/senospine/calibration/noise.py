"""Mean and variance of one measurement as smooth functions of the true value, so that a fit can climb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import Readout
from senospine.randomness import stream

Array = NDArray[np.float64]

#: levels at which the assay's noise is sampled, how often, and how far from the middle they reach, as a factor
LEVELS, DRAWS, REACH = 49, 4000, 30.0


@dataclass(frozen=True)
class NoiseTable:
    """An assay's noise, sampled once and interpolated.

    Attributes
    ----------
    levels, mean, variance : ndarray, shape (LEVELS,)
        True values, and mean and variance of what is written down.
    draws : ndarray, shape (LEVELS, DRAWS)
        What was written down, in order of size.
    """

    levels: Array
    mean: Array
    variance: Array
    draws: Array

    @classmethod
    def around(cls, assay: Readout, middle: float, seed: int) -> NoiseTable:
        """Return the table of an assay about a true value; percentages stay below 100.

        Sampled, since assays count, round and cut off; at levels close enough for straight lines between them.
        """
        top = min(middle * REACH, 99.9) if assay.unit == "percent" and middle < 99.9 else middle * REACH
        levels = np.concatenate(([0.0], np.geomspace(max(middle, 1e-6) / REACH, max(top, 1e-5), LEVELS - 1)))
        if assay.unit == "percent":
            levels[0] = levels[1] / 10  # odds of nothing are no odds
        generator = stream(seed, f"calibration/noise/{assay.name}")
        draws = assay.measure(np.repeat(levels[:, None], DRAWS, axis=1), generator)
        return cls(levels, draws.mean(axis=1), draws.var(axis=1), np.sort(draws, axis=1))

    def moments(self, expected: Array) -> tuple[Array, Array]:
        """Return mean and variance of one measurement of animals with the given true values."""
        return np.interp(expected, self.levels, self.mean), np.interp(expected, self.levels, self.variance)

    def share(self, expected: Array, low: float, high: float) -> Array:
        """Return the probability that one measurement of each animal lies from ``low`` to ``high``, ends included.

        Whatever the assay does: a latency at its cut-off, a grade, a count are what they are.
        """
        inside = [
            (np.searchsorted(row, high, side="right") - np.searchsorted(row, low, side="left")) / row.size
            for row in self.draws
        ]
        return np.asarray(np.interp(expected, self.levels, inside))
