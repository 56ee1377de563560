"""The oracle: every subject in turn through SciPy's LSODA. Slow, well known, and the only one that runs events."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.engine.breakpoints import ADD_TO_STATE, DECIDE, SET_PARAMETER, Action, BreakPoints
from senospine.engine.decisions import Decided, Recorder, Rules
from senospine.engine.events import AFTER, AT, ENTRIES, EventRunner, Firing, firings, refuse_moving_triggers
from senospine.engine.generate import output_function, right_hand_side
from senospine.engine.inputs import Asked
from senospine.engine.kernel import Kernel, Solution
from senospine.engine.scipy_reductions import Gatherer
from senospine.engine.status import Failure, Status

Array = NDArray[np.float64]

DEFAULT_RTOL = 1e-6

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
class ScipyKernel(Kernel):
    """A kernel that solves with SciPy.

    Parameters
    ----------
    jit : bool
        Whether to compile the equations, which takes seconds; without, plain Python is ready at once and solves
        some fifty times slower: for a single look, and for checking many small models.
    """

    jit: bool = True
    _watched: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs and the tolerance."""
        return "scipy LSODA, float64"

    @cached_property
    def _rhs(self) -> Any:
        model = self.model
        return right_hand_side(model.states, list(model.constants), model.assignments, model.rates, jit=self.jit)

    @cached_property
    def _out(self) -> Any:
        model = self.model
        extra = {name: model.readable[name] for name in self._all if name in model.readable}
        names = list(model.constants)
        return output_function(model.states, names, model.assignments, self._all, extra=extra, jit=self.jit)

    @cached_property
    def _all(self) -> tuple[str, ...]:
        """What is recorded: outputs, then what is reduced."""
        return (*self.outputs, *(self.reductions.outputs if self.reductions else ()))

    @cached_property
    def _events(self) -> EventRunner:
        return EventRunner(self.model.states, list(self.model.constants), self.model.assignments)

    @property
    def _usual_rtol(self) -> float:
        return DEFAULT_RTOL

    def _solve(self, asked: Asked) -> Solution:
        model, schedule, start, rtol, n = self.model, asked.schedule, asked.start, asked.rtol, asked.count
        times, outputs_at, edges = asked.times, asked.outputs_at, asked.edges
        tolerance = rtol * np.array([model.scale(name) for name in model.states])

        results = np.full((len(self.outputs), n, outputs_at.shape[-1]), np.nan)
        slots = np.full((n, self.reductions.slots if self.reductions else 0), np.nan)
        status = np.zeros(n, dtype=np.int64)
        failures = []
        table = BreakPoints.of(schedule, model.states, list(model.constants), start, n)
        rules = None
        if schedule and schedule.decisions:
            rules = Rules.of(schedule.decisions, model.states, model.outputs, start, n)
        records: list[Recorder] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSODA's warnings become a typed status
            for subject in range(n):
                recorder = None
                if schedule and rules:
                    recorder = Recorder(rules, subject, schedule.of(subject), self._looks(rules.observed))
                    records.append(recorder)
                grid, gatherer = times if times.ndim == 1 else times[subject], None
                own = edges[subject % len(edges)]
                recorded = np.arange(outputs_at.shape[-1])
                if self.reductions:
                    gatherer = Gatherer(self.reductions, own, max(10 * rtol, 1e-11))
                    grid = np.unique(np.concatenate((grid, self.reductions.points(own))))
                    recorded = np.searchsorted(grid, outputs_at if outputs_at.ndim == 1 else outputs_at[subject])
                found = np.full((len(self._all), len(grid)), np.nan)
                stops = self._stops(table.points(subject), asked.constants[subject], start, float(grid[-1]))
                failure = self._one(
                    subject, asked.first[subject].copy(), asked.constants[subject].copy(), stops, grid,
                    start, rtol, tolerance, asked.max_steps, found, gatherer, recorder,
                )  # fmt: skip
                results[:, subject] = found[: len(self.outputs), recorded]
                if failure is not None:
                    status[subject] = failure.status
                    failures.append(failure)
                elif gatherer is not None:
                    slots[subject] = gatherer.finished(grid, found[len(self.outputs) :])
        method = f"{self.code_path}, rtol {rtol:g}"
        columns = dict(zip(self.outputs, results, strict=True))
        reduced = self.reductions.values(slots, edges) if self.reductions else {}
        decided = Decided(
            schedule, *(tuple(getattr(item, name) for item in records) for name in ("factors", "seen", "in_force"))
        ) if schedule and rules else None  # fmt: skip
        return Solution(outputs_at, columns, status, tuple(failures), method, reductions=reduced, decided=decided)

    def _looks(self, observed: tuple[str, ...]) -> Any:
        """Return the function of state, time and constants to the outputs that rules look at."""
        if observed not in self._watched:
            model = self.model
            self._watched[observed] = output_function(
                model.states, list(model.constants), model.assignments, observed, jit=self.jit
            )
        return self._watched[observed]

    def _stops(self, points: list[tuple[float, list[Action]]], p: Array, start: float, end: float) -> list[_Stop]:
        """Return the break points of one subject: schedule entries and events, in order."""
        stops = {(moment, ENTRIES): _Stop(moment, ENTRIES, actions) for moment, actions in points}
        if self.model.events:
            constants = self.model.constants
            refuse_moving_triggers(
                self.model.events,
                {constants[item.index] for _, actions in points for item in actions if item.operation == SET_PARAMETER},
            )
            for firing in firings(self.model.events, dict(zip(constants, p.tolist(), strict=True)), start, end):
                stops.setdefault(firing.triggered, _Stop(*firing.triggered)).triggered.append(firing)
                stops.setdefault(firing.executed, _Stop(*firing.executed)).executed.append(firing)
        return [stops[position] for position in sorted(stops)]

    def _one(
        self, subject: int, y: Array, p: Array, stops: list[_Stop], times: Array,
        now: float, rtol: float, tolerance: Array, max_steps: int, results: Array,
        gatherer: Gatherer | None = None, recorder: Recorder | None = None,
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
                if gatherer is not None:
                    gatherer.take_segment(self._along(subject, y, now, stop.time, p, extra, rtol, tolerance, max_steps),
                                          now, moment)  # fmt: skip
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
                if action.operation == DECIDE:
                    assert recorder is not None
                    recorder.visit(action, y, p, now)
                elif action.operation == SET_PARAMETER:
                    p[action.index] = action.value
                else:
                    target = y if action.operation == ADD_TO_STATE else extra
                    target[action.index] += action.value if recorder is None else recorder.dosed(action)
        return None

    def _along(
        self, subject: int, y: Array, now: float, moment: float, p: Array, extra: Array, rtol: float,
        tolerance: Array, max_steps: int,
    ) -> Callable[[Array], Array]:  # fmt: skip
        """Return a function of times within a segment to what is reduced, (n_outputs, n_times)."""
        first = y.copy()

        def outputs(grid: Array) -> Array:
            whole = grid if grid[0] == now else np.concatenate(([now], grid))
            path, _ = self._segment(subject, first, whole, moment, p, extra, rtol, tolerance, max_steps)
            path = path[len(whole) - len(grid) :]
            rows = [self._out(state, time, p)[len(self.outputs) :] for state, time in zip(path, grid, strict=True)]
            return np.array(rows).T

        return outputs

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


def _first_step(y: Array, rate: Array, now: float, moment: float, rtol: float, tolerance: Array) -> float:
    """Return LSODA's own first step (Hindmarsh 1983), with one time unit or ``now`` in place of the first output."""
    size = np.max(np.abs(rate) / (rtol * np.abs(y) + tolerance))  # no float: its square may be infinite
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


@dataclass
class _Stop:
    """What happens at one position in time."""

    time: float
    position: int = AFTER
    actions: list[Action] = field(default_factory=list)
    triggered: list[Firing] = field(default_factory=list)
    executed: list[Firing] = field(default_factory=list)
