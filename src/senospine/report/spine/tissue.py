"""The tissue as it is drawn: places of marks, drawn once from a fixed seed, so that it is the same in every picture.

A mark appears at its own threshold: it is absent below ``low``, whole from ``high`` on, and in between as large as
the share of the way. Areas are scaled about their middle, lines cut along their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senospine.randomness import stream
from senospine.report.spine.quantities import QUANTITIES

Array = NDArray[np.float64]

WIDTH, HEIGHT = 320.0, 236.0
BONE_END, CARTILAGE_END = 124.0, 144.0  # down the section: vertebra, bony endplate, cartilage endplate, disc
BONE_BEGIN = 92.0
_SEED = 7
#: outline of a nucleus
_SPOT = np.array([(0, -1), (-1, -1), (-1, 1), (1, 1), (1, -1)])


@dataclass(frozen=True)
class Mark:
    """One mark; ``rings`` are control points, shape (n, 2), the first the outline, further ones holes in it."""

    low: float
    high: float
    x: float
    y: float
    rings: tuple[Array, ...]

    def share(self, value: float) -> float:
        """Return how much of the mark is there at a value, 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Layer:
    """All marks of one quantity; ``flip`` where what is left of 100 % is drawn, as marrow between trabeculae."""

    quantity: str
    kind: Literal["area", "line"]
    marks: tuple[Mark, ...]
    flip: bool = False


def rounded_area(ring: Array) -> float:
    """Return the area of a closed quadratic B-spline with these control points, exactly."""
    middle = (ring + np.roll(ring, -1, axis=0)) / 2  # the curve runs from middle to middle

    def shoelace(a: Array, b: Array) -> Array:
        return np.asarray(a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1])

    before = np.roll(middle, 1, axis=0)
    corners = shoelace(ring - before, middle - before)  # twice the triangle over each arc; the arc fills two thirds
    return float(abs(shoelace(middle, np.roll(middle, -1, axis=0)).sum() / 2 + corners.sum() / 3))


def warp(points: Array) -> Array:
    """Arch the endplate: a shear along y, so that areas stay."""
    lifted = np.array(points, dtype=float)
    lifted[:, 1] -= 7 * (1 - ((lifted[:, 0] - WIDTH / 2) / (WIDTH / 2)) ** 2)
    return lifted


def _tiles(name: str, box: tuple[float, float, float, float], columns: int, rows: int, wander: float) -> list[Array]:
    """Return a strip cut into uneven quadrilaterals, row by row, each of shape (4, 2)."""
    left, right, top, bottom = box
    draw = stream(_SEED, f"spine {name}")
    x, y = np.meshgrid(np.linspace(left, right, columns + 1), np.linspace(top, bottom, rows + 1))
    dx, dy = (right - left) / columns, (bottom - top) / rows
    x[:, 1:-1] += wander * dx * draw.uniform(-1, 1, x[:, 1:-1].shape)
    y[1:-1] += wander * dy * draw.uniform(-1, 1, y[1:-1].shape)
    tiles = []
    for row in range(rows):
        for column in range(columns):
            a, b = (row, column), (row + 1, column + 1)
            corners = (a, (a[0], b[1]), b, (b[0], a[1]))
            tiles.append(np.array([(x[corner], y[corner]) for corner in corners]))
    return tiles


def _tile(low: float, high: float, ring: Array) -> Mark:
    x, y = ring.mean(axis=0)
    return Mark(low, high, float(x), float(y), (ring - [x, y],))


def _filling(name: str, tiles: list[Array], whole: float, streams: int) -> tuple[Mark, ...]:
    """Return marks that fill their tiles so that the drawn area is exactly the value, in per cent of ``whole``.

    Tiles open one after another in a few streams at once; a stream's share of the area is its share of all tiles.
    """
    order = stream(_SEED, f"spine order {name}").permutation(len(tiles))
    areas = np.array([rounded_area(tile) for tile in tiles])
    full = 100 * areas.sum() / whole
    marks = {}
    for first in range(streams):
        mine = order[first::streams]
        ends = np.cumsum(areas[mine]) / areas[mine].sum() * full
        for low, high, index in zip(np.concatenate(([0.0], ends[:-1])), ends, mine, strict=True):
            marks[int(index)] = _tile(float(low), float(high), tiles[index])
    return tuple(marks[index] for index in sorted(marks))


def _spaces() -> list[Array]:
    return _tiles("marrow", (2, WIDTH - 2, 0, BONE_BEGIN - 1.5), 12, 4, 0.26)


def _marrow() -> tuple[Mark, ...]:
    """Return marrow spaces that shrink together: what they leave is trabecular bone."""
    halves = [(quad + np.roll(quad, -1, axis=0)) / 2 for quad in _spaces()]
    tiles = [warp(np.stack(both, axis=1).reshape(-1, 2)) for both in zip(_spaces(), halves, strict=True)]
    full = 100 * sum(rounded_area(tile) for tile in tiles) / (WIDTH * BONE_BEGIN)
    return tuple(_tile(0.0, full, tile) for tile in tiles)


def _cells(name: str, places: Array, step: float, size: float, flat: float, nuclei: int) -> tuple[Mark, ...]:
    """Return cells of uneven outline, one for each ``step``, in a drawn order of places."""
    draw = stream(_SEED, f"spine cells {name}")
    marks = []
    for index, (x, y) in enumerate(warp(places)):
        angles = np.linspace(0, 2 * np.pi, 9)[:-1] + draw.uniform(0, 6)
        radius = size * draw.uniform(0.82, 1.25, 8)
        turn = draw.uniform(-0.35, 0.35)
        ring = np.stack([radius * np.cos(angles), radius * flat * np.sin(angles)], axis=1)
        ring = ring @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        rings = [ring]
        for nucleus in range(nuclei):
            across = (nucleus - (nuclei - 1) / 2) * size * 0.62
            rings.append(np.array([across, 0.0]) + 0.24 * size * _SPOT)
        marks.append(Mark(index * step, (index + 1) * step, float(x), float(y), tuple(rings)))
    return tuple(marks)


def _surfaces() -> Array:
    """Return places on bone: along the endplate's marrow side, and on the trabeculae above."""
    draw = stream(_SEED, "spine surfaces")
    floor = np.stack([np.linspace(8, WIDTH - 8, 37), np.full(37, BONE_BEGIN - 3.6)], axis=1)
    trabeculae = np.array([quad[0] for quad in _spaces()[13:]])  # the corners where four spaces meet
    inside = (trabeculae[:, 0] > 12) & (trabeculae[:, 0] < WIDTH - 12)
    return np.concatenate([draw.permutation(floor), draw.permutation(trabeculae[inside])])


def _lines(name: str, count: int, step: float, top: tuple[float, float], bottom: tuple[float, float], sway: float
           ) -> tuple[Mark, ...]:  # fmt: skip
    """Return lines that come down through the marrow into the endplate, one for each ``step``."""
    draw = stream(_SEED, f"spine lines {name}")
    across = draw.permutation(np.linspace(14, WIDTH - 14, count) + draw.uniform(-4, 4, count))
    marks = []
    for index, x in enumerate(across):
        y = np.linspace(draw.uniform(*top), draw.uniform(*bottom), 19)
        phase, turns = draw.uniform(0, 6.28), draw.uniform(0.8, 1.6)
        drift = np.linspace(draw.uniform(-14, 14), 0, 19)
        path = np.stack([x + drift + sway * np.sin(phase + turns * np.linspace(0, 6.28, 19)), y], axis=1)
        path[:, 0] = np.clip(path[:, 0], 4, WIDTH - 4)
        marks.append(Mark(index * step, (index + 1) * step, 0.0, 0.0, (warp(path),)))
    return tuple(marks)


def _disc_places() -> Array:
    draw = stream(_SEED, "spine disc")
    x, y = np.meshgrid(np.linspace(9, WIDTH - 9, 23), np.linspace(CARTILAGE_END + 15, HEIGHT - 7, 7))
    grid = np.stack([x.ravel() + draw.uniform(-4, 4, x.size), y.ravel() + draw.uniform(-3, 3, x.size)], axis=1)
    return np.asarray(draw.permutation(grid))


def _nucleus() -> Array:
    """Return the nucleus as control points about its middle."""
    angles = np.linspace(0, 2 * np.pi, 15)[:-1]
    ring = np.stack([np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** 0.7 * 104,
                     np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** 0.7 * 39], axis=1)  # fmt: skip
    return np.asarray(ring)


@cache
def layers() -> tuple[Layer, ...]:
    """Return every layer, in the order in which it is drawn."""
    step = {item.name: item.step for item in QUANTITIES}
    room = {item.name: round(item.most / item.step) for item in QUANTITIES if item.step}
    places = _surfaces()
    senescent = np.arange(len(places)) % 7 < 3  # of 7 places on bone, 3 are for senescent cells
    healthy = places[~senescent][: room["osteoclasts"]]
    ill = places[senescent][: room["senescent_osteoclasts"]]
    strip = (3, WIDTH - 3, BONE_BEGIN + 1.5, BONE_END - 1)
    pores = [warp(quad) for quad in _tiles("pores", strip, 26, 2, 0.28)]
    wrong = [warp(quad) for quad in _tiles("wrong", (2, WIDTH - 2, BONE_END + 1, CARTILAGE_END), 28, 1, 0.3)]
    whole = Mark(0.0, 100.0, WIDTH / 2, CARTILAGE_END + 46, (_nucleus(),))
    disc = _cells("disc", _disc_places()[: room["disc_cells"]], step["disc_cells"], 3.7, 0.74, 1)
    reach = BONE_BEGIN + 6, BONE_END - 6
    vessels = _lines("vessels", room["vessels"], step["vessels"], (4, 20), reach, 4.5)
    reach = BONE_BEGIN + 12, BONE_END + 8
    fibres = _lines("fibres", room["fibres"], step["fibres"], (20, 60), reach, 2.6)
    return (
        Layer("bone", "area", _marrow(), flip=True),
        Layer("porosity", "area", _filling("pores", pores, WIDTH * (BONE_END - BONE_BEGIN), 8)),
        Layer("ossification", "area", _filling("ossification", wrong, WIDTH * (CARTILAGE_END - BONE_END), 4)),
        Layer("matrix", "area", (whole,)),
        Layer("disc_cells", "area", disc),
        Layer("vessels", "line", vessels),
        Layer("fibres", "line", fibres),
        Layer("osteoclasts", "area", _cells("healthy", healthy, step["osteoclasts"], 4.3, 0.8, 2)),
        Layer("senescent_osteoclasts", "area", _cells("ill", ill, step["senescent_osteoclasts"], 5.2, 0.8, 1)),
    )
