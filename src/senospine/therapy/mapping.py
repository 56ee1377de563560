"""The regimen as a mapping, for those who prefer keys to a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from senospine.errors import RegimenError, UnitError, suggest
from senospine.therapy.dose import read_dose
from senospine.therapy.regimen import Regimen, build_regimen
from senospine.therapy.times import read_moment, read_span
from senospine.therapy.words import Cursor

KEYS = ("drug", "dose", "route", "every", "for", "cycles", "cycle length", "from", "at")
_REPEATED = ("every", "for", "cycles", "cycle length")
_SPANS = {"every": "interval_days", "for": "duration_days", "cycle length": "cycle_days"}


def read_mapping(mapping: Mapping[str, object], where: str | None = None) -> Regimen:
    """Return the regimen in ``mapping``; see `Regimen.to_mapping` for the keys.

    Raises
    ------
    RegimenError
        A key is missing or unknown, or the regimen is impossible.
    UnitError
        A quantity has no unit, or one of another kind.
    """
    place = where or "regimen"
    _check_keys(mapping, place)
    dose, unit = _line(mapping, "dose", place, read_dose)
    fields: dict[str, Any] = {"drug": _word(mapping, "drug", place), "dose": dose, "unit": unit}
    fields["route"] = _word(mapping, "route", place).casefold()
    for key, name in _SPANS.items():
        if key in mapping:
            fields[name] = _line(mapping, key, place, lambda cursor, key=key: read_span(cursor, key))
    start = "at" if "at" in mapping else "from"
    fields["start_days"], fields["anchor"] = _line(mapping, start, place, read_moment)
    cycles: Any = mapping.get("cycles")  # whether it is a whole number is checked with the rest
    return build_regimen(place, cycles=cycles, **fields)


def _check_keys(mapping: object, place: str) -> None:
    if not isinstance(mapping, Mapping):
        raise RegimenError(
            f"{mapping!r} is not a mapping",
            where=place,
            remedy=f"write the keys {', '.join(KEYS)}, or one line of text",
        )
    for key in mapping:
        if key not in KEYS:
            raise RegimenError(f"unknown key '{key}'", where=place, remedy=suggest(str(key), KEYS))
    for key in ("drug", "dose", "route"):
        if key not in mapping:
            raise RegimenError(f"'{key}' is missing", where=place, remedy=f"add the key '{key}'")
    if ("at" in mapping) == ("from" in mapping):
        raise RegimenError(
            "both 'at' and 'from'" if "at" in mapping else "no start",
            where=place,
            remedy="write 'at: day 3 after surgery' for a single dose, 'from: week 4 after surgery' for a course",
        )
    if "at" in mapping:
        for key in _REPEATED:
            if key in mapping:
                raise RegimenError(
                    f"'at' is a single dose, '{key}' repeats it",
                    where=place,
                    remedy=f"write 'from' instead of 'at', or leave out '{key}'",
                )
    elif "every" not in mapping:
        raise RegimenError(
            "no frequency",
            where=place,
            why="a course needs the time between doses",
            remedy="add for instance 'every: 1 day', or write 'at' instead of 'from' for a single dose",
        )


def _word(mapping: Mapping[str, object], key: str, place: str) -> str:
    value = mapping[key]
    if not isinstance(value, str) or not value.strip():
        raise RegimenError(f"'{key}': {value!r} is not a word", where=place, remedy=f"write the {key} as text")
    return value.strip()


def _line(mapping: Mapping[str, object], key: str, place: str, read: Any) -> Any:
    """Return what ``read`` finds in the text under ``key``, which it must use up."""
    value = mapping[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise UnitError(
            f"'{key}': {value!r} has no unit",
            where=place,
            why="a bare number can mean anything",
            remedy=f"write number and unit, for instance '{'50 mg/kg' if key == 'dose' else '7 days'}'",
        )
    cursor = Cursor(value, f"{place}, '{key}'")
    result = read(cursor)
    if not cursor.at_end:
        token = cursor.peek()
        cursor.fail(f"'{key}': '{token.text}' stands after its end", token=token, remedy=f"remove '{token.text}'")
    return result
