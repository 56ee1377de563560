"""The oracle: every subject in turn through SciPy's LSODA. Slow, well known."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.generate import output_function, right_hand_side
from senospine.engine.inputs import count_subjects, initial_states, output_times, parameter_values
from senospine.engine.kernel import Kernel, Solution
from senospine.engine.schedule import Action, Schedule, compile_entries
from senospine.engine.status import Failure, Status
from senospine.errors import ScheduleError

Array = NDArray[np.float64]

_MESSAGES = {
    "Excess work": Status.STEP_LIMIT,
    "Excess accuracy": Status.TOLERANCE_TOO_TIGHT,
    "Illegal input": Status.NOT_FINITE,
    "Repeated error test": Status.STEP_TOO_SMALL,
    "Repeated convergence": Status.STEP_TOO_SMALL,
    "Error weight": Status.NOT_FINITE,
    "Internal workspace": Status.STEP_LIMIT,
}


class ScipyKernel(Kernel):
    """A kernel that solves with SciPy."""

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs and the tolerance."""
        return "scipy LSODA, float64"

    @cached_property
    def _rhs(self) -> Any:
        return right_hand_side(self.model.states, list(self.model.parameters), self.model.assignments, self.model.rates)

    @cached_property
    def _out(self) -> Any:
        model = self.model
        return output_function(model.states, list(model.parameters), model.assignments, self.outputs)

    def solve(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        schedule: Schedule | None = None,
        times: ArrayLike = (),
        *,
        start: float = 0.0,
        initial: Mapping[str, ArrayLike] | None = None,
        n_subjects: int | None = None,
        rtol: float | None = None,
        max_steps: int = 100_000,
        threads: int | None = None,
    ) -> Solution:
        """Return the solution of every subject; see :meth:`Kernel.solve`. Cost: about 3 ms a mouse of two years."""
        model = self.model
        rtol = 1e-6 if rtol is None else rtol
        times = output_times(times, start)
        n = count_subjects(parameters or {}, schedule, times, initial or {}, n_subjects)
        values = parameter_values(parameters or {}, model.parameters, n)
        first = initial_states(model, initial or {}, values, start, n)
        tolerance = rtol * np.array([model.scale(name) for name in model.states])

        results = np.full((len(self.outputs), n, times.shape[-1]), np.nan)
        status = np.zeros(n, dtype=np.int64)
        failures = []
        names = list(model.parameters)
        shared = compile_entries(schedule.of(0), model.states, names) if schedule and not schedule.per_subject else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSODA's warnings become a typed status
            for subject in range(n):
                points = compile_entries(schedule.of(subject), model.states, names) if (
                    schedule and schedule.per_subject
                ) else shared  # fmt: skip
                if points and points[0][0] < start:
                    raise ScheduleError(
                        f"an entry at {points[0][0]:g} lies before the start at {start:g}", where=f"subject {subject}"
                    )
                failure = self._one(
                    subject, first[subject].copy(), values[subject].copy(), points,
                    times if times.ndim == 1 else times[subject],
                    start, rtol, tolerance, max_steps, results[:, subject],
                )  # fmt: skip
                if failure is not None:
                    status[subject] = failure.status
                    failures.append(failure)
        method = f"scipy LSODA, rtol {rtol:g}, float64"
        return Solution(times, dict(zip(self.outputs, results, strict=True)), status, tuple(failures), method)

    def _one(
        self, subject: int, y: Array, p: Array, points: list[tuple[float, list[Action]]], times: Array,
        now: float, rtol: float, tolerance: Array, max_steps: int, results: Array,
    ) -> Failure | None:  # fmt: skip
        """Solve one subject from break point to break point; write outputs into ``results``."""
        extra = np.zeros(len(y))
        done = 0
        for moment, actions in [*points, (float("inf"), [])]:
            stop = min(moment, times[-1])
            upto = int(np.searchsorted(times, stop, side="right"))
            if stop > now:
                grid = np.unique(np.concatenate(([now], times[done:upto], [stop])))
                path, failure = self._segment(subject, y, grid, p, extra, rtol, tolerance, max_steps)
                here = np.searchsorted(grid, times[done:upto])
                for column, row in zip(range(done, upto), here, strict=True):
                    results[:, column] = self._out(path[row], times[column], p)
                if failure is not None:
                    results[:, times >= failure.time] = np.nan
                    return failure
                y, now = path[-1].copy(), stop
            else:
                for column in range(done, upto):
                    results[:, column] = self._out(y, times[column], p)
            done = upto
            if moment > times[-1]:
                break
            for action in actions:
                target = {"add to state": y, "set parameter": p, "add to rate": extra}[action.operation]
                target[action.index] = action.value + (
                    0.0 if action.operation == "set parameter" else target[action.index]
                )
        return None

    def _segment(
        self, subject: int, y: Array, grid: Array, p: Array, extra: Array, rtol: float, tolerance: Array, max_steps: int
    ) -> tuple[Array, Failure | None]:
        from scipy.integrate import odeint

        path, report = odeint(
            self._rhs,
            y,
            grid,
            args=(p, extra),
            rtol=rtol,
            atol=tolerance,
            tcrit=grid[-1:],
            mxstep=max_steps,
            full_output=True,
        )
        message = report["message"]
        finite = np.isfinite(path)
        if message.startswith("Integration successful") and finite.all():
            return path, None
        status = next((value for start, value in _MESSAGES.items() if message.startswith(start)), Status.NOT_FINITE)
        reached = np.flatnonzero(report["tcur"] < grid[1:])
        row = int(reached[0]) + 1 if reached.size else len(grid) - 1
        if not finite.all():
            row = min(row, int(np.flatnonzero(~finite.all(axis=1))[0]))
            status = Status.NOT_FINITE
        last = path[max(row - 1, 0)]
        rate = self._rhs(last, grid[max(row - 1, 0)], p, extra)
        bad = ~np.isfinite(path[row]) | ~np.isfinite(rate)
        culprit = int(np.argmax(np.where(bad, np.inf, np.abs(rate) / tolerance)))
        return path, Failure(subject, status, float(grid[max(row - 1, 0)]), self.model.states[culprit])
