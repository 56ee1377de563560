"""A surface of two drugs on the terminal: doses and effects, indices, and the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from senospine.report.svg import MARK, number
from senospine.report.tables import add_columns

if TYPE_CHECKING:
    from rich.console import Console

    from senospine.combination import Beaten, Combination


def print_combination(out: Console, result: Combination) -> None:
    """Print a surface: median read-out by dose, indices with their central 90 %, the sentence."""
    from rich.table import Table

    d = result.design
    table = Table(
        title=f"{d.readout.label}, {d.readout.unit}: median of {result.kept} parameter sets", title_justify="left"
    )
    add_columns(table, f"{d.drugs[0]} \\ {d.drugs[1]}, {d.units[1]}", *(f">{dose:g}" for dose in d.doses_b))
    for dose, row in zip(d.doses_a, np.median(result.level, axis=0), strict=True):
        table.add_row(f"{dose:g} {d.units[0]}", *(number(float(value), 3) for value in row))
    out.print(table)
    indices = Table(title="Distance from each null, mean over the pairs", title_justify="left")
    add_columns(indices, "index", ">median", ">90 % from", ">to", ">no interaction")
    for name, values in result.indices.items():
        null = "1" if name == "interaction index" else "≤ 0" if name == "excess over the better drug" else "0"
        indices.add_row(name, *(number(value, 3) for value in values), null)
    out.print(indices)
    out.print(
        f"Fraction affected: {result.scale}. {result.failed} parameter sets left out. Loewe says something at "
        f"{result.loewe_defined:.0%} of pairs and sets.", markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    out.print(result.sentence, markup=False, highlight=False, soft_wrap=True)
    out.print(MARK, style="bold")


def print_beaten(out: Console, rows: Sequence[Beaten]) -> None:
    """Print how probably both drugs beat the better one: prior and fit, hazards that add and that interact."""
    from rich.table import Table

    kinds = list(dict.fromkeys((row.parameters, row.interaction) for row in rows))
    places = list(dict.fromkeys((row.arm, row.readout) for row in rows))
    by = {(row.arm, row.readout, row.parameters, row.interaction): row for row in rows}
    table = Table(title=f"{rows[0].study}: both drugs against the better one", title_justify="left")
    add_columns(table, "arm", "read-out", *(f">{kind}, psi {'free' if free else '0'}" for kind, free in kinds))
    for arm, readout in places:
        cells = [by[arm, readout, *kind] for kind in kinds]
        table.add_row(
            arm, readout, *(f"{c.by_a_tenth:.2f} {c.advantage[0]:+.2f} {c.seen:.2f} {c.significant:.2f}" for c in cells)
        )
    out.print(table)
    out.print(
        "In each cell: probability that both are truly better by a tenth of one animal's SD; median advantage in SDs; "
        f"probability that an experiment of {rows[0].n} a group finds the mean better than either (a third if nothing "
        f"differs); and significantly so. {rows[0].sets} parameter sets. psi is the interaction of hazards: 0, or "
        "drawn from -1 to 1.",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    out.print(MARK, style="bold")
