"""Comparisons with what is open about them: by animals, by parameters, by assumptions, and what to measure first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from senospine.evidence import Doubt
from senospine.report.tables import new_table
from senospine.study import Outcome, effect_worlds


def comparison_dicts(outcome: Outcome) -> list[dict[str, Any]]:
    """Return each comparison of a study's read-outs under draws of the parameters; empty without draws.

    Of a ratio its median world and the central 90 % of worlds, and in the same way of one world's animals.
    """
    found = []
    groups = outcome.study.groups
    for one, other in outcome.study.compare if outcome.worlds > 1 else ():
        for item in outcome.study.readouts:
            split = effect_worlds(outcome, item, groups[one], groups[other])
            assert split is not None  # there are worlds
            scale, worlds = split
            parts = {"effect": worlds.mean_median, "low": worlds.mean_low, "high": worlds.mean_high,
                     "animals_low": worlds.low, "animals_high": worlds.high}  # fmt: skip
            told = {name: float(np.exp(part) if scale == "ratio" else part) for name, part in parts.items()}
            known = np.isfinite(worlds.mean)
            found.append({"arm": one, "versus": other, "readout": item.name, "scale": scale,
                          **{name: value if known else None for name, value in told.items()}})  # fmt: skip
    return found


def print_comparisons(console: Console, outcome: Outcome, doubts: Sequence[Doubt] | None) -> None:
    """Print each comparison with both intervals; with its doubts also what they rest on."""
    rows = comparison_dicts(outcome)
    if not rows:
        if doubts is not None:
            console.print("what comparisons rest on is told from draws of the parameters: --parameters posterior")
        return
    by_key = {(item.arm, item.versus, item.readout): item for item in doubts or ()}
    for pair in dict.fromkeys((row["arm"], row["versus"]) for row in rows):
        table = new_table(" against ".join(pair))
        table.add_column("read-out", no_wrap=True)
        table.add_column("effect (animals) [parameters]", justify="right", no_wrap=True)
        if doubts is not None:
            table.add_column("assumed", justify="right", no_wrap=True, min_width=8)
            table.add_column("measure first", no_wrap=True)
        for row in rows:
            if (row["arm"], row["versus"]) == pair:
                item = by_key.get((*pair, row["readout"]))
                cells = [assumed_words(item), worth_words(item, 1)] if item else [""] * (2 * (doubts is not None))
                table.add_row(row["readout"], escape(effect_words(row)), *cells)
        console.print(table)
    words = "effect: × ratio of means, or difference, in the median world; (5 to 95 % of one world's animals) [5 to 95 % of worlds]"
    if doubts:
        words += (
            ".\nassumed: share of the variance over worlds that goes where parameters without a source are held at "
            "their medians, ± standard error.\nmeasure first: the parameter that would take most of that variance away, "
            "were it known, and how much; *: it is an assumption now"
        )
        lost = max(item.lost for item in doubts)
        words += f".\n{lost} of {lost + doubts[0].worlds} worlds are left out: they could not be solved" if lost else ""
    console.print(words, style="dim", markup=False, highlight=False)
    for pair in dict.fromkeys((item.arm, item.versus) for item in doubts or ()):
        mine = [item for item in doubts or () if (item.arm, item.versus) == pair]
        ranked = ", ".join(f"{name} {100 * share:.0f} %" for name, share in measure_first(mine)[:5])
        console.print(
            f"{' against '.join(pair)}, over its {len(mine)} read-outs, measure first: {ranked or 'none stands out'}",
            highlight=False, markup=False,
        )  # fmt: skip


def measure_first(doubts: Sequence[Doubt]) -> list[tuple[str, float]]:
    """Return parameters by the variance they would take away, the mean over conclusions; of each its five largest."""
    whole: dict[str, float] = {}
    for item in doubts:
        for row in item.worth:
            name = f"{row.parameter}{'*' if row.assumed else ''}"
            whole[name] = whole.get(name, 0.0) + row.share / len(doubts)
    return sorted(whole.items(), key=lambda pair: -pair[1])


def effect_words(row: dict[str, Any]) -> str:
    """Return an effect with its two intervals."""
    if row["effect"] is None:
        return "-"
    sign = "× " if row["scale"] == "ratio" else ""
    animals = f"({row['animals_low']:.2g} to {row['animals_high']:.2g})"
    return f"{sign}{row['effect']:.3g} {animals} [{row['low']:.2g} to {row['high']:.2g}]"


def assumed_words(item: Doubt) -> str:
    """Return the share of a conclusion's variance that rests on assumptions, with its error."""
    return f"{100 * item.assumed:.0f} ± {100 * item.assumed_error:.0f} %" if np.isfinite(item.assumed) else "-"


def worth_words(item: Doubt, most: int = 2) -> str:
    """Return the measurements that would take most variance away."""
    found = [f"{row.parameter}{'*' if row.assumed else ''} {100 * row.share:.0f} %" for row in item.worth[:most]]
    return ", ".join(found) or "none stands out"
