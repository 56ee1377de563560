"""The Essential 10 of ARRIVE 2.0: what is stated, what the tables tell, what is missing; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from senospine.errors import MeasureError, suggest
from senospine.yaml_files import read_yaml


@dataclass(frozen=True)
class ArriveItem:
    """One item of the checklist; ``from_data`` names what tables tell of it, empty where people must say it."""

    name: str
    number: str
    item: str
    from_data: str = ""


@dataclass(frozen=True)
class ArriveLine:
    """One item as reported: ``origin`` is ``stated``, ``data`` or ``missing``."""

    item: ArriveItem
    origin: str
    text: str


@cache
def arrive_items() -> tuple[ArriveItem, ...]:
    """Return the items of the Essential 10, in their order."""
    content = read_yaml(Path(__file__).parent / "arrive.yaml").data
    return tuple(ArriveItem(name, **{key: str(value) for key, value in item.items()}) for name, item in content.items())


def check_stated(stated: Mapping[str, str]) -> None:
    """Refuse statements about what is no item.

    Raises
    ------
    MeasureError
    """
    known = {item.name for item in arrive_items()}
    for name in stated:
        if name not in known:
            raise MeasureError(f"ARRIVE 2.0 has no item '{name}'", remedy=suggest(name, known))


def arrive_lines(stated: Iterable[Mapping[str, str]], data: Mapping[str, str]) -> list[ArriveLine]:
    """Return every item as reported.

    Parameters
    ----------
    stated : iterable of mapping
        What each input states, by item name; different statements stand side by side.
    data : mapping
        What the tables tell, by the items' ``from_data``.

    Raises
    ------
    MeasureError
        A statement about no item.
    """
    told: dict[str, list[str]] = {}
    for statement in stated:
        check_stated(statement)
        for name, text in statement.items():
            if text and text not in told.setdefault(name, []):
                told[name].append(text)
    lines = []
    for item in arrive_items():
        if told.get(item.name):
            lines.append(ArriveLine(item, "stated", " | ".join(told[item.name])))
        elif data.get(item.from_data):
            lines.append(ArriveLine(item, "data", data[item.from_data]))
        else:
            lines.append(ArriveLine(item, "missing", ""))
    return lines
