"""Every number the answer rests on, with its source, and what the sources disagree about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from senospine.evidence import Score
from senospine.model import Parameter
from senospine.report.svg import exact

#: words by which a register's reason or a finding's note speaks of a conflict
_CONFLICT_WORDS = (
    "contested",
    "disagree",
    "conflict",
    "contradict",
    "otherwise",
    "against it",
    " but the ",
    "results say",
)


@dataclass(frozen=True)
class Assumption:
    """One parameter, ready to print."""

    name: str
    meaning: str
    value: str
    unit: str
    prior: str
    bounds: str
    spread: str
    source: str
    doi: str
    assumed: bool
    confidence: str
    obtained: str
    reason: str


@dataclass(frozen=True)
class Register:
    """One register with its counts."""

    title: str
    rows: list[Assumption]
    sourced: int
    assumed: int
    confidences: dict[str, int]

    @property
    def assumed_share(self) -> float:
        """Share of parameters that are assumptions."""
        return self.assumed / len(self.rows) if self.rows else 0.0


def register_table(title: str, parameters: Mapping[str, Parameter]) -> Register:
    """Return a register as rows of text."""
    rows = [_row(parameter) for parameter in parameters.values()]
    confidences = {level: sum(row.confidence == level for row in rows) for level in ("high", "medium", "low")}
    assumed = sum(row.assumed for row in rows)
    return Register(title, rows, len(rows) - assumed, assumed, confidences)


def _row(parameter: Parameter) -> Assumption:
    bounds = ""
    if parameter.low is not None and parameter.high is not None:
        bounds = f"{exact(parameter.low)} to {exact(parameter.high)}"
    spread = f"{100 * parameter.between_animal_cv:.0f} %" if parameter.between_animal_cv else "–"
    unit = "" if parameter.unit == "fold" else parameter.unit
    return Assumption(
        parameter.name, parameter.meaning, exact(parameter.value), unit, parameter.prior, bounds, spread,
        parameter.source, parameter.doi, parameter.assumed, parameter.confidence, parameter.how_obtained,
        parameter.reason,
    )  # fmt: skip


def conflicts(registers: Sequence[Mapping[str, Parameter]], scores: Sequence[Score]) -> list[tuple[str, str]]:
    """Return (where, words) of what registers and evidence themselves call a conflict; notes told once."""
    found = {
        parameter.name: parameter.reason
        for register in registers
        for parameter in register.values()
        if _speaks_of_conflict(parameter.reason)
    }
    notes: dict[str, list[str]] = {}
    for score in scores:
        parts = [part.strip() for part in score.fact.note.split(";")]
        for before, note in pairwise(["", *parts]):
            if _speaks_of_conflict(note):
                whole = f"{before}; {note}" if "otherwise" in note and before else note
                notes.setdefault(whole, []).append(score.fact.panel)
    panels = {f"panel {', '.join(dict.fromkeys(where))}": note for note, where in notes.items()}
    return [*found.items(), *panels.items()]


def _speaks_of_conflict(words: str) -> bool:
    return any(word in words.lower() for word in _CONFLICT_WORDS)
