"""The outcome of one study in the terminal: read-outs by arm, comparisons, failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from senospine.assays import Readout
from senospine.evidence import Doubt
from senospine.report.doubts import comparison_dicts, print_comparisons
from senospine.report.tables import new_table
from senospine.runs import NOTICE
from senospine.study import Outcome, Study, readout_worlds


def outcome_dict(outcome: Outcome, doubts: Sequence[Doubt] | None = None) -> dict[str, Any]:
    """Return read-outs and failures of one study as plain data; what its doubts rest on, where that was asked for."""
    return {
        "notice": NOTICE,
        "study": outcome.study.name,
        "folder": str(outcome.path),
        "animals_per_arm": outcome.animals,
        "seed": outcome.seed,
        "worlds": outcome.worlds,
        "failures": outcome.failures,
        "comparisons": comparison_dicts(outcome),
        **({} if doubts is None else {"doubts": [item.to_dict() for item in doubts]}),
        "readouts": [
            {
                "readout": item.name,
                "unit": item.unit,
                "definition": item.definition,
                "arms": _quantiles(outcome, item),
                "moments": {moment: _quantiles(outcome, item, moment) for moment in _moments(outcome.study)},
            }
            for item in outcome.study.readouts
        ],
    }


def _moments(study: Study) -> list[str]:
    """Return every moment of measurement in order of time; arms may have their own."""
    days = {moment: day for arm in study.arms for moment, day in arm.moments}
    return sorted(days, key=days.__getitem__)


def _quantiles(outcome: Outcome, readout: Readout, moment: str = "") -> dict[str, dict[str, float] | None]:
    """Return spread per arm, at the arm's last moment or at another; None where there is none.

    Under draws of the parameters ``p05`` and ``p95`` are those of one world's animals, ``mean_p05`` and ``mean_p95``
    those of the worlds' means.
    """
    result: dict[str, dict[str, float] | None] = {}
    for arm in outcome.study.arms:
        result[arm.name] = None
        if moment and moment not in dict(arm.moments):
            continue
        values = outcome.expected(readout, arm, moment)
        values = values[np.isfinite(values)]
        worlds = readout_worlds(outcome, readout, arm, moment)
        if len(values) and worlds is not None:
            parts = {"p05": worlds.low, "median": worlds.median, "p95": worlds.high, "mean": worlds.mean,
                     "mean_p05": worlds.mean_low, "mean_p95": worlds.mean_high, "variance_between_worlds":
                     worlds.between, "variance_within_world": worlds.within}  # fmt: skip
            result[arm.name] = {name: float(part) for name, part in parts.items()}
        elif len(values):
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            result[arm.name] = {"p05": float(low), "median": float(middle), "p95": float(high)}
    return result


def _cells(arms: dict[str, dict[str, float] | None]) -> list[str]:
    return ["-" if arm is None else _cell(arm) for arm in arms.values()]


def _cell(arm: dict[str, float]) -> str:
    words = f"{arm['median']:.3g} ({arm['p05']:.3g} to {arm['p95']:.3g})"
    if "mean_p05" not in arm:
        return words
    return escape(f"{words}\n[{arm['mean_p05']:.3g} to {arm['mean_p95']:.3g}]")


def print_outcome(console: Console, outcome: Outcome, doubts: Sequence[Doubt] | None = None) -> None:
    """Print each read-out's median and spread per arm."""
    study = outcome.study
    followed = any(len(arm.moments) > 1 for arm in study.arms)  # else each arm has one moment, shared or its own
    table = new_table(
        f"{study.title}: {study.question}", "read-out", *(["when"] if followed else []), "unit",
        *(f">{arm.name}" for arm in study.arms),
    )  # fmt: skip
    for row in outcome_dict(outcome)["readouts"]:
        if not followed:
            table.add_row(row["readout"], row["unit"], *_cells(row["arms"]))
            continue
        for index, (moment, arms) in enumerate(row["moments"].items()):
            table.add_row("" if index else row["readout"], moment, "" if index else row["unit"], *_cells(arms))
    console.print(table)
    console.print(_what_varies(outcome), style="dim", markup=False, highlight=False)
    print_comparisons(console, outcome, doubts)
    print_failures(console, outcome.failures, outcome.animals * len(study.arms))
    console.print(f"\n{NOTICE}", style="dim", highlight=False)
    console.print(f"outcome: {outcome.path}", style="bold", highlight=False, soft_wrap=True)


def _what_varies(outcome: Outcome) -> str:
    if outcome.worlds < 2:
        return (
            f"median (5 to 95 % of {outcome.animals} animals per arm): differences between animals only; no "
            "measurement noise, no uncertainty of parameters"
        )
    drawn = outcome.manifest["inputs"]["draws"]
    return (
        f"median (5 to 95 % of one world's animals) [5 to 95 % of the mean over worlds]: {outcome.animals} animals per "
        f"arm in {outcome.worlds} worlds, one draw of the parameters each ({drawn['source']}); no measurement noise"
    )


def print_failures(console: Console, failures: Sequence[dict[str, Any]], solves: int) -> None:
    """Print how many animals failed, and the first twenty by name."""
    style = "bold red" if failures else ""
    console.print(f"failed animals: {len(failures)} of {solves}", style=style)
    for row in failures[:20]:
        console.print(
            f"  {row['arm']}, animal {row['animal']}: {row['sentence']} on day {row['time']:g} "
            f"({row['state']}); {row['advice']}",
            highlight=False,
        )
    if len(failures) > 20:
        console.print(f"  and {len(failures) - 20} more, all in the manifests")
