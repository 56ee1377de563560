"""Measured animals beside simulated ones: the same read-out, the same n, repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.assays import readout
from senospine.errors import MeasureError, suggest
from senospine.measure.animals.conversions import as_readouts, one_definition_each
from senospine.measure.animals.figures import COLOURS
from senospine.randomness import stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from senospine.study import Outcome

Array = NDArray[np.float64]

REPEATS = 1000


def beside_simulated(
    animals: pd.DataFrame, outcome: Outcome, arms: Mapping[str, str] | None = None, *, control: str | None = None
) -> tuple[pd.DataFrame, dict[tuple[str, str], Array]]:
    """Set measured groups beside the arms of a simulated study.

    Parameters
    ----------
    animals : DataFrame
        As :func:`summarise` returns it, with one session of each read-out.
    outcome : Outcome
        A study that was run.
    arms : mapping of str to str, optional
        Measured group to arm; by default groups and arms of one name.
    control : str, optional
        Measured group that folds are taken of.

    Returns
    -------
    table : DataFrame
        For each read-out and group: ``n``, measured mean and SD; of the simulated animals, measured with the assay's
        noise, the median and the central 90 %; of the means of ``n`` simulated animals the central 90 % and how many of
        the 1,000 lie below the measured mean (``percentile``).
    simulated : dict of (readout, group) to ndarray
        Every simulated animal, measured once.

    Raises
    ------
    MeasureError
        No group stands for an arm, no read-out is shared, or more than one session.
    """
    arms = _arms(animals, outcome, arms)
    measured = as_readouts(animals[animals["group"].isin(arms)], control)
    if measured.empty:
        raise MeasureError("no measured definition has a declared conversion to a read-out of the study",
                           remedy="see which are declared in docs/measure.md")  # fmt: skip
    one_definition_each(measured)
    _one_session_each(measured)
    rows: list[dict[str, Any]] = []
    simulated: dict[tuple[str, str], Array] = {}
    for name in dict.fromkeys(measured["readout"]):
        pools = _pools(outcome, str(name), arms, control)
        for group, pool in pools.items():
            values = measured[(measured["readout"] == name) & (measured["group"] == group)]["value"].to_numpy(
                dtype=float
            )
            values = values[np.isfinite(values)]
            if len(values):
                simulated[str(name), group] = pool
                rows.append(_row(str(name), group, arms[group], values, pool))
    return pd.DataFrame(rows), simulated


def _one_session_each(measured: pd.DataFrame) -> None:
    for name, found in measured.groupby("readout", sort=False)["session"].unique().items():
        if len(found) > 1:
            raise MeasureError(f"{len(found)} sessions of {name} were measured: {', '.join(found)}",
                               why="the study is measured once", remedy="choose one with --session")  # fmt: skip


def _arms(animals: pd.DataFrame, outcome: Outcome, arms: Mapping[str, str] | None) -> dict[str, str]:
    groups, known = list(dict.fromkeys(animals["group"])), [arm.name for arm in outcome.study.arms]
    if arms is None:
        arms = {group: group for group in groups if group in known}
    for group, arm in arms.items():
        if group not in groups:
            raise MeasureError(f"no measured group '{group}'", remedy=suggest(group, groups))
        if arm not in known:
            raise MeasureError(f"study '{outcome.study.name}' has no arm '{arm}'", remedy=suggest(arm, known))
    if not arms:
        raise MeasureError(
            f"no measured group has the name of an arm of '{outcome.study.name}'",
            why=f"groups: {', '.join(groups)}; arms: {', '.join(known)}",
            remedy="say which stands for which, as --arm GROUP=ARM",
        )  # fmt: skip
    return dict(arms)


def _pools(outcome: Outcome, name: str, arms: Mapping[str, str], control: str | None) -> dict[str, Array]:
    """Return every simulated animal of each group's arm, measured once with the assay's noise."""
    item = readout(name)
    pools = {}
    for group, arm in arms.items():
        expected = outcome.expected(item, outcome.study.arm(arm))
        expected = expected[np.isfinite(expected)]
        pools[group] = item.measure(expected, stream(outcome.seed, f"measure/beside/{name}/{arm}"))
    if item.as_fold:
        base = pools[control].mean() if control in pools else 1.0
        pools = {group: pool / base for group, pool in pools.items()}
    return pools


def _row(name: str, group: str, arm: str, values: Array, pool: Array) -> dict[str, Any]:
    generator = stream(1, f"measure/beside/means/{name}/{group}")
    means = pool[generator.integers(len(pool), size=(REPEATS, len(values)))].mean(axis=1)
    low, middle, high = np.quantile(pool, [0.05, 0.5, 0.95])
    mean_low, mean_high = np.quantile(means, [0.05, 0.95])
    below = float((means < values.mean()).mean() + 0.5 * (means == values.mean()).mean())
    return {
        "readout": name, "label": readout(name).label, "unit": readout(name).unit, "group": group, "arm": arm,
        "n": len(values), "measured_mean": float(values.mean()),
        "measured_sd": float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        "simulated_median": float(middle), "simulated_low": float(low), "simulated_high": float(high),
        "simulated_mean_low": float(mean_low), "simulated_mean_high": float(mean_high), "percentile": 100 * below,
    }  # fmt: skip


def beside_plot(animals: pd.DataFrame, table: pd.DataFrame, simulated: Mapping[tuple[str, str], Array],
                control: str | None = None) -> Figure:  # fmt: skip
    """Return one panel for each read-out: simulated animals as a faint cloud, measured ones as dots."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(table["readout"]))
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.0 * columns, 2.9 * lines + 0.3), layout="constrained")
    measured = as_readouts(animals[animals["group"].isin(set(table["group"]))], control)
    for index, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, index + 1)
        rows = table[table["readout"] == name]
        for place, group in enumerate(rows["group"]):
            pool = simulated[name, group]
            shown = pool[pool <= np.quantile(pool, 0.99)]
            drawn: Any = axes.violinplot(shown, [place], widths=0.75, showextrema=False)["bodies"]
            drawn[0].set(facecolor=COLOURS[place % len(COLOURS)], alpha=0.22)
            values = measured[(measured["readout"] == name) & (measured["group"] == group)]["value"].to_numpy(
                dtype=float
            )
            shift = (np.arange(len(values)) * 0.618034 % 1 - 0.5) * 0.24
            axes.scatter(place + shift, values, s=24, color=COLOURS[place % len(COLOURS)], zorder=3)
            axes.plot([place - 0.22, place + 0.22], [np.nanmean(values)] * 2, color="#1b1b1b", linewidth=1.4, zorder=4)
            axes.plot([place - 0.3, place + 0.3], [np.median(pool)] * 2, color="#1b1b1b", linewidth=0.8, linestyle=":")
        labels = [
            group if group == arm else f"{group}\n({arm})"
            for group, arm in zip(rows["group"], rows["arm"], strict=True)
        ]
        axes.set_xticks(range(len(rows)), labels, rotation=20, ha="right", fontsize=8)
        axes.set_title(readout(name).label, fontsize=9)
        axes.set_ylabel(readout(name).unit, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("dots: measured; clouds and dotted medians: SYNTHETIC DATA, simulated by senospine", fontsize=8)
    return figure
