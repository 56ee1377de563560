"""What may stand in a sheet: columns with their units, settings, and what makes a row the same row twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from senospine.errors import MeasureError, suggest
from senospine.yaml_files import read_yaml


@dataclass(frozen=True)
class Column:
    """One column; ``pattern`` lets one entry stand for a family, such as a filament of any force."""

    name: str
    meaning: str
    kind: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Return whether a header's name is this column."""
        return name == self.name or bool(self.pattern and re.fullmatch(self.pattern, name))


@dataclass(frozen=True)
class Setting:
    """One ``# name: value`` line above the header."""

    name: str
    meaning: str
    kind: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""

    def takes(self, name: str) -> bool:
        """Return whether a line's name is this setting."""
        return name == self.name or bool(self.pattern and re.fullmatch(self.pattern, name))


@dataclass(frozen=True)
class Schema:
    """One kind of sheet."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    settings: tuple[Setting, ...]

    def column(self, name: str) -> Column | None:
        """Return the column a header's name stands for."""
        exact = [item for item in self.columns if item.name == name]
        return next(iter(exact or [item for item in self.columns if item.takes(name)]), None)

    def setting(self, name: str) -> Setting | None:
        """Return the setting a line's name stands for."""
        return next((item for item in self.settings if item.takes(name)), None)


@cache
def schemas() -> Mapping[str, Schema]:
    """Return every kind of sheet by name, in the order they are explained."""
    content = dict(read_yaml(Path(__file__).parent / "sheets.yaml").data)
    common = content.pop("common")
    found = {}
    for name, item in content.items():
        columns = {**common["columns"], **item["columns"]}
        settings = {**common["settings"], **item.get("settings", {})}
        found[name] = Schema(
            name,
            item["meaning"],
            tuple(item["key"]),
            tuple(_made(Column, key, value) for key, value in columns.items()),
            tuple(_made(Setting, key, value) for key, value in settings.items()),
        )
    return MappingProxyType(found)


def schema(name: str, where: str | None = None) -> Schema:
    """Return one kind of sheet.

    Raises
    ------
    MeasureError
        No such sheet.
    """
    if name not in schemas():
        raise MeasureError(f"no sheet is called '{name}'", where=where, remedy=suggest(name, schemas()))
    return schemas()[name]


def _made(kind: Any, name: str, item: Mapping[str, Any]) -> Any:
    lists = {key: tuple(str(part) for part in value) for key, value in item.items() if isinstance(value, list)}
    return kind(name, **{**item, **lists})
