"""A sheet's rows and cells: each value read as its column has it, each flaw kept with its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from senospine.errors import Finding, suggest
from senospine.measure.behaviour.schema import Column, Schema


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


def read_rows(
    lines: list[str], columns: list[Column | None], header: list[str], delimiter: str, path: str, first: int,
    found: list[Finding],
) -> list[Row]:  # fmt: skip
    """Return the rows below the header, line ``first`` on; flaws go to ``found``."""
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
                numeric = column.kind in {"number", "whole", "limited"}
                value = _cell(cell.strip().replace(",", ".") if delimiter == ";" and numeric else cell.strip(), column)
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


def check_rows(rows: list[Row], kind: Schema) -> list[Finding]:
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
