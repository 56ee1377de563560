"""Units as seven exponents and a factor, and the check that every equation's two sides agree.

libSBML calls a formula with a bare number "cannot be fully checked" and then misses real clashes,
so the check is done here, on the tree: bare numbers are dimensionless, and no clash is a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from senospine.model.expressions import Call, Expression, Name, Number, Time

BASE = ("metre", "kilogram", "second", "ampere", "kelvin", "mole", "candela")

_Z = (0, 0, 0, 0, 0, 0, 0)
#: SBML's unit kinds -> exponents over :data:`BASE`, factor to SI
KINDS: dict[str, tuple[tuple[int, ...], float]] = {
    "metre": ((1, 0, 0, 0, 0, 0, 0), 1.0),
    "kilogram": ((0, 1, 0, 0, 0, 0, 0), 1.0),
    "gram": ((0, 1, 0, 0, 0, 0, 0), 1e-3),
    "second": ((0, 0, 1, 0, 0, 0, 0), 1.0),
    "ampere": ((0, 0, 0, 1, 0, 0, 0), 1.0),
    "kelvin": ((0, 0, 0, 0, 1, 0, 0), 1.0),
    "mole": ((0, 0, 0, 0, 0, 1, 0), 1.0),
    "candela": ((0, 0, 0, 0, 0, 0, 1), 1.0),
    "litre": ((3, 0, 0, 0, 0, 0, 0), 1e-3),
    "newton": ((1, 1, -2, 0, 0, 0, 0), 1.0),
    "pascal": ((-1, 1, -2, 0, 0, 0, 0), 1.0),
    "joule": ((2, 1, -2, 0, 0, 0, 0), 1.0),
    "watt": ((2, 1, -3, 0, 0, 0, 0), 1.0),
    "hertz": ((0, 0, -1, 0, 0, 0, 0), 1.0),
    "becquerel": ((0, 0, -1, 0, 0, 0, 0), 1.0),
    "gray": ((2, 0, -2, 0, 0, 0, 0), 1.0),
    "sievert": ((2, 0, -2, 0, 0, 0, 0), 1.0),
    "katal": ((0, 0, -1, 0, 0, 1, 0), 1.0),
    "coulomb": ((0, 0, 1, 1, 0, 0, 0), 1.0),
    "volt": ((2, 1, -3, -1, 0, 0, 0), 1.0),
    "ohm": ((2, 1, -3, -2, 0, 0, 0), 1.0),
    "siemens": ((-2, -1, 3, 2, 0, 0, 0), 1.0),
    "farad": ((-2, -1, 4, 2, 0, 0, 0), 1.0),
    "henry": ((2, 1, -2, -2, 0, 0, 0), 1.0),
    "weber": ((2, 1, -2, -1, 0, 0, 0), 1.0),
    "tesla": ((0, 1, -2, -1, 0, 0, 0), 1.0),
    "lumen": ((0, 0, 0, 0, 0, 0, 1), 1.0),
    "lux": ((-2, 0, 0, 0, 0, 0, 1), 1.0),
    "avogadro": (_Z, 6.02214179e23),
    "dimensionless": (_Z, 1.0),
    "radian": (_Z, 1.0),
    "steradian": (_Z, 1.0),
    "item": (_Z, 1.0),
}


@dataclass(frozen=True)
class Unit:
    """A unit by meaning: ``factor`` times the product of SI base units to ``exponents``."""

    exponents: tuple[Fraction, ...]
    factor: float

    def __mul__(self, other: Unit) -> Unit:
        pairs = zip(self.exponents, other.exponents, strict=True)
        return Unit(tuple(a + b for a, b in pairs), self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other.power(Fraction(-1))

    def power(self, exponent: Fraction) -> Unit:
        """Return the unit raised to ``exponent``."""
        return Unit(tuple(item * exponent for item in self.exponents), self.factor ** float(exponent))

    def same(self, other: Unit) -> bool:
        """Return whether both mean the same, factor included: mg and g differ."""
        return self.exponents == other.exponents and math.isclose(self.factor, other.factor, rel_tol=1e-9)

    def __str__(self) -> str:
        parts = [
            base if power == 1 else f"{base}^{power}"
            for base, power in zip(BASE, self.exponents, strict=True)
            if power != 0
        ]
        factor = "" if math.isclose(self.factor, 1.0, rel_tol=1e-12) else f"{self.factor:g} "
        return factor + (" ".join(parts) or "dimensionless")


DIMENSIONLESS = Unit(tuple(Fraction(0) for _ in BASE), 1.0)


def kind(name: str) -> Unit:
    """Return the unit of one of SBML's unit kinds; raises KeyError for any other name."""
    exponents, factor = KINDS[name]
    return Unit(tuple(Fraction(item) for item in exponents), factor)


@lru_cache(maxsize=1024)
def unit_of_text(text: str) -> Unit:
    """Return the unit that a register writes, for instance ``"L/day/kg"``.

    Raises
    ------
    UnitError
        The text names no unit.
    """
    from senospine.errors import UnitError

    symbols = {
        "fold": DIMENSIONLESS,
        "day": Unit(kind("second").exponents, 86400.0),
        "s": kind("second"),
        "h": Unit(kind("second").exponents, 3600.0),
        "L": kind("litre"),
        "mL": Unit(kind("litre").exponents, 1e-6),
        "kg": kind("kilogram"),
        "g": kind("gram"),
        "mg": Unit(kind("gram").exponents, 1e-6),
        "pg": Unit(kind("gram").exponents, 1e-15),
        "umol": Unit(kind("mole").exponents, 1e-6),
        "mol": kind("mole"),
        "mm2": Unit(kind("metre").power(Fraction(2)).exponents, 1e-6),
        "mm3": Unit(kind("metre").power(Fraction(3)).exponents, 1e-9),
        "mm": Unit(kind("metre").exponents, 1e-3),
        "km": Unit(kind("metre").exponents, 1e3),
        "m": kind("metre"),
        "min": Unit(kind("second").exponents, 60.0),
        "percent": Unit(DIMENSIONLESS.exponents, 0.01),
        "N": kind("newton"),
        "cells": DIMENSIONLESS,
        "1e9": Unit(DIMENSIONLESS.exponents, 1e9),
        "1": DIMENSIONLESS,
    }
    result = DIMENSIONLESS
    for index, word in enumerate(text.strip().split("/")):
        if word not in symbols:
            raise UnitError(f"unknown unit '{text}'", remedy=f"use {', '.join(symbols)}, joined by '/'")
        result = result * symbols[word] if index == 0 else result / symbols[word]
    return result


class UnitClash(Exception):
    """Two sides that do not agree; the message says which. Caught by the dimension check."""


def unit_of(expression: Expression, units: dict[str, Unit], time_unit: Unit) -> Unit:
    """Return the unit of ``expression``.

    Raises
    ------
    UnitClash
        Terms of different units are added or compared, or a function gets a dimension.
    """
    if isinstance(expression, Number):
        return DIMENSIONLESS
    if isinstance(expression, Time):
        return time_unit
    if isinstance(expression, Name):
        if expression.id not in units:
            raise UnitClash(f"'{expression.id}' has no unit")
        return units[expression.id]
    operator, arguments = expression.operator, expression.arguments
    if operator in {"and", "or", "xor", "not", "true", "false"}:
        for item in arguments:
            unit_of(item, units, time_unit)
        return DIMENSIONLESS
    inner = [unit_of(item, units, time_unit) for item in arguments]
    if operator == "times":
        result = DIMENSIONLESS
        for unit in inner:
            result = result * unit
        return result
    if operator in {"divide", "quotient"}:
        return inner[0] / inner[1]
    if operator in {"power", "root"}:
        base, exponent, literal = _power_parts(operator, arguments, inner)
        if base.same(DIMENSIONLESS) and exponent.same(DIMENSIONLESS):
            return DIMENSIONLESS
        if literal is None:
            raise UnitClash(f"'{_short(expression)}': only a literal power may be taken of {base}")
        return base.power(literal)
    if operator in {"plus", "minus", "min", "max", "abs", "floor", "ceiling", "rem"}:
        return _agree(expression, inner)
    if operator == "piecewise":
        return _agree(expression, inner[0:-1:2] + inner[-1:])
    if operator in {"lt", "leq", "gt", "geq", "eq", "neq"}:
        _agree(expression, inner)
        return DIMENSIONLESS
    for unit in inner:  # exp, ln, sin and their like
        if not unit.same(DIMENSIONLESS):
            raise UnitClash(f"'{_short(expression)}': the argument of {operator} has unit {unit}")
    return DIMENSIONLESS


def _power_parts(
    operator: str, arguments: tuple[Expression, ...], inner: list[Unit]
) -> tuple[Unit, Unit, Fraction | None]:
    base, exponent, literal = (0, 1, arguments[1]) if operator == "power" else (1, 0, arguments[0])
    if isinstance(literal, Call) and literal.operator == "minus" and len(literal.arguments) == 1:
        inside = literal.arguments[0]
        value = -inside.value if isinstance(inside, Number) else None
    else:
        value = literal.value if isinstance(literal, Number) else None
    if value is None or (operator == "root" and value == 0):
        return inner[base], inner[exponent], None
    fraction = Fraction(value).limit_denominator(1000)
    return inner[base], inner[exponent], fraction if operator == "power" else 1 / fraction


def _agree(expression: Call, inner: list[Unit]) -> Unit:
    for unit in inner[1:]:
        if not unit.same(inner[0]):
            raise UnitClash(f"'{_short(expression)}': {inner[0]} beside {unit}")
    return inner[0]


def _short(expression: Expression) -> str:
    from senospine.model.expressions import text

    words = text(expression)
    return words if len(words) <= 90 else words[:87] + "..."
