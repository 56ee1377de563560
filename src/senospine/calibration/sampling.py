"""Draws from the posterior: walkers brought from the prior by tempering, then moved together through the engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.diagnostics import bulk_effective, diagnose
from senospine.calibration.journal import Arrays, Journal
from senospine.calibration.posterior import Posterior
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
#: sweeps of a round, of which the last one is kept; rounds that adapt after tempering; rounds of sampling at most
SWEEPS, ADAPTING, ROUNDS = 8, 12, 2000
#: every how many rounds it is looked whether to stop
LOOK = 20
#: share of the walkers that a round of adaptation is taken to renew
RENEWED = 0.2


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
class Progress:
    """How far a run is."""

    phase: str
    round: int
    temperature: float
    effective: float  # smallest bulk effective size of a parameter, NaN before the first look
    accepted: float


@dataclass(frozen=True)
class _State:
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
    def read(cls, kept: Arrays, before: _State | None) -> _State:
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


class _Kept:
    """What rounds left: positions while the moves adapt, then draws."""

    def __init__(self) -> None:
        self._adapting: list[Array] = []
        self._normal: list[NDArray[np.float32]] = []
        self._facts: list[NDArray[np.float32]] = []
        self._accepted: list[float] = []
        self.effective = math.nan

    @property
    def count(self) -> int:
        """Rounds of sampling."""
        return len(self._normal)

    @property
    def accepted(self) -> float:
        """Mean share of proposals accepted while sampling."""
        return float(np.mean(self._accepted))

    def add(self, state: _State) -> None:
        """Take a round in."""
        if state.sampled:
            self._normal.append(state.normal.astype(np.float32))
            self._facts.append(state.facts.astype(np.float32))
            self._accepted.append(state.accepted)
        elif state.temperature == 1:
            self._adapting.append(state.normal)

    def reference(self) -> Reference:
        """Return the reference that the later half of the rounds of adaptation gives."""
        half = self._adapting[len(self._adapting) // 2 :]
        walkers = len(half[0])
        return Reference.of_draws(np.vstack(half), walkers * (1 + RENEWED * (len(half) - 1)))

    def chains(self) -> NDArray[np.float32]:
        """Return all draws, shape (n_walkers, n_rounds, n_parameters)."""
        return np.stack(self._normal, axis=1)

    def enough(self, effective: float) -> bool:
        """Return whether walkers have converged; looked at every :data:`LOOK` rounds, the cheap sign first."""
        if self.count % LOOK:
            return False
        self.effective = float(bulk_effective(self.chains()).min())
        return self.effective >= effective and diagnose(self.chains(), ISLANDS).converged(effective)

    def thinned(self, draws: int) -> tuple[Array, Array]:
        """Return draws and their facts, evenly over rounds and walkers."""
        total = self.count * len(self._normal[0])
        which = np.linspace(0, total - 1, min(draws, total)).round().astype(int)
        normal, facts = (np.concatenate(item)[which].astype(float) for item in (self._normal, self._facts))
        return normal, facts


@dataclass(frozen=True)
class _Sampler:
    problem: Sampled
    walkers: int
    seed: int
    adapting: int = ADAPTING

    @cached_property
    def _weights(self) -> Array:
        return self.problem.weights

    def _heights(self, facts: Array) -> Array:
        """Return tempered log-likelihoods; where a fact is impossible, minus infinity."""
        with np.errstate(invalid="ignore"):
            found = facts @ self._weights
        return np.where(np.isnan(found), -math.inf, found)

    def begin(self) -> _State:
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
        return _State(normal, facts, 0.0, np.zeros(ISLANDS), Reference.of_prior(p), 0.5, 0, 0, 0.0)

    def tempered(self, state: _State, number: int) -> _State:
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

    def moved(self, state: _State, number: int, *, steer: bool) -> _State:
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


def sample(
    problem: Sampled,
    *,
    folder: str | Path,
    draws: int = 2000,
    walkers: int = 256,
    seed: int = 20240913,
    width: float | None = None,
    effective: float | None = None,
    rounds: int | None = None,
    adapting: int = ADAPTING,
    command: str = "",
    on_progress: Callable[[Progress], None] | None = None,
) -> Posterior:
    """Return draws from the posterior of a problem.

    Parameters
    ----------
    problem : Problem
        :meth:`Problem.for_sampling` makes it cheap.
    folder : path
        Keeps every round; the same call goes on where it was, however the last one ended, and ends in the same bytes.
    draws : int
        How many are kept, thinned evenly over the run.
    walkers : int
        Candidates in one call of the engine; a multiple of four.
    seed : int
    width : float, optional
        Factor on the priors' SDs, in place of the problem's own.
    effective : float, optional
        Stop when every parameter has so many effective draws, in bulk and tail, and R-hat below 1.01; by default
        ``draws``.
    rounds : int, optional
        Rounds after adaptation, at most; 2,000 by default.
    adapting : int
        Rounds after tempering whose walkers set the moves.
    command : str
        Kept with the posterior.
    on_progress : callable, optional
        Called with a :class:`Progress` after each round.

    Raises
    ------
    CalibrationError
        The likelihood is not finite at the start or anywhere in the prior, or the folder holds another problem.

    Notes
    -----
    Sequential Monte Carlo on four islands of walkers brings them from the prior to the posterior and gives the
    evidence, with the islands' disagreement as its error (Del Moral et al. 2006, doi
    10.1111/j.1467-9868.2006.00553.x). The moves then adapt for a while, freeze, and sample. Cost: walkers times
    sweeps times rounds likelihoods; a quarter of an hour for the mouse on two idle cores.
    """
    if width is not None:
        problem = replace(problem, width=width)  # type: ignore[type-var]
    if walkers % (2 * ISLANDS) or walkers < 4 * ISLANDS:
        raise CalibrationError(f"{walkers} walkers", remedy=f"take a multiple of {2 * ISLANDS}, {4 * ISLANDS} or more")
    settings = {"walkers": walkers, "seed": seed, "sweeps": SWEEPS, "adapting": adapting, "islands": ISLANDS}
    refuse_impossible(problem)
    journal = Journal.claim(folder, problem.identity | {"sampler": settings})
    sampler = _Sampler(problem, walkers, seed, adapting)
    state, number, kept = None, 0, _Kept()
    wanted = float(draws if effective is None else effective)
    while True:
        state = _round(sampler, journal, number, state, kept)
        kept.add(state)
        number += 1
        done = kept.count > 0 and (kept.enough(wanted) or kept.count >= (rounds or ROUNDS))
        if on_progress is not None:
            on_progress(_told(state, number, kept.effective))
        if done:
            break
    return Posterior.of(
        problem, kept.thinned(draws), state.evidence, diagnose(kept.chains(), ISLANDS), command=command,
        run=settings | {"rounds": number, "kept_rounds": kept.count, "evaluations": (number * SWEEPS + 1) * walkers,
                        "accepted": round(kept.accepted, 4), "step": round(state.step, 4)},
    )  # fmt: skip


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


def _round(sampler: _Sampler, journal: Journal, number: int, state: _State | None, kept: _Kept) -> _State:
    """Return the state after a round, read if it is kept, else made and kept."""
    if journal.has(number):
        return _State.read(journal.read(number), state)
    if state is None:
        now = sampler.begin()
    elif state.temperature < 1:
        now = sampler.tempered(state, number)
    elif state.adapted < sampler.adapting:
        now = sampler.moved(replace(state, reference=kept.reference()), number, steer=True)
        now = replace(now, adapted=state.adapted + 1)
    else:
        now = replace(sampler.moved(state, number, steer=False), sampled=state.sampled + 1)
    journal.keep(number, now.arrays())
    return now


def _told(state: _State, number: int, effective: float) -> Progress:
    phase = "sample" if state.sampled else "adapt" if state.temperature == 1 else "temper"
    return Progress(phase, number, state.temperature, effective, state.accepted)


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
    sampler = _Sampler(problem, walkers, seed)
    state, number = sampler.begin(), 0
    while state.temperature < 1:
        number += 1
        state = sampler.tempered(state, number)
    for extra in range(polish):
        state = sampler.moved(state, number + 1 + extra, steer=True)
    return Tempered(state.normal, state.facts, state.evidence)
