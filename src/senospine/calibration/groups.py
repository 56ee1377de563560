"""What a laboratory would measure in each arm: moments, shares and correlations of single animals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from senospine.assays import TRAITS, readout
from senospine.calibration.animals import Animals
from senospine.calibration.likelihood import Group
from senospine.calibration.lives import Place
from senospine.calibration.noise import NoiseTable

__all__ = ["Measured", "Place"]

Array = NDArray[np.float64]
States = Mapping[Place, Mapping[str, Array]]


@dataclass(frozen=True)
class Measured:
    """Solved states of many candidates, read through assays.

    Attributes
    ----------
    states : mapping of Place to output to array, shape (n_candidates, animals)
    animals : Animals
    noise : mapping of read-out to NoiseTable
    """

    states: States
    animals: Animals
    noise: Mapping[str, NoiseTable]
    _groups: dict[tuple[Place, str], Group] = field(default_factory=dict, init=False, repr=False)

    def expected(self, place: Place, name: str) -> Array:
        """Return each animal's true read-out, shape (n_candidates, animals, nodes of its trait)."""
        states = {output: values[..., None] for output, values in self.states[place].items()}
        found = readout(name).expected(states, self.animals.traits)
        return np.broadcast_to(found, (*found.shape[:2], len(self.animals.weights)))

    def group(self, place: Place, name: str) -> Group:
        """Return mean and SD of one measured animal."""
        if (place, name) not in self._groups:
            mean, variance = self.noise[name].moments(self.expected(place, name))
            within, between = self._parted(mean, mean)
            own = (variance @ self.animals.weights).mean(axis=1)
            centre = (mean @ self.animals.weights).mean(axis=1)
            self._groups[place, name] = Group(centre, np.sqrt(within + between + own))
        return self._groups[place, name]

    def share(self, place: Place, name: str, low: float, high: float) -> Array:
        """Return the probability that one measured animal lies from ``low`` to ``high``, shape (n_candidates,)."""
        inside = self.noise[name].share(self.expected(place, name), low, high)
        return np.asarray((inside @ self.animals.weights).mean(axis=1))

    def correlation(self, place: Place, one: str, other: str) -> Array:
        """Return the correlation of two read-outs measured in the same animals, shape (n_candidates,)."""
        first, second = (self.noise[name].moments(self.expected(place, name))[0] for name in (one, other))
        within, between = self._parted(first, second)
        common = (within if _trait(one, self.states[place]) == _trait(other, self.states[place]) else 0.0) + between
        return np.asarray(common / (self.group(place, one).sd * self.group(place, other).sd))

    def _parted(self, first: Array, second: Array) -> tuple[Array, Array]:
        """Return the covariance of two read-outs by the trait within animals, and by parameters between them."""
        weights = self.animals.weights
        one, other = first @ weights, second @ weights
        within = (((first - one[..., None]) * (second - other[..., None])) @ weights).mean(axis=1)
        count = one.shape[1]
        centred = (one - one.mean(axis=1, keepdims=True)) * (other - other.mean(axis=1, keepdims=True))
        return within, centred.sum(axis=1) / (count - 1)


def _trait(name: str, states: Mapping[str, Array]) -> str:
    """Return the trait that a read-out hangs on; its own name if on none."""
    some = {output: values[:1, :1] for output, values in states.items()}
    still = {trait: np.zeros(1) for trait in TRAITS}
    usual = readout(name).expected(some, still)
    for trait in TRAITS:
        if not np.array_equal(readout(name).expected(some, {**still, trait: np.ones(1)}), usual, equal_nan=True):
            return trait
    return name
