"""The regimen as one line of text.

::

    DRUG DOSE ROUTE FREQUENCY [for SPAN] [every SPAN, N cycles] (from | at) MOMENT
    FREQUENCY  once | daily | weekly | monthly | twice daily | N times daily | every SPAN
    MOMENT     (week 4 | 4 weeks) after (birth | surgery | first dose)

The clauses after the frequency stand in any order. "Week 4 after surgery" is 28 days elapsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from senospine.errors import suggest
from senospine.therapy.dose import read_dose
from senospine.therapy.drug import load_drug
from senospine.therapy.regimen import Regimen, build_regimen
from senospine.therapy.times import UNIT_WORDS, read_moment, read_period, read_span
from senospine.therapy.words import Cursor, Token

_RATES = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
_COUNTS = {"twice": 2, "thrice": 3}
_FREQUENCY_WORDS = ("once", *_COUNTS, *_RATES, "every")
_CLAUSE_WORDS = ("for", "every", "cycles", "from", "at")


def parse_regimen(text: object, where: str | None = None) -> Regimen:
    """Return the regimen that one line of text describes.

    Parameters
    ----------
    text : str
        The line; capital and small letters differ only in units.
    where : str, optional
        File and line, for messages.

    Raises
    ------
    RegimenError
        The line is ambiguous or impossible; the message says what, where, why and what to do.
    UnitError
        A unit is missing, unknown or of another kind.

    Examples
    --------
    >>> line = "ABT-263 0.05 g/kg oral daily for 7 days every 21 days, 2 cycles, from week 4 after surgery"
    >>> parse_regimen(line).text()
    'navitoclax 50 mg/kg oral daily for 7 days every 21 days, 2 cycles, from week 4 after surgery'
    """
    cursor = Cursor(text, where)
    drug = load_drug(cursor.take().text, cursor.where)
    dose, unit = read_dose(cursor, frozenset({*drug.routes, *_FREQUENCY_WORDS, *_CLAUSE_WORDS}))
    route = cursor.take()
    if route.word in (*_FREQUENCY_WORDS, *_CLAUSE_WORDS, ""):
        cursor.fail(
            "no route",
            token=route,
            why="the route decides which part of the body receives the dose",
            remedy=f"write the route after the dose; {drug.name} has: {', '.join(sorted(drug.routes))}",
        )
    if route.word not in drug.routes:
        cursor.fail(
            f"route '{route.text}' is not one of {drug.name}", token=route, remedy=suggest(route.word, drug.routes)
        )
    first = cursor.peek()
    interval = _read_frequency(cursor)
    clauses = _Clauses(cursor, first)
    while not cursor.at_end:
        clauses.read_one()
    fields: dict[str, Any] = {"drug": drug.name, "dose": dose, "unit": unit, "route": route.word}
    return build_regimen(cursor.where, interval_days=interval, **fields, **clauses.finished())


def _read_frequency(cursor: Cursor) -> float | None:
    """Return the time from dose to dose [day], None for a single dose."""
    token = cursor.take()
    if token.word == "once":
        again = cursor.peek().word in (*_RATES, "every", "a", "per")  # "once daily" is daily
        return _read_rate(cursor, 1) if again else None
    if token.word in _COUNTS:
        return _read_rate(cursor, _COUNTS[token.word])
    if token.is_number and cursor.peek().word == "times":
        cursor.take()
        if not token.text.isdecimal() or not 1 <= len(token.text) <= 4 or int(token.text) == 0:
            cursor.fail(
                f"'{token.text} times' is not a whole count", token=token, remedy="write for instance '3 times daily'"
            )
        return _read_rate(cursor, int(token.text))
    if token.word in _RATES:
        return float(UNIT_WORDS[_RATES[token.word]])
    if token.word == "every":
        return read_period(cursor, "interval")
    what = "no frequency" if token.word in ("", *_CLAUSE_WORDS) else f"no frequency: unknown word '{token.text}'"
    cursor.fail(
        what,
        token=token,
        why="how often the dose is given stands after the route",
        remedy=f"write 'once', 'daily' or 'every 12 hours' after the route; {suggest(token.word, _FREQUENCY_WORDS)}",
    )


def _read_rate(cursor: Cursor, count: int) -> float:
    """Return the time from dose to dose [day] of ``count`` doses ``daily``, ``a day`` and so on."""
    token = cursor.take()
    if token.word == "every" and count == 1:
        return read_period(cursor, "interval")
    unit = cursor.take().word if token.word in ("a", "per") else _RATES.get(token.word, "")
    if unit == "day" or (count == 1 and unit in UNIT_WORDS):
        return float(UNIT_WORDS[unit] * Fraction(1, count))
    if unit in UNIT_WORDS:
        cursor.fail(
            f"{count} doses a {unit}, but on which days?",
            token=token,
            why="evenly spaced or on chosen days, the doses fall at different times",
            remedy="write the interval, for instance 'every 3 days', or one weekly regimen for each chosen day",
        )
    cursor.fail(
        f"{count} doses in which time? '{token.text}' does not say",
        token=token,
        remedy="write for instance 'twice daily'",
    )


@dataclass
class _Clauses:
    """The clauses after the frequency, each at most once."""

    cursor: Cursor
    frequency: Token
    duration: float | None = None
    cycle: float | None = None
    cycles: int | None = None
    moment: tuple[float, str] | None = None

    def read_one(self) -> None:
        cursor, token = self.cursor, self.cursor.take()
        if token.word == "for" and cursor.peek(1).word in ("cycle", "cycles"):
            self._read_cycles(cursor.take())
        elif token.is_number and cursor.peek().word in ("cycle", "cycles"):
            self._read_cycles(token)
        elif token.word == "for":
            self._once(self.duration, token)
            self.duration = read_span(cursor, "duration")
        elif token.word in _FREQUENCY_WORDS and (token.word != "every" or self.duration is None):
            cursor.fail(
                f"two frequencies: '{self.frequency.text}' and '{token.text}'",
                token=token,
                why="only one can say how often the dose is given; a cycle stands after the duration",
                remedy="keep one, or write the cycle after it, for instance 'daily for 7 days every 21 days, 2 cycles'",
            )
        elif token.word == "every":
            self._once(self.cycle, token)
            self.cycle = read_period(cursor, "cycle")
        elif token.word in ("from", "at"):
            self._once(self.moment, token)
            self.moment = read_moment(cursor)
        else:
            self._unknown(token)

    def finished(self) -> dict[str, Any]:
        if self.moment is None:
            self.cursor.fail(
                "no start",
                why="doses need a time on the clock of the study",
                remedy="end the line with the start, for instance 'from week 4 after surgery'",
            )
        start, anchor = self.moment
        times = {"duration_days": self.duration, "cycle_days": self.cycle, "cycles": self.cycles}
        return times | {"start_days": start, "anchor": anchor}

    def _read_cycles(self, number: Token) -> None:
        self._once(self.cycles, number)
        self.cursor.take()
        if not number.text.isdecimal() or len(number.text) > 9:
            self.cursor.fail(
                f"'{number.text} cycles' is not a whole number of courses",
                token=number,
                remedy="write for instance '2 cycles'",
            )
        self.cycles = int(number.text)

    def _once(self, value: object, token: Token) -> None:
        if value is not None:
            self.cursor.fail(f"'{token.text}' stands twice", token=token, why="one would be lost", remedy="keep one")

    def _unknown(self, token: Token) -> NoReturn:
        self.cursor.fail(
            f"unknown word '{token.text}'", token=token, remedy=suggest(token.word, {*_CLAUSE_WORDS, *_FREQUENCY_WORDS})
        )
