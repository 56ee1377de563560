"""What a newcomer sees of trials in the terminal, at 100 columns and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from senospine.report.tables import new_table
from senospine.report.trial.told import TrialReport, beside_rows, measured, method_rows, sentences
from senospine.runs import NOTICE
from senospine.trial.measures import told


def print_trial(console: Console, report: TrialReport, page: Path, tables: list[Path]) -> None:
    """Print the answer in sentences, then the tables behind it, then where to look next."""
    design = report.design
    console.print()
    console.print(design.file.title or design.name, style="bold", markup=False, highlight=False)
    console.print(design.file.question, style="italic", markup=False, highlight=False)
    console.print()
    answer = Table.grid(padding=(0, 1, 0, 0))
    for sentence in sentences(report):
        answer.add_row("•", Text(sentence))
    console.print(answer)
    console.print()
    console.print(_methods(report))
    console.print("± is the Monte-Carlo standard error. truth: had nobody been missing.", style="dim", highlight=False)
    console.print()
    console.print(_arms(report))
    if len(report.rivals.designs) > 1:
        console.print()
        console.print(_beside(report))
    console.print(f"\n{NOTICE}", style="dim", highlight=False)
    if tables:
        words = f"tables of the first trial, and a script for R: {tables[0].parent}"
        console.print(words, markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {page}", style="bold", markup=False, highlight=False, soft_wrap=True)


def _methods(report: TrialReport) -> Table:
    table = new_table(f"How often it is right, {report.result.trials:,} trials")
    table.add_column("hypothesis and method", no_wrap=True)
    names = ("truth", "bias", "coverage", "rejected")
    for name in ("truth", "bias", "coverage", "type I error" if report.result.null else "power"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in method_rows(report):
        if row["hypothesis"] != last:
            table.add_row(_plain(row["hypothesis"]))
        table.add_row(f"  {row['method']}, {row['unit']}", *(row[name] for name in names))
        last = row["hypothesis"]
    return table


def _arms(report: TrialReport) -> Any:
    found = report.result.design
    table = new_table("What happens in the arms, share of the randomised")
    table.add_column("")
    for arm in report.design.arms:
        table.add_column(_plain(arm), justify="right", no_wrap=True)
    for name, words in (
        ("left", "left before the end"), ("stopped", "ended treatment early"), ("adverse", "any adverse event"),
        ("held", "doses held"), ("rescued", "took rescue"),
    ):  # fmt: skip
        shares = [found[f"{name}_{arm}"] for arm in report.design.arms]
        if any(item.value for item in shares):
            table.add_row(words, *(measured(item, percent=True) for item in shares))
    return table


def _beside(report: TrialReport) -> Any:
    table = new_table("Beside other designs on the same patients")
    columns = {
        "design": "design", "patients": "randomised", "screened": "screened", "each": "per patient", "truth": "truth",
        "success": "success",
    }  # fmt: skip
    for key, name in columns.items():
        table.add_column(name, justify="left" if key == "design" else "right")
    for row in beside_rows(report):
        table.add_row(*(_plain(row[key]) for key in columns))
    return table


def _plain(words: str) -> str:
    return words.replace("[", "\\[")


def trial_dict(report: TrialReport) -> dict[str, Any]:
    """Return the whole result as plain data."""
    rivals = [
        {
            "design": rival.label, "sha256": rival.design.sha256,
            "sizes": [{"patients": size, **_measures(item)} for size, item in rival.sizes.items()],
        }
        for rival in report.rivals.designs
    ]  # fmt: skip
    null = report.rivals.null
    return {
        **_finite(report.result.to_dict()), "answer": sentences(report), "designs": rivals,
        "null_drug": None if null is None else _finite(null.to_dict()),
        "predicted": [item.to_dict() for item in report.benefits],
        "markers": [
            {"marker": item.key, "told": told(item.key), "weeks": list(item.weeks),
             "level": _finite(dict(zip(report.design.arms, item.level.mean(axis=0).tolist(), strict=True)))}
            for item in report.followed.markers
        ],
        "simulated_again": {"trials": report.followed.trials, "identical": report.followed.reproduced},
    }  # fmt: skip


def _measures(item: Any) -> dict[str, Any]:
    names = ("success", "right_decision", "screened", "screen_failures")
    found = {name: item.design[name] for name in names if name in item.design}
    return {"trials": item.trials, **{name: {"value": m.value, "error": m.error} for name, m in found.items()}}


def _finite(content: Any) -> Any:
    """Return plain data with null for what is not finite."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content
