"""Events that fire at known times: their triggers read time and constants only, so nobody has to watch the state.

A trigger is a truth value that changes only where a comparison of time with constants changes. Those moments are
computed per subject before solving (``engine/events.py``); solvers stop there, as at a dose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from senospine.errors import ModelError
from senospine.model.expressions import Call, Expression, Name, Number, Time, names, text, walk
from senospine.model.mathml import CONDITIONS, MathReader, rewritten

if TYPE_CHECKING:
    from senospine.model.raw import RawModel

_STATE_WATCHER = "libRoadRunner or COPASI can run it; or write the trigger as a comparison of time with constants"
_RELATIONS = frozenset({"lt", "leq", "gt", "geq", "eq", "neq"})


@dataclass(frozen=True)
class Assigned:
    """One assignment of an event: ``state`` becomes ``value`` times ``factor``.

    ``factor`` turns a concentration into the amount that is held; it is read when the event is carried out, while
    ``value`` may be read when the event is triggered.
    """

    state: str
    value: Expression
    factor: Expression | None = None


@dataclass(frozen=True)
class TimedEvent:
    """Something that happens when ``trigger``, a condition on time and constants, becomes true.

    Attributes
    ----------
    trigger : Expression
        Connectives over comparisons of terms linear in time; reads constants only.
    delay, priority : Expression
        From trigger to execution; among events at one moment the highest comes first. Both read constants only.
    persistent : bool
        Whether it is carried out even if the trigger has become false during the delay.
    true_before : bool
        What the trigger counts as before the start; where False, a trigger that is true at the start fires there.
    values_at_trigger : bool
        Whether assigned values are computed at the trigger and not at the execution.
    assigned : tuple of Assigned
    diluted : tuple of (str, str)
        Concentrations and the compartments this event resizes: their amounts stay.
    """

    id: str
    trigger: Expression
    delay: Expression
    priority: Expression
    persistent: bool
    true_before: bool
    values_at_trigger: bool
    assigned: tuple[Assigned, ...]
    diluted: tuple[tuple[str, str], ...] = ()


def event_targets(events: list[Any]) -> set[str]:
    """Return the variables that ``events`` assign."""
    return {
        event.getEventAssignment(index).getVariable()
        for event in events
        if event.getTrigger() is not None and event.getTrigger().getMath() is not None
        for index in range(event.getNumEventAssignments())
    }


def read_event(raw: RawModel, event: Any, number: int, maths: MathReader) -> TimedEvent | None:
    """Return an event, None for one without a trigger, which never fires.

    Raises
    ------
    ModelError
        Its trigger, delay or priority reads something that changes with the state.
    """
    name = event.getId() or f"event {number}"
    from senospine.model.species import without_rate_of

    where, trigger = f"{raw.where}: event '{name}'", event.getTrigger()
    if trigger is None or trigger.getMath() is None:
        return None
    condition = _known(raw, maths.read(trigger.getMath(), where, condition=True), name, "trigger", where)
    _refuse_curved(condition, name, where)
    assigned, resized = [], set()
    for index in range(event.getNumEventAssignments()):
        item = event.getEventAssignment(index)
        if item.getMath() is None:
            continue  # Level 3 Version 2: an assignment without a formula leaves the variable alone
        variable = item.getVariable()
        value = without_rate_of(raw, maths.read(item.getMath(), f"{where}, assignment to '{variable}'"), where)
        held = raw.species[variable].amount if variable in raw.species else Name(variable)
        if isinstance(held, Name) and held.id != variable:
            formula = raw.assignments[variable]
            assigned.append(Assigned(held.id, value, formula.arguments[1] if isinstance(formula, Call) else None))
        else:
            assigned.append(Assigned(variable, value))
        if assigned[-1].state not in raw.rates:
            raise ModelError(
                f"event '{name}' assigns '{variable}', which cannot change",
                where=where,
                remedy="let it assign what no rule sets and what is not constant",
            )
        resized.add(variable)
    return TimedEvent(
        name,
        condition,
        _side(raw, event.getDelay(), name, "delay", where, maths),
        _side(raw, event.getPriority(), name, "priority", where, maths),
        trigger.getPersistent(),
        trigger.getInitialValue(),
        event.getUseValuesFromTriggerTime(),
        tuple(assigned),
        tuple(_diluted(raw, resized)),
    )


def _side(raw: RawModel, part: Any, name: str, word: str, where: str, maths: MathReader) -> Expression:
    if part is None or part.getMath() is None:
        return Number(0.0) if word == "delay" else Number(float("-inf"))
    return _known(raw, maths.read(part.getMath(), where), name, word, where)


def _diluted(raw: RawModel, resized: set[str]) -> list[tuple[str, str]]:
    """Return concentrations that are states themselves, with their compartments, where those are resized."""
    pairs = []
    for name, species in raw.species.items():
        if name in raw.rates and isinstance(species.amount, Call):  # amount = concentration * compartment
            size = species.amount.arguments[1]
            if isinstance(size, Name) and size.id in resized:
                pairs.append((name, size.id))
    return pairs


def _known(raw: RawModel, formula: Expression, name: str, word: str, where: str) -> Expression:
    """Return ``formula`` with assigned variables written out; refuse it where it then reads a state."""
    from senospine.model.species import without_rate_of

    formula = without_rate_of(raw, formula, where)
    for _ in range(20):
        assigned = {item: raw.assignments[item] for item in names(formula) if item in raw.assignments}
        if not assigned or sum(1 for _ in walk(formula)) > 2000:
            break
        formula = rewritten(formula, lambda part, known=assigned: _write_out(part, known))  # type: ignore[misc]
    changing = sorted(item for item in names(formula) if not raw.constant(item))
    if changing:
        raise ModelError(
            f"the {word} of event '{name}' reads '{changing[0]}', which changes with the state",
            where=where,
            why="only events at known times are read: their times follow from constants before the model is solved",
            remedy=_STATE_WATCHER,
        )
    return formula


def _write_out(part: Expression, known: Mapping[str, Expression]) -> Expression | None:
    return known.get(part.id) if isinstance(part, Name) else None


def _refuse_curved(condition: Expression, name: str, where: str) -> None:
    """Refuse a trigger in which time stands anywhere but linearly in a comparison."""
    pending = [condition]
    while pending:
        part = pending.pop()
        if isinstance(part, Call) and part.operator in _RELATIONS:
            if linear_in_time(Call("minus", part.arguments)) is None:
                raise ModelError(
                    f"the trigger of event '{name}' bends time: {text(part)}",
                    where=where,
                    why="its moments can be computed only where time stands alone or times a constant",
                    remedy=_STATE_WATCHER,
                )
        elif isinstance(part, Call) and part.operator in CONDITIONS:
            pending.extend(part.arguments)
        elif any(isinstance(item, Time) for item in walk(part)):
            raise ModelError(
                f"the trigger of event '{name}' is no comparison of time", where=where, remedy=_STATE_WATCHER
            )


def linear_in_time(formula: Expression) -> tuple[Expression, Expression] | None:
    """Return slope and intercept of ``formula`` as a function of time, None where it is not a straight line.

    Examples
    --------
    >>> slope, intercept = linear_in_time(Call("minus", (Time(), Name("T"))))
    >>> slope, text(intercept)
    (Number(value=1.0), '0 - T')
    """
    zero, one = Number(0.0), Number(1.0)
    if isinstance(formula, Time):
        return one, zero
    if not any(isinstance(part, Time) for part in walk(formula)):
        return zero, formula
    if not isinstance(formula, Call):
        return None
    operator, parts = formula.operator, [linear_in_time(item) for item in formula.arguments]
    known = [item for item in parts if item is not None]
    if len(known) < len(parts):
        return None
    if operator in {"plus", "minus"}:
        slopes = tuple(slope for slope, _ in known)
        return _plain(operator, slopes), Call(operator, tuple(intercept for _, intercept in known))
    moving = [index for index, (slope, _) in enumerate(known) if slope != zero]
    if (operator == "times" and len(moving) == 1) or (operator == "divide" and moving == [0]):
        slope, intercept = known[moving[0]]
        rest = list(formula.arguments)
        rest[moving[0]] = slope
        other = list(formula.arguments)
        other[moving[0]] = intercept
        return Call(operator, tuple(rest)), Call(operator, tuple(other))
    return None


def _plain(operator: str, slopes: tuple[Expression, ...]) -> Expression:
    """Return the sum or difference of slopes, as a number where all are numbers."""
    if all(isinstance(item, Number) for item in slopes):
        values = [item.value for item in slopes if isinstance(item, Number)]
        if operator == "plus":
            return Number(sum(values))
        return Number(-values[0] if len(values) == 1 else values[0] - values[1])
    return Call(operator, slopes)
