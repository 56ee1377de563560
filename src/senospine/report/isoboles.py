"""A response surface as a picture: the effect with its isoboles, and what lies above Bliss, pair by pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from senospine.combination import Combination
from senospine.errors import FileError
from senospine.report.svg import (
    BLUE,
    FONT,
    INK,
    QUIET,
    VERMILION,
    figure,
    line,
    number,
    points,
    text,
    write_text,
)
from senospine.stats.surfaces import Tabulated

Array = NDArray[np.float64]

SIDE, LEFT, TOP, GAP = 330.0, 74.0, 92.0, 128.0
WIDTH, HEIGHT = LEFT + 2 * SIDE + GAP + 92.0, TOP + SIDE + 128.0
_FINE = 33


def write_isoboles(result: Combination, path: str | Path) -> Path:
    """Write the picture of a surface as SVG and return its path.

    Raises
    ------
    FileError
        Another ending, or a place that cannot be written.
    """
    if Path(path).suffix.lower() != ".svg":
        raise FileError("the surface is written as .svg", where=str(path), remedy="choose a name that ends in .svg")
    return write_text(path, isoboles_svg(result) + "\n")


def isoboles_svg(result: Combination) -> str:
    """Return the picture of a surface: left the effect and its isoboles, right the excess over Bliss."""
    design = result.design
    drawn = [_style(), *_heads(result), *_effect(result), *_excess(result)]
    both = " and ".join(design.drugs)
    svg = figure(WIDTH, HEIGHT, drawn, f"{both}, {design.readout.label}: effect with isoboles, and excess over Bliss")
    return svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONT}" ', 1)


def _style() -> str:
    return (
        "<style>.title{font-weight:700;font-size:13px;fill:#1b1b1b}.unit{font-size:11px;fill:#6a6a6a}"
        ".tick{font-size:10px;fill:#444}.found{font-size:10px;fill:#1b1b1b}"
        ".mark{font-size:10px;font-weight:700;fill:#8a3b00}</style>"
    )


def _heads(result: Combination) -> list[str]:
    d = result.design
    sets = f"{result.kept} parameter sets ({result.candidates.kind})"
    inside = f"{d.animal.name}, {d.schedule}, read at {d.measure_at}; {sets}"
    free = "drawn with the interaction of hazards" if result.candidates.interaction.any() else "hazards add"
    return [
        text(LEFT, 22, f"{d.drugs[0]} and {d.drugs[1]} on {d.readout.label}: {free}", "title"),
        text(LEFT, 39, f"{inside}.", "unit"),
        text(LEFT, 54, f"Fraction affected: {result.scale}.", "unit"),
        text(LEFT, TOP - 12, "Fraction affected, and isoboles (dashed: Loewe)", "title"),
        text(LEFT + SIDE + GAP, TOP - 12, "Excess over Bliss, points: median and central 90 % of sets", "title"),
    ]


def _axes(result: Combination, left: float, places: Array, doses: tuple[Array, Array]) -> list[str]:
    """Return ticks at ``places`` (shares of the side), and what the axes are."""
    d, parts = result.design, []
    for at, a, b in zip(SIDE * places, *doses, strict=True):
        parts += [
            line(left + at, TOP + SIDE, left + at, TOP + SIDE + 4, QUIET),
            text(left + at, TOP + SIDE + 16, f"{a:g}", "tick", text_anchor="middle"),
            line(left - 4, TOP + SIDE - at, left, TOP + SIDE - at, QUIET),
            text(left - 7, TOP + SIDE - at + 3, f"{b:g}", "tick", text_anchor="end"),
        ]
    middle = TOP + SIDE / 2
    turned = f"rotate(-90 {left - 46:.1f} {middle:.1f})"
    return [
        *parts,
        text(left + SIDE / 2, TOP + SIDE + 34, f"{d.drugs[0]}, {d.units[0]}", "unit", text_anchor="middle"),
        text(left - 46, middle, f"{d.drugs[1]}, {d.units[1]}", "unit", text_anchor="middle", transform=turned),
    ]


def _effect(result: Combination) -> list[str]:
    middle = result.affected[result.middle]
    fine = _fine(middle)
    low, high = min(float(fine.min()), 0.0), max(float(fine.max()), 1e-9)
    step = SIDE / _FINE
    parts = [
        f'<rect x="{LEFT + i * step:.2f}" y="{TOP + SIDE - (j + 1) * step:.2f}" width="{step + 0.3:.2f}" '
        f'height="{step + 0.3:.2f}" fill="{_shade(BLUE, 0.85 * (fine[i, j] - low) / (high - low))}"/>'
        for i in range(_FINE)
        for j in range(_FINE)
    ]
    labelled: list[tuple[float, float]] = []
    for share in (0.2, 0.4, 0.6, 0.8):
        level = low + share * (high - low)
        parts += _straight(result, level)
        curve = _isobole(middle, level)
        if len(curve) > 1:
            parts.append(f'<polyline points="{points(curve)}" fill="none" stroke="{INK}" stroke-width="1.6"/>')
            x, y = min(curve, key=lambda at: abs((at[0] - LEFT) - (TOP + SIDE - at[1])))
            if all(abs(x - a) + abs(y - b) > 26 for a, b in labelled):
                labelled.append((x, y))
                halo = {"paint_order": "stroke", "stroke": "#fff", "stroke_width": "3", "text_anchor": "middle"}
                parts.append(text(x, y - 4, number(level), "found", **halo))
    frame = f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{QUIET}"/>'
    places = np.linspace(0, 1, len(middle))
    return [*parts, frame, *_axes(result, LEFT, places, (result.design.doses_a, result.design.doses_b))]


def _fine(grid: Array) -> Array:
    """Return a grid smoothly interpolated to the middles of small squares, shape (_FINE, _FINE)."""
    at = (np.arange(_FINE) + 0.5) / _FINE
    return _between(_between(grid, at).T, at).T


def _between(grid: Array, at: Array) -> Array:
    """Return the rows of a grid at places from 0 to 1, by monotone cubics."""
    return np.asarray(PchipInterpolator(np.linspace(0, 1, len(grid)), grid, axis=0)(at))


def _isobole(grid: Array, level: float) -> list[tuple[float, float]]:
    """Return where the surface has a level: for each dose of the first drug the dose of the second."""
    across, along = np.linspace(0, 1, 129), np.linspace(0, 1, 65)
    rows = _between(_between(grid, along).T, across).T
    return [
        (LEFT + SIDE * float(at), TOP + SIDE * (1 - float(np.interp(level, row, across))))
        for at, row in zip(along, rows, strict=True)
        if (np.diff(row) > 0).all() and row[0] <= level <= row[-1]
    ]


def _straight(result: Combination, level: float) -> list[str]:
    """Return Loewe's isobole: the straight line between the doses that do as much alone, cut at the frame."""
    tops = (result.design.doses_a[-1], result.design.doses_b[-1])
    doses = [float(Tabulated(x, y).dose(level)) / top for (x, y), top in zip(result.alone, tops, strict=True)]
    if not np.isfinite(doses).all():
        return []
    a, b = doses
    ends = [(x, b * (1 - x / a)) for x in (max(0.0, a * (1 - 1 / b)), min(1.0, a))]
    (x1, y1), (x2, y2) = ((LEFT + SIDE * x, TOP + SIDE * (1 - y)) for x, y in ends)
    return [line(x1, y1, x2, y2, INK, 1, 'stroke-dasharray="4 3"')] if x1 < x2 else []


def _excess(result: Combination) -> list[str]:
    left, own = LEFT + SIDE + GAP, 100 * result.bliss_excess
    low, middle, high = np.quantile(own, [0.05, 0.5, 0.95], axis=0)
    most = max(float(np.abs(middle).max()), 1e-9)
    rows, columns = middle.shape
    wide, tall, parts = SIDE / rows, SIDE / columns, []
    for i in range(rows):
        for j in range(columns):
            colour = _shade(BLUE if middle[i, j] > 0 else VERMILION, 0.6 * abs(middle[i, j]) / most)
            x, y = left + i * wide, TOP + SIDE - (j + 1) * tall
            about = f"{low[i, j]:.1f} to {high[i, j]:.1f}".replace("-", "−")
            parts += [
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{colour}" stroke="#fff"/>',
                text(
                    x + wide / 2, y + tall / 2, f"{middle[i, j]:.1f}".replace("-", "−"), "found", text_anchor="middle"
                ),
                text(x + wide / 2, y + tall / 2 + 12, about, "tick", text_anchor="middle"),
            ]
    places = (np.arange(rows) + 0.5) / rows
    ink = [text(LEFT, HEIGHT - 70 + 15 * k, words, "unit") for k, words in enumerate(_wrapped(result.sentence, 150))]
    return [*parts, *_axes(result, left, places, (result.design.doses_a[1:], result.design.doses_b[1:])), *ink]


def _wrapped(words: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(words, width)[:3]


def _shade(colour: str, share: float) -> str:
    """Return a colour mixed with white."""
    part = min(max(float(share), 0.0), 1.0)
    mixed = (round(255 - part * (255 - int(colour[i : i + 2], 16))) for i in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)
