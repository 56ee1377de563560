"""Steady state: the states that one interval of dosing gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.breakpoints import BreakPoints
from senospine.engine.columns import INFUSION, SWITCH
from senospine.engine.inputs import columns_of, count_subjects, refuse_settings
from senospine.engine.kernel import Kernel
from senospine.engine.period import Period, Search, Settling
from senospine.engine.schedule import Schedule
from senospine.engine.start import start_values
from senospine.engine.status import Failure
from senospine.errors import ModelError, ScheduleError, suggest

Array = NDArray[np.float64]

#: numbers held at a time: subjects, each with its neighbours, times states
BLOCK = 2**23


@dataclass(frozen=True)
class SettlingFailure:
    """A subject without a steady state: who, why, and in which state it shows."""

    subject: int
    status: Settling
    state: str
    cause: str = ""

    def __str__(self) -> str:
        because = f" ({self.cause})" if self.cause else ""
        return f"subject {self.subject}: {self.status}, '{self.state}' first{because}; {self.status.advice}"


@dataclass(frozen=True)
class SteadyState:
    """Each subject's states at the start of an interval of dosing, in steady state.

    Attributes
    ----------
    initial : mapping of str to ndarray, shape (n_subjects,)
        Of the states that were asked for, in the model's units, just before what the interval begins with: made for
        ``solve(initial=...)``. NaN where there is no steady state.
    running : Schedule
        What is left at the start of infusions begun in intervals before.
    status : ndarray of Settling, shape (n_subjects,)
    failures : tuple of SettlingFailure
    error : ndarray, shape (n_subjects,)
        The last correction of any state, over its declared scale plus its value: an estimate of the distance to
        the steady state, not the change over one interval, which is far smaller where a drug accumulates slowly.
    slowest : ndarray, shape (n_subjects,)
        The share of a small disturbance left after one interval, of the slowest: about ``log(0.1) / log(slowest)``
        intervals bring a subject 90 % of the way. Exact for linear models; else what is missing to 1 may be 30 % off.
    intervals : ndarray, shape (n_subjects,)
        How many were solved to find it.
    """

    initial: Mapping[str, Array]
    running: Schedule
    status: NDArray[np.int64]
    failures: tuple[SettlingFailure, ...]
    error: Array
    slowest: Array
    intervals: NDArray[np.int64]
    cycle: Schedule
    interval: float

    def __getitem__(self, state: str) -> Array:
        if state not in self.initial:
            raise ModelError(f"'{state}' was not asked for", remedy=suggest(state, self.initial))
        return self.initial[state]

    def continued(self, times: int) -> Schedule:
        """Return what goes on from the start: the infusions still running, and the cycle ``times`` times."""
        return self.running + self.cycle.repeated(self.interval, times)


def steady_state(
    kernel: Kernel,
    cycle: Schedule,
    interval: float,
    parameters: Mapping[str, ArrayLike] | None = None,
    *,
    states: Sequence[str] | None = None,
    start: float = 0.0,
    initial: Mapping[str, ArrayLike] | None = None,
    n_subjects: int | None = None,
    tolerance: float = 1e-6,
    max_rounds: int = 100,
    threads: int | None = None,
) -> SteadyState:
    """Return each subject's states at the start of a dosing interval, when every interval gives them back.

    Parameters
    ----------
    kernel : Kernel
    cycle : Schedule
        The doses of one interval, from ``start`` on. Infusions may be longer than the interval: those of former
        intervals then still run. An infusion as long as the interval is a constant one.
    interval : float
        From start to start, in the model's time.
    parameters, initial, n_subjects, threads
        As in :meth:`Kernel.solve`. The search begins at the initial values.
    states : sequence of str, optional
        Which are to settle; by default all. The others, a disease for instance, begin every interval at their
        initial values.
    start : float
        Time at the start of the interval. A model that reads the time settles as if every interval were this one.
    tolerance : float
        The last correction allowed, over a state's declared scale plus its value. Intervals are solved to 1e-4 of it.
    max_rounds : int
        Corrections allowed.

    Raises
    ------
    ModelError
        An unknown state, or as in :meth:`Kernel.solve`.
    ScheduleError
        A switch in the cycle, an entry outside the interval, or as in :meth:`Kernel.solve`.

    Notes
    -----
    Newton's method on the map over one interval, its slope from differences between neighbours that are solved with
    it; the slope is kept while corrections shrink to 0.3. Where a correction would make an amount negative or leads
    astray, the interval itself is taken as the step. Cost: for a linear model one interval for each state and two
    more; else some such rounds, so plain dosing is as fast for drugs that settle in tens of intervals.

    Sums of states that an interval does not change (a total of receptors) keep what the initial values give them.
    Where a model has several steady states, the one found need not be the one that dosing from the initial values
    would lead to.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"))
    >>> dose = senospine.Schedule.shared([senospine.Entry(0.0, "bolus", "navitoclax_gut", 50.0)])
    >>> drug = ["navitoclax_gut", "navitoclax_plasma"]
    >>> found = senospine.steady_state(kernel, dose, 0.5, states=drug)
    >>> print(f"{found['navitoclax_plasma'][0]:.4f}")
    1.0365
    """
    model = kernel.model
    states = tuple(model.states) if states is None else tuple(states)
    _refuse(kernel, states, cycle, start, interval, tolerance, max_rounds)
    given, begun = columns_of(parameters or {}, "parameter"), columns_of(initial or {}, "initial value of")
    n = count_subjects(given, cycle, np.zeros(1), begun, n_subjects)
    BreakPoints.of(cycle, model.states, list(model.constants), start, n)  # refuses what no solver can honour
    running = _running(cycle, start, interval)
    first = start_values(model, given, begun, start, n)[0][:, [model.states.index(name) for name in states]]
    if not set(states) <= set(kernel.outputs):
        kernel = replace(kernel, outputs=states)
    scales = np.array([model.scale(name) for name in states])
    rtol = max(1e-4 * tolerance, 1e-12)
    searches = []
    block = max(1, BLOCK // (len(states) * (1 + len(states))))
    for low in range(0, n, block):
        rows = np.arange(low, min(low + block, n))
        own = [{name: item[rows] if item.ndim else item for name, item in group.items()} for group in (given, begun)]
        whole = (running + cycle).only(rows)
        period = Period(kernel, states, whole, start, start + interval, own[0], own[1], rtol, threads)
        search = Search(period, scales, tolerance, first[rows].copy())
        rounds = 0
        while search.active.any() and rounds < max_rounds:
            search.round()
            rounds += 1
        searches.append(search)
    return _result(searches, states, running, cycle, interval)


def _result(
    searches: list[Search], states: tuple[str, ...], running: Schedule, cycle: Schedule, interval: float
) -> SteadyState:
    values, status, culprit, error, slowest, solved = (
        np.concatenate([getattr(search, name) for search in searches])
        for name in ("x", "status", "culprit", "error", "slowest", "solved")
    )
    values[status != Settling.OK] = np.nan
    causes: dict[int, Failure] = {}
    low = 0
    for search in searches:
        causes |= {low + subject: cause for subject, cause in search.causes.items()}
        low += len(search.x)
    failures = []
    for subject in np.flatnonzero(status).tolist():
        cause = causes.get(subject)
        state, words = (cause.state, str(cause.status)) if cause else (states[culprit[subject]], "")
        failures.append(SettlingFailure(subject, Settling(int(status[subject])), state, words))
    initial = dict(zip(states, values.T.copy(), strict=True))
    return SteadyState(initial, running, status, tuple(failures), error, slowest, solved, cycle, interval)


def _running(cycle: Schedule, start: float, interval: float) -> Schedule:
    """Return what is left at the start of infusions begun in intervals before."""
    last = np.where(cycle.kind == INFUSION, cycle.time + cycle.duration - start, 0.0)
    before = np.maximum(np.ceil(last / interval - 1e-12).astype(np.int64) - 1, 0)
    index = np.repeat(np.arange(before.size), before)
    number = 1 + np.arange(index.size) - np.repeat(np.cumsum(before) - before, before)
    left = last[index] - number * interval
    counts = np.diff(np.concatenate(([0], np.cumsum(before)))[cycle.offsets])
    rows = cycle._rows(index, counts, cycle.n_subjects)
    amount = rows.amount * (left / rows.duration)
    return replace(rows, time=np.full(left.size, start), duration=left, amount=amount)


def _refuse(
    kernel: Kernel, states: tuple[str, ...], cycle: Schedule, start: float, interval: float, tolerance: float,
    max_rounds: int,
) -> None:  # fmt: skip
    for name in states:
        if name not in kernel.model.states:
            raise ModelError(f"the model has no state '{name}'", remedy=suggest(name, kernel.model.states))
        if states.count(name) > 1:
            raise ModelError(f"'{name}' is asked for twice")
    if not states:
        raise ModelError("no states to settle", remedy="name some, or leave states= out for all")
    if kernel.model.events:
        raise ModelError("a model with events of its own has no steady state of intervals")
    if not 0 < interval < np.inf:
        raise ScheduleError(f"the interval {interval:g} is not a positive number")
    refuse_settings(start, tolerance, max_rounds, None)
    if (cycle.kind == SWITCH).any():
        name = cycle.names[cycle.target[cycle.kind == SWITCH][0]]
        remedy = "give the value as a parameter, or as a function of time in the model"
        raise ScheduleError(f"the cycle switches '{name}'", why="it would stay switched", remedy=remedy)
    outside = (cycle.time < start) | (cycle.time >= start + interval)
    if outside.any():
        raise ScheduleError(
            f"an entry at {cycle.time[outside][0]:g} lies outside the interval from {start:g} to {start + interval:g}",
            remedy="count times from the start of the interval, its end not included",
        )
