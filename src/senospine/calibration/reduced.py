"""A few parameters of a problem, solved once on a grid: fits of it cost a fraction of a second, so many can be made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from senospine.calibration.priors import Priors
from senospine.calibration.problem import Problem
from senospine.calibration.ranks import Ranks, ranks_of
from senospine.calibration.simulated import outcomes
from senospine.calibration.tempering import temper
from senospine.evidence import Fact
from senospine.randomness import stream

Array = NDArray[np.float64]

#: what the shipped check frees: how many cells, how much pain, how much kill
FREE = ("senescence_instability_gain", "pain_mechanical_exponent", "navitoclax_kill_rate_max")
STUDY = "pan2024-lsi"
#: how far the grid goes in prior SDs, and nodes along each parameter
REACH, NODES = 3.5, 11


@dataclass(frozen=True)
class Reduced:
    """A problem of few parameters whose facts are stars and counts, read off a grid.

    Attributes
    ----------
    priors : Priors
    published : tuple of Fact
    options : tuple of tuple of Fact
        Of each fact everything a paper could have said.
    table : ndarray, shape (nodes, ..., n_options)
        Log probability of every option; what stands between nodes is interpolated and normalised again.
    said : tuple of int
        Which option of each fact is taken as printed.
    """

    priors: Priors
    published: tuple[Fact, ...]
    options: tuple[tuple[Fact, ...], ...]
    table: Array
    said: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, free: Sequence[str] = FREE, study: str = STUDY, nodes: int = NODES) -> Reduced:
        """Return a problem's reduction to some parameters and one study; the others stay at the register's values.

        Cost: ``nodes`` to the power of the parameters, in likelihoods.
        """
        plain = problem.without_factors()
        rows = tuple(row for row in plain.facts if row.study == study and outcomes(row))
        rest = {row.name: row.value for row in plain.priors.rows if row.name not in free}
        few = replace(plain, facts=rows, fixed={**plain.fixed, **rest})
        options = tuple(outcomes(row) for row in rows)
        grid = np.linspace(-REACH, REACH, nodes)
        points = np.stack(np.meshgrid(*[grid] * len(free), indexing="ij"), axis=-1).reshape(-1, len(free))
        logs = few.with_facts(item for group in options for item in group).log_likelihoods(points)
        said = tuple(group.index(row) for group, row in zip(options, rows, strict=True))
        return cls(few.priors, rows, options, logs.reshape(*[nodes] * len(free), -1), said)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is taken as printed."""
        return tuple(group[which] for group, which in zip(self.options, self.said, strict=True))

    @property
    def weights(self) -> Array:
        """Every fact counts once."""
        return np.ones(len(self.published))

    @property
    def identity(self) -> dict[str, Any]:
        """See :class:`Problem`."""
        return {"free": self.priors.names, "facts": [row.id for row in self.published], "said": list(self.said)}

    @cached_property
    def _interpolated(self) -> RegularGridInterpolator:
        grid = np.linspace(-REACH, REACH, self.table.shape[0])
        return RegularGridInterpolator([grid] * (self.table.ndim - 1), self.table)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum([0] + [len(group) for group in self.options])[:-1]

    def _read(self, normal: Array) -> tuple[Array, Array]:
        """Return log probabilities of options, (n, n_options), and the logarithm of each fact's sum, (n, n_facts)."""
        found = self._interpolated(np.clip(np.atleast_2d(normal), -REACH, REACH))
        return found, np.log(np.add.reduceat(np.exp(found), self._starts, axis=1))

    def log_likelihoods(self, normal: Array) -> Array:
        """See :class:`Problem`."""
        found, whole = self._read(normal)
        return np.asarray(found[:, self._starts + np.array(self.said)] - whole)

    def simulated(self, truth: Array, generator: np.random.Generator) -> Reduced:
        """Return the problem with facts as papers would print them if ``truth`` were true."""
        found, _ = self._read(truth)
        chances = np.split(np.exp(found[0]), self._starts[1:])
        said = tuple(int(generator.choice(len(part), p=part / part.sum())) for part in chances)
        shared = replace(self, said=said)
        shared.__dict__.update({name: getattr(self, name) for name in ("_interpolated", "_starts")})
        return shared


def reduced_ranks(
    reduced: Reduced, *, replicates: int = 200, walkers: int = 64, polish: int = 6, seed: int = 1, stretch: float = 1.0
) -> Ranks:
    """Return ranks of simulation-based calibration of a reduced problem, by the sampler that fits the full one.

    Parameters
    ----------
    reduced : Reduced
    replicates : int
    walkers, polish : int
        See :func:`temper`.
    seed : int
    stretch : float
        Factor on the likelihood's logarithm in fitting, not in simulating: other than 1 it is deliberately wrong.
    """
    count = len(reduced.priors.names)
    truths = np.array([stream(seed, "calibration/ranks/truth", i).standard_normal(count) for i in range(replicates)])

    def fit(number: int, truth: Array) -> Array:
        data = reduced.simulated(truth, stream(seed, "calibration/ranks/data", number))
        problem = data if math.isclose(stretch, 1.0) else _Stretched(data, stretch)
        return temper(problem, walkers=walkers, seed=seed + number, polish=polish).normal

    return ranks_of(reduced.priors.names, truths, fit, seed)


@dataclass(frozen=True)
class _Stretched:
    """A reduced problem whose facts count for more, or less, than they should."""

    right: Reduced
    factor: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)

    @property
    def weights(self) -> Array:
        return self.factor * self.right.weights
