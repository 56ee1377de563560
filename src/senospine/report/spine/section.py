"""One section, drawn: vertebra, bony and cartilage endplate and disc of the median animal, and gauges beneath."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.report.spine.ink import Commands, Drawn, Ink, Words, polygon, rectangle, ring, way
from senospine.report.spine.quantities import (
    ANNULUS,
    BONE,
    CARTILAGE,
    CELL,
    MARROW,
    NUCLEUS,
    QUANTITIES,
    WRONG_BONE,
    Quantity,
)
from senospine.report.spine.tissue import BONE_BEGIN, BONE_END, CARTILAGE_END, HEIGHT, WIDTH, Layer, Mark, layers, warp
from senospine.report.svg import BLUE, INK, PURPLE, QUIET, VERMILION, tick_text

Array = NDArray[np.float64]

#: gauges: first row, height of a row, left end and width of the track
GAUGE_TOP, GAUGE_ROW, TRACK_X, TRACK_W = HEIGHT + 14, 16.0, 124.0, 88.0
FOOT = GAUGE_TOP + GAUGE_ROW * len(QUANTITIES) + 14
_EDGE, _ILL = "#9c8a5c", "#5b2a4d"

#: fill, stroke, width of each layer
STYLES: dict[str, tuple[str, str, float]] = {
    "bone": (MARROW, "#d9b9a8", 0.8),
    "porosity": (MARROW, _EDGE, 1.0),
    "ossification": (WRONG_BONE, "#5e5136", 0.7),
    "matrix": (NUCLEUS, "#86aebd", 1.0),
    "disc_cells": (PURPLE, _ILL, 1.1),
    "vessels": ("none", VERMILION, 3.4),
    "fibres": ("none", BLUE, 1.5),
    "osteoclasts": (CELL, "#7a5200", 0.8),
    "senescent_osteoclasts": (PURPLE, _ILL, 1.5),
}


def section(values: Array) -> list[Drawn]:
    """Return the drawing of percentiles of shape (n_quantities, 3)."""
    by_name = {item.name: found for item, found in zip(QUANTITIES, values, strict=True)}
    parts = [*_background()]
    if not np.isfinite(values).all():
        return [*parts, Words(WIDTH / 2, 60, "no animal could be solved", 12, "middle", bold=True)]
    for layer in layers():
        low, middle, high = (drawn_value(layer, value) for value in by_name[layer.quantity])
        fill, stroke, width = STYLES[layer.quantity]
        parts.append(Ink(layer_path(layer, middle), fill, stroke, width, name=f"q-{layer.quantity}"))
        if layer.quantity in {"porosity", "ossification"}:
            parts.append(Ink(layer_path(layer, high), "none", INK, 0.7, (2, 1.6), name=f"high-{layer.quantity}"))
            parts.append(Ink(layer_path(layer, low), "none", INK, 0.5, name=f"low-{layer.quantity}"))
    return [*parts, *_frame(), *gauges(values)]


def drawn_value(layer: Layer, value: float) -> float:
    """Return what a layer is drawn for: the value, at most what there is room for, or what it leaves of 100 %."""
    item = next(item for item in QUANTITIES if item.name == layer.quantity)
    drawn = min(max(value, item.least), item.most)
    return 100 - drawn if layer.flip else drawn


def layer_path(layer: Layer, value: float) -> Commands:
    """Return all marks of a layer that are there at a value, as one path."""
    found: list[tuple[str, tuple[float, ...]]] = []
    for mark in layer.marks:
        share = mark.share(value)
        if share > 0.003:
            found += _cut(mark, share) if layer.kind == "line" else _scaled(mark, share)
    return tuple(found)


def _scaled(mark: Mark, share: float) -> list[tuple[str, tuple[float, ...]]]:
    """Return the mark with this share of its area."""
    place, size = np.array([mark.x, mark.y]), math.sqrt(share)
    return [step for index, points in enumerate(mark.rings) for step in ring(place + size * points, hole=index > 0)]


def _cut(mark: Mark, share: float) -> list[tuple[str, tuple[float, ...]]]:
    """Return this share of a line's length, from its beginning."""
    points = mark.rings[0]
    lengths = np.hypot(*np.diff(points, axis=0).T)
    left = share * lengths.sum()
    kept = [points[0]]
    for start, end, length in zip(points[:-1], points[1:], lengths, strict=True):
        kept.append(start + (end - start) * min(left / length, 1.0))
        left -= length
        if left <= 0:
            break
    return list(way(np.array(kept)))


def _strip(top: float, bottom: float) -> Commands:
    x = np.linspace(0, WIDTH, 17)
    upper = np.stack([x, np.full(17, top)], axis=1)
    lower = np.stack([x[::-1], np.full(17, bottom)], axis=1)
    return polygon(np.concatenate([warp(upper), warp(lower)]))


def _background() -> list[Ink]:
    bottom = np.array([[WIDTH, HEIGHT], [0.0, HEIGHT]])
    edge = warp(np.stack([np.linspace(0, WIDTH, 17), np.full(17, CARTILAGE_END)], axis=1))
    parts = [
        Ink(_strip(0, BONE_BEGIN), BONE), Ink(_strip(BONE_BEGIN - 0.5, BONE_END), BONE, _EDGE, 0.8),
        Ink(_strip(BONE_END, CARTILAGE_END), CARTILAGE), Ink(polygon(np.concatenate([edge, bottom])), ANNULUS),
    ]  # fmt: skip
    whole = next(layer for layer in layers() if layer.quantity == "matrix").marks[0]
    for side in (-1, 1):  # lamellae of the annulus bulge outwards
        for index in range(7):
            x = WIDTH / 2 + side * (158 - 12 * index)
            y = np.linspace(CARTILAGE_END + 3, HEIGHT - 1, 9)
            bulge = side * (6 - 0.5 * index) * np.sin(np.linspace(0.15, 2.99, 9)) - side * 6
            parts.append(Ink(way(np.stack([x + bulge, y], axis=1)), "none", "#bccad0", 0.9))
    parts.append(Ink(ring(np.array([whole.x, whole.y]) + whole.rings[0]), ANNULUS, "#7f9aa5", 0.8, (3, 2)))
    return parts


def _frame() -> list[Ink]:
    return [Ink(_strip(BONE_END, BONE_END + 0.01), "none", _EDGE, 0.8)]


def gauges(values: Array) -> list[Drawn]:
    """Return a row a quantity: its name, median and central 90 % on a track, and both in numbers."""
    parts: list[Drawn] = []
    for index, (item, found) in enumerate(zip(QUANTITIES, values, strict=True)):
        y = GAUGE_TOP + GAUGE_ROW * index
        low, middle, high = (TRACK_X + TRACK_W * gauge_share(item, value) for value in found)
        parts.append(Words(TRACK_X - 6, y + 8, item.label, 9.6, "end"))
        parts.append(Ink(rectangle(TRACK_X, y + 1, TRACK_W, 7), "#ecebe7"))
        parts.append(Ink(rectangle(low, y + 1, max(high - low, 0.8), 7), "#a9a9a4", name=f"band-{item.name}"))
        parts.append(Ink(rectangle(middle - 1.1, y - 1, 2.2, 11), INK, name=f"tick-{item.name}"))
        over = item.is_beyond(found[0]) or item.is_beyond(found[2])
        arrow = polygon([(TRACK_X + TRACK_W + 1, y), (TRACK_X + TRACK_W + 6, y + 4.5), (TRACK_X + TRACK_W + 1, y + 9)])
        parts.append(Ink(arrow if over else (), VERMILION, name=f"over-{item.name}"))
        parts.append(Words(TRACK_X + TRACK_W + 9, y + 8, gauge_words(item, found), 9.6, name=f"words-{item.name}"))
    return parts


def gauge_share(item: Quantity, value: float) -> float:
    """Return where a value stands on its track, 0 to 1; beyond the end at the end, with a mark."""
    return min(max(value / item.most, 0.0), 1.0)


def gauge_words(item: Quantity, found: Sequence[float] | Array) -> str:
    """Return median, unit and central 90 %.

    Examples
    --------
    >>> gauge_words(QUANTITIES[0], (12.04, 15.26, 80.0))
    '15.3 % (12.0–80.0)'
    """
    low, middle, high = (f"{round(float(value), item.digits) + 0.0:.{item.digits}f}" for value in found)
    unit = "" if item.unit == "fold" else f" {item.unit}"
    more = "× " if item.unit == "fold" else ""
    return f"{more}{middle}{unit} ({low}–{high})"


def tissue_names() -> list[Words]:
    """Return the names of the layers, to stand left of a section."""
    rows = (("vertebra", 40), ("bony endplate", 112), ("cartilage", 138), ("endplate", 150), ("disc", 192))
    return [Words(-8, y, words, 10.5, "end", QUIET) for words, y in rows]


def step_words(item: Quantity) -> str:
    """Return what one mark stands for."""
    if not item.step:
        return "drawn to scale"
    unit = {"fold": "times the young", "κ": "κ"}.get(item.unit, f"cells{item.unit}")
    return f"1 mark = {tick_text(item.step)} {unit}"
