"""A compiled model and its solutions. This kernel is SciPy's LSODA: slow, well known, the oracle of faster ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.events import AFTER, AT, ENTRIES, EventRunner, Firing, firings, refuse_moving_triggers
from senospine.engine.generate import output_function, right_hand_side
from senospine.engine.schedule import Action, Schedule, check_times, compile_entries
from senospine.engine.start import start_values
from senospine.engine.status import Failure, Status
from senospine.errors import ModelError, ScheduleError, suggest
from senospine.model import Model

Array = NDArray[np.float64]

_MESSAGES = {
    "Excess work": Status.STEP_LIMIT,
    "Excess accuracy": Status.TOLERANCE_TOO_TIGHT,
    "Illegal input": Status.TOLERANCE_TOO_TIGHT,  # all other input was checked: too tight from the first step on
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
    _events: EventRunner

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
            Replaces the model's values by name; what the model derives from them at the start follows, unless it is
            replaced by name too.
        schedule : Schedule, optional
            Doses, infusions and switches; every one is hit exactly.
        times : array, shape (n_times,) or (n_subjects, n_times)
            Increasing; the solver's steps do not depend on them.
        start : float
            The moment of the initial values, in the model's time.
        initial : mapping of str to scalar or array (n_subjects,), optional
            Replaces initial values of states.
        n_subjects : int, optional
            Needed only where no argument tells it.
        rtol : float
            Relative tolerance; absolute tolerances are ``rtol`` times each state's declared scale.
        max_steps : int
            Steps a subject may take between two entries of its schedule.

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
        _refuse_settings(start, rtol, max_steps, n_subjects)
        try:
            times = np.ascontiguousarray(times, dtype=float)
        except (TypeError, ValueError):
            raise ScheduleError("the output times are not numbers") from None
        check_times(times)
        if times.size and times.min() < start:
            raise ScheduleError(f"an output at {times.min():g} lies before the start at {start:g}")
        parameters, initial = _columns(parameters or {}, "parameter"), _columns(initial or {}, "initial value of")
        n = self._count(parameters, schedule, times, initial, n_subjects)
        first, values = start_values(self.model, parameters, initial, start, n)
        tolerance = rtol * np.array([model.scale(name) for name in model.states])

        results = np.full((len(self.outputs), n, times.shape[-1]), np.nan)
        status = np.zeros(n, dtype=np.int64)
        failures = []
        constants = list(model.constants)
        shared = (
            compile_entries(schedule.of(0), model.states, constants) if schedule and not schedule.per_subject else []
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSODA's warnings become a typed status
            for subject in range(n):
                points = compile_entries(schedule.of(subject), model.states, constants) if (
                    schedule and schedule.per_subject
                ) else shared  # fmt: skip
                if points and points[0][0] < start:
                    raise ScheduleError(
                        f"an entry at {points[0][0]:g} lies before the start at {start:g}", where=f"subject {subject}"
                    )
                grid = times if times.ndim == 1 else times[subject]
                stops = self._stops(points, values[subject], start, float(grid[-1]))
                failure = self._one(
                    subject, first[subject].copy(), values[subject].copy(), stops, grid,
                    start, rtol, tolerance, max_steps, results[:, subject],
                )  # fmt: skip
                if failure is not None:
                    status[subject] = failure.status
                    failures.append(failure)
        method = f"scipy LSODA, rtol {rtol:g}, float64"
        return Solution(times, dict(zip(self.outputs, results, strict=True)), status, tuple(failures), method)

    def constants(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        *,
        initial: Mapping[str, ArrayLike] | None = None,
        start: float = 0.0,
        n_subjects: int | None = None,
    ) -> dict[str, Array]:
        """Return every subject's constants, with those the model derives at the start, each (n_subjects,)."""
        given, first = _columns(parameters or {}, "parameter"), _columns(initial or {}, "initial value of")
        matrix = start_values(
            self.model, given, first, start, self._count(given, None, np.zeros(1), first, n_subjects)
        )[1]
        return dict(zip(self.model.constants, matrix.T, strict=True))

    def _stops(self, points: list[tuple[float, list[Action]]], p: Array, start: float, end: float) -> list[_Stop]:
        """Return the break points of one subject: schedule entries and events, in order."""
        stops = {(moment, ENTRIES): _Stop(moment, ENTRIES, actions) for moment, actions in points}
        if self.model.events:
            constants = self.model.constants
            refuse_moving_triggers(
                self.model.events,
                {
                    constants[item.index]
                    for _, actions in points
                    for item in actions
                    if item.operation == "set parameter"
                },
            )
            for firing in firings(self.model.events, dict(zip(constants, p.tolist(), strict=True)), start, end):
                stops.setdefault(firing.triggered, _Stop(*firing.triggered)).triggered.append(firing)
                stops.setdefault(firing.executed, _Stop(*firing.executed)).executed.append(firing)
        return [stops[position] for position in sorted(stops)]

    def _one(
        self, subject: int, y: Array, p: Array, stops: list[_Stop], times: Array,
        now: float, rtol: float, tolerance: Array, max_steps: int, results: Array,
    ) -> Failure | None:  # fmt: skip
        """Solve one subject from break point to break point; write outputs into ``results``."""
        extra = np.zeros(len(y))
        done = 0
        for stop in [*stops, _Stop(float("inf"), ENTRIES)]:
            moment = min(stop.time, times[-1])
            # what happens at a moment by the model's own events is seen by an output there, a dose is not
            upto = int(np.searchsorted(times, moment, side="left" if stop.position == AT else "right"))
            if moment > now:
                grid = np.unique(np.concatenate(([now], times[done:upto], [moment])))
                path, failure = self._segment(subject, y, grid, stop.time, p, extra, rtol, tolerance, max_steps)
                here = np.searchsorted(grid, times[done:upto])
                for column, row in zip(range(done, upto), here, strict=True):
                    results[:, column] = self._out(path[row], times[column], p)
                if failure is not None:
                    results[:, times >= failure.time] = np.nan
                    return failure
                y, now = path[-1].copy(), moment
            else:
                for column in range(done, upto):
                    results[:, column] = self._out(y, times[column], p)
            done = max(done, upto)
            if stop.time > times[-1]:
                break
            for firing in stop.triggered:
                self._events.trigger(firing, y, p, now)
            for firing in stop.executed:
                self._events.execute(firing, y, p, now)
            for action in stop.actions:
                target = {"add to state": y, "set parameter": p, "add to rate": extra}[action.operation]
                target[action.index] = action.value + (
                    0.0 if action.operation == "set parameter" else target[action.index]
                )
        return None

    def _segment(
        self, subject: int, y: Array, grid: Array, moment: float, p: Array, extra: Array, rtol: float,
        tolerance: Array, max_steps: int,
    ) -> tuple[Array, Failure | None]:  # fmt: skip
        """Return the path over ``grid`` and how it failed; steps may pass its end, but not ``moment``.

        LSODA's first step and its limit of steps hang on the grid, so both are set here.
        """
        from scipy.integrate import odeint

        if not len(y):
            return np.zeros((len(grid), 0)), None
        now, states = grid[0], self.model.states
        rate = self._rhs(y, now, p, extra)
        if not np.isfinite(rate).all():
            nothing = np.full((len(grid), len(y)), np.nan)
            return nothing, Failure(subject, Status.NOT_FINITE, float(now), states[int(np.argmin(np.isfinite(rate)))])
        if grid[-1] - now <= 4 * np.spacing(abs(grid[-1])):  # two entries a rounding error apart: no time passes
            return np.repeat(y[None], len(grid), axis=0), None

        def integrate(rhs: Any, grid: Array, longest: float = 0.0) -> tuple[Array, dict[str, Any]]:
            return odeint(  # type: ignore[no-any-return]
                rhs, y, grid, args=(p, extra), rtol=rtol, atol=tolerance, hmax=longest,
                h0=_first_step(y, rate, now, moment, rtol, tolerance),
                tcrit=[moment] if np.isfinite(moment) else None, mxstep=max_steps, full_output=True,
            )  # fmt: skip

        path, report = integrate(self._rhs, grid)
        status, row = _judge(path, report, grid, max_steps)
        if status is Status.OK:
            return path, None
        limited = status is Status.STEP_LIMIT
        met = None if limited else _first_not_finite(self._rhs, integrate, grid[: row + 1])
        if met:  # LSODA keeps a step that ends in nan: feel the way there with small ones
            longest = (met[0] - now) / min(1000, 1 + max_steps // 2)
            path, report = integrate(self._rhs, grid, longest)
            status, row = _judge(path, report, grid, max_steps)
            if status is Status.OK:
                return path, None
            met = _first_not_finite(self._rhs, integrate, grid[: row + 1], longest)
        told = not report["message"].startswith("Illegal input") and np.isfinite(report["tcur"][row - 1])
        time, last = (report["tcur"][row - 1], path[row]) if told else (grid[row - 1], path[row - 1])
        if met and status is not Status.STEP_LIMIT:
            status, time, last, rate = (Status.NOT_FINITE, *met)
        elif np.isfinite(last).all():
            rate = self._rhs(last, time, p, extra)
        bad = ~np.isfinite(last) | ~np.isfinite(rate)
        culprit = int(np.argmax(np.where(bad, np.inf, np.abs(rate) / tolerance)))
        path[row:] = np.nan
        time = min(max(float(time), float(grid[row - 1])), float(grid[row]))
        return path, Failure(subject, status, float(time), states[culprit])

    def _count(self, parameters: Any, schedule: Schedule | None, times: Array, initial: Any, given: int | None) -> int:
        sizes = {"n_subjects": given} if given is not None else {}
        for source in (parameters, initial):
            sizes |= {name: len(value) for name, value in source.items() if np.ndim(value) == 1}
        if times.ndim == 2:
            sizes["times"] = len(times)
        if schedule is not None and schedule.per_subject:
            sizes["schedule"] = len(schedule.entries)
        if len(set(sizes.values())) > 1:
            words = ", ".join(f"{name}: {size}" for name, size in sizes.items())
            raise ModelError(f"different numbers of subjects ({words})", remedy="give arrays of one length, or scalars")
        return next(iter(sizes.values()), 1)


def _first_step(y: Array, rate: Array, now: float, moment: float, rtol: float, tolerance: Array) -> float:
    """Return LSODA's own first step (Hindmarsh 1983), with one time unit or ``now`` in place of the first output."""
    size = float(np.max(np.abs(rate) / (rtol * np.abs(y) + tolerance)))
    small = min(max(rtol, 100 * np.finfo(float).eps), 1e-3)
    step = 1.0 / np.sqrt(1.0 / (small * max(abs(now), 1.0) ** 2) + small * size**2)
    return float(min(step, moment - now))


def _judge(path: Array, report: Mapping[str, Any], grid: Array, max_steps: int) -> tuple[Status, int]:
    """Return how odeint ended and the first row that cannot be trusted; past it stands leftover memory."""
    status, row = Status.OK, len(grid)
    if not report["message"].startswith("Integration successful"):
        known = (value for start, value in _MESSAGES.items() if report["message"].startswith(start))
        status, row = next(known, Status.NOT_FINITE), 1 + int(np.argmax(report["tcur"] < grid[1:]))
    over = np.flatnonzero(report["nst"][: row - 1] > max_steps)
    if over.size:  # odeint counts anew at every output, so a fine grid would be allowed more
        status, row = Status.STEP_LIMIT, 1 + int(over[0])
    lost = np.flatnonzero(~np.isfinite(path[:row]).all(axis=1))
    return (Status.NOT_FINITE, int(lost[0])) if lost.size else (status, row)


def _first_not_finite(rhs: Any, integrate: Any, grid: Array, longest: float = 0.0) -> tuple[float, Array, Array] | None:
    """Return time, state and rate where the solver first meets a value that is not finite, by solving again."""
    met: list[tuple[float, Array, Array]] = []

    def watched(y: Array, t: float, p: Array, extra: Array) -> Array:
        found: Array = rhs(y, t, p, extra)
        if not met and not (np.isfinite(found).all() and np.isfinite(y).all()):
            met.append((t, y.copy(), found.copy()))
        return found

    integrate(watched, grid, longest)
    return met[0] if met else None


def _refuse_settings(start: float, rtol: float, max_steps: int, n_subjects: int | None) -> None:
    if not np.isfinite(start):
        raise ScheduleError(f"the start {start} is not a finite number")
    if not 0 < rtol < 1:
        raise ModelError(f"rtol {rtol} is not between 0 and 1", remedy="1e-6 suits most uses")
    if max_steps < 1:
        raise ModelError(f"max_steps {max_steps} allows no step")
    if n_subjects is not None and n_subjects < 1:
        raise ModelError(f"n_subjects {n_subjects} is not a positive number")


def _columns(given: Mapping[str, ArrayLike], word: str) -> dict[str, Array]:
    """Return ``given`` as arrays of numbers, scalars or one per subject."""
    result = {}
    for name, value in given.items():
        try:
            result[name] = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise ModelError(f"{word} '{name}' is not a number or an array of numbers") from None
        if result[name].ndim > 1:
            raise ModelError(
                f"{word} '{name}' has shape {result[name].shape}", remedy="give a scalar or an array (n_subjects,)"
            )
    return result


@dataclass
class _Stop:
    """What happens at one position in time."""

    time: float
    position: int = AFTER
    actions: list[Action] = field(default_factory=list)
    triggered: list[Firing] = field(default_factory=list)
    executed: list[Firing] = field(default_factory=list)


def compile_model(
    model: Model, outputs: Sequence[str] | None = None, *, engine: Literal["scipy"] = "scipy", jit: bool = True
) -> Kernel:
    """Return a kernel that solves ``model``.

    Parameters
    ----------
    model : Model
    outputs : sequence of str, optional
        What to record: states and assigned variables (all by default), and of each species ``S`` of a reaction
        model also ``S__amount`` and ``S__concentration``.
    engine : {'scipy'}
        The solver.
    jit : bool
        Whether to compile the equations, which takes seconds; without, plain Python is ready at once and solves
        some fifty times slower: for a single look, and for checking many small models.

    Raises
    ------
    ModelError
        An output the model does not have, or no output at all.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"), outputs=["sensitisation"])
    >>> solution = kernel.solve(times=[90.0, 120.0])
    >>> solution["sensitisation"].shape
    (1, 2)
    """
    if engine != "scipy":
        raise ModelError(f"unknown engine '{engine}'", remedy=suggest(engine, ["scipy"]))
    chosen = tuple(outputs) if outputs is not None else model.outputs
    for name in chosen:
        if name not in model.outputs and name not in model.readable:
            raise ModelError(f"the model has no output '{name}'", remedy=suggest(name, model.outputs))
    if outputs is None and not chosen:
        raise ModelError("the model has no states: nothing changes with time", where=str(model.path))
    constants = list(model.constants)
    rhs = right_hand_side(model.states, constants, model.assignments, model.rates, jit=jit)
    extra = {name: model.readable[name] for name in chosen if name in model.readable}
    out = output_function(model.states, constants, model.assignments, chosen, extra=extra, jit=jit)
    return Kernel(model, chosen, rhs, out, EventRunner(model.states, constants, model.assignments))
