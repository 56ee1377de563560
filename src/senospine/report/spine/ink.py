"""Drawn things that can be written as SVG and painted by matplotlib alike: paths and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

Array = NDArray[np.float64]
Commands = tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Ink:
    """A path; ``commands`` are M, L, Q, T and Z with absolute coordinates, as in SVG."""

    commands: Commands
    fill: str = "none"
    stroke: str = "none"
    width: float = 1.0
    dash: tuple[float, ...] = ()
    opacity: float = 1.0
    name: str = ""

    def svg(self) -> str:
        """Return the path as SVG."""
        more = f' class="{escape(self.name)}"' if self.name else ""
        more += f' fill="{self.fill}"'
        if self.stroke != "none":
            more += f' stroke="{self.stroke}" stroke-width="{self.width:g}"'
        if self.dash:
            more += f' stroke-dasharray="{" ".join(f"{part:g}" for part in self.dash)}"'
        if self.opacity < 1:
            more += f' opacity="{self.opacity:g}"'
        return f'<path d="{path_text(self.commands)}"{more}/>'


@dataclass(frozen=True)
class Words:
    """Words at a place."""

    x: float
    y: float
    words: str
    size: float = 10.0
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = "#1b1b1b"
    bold: bool = False
    name: str = ""

    def svg(self) -> str:
        """Return the words as SVG, escaped."""
        more = f' class="{escape(self.name)}"' if self.name else ""
        more += "" if self.anchor == "start" else f' text-anchor="{self.anchor}"'
        more += ' font-weight="700"' if self.bold else ""
        return (
            f'<text x="{self.x:.1f}" y="{self.y:.1f}" font-size="{self.size:g}" fill="{self.colour}"{more}>'
            f"{escape(self.words)}</text>"
        )


Drawn = Ink | Words


@dataclass(frozen=True)
class Group:
    """Drawn things that are moved and enlarged together."""

    x: float
    y: float
    scale: float
    parts: tuple[Drawn | Group, ...]
    name: str = ""

    def svg(self) -> str:
        """Return the group as SVG."""
        size = f" scale({self.scale:g})" if self.scale != 1 else ""
        more = f' class="{escape(self.name)}"' if self.name else ""
        inner = "".join(part.svg() for part in self.parts)
        return f'<g transform="translate({self.x:.1f} {self.y:.1f}){size}"{more}>{inner}</g>'


def path_text(commands: Commands) -> str:
    """Return commands as the text of a path, to a tenth of a unit."""
    return "".join(letter + " ".join(_tenth(value) for value in numbers) for letter, numbers in commands)


def _tenth(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def ring(points: Array, hole: bool = False) -> Commands:
    """Return a closed quadratic B-spline through the middles of its control polygon; a hole runs the other way round.

    The control point after a middle is the one before it, mirrored: what T says in SVG.
    """
    points = points[::-1] if hole else points
    middle = (points + np.roll(points, -1, axis=0)) / 2
    first: Commands = (("M", _pair(middle[-1])), ("Q", (*_pair(points[0]), *_pair(middle[0]))))
    return (*first, *(("T", _pair(place)) for place in middle[1:]), ("Z", ()))


def _pair(point: Array) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def way(points: Array) -> Commands:
    """Return an open line through points."""
    return tuple(("L" if index else "M", (float(x), float(y))) for index, (x, y) in enumerate(points))


def polygon(points: Sequence[tuple[float, float]] | Array) -> Commands:
    """Return a closed outline through points."""
    return (*way(np.asarray(points, dtype=float)), ("Z", ()))


def rectangle(x: float, y: float, width: float, height: float) -> Commands:
    """Return a rectangle."""
    return polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
