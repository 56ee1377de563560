"""Events at known times: when they fire for one subject, and what they then do.

At one moment events that fire *at* it (``time >= T``) come first, then outputs are recorded, then doses and
switches, then events that fire *just after* it (``time > T``). Events at one position are triggered together,
then carried out by falling priority, in the file's order where priorities are equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from senospine.errors import ScheduleError
from senospine.model.events import Assigned, TimedEvent, linear_in_time
from senospine.model.expressions import Call, Expression, evaluate, names

#: positions within one moment, in order
AT, ENTRIES, AFTER = 0, 1, 2
Position = tuple[float, int]


@dataclass
class Firing:
    """One carrying out of one event; ``stored`` are the values read when it was triggered."""

    event: TimedEvent
    triggered: Position
    executed: Position
    priority: float
    stored: dict[str, float] = field(default_factory=dict)


def firings(events: Sequence[TimedEvent], values: Mapping[str, float], start: float, end: float) -> list[Firing]:
    """Return every firing from ``start`` to ``end``, in the order of carrying out.

    Parameters
    ----------
    values : mapping of str to float
        One subject's constants.
    start, end : float
        In the model's time.

    Raises
    ------
    ScheduleError
        A delay that is negative or no number.
    """
    found: list[Firing] = []
    with np.errstate(all="ignore"):
        for event in events:
            found += _firings_of(event, values, start, end)
    order = {id(event): number for number, event in enumerate(events)}
    return sorted(found, key=lambda item: (item.executed, -item.priority, order[id(item.event)]))


def _firings_of(event: TimedEvent, values: Mapping[str, float], start: float, end: float) -> list[Firing]:
    truth, moments = _truth_in_time(event.trigger, values)
    times = sorted({start, *(moment for moment in moments if start < moment <= end)})
    positions = [(time, phase) for time in times for phase in (AT, AFTER)]
    states = [truth(*position) for position in positions]
    found = []
    for index, (position, now) in enumerate(zip(positions, states, strict=True)):
        before = states[index - 1] if index else event.true_before
        if not now or before:
            continue
        delay = float(evaluate(event.delay, values, position[0]))
        if not delay >= 0:
            raise ScheduleError(f"the delay of event '{event.id}' is {delay:g}", remedy="give a delay of 0 or more")
        executed = (position[0] + delay, position[1])
        between = [
            state for at, state in zip(positions[index:], states[index:], strict=True) if at <= executed and delay > 0
        ]
        if executed[0] <= end and (event.persistent or all(between)):
            priority = float(evaluate(event.priority, values, position[0]))
            found.append(Firing(event, position, executed, priority if priority == priority else -math.inf))
    return found


def _truth_in_time(trigger: Expression, values: Mapping[str, float]) -> tuple[Callable[[float, int], bool], set[float]]:
    """Return the trigger as a function of the position, and the moments at which it may change.

    Comparisons are judged by which side of its own moment a time lies, so rounding cannot make two of them
    disagree about the moment they share.
    """
    moments: set[float] = set()

    def prepare(part: Expression) -> Callable[[float, int], bool]:
        assert isinstance(part, Call)
        if part.operator in {"and", "or", "xor", "not"}:
            inner = [prepare(item) for item in part.arguments]
            return lambda time, phase: _joined(part.operator, [item(time, phase) for item in inner])
        if part.operator in {"true", "false"}:
            return lambda time, phase: part.operator == "true"
        line = linear_in_time(Call("minus", part.arguments))
        assert line is not None  # checked when the model was read
        slope, intercept = (float(evaluate(item, values, 0.0)) for item in line)
        if slope == 0.0 or not math.isfinite(slope) or not math.isfinite(intercept):
            left, right = (float(evaluate(item, values, 0.0)) for item in part.arguments)
            fixed = _compared(part.operator, 0.0 if left == right else left - right)
            return lambda time, phase: fixed
        moment = -intercept / slope
        moments.add(moment)

        def judged(time: float, phase: int) -> bool:
            side = time - moment if time != moment else (1.0 if phase == AFTER else 0.0)
            return _compared(part.operator, math.copysign(1.0, slope) * side)

        return judged

    return prepare(trigger), moments


def _joined(operator: str, truths: list[bool]) -> bool:
    if operator == "not":
        return not truths[0]
    return {"and": all(truths), "or": any(truths), "xor": sum(truths) % 2 == 1}[operator]


def _compared(operator: str, difference: float) -> bool:
    return {
        "lt": difference < 0,
        "leq": difference <= 0,
        "gt": difference > 0,
        "geq": difference >= 0,
        "eq": difference == 0,
        "neq": difference != 0,
    }[operator]


@dataclass(frozen=True)
class EventRunner:
    """Carries out the events of one model on a state vector."""

    states: Sequence[str]
    constants: Sequence[str]
    assignments: Mapping[str, Expression]

    def trigger(self, firing: Firing, y: Any, p: Any, time: float) -> None:
        """Store what the event reads when it is triggered."""
        if firing.event.values_at_trigger:
            known = self._known(firing.event, y, p, time)
            firing.stored = {item.state: float(evaluate(item.value, known, time)) for item in firing.event.assigned}

    def execute(self, firing: Firing, y: Any, p: Any, time: float) -> None:
        """Carry out the event: change ``y`` in place."""
        event, known = firing.event, self._known(firing.event, y, p, time)
        new = [(self.states.index(item.state), self._value(item, firing, known, time)) for item in event.assigned]
        for index, value in new:
            y[index] = value
        for concentration, size in event.diluted:
            y[self.states.index(concentration)] *= known[size] / y[self.states.index(size)]

    def _value(self, item: Assigned, firing: Firing, known: Mapping[str, Any], time: float) -> float:
        stored = firing.stored.get(item.state)
        value = float(evaluate(item.value, known, time)) if stored is None else stored
        return value if item.factor is None else value * float(evaluate(item.factor, known, time))

    def _known(self, event: TimedEvent, y: Any, p: Any, time: float) -> dict[str, Any]:
        known = dict(zip(self.states, map(float, y), strict=True)) | dict(
            zip(self.constants, map(float, p), strict=True)
        )
        wanted = {size for _, size in event.diluted}
        for item in event.assigned:
            wanted |= names(item.value) | (names(item.factor) if item.factor is not None else set())
        for name in self.needed(wanted):
            known[name] = evaluate(self.assignments[name], known, time)
        return known

    def needed(self, wanted: set[str]) -> list[str]:
        """Return the assigned variables that ``wanted`` rests on, in the order of computing."""
        found: set[str] = set()
        pending = [name for name in wanted if name in self.assignments]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += [item for item in names(self.assignments[name]) if item in self.assignments]
        return [name for name in self.assignments if name in found]


def refuse_moving_triggers(events: Sequence[TimedEvent], switched: set[str]) -> None:
    """Refuse a schedule that switches a constant which decides when an event fires."""
    for event in events:
        read = names(event.trigger) | names(event.delay) | names(event.priority)
        for name in sorted(read & switched):
            raise ScheduleError(
                f"the schedule switches '{name}', which decides when event '{event.id}' fires",
                remedy="set it as a parameter before the start",
            )
