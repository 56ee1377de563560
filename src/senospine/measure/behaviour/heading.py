"""What stands above a sheet's rows: lines of text, settings, and the header's columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from senospine.errors import FileError, Finding, MeasureError, suggest
from senospine.measure.arrive import arrive_items
from senospine.measure.behaviour.schema import Column, Schema

MAX_BYTES = 200_000_000


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file of UTF-8 text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"larger than {MAX_BYTES // 10**6} MB", where=str(path), remedy="is this the right file?")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileError(f"cannot read the file: {error.strerror}", where=str(path), remedy="check the path") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise FileError("not UTF-8 text", where=f"{path}:{line}", remedy="save it as CSV, UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FileError("not text: a zero byte", where=f"{path}:{line}", remedy="save it anew as CSV, UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def is_note(line: str) -> bool:
    """Return whether a line above the header is a setting or a remark."""
    return line.lstrip('" ').startswith("#")


def read_settings(lines: list[str], path: Path) -> dict[str, tuple[str, str]]:
    """Return ``# name: value`` lines; ``##`` lines explain and are passed over."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines, 1):
        words = next(csv.reader([line]), [""])[0] if line.startswith('"') else line.rstrip(",;\t ")
        if words.startswith("##") or not words.startswith("#"):
            continue
        name, colon, value = words[1:].partition(":")
        if not colon:
            raise MeasureError("a line above the header is no setting", where=f"{path}:{number}",
                               remedy="write '# name: value', or begin a remark with '##'")  # fmt: skip
        if name.strip() in found:
            raise MeasureError(f"setting '{name.strip()}' stands twice", where=f"{path}:{number}", remedy="keep one")
        found[name.strip()] = (value.strip(), f"{path}:{number}")
    return {name: (value, where) for name, (value, where) in found.items() if value}


def check_settings(settings: Mapping[str, tuple[str, str]], kind: Schema, path: Path) -> list[Finding]:
    """Return what is wrong with the settings of a sheet."""
    found = []
    for name, (value, where) in settings.items():
        item = kind.setting(name)
        if name.startswith("arrive."):
            known = [f"arrive.{other.name}" for other in arrive_items()]
            if name not in known:
                found.append(Finding("error", where, f"ARRIVE 2.0 has no item '{name}'", suggest(name, known)))
            continue
        if item is None:
            known = [other.name for other in kind.settings]
            found.append(Finding("error", where, f"unknown setting '{name}'", suggest(name, known)))
        elif item.choices and value not in item.choices:
            found.append(Finding("error", where, f"{name} '{value}' is not known", suggest(value, item.choices)))
        elif item.kind == "clock" and not _is_clock(value):
            found.append(Finding("error", where, f"{name} '{value}' is no time of day", "write it as 19:00"))
    for item in kind.settings:
        if item.required and item.name not in settings:
            remedy = f"add a line '# {item.name}: {item.example}' above the header: {item.meaning}"
            found.append(Finding("error", f"{path}:1", f"setting '{item.name}' is missing", remedy))
    return found


def _is_clock(value: str) -> bool:
    try:
        datetime.strptime(value, "%H:%M")
    except ValueError:
        return False
    return True


def read_columns(header: list[str], kind: Schema, where: str, found: list[Finding]) -> list[Column | None]:
    """Return the column of each name in the header, None where there is none; flaws go to ``found``."""
    columns: list[Column | None] = []
    for name in header:
        column = kind.column(name)
        if column is None:
            remedy = f"units stand at the end of a name; {suggest(name, [item.name for item in kind.columns])}"
            found.append(Finding("error", where, f"unknown column '{name}' in sheet '{kind.name}'", remedy))
        elif header.count(name) > 1 and header.index(name) == len(columns):
            found.append(Finding("error", where, f"column '{name}' stands twice", "keep one"))
        columns.append(column)
    for item in kind.columns:
        if item.required and item.name not in header:
            found.append(Finding("error", where, f"column '{item.name}' is missing", f"add it: {item.meaning}"))
    return columns
