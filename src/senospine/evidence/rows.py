"""Tables of published facts, read and checked row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from senospine.errors import EvidenceError, Finding
from senospine.evidence.checks import Studies, row_problems
from senospine.evidence.facts import Association, Bound, Contrast, Fact, Rate, Value
from senospine.model import read_rows
from senospine.study import Study

FOLDER = Path(__file__).parent
TABLES = FOLDER / "tables"
ROLES = FOLDER / "roles.csv"

COLUMNS = (
    "id", "kind", "study", "subset", "claim", "panel", "readout", "arm", "versus", "at", "direction", "significant",
    "test", "groups", "comparisons", "with_readout", "scale", "value", "spread", "spread_kind", "low", "high",
    "n_stated", "n_low", "n_high", "how_obtained", "confidence", "role", "source", "doi", "note",
)  # fmt: skip
_COMMON = (
    "id", "kind", "study", "subset", "claim", "panel", "readout", "arm", "versus", "at", "n_stated", "how_obtained",
    "confidence", "role", "source", "doi", "note",
)  # fmt: skip


def evidence_tables() -> list[Path]:
    """Return the shipped tables."""
    return sorted(TABLES.glob("*.csv"))


def load_evidence(path: str | Path | None = None, *, studies: Iterable[Study] = ()) -> tuple[Fact, ...]:
    """Return the facts of one evidence table, or of all shipped ones.

    ``studies`` are one's own, beside the shipped ones: what the table says of them needs no role declared elsewhere.

    Raises
    ------
    EvidenceError
        The first row that cannot stand; :func:`check_evidence` lists all.

    Examples
    --------
    >>> sum(row.study.startswith("pan2024") and row.kind == "contrast" for row in load_evidence())
    83
    """
    facts, findings = _read(path, studies)
    for finding in findings:
        raise EvidenceError(finding.what, where=finding.where, remedy=finding.remedy)
    return tuple(facts)


def check_evidence(path: str | Path | None = None) -> list[Finding]:
    """Return everything that is wrong with one evidence table, or with all shipped ones."""
    return _read(path)[1]


def _read(path: str | Path | None, own: Iterable[Study] = ()) -> tuple[list[Fact], list[Finding]]:
    roles = {(row["study"], row["subset"]): row["role"] for row, _ in _role_rows()}
    named = {study.name: study for study in own}
    studies = Studies(named)
    facts: list[Fact] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    claims: dict[tuple[str, ...], Fact] = {}
    for table in evidence_tables() if path is None else [path]:
        for row, where in read_rows(table, COLUMNS, EvidenceError):
            problems = list(row_problems(row, studies))
            if row["id"] in seen:
                problems.append((f"id '{row['id']}' stands twice", f"the other is at {seen[row['id']]}"))
            seen[row["id"]] = where
            if not problems:
                fact = _fact(row, where)
                if fact.study in named:
                    roles.setdefault((fact.study, fact.subset), fact.role)
                problems += _against_others(fact, roles, claims)
                facts.append(fact)
            findings += [Finding("error", where, what, remedy) for what, remedy in problems]
    return facts, findings


def _role_rows() -> list[tuple[dict[str, str], str]]:
    return read_rows(ROLES, ("study", "subset", "role", "reason"), EvidenceError)


def _number(text: str, empty: float) -> float:
    return float(text) if text else empty


def _fact(row: Mapping[str, str], where: str) -> Fact:
    common: dict[str, Any] = {name: row[name] for name in _COMMON}
    common |= {"where": where, "n_low": int(row["n_low"]), "n_high": int(row["n_high"])}
    low, high = _number(row["low"], -math.inf), _number(row["high"], math.inf)
    sign: dict[str, Any] = {name: row[name] for name in ("direction", "significant")}
    scale: Any = row["scale"]
    value, spread = _number(row["value"], math.nan), _number(row["spread"], math.nan)
    make: dict[str, Callable[[], Fact]] = {
        "contrast": lambda: Contrast(
            **common, **sign, test=row["test"], groups=tuple(row["groups"].split("|")),
            comparisons=int(row["comparisons"]),
        ),
        "association": lambda: Association(**common, **sign, with_readout=row["with_readout"]),
        "value": lambda: Value(
            **common, scale=scale, value=value, spread=spread, spread_kind=row["spread_kind"]
        ),
        "bound": lambda: Bound(**common, scale=scale, low=low, high=high),
        "rate": lambda: Rate(**common, k=int(row["value"]), low=low, high=high),
    }  # fmt: skip
    return make[row["kind"]]()


def _against_others(
    fact: Fact, roles: Mapping[tuple[str, str], str], claims: dict[tuple[str, ...], Fact]
) -> Iterator[tuple[str, str]]:
    declared = roles.get((fact.study, fact.subset))
    if declared is None:
        yield f"no role is declared for '{fact.subset}' of '{fact.study}'", f"declare it in {ROLES.name}"
    elif declared != fact.role:
        yield (
            f"role '{fact.role}', but {ROLES.name} declares '{fact.subset}' of '{fact.study}' as {declared}",
            "roles are declared before fitting; change the row",
        )
    extra = (fact.with_readout,) if isinstance(fact, Association) else ()
    key = (fact.kind, fact.study, fact.panel, fact.readout, fact.arm, fact.versus, fact.at, *extra)
    other = claims.setdefault(key, fact)
    if other is not fact and other.text != fact.text:
        yield f"contradicts {other.id} ({other.where}) on the same panel", "read the panel again and keep one"
    elif other is not fact:
        yield f"repeats {other.id} ({other.where})", "one finding counts once; keep one"
