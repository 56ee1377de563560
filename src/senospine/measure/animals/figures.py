"""Superplots (parts faint, animals solid) and estimation plots (groups, and how far apart they are)."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill as wrapped
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.measure.animals.summarise import summarise, with_variants
from senospine.measure.reading import definition
from senospine.randomness import stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

#: Okabe and Ito (2008), told apart by every kind of colour vision
COLOURS = ("#767676", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK, _RESAMPLES = "#1b1b1b", 2000


def superplot(readings: pd.DataFrame, unit: str = "animal") -> Figure:
    """Return one panel for each definition, variant and session: every reading faint, every animal solid.

    Lord and others 2020, doi 10.1083/jcb.202001064. Values beyond a limit stand at the limit, as open triangles.

    Parameters
    ----------
    readings : DataFrame
        As :func:`senospine.measure.readings_table` makes it.
    unit : {'animal', 'cage'}
    """
    animals = summarise(readings, unit)
    parts = with_variants(readings)
    return _panels(animals, lambda axes, mine, key: _dots(axes, mine, parts_of(parts, key)))


def estimation_plot(animals: pd.DataFrame, control: str | None = None) -> Figure:
    """Return one panel for each definition, variant and session: animals, and each group's distance from the control.

    The distance of means has its bootstrap distribution and interval of 95 % beside it, on the same scale (Ho and
    others 2019, doi 10.1038/s41592-019-0470-3).

    Parameters
    ----------
    animals : DataFrame
        As :func:`summarise` returns it.
    control : str, optional
        The first group by default.
    """
    return _panels(animals, lambda axes, mine, key: _estimate(axes, mine, control))


def parts_of(parts: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    """Return the readings of one panel."""
    identity, variant, session = key
    return parts[(parts["definition"] == identity) & (parts["variant"] == variant) & (parts["session"] == session)]


def _panels(animals: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame, tuple[str, str, str]], None]) -> Figure:
    from matplotlib.figure import Figure

    tested = np.array([definition(str(identity)).tested for identity in animals["definition"]], dtype=bool)
    known = animals[np.isfinite(animals["value"].astype(float)) & tested]
    keys = list(dict.fromkeys(zip(known["definition"], known["variant"], known["session"], strict=True)))
    columns = min(4, max(len(keys), 1))
    lines = -(-max(len(keys), 1) // columns)
    figure = Figure(figsize=(3.0 * columns, 2.9 * lines), layout="constrained")
    for index, key in enumerate(keys):
        axes = figure.add_subplot(lines, columns, index + 1)
        mine = known[(known[["definition", "variant", "session"]] == list(key)).all(axis=1)]
        draw(axes, mine, key)
        item = definition(key[0])
        title = wrapped(", ".join(word for word in (item.label, key[1]) if word), 38)
        axes.set_title("\n".join([title, key[2]]).strip(), fontsize=9)
        axes.set_ylabel(item.unit if item.unit != "1" else "share", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _dots(axes: Axes, mine: pd.DataFrame, parts: pd.DataFrame) -> None:
    groups = list(dict.fromkeys(mine["group"]))
    for index, group in enumerate(groups):
        faint = parts[parts["group"] == group]["value"].to_numpy(dtype=float)
        here = mine[mine["group"] == group]
        if len(faint) > len(here):
            axes.scatter(index + _spread(len(faint), 0.3), faint, s=5, color=_colour(index), alpha=0.25, linewidths=0)
        _animals(axes, here, float(index), _colour(index), 0.16)
    _axis(axes, groups)


def _animals(axes: Axes, here: pd.DataFrame, x: float, colour: str, width: float) -> None:
    values = here["value"].to_numpy(dtype=float)
    places = x + _spread(len(values), width)
    above, below = (np.isinf(here[name].to_numpy(dtype=float)) for name in ("high", "low"))
    for chosen, mark, fill in ((~above & ~below, "o", colour), (above, "^", "none"), (below & ~above, "v", "none")):
        axes.scatter(places[chosen], values[chosen], s=26, marker=mark, facecolor=fill, edgecolor=colour, zorder=3)
    axes.plot([x - 0.25, x + 0.25], [values.mean()] * 2, color=_INK, linewidth=1.4, zorder=4)


def _estimate(axes: Axes, mine: pd.DataFrame, control: str | None) -> None:
    groups = list(dict.fromkeys(mine["group"]))
    first = str(control if control in groups else groups[0])
    groups = [first, *(group for group in groups if group != first)]
    base = mine[mine["group"] == first]["value"].to_numpy(dtype=float)
    _animals(axes, mine[mine["group"] == first], 0.0, _colour(0), 0.12)
    places: list[tuple[float, str]] = [(0.0, first)]
    axes.axhline(base.mean(), color="#9a9a9a", linewidth=0.7, zorder=1)
    for index, group in enumerate(groups[1:], 1):
        here = mine[mine["group"] == group]
        values, x = here["value"].to_numpy(dtype=float), 1.6 * index
        _animals(axes, here, x, _colour(index), 0.12)
        places.append((x, group))
        if min(len(values), len(base)) < 2:
            continue
        generator = stream(1, "measure/estimation-plot", index)
        drawn = np.array([group[generator.integers(len(group), size=(_RESAMPLES, len(group)))].mean(axis=1)
                          for group in (values, base)])  # fmt: skip
        moved = drawn[0] - drawn[1] + base.mean()
        low, high = np.quantile(moved, [0.025, 0.975])
        if np.ptp(moved) > 0:
            drawn_body: Any = axes.violinplot(moved, [x + 0.75], widths=0.5, showextrema=False, side="high")["bodies"]
            drawn_body[0].set(facecolor=_colour(index), alpha=0.25)
        axes.plot([x + 0.75] * 2, [low, high], color=_INK, linewidth=1.4)
        axes.plot(x + 0.75, values.mean(), "o", color=_INK, markersize=4)
    axes.set_xticks([place for place, _ in places], [name for _, name in places], rotation=20, ha="right", fontsize=8)


def _axis(axes: Axes, groups: list[Any]) -> None:
    axes.set_xticks(range(len(groups)), groups, rotation=20, ha="right", fontsize=8)
    axes.set_xlim(-0.6, len(groups) - 0.4)


def _spread(count: int, width: float) -> Array:
    """Return places side by side that neither hide each other nor change from run to run."""
    return np.asarray((np.arange(count) * 0.618034 % 1 - 0.5) * 2 * width * (count > 1))


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]
