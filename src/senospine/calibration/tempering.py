"""Walkers brought from the prior to the posterior by tempering, and moved there; what a longer run is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.journal import Arrays
from senospine.calibration.priors import Priors
from senospine.calibration.proposals import Reference, propose
from senospine.errors import CalibrationError
from senospine.evidence import Fact
from senospine.randomness import stream

Array = NDArray[np.float64]

#: effective share of the particles that a step of the temperature leaves
KEPT = 0.5
#: share of proposals accepted that the step is steered to
ACCEPTED = 0.3
#: groups of walkers that never exchange: each tempers by itself, so that they can be held against each other
ISLANDS = 4
#: sweeps of a round, of which the last one is kept
SWEEPS = 8


class Sampled(Protocol):
    """What :func:`sample` needs of a problem."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """See :class:`Problem`."""

    @property
    def priors(self) -> Priors:
        """See :class:`Problem`."""

    @property
    def weights(self) -> Array:
        """See :class:`Problem`."""

    @property
    def identity(self) -> dict[str, Any]:
        """See :class:`Problem`."""

    def log_likelihoods(self, normal: Array) -> Array:
        """See :class:`Problem`."""


@dataclass(frozen=True)
class State:
    """Everything the next round depends on."""

    normal: Array  # (n_walkers, n_parameters)
    facts: Array  # log-likelihood of each fact, (n_walkers, n_facts)
    temperature: float
    evidence: Array  # log evidence so far, one an island
    reference: Reference
    step: float
    adapted: int  # rounds of adaptation done
    sampled: int  # rounds of sampling done
    accepted: float

    def arrays(self) -> Arrays:
        """Return arrays to be kept; of rounds of sampling without the reference, which stays."""
        numbers = np.array([self.temperature, self.step, float(self.adapted), float(self.sampled), self.accepted])
        kept = {"normal": self.normal, "facts": self.facts, "evidence": self.evidence, "numbers": numbers}
        if not self.sampled:
            kept |= {"mean": self.reference.mean, "covariance": self.reference.covariance}
        return kept

    @classmethod
    def read(cls, kept: Arrays, before: State | None) -> State:
        """Return what was kept after the state before."""
        temperature, step, adapted, sampled, accepted = (float(number) for number in kept["numbers"])
        if "mean" in kept:
            reference = Reference(kept["mean"], kept["covariance"])
        else:
            assert before is not None  # the first round keeps its reference
            reference = before.reference
        return cls(
            kept["normal"], kept["facts"], temperature, kept["evidence"], reference, step, int(adapted), int(sampled),
            accepted,
        )  # fmt: skip


@dataclass(frozen=True)
class Sampler:
    """How walkers begin, are tempered and moved; each call decides its draws by the seed and the round's number."""

    problem: Sampled
    walkers: int
    seed: int

    @cached_property
    def _weights(self) -> Array:
        return self.problem.weights

    def _heights(self, facts: Array) -> Array:
        """Return tempered log-likelihoods; where a fact is impossible, minus infinity."""
        with np.errstate(invalid="ignore"):
            found = facts @ self._weights
        return np.where(np.isnan(found), -math.inf, found)

    def begin(self) -> State:
        """Return draws from the prior."""
        p = len(self.problem.priors.names)
        normal = stream(self.seed, "calibration/sample/begin").standard_normal((self.walkers, p))
        facts = self.problem.log_likelihoods(normal)
        alive = np.isfinite(self._heights(facts)).reshape(ISLANDS, -1).any(axis=1)
        if not alive.all():
            raise CalibrationError(
                "no draw from the prior has a finite likelihood", why="animals cannot be solved, or facts are excluded",
                remedy="run 'senospine simulate' on the studies and look at the failures; or narrow the priors",
            )  # fmt: skip
        return State(normal, facts, 0.0, np.zeros(ISLANDS), Reference.of_prior(p), 0.5, 0, 0, 0.0)

    def tempered(self, state: State, number: int) -> State:
        """Return the state one step nearer to the posterior: reweighted, resampled, moved."""
        heights = self._heights(state.facts).reshape(ISLANDS, -1)
        temperature = _next_temperature(heights, state.temperature)
        logs = (temperature - state.temperature) * np.where(np.isfinite(heights), heights, -np.inf)
        top = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - top)
        evidence = state.evidence + np.log(weights.mean(axis=1)) + top[:, 0]
        per = heights.shape[1]
        chosen = np.empty((ISLANDS, per), dtype=np.int64)
        offsets = stream(self.seed, "calibration/sample/resample", number).random(ISLANDS)
        for island in range(ISLANDS):
            edges = np.cumsum(weights[island]) / weights[island].sum()
            chosen[island] = island * per + np.searchsorted(edges, (np.arange(per) + offsets[island]) / per)
        picked = np.minimum(chosen.reshape(-1), self.walkers - 1)
        reference = Reference.of_draws(state.normal[picked], KEPT * self.walkers)
        now = replace(
            state, normal=state.normal[picked], facts=state.facts[picked], temperature=temperature,
            evidence=evidence, reference=reference,
        )  # fmt: skip
        return self.moved(now, number, steer=True)

    def moved(self, state: State, number: int, *, steer: bool) -> State:
        """Return the state after a round of sweeps."""
        accepted, step = [], state.step
        for sweep in range(SWEEPS):
            generator = stream(self.seed, f"calibration/sample/move/{sweep}", number)
            found, balance = propose(state.reference, state.normal, step, generator)
            facts = self.problem.log_likelihoods(found)
            old, new = self._heights(state.facts), self._heights(facts)
            ratio = state.temperature * (new - old) + balance
            ratio -= 0.5 * ((found**2).sum(axis=1) - (state.normal**2).sum(axis=1))
            take = np.log(generator.random(self.walkers)) < np.where(np.isfinite(new), ratio, -np.inf)
            state = replace(
                state, normal=np.where(take[:, None], found, state.normal),
                facts=np.where(take[:, None], facts, state.facts),
            )  # fmt: skip
            accepted.append(float(take.mean()))
            if steer:
                step = float(np.clip(step * math.exp(0.7 * (accepted[-1] - ACCEPTED)), 0.02, 0.99))
        return replace(state, step=step, accepted=float(np.mean(accepted)))


def _next_temperature(heights: Array, now: float) -> float:
    """Return the largest temperature at which every island keeps its effective share, at most one."""

    def share(temperature: float) -> float:
        logs = (temperature - now) * heights
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return float((weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)).min() / heights.shape[1])

    if share(1.0) >= KEPT:
        return 1.0
    low, high = now, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) >= KEPT else (low, middle)
    return max(low, now + 1e-6)


@dataclass(frozen=True)
class Tempered:
    """Walkers that tempering alone brought from the prior to the posterior.

    Attributes
    ----------
    normal : ndarray, shape (n_walkers, n_parameters)
    facts : ndarray, shape (n_walkers, n_facts)
        Log-likelihood of each fact.
    log_evidence : ndarray, shape (islands,)
    """

    normal: Array
    facts: Array
    log_evidence: Array


def temper(problem: Sampled, *, walkers: int = 256, seed: int = 20240913, polish: int = 0) -> Tempered:
    """Return walkers at the posterior and the evidence, without a long run behind them.

    Cost: some 6 to 10 rounds of eight sweeps; for the mouse a minute of processor time with 256 walkers.

    Parameters
    ----------
    problem : Problem
    walkers : int
        A multiple of four.
    seed : int
    polish : int
        Rounds at the posterior behind the tempering.
    """
    sampler = Sampler(problem, walkers, seed)
    state, number = sampler.begin(), 0
    while state.temperature < 1:
        number += 1
        state = sampler.tempered(state, number)
    for extra in range(polish):
        state = sampler.moved(state, number + 1 + extra, steer=True)
    return Tempered(state.normal, state.facts, state.evidence)


def refuse_impossible(problem: Sampled) -> None:
    """Raise a CalibrationError that names the first fact without a finite likelihood at the register's values."""
    centre = problem.priors.centre
    for row, u in zip(problem.priors.rows, centre, strict=True):
        if not np.isfinite(u):
            raise CalibrationError(
                f"the prior of '{row.name}' excludes its own value {row.value:g}",
                why=f"{row.prior} from {row.low:g} to {row.high:g} {row.unit}".rstrip(),
                remedy="correct 'low', 'high' or the value in the register",
            )
    found = problem.log_likelihoods(centre[None])[0]
    if not np.isfinite(found).all():
        fact = problem.facts[int(np.flatnonzero(~np.isfinite(found))[0])]
        raise CalibrationError(
            f"the likelihood of '{fact.id}' is not finite at the register's values",
            where=fact.where,
            why="an animal of one of its arms could not be solved, or its read-out has no number there",
            remedy="run 'senospine simulate' on its study and look at the failures",
        )
