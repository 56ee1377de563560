"""A compiled model and its solutions. This kernel is SciPy's LSODA: slow, well known, the oracle of faster ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.generate import output_function, right_hand_side
from senospine.engine.schedule import Action, Schedule, check_times, compile_entries
from senospine.engine.status import Failure, Status
from senospine.errors import ModelError, ScheduleError, suggest
from senospine.model import Model, evaluate

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


@dataclass(frozen=True)
class Solution:
    """What came out: one array per output, one status per subject.

    Attributes
    ----------
    times : ndarray, shape (n_times,) or (n_subjects, n_times)
    values : mapping of str to ndarray, shape (n_subjects, n_times)
        In the model's units; all of a failed subject's times from the failure on are NaN.
    status : ndarray of Status, shape (n_subjects,)
    failures : tuple of Failure
    method : str
        The code path: solver, tolerance, precision.
    """

    times: Array
    values: Mapping[str, Array]
    status: NDArray[np.int64]
    failures: tuple[Failure, ...]
    method: str

    def __getitem__(self, output: str) -> Array:
        if output not in self.values:
            raise ModelError(f"'{output}' was not asked for", remedy=suggest(output, self.values))
        return self.values[output]


@dataclass(frozen=True)
class Kernel:
    """A model compiled for solving; made by :func:`compile_model`."""

    model: Model
    outputs: tuple[str, ...]
    _rhs: Any
    _out: Any

    def solve(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        schedule: Schedule | None = None,
        times: ArrayLike = (),
        *,
        start: float = 0.0,
        initial: Mapping[str, ArrayLike] | None = None,
        n_subjects: int | None = None,
        rtol: float = 1e-6,
        max_steps: int = 100_000,
    ) -> Solution:
        """Return the solution of every subject.

        Parameters
        ----------
        parameters : mapping of str to scalar or array (n_subjects,)
            Replaces the model's values by name.
        schedule : Schedule, optional
            Doses, infusions and switches; every one is hit exactly.
        times : array, shape (n_times,) or (n_subjects, n_times)
            Increasing; the solver's steps do not depend on them.
        start : float
            The moment of the initial values, in the model's time.
        initial : mapping of str to scalar or array (n_subjects,), optional
            Replaces initial values.
        n_subjects : int, optional
            Needed only where no argument tells it.
        rtol : float
            Relative tolerance; absolute tolerances are ``rtol`` times each state's declared scale.

        Raises
        ------
        ModelError
            An unknown name, a value that is not finite, or arrays of different lengths.
        ScheduleError
            A schedule or output times that cannot be honoured.

        Notes
        -----
        A subject that fails costs only itself: see ``status`` and ``failures``. Cost: about 3 ms a subject
        for the mouse over two years.
        """
        model = self.model
        times = np.ascontiguousarray(times, dtype=float)
        check_times(times)
        if times.min() < start:
            raise ScheduleError(f"an output at {times.min():g} lies before the start at {start:g}")
        n = self._count(parameters, schedule, times, initial, n_subjects)
        values = _matrix(parameters or {}, dict(model.parameters), n, "parameter")
        first = self._initial(initial or {}, values, start, n)
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

    def _count(self, parameters: Any, schedule: Schedule | None, times: Array, initial: Any, given: int | None) -> int:
        sizes = {"n_subjects": given} if given is not None else {}
        for source in (parameters or {}, initial or {}):
            sizes |= {name: len(value) for name, value in source.items() if np.ndim(value) == 1}
        if times.ndim == 2:
            sizes["times"] = len(times)
        if schedule is not None and schedule.per_subject:
            sizes["schedule"] = len(schedule.entries)
        if len(set(sizes.values())) > 1:
            words = ", ".join(f"{name}: {size}" for name, size in sizes.items())
            raise ModelError(f"different numbers of subjects ({words})", remedy="give arrays of one length, or scalars")
        return next(iter(sizes.values()), 1)

    def _initial(self, initial: Mapping[str, ArrayLike], values: Array, start: float, n: int) -> Array:
        model = self.model
        known: dict[str, Any] = {name: values[:, i] for i, name in enumerate(model.parameters)}
        columns = {}
        for state in model.states:  # plain numbers and formulas of parameters; formulas of other states follow
            if state in initial:
                columns[state] = np.broadcast_to(np.asarray(initial[state], dtype=float), (n,))
        for state in initial:
            if state not in model.states:
                raise ModelError(f"the model has no state '{state}'", remedy=suggest(state, model.states))
        pending = [state for state in model.states if state not in columns]
        while pending:
            waiting = []
            for state in pending:
                try:
                    value = evaluate(model.initial[state], known | columns, start)
                except KeyError:
                    waiting.append(state)
                    continue
                columns[state] = np.broadcast_to(np.asarray(value, dtype=float), (n,))
            if len(waiting) == len(pending):
                raise ModelError(f"initial values of {', '.join(pending)} depend on each other", where=str(model.path))
            pending = waiting
        matrix = np.column_stack([columns[state] for state in model.states])
        if not np.isfinite(matrix).all():
            row, column = np.argwhere(~np.isfinite(matrix))[0]
            raise ModelError(f"initial value of '{model.states[column]}' of subject {row} is not a finite number")
        return matrix


def _matrix(given: Mapping[str, ArrayLike], defaults: dict[str, float], n: int, word: str) -> Array:
    for name in given:
        if name not in defaults:
            raise ModelError(f"the model has no {word} '{name}'", remedy=suggest(name, defaults))
    columns = [
        np.broadcast_to(np.asarray(given.get(name, value), dtype=float), (n,)) for name, value in defaults.items()
    ]
    matrix = np.column_stack(columns) if columns else np.zeros((n, 0))
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ModelError(f"{word} '{list(defaults)[column]}' of subject {row} is not a finite number")
    return matrix


def compile_model(model: Model, outputs: Sequence[str] | None = None) -> Kernel:
    """Return a kernel that solves ``model``.

    Parameters
    ----------
    model : Model
    outputs : sequence of str, optional
        States and assigned variables to record; all by default.

    Raises
    ------
    ModelError
        An output the model does not have.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"), outputs=["sensitisation"])
    >>> solution = kernel.solve(times=[90.0, 120.0])
    >>> solution["sensitisation"].shape
    (1, 2)
    """
    chosen = tuple(outputs) if outputs is not None else model.outputs
    for name in chosen:
        if name not in model.outputs:
            raise ModelError(f"the model has no output '{name}'", remedy=suggest(name, model.outputs))
    if not model.states:
        raise ModelError("the model has no states: nothing changes with time", where=str(model.path))
    names = list(model.parameters)
    rhs = right_hand_side(model.states, names, model.assignments, model.rates)
    out = output_function(model.states, names, model.assignments, chosen)
    return Kernel(model, chosen, rhs, out)
