"""The population beside what is published: a table for the terminal, and a picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from senospine.report.drawing import drawing
from senospine.report.svg import BLUE, GREEN, GREY, INK, MARK, ORANGE, PURPLE, SKY, VERMILION, number
from senospine.trial import PatientBank, coverage_table, population_table

_RATIOS = {
    "odds_ratio": "odds ratio: ", "odds_ratio_at_one_age": "odds ratio at one age: ", "ratio": "ratio: ",
    "odds_ratio_per_year": "odds ratio a year: ", "odds_ratio_per_decade": "odds ratio a decade: ",
}  # fmt: skip
_STYLES = {"set": "blue", "agrees": "green", "between": "yellow", "misses": "red"}
_COLOURS = {"set": BLUE, "agrees": GREEN, "between": ORANGE, "misses": VERMILION}
_UNITS = {"share": " %", "mean": " of 10"}
_GENERATORS = (
    ("spinal_pain_points", "endplate and disc, reversible", VERMILION),
    ("persisting_pain_points", "begun by them, persisting", ORANGE),
    ("facet_pain_points", "facets", BLUE), ("muscle_pain_points", "muscle", SKY),
    ("central_pain_points", "no tissue", PURPLE),
)  # fmt: skip


def _names(row: Any) -> str:
    return f"{_RATIOS.get(row.statistic, '')}{row.figure}"


def _figures(row: Any) -> str:
    """Return what was published, as a value, an interval, or both."""
    unit = _UNITS.get(row.statistic, "")
    ends = f"{number(row.low, 3)} to {number(row.high, 3)}" if np.isfinite(row.high) else f"above {number(row.low, 3)}"
    if not np.isfinite(row.low) and np.isfinite(row.high):
        return f"below {number(row.high, 3)}{unit}"
    if not np.isfinite(row.low):
        return f"{number(row.published, 3)}{unit}"
    return f"{number(row.published, 3)}{unit} ({ends})" if np.isfinite(row.published) else f"{ends}{unit}"


def _short(source: str) -> str:
    """Return who published it, in a word or three."""
    return source.split(";")[0].split(" (")[0].removeprefix("European ")[:22].strip()


def print_population(console: Console, bank: PatientBank) -> None:
    """Print published figures beside the simulated, who was refused, and what the sample covers."""
    table = Table(box=box.SIMPLE, pad_edge=False, title="The population beside published figures", title_justify="left")
    for name in ("figure", "published", "sampled", "weighted", "draws 5-95 %", "", "source"):
        table.add_column(name, justify="left" if name in {"figure", "source", ""} else "right")
    rows = population_table(bank.baseline)
    row: Any
    for row in rows.itertuples():
        over = (
            f"{number(row.simulated_low, 3)}-{number(row.simulated_high, 3)}" if np.isfinite(row.simulated_low) else ""
        )
        verdict = f"[{_STYLES[row.verdict]}]{row.verdict}[/]"
        table.add_row(
            _names(row),
            _figures(row),
            number(row.sampled, 3),
            number(row.simulated, 3),
            over,
            verdict,
            _short(row.source),
        )
    console.print(table)
    looked_at = rows[rows["role"] == "validation"]["verdict"].value_counts()
    console.print(
        f"Of {int(looked_at.sum())} figures that set no weight {looked_at.get('agrees', 0)} agree, "
        f"{looked_at.get('between', 0)} lie between two sources that disagree, {looked_at.get('misses', 0)} miss; "
        f"weights were made from {int((rows['role'] == 'calibration').sum())}.",
        highlight=False,
    )  # fmt: skip
    made = bank.made_by
    if "refused" in made:
        refused = ", ".join(
            f"{name} {count}" for name, count in made["refused"].items() if count and name != "any of them"
        )
        console.print(f"sampled {made['sampled']}, refused as implausible {made['refused']['any of them']}"
                      f"{f' (by {refused})' if refused else ''}", highlight=False)  # fmt: skip
        sizes = np.array(made["effective"])
        console.print(
            f"effective size {sizes.mean():.0f} a draw ({sizes.min():.0f} to {sizes.max():.0f}), "
            f"{len(sizes)} draws of {len(bank.baseline) / len(sizes):.0f} people",
            highlight=False,
        )
    cells = coverage_table(bank.baseline)
    thin = cells[~cells["covered"] & (cells["share"] > 0)]
    held = cells[cells["covered"]]["share"].sum()
    console.print(
        f"covered: {int(cells['covered'].sum())} of {len(cells)} cells of age, pain, endplate defect and Modic change "
        f"have at least 5 effective people; they hold {held:.1f} % of the population; "
        f"{len(thin)} are thin, {int((cells['people'] == 0).sum())} empty", highlight=False,
    )  # fmt: skip
    console.print(f"\n{MARK}", style="dim", highlight=False)


def draw_population(bank: PatientBank, path: str | Path) -> Path:
    """Draw shares, odds ratios, sources of pain by age, and coverage; return the path.

    Raises
    ------
    FileError
        The picture cannot be written.
    """
    rows = population_table(bank.baseline)
    shown = rows[~rows["name"].str.startswith("age_")]
    with drawing(path, 13, 9.5) as figure:
        shares, right = figure.subfigures(1, 2, width_ratios=[1.1, 1])
        _shares(shares.subplots(), shown[shown["statistic"] == "share"])
        ratios, sources, cover = right.subplots(3, 1, height_ratios=[1, 1.15, 1.15])
        _ratios(ratios, shown[shown["statistic"].isin(_RATIOS)])
        _sources(sources, bank.baseline)
        _coverage(figure, cover, coverage_table(bank.baseline))
    return Path(path)


def _points(axis: Any, rows: pd.DataFrame) -> None:
    """Draw each figure on its own line: grey the published, coloured the simulated."""
    row: Any
    for place, row in enumerate(rows.itertuples()):
        y = len(rows) - 1 - place
        if np.isfinite(row.low) or np.isfinite(row.high):
            low = row.low if np.isfinite(row.low) else row.high / 3
            high = row.high if np.isfinite(row.high) else 3 * row.low
            axis.plot([low, high], [y, y], color=GREY, lw=5, alpha=0.45, solid_capstyle="butt")
        if np.isfinite(row.published):
            axis.plot(row.published, y, "|", color=INK, ms=11, mew=1.6)
        colour = _COLOURS[row.verdict]
        if np.isfinite(row.simulated_low):
            axis.plot([row.simulated_low, row.simulated_high], [y, y], color=colour, lw=1)
        axis.plot(row.simulated, y, "o", color=colour, ms=4.5)
    axis.set_yticks(range(len(rows)), [_marked(row) for row in rows.itertuples()][::-1], fontsize=7, linespacing=1.0)
    axis.set_ylim(-0.7, len(rows) - 0.3)


def _marked(row: Any) -> str:
    """Return a figure with who published it: sources that disagree stand on lines of their own."""
    each = {
        "odds_ratio_per_year": ", a year",
        "odds_ratio_per_decade": ", a decade",
        "odds_ratio_at_one_age": ", at one age",
    }.get(row.statistic, "")
    return fill(f"{row.figure}{each} ({_short(row.source)})", 34)


def _shares(axis: Any, rows: pd.DataFrame) -> None:
    _points(axis, rows)
    axis.set_xlim(0, 100)
    axis.set_xlabel("% of people")
    axis.set_title(
        "shares: published (grey, bar) and simulated (dot)\nblue: weighted to; green agrees; orange between; red misses"
    )


def _ratios(axis: Any, rows: pd.DataFrame) -> None:
    _points(axis, rows)
    axis.set_xscale("log")
    axis.set_xlim(0.35, 25)
    axis.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axis.set_xticks([], minor=True)
    axis.set_title("ratios (of odds, or of shares)")


def _sources(axis: Any, people: pd.DataFrame) -> None:
    """Draw where the pain of those as painful as patients comes from, by age."""
    bands = np.arange(20, 91, 10)
    patients = people[people["pain"] >= 4]
    middle, levels = [], []
    for low, high in pairwise(bands):
        group = patients[(patients["age"] >= low) & (patients["age"] < high)]
        if group["weight"].sum() > 0:
            middle.append((low + high) / 2)
            weight = group["weight"].to_numpy() / group["weight"].sum()
            levels.append([float(weight @ group[name]) for name, _, _ in _GENERATORS])
    bottom = np.zeros(len(middle))
    for (_, label, colour), values in zip(_GENERATORS, np.array(levels).T, strict=True):
        axis.bar(middle, values, 8.5, bottom=bottom, color=colour, label=label)
        bottom = bottom + values
    axis.set_ylabel("points, one on another")
    axis.set_xlabel("age [years]")
    axis.set_title("sources of pain, 4 points or more")
    axis.set_ylim(0, 1.35 * float(bottom.max(initial=1.0)))
    axis.legend(frameon=False, fontsize=7, loc="upper left", ncols=2)


def _coverage(figure: Any, axis: Any, cells: pd.DataFrame) -> None:
    """Draw effective people of each cell."""
    from matplotlib.colors import LogNorm

    ages = list(dict.fromkeys(cells["age"]))
    names = list(dict.fromkeys(zip(cells["lasting_pain"], cells["endplate_defect"], cells["modic"], strict=True)))
    grid = np.maximum(cells["effective"].to_numpy().reshape(len(ages), len(names)).T, 0.1)
    image = axis.imshow(grid, norm=LogNorm(1, max(float(grid.max()), 10)), cmap="cividis", aspect="auto")
    axis.set_xticks(range(len(ages)), ages, fontsize=7)
    words = [f"{pain}{', defect' if defect else ''}{', Modic' if modic else ''}" for pain, defect, modic in names]
    axis.set_yticks(range(len(names)), words, fontsize=7)
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            if value < 5:
                axis.text(
                    x, y, "thin" if value >= 0.5 else "none", ha="center", va="center", color="white", fontsize=6.5
                )
    axis.set_title("coverage: effective people by age")
    figure.colorbar(image, ax=axis, pad=0.02, aspect=15)
