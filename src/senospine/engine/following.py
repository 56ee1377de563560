"""Lanes in step: the first of each group of subjects chooses the steps, the others keep them.

Where a subject and a neighbour take the same steps, what the method does wrong changes smoothly from one to the other:
their difference over a tiny distance is the derivative of the numerical solution itself, as good as the solution is
(internal numerical differentiation: Bock 1981, doi 10.1007/978-3-642-68220-9_8).
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from senospine.engine.inputs import Asked
from senospine.engine.kernel import Solution
from senospine.engine.lanes import LaneKernel, _cores
from senospine.engine.problem import Problem, Run
from senospine.engine.status import Failure, Status


@dataclass(frozen=True)
class FollowingKernel(LaneKernel):
    """Lanes that keep the steps of the first subject of their group.

    Subjects come in whole groups of :attr:`lanes`; those of a group share the times of outputs and schedules, without
    decisions, and the model has no events of its own: subjects would come to them at different moments. A subject that
    stops being a number while the first of its group goes on fails at its first output that is none.
    """

    @cached_property
    def key(self) -> str:
        """Everything that decides the machine code."""
        return json.dumps(["in step", super().key])

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs."""
        return f"{super().code_path}, in step"

    def write(self, observed: tuple[str, ...] = ()) -> str:
        """Return the model's code as LLVM text."""
        from senospine.engine.leading import write_leading_driver
        from senospine.engine.system import read_system

        model = self.model
        system = read_system(model.states, list(model.constants), self._assignments, model.rates, self.outputs)
        return write_leading_driver(system, self.lanes)

    def _solve(self, asked: Asked) -> Solution:
        solution = super()._solve(asked)
        lost = np.zeros((len(solution.status), np.shape(solution.times)[-1]), dtype=bool)
        for values in solution.values.values():
            lost |= ~np.isfinite(values)
        failures = list(solution.failures)
        for subject in np.flatnonzero(lost.any(axis=1) & (solution.status == Status.OK)):
            first = int(lost[subject].argmax())
            own = solution.times if solution.times.ndim == 1 else solution.times[subject]
            failures.append(Failure(int(subject), Status.NOT_FINITE, float(own[first]), ""))
            solution.status[subject] = Status.NOT_FINITE
            for values in solution.values.values():
                values[subject, first:] = math.nan
        return replace(solution, failures=tuple(sorted(failures, key=lambda failure: failure.subject)))

    def _run(self, problem: Problem, rtol: float) -> Run:
        """Solve, each thread a stretch of whole groups: lanes of one queue would not keep the groups together."""
        groups = problem.count // self.lanes
        threads = min(problem.threads or _cores(), groups)
        single = replace(problem, threads=1)
        if threads == 1:
            return super()._run(single, rtol)
        parts = [part + np.arange(self.lanes) for part in np.arange(groups)[:, None] * self.lanes]
        stretches = [np.concatenate(part) for part in np.array_split(np.array(parts), threads)]
        run = Run.empty(problem.count, problem.times.shape[-1], len(self.outputs))
        with ThreadPoolExecutor(threads) as pool:
            solve = super()._run
            runs = pool.map(lambda rows: solve(single.only(rows), rtol), stretches)
            for rows, part in zip(stretches, runs, strict=True):
                run.take(rows, part)
        return run
