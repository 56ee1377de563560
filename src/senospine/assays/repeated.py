"""A person measured again: which part of what stands between state and record is the same as last time.

A record is made of deviates that are drawn afresh for every person. Two records of one person share some of them: the
first one's deviates are kept, ``lasting`` tells what of them is the person's and not the visit's, and ``again`` adds
what is new at another visit. Any two records are then as alike as the first is to any later one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from senospine.assays.readout import Array, value_of


class Deviates(Protocol):
    """How deviates of records are drawn, shape (n_deviates, n_people), and drawn again."""

    def draw(self, people: int, generator: np.random.Generator) -> Array:
        """Return the deviates of one record."""

    def lasting(self, drawn: Array, generator: np.random.Generator) -> Array:
        """Return what lasts, given the deviates of a first record."""

    def again(self, lasting: Array, generator: np.random.Generator) -> Array:
        """Return the deviates of one more record of the same people."""


@dataclass(frozen=True)
class Normals:
    """Standard normals: ``shares`` tells of each which share of its variance lasts.

    Examples
    --------
    >>> kind = Normals(lambda: (0.8, 0.0))
    >>> first = kind.draw(40_000, np.random.default_rng(1))
    >>> lasting = kind.lasting(first, np.random.default_rng(2))
    >>> later = kind.again(lasting, np.random.default_rng(3))
    >>> [round(abs(float(np.corrcoef(a, b)[0, 1])), 1) for a, b in zip(first, later)]
    [0.8, 0.0]
    """

    shares: Callable[[], tuple[float, ...]]

    def draw(self, people: int, generator: np.random.Generator) -> Array:
        """Return the deviates of one record."""
        return generator.standard_normal((len(self.shares()), people))

    def lasting(self, drawn: Array, generator: np.random.Generator) -> Array:
        """Return what lasts, given the deviates of a first record."""
        return self.again(drawn, generator)  # two normals with this correlation stand to each other alike

    def again(self, lasting: Array, generator: np.random.Generator) -> Array:
        """Return the deviates of one more record of the same people."""
        share = np.array(self.shares())[:, None]
        fresh = generator.standard_normal(lasting.shape[::-1]).T  # a person's do not depend on who follows
        return np.asarray(np.sqrt(share) * lasting + np.sqrt(1 - share) * fresh)


@dataclass(frozen=True)
class Copied:
    """Uniform deviates: ``chances`` tells of each how likely two records of a person share it; all or none by one coin.

    Both are copies of what lasts, each with the root of that chance.
    """

    chances: Callable[[], tuple[float, ...]]

    def draw(self, people: int, generator: np.random.Generator) -> Array:
        """Return the deviates of one record."""
        return generator.random((len(self.chances()), people))

    def lasting(self, drawn: Array, generator: np.random.Generator) -> Array:
        """Return what lasts, given the deviates of a first record."""
        return self.again(drawn, generator)

    def again(self, lasting: Array, generator: np.random.Generator) -> Array:
        """Return the deviates of one more record of the same people."""
        rows, people = lasting.shape
        chance = generator.random((people, rows + 1)).T
        return np.where(chance[-1] < np.sqrt(self.chances())[:, None], lasting, chance[:-1])


def same_reader(name: str) -> Copied:
    """Return the deviates of one reader who reads all images of a person: whether the truth is seen, and the guess.

    With chance r the reader repeats the last reading's deviates, so that within a reader kappa is r + (1 - r) times
    that between readers; both are rows of the register.
    """

    def chances() -> tuple[float, float]:
        within, between = value_of(f"{name}_kappa_within"), value_of(f"{name}_kappa")
        share = (within - between) / (1 - between)
        return share, share

    return Copied(chances)
