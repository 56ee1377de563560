"""Sheets read strictly: a cell that cannot be right is named with its line, and none of the file is used."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from senospine.errors import Finding, MeasureError
from senospine.measure.behaviour.cells import Row, check_rows, read_rows
from senospine.measure.behaviour.heading import check_settings, is_note, read_columns, read_lines, read_settings
from senospine.measure.behaviour.schema import Schema, schema, schemas
from senospine.runs import sha256_of

_SHOWN = 20  # findings told in one message


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
    lines = read_lines(path)
    head = next((index for index, line in enumerate(lines) if line.strip(",;\t ") and not is_note(line)), len(lines))
    settings = read_settings(lines[:head], path)
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
    found: list[Finding] = check_settings(settings, kind, path)
    header = [cell.strip() for cell in next(csv.reader([lines[head]], delimiter=delimiter))]
    columns = read_columns(header, kind, f"{path}:{head + 1}", found)
    rows = read_rows(lines[head + 1 :], columns, header, delimiter, f"{path}", head + 2, found)
    found += check_rows(rows, kind)
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
