"""Quantities as a user writes them: a number and a unit, converted once at the door.

A month is a twelfth of a Julian year (30.4375 days) and a year is 365.25 days, everywhere.
"""

from __future__ import annotations

import math
import re
import tokenize
from functools import cache
from typing import Any

from senospine.errors import UnitError

DAYS_PER_MONTH = 30.4375

#: a power that is no single small whole number
_ODD_POWER = re.compile(r"(\*\*|\^)\s*(?![+-]?\s*\d(?![\d.eE]))|(\*\*|\^)\s*[+-]?\s*\d\s*(\*\*|\^)")
_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


@cache
def _pint() -> Any:
    import pint  # slow to import, so only when a file is read

    return pint.UnitRegistry()


def quantity(text: object, unit: str, *, what: str, where: str | None = None) -> float:
    """Return the value of ``text`` in ``unit``.

    Parameters
    ----------
    text : str
        A number followed by a unit, for instance ``"50 mg/kg"`` or ``"3 months"``.
    unit : str
        The unit to convert to; its dimension is the one required.
    what, where : str
        Words for the error message.

    Raises
    ------
    UnitError
        No number, no unit, an unknown unit, or a unit of another dimension.

    Examples
    --------
    >>> quantity("2 weeks", "day", what="duration")
    14.0
    """
    example = f"write a number and a unit, for instance '5 {unit}'"
    match = _NUMBER.match(text) if isinstance(text, str) else None
    if match is None:
        why = "a bare number has no unit" if isinstance(text, (int, float)) else None
        raise UnitError(f"{what}: {text!r} is not a quantity", where=where, why=why, remedy=example)
    number, given = float(match.group(1)), match.group(2)
    if not given:
        raise UnitError(f"{what}: {text!r} has no unit", where=where, remedy=example)
    if not math.isfinite(number):
        raise UnitError(f"{what}: {text!r} is not finite", where=where, remedy=example)
    return number * conversion(given, unit, what=what, where=where)


def conversion(given: str, unit: str, *, what: str, where: str | None = None) -> float:
    """Return the factor that turns a value in ``given`` into one in ``unit``.

    Raises
    ------
    UnitError
        ``given`` is unknown or has another dimension than ``unit``.
    """
    import pint

    registry = _pint()
    unknown = UnitError(f"{what}: unknown unit '{given}'", where=where, remedy=f"give it in '{unit}'")
    if _ODD_POWER.search(given):  # 'day**9**9**9' would be worked out to the last digit
        raise unknown
    try:
        zero, factor, two = (float(registry.Quantity(value, given).to(unit).magnitude) for value in (0.0, 1.0, 2.0))
    except pint.DimensionalityError as error:
        raise UnitError(
            f"{what}: unit '{given}' cannot be turned into '{unit}'",
            where=where,
            why=f"'{given}' has dimension {error.dim1}, '{unit}' has {error.dim2}",
            remedy=f"give it in '{unit}'",
        ) from None
    except (pint.PintError, ValueError, TypeError, AttributeError, SyntaxError, tokenize.TokenError, AssertionError,
            ArithmeticError):  # fmt: skip
        raise unknown from None
    if zero != 0.0 or not math.isclose(two, 2.0 * factor):
        raise UnitError(
            f"{what}: '{given}' cannot be turned into '{unit}' by a factor",
            where=where,
            why="the two scales have different zeros, or one is logarithmic",
            remedy=f"give it in '{unit}'",
        )
    return factor
