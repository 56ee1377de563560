"""What the search for a number of patients shows in the terminal."""

from __future__ import annotations

from rich.console import Console

from senospine.report.tables import new_table
from senospine.report.trial.rows import spelled
from senospine.report.trial.told import measured
from senospine.runs import NOTICE
from senospine.stats.performance import Measure, SampleSize
from senospine.trial import Design


def print_search(console: Console, design: Design, found: SampleSize) -> None:
    """Print the number of patients a search found, and every size it tried."""
    first = design.hypotheses[0]
    numbers = found.table.to_numpy(float)
    tried = {int(row[0]): Measure(float(row[1]), float(row[2]), int(row[3])) for row in numbers}
    reached = tried[found.size]
    words = (
        f"{found.size:,} patients reach a power of {100 * found.target:g} %: {design.name} succeeds in "
        f"{measured(reached, percent=True)} of "
        f"{reached.n:,} trials ({spelled(first.name)}, in the direction of benefit)."
    )
    console.print(f"\n{words}\n", markup=False, highlight=False)
    table = new_table("Sizes that were tried")
    table.add_column("patients", justify="right")
    table.add_column("chance of success", justify="right")
    for size, item in tried.items():
        table.add_row(f"{size:,}", measured(item, percent=True))
    console.print(table)
    steps = f"Sizes in steps of a block ({design.file.block}); ± is the Monte-Carlo standard error."
    console.print(steps, style="dim", highlight=False)
    console.print(f"\n{NOTICE}", style="dim", highlight=False)
