"""The dose of a regimen: an amount in the form its drug is dosed in, checked as written.

Kilogram per kilogram has no dimension, so a dimension check would let ``50 percent`` pass for mg/kg.
Numerator and denominator are therefore compared one by one.
"""

from __future__ import annotations

import re
from math import isfinite

from senospine.errors import RegimenError, UnitError
from senospine.quantities import conversion
from senospine.therapy.drug import Drug
from senospine.therapy.times import UNIT_WORDS, number_text
from senospine.therapy.words import Cursor

_LETTERS = re.compile(r"[A-Za-zµμ]+")  # micro sign and Greek mu: keyboards have either


def read_dose(cursor: Cursor, not_units: frozenset[str] = frozenset()) -> tuple[float, str]:
    """Return the number and the unit, as written, that stand next; ``not_units`` are words that end a dose.

    Raises
    ------
    RegimenError
        No number stands there.
    UnitError
        No unit stands there.
    """
    number = cursor.take()
    if not number.is_number:
        cursor.fail(
            f"dose: '{number.text}' is not a number",
            token=number,
            remedy="write drug, dose and route in this order, for instance 'navitoclax 50 mg/kg oral'",
        )
    if cursor.at_end or cursor.peek().word in not_units:
        cursor.fail(
            f"dose: '{number.text}' has no unit",
            token=number,
            remedy=f"write the unit of the dose, for instance '{number.text} mg/kg'",
            kind=UnitError,
        )
    unit = cursor.take().text
    while cursor.peek().text and (unit.endswith("/") or cursor.peek().text[0] == "/" or cursor.peek().word == "per"):
        joint = cursor.take()
        unit += "/" if joint.word == "per" else joint.text  # "mg / kg", "mg per kg"
    return float(number.text), unit


def dose_in_drug_unit(drug: Drug, amount: float, unit: str) -> tuple[float, str]:
    """Return amount and unit in the form ``drug`` is dosed in.

    Raises
    ------
    UnitError
        The unit is unknown, of another form, or a rate per time.
    RegimenError
        The amount is zero, negative, not finite, or heavier than the animal.

    Examples
    --------
    >>> from senospine.therapy.drug import load_drug
    >>> dose_in_drug_unit(load_drug("navitoclax"), 50000.0, "ug/kg")
    (50.0, 'mg/kg')
    """
    written = f"{number_text(amount)} {unit}"
    if not isfinite(amount) or amount < 0:
        raise RegimenError(
            f"dose: '{written}' is {'negative' if amount < 0 and isfinite(amount) else 'not finite'}",
            why="a dose adds an amount of drug to the body",
            remedy="write a positive, finite number",
        )
    if amount == 0:
        raise RegimenError(
            "dose: a dose of zero",
            why="a study arm that gets no drug has no regimen, and says so",
            remedy="use a vehicle arm without therapy",
        )
    allowed = list(dict.fromkeys(drug.dose_units.values()))
    for target in allowed:
        factor = _factor(unit, target)
        if factor is not None:
            value = amount if factor == 1.0 else float(f"{amount * factor:.12g}")  # 50000 ug/kg is 50 mg/kg
            _check_magnitude(value, target, written)
            return value, target
    raise _unit_error(drug, unit, written, allowed)


def _factor(unit: str, target: str) -> float | None:
    """Return the factor from ``unit`` to ``target``, None if their forms differ."""
    if unit == target:
        return 1.0
    parts, wanted = unit.split("/"), target.split("/")
    if len(parts) != len(wanted) or unit.casefold() == target.casefold():  # Mg/kg is a tonne, not mg/kg
        return None
    if not all(_LETTERS.fullmatch(part) for part in parts):
        return None
    try:
        factors = [conversion(part, goal, what="dose") for part, goal in zip(parts, wanted, strict=True)]
    except UnitError:
        return None
    return factors[0] / factors[1] if len(factors) == 2 else factors[0]


def _check_magnitude(value: float, unit: str, written: str) -> None:
    if not 0 < value < float("inf"):
        raise RegimenError(f"dose: '{written}' is beyond what a number can hold", remedy="check number and unit")
    per_body_weight = unit.split("/")[1:] == ["kg"] and _factor(unit, "kg/kg")
    if per_body_weight and value * per_body_weight >= 1:
        raise RegimenError(
            f"dose: '{written}' weighs as much as the animal or more",
            remedy="check number and unit: they say at least one kilogram of drug per kilogram of body",
        )


def _unit_error(drug: Drug, unit: str, written: str, allowed: list[str]) -> UnitError:
    forms = " or ".join(f"'{target}'" for target in allowed)
    parts = unit.split("/")
    if len(parts) > 1 and parts[-1].casefold() in UNIT_WORDS:
        one_dose = f"{written.rsplit('/', 1)[0]}"
        return UnitError(
            f"dose: '{written}' is a rate, not the amount of one dose",
            why=f"given more or less often than once a {parts[-1]}, it could mean two different amounts",
            remedy=f"write the amount of one dose, '{one_dose}', and how often it is given, for instance 'daily'",
        )
    if any(unit.casefold() == target.casefold() for target in allowed):
        why = "capital and small letters differ in units: M is mega, m is milli"
    else:
        doses = ", ".join(f"{target} in {species}" for species, target in drug.dose_units.items())
        why = f"{drug.name} is dosed in {doses}"
    return UnitError(
        f"dose: unit '{unit}' in '{written}' cannot be turned into {forms}",
        why=why,
        remedy=f"write the dose in {forms}",
    )
