"""What the lanes are given and what they give back, as plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from senospine.engine.breakpoints import BreakPoints
from senospine.engine.decisions import Rules
from senospine.engine.status import Status

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """What is solved: initial values and parameters of each subject, output times, break points, windows' edges."""

    first: Array
    values: Array
    times: Array
    table: BreakPoints
    start: float
    max_steps: int
    threads: int | None
    edges: Array
    rules: Rules | None = None
    stored: int = 0

    @property
    def count(self) -> int:
        """Number of subjects."""
        return len(self.first)

    def only(self, subjects: Whole) -> Problem:
        """Return the problem of some of the subjects."""
        return replace(
            self,
            first=self.first[subjects],
            values=self.values[subjects],
            times=self.times if self.times.ndim == 1 else self.times[subjects],
            rules=self.rules and self.rules.only(subjects),
            edges=self.edges if len(self.edges) == 1 else self.edges[subjects],
            table=replace(self.table, of_subject=self.table.of_subject[subjects]),
        )


@dataclass(frozen=True)
class Run:
    """What the machine code wrote.

    Attributes
    ----------
    values : ndarray, shape (n_subjects, n_times, n_outputs)
    status : ndarray, shape (n_subjects,)
    steps : ndarray, shape (n_subjects, 2)
        Accepted and rejected.
    failed_time, failed_state : ndarray, shape (n_subjects,)
        Where a subject failed, if it did.
    gathered : ndarray, shape (n_subjects, n_slots)
        What reductions are made of.
    record : ndarray, shape (n_subjects, n_actions, 2)
        What decisions made of each action, and what visits saw.
    """

    values: Array
    status: Whole
    steps: Whole
    failed_time: Array
    failed_state: Whole
    gathered: Array
    record: Array

    @classmethod
    def empty(cls, n: int, n_times: int, n_outputs: int, n_slots: int = 0, n_actions: int = 0) -> Run:
        """Return a run before its start: nothing recorded, nothing failed."""
        values = np.full((n, n_times, n_outputs), math.nan)
        whole = [np.zeros(shape, dtype=np.int64) for shape in (n, (n, 2), n)]
        return cls(values, whole[0], whole[1], np.zeros(n), whole[2], np.full((n, n_slots), math.nan),
                   np.full((n, n_actions, 2), math.nan))  # fmt: skip

    @classmethod
    def refused(cls, problem: Problem, n_outputs: int, n_slots: int = 0) -> Run:
        """Return the run of subjects whose tolerance is too tight to begin."""
        actions = problem.table.longest if problem.rules else 0
        run = cls.empty(problem.count, problem.times.shape[-1], n_outputs, n_slots, actions)
        run.status[:], run.failed_time[:] = Status.TOLERANCE_TOO_TIGHT, problem.start
        return run

    def take(self, subjects: Whole, other: Run) -> None:
        """Put the other run's subjects in the place of ours; their steps are added."""
        self.values[subjects], self.status[subjects] = other.values, other.status
        self.steps[subjects] += other.steps
        self.gathered[subjects], self.record[subjects] = other.gathered, other.record
        self.failed_time[subjects], self.failed_state[subjects] = other.failed_time, other.failed_state
