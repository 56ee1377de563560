"""Procedures in the terminal and as plain data: what each takes, what that rests on, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from senospine.report.drugs import short
from senospine.report.tables import new_table
from senospine.therapy import Procedure
from senospine.therapy.terms import PROCEDURE

if TYPE_CHECKING:
    from rich.console import Console


def procedure_dict(procedure: Procedure) -> dict[str, Any]:
    """Return all there is to know of a procedure as plain data."""
    return {
        "procedure": procedure.name, "symbol": procedure.symbol, "synonyms": list(procedure.synonyms),
        "class": procedure.procedure_class, "given_as": procedure.given_as, "species": list(procedure.species),
        "rows": [
            {"species": species, "takes": effect, "name": number, "meaning": PROCEDURE[number].meaning,
             **{key: value for key, value in row.model_dump().items() if value not in (None, "")},
             "assumed": row.assumed, "where": procedure.where("effects", species, effect, number)}
            for species, effects in procedure.effects.items() for effect, rows in effects.items()
            for number, row in rows.items()
        ],
        "gaps": list(procedure.gaps), "sources": [item.model_dump() for item in procedure.source],
    }  # fmt: skip


def print_procedures(console: Console, procedures: Sequence[Procedure]) -> None:
    """Print a table of procedures."""
    table = new_table("Procedures")
    for name in ("procedure", "what it is", "takes a share of", "looks like"):
        table.add_column(name, overflow="fold")
    for item in procedures:
        taken = {effect for effects in item.effects.values() for effect in effects}
        table.add_row(
            item.name, item.procedure_class, ", ".join(sorted(map(_words, taken))) or "nothing", item.given_as
        )
    console.print(table)
    console.print("In a therapy: NAME once at day 0 after enrolment; with drugs, ' + ' between.", style="dim")
    console.print(
        "senospine procedure show NAME tells its numbers; a file of your own: procedure check FILE", style="dim"
    )


def print_procedure(console: Console, procedure: Procedure) -> None:
    """Print what a procedure takes, with the reason of every number, gaps and sources."""
    console.print(Text(procedure.name, style="bold"))
    also = f"; also {', '.join(procedure.synonyms)}" if procedure.synonyms else ""
    console.print(f"{procedure.procedure_class}{also}; looks like: {procedure.given_as}\n", highlight=False)
    for species, effects in procedure.effects.items():
        for effect, rows in effects.items():
            table = new_table(f"{_words(effect).capitalize()}, {species}")
            for name in ("number", "value", "unit", "prior, 90 %", "source"):
                table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
            for number, row in rows.items():
                prior = "fixed" if row.low is None or row.high is None else f"{short(row.low)} to {short(row.high)}"
                table.add_row(_words(number), short(row.value), row.unit, prior, row.source)
            console.print(table)
            _lines(console, "Why these numbers", [f"{_words(number)}: {row.reason}" for number, row in rows.items()])
        if not effects:
            console.print(f"takes nothing in {species}\n", highlight=False)
    _lines(console, "Looked for and not found, or left out", procedure.gaps)
    _lines(console, "Sources", [f"{item.citation} ({item.doi})" for item in procedure.source])


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Padding(Text(f"• {line}"), (0, 0, 0, 2)))
        console.print()


def _words(name: str) -> str:
    return name.replace("_", " ")
