"""One step of a dosing rule, as a line or as a mapping; both read back to an equal step.

::

    lead in DOSE for SPAN
    start    if OUTPUT at least COUNT
    escalate if OUTPUT at least COUNT
    hold     if OUTPUT below COUNT until above COUNT
    halve    if OUTPUT below COUNT
    stop     if OUTPUT below COUNT
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from senospine.errors import RegimenError, UnitError, suggest
from senospine.model.units import unit_of_text
from senospine.therapy.dose import read_dose
from senospine.therapy.times import number_text, parse_span, read_span, span_text
from senospine.therapy.words import Cursor

Action = Literal["lead in", "start", "escalate", "hold", "halve", "stop"]
ACTIONS = ("lead in", "start", "escalate", "hold", "halve", "stop")
#: actions that ask for a count to be reached, and so act where it lies below
_REACHED = ("start", "escalate")
_EXAMPLE = "write for instance 'hold if platelets below 50 1e9/L until above 75 1e9/L'"


@dataclass(frozen=True)
class RuleStep:
    """What is done when an observed output lies below a threshold, or how doses begin.

    Attributes
    ----------
    action : str
        ``lead in``: doses of the first ``days`` are ``dose`` where they would be more. ``start``: at the first dose;
        below, none is given. ``escalate``: from the end of the lead-in; while below, its dose stays. ``hold``: none
        while below, resumed above ``until``. ``halve``: each time it falls below, all later doses are halved.
        ``stop``: none any more.
    observe : str
        An output of the model; empty for a lead-in.
    below, until : float
        Thresholds in ``unit``; ``until`` equals ``below`` except where a hold says otherwise.
    dose, days : float
        Of a lead-in, in ``unit`` and days.
    """

    action: Action
    observe: str = ""
    below: float = 0.0
    until: float = 0.0
    unit: str = ""
    dose: float = 0.0
    days: float = 0.0

    @property
    def once(self) -> bool:
        """Whether the step looks at one visit only, so that one measurement decides."""
        return self.action == "start"

    def text(self) -> str:
        """Return the step as its canonical line.

        Examples
        --------
        >>> read_step("halve if platelets below 25 1e9/L").text()
        'halve if platelets below 25 1e9/L'
        """
        if self.action == "lead in":
            return f"lead in {number_text(self.dose)} {self.unit} for {span_text(self.days)}"
        word = "at least" if self.action in _REACHED else "below"
        line = f"{self.action} if {self.observe} {word} {number_text(self.below)} {self.unit}"
        return f"{line} until above {number_text(self.until)} {self.unit}" if self.action == "hold" else line

    def to_mapping(self) -> dict[str, str]:
        """Return the step as plain data for YAML, every quantity with its unit."""
        if self.action == "lead in":
            return {
                "action": "lead in",
                "dose": f"{number_text(self.dose)} {self.unit}",
                "for": span_text(self.days),
            }
        word = "at least" if self.action in _REACHED else "below"
        own = {
            "action": self.action,
            "observe": self.observe,
            word: f"{number_text(self.below)} {self.unit}",
        }
        return own | ({"until above": f"{number_text(self.until)} {self.unit}"} if self.action == "hold" else {})


def read_step(step: object, where: str | None = None) -> RuleStep:
    """Return the step that one line or one mapping describes.

    Raises
    ------
    RegimenError
        It is neither, or a word is missing, unknown or left over.
    UnitError
        A quantity has no unit, or a count's is none.

    Examples
    --------
    >>> read_step("hold if platelets below 50 1e9/L until above 75 1e9/L").until
    75.0
    >>> read_step({"action": "start", "observe": "platelets", "at least": "100 1e9/L"}).text()
    'start if platelets at least 100 1e9/L'
    """
    return _from_mapping(step, where or "dosing rule") if isinstance(step, Mapping) else _from_line(step, where)


def _from_line(line: object, where: str | None) -> RuleStep:
    cursor = Cursor(line, where)
    token = cursor.take()
    if token.word == "lead" and cursor.take_if("in"):
        dose, unit = read_dose(cursor, frozenset({"for"}))
        _expect(cursor, "for")
        return _checked(RuleStep("lead in", dose=dose, unit=unit, days=read_span(cursor, "lead-in")), cursor)
    if token.word not in ACTIONS[1:]:
        cursor.fail(f"unknown action '{token.text}'", token=token, remedy=suggest(token.word, ACTIONS))
    action: Any = token.word
    _expect(cursor, "if")
    observe = cursor.take().text
    _expect(cursor, *(("at", "least") if action in _REACHED else ("below",)))
    below, unit = _count(cursor)
    until = below
    if action == "hold":
        _expect(cursor, "until", "above")
        until, other = _count(cursor)
        until *= _in(other, unit, cursor.where)
    return _checked(RuleStep(action, observe, below, until, unit), cursor)


def _expect(cursor: Cursor, *words: str) -> None:
    for word in words:
        token = cursor.peek()
        if not cursor.take_if(word):
            cursor.fail(f"'{token.text}' where '{word}' should stand", token=token, remedy=_EXAMPLE)


def _count(cursor: Cursor) -> tuple[float, str]:
    """Return number and unit of a threshold; units may begin with a number, as 1e9/L does."""
    number = cursor.take()
    if not number.is_number or not isfinite(float(number.text)):
        cursor.fail(f"'{number.text}' is not a count", token=number, remedy=_EXAMPLE)
    token, unit = cursor.peek(), ""
    while not cursor.at_end and cursor.peek().word != "until":
        unit += cursor.take().text
    try:
        if not unit:
            raise UnitError(f"'{number.text}' has no unit")
        unit_of_text(unit)
    except UnitError as error:
        cursor.fail(error.what, token=token, remedy=f"write for instance '{number.text} 1e9/L'", kind=UnitError)
    return float(number.text), unit


def _in(unit: str, wanted: str, where: str | None) -> float:
    one, other = unit_of_text(unit), unit_of_text(wanted)
    if one.exponents != other.exponents:
        raise UnitError(f"'{unit}' cannot be turned into '{wanted}'", where=where, remedy=f"give it in {wanted}")
    return one.factor / other.factor


def _checked(step: RuleStep, cursor: Cursor) -> RuleStep:
    if not cursor.at_end:
        rest = cursor.peek()
        cursor.fail(f"unknown word '{rest.text}' at the end", token=rest, remedy="write one step a line")
    return _possible(step, cursor.where)


def _possible(step: RuleStep, where: str) -> RuleStep:
    if step.action == "lead in":
        if not (0 < step.dose < float("inf") and 0 < step.days < float("inf")):
            raise RegimenError(f"'{step.text()}' is no lead-in", where=where, remedy="give a dose and a time above 0")
    elif step.below <= 0:
        raise RegimenError(
            f"'{step.text()}': no count lies below {step.below:g}", where=where, remedy="give a threshold above zero"
        )
    elif step.until < step.below:
        raise RegimenError(
            f"'{step.text()}' resumes below the count at which it holds",
            where=where, why="it would be on and off at once", remedy="resume at that count or above",
        )  # fmt: skip
    return step


def _from_mapping(data: Mapping[str, object], where: str) -> RuleStep:
    action = data.get("action")
    if action not in ACTIONS:
        raise RegimenError(f"action '{action}' is not known", where=where, remedy=suggest(str(action), ACTIONS))
    keys = {"lead in": ("dose", "for"), "hold": ("observe", "below", "until above")}.get(
        str(action), ("observe", "at least" if action in _REACHED else "below")
    )
    for key in data:
        if key not in ("action", *keys):
            raise RegimenError(f"'{action}' has no key '{key}'", where=where, remedy=suggest(str(key), keys))
    for key in keys:
        if not isinstance(data.get(key), str):
            raise RegimenError(f"'{action}' needs '{key}' as text", where=where, remedy="give number and unit")
    if action == "lead in":
        return _from_line(f"lead in {data['dose']} for {data['for']}", where)
    link = "at least" if action in _REACHED else "below"
    line = f"{action} if {data['observe']} {link} {data[link]}"
    return _from_line(f"{line} until above {data['until above']}" if action == "hold" else line, where)


def read_visit(text: object, where: str | None = None) -> tuple[float, bool]:
    """Return a visit [day since the first dose], and whether it comes back at that interval.

    Examples
    --------
    >>> read_visit("day 3"), read_visit("every 7 days")
    ((3.0, False), (7.0, True))
    """
    words = text.split() if isinstance(text, str) else []
    if words[:1] == ["every"]:
        days = parse_span(" ".join(words[1:]), "interval of visits", where)
    elif len(words) == 2 and words[0] in ("day", "week"):
        days = parse_span(f"{words[1]} {words[0]}s", "visit", where)
    else:
        raise RegimenError(f"visit '{text}' is not known", where=where, remedy="write 'day 3' or 'every 7 days'")
    if days < 0 or (words[0] == "every" and days == 0):
        raise RegimenError(f"visit '{text}' lies before the first dose", where=where, remedy="count forward from it")
    return days, words[0] == "every"
