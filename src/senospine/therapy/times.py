"""Lengths of time and moments in a regimen, read to days and written back without loss.

Unit factors are exact fractions and each value is rounded once: 8 hours is the number closest to a
third of a day, which a product of two rounded numbers need not be.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite

from senospine.errors import UnitError, suggest
from senospine.quantities import DAYS_PER_MONTH
from senospine.therapy.words import Cursor, Token

ANCHORS = ("birth", "surgery", "enrolment", "first dose")

_DAYS = {
    "minute": Fraction(1, 1440),
    "hour": Fraction(1, 24),
    "day": Fraction(1),
    "week": Fraction(7),
    "month": Fraction(DAYS_PER_MONTH),
    "year": 12 * Fraction(DAYS_PER_MONTH),
}
UNIT_WORDS = {**_DAYS, **{f"{unit}s": days for unit, days in _DAYS.items()}, "h": _DAYS["hour"], "d": _DAYS["day"]}
_CLAUSE_WORDS = ("", "for", "every", "from", "at", "after", "before", "cycle", "cycles")


def read_span(cursor: Cursor, what: str) -> float:
    """Return the length of time that stands next [day], for instance ``7 days``.

    Raises
    ------
    RegimenError
        No number stands there, or one that is not finite.
    UnitError
        The unit is missing or not one of time.

    Examples
    --------
    >>> read_span(Cursor("12 hours"), "interval")
    0.5
    """
    number = cursor.take()
    example = "write a number and a unit of time, for instance '7 days'"
    if not number.is_number:
        cursor.fail(f"{what}: '{number.text}' is not a number", token=number, remedy=example)
    return _in_days(cursor, number, cursor.take(), what)


def read_period(cursor: Cursor, what: str) -> float:
    """Return the time between two starts that follows the word ``every`` [day]: ``21 days``, ``day``, ``other day``."""
    count = 2 if cursor.take_if("other") else 1
    if cursor.peek().word in UNIT_WORDS:
        return float(count * UNIT_WORDS[cursor.take().word])
    return read_span(cursor, what)


def read_moment(cursor: Cursor) -> tuple[float, str]:
    """Return the elapsed time [day] and the anchor it counts from: ``week 4 after surgery``.

    Raises
    ------
    RegimenError
        The time or the anchor is missing, unknown, or lies before the anchor.
    UnitError
        The unit is missing or not one of time.

    Examples
    --------
    >>> read_moment(Cursor("week 4 after surgery"))
    (28.0, 'surgery')
    >>> read_moment(Cursor("23 months after birth"))
    (700.0625, 'birth')
    """
    first = cursor.peek()
    example = "write for instance 'from week 4 after surgery'"
    if first.word in UNIT_WORDS and cursor.peek(1).is_number:
        unit, number = cursor.take(), cursor.take()
        start = _in_days(cursor, number, unit, "start")
    elif first.is_number:
        start = read_span(cursor, "start")
    else:
        cursor.fail(f"start: '{first.text}' where a time should stand", token=first, remedy=example)
    link = cursor.take()
    anchors = " or ".join(f"'after {anchor}'" for anchor in ANCHORS)
    if link.word == "before":
        cursor.fail(
            "start: a time before its anchor",
            token=link,
            why="times are counted forward from birth, surgery, enrolment or the first dose",
            remedy="count from an earlier anchor, for instance 'from month 3 after birth'",
        )
    if link.word != "after":
        cursor.fail(
            "start: the time has no anchor",
            token=link,
            why="a time alone could count from birth, from surgery, from enrolment or from the first dose",
            remedy=f"add {anchors}",
        )
    cursor.take_if("the")
    token = cursor.take()
    anchor = f"{token.word} {cursor.take().word}" if token.word == "first" else token.word
    if anchor not in ANCHORS:
        cursor.fail(f"start: unknown anchor '{anchor}'", token=token, remedy=suggest(anchor, ANCHORS))
    return start, anchor


def parse_moment(text: object, where: str | None = None) -> tuple[float, str]:
    """Return the elapsed time [day] and the anchor that one line names, and refuse anything after it.

    Examples
    --------
    >>> parse_moment("month 24 after birth")
    (730.5, 'birth')
    """
    cursor = Cursor(text, where)
    moment = read_moment(cursor)
    if not cursor.at_end:
        rest = cursor.take()
        cursor.fail(f"unknown word '{rest.text}' after the time", token=rest, remedy="write only time and anchor")
    if moment[0] < 0:
        cursor.fail("a time before its anchor", remedy="count from an earlier anchor, for instance birth")
    return moment


def parse_span(text: object, what: str, where: str | None = None) -> float:
    """Return the length of time [day] that one line names.

    Examples
    --------
    >>> parse_span("3 months", "age")
    91.3125
    """
    cursor = Cursor(text, where)
    span = read_span(cursor, what)
    if not cursor.at_end:
        rest = cursor.take()
        cursor.fail(f"unknown word '{rest.text}' after the {what}", token=rest, remedy="write a number and a unit")
    return span


def span_text(days: float, *, weeks: bool = False) -> str:
    """Return ``days`` in words that read back to the same number; ``weeks`` prefers weeks to days.

    Examples
    --------
    >>> span_text(21.0), span_text(0.5), span_text(56.0, weeks=True)
    ('21 days', '12 hours', '8 weeks')
    """
    number, unit = _whole(days, ("week",) if weeks else (), ("day", "hour", "minute"))
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def moment_text(start_days: float, anchor: str) -> str:
    """Return the start in words that read back to the same number.

    Examples
    --------
    >>> moment_text(28.0, "surgery"), moment_text(700.0625, "birth"), moment_text(0.0, "surgery")
    ('week 4 after surgery', 'month 23 after birth', 'day 0 after surgery')
    """
    number, unit = _whole(start_days, ("week", "month") if start_days else (), ("day", "hour", "minute"))
    return f"{unit} {number} after {anchor}"


def number_text(value: float) -> str:
    """Return the shortest text that reads back to ``value``, without an empty decimal.

    Examples
    --------
    >>> number_text(50.0), number_text(0.1)
    ('50', '0.1')
    """
    return repr(float(value)).removesuffix(".0")


def _whole(days: float, preferred: tuple[str, ...], fallback: tuple[str, ...]) -> tuple[str, str]:
    """Return number and unit of the first unit that holds ``days`` a whole number of times, else days."""
    for unit in (*preferred, *fallback):
        count = round(Fraction(days) / _DAYS[unit])
        if float(count * _DAYS[unit]) == days and float(count) == count:
            return number_text(count), unit
    return number_text(days), "day"


def _in_days(cursor: Cursor, number: Token, unit: Token, what: str) -> float:
    if unit.word in _CLAUSE_WORDS:
        cursor.fail(
            f"{what}: '{number.text}' has no unit of time",
            token=number,
            remedy=f"write the unit, for instance '{number.text} days'",
            kind=UnitError,
        )
    if unit.word not in UNIT_WORDS:
        cursor.fail(
            f"{what}: unknown unit of time '{unit.text}'", token=unit, remedy=suggest(unit.word, _DAYS), kind=UnitError
        )
    value = float(number.text)
    days = float(Fraction(value) * UNIT_WORDS[unit.word]) if isfinite(value) and abs(value) < 1e300 else value
    if not isfinite(days):
        cursor.fail(f"{what}: '{number.text}' is not finite", token=number, remedy="write a finite number")
    return days
