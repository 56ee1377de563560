"""Draws from the posterior: walkers tempered from the prior, then moved together until every parameter is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.diagnostics import bulk_effective, diagnose
from senospine.calibration.journal import Journal
from senospine.calibration.posterior import Posterior
from senospine.calibration.proposals import Reference
from senospine.calibration.tempering import ISLANDS, SWEEPS, Sampled, Sampler, State, refuse_impossible
from senospine.errors import CalibrationError

Array = NDArray[np.float64]

#: rounds that adapt after tempering; rounds of sampling at most
ADAPTING, ROUNDS = 12, 2000
#: every how many rounds it is looked whether to stop
LOOK = 20
#: share of the walkers that a round of adaptation is taken to renew
RENEWED = 0.2


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    phase: str
    round: int
    temperature: float
    effective: float  # smallest bulk effective size of a parameter, NaN before the first look
    accepted: float


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

    def add(self, state: State) -> None:
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
    sampler = Sampler(problem, walkers, seed)
    state, number, kept = None, 0, _Kept()
    wanted = float(draws if effective is None else effective)
    while True:
        state = _round(sampler, journal, number, state, kept, adapting)
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


def _round(sampler: Sampler, journal: Journal, number: int, state: State | None, kept: _Kept, adapting: int) -> State:
    """Return the state after a round, read if it is kept, else made and kept."""
    if journal.has(number):
        return State.read(journal.read(number), state)
    if state is None:
        now = sampler.begin()
    elif state.temperature < 1:
        now = sampler.tempered(state, number)
    elif state.adapted < adapting:
        now = sampler.moved(replace(state, reference=kept.reference()), number, steer=True)
        now = replace(now, adapted=state.adapted + 1)
    else:
        now = replace(sampler.moved(state, number, steer=False), sampled=state.sampled + 1)
    journal.keep(number, now.arrays())
    return now


def _told(state: State, number: int, effective: float) -> Progress:
    phase = "sample" if state.sampled else "adapt" if state.temperature == 1 else "temper"
    return Progress(phase, number, state.temperature, effective, state.accepted)
