"""Each subject with the neighbours it is compared with: solved in one call, failures told by subject and name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.differences import choose_stencils
from senospine.engine.inputs import count_subjects
from senospine.engine.kernel import Solution
from senospine.engine.schedule import Schedule, check_times
from senospine.engine.status import Status
from senospine.errors import ModelError, ScheduleError
from senospine.model import Model, evaluate
from senospine.model.expressions import names

Array = NDArray[np.float64]

#: before the name of a state, its initial value
INITIAL = "initial:"


class Solver(Protocol):
    """What :func:`sensitivities` needs of a kernel."""

    @property
    def model(self) -> Model:
        """The model it solves."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs it records."""

    @property
    def solve(self) -> Callable[..., Solution]:
        """As :meth:`senospine.engine.Kernel.solve`."""


@dataclass(frozen=True)
class SensitivityFailure:
    """A neighbour that could not be solved: a derivative, or its error, is missing from ``time`` on.

    Attributes
    ----------
    subject : int
    wrt : str
        The parameter that was moved; empty if the subject itself failed, and with it every derivative.
    value : float
        What it was moved to.
    status, time, state
        As in :class:`senospine.engine.Failure`; no state, and the first output that is missing, for a neighbour that
        stopped being a number while its subject went on.
    """

    subject: int
    wrt: str
    value: float
    status: Status
    time: float
    state: str

    def __str__(self) -> str:
        moved = f" with {self.wrt} = {self.value:.10g}" if self.wrt else ""
        where = f" ({self.state})" if self.state else ""
        end = f"at time {self.time:g}{where}; {self.status.advice}"
        return f"subject {self.subject}{moved}: {self.status} {end}"


@dataclass(frozen=True)
class Neighbourhood:
    """Every subject with the neighbours it is compared with.

    Attributes
    ----------
    at, steps, stencils : ndarray, shape (n_subjects, n_wrt)
        Each name's value, the size of a step, and the stencil that its range allows.
    variants : int
        Solves a subject: itself first, and its neighbours.
    places : ndarray, shape (n_wrt, n_neighbours)
        Where the neighbours of each name stand among the variants.
    """

    kernel: Solver
    wrt: tuple[str, ...]
    parameters: Mapping[str, Array]
    initial: Mapping[str, Array]
    schedule: Schedule | None
    times: Array
    start: float
    more: Mapping[str, Any]
    at: Array
    steps: Array
    stencils: NDArray[np.int64]
    variants: int
    places: NDArray[np.int64]

    def solve(
        self, rows: slice, offsets: Array, rtol: float
    ) -> tuple[Solution, Array, list[tuple[tuple[int, int], SensitivityFailure]]]:
        """Return the solution of the subjects ``rows``, each followed by its neighbours, and what failed.

        Between them are the neighbours' distances, shape (n_rows, n_wrt, n_neighbours); ``offsets`` are those of each
        stencil in steps, shape (n_stencils, n_neighbours).
        """
        at = self.at[rows]
        moved = at[:, :, None] + self.steps[rows][:, :, None] * offsets[self.stencils[rows]]
        parameters, initial = (
            {name: np.repeat(value[rows], self.variants) if value.ndim else value for name, value in given.items()}
            for given in (self.parameters, self.initial)
        )
        columns = {}
        for index, name in enumerate(self.wrt):
            column = np.full((len(at), self.variants), np.nan)
            column[:, self.places[index]] = moved[:, index]
            columns[name] = column.ravel()
            if not name.startswith(INITIAL):
                parameters[name] = np.where(
                    np.isnan(columns[name]), np.repeat(at[:, index], self.variants), column.ravel()
                )
        n = len(at) * self.variants
        initial |= {  # of neighbours moved elsewhere, what its formula makes of that
            name.removeprefix(INITIAL): _value(self.kernel.model, name, parameters, initial, self.start, n, columns)
            for name in self.wrt
            if name.startswith(INITIAL)
        }
        schedule, times = self.schedule, self.times
        if schedule is not None and schedule.per_subject:
            schedule = Schedule.each([entries for entries in schedule.entries[rows] for _ in range(self.variants)])
        if times.ndim == 2:
            times = np.repeat(times[rows], self.variants, axis=0)
        solution = self.kernel.solve(
            parameters, schedule, times, start=self.start, initial=initial, n_subjects=n, rtol=rtol, **self.more
        )
        return solution, moved - at[:, :, None], list(self._failures(solution, moved, rows.start))

    def _failures(
        self, solution: Solution, moved: Array, low: int
    ) -> Iterator[tuple[tuple[int, int], SensitivityFailure]]:
        owner = {int(place): where for where, place in np.ndenumerate(self.places)}
        for failure in solution.failures:
            subject, variant = divmod(failure.subject, self.variants)
            index, neighbour = owner.get(variant, (-1, 0))  # the subject itself has index -1
            wrt, value = (self.wrt[index], moved[subject, index, neighbour]) if index >= 0 else ("", np.nan)
            yield (
                (low + subject, index),
                SensitivityFailure(low + subject, wrt, float(value), failure.status, failure.time, failure.state),
            )


def neighbourhood(
    kernel: Solver, wrt: tuple[str, ...], parameters: Mapping[str, ArrayLike] | None,
    initial: Mapping[str, ArrayLike] | None, schedule: Schedule | None, times: ArrayLike, start: float,
    n_subjects: int | None, relative_step: float, threads: int | None, variants: int, places: NDArray[np.int64],
) -> Neighbourhood:  # fmt: skip
    """Return the subjects that the arguments tell, with steps and stencils for each name."""
    given, first = _arrays(parameters, "parameter"), _arrays(initial, "initial value of")
    when = _array(times, "output times")
    check_times(when)
    n = count_subjects(given, schedule, when, first, n_subjects)
    if n < 1:
        raise ModelError(f"{n} subjects have no derivatives")
    _refuse_early(schedule, start)
    at = np.column_stack([_value(kernel.model, name, given, first, start, n) for name in wrt])
    ranges = np.array([_range(kernel.model, name) for name in wrt])
    low, high, magnitude = ranges.T
    steps = relative_step * np.where(at == 0.0, magnitude, np.abs(at))
    low = np.where(at == 0.0, np.minimum(low, 0.0), low)
    stencils = choose_stencils(at, 2.0 * steps, low, high)
    more: dict[str, Any] = {} if threads is None else {"threads": threads}
    return Neighbourhood(kernel, wrt, given, first, schedule, when, start, more, at, steps, stencils, variants, places)


def _range(model: Model, name: str) -> tuple[float, float, float]:
    """Return the declared range of a parameter or initial value, and a magnitude for where it is zero."""
    if name.startswith(INITIAL):
        return 0.0, np.inf, model.scale(name.removeprefix(INITIAL))
    row = model.register.get(name)
    ends = [] if row is None else [abs(end) for end in (row.low, row.high) if end is not None]
    magnitude = max(ends, default=0.0) or 1.0
    if row is not None and row.prior == "uniform" and row.low is not None and row.high is not None:
        return row.low, row.high, magnitude
    if row is not None and row.prior == "normal":
        return -np.inf, np.inf, magnitude
    return 0.0, np.inf, magnitude


def _value(
    model: Model, name: str, parameters: Mapping[str, Array], initial: Mapping[str, Array], start: float, n: int,
    moved: Mapping[str, Array] | None = None,
) -> Array:  # fmt: skip
    """Return each subject's value of ``name``, shape (n_subjects,); ``moved`` has initial values, NaN where unmoved."""

    def find(name: str) -> Any:
        if name in model.parameters:
            return parameters.get(name, model.parameters[name])
        value: Any
        if name in initial:
            value = initial[name]
        else:
            formula = model.initial[name] if name in model.initial else model.assignments[name]
            with np.errstate(all="ignore"):  # what is not finite is refused below, by name
                value = evaluate(formula, {inner: find(inner) for inner in names(formula)}, start)
        other = (moved or {}).get(INITIAL + name)
        return value if other is None else np.where(np.isnan(other), value, other)

    try:
        values = np.broadcast_to(np.asarray(find(name.removeprefix(INITIAL)), dtype=float), (n,))
    except RecursionError:
        raise ModelError(f"the initial value of '{name}' depends on itself", where=str(model.path)) from None
    if not np.isfinite(values).all():
        raise ModelError(f"'{name}' of subject {np.argmin(np.isfinite(values))} is not a finite number")
    return values


def _refuse_early(schedule: Schedule | None, start: float) -> None:
    """Refuse entries before the start here, where subjects still have their own numbers."""
    for subject, entries in enumerate(schedule.entries if schedule is not None else ()):
        early = min((entry.time for entry in entries), default=start)
        if early < start and schedule is not None:
            where = f"subject {subject}" if schedule.per_subject else None
            raise ScheduleError(f"an entry at {early:g} lies before the start at {start:g}", where=where)


def _arrays(given: Mapping[str, ArrayLike] | None, word: str) -> dict[str, Array]:
    result = {name: _array(value, f"{word} '{name}'") for name, value in (given or {}).items()}
    for name, value in result.items():
        if value.ndim > 1:
            remedy = "give a scalar or an array (n_subjects,)"
            raise ModelError(f"{word} '{name}' has shape {value.shape}", remedy=remedy)
        if not np.isfinite(value).all():
            row = int(np.argmin(np.isfinite(np.atleast_1d(value))))
            raise ModelError(f"{word} '{name}' of subject {row} is not a finite number")
    return result


def _array(value: ArrayLike, what: str) -> Array:
    try:
        return np.ascontiguousarray(value, dtype=float) if np.ndim(value) else np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ModelError(f"{what}: not a number or an array of numbers") from None
