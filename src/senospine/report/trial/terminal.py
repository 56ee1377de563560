"""What a newcomer sees of trials in the terminal, at 80 columns and more."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from senospine.report.tables import new_table
from senospine.report.trial.rows import beside_rows, method_rows, prediction_rows, tipping_rows
from senospine.report.trial.told import TrialReport, measured, sentences
from senospine.report.trial.units import unit_of
from senospine.report.words import count
from senospine.runs import NOTICE
from senospine.trial import comparators, stopping_text
from senospine.trial.measures import told


def print_trial(
    console: Console, report: TrialReport, page: Path, tables: list[Path], bank: Path | None = None
) -> None:
    """Print the answer in sentences, the tables behind it, the prediction beside published effects, and the files."""
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
    note = f"± is the Monte-Carlo standard error. truth: had nobody been missing. {'; '.join(_units(report))}."
    console.print(note, style="dim", highlight=False, markup=False)
    if tipping := tipping_rows(report):
        console.print()
        console.print(_tipping(tipping))
    console.print()
    console.print(_arms(report))
    console.print(stopping_text(report.design, report.bank), style="dim", markup=False, highlight=False)
    if len(report.rivals.designs) > 1:
        console.print()
        console.print(_beside(report))
    if report.benefits:
        console.print()
        console.print(_predictions(report))
        words = f"predicted: 90 % over {count(len(report.bank.draws), 'draw')}, taken as prescribed"
        words += "; published, chronic low back pain: 95 % interval where one was read."
        console.print(words, style="dim", highlight=False)
    console.print(f"\n{NOTICE}\n", style="dim", highlight=False)
    for path, what in _files(report, page, tables, bank):
        console.print(f"{path}", style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(f"    {what}", markup=False, highlight=False, soft_wrap=True)


def _files(report: TrialReport, page: Path, tables: list[Path], bank: Path | None) -> list[tuple[Path, str]]:
    """Return what was written, and what each is."""
    found = [(page, "the report for a trial meeting: one file, open it in a browser")]
    if tables:
        found.append((tables[0].parent, "trial 0 as ADSL, ADQS, ADLB and ADAE, a script for R, and the truth apart"))
    found.append((report.run.path / "parts", "each trial's answers and counts; --resume adds trials to them"))
    if bank is not None:
        found.append((bank, "the virtual patients; --bank takes them for another design"))
    return found


def _methods(report: TrialReport) -> Table:
    table = new_table(f"How often it is right, {report.result.trials:,} trials")
    table.add_column("hypothesis, method")
    names = ("truth", "bias", "coverage", "rejected")
    for name in ("truth", "bias", "coverage", "type I error" if report.result.null else "power"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in method_rows(report):
        if row["hypothesis"] != last:
            table.add_row(_plain(row["hypothesis"]))
        table.add_row(f"  {row['method']}", *(row[name] for name in names))
        last = row["hypothesis"]
    return table


def _units(report: TrialReport) -> list[str]:
    """Return what each endpoint's truth and bias are counted in."""
    plan = report.design.file
    return [f"{name}: {unit_of(item)}, week {item.week:g}" for name, item in plan.endpoints.items()]


def _tipping(rows: list[tuple[str, str, str]]) -> Table:
    table = new_table("Tipping point: leavers on treatment made worse by a shift")
    for name in ("shift", "estimate", "benefit still shown"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _predictions(report: TrialReport) -> Table:
    table = new_table("Predicted benefit beside published effects, points of 0–10")
    for key in ("treatment", "against", "benefit", "interval", "week", "source"):
        right = key in {"benefit", "interval", "week"}
        table.add_column(key, justify="right" if right else "left", no_wrap=right)
    for index, row in enumerate(prediction_rows(report)):
        cells = (_plain(row[key]) for key in ("treatment", "against", "benefit", "interval", "week", "source"))
        table.add_row(*cells, style="bold" if index < len(report.benefits) else "")
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
        "design": "design", "patients": "randomised", "screened": "screened", "each": "each", "truth": "truth",
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
    content = {
        "trial": report.design.name, "design_sha256": report.design.sha256, "bank_sha256": report.bank.sha256,
        "seed": report.run.manifest["inputs"]["seed"], "made_up_patients": report.synthetic,
        **report.result.to_dict(), "answer": sentences(report),
        "context": report.design.context_note, "stopping": stopping_text(report.design, report.bank),
        "lasting": [item.to_dict() for item in report.lasting], "designs": rivals,
        "null_drug": None if null is None else null.to_dict(),
        "predicted": [item.to_dict() for item in report.benefits],
        "markers": [
            {"marker": item.key, "told": told(item.key), "weeks": list(item.weeks),
             "level": dict(zip(report.design.arms, item.level.mean(axis=0).tolist(), strict=True))}
            for item in report.followed.markers
        ],
        "published": [asdict(item) for item in comparators()],
        "simulated_again": {"trials": report.followed.trials, "identical": report.followed.reproduced},
    }  # fmt: skip
    return {key: _finite(value) for key, value in content.items()}


def _measures(item: Any) -> dict[str, Any]:
    names = ("success", "right_decision", "screened", "screen_failures")
    found = {name: item.design[name] for name in names if name in item.design}
    return {"trials": item.trials, **{name: {"value": m.value, "error": m.error} for name, m in found.items()}}


def _finite(content: Any) -> Any:
    """Return plain data with null for what is not finite."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content
