"""A laboratory's own animals in the terminal and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from senospine.measure import definition
from senospine.measure.animals import Analysis
from senospine.report.svg import number
from senospine.report.tables import add_columns
from senospine.report.words import count, p_text, span, to_float

if TYPE_CHECKING:
    from rich.console import Console

    from senospine.measure.batch import Batch


def measurements_dict(
    analysis: Analysis | None, batch: Batch | None, written: Sequence[Path], beside: Any = None
) -> dict[str, Any]:
    """Return everything as plain data for JSON; what is not finite is null."""
    found: dict[str, Any] = {
        "files": [str(path) for path in written],
        "failures": [{"input": item.input, "message": item.message} for item in batch.failures] if batch else [],
        "reused": batch.reused if batch else 0,
        "left_out": batch.left_out if batch else {},
    }
    if analysis is not None:
        found |= {
            "refusals": list(analysis.refusals),
            "readings": len(analysis.readings),
            "animals": _plain(analysis.animals),
            "groups": _plain(analysis.groups),
            "comparisons": _plain(analysis.comparisons),
            "arrive": [{"number": line.item.number, "name": line.item.name, "origin": line.origin, "text": line.text}
                       for line in analysis.arrive],
        }  # fmt: skip
    if beside:
        found["beside"] = _plain(beside[0])
    return found


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    def value(item: Any) -> Any:
        item = item.item() if hasattr(item, "item") else item
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return [{key: value(item) for key, item in row.items()} for row in _rows(table)]


def print_measurements(
    console: Console, errors: Console, analysis: Analysis | None, batch: Batch | None, written: Sequence[Path],
    beside: Any = None,
) -> None:  # fmt: skip
    """Print comparisons, what is missing, what failed, and where everything stands."""
    from rich.table import Table

    if analysis is not None and len(analysis.comparisons):
        table = Table(title="", box=None, pad_edge=False)
        add_columns(table, "read-out", "session", "groups", ">n", ">effect", "95 %", ">p", ">g")
        for row in _rows(analysis.comparisons):
            label = ", ".join(word for word in (definition(row["definition"]).label, row["variant"]) if word)
            table.add_row(label, row["session"], f"{row['group']} vs {row['versus']}",
                          f"{row['n_group']}+{row['n_versus']}",
                          number(to_float(row["effect"]), 3), span(row["low"], row["high"], " to "),
                          p_text(row["p"]), number(to_float(row["hedges_g"]), 2))  # fmt: skip
        console.print(table)
        console.print(
            "effects: odds ratio, ratio of rates or of geometric means, or difference of means; see the report"
        )
    if beside:
        _print_beside(console, beside[0])
    if analysis is not None:
        missing = [f"{line.item.number} {line.item.name}" for line in analysis.arrive if line.origin == "missing"]
        if missing:
            console.print(f"ARRIVE 2.0, not stated: {', '.join(missing)}", markup=False, highlight=False)
        for text in analysis.refusals:
            errors.print(f"refused: {text}", markup=False, highlight=False)
    for item in batch.failures if batch else []:
        told = item.message if item.message.startswith(item.input) else f"{item.input}: {item.message}"
        errors.print(f"nothing from {told}", markup=False, highlight=False)
    if batch and batch.left_out:
        reasons = Counter(batch.left_out.values())
        told = ", ".join(count(number, reason) for reason, number in reasons.items())
        console.print(f"left out, as no inputs of their own: {told}", markup=False, highlight=False)
    if batch and batch.reused:
        console.print(f"{count(batch.reused, 'input')} had been measured before", highlight=False)
    for path in written:
        console.print(f"written: {path}", markup=False, highlight=False)


def _print_beside(console: Console, rows: pd.DataFrame) -> None:
    from rich.table import Table

    table = Table(title="measured beside simulated (SYNTHETIC DATA)", box=None, pad_edge=False, title_justify="left")
    add_columns(table, "read-out", "group", "arm", "n", "measured", "simulated", "means of n", "percentile")
    for row in _rows(rows):
        table.add_row(row["label"], row["group"], row["arm"], str(row["n"]), number(row["measured_mean"], 3),
                      f"{number(row['simulated_median'], 3)} ({span(row['simulated_low'], row['simulated_high'])})",
                      span(row["simulated_mean_low"], row["simulated_mean_high"]),
                      f"{row['percentile']:.0f}")  # fmt: skip
    console.print(table)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
