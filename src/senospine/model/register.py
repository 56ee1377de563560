"""The register: every parameter's value, prior, unit and source; what has none is an assumption and says so."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from senospine.errors import FileError, Finding, RegisterError, SenospineError, UnitError, suggest
from senospine.model.units import unit_of_text

CONFIDENCES = ("high", "medium", "low")
PRIORS = ("fixed", "lognormal", "normal", "uniform")


@dataclass(frozen=True)
class Parameter:
    """One row of a register.

    Attributes
    ----------
    value : float
        The value used, in ``unit``.
    prior : str
        ``fixed``, or ``lognormal``, ``normal``, ``uniform`` with its central 90 % from ``low`` to ``high``
        (``uniform``: its two ends).
    between_animal_cv : float
        Coefficient of variation between animals (log-normal), 0 where all share the value.
    source, doi : str
        A citation, or the word ``assumption``.
    reason : str
        Why this value.
    where : str
        ``file:line`` of the row.
    """

    name: str
    value: float
    unit: str
    species: str
    prior: str
    low: float | None
    high: float | None
    between_animal_cv: float
    meaning: str
    source: str
    doi: str
    how_obtained: str
    confidence: str
    reason: str
    where: str

    @property
    def assumed(self) -> bool:
        """Whether the row rests on an assumption and not on a published number."""
        return self.source.strip().lower() == "assumption"


COLUMNS = tuple(field.name for field in fields(Parameter) if field.name != "where")


@dataclass(frozen=True)
class Variable:
    """A model variable as people call it; ``scale`` is a typical size, for absolute tolerances."""

    name: str
    label: str
    unit: str
    kind: str
    group: str
    scale: float
    where: str = ""


def read_rows(
    path: str | Path, columns: Iterable[str], error: type[SenospineError]
) -> list[tuple[dict[str, str], str]]:
    """Return the rows of a CSV file and their ``file:line``.

    Raises
    ------
    FileError
        The file cannot be read as UTF-8 text.
    SenospineError
        Of the kind ``error``: a column is missing or unknown, or a row has more or fewer cells than columns.
    """
    path, wanted = Path(path), list(columns)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise FileError(
            f"cannot read the table: {problem}", where=str(path), remedy="check path and encoding"
        ) from None
    reader = csv.reader(text.splitlines(keepends=True))
    header = next(reader, [])
    for name in header:
        if name not in wanted:
            raise error(f"unknown column '{name}'", where=f"{path}:1", remedy=suggest(name, wanted))
    for name in wanted:
        if name not in header:
            raise error(f"column '{name}' is missing", where=f"{path}:1", remedy="add it to the header")
    rows = []
    for cells in reader:
        where = f"{path}:{reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise error(
                f"the row has {len(cells)} cells, the header {len(header)}",
                where=where,
                remedy="put text that holds commas between double quotes",
            )
        rows.append(({name: cell.strip() for name, cell in zip(header, cells, strict=True)}, where))
    return rows


def read_register(path: str | Path) -> dict[str, Parameter]:
    """Return the register at ``path`` by parameter name.

    Raises
    ------
    RegisterError
        The first row that cannot stand; :func:`check_register` lists all.
    """
    register, findings = _read(path)
    for finding in findings:
        if finding.severity == "error":
            raise RegisterError(finding.what, where=finding.where, remedy=finding.remedy)
    return register


def check_register(path: str | Path) -> list[Finding]:
    """Return everything that is wrong with the register at ``path``."""
    return _read(path)[1]


def read_variables(path: str | Path) -> dict[str, Variable]:
    """Return names, labels and scales of the variables listed at ``path``."""
    variables = {}
    for row, where in read_rows(path, [f.name for f in fields(Variable) if f.name != "where"], RegisterError):
        scale = _number(row["scale"])
        if scale is None or scale <= 0:
            raise RegisterError(f"scale '{row['scale']}' of '{row['name']}' is not a positive number", where=where)
        variables[row["name"]] = Variable(**{**row, "scale": scale}, where=where)  # type: ignore[arg-type]
    return variables


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read(path: str | Path) -> tuple[dict[str, Parameter], list[Finding]]:
    register: dict[str, Parameter] = {}
    findings: list[Finding] = []

    for row, where in read_rows(path, COLUMNS, RegisterError):
        name = row["name"]
        problems = list(row_problems(row))
        if name in register:
            problems.append((f"'{name}' stands twice", f"keep one row; the other is at {register[name].where}"))
        findings += [Finding("error", where, what, remedy) for what, remedy in problems]
        if not problems:
            register[name] = Parameter(
                **{key: row[key] for key in row if key not in {"value", "low", "high", "between_animal_cv"}},
                value=float(row["value"]),
                low=_number(row["low"]),
                high=_number(row["high"]),
                between_animal_cv=_number(row["between_animal_cv"]) or 0.0,
                where=where,
            )
    return register, findings


def row_problems(row: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Yield what no register takes in a row of texts, each with its remedy."""
    name, prior = row["name"], row["prior"]
    value, low, high = (_number(row[key]) for key in ("value", "low", "high"))
    spread = _number(row["between_animal_cv"] or "0")
    if not name.isidentifier():
        yield f"'{name}' is no parameter name", "use letters, digits and underscores"
    if value is None:
        yield f"value '{row['value']}' of '{name}' is not a finite number", "write a number in the row's unit"
    if not row["source"]:
        yield (
            f"parameter '{name}' has no source",
            "cite where the number comes from, or write 'assumption' and a reason",
        )
    elif row["source"].lower() == "assumption" and not row["reason"]:
        yield f"assumption '{name}' gives no reason", "say why this value and not another"
    if row["confidence"] not in CONFIDENCES:
        yield f"confidence '{row['confidence']}' of '{name}'", suggest(row["confidence"], CONFIDENCES)
    if prior not in PRIORS:
        yield f"prior '{prior}' of '{name}'", suggest(prior, PRIORS)
    elif prior != "fixed" and value is not None:
        if low is None or high is None or not low < high:
            yield f"prior of '{name}' needs low < high, got '{row['low']}' and '{row['high']}'", "give its central 90 %"
        elif not low <= value <= high:
            yield (
                f"value {value:g} of '{name}' lies outside its own prior, {low:g} to {high:g}",
                "widen one or move one",
            )
        elif prior == "lognormal" and low <= 0:
            yield f"log-normal prior of '{name}' starts at {low:g}", "it must be above zero"
    if spread is None or not 0 <= spread <= 2:
        yield f"between-animal CV '{row['between_animal_cv']}' of '{name}'", "give a number from 0 to 2"
    try:
        unit_of_text(row["unit"])
    except UnitError as error:
        yield f"'{name}': {error.what}", error.remedy or ""
