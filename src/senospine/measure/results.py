"""Tables of measurements as files: written whole, read back strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import senospine
from senospine.errors import FileError, MeasureError, suggest
from senospine.measure.animals import Analysis
from senospine.measure.reading import HIERARCHY, definitions
from senospine.runs import write_then_rename

if TYPE_CHECKING:
    from senospine.measure.batch import Batch

READINGS = "readings.csv"
ARRIVE = "arrive.json"
_NUMBERS = ("value", "low", "high", "count", "total")
_COLUMNS = (
    *HIERARCHY,
    "definition",
    "value",
    "unit",
    "low",
    "high",
    "count",
    "total",
    "settings",
    "inputs",
    "warnings",
    "software",
)


def write_results(out: str | Path, analysis: Analysis, batch: Batch | None = None, beside: Any = None) -> list[Path]:
    """Write readings, animals, groups, comparisons, ARRIVE and failures; return what was written.

    Empty tables are not written, and what an earlier run left of them is removed.

    Raises
    ------
    FileError
        The folder cannot be written; each file is whole or absent.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot write here: {error.strerror}", where=str(folder), remedy="choose another") from None
    failures = [{"input": item.input, "message": item.message} for item in batch.failures] if batch else []
    tables: Mapping[str, pd.DataFrame] = {
        "readings": analysis.readings,
        "animals": analysis.animals,
        "groups": analysis.groups,
        "comparisons": analysis.comparisons,
        "beside": beside[0] if beside else pd.DataFrame(),
        "failures": pd.DataFrame(failures),
    }
    written = []
    for name, table in tables.items():
        target = folder / f"{name}.csv"
        if table.empty:
            target.unlink(missing_ok=True)
            continue
        text = table.to_csv(index=False)
        write_then_rename(target, text)
        written.append(target)
    arrive = {
        "source": "ARRIVE 2.0, doi 10.1371/journal.pbio.3000410",
        "software": f"senospine {senospine.__version__}",
        "items": [{"number": line.item.number, "name": line.item.name, "item": line.item.item, "origin": line.origin,
                   "text": line.text} for line in analysis.arrive],
    }  # fmt: skip
    target = folder / ARRIVE
    text = json.dumps(arrive, indent=1, ensure_ascii=False) + "\n"
    write_then_rename(target, text)
    return [*written, target]


def read_all(paths: Sequence[str | Path], session: str | None = None) -> pd.DataFrame:
    """Return the readings of several measurements of the same animals as one table.

    A measurement that names no session, such as one of images taken at the end, is kept beside those of ``session``.

    Raises
    ------
    FileError, MeasureError
        See :func:`read_readings`; or one input stands in two of them.
    """
    tables = [read_readings(path) for path in paths]
    named = [table["settings"].str.contains('"session"', regex=False).any() for table in tables]
    if session is not None:  # where none names any, the first says so
        strict = named if any(named) else [True] * len(paths)
        tables = [read_readings(path, session) if one else table
                  for path, table, one in zip(paths, tables, strict, strict=True)]  # fmt: skip
    known: dict[tuple[str, str], str | Path] = {}
    for path, table in zip(paths, tables, strict=True):
        mine = {*zip(table["definition"], table["inputs"], strict=True)}
        twice = next((key for key in mine if key in known), None)
        if twice is not None:
            raise MeasureError(f"the input of {twice[0]} was measured in {known[twice]} too", where=str(path),
                               why="an animal would count twice", remedy="leave one of them out")  # fmt: skip
        known |= dict.fromkeys(mine, path)
    return pd.concat(tables, ignore_index=True)


def read_stated(paths: Sequence[str | Path]) -> list[dict[str, str]]:
    """Return what the inputs of measurements stated of ARRIVE 2.0, from beside their readings; none where it lacks.

    Raises
    ------
    FileError
        The file is there and damaged.
    """
    found = []
    for path in map(Path, paths):
        file = (path if path.is_dir() else path.parent) / ARRIVE
        if not file.is_file():
            continue
        try:
            items = json.loads(file.read_text(encoding="utf-8"))["items"]
            found.append({item["name"]: str(item["text"]) for item in items if item["origin"] == "stated"})
        except (OSError, ValueError, KeyError, TypeError):
            raise FileError("the file is damaged", where=str(file), remedy="measure again, or delete it") from None
    return found


def read_readings(path: str | Path, session: str | None = None) -> pd.DataFrame:
    """Return the table of readings in a file, or in the folder of a measurement.

    Parameters
    ----------
    path : path
    session : str, optional
        Only this one.

    Raises
    ------
    FileError
        The file cannot be read.
    MeasureError
        A column or definition that does not exist, a number that is none, or no such session.
    """
    source = Path(path) / READINGS if Path(path).is_dir() else Path(path)
    try:
        table = pd.read_csv(source, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise FileError(f"cannot read the table: {error}", where=str(source), remedy="check path and file") from None
    for name in _COLUMNS:
        if name not in table:
            raise MeasureError(
                f"column '{name}' is missing", where=f"{source}:1", remedy="is this a table of readings?"
            )
    for line, identity in enumerate(table["definition"], 2):
        if identity not in definitions():
            raise MeasureError(f"no definition '{identity}'", where=f"{source}:{line}",
                               remedy=suggest(identity, definitions()))  # fmt: skip
    for name in _NUMBERS:
        numbers = pd.to_numeric(table[name].replace("", "nan"), errors="coerce")
        wrong = numbers.isna() & ~table[name].str.lower().isin(["", "nan"])
        if wrong.any():
            first = int(wrong.to_numpy().argmax())
            raise MeasureError(f"{name} '{table[name].iloc[first]}' is no number", where=f"{source}:{first + 2}",
                               remedy="correct it, or leave it empty")  # fmt: skip
        table[name] = numbers
    settings = []
    for line, text in enumerate(table["settings"], 2):
        try:
            settings.append(dict(json.loads(text or "{}")))
        except (ValueError, TypeError):
            raise MeasureError("the settings are no JSON", where=f"{source}:{line}", remedy="restore them") from None
    if session is not None:
        sessions = [str(item.get("session", "")) for item in settings]
        if session not in sessions:
            raise MeasureError(f"no session '{session}'", where=str(source), remedy=suggest(session, set(sessions)))
        table = table[[name == session for name in sessions]].reset_index(drop=True)
    return table
