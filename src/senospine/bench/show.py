"""What a person sees of a benchmark: a table for each model, and one picture."""

from __future__ import annotations

import statistics
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from senospine.bench.contestant import AGAIN, OURS
from senospine.bench.results import Benchmark, ModelResult, Row

OURSELVES = {OURS, AGAIN}


def print_benchmark(console: Console, benchmark: Benchmark) -> None:
    """Print the tables, the machine, and what fresh processes pay."""
    for result in benchmark.models:
        console.print()
        console.print(_table(result))
        console.print(_settings(result), style="dim", highlight=False, markup=False)
        console.print(_below(result), style="dim", highlight=False)
    machine = benchmark.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    console.print(
        f"\n{machine['processor']} ({machine['processor_class']}), {machine['cores']} cores, "
        f"{', '.join(machine['vector_units'])}; {machine['system']}; {versions}; {machine['date']}\n"
        f"Everyone at the fastest setting with a worst error of at most {benchmark.target:g}; {benchmark.rounds} "
        "interleaved rounds, medians; one pinned core.\n"
        "ours ×: how many times faster ours is, within rounds, by the clock; CPU ×: the same by processor time, which "
        "other jobs on the machine disturb less.",
        style="dim",
        highlight=False,
    )


def _table(result: ModelResult) -> Table:
    title = f"{result.model}: {result.states} states, {result.doses} moments of doses or switches"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("solver", no_wrap=True)
    for name in ("rtol", "error", "subjects/s", "from – to", "per CPU s", "ours ×", "CPU ×", "load s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(*_cells(row), style="bold" if row.solver in OURSELVES else None)
    return table


def _cells(row: Row) -> list[str]:
    if row.rate is None or row.cpu_rate is None:
        return [f"{row.label}: {row.status}", *[""] * 8]
    return [
        row.label,
        f"{row.rtol:g}",
        f"{row.worst_error:.1e}",
        _number(row.rate),
        f"{_number(min(row.rates))} – {_number(max(row.rates))}",
        _number(row.cpu_rate),
        "" if row.solver == OURS else f"{row.times_faster:.1f}×",
        "" if row.solver == OURS else f"{row.times_faster_cpu:.1f}×",
        f"{row.load_seconds:.2f}",
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _settings(result: ModelResult) -> str:
    """Return how each solver was run, or why it was not."""
    return "\n".join(f"  {row.label} {row.version}: {row.setting or row.words}{_lost(row)}" for row in result.rows)


def _lost(row: Row) -> str:
    return f"; {row.subjects_failed} subjects failed" if row.subjects_failed else ""


def _below(result: ModelResult) -> str:
    words = [
        f"errors on {result.checked} subjects",
        f"two threads: {statistics.median(result.threads_speedup):.2f}×, with the doses read before "
        f"{statistics.median(result.threads_speedup_again):.2f}×",
    ]
    if result.cross_check is not None:
        words.append(f"truth against SciPy: {result.cross_check:.0e}")
    for kind, run in result.fresh.items():
        words.append(f"build {kind}: {1000 * run['build']:.0f} ms")
    imported = statistics.median(run["import"] for run in result.fresh.values())
    return "; ".join([*words, f"import senospine: {1000 * imported:.0f} ms"])


def draw_benchmark(benchmark: Benchmark, path: Path) -> None:
    """Write a picture, PNG or SVG by the name's ending: subjects a second and core, on a logarithmic scale."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    count = len(benchmark.models)
    height = 1.1 + sum(0.34 * len(_shown(result)) + 0.55 for result in benchmark.models)
    figure = Figure(figsize=(8, height), layout="constrained")
    ratios = [len(_shown(result)) + 0.6 for result in benchmark.models]
    axes = figure.subplots(count, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios})[:, 0]
    for axis, result in zip(axes, benchmark.models, strict=True):
        rows = _shown(result)[::-1]
        for place, row in enumerate(rows):
            colour = "#b3392f" if row.solver in OURSELVES else "#51646f"
            axis.plot([min(row.rates), max(row.rates)], [place, place], color=colour, linewidth=5, alpha=0.35)
            axis.plot([row.rate], [place], "o", color=colour, markersize=7)
            text = {"textcoords": "offset points", "va": "center", "fontsize": 8}
            axis.annotate(_number(row.rate or 0.0), (max(row.rates), place), (8, 0), **text)
        axis.set_yticks(range(len(rows)), [row.label for row in rows])
        axis.grid(axis="x", which="major", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.set_xscale("log")
        axis.set_title(f"{result.model}, {result.states} states", loc="left", fontsize=10)
        axis.margins(x=0.1, y=0.2)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[-1].set_xlabel(
        f"virtual subjects per second on one core (worst error ≤ {benchmark.target:g}; median and range of rounds)"
    )
    machine = benchmark.machine
    figure.suptitle(
        f"{machine['processor']}, {machine['processor_class']}, {machine['date']}", fontsize=8, color="#555555"
    )
    with mpl.rc_context({"svg.hashsalt": "senospine"}):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)


def _shown(result: ModelResult) -> list[Row]:
    return [row for row in result.rows if row.rate is not None]
