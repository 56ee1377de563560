"""What a person sees of the comparison of senescence cores: a table for each reading, and one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from senospine.calibration import READINGS, CoreComparison, CoreFit
from senospine.report.drawing import write_figure
from senospine.report.tables import add_columns


def print_cores(console: Console, comparisons: Sequence[CoreComparison]) -> None:
    """Print one table a reading, and what it says."""
    for comparison in comparisons:
        console.print()
        console.print(_table(comparison))
    console.print(
        "Predictions: mean ± SD over each core's ranges and a stain background of 0-3 kappa, weighted by the "
        "likelihood. log L: best fit, with and without that background. Evidence: log of the likelihood averaged over "
        "the ranges. Fails: data the best fit misses by more than 1.96 SD. The spread of the rise (0.2 natural-log "
        "units) is an assumption; critical ages are held to 468-874 d, what survival allows, in all "
        "cores but 'shifted'.",
        style="dim", highlight=False, markup=False,
    )  # fmt: skip


def _table(comparison: CoreComparison) -> Table:
    table = Table(
        title=f"reading '{comparison.reading}': {READINGS[comparison.reading]}",
        title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    data = (f">{item.label}\n{_measured(item.value, item.spread, item.scale)}" for item in comparison.data)
    add_columns(table, "core", *data)
    add_columns(table, ">log L", ">log L,\nno backgr.", ">evidence", no_wrap=True)
    add_columns(table, "fails without\nbackground")
    for fit in comparison.fits:
        table.add_row(*_cells(comparison, fit))
    return table


def _measured(value: float, spread: float, scale: str) -> str:
    return f"{value:g} ×/÷ {2.718281828459045**spread:.2f}" if scale == "log" else f"{value:g} ± {spread:g}"


def _cells(comparison: CoreComparison, fit: CoreFit) -> list[str]:
    labels: Mapping[str, str] = {datum.quantity: datum.label for datum in comparison.data}
    fails = ", ".join(labels[name] for name in fit.fails_without) or "nothing"
    if fit.fails:
        fails += "; with it " + ", ".join(labels[name] for name in fit.fails)
    return [
        fit.core.name,
        *(f"{fit.mean[name]:.3g} ± {fit.sd[name]:.2g}" for name in labels),
        f"{fit.log_likelihood:.2f}",
        f"{fit.log_likelihood_without:.2f}",
        f"{fit.log_evidence:.2f}",
        fails,
    ]


def draw_cores(comparisons: Sequence[CoreComparison], path: str | Path) -> Path:
    """Draw predicted against measured, one row of panels a reading, to ``path`` (.svg or .png); return the path.

    Raises
    ------
    FileError
        The picture cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "senospine", "font.size": 9, "axes.spines.top": False,
                         "axes.spines.right": False}):  # fmt: skip
        data = comparisons[0].data
        figure = Figure(figsize=(9.6, 2.5 * len(comparisons) + 0.5), layout="constrained")
        axes = figure.subplots(len(comparisons), len(data), squeeze=False, sharey="row")
        for row, comparison in zip(axes, comparisons, strict=True):
            for axis, datum in zip(row, data, strict=True):
                low, high = datum.value - datum.spread, datum.value + datum.spread
                if datum.scale == "log":
                    low, high = (
                        datum.value * 2.718281828459045**-datum.spread,
                        datum.value * 2.718281828459045**datum.spread,
                    )
                axis.axvspan(low, high, color="#B97A00", alpha=0.18, lw=0)
                axis.axvline(datum.value, color="#B97A00", lw=1.2)
                for place, fit in enumerate(reversed(comparison.fits)):
                    name = datum.quantity
                    axis.errorbar(fit.mean[name], place, xerr=fit.sd[name], fmt="o", color="#1b4f72", ms=4, lw=1.4)
                    axis.plot(fit.at_best_without[name], place, "x", color="#A6518A", ms=5)
                axis.set_yticks(range(len(comparison.fits)), [fit.core.name for fit in reversed(comparison.fits)])
                axis.set_xlabel(f"{datum.label} [{datum.unit}]")
                axis.set_xscale("log")
            row[0].set_title(f"reading '{comparison.reading}'", loc="left", fontsize=9, fontweight="bold")
        figure.supxlabel(
            "band: measured ± SD   ● mean ± SD with a stain background   × best fit without one   (synthetic)",
            fontsize=8,
        )
        return write_figure(figure, path)
