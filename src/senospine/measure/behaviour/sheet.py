"""Sheets read strictly: a cell that cannot be right is named with its line, and none of the file is used."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from senospine.errors import FileError, Finding, MeasureError, suggest
from senospine.measure.arrive import arrive_items
from senospine.measure.behaviour.schema import Column, Schema, schema, schemas
from senospine.runs import sha256_of

MAX_BYTES = 200_000_000
_SHOWN = 20  # findings told in one message


@dataclass(frozen=True)
class Row:
    """One line of a sheet: cells by column name, absent ones left out, and its ``file:line``."""

    cells: Mapping[str, Any]
    where: str

    def text(self, name: str) -> str:
        """Return a cell's text, empty where it is absent."""
        return str(self.cells.get(name, ""))

    def number(self, name: str) -> float:
        """Return a cell's number, NaN where it is absent."""
        return float(self.cells.get(name, math.nan))


@dataclass(frozen=True)
class Sheet:
    """A sheet that was read whole.

    Attributes
    ----------
    schema : Schema
    settings : mapping of str to str
        What stands above the header, items of ARRIVE left out.
    arrive : mapping of str to str
        Items of ARRIVE 2.0, as ``# arrive.NAME: ...`` lines tell them.
    rows : tuple of Row
    path : Path
    sha256 : str
    """

    schema: Schema
    settings: Mapping[str, str]
    arrive: Mapping[str, str]
    rows: tuple[Row, ...]
    path: Path
    sha256: str

    @property
    def inputs(self) -> dict[str, str]:
        """Return the file's name and hash, as a reading carries them."""
        return {self.path.name: self.sha256}

    def place(self, row: Row) -> dict[str, str]:
        """Return where a row belongs in the design."""
        names = ("group", "cage", "animal", "level", "section")
        found = {"study": self.settings.get("study", ""), **{name: row.text(name) for name in names}}
        return {name: value for name, value in found.items() if value}


def read_sheet(path: str | Path) -> Sheet:
    """Return the sheet in a CSV file.

    Raises
    ------
    FileError
        The file cannot be read, is not text, or is larger than 200 MB.
    MeasureError
        No such sheet, a column that is unknown or missing, or cells that cannot be right; all are told, with lines.
    """
    path = Path(path)
    lines = _lines(path)
    head = next((index for index, line in enumerate(lines) if line.strip(",;\t ") and not _is_note(line)), len(lines))
    settings = _settings(lines[:head], path)
    if head == len(lines):
        raise MeasureError("the sheet has no header", where=str(path), remedy="see `senospine measure template`")
    name, where = settings.pop("sheet", ("", f"{path}:1"))
    if not name:
        raise MeasureError(
            "the file does not say which sheet it is", where=f"{path}:1",
            remedy=f"begin it with a line '# sheet: NAME'; known: {', '.join(schemas())}",
        )  # fmt: skip
    kind = schema(name, where)
    delimiter = max(",;\t", key=lines[head].count)
    found: list[Finding] = _check_settings(settings, kind, path)
    header = [cell.strip() for cell in next(csv.reader([lines[head]], delimiter=delimiter))]
    columns = _columns(header, kind, f"{path}:{head + 1}", found)
    rows = _rows(lines[head + 1 :], columns, header, delimiter, f"{path}", head + 2, found)
    found += _check_rows(rows, kind)
    refuse(found, path)
    if not rows:
        raise MeasureError("the sheet holds no row", where=f"{path}:{head + 1}", remedy="fill it in below the header")
    arrive = {key.removeprefix("arrive."): value for key, (value, _) in settings.items() if key.startswith("arrive.")}
    plain = {key: value for key, (value, _) in settings.items() if not key.startswith("arrive.")}
    return Sheet(kind, plain, arrive, tuple(rows), path, sha256_of(path))


def refuse(found: Iterable[Finding], path: Path) -> None:
    """Raise one error that tells all findings, if there is any."""
    listed = list(found)
    if not listed:
        return
    if len(listed) == 1:
        raise MeasureError(listed[0].what, where=listed[0].where, remedy=listed[0].remedy or None)
    told = [f"{item.where}: {item.what}" + (f"; {item.remedy}" if item.remedy else "") for item in listed[:_SHOWN]]
    if len(listed) > _SHOWN:
        told.append(f"and {len(listed) - _SHOWN} more")
    raise MeasureError(
        f"{len(listed)} things cannot be right", where=str(path), why="\n    ".join(told),
        remedy="correct these lines; nothing of the file was used",
    )  # fmt: skip


def _lines(path: Path) -> list[str]:
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


def _is_note(line: str) -> bool:
    return line.lstrip('" ').startswith("#")


def _settings(lines: list[str], path: Path) -> dict[str, tuple[str, str]]:
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


def _check_settings(settings: Mapping[str, tuple[str, str]], kind: Schema, path: Path) -> list[Finding]:
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


def _columns(header: list[str], kind: Schema, where: str, found: list[Finding]) -> list[Column | None]:
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


def _rows(
    lines: list[str], columns: list[Column | None], header: list[str], delimiter: str, path: str, first: int,
    found: list[Finding],
) -> list[Row]:  # fmt: skip
    rows: list[Row] = []
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        begins = first + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            found.append(
                Finding("error", f"{path}:{begins}", f"not CSV: {error}", "look for a quote that is not closed")
            )
            return rows
        where = f"{path}:{begins}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            remedy = "put text that holds separators between double quotes"
            found.append(Finding("error", where, f"{len(cells)} cells, but the header has {len(header)}", remedy))
            continue
        values = {}
        for name, column, cell in zip(header, columns, cells, strict=True):
            if column is not None and cell.strip():
                value = _cell(cell.strip().replace(",", ".") if delimiter == ";" else cell.strip(), column)
                if isinstance(value, str) and column.kind not in {"text", "choice", "limited"}:
                    found.append(Finding("error", where, f"{name}: {value}", column.meaning))
                elif column.kind == "choice" and value not in column.choices:
                    found.append(
                        Finding("error", where, f"{name} '{value}' is not known", suggest(value, column.choices))
                    )
                elif column.kind == "limited" and value not in {"<", ">"} and isinstance(value, str):
                    found.append(Finding("error", where, f"{name}: {value}", column.meaning))
                else:
                    values[name] = value
            elif column is not None and column.required:
                found.append(Finding("error", where, f"{name} is empty", column.meaning))
        rows.append(Row(values, where))


def _cell(text: str, column: Column) -> Any:
    """Return a cell's value; a text where a number should stand says what is wrong."""
    if column.kind in {"text", "choice"} or (column.kind == "limited" and text in {"<", ">"}):
        return text
    if column.kind == "time":
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return f"'{text}' is no time"
    try:
        value = float(text)
    except ValueError:
        return f"'{text}' is no number"
    if not math.isfinite(value):
        return f"'{text}' is no finite number"
    if column.kind == "whole" and value != int(value):
        return f"{text} is no whole number"
    if column.low is not None and value < column.low:
        return f"{text} is below {column.low:g}, which is impossible here"
    if column.high is not None and value > column.high:
        return f"{text} is above {column.high:g}, which is impossible here"
    return int(value) if column.kind == "whole" else value


def _check_rows(rows: list[Row], kind: Schema) -> list[Finding]:
    """Return rows that stand twice, and animals that stand in two groups or cages."""
    found: list[Finding] = []
    seen: dict[tuple[str, ...], str] = {}
    homes: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        key = tuple(row.text(name) for name in kind.key)
        if key in seen:
            what = f"the same {', '.join(kind.key)} as in {seen[key]}"
            found.append(Finding("error", row.where, what, "give the animal another name, or number the repeats"))
        seen.setdefault(key, row.where)
        for level in ("group", "cage"):
            home, where = homes.setdefault((row.text("animal"), level), (row.text(level), row.where))
            if home != row.text(level):
                what = f"animal '{row.text('animal')}' is in {level} '{row.text(level)}', but in '{home}' in {where}"
                found.append(Finding("error", row.where, what, "an animal has one group and one cage"))
    return found
