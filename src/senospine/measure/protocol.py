"""What protocols of scans and sections share: strict pages of YAML, errors with key and line, where a file belongs."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from senospine.errors import MeasureError, suggest
from senospine.measure.reading import HIERARCHY
from senospine.yaml_files import Document, read_yaml


class Page(BaseModel):
    """A page of choices, or a part of one: a key that nobody knows is refused, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Page)


def _of_levels(pattern: str) -> str:
    try:
        names = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"the pattern is no regular expression: {error}") from None
    for name in names:
        if name not in HIERARCHY:
            raise ValueError(f"'{name}' is no level of the design; {suggest(name, HIERARCHY)}")
    return pattern


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: a regular expression whose named groups are levels of the design
NamePattern = Annotated[str, AfterValidator(_of_levels)]


def read_page(kind: type[P], options: Mapping[str, Any] | str | Path, help_page: str) -> tuple[P, Path | None]:
    """Return a page and the folder of its file, None where no file holds it.

    Parameters
    ----------
    kind : type
    options : mapping, or path of a YAML file
        A mapping whose only key is ``protocol`` names the file.
    help_page : str
        Where the choices are explained.

    Raises
    ------
    MeasureError
        An unknown key (with a suggestion), a value out of range, or choices that do not go together.
    """
    if isinstance(options, Mapping) and set(options) == {"protocol"}:
        options = str(options["protocol"])
    in_file = not isinstance(options, Mapping)
    document = read_yaml(options) if in_file else Document(Path("<options>"), options, {})  # type: ignore[arg-type]
    if not isinstance(document.data, Mapping):
        raise MeasureError(
            "the protocol is no mapping of keys to choices", where=str(document.path), remedy=f"see {help_page}"
        )
    try:
        page = kind.model_validate(dict(document.data))
    except ValidationError as error:
        raise _told(error, kind, document, help_page) from None
    return page, document.path.parent if in_file else None


def _told(error: ValidationError, kind: type[Page], document: Document, help_page: str) -> MeasureError:
    first = error.errors()[0]
    key = first["loc"]
    words = ".".join(map(str, key))
    if first["type"] != "extra_forbidden":
        message = first["msg"].removeprefix("Value error, ")
        said = f"{words}: {message}" if words else message
        return MeasureError(said, where=document.where(*key), remedy=f"see {help_page}")
    model: Any = kind
    for part in key[:-1]:
        if isinstance(part, str):  # a number is a place in a list
            model = next(iter(_pages(model.model_fields[part].annotation)), model)
    remedy = suggest(str(key[-1]), model.model_fields)
    return MeasureError(f"unknown key '{words}'", where=document.where(*key), remedy=remedy)


def _pages(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _pages(part)]


def place_by_name(pattern: str, path: Path) -> dict[str, str]:
    """Return where a file belongs by its name.

    Raises
    ------
    MeasureError
        The name does not fit.
    """
    match = re.search(pattern, path.name)
    if match is None:
        raise MeasureError(
            f"the file's name does not fit the pattern {pattern}", where=str(path),
            remedy="rename the file, or correct the pattern",
        )  # fmt: skip
    return {key: value for key, value in match.groupdict().items() if value}


def place_by_table(table: Path, path: Path, *, other_columns: bool) -> dict[str, str]:
    """Return where a file belongs by its row in a CSV table with a column ``file``.

    Parameters
    ----------
    other_columns : bool
        Columns that are no level of the design are left alone; else refused.

    Raises
    ------
    MeasureError
        The table cannot be read, has no row for the file or two, or a column that nobody knows.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MeasureError(
            f"cannot read the table: {error}", where=str(table), remedy="check path and format"
        ) from None
    columns = list(rows[0]) if rows else ["file"]
    unknown = [] if other_columns else [name for name in columns if name not in ("file", *HIERARCHY)]
    if unknown or "file" not in columns:
        word = f"unknown column '{unknown[0]}'" if unknown else "no column 'file'"
        raise MeasureError(word, where=str(table), remedy=suggest(unknown[0] if unknown else "", HIERARCHY))
    mine = [row for row in rows if row["file"] == path.name]
    if len(mine) != 1:
        raise MeasureError(
            f"{len(mine)} rows for the file {path.name}", where=str(table),
            remedy="give each file one row, by its name in the column 'file'",
        )  # fmt: skip
    return {key: value.strip() for key, value in mine[0].items() if key in HIERARCHY and value and value.strip()}


def of_an_animal(place: dict[str, str], path: Path, remedy: str) -> dict[str, str]:
    """Return a place that names an animal and levels of the design only.

    Raises
    ------
    MeasureError
        It does not; ``remedy`` says how a protocol names the animal.
    """
    for name in place:
        if name not in HIERARCHY:
            raise MeasureError(f"'{name}' is no level of the design", remedy=suggest(name, HIERARCHY))
    if not place.get("animal"):
        raise MeasureError("it is not said which animal this is from", where=str(path), remedy=remedy)
    return place
