"""Dosing rules as data: at a visit an output is looked at, and doses that follow are held, reduced or stopped.

A rule is *on* from the visit at which the output lies below its threshold until one at which it lies above the
threshold of recovery. While it is on, doses into its target that begin are multiplied by its factor. Rules on one
target multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.columns import SWITCH
from senospine.errors import ScheduleError, suggest

if TYPE_CHECKING:
    from senospine.engine.breakpoints import Action, BreakPoints
    from senospine.engine.schedule import Entry, Schedule

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

_ACTIONS = ("hold", "reduce", "step down", "stop")


@dataclass(frozen=True, eq=False)
class Decision:
    """A rule followed at visits.

    Parameters
    ----------
    times : sequence of float
        The visits, in the model's time.
    output : str
        What is looked at: a state or assigned variable, after infusions ended and parameters switched at that moment.
    target : str
        The state whose doses change: boluses, and infusions that begin. An infusion that is running is not changed.
    below, above : float or array (n_subjects,)
        The threshold, one of the two.
    until_above, until_below : float or array (n_subjects,), optional
        The threshold of recovery; by default the same.
    action : {'hold', 'reduce', 'step down', 'stop'}
        While on, hold doses, or multiply them by ``factor``; each time it goes on, multiply all that follow by
        ``factor``, for good; or hold them for good.
    factor : float
        For 'reduce' and 'step down'; from 0 to 1.

    Notes
    -----
    At one moment outputs are recorded, infusions end, parameters switch, decisions are made (each sees the same
    state), boluses are added, and infusions start. So a dose at a visit follows what the visit decided.

    Examples
    --------
    >>> rule = Decision([7.0, 14.0], "platelets", "navitoclax_gut", below=50.0, until_above=75.0)
    >>> rule.action
    'hold'
    """

    times: Sequence[float]
    output: str
    target: str
    below: ArrayLike | None = None
    above: ArrayLike | None = None
    until_above: ArrayLike | None = None
    until_below: ArrayLike | None = None
    action: Literal["hold", "reduce", "step down", "stop"] = "hold"
    factor: float | None = None

    def __post_init__(self) -> None:
        word = f"the rule on '{self.target}'"
        times = _numbers(self.times, f"visits of {word}")
        if times.ndim != 1 or not times.size:
            raise ScheduleError(f"{word} has no visits", remedy="give times=[first visit, …]")
        object.__setattr__(self, "times", tuple(sorted(set(times.tolist()))))
        if (self.below is None) == (self.above is None):
            raise ScheduleError(f"{word} needs one threshold", remedy="give below= or above=")
        if (self.until_above if self.below is None else self.until_below) is not None:
            raise ScheduleError(f"{word}: recovery lies on the other side", remedy="below= goes with until_above=")
        if self.action not in _ACTIONS:
            raise ScheduleError(f"{word}: unknown action '{self.action}'", remedy=suggest(self.action, _ACTIONS))
        sign, limit, recovery = self.limits()
        if (sign * limit > sign * recovery).any():
            words = ("until_above", "below") if sign > 0 else ("until_below", "above")
            raise ScheduleError(
                f"{word}: {words[0]} and {words[1]} overlap", why="the rule would be on and off at once"
            )
        scales = self.action in {"reduce", "step down"}
        if scales != (self.factor is not None):
            remedy = "give factor= from 0 to 1" if scales else "leave factor= out, or let it 'reduce'"
            raise ScheduleError(
                f"{word}: action '{self.action}' and factor {self.factor} do not go together", remedy=remedy
            )
        if self.factor is not None and not 0 <= self.factor <= 1:
            raise ScheduleError(f"{word}: factor {self.factor} is not between 0 and 1")

    def limits(self) -> tuple[int, Array, Array]:
        """Return 1 for below and -1 for above, the threshold and that of recovery."""
        word = f"threshold of the rule on '{self.target}'"
        sign = 1 if self.below is not None else -1
        limit = _numbers(self.below if sign > 0 else self.above, word)
        given = self.until_above if sign > 0 else self.until_below
        return sign, limit, limit if given is None else _numbers(given, word)

    def only(self, subjects: slice | NDArray[Any]) -> Decision:
        """Return the rule with the thresholds of these subjects."""
        words = ("below", "above", "until_above", "until_below")
        own = {word: np.asarray(getattr(self, word)) for word in words if getattr(self, word) is not None}
        cut: dict[str, Any] = {word: item[subjects] for word, item in own.items() if item.ndim}
        return replace(self, **cut) if cut else self

    def shifted(self, delays: ArrayLike) -> Decision:
        """Return the rule with every visit later by each of ``delays``."""
        return replace(self, times=np.add.outer(np.asarray(self.times), np.asarray(delays)).ravel())

    @property
    def scale(self) -> float:
        """What doses are multiplied by."""
        return 0.0 if self.factor is None else self.factor


def _numbers(value: ArrayLike | None, word: str) -> Array:
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ScheduleError(f"{word}: not a number or an array of numbers") from None
    if found.ndim > 1 or not np.isfinite(found).all():
        raise ScheduleError(f"{word}: not finite numbers, one or one for each subject")
    return found


@dataclass(frozen=True)
class Rules:
    """Decisions as arrays, in the order given.

    Attributes
    ----------
    observed : tuple of str
        The outputs that are looked at.
    output, target, steps : ndarray, shape (n_rules,)
        Which of them; which state; whether it steps down for good.
    numbers : ndarray, shape (1 or n_subjects, n_rules, 4)
        Sign, threshold, recovery (infinite for a stop) and factor.
    """

    decisions: tuple[Decision, ...]
    observed: tuple[str, ...]
    output: Whole
    target: Whole
    steps: Whole
    numbers: Array

    @classmethod
    def of(
        cls, decisions: Sequence[Decision], states: Sequence[str], outputs: Sequence[str], start: float, n: int
    ) -> Rules:
        """Return the rules of decisions for a model and ``n`` subjects.

        Raises
        ------
        ScheduleError
            An output or target the model does not have, a visit before the start, thresholds for another number of
            subjects.
        """
        for item in decisions:
            if item.output not in outputs:
                raise ScheduleError(f"the model has no output '{item.output}'", remedy=suggest(item.output, outputs))
            if item.target not in states:
                raise ScheduleError(f"the model has no state '{item.target}'", remedy=suggest(item.target, states))
            if item.times[0] < start:
                raise ScheduleError(f"a visit at {item.times[0]:g} lies before the start at {start:g}")
        observed = tuple(dict.fromkeys(item.output for item in decisions))
        columns = [(item.limits(), item) for item in decisions]
        each = any(part.ndim for (_, *parts), _ in columns for part in parts)
        numbers = np.empty((n if each else 1, len(decisions), 4))
        for number, ((sign, limit, recovery), item) in enumerate(columns):
            for part in (limit, recovery):
                if part.ndim and len(part) != n:
                    raise ScheduleError(f"{len(part)} thresholds of the rule on '{item.target}' for {n} subjects")
            numbers[:, number, 0], numbers[:, number, 3] = sign, item.scale
            numbers[:, number, 1] = limit
            numbers[:, number, 2] = sign * math.inf if item.action == "stop" else recovery
        return cls(
            tuple(decisions), observed, np.array([observed.index(item.output) for item in decisions]),
            np.array([list(states).index(item.target) for item in decisions]),
            np.array([int(item.action == "step down") for item in decisions]), numbers,
        )  # fmt: skip

    def only(self, subjects: Whole) -> Rules:
        """Return the rules of some of the subjects."""
        numbers = self.numbers if len(self.numbers) == 1 else self.numbers[subjects]
        return Rules(self.decisions, self.observed, self.output, self.target, self.steps, numbers)


class Recorder:
    """One subject's rules in force, and what they came to, for the oracle.

    Parameters
    ----------
    looks : callable
        ``looks(y, t, p)`` returns the observed outputs.
    """

    def __init__(self, rules: Rules, subject: int, entries: Sequence[Entry], looks: Callable[..., Array]) -> None:
        count = len(rules.decisions)
        visits = sum(len(item.times) for item in rules.decisions)
        self.rules, self.looks = rules, looks
        self.numbers = rules.numbers[subject % len(rules.numbers)]
        self.on, self.now = [False] * count, [1.0] * count
        self.factors = np.array([1.0 if entry.kind == "switch" else math.nan for entry in entries])
        self.seen, self.in_force = np.full(visits, math.nan), np.full(visits, math.nan)

    def dosed(self, action: Action) -> float:
        """Return a dose, or an infusion's rate, as decided; an infusion ends as it began."""
        if not action.ends:
            self.factors[action.entry] = math.prod(
                value for value, target in zip(self.now, self.rules.target, strict=True) if target == action.index
            )
        return action.value * float(self.factors[action.entry])

    def visit(self, action: Action, y: Array, p: Array, time: float) -> None:
        """Follow a rule."""
        rule = action.index
        value = float(self.looks(y, time, p)[self.rules.output[rule]])
        sign, limit, recovery, factor = self.numbers[rule]
        was = self.on[rule]
        self.on[rule] = not sign * value > sign * recovery if was else bool(sign * value < sign * limit)
        if not self.rules.steps[rule]:
            self.now[rule] = factor if self.on[rule] else 1.0
        elif self.on[rule] and not was:
            self.now[rule] *= factor
        self.seen[action.entry], self.in_force[action.entry] = value, self.now[rule]


@dataclass(frozen=True)
class Dose:
    """A dose as planned and as given; ``given`` is NaN where the run ended before it."""

    time: float
    kind: str
    target: str
    planned: float
    given: float


@dataclass(frozen=True)
class Visit:
    """What was seen at a visit, and what doses are multiplied by afterwards, by this rule."""

    time: float
    rule: int
    observed: float
    factor: float


@dataclass(frozen=True)
class Decided:
    """What a schedule's decisions came to, subject by subject.

    Attributes
    ----------
    factors : tuple of ndarray, one a subject, shape (n_entries,)
        What each entry was multiplied by, in the schedule's order; 1 for a switch, NaN for a dose that the run ended
        before.
    seen, in_force : tuple of ndarray, one a subject, shape (n_visits,)
        At each visit, rule after rule: the output, and what doses were multiplied by afterwards; NaN likewise.
    """

    schedule: Schedule
    factors: tuple[Array, ...]
    seen: tuple[Array, ...]
    in_force: tuple[Array, ...]

    def doses(self, subject: int) -> tuple[Dose, ...]:
        """Return a subject's doses, in the schedule's order."""
        pairs = zip(self.schedule.of(subject), self.factors[subject].tolist(), strict=True)
        return tuple(
            Dose(entry.time, entry.kind, entry.target, entry.amount, factor * entry.amount)
            for entry, factor in pairs
            if entry.kind != "switch"
        )

    def visits(self, subject: int) -> tuple[Visit, ...]:
        """Return a subject's visits, rule after rule."""
        places = [(time, rule) for rule, item in enumerate(self.schedule.decisions) for time in item.times]
        return tuple(
            Visit(time, rule, float(seen), float(factor))
            for (time, rule), seen, factor in zip(places, self.seen[subject], self.in_force[subject], strict=True)
        )

    def total_given(self, target: str) -> Array:
        """Return how much of a target's doses began, by subject, (n_subjects,): an infusion counts in full."""
        n = len(self.factors)
        whole = self.schedule._each(n)
        place = whole.names.index(target) if target in whole.names else -1
        given = np.nan_to_num(np.concatenate([np.zeros(0), *self.factors])) * whole.amount
        mine = (whole.target == place) & (whole.kind != SWITCH)
        subject = np.repeat(np.arange(n), np.diff(whole.offsets))
        return np.asarray(np.bincount(subject, given * mine, minlength=n), dtype=float)


def read_record(schedule: Schedule, table: BreakPoints, record: Array) -> Decided:
    """Return what the machine code recorded of each action, brought into the schedule's order."""
    from senospine.engine.breakpoints import AT_BOLUS, AT_START, DECIDE

    first = table.action_start[table.row_start]
    factors, seen, in_force = [], [], []
    sizes = np.broadcast_to(np.diff(schedule.offsets), len(table.of_subject))
    for subject, number in enumerate(table.of_subject):
        own = slice(first[number], first[number + 1])
        entry, order, kind = table.entry[own], table.order[own], table.kind[own]
        found = record[subject, : len(entry)]
        values = np.ones(sizes[subject])
        begins = (order == AT_BOLUS) | (order == AT_START)
        values[entry[begins]] = found[begins, 0]
        decides = kind == DECIDE
        visits = np.empty((decides.sum(), 2))
        visits[entry[decides]] = found[decides]
        factors.append(values)
        seen.append(visits[:, 1])
        in_force.append(visits[:, 0])
    return Decided(schedule, tuple(factors), tuple(seen), tuple(in_force))
