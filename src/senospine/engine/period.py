"""The map that takes states over one interval of dosing, its slope, and the corrections that lead to its rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.engine.kernel import Kernel
from senospine.engine.schedule import Schedule
from senospine.engine.status import Failure, Told

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: a state is moved by this, over its size, to see what the interval makes of it
STEP = 1e-3
#: what an interval takes off less than this of itself has no steady state that could be told from drift
SLOWEST = 1e-5
#: a slope is kept while corrections shrink to this share: then it is wrong by no more than that where it matters
SHRINK = 0.3
#: a subject that drifts so many times in a row has no steady state
DRIFTS = 5


class Settling(Told):
    """How the search for one subject's steady state ended; ``str`` gives a sentence."""

    OK = 0, "in steady state", ""
    ACCUMULATES = (
        1,
        "a state goes on growing or falling with every interval",
        "look for input above what can be eliminated, or name the states that settle with states=",
    )
    UNSTABLE = (
        2,
        "the states return after one interval, but move away if they are a little off",
        "start from other initial values: another steady state may attract",
    )
    NOT_CONVERGED = (
        3,
        "no steady state was found in the rounds allowed",
        "allow more rounds, or start nearer with initial=",
    )
    NOT_SOLVED = (
        4,
        "an interval could not be solved",
        "look at this subject's parameters and at the states it starts from",
    )


@dataclass(frozen=True)
class Period:
    """One interval of dosing for a block of subjects."""

    kernel: Kernel
    states: tuple[str, ...]
    cycle: Schedule
    start: float
    end: float
    parameters: Mapping[str, Array]
    initial: Mapping[str, Array]
    rtol: float
    threads: int | None

    def end_of(self, subjects: Whole, states: Array) -> tuple[Array, dict[int, Failure]]:
        """Return states after the interval, one row for each of ``states``, and failures by row."""
        own = {name: _of(values, subjects) for name, values in self.parameters.items()}
        begun = {name: _of(values, subjects) for name, values in self.initial.items()}
        begun |= dict(zip(self.states, states.T, strict=True))
        solution = self.kernel.solve(
            own, self.cycle.only(subjects), [self.end], start=self.start, initial=begun, n_subjects=len(subjects),
            rtol=self.rtol, threads=self.threads,
        )  # fmt: skip
        after = np.column_stack([solution[name][:, 0] for name in self.states])
        return after, {failure.subject: failure for failure in solution.failures}


def _of(values: Array, subjects: Whole) -> Array:
    return values[subjects] if values.ndim else values


@dataclass
class Search:
    """The search for the steady states of a block of subjects: where each is, and what is known of its map."""

    period: Period
    scales: Array
    tolerance: float
    x: Array

    def __post_init__(self) -> None:
        n, m = self.x.shape
        self.status = np.full(n, Settling.NOT_CONVERGED, dtype=np.int64)
        self.culprit = np.zeros(n, dtype=np.int64)
        self.error, self.slowest = np.full(n, np.inf), np.full(n, np.nan)
        self.solved = np.zeros(n, dtype=np.int64)
        self.causes: dict[int, Failure] = {}
        self.slope = np.zeros((n, m, m))
        self.stale = np.ones(n, dtype=bool)
        self.plain = self.x.copy()  # where the last interval led
        self.residual = np.full(n, np.inf)
        self.drifted = np.zeros(n, dtype=np.int64)
        self.active = np.ones(n, dtype=bool)

    def round(self) -> None:
        """Solve one interval of every active subject, with neighbours where the slope is wanted, and correct."""
        rows = np.flatnonzero(self.active)
        after, lost = self._look(rows)
        for place, subject in enumerate(rows.tolist()):
            if place in lost and np.array_equal(self.x[subject], self.plain[subject]):
                self._end(subject, Settling.NOT_SOLVED, 0)
                self.causes[subject] = lost[place]
            elif place in lost:
                self._retreat(subject)
            else:
                self._correct(subject, after[place])

    def _look(self, rows: Whole) -> tuple[Array, dict[int, Failure]]:
        """Return the states after the interval, and failures by row; renew slopes that are stale."""
        m = self.x.shape[1]
        size = self.scales + np.abs(self.x)
        fresh = rows[self.stale[rows]]
        moved = self.x[fresh, None, :] + STEP * size[fresh, None, :] * np.eye(m)
        subjects = np.concatenate((rows, np.repeat(fresh, m)))
        after, lost = self.period.end_of(subjects, np.concatenate((self.x[rows], moved.reshape(-1, m))))
        self.solved += np.bincount(subjects, minlength=len(self.x))
        base = after[np.searchsorted(rows, fresh)]
        change = after[len(rows) :].reshape(-1, m, m) - base[:, None, :]
        # in units of each state's size, so that amounts of different units can be told together
        self.slope[fresh] = np.swapaxes(change / (STEP * size[fresh, :, None]), 1, 2)
        return after[: len(rows)], lost

    def _correct(self, subject: int, after: Array) -> None:
        x, size = self.x[subject], self.scales + np.abs(self.x[subject])
        change = (after - x) / size
        residual = float(np.abs(change).max())
        slope = self.slope[subject]
        if residual > 2 * self.residual[subject]:  # the last correction led astray
            self._retreat(subject)
            return
        self.plain[subject] = after
        move, drifting = _newton(slope, size, change, self.tolerance)
        if move is None:
            self.drifted[subject] += drifting >= 0
            self.culprit[subject] = max(drifting, 0)
            if self.drifted[subject] >= DRIFTS:
                self._end(subject, Settling.ACCUMULATES, drifting)
                return
            self._go(subject, after, residual, stale=True)
            return
        self.drifted[subject] = 0
        error = float(np.abs(move).max())
        shrinks = error <= SHRINK * self.error[subject]
        self.culprit[subject] = int(np.argmax(np.abs(move)))
        trusted = self.stale[subject] or shrinks
        self.error[subject] = error
        if error <= self.tolerance and trusted:
            values = np.linalg.eigvals(slope)
            self.slowest[subject] = np.abs(values).max(initial=0.0)
            unstable = self.slowest[subject] > 1 + SLOWEST
            self.x[subject] = after
            self._end(subject, Settling.UNSTABLE if unstable else Settling.OK, self.culprit[subject])
            return
        new = x + move * size
        new = np.where((new < 0) & (x >= 0) & (after >= 0) & (new > -self.tolerance * size), after, new)
        below = (new < 0) & (x >= 0) & (after >= 0)  # a correction does not make an amount negative
        share = 0.9 * float(np.min(x[below] / (x - new)[below])) if below.any() else 1.0
        new = x + share * (new - x) if share > 0 else after
        self._go(subject, new, residual, stale=not trusted or not shrinks or share < 1)

    def _go(self, subject: int, to: Array, residual: float, *, stale: bool) -> None:
        self.x[subject], self.residual[subject], self.stale[subject] = to, residual, stale

    def _retreat(self, subject: int) -> None:
        """Go on from where the last sound interval led, as dosing would."""
        self.x[subject], self.residual[subject], self.stale[subject] = self.plain[subject], np.inf, True
        self.error[subject] = np.inf

    def _end(self, subject: int, status: Settling, culprit: int) -> None:
        self.active[subject], self.status[subject], self.culprit[subject] = False, status, culprit


def _newton(slope: Array, size: Array, change: Array, tolerance: float) -> tuple[Array | None, int]:
    """Return the correction that would end all change, over the sizes; or None and the state that drifts, or -1.

    Where the interval leaves a combination of states as it is (a conserved sum), so does the correction.
    """
    if not np.isfinite(slope).all():
        return None, -1
    matrix = np.eye(len(size)) - slope * size / size[:, None]
    left, values, right = np.linalg.svd(matrix)
    kept = left[:, values < SLOWEST]
    if np.abs(kept.T @ change).max(initial=0.0) > tolerance:
        return None, int(np.argmax(np.abs(right[values < SLOWEST]).max(axis=0)))
    if not kept.size:
        return right.T @ (left.T @ change / values), -1
    bordered, aim = np.vstack((matrix, kept.T)), np.concatenate((change, np.zeros(kept.shape[1])))
    return np.linalg.lstsq(bordered, aim, rcond=None)[0], -1
