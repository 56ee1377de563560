"""One pair of axes in a hand-made figure: scales, ticks, bands, lines and whiskers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from senospine.report.svg import FAINT, INK, QUIET, line, points, text, tick_text, ticks

#: width of every figure of the page; heights differ
WIDTH = 880.0


@dataclass(frozen=True)
class Panel:
    """A rectangle at (left, top) in which x runs over ``across`` and y over ``along``, both in the data's units."""

    left: float
    top: float
    width: float
    height: float
    across: tuple[float, float]
    along: tuple[float, float]

    def x(self, value: float) -> float:
        """Return where a value stands from the left."""
        low, high = self.across
        return self.left + self.width * (float(value) - low) / (high - low)

    def y(self, value: float) -> float:
        """Return where a value stands from the top."""
        low, high = self.along
        return self.top + self.height * (1 - (float(value) - low) / (high - low))

    def frame(
        self, title: str, across: str, along: str, *, at: Sequence[float] | None = None, percent: bool = False
    ) -> list[str]:
        """Return title, ticks and what the axes are."""
        parts = [text(self.left, self.top - 24, title, "title"), text(self.left, self.top - 8, along, "unit")]
        for value in ticks(*self.along, 6 if percent else 5):
            shown = f"{100 * value:.10g} %" if percent else tick_text(value)
            parts += [
                line(self.left, self.y(value), self.left + self.width, self.y(value), FAINT, 0.7),
                text(self.left - 6, self.y(value) + 3.5, shown, "tick", text_anchor="end"),
            ]
        bottom, last = self.top + self.height, -1e9
        for value in ticks(*self.across, 7) if at is None else at:
            place = self.x(value)
            parts.append(line(place, bottom, place, bottom + 4, QUIET))
            if place - last > 24:  # visits can stand closer than their words are wide
                shown = f"{value:,.0f}" if abs(value) >= 1000 else tick_text(value)
                parts.append(text(place, bottom + 15, shown, "tick", text_anchor="middle"))
                last = place
        middle = self.left + self.width / 2
        parts += [
            line(self.left, bottom, self.left + self.width, bottom, QUIET),
            text(middle, bottom + 31, across, "unit", text_anchor="middle"),
        ]
        return parts

    def line(self, xs: ArrayLike, ys: ArrayLike, colour: str, width: float = 2, dash: str = "") -> str:
        """Return a line through points."""
        style = f' stroke-dasharray="{dash}"' if dash else ""
        places = points((self.x(a), self.y(b)) for a, b in _pairs(xs, ys))
        return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}"{style}/>'

    def band(self, xs: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, shade: float = 0.18) -> str:
        """Return the area between two lines."""
        up = [(self.x(a), self.y(b)) for a, b in _pairs(xs, low)]
        back = [(self.x(a), self.y(b)) for a, b in _pairs(xs, high)][::-1]
        return f'<polygon points="{points([*up, *back])}" fill="{colour}" fill-opacity="{shade:g}"/>'

    def whisker(
        self, x: float, low: float, value: float, high: float, colour: str, shift: float = 0, shape: int = 0
    ) -> list[str]:
        """Return a hollow mark with the interval about it."""
        place = self.x(x) + shift
        return [
            line(place, self.y(low), place, self.y(high), colour, 1.3),
            mark(place, self.y(value), shape, colour, fill="#fff"),
        ]

    def marks(self, xs: ArrayLike, ys: ArrayLike, colour: str, shape: int, size: float = 3) -> list[str]:
        """Return filled marks on points."""
        return [mark(self.x(a), self.y(b), shape, colour, size=size) for a, b in _pairs(xs, ys)]

    def level(self, value: float, colour: str = QUIET, dash: str = "4 3") -> str:
        """Return a line across at one height."""
        y = self.y(value)
        return line(self.left, y, self.left + self.width, y, colour, 1, f'stroke-dasharray="{dash}"' if dash else "")


def mark(x: float, y: float, shape: int, colour: str, *, size: float = 3.4, fill: str = "") -> str:
    """Return one of five marks, so that nothing is told by colour alone; hollow with ``fill="#fff"``."""
    style = f'fill="{fill or colour}" stroke="{colour}" stroke-width="{1.6 if fill else 0.8}"'
    wide = 1.25 * size
    match shape % 5:
        case 0:
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" {style}/>'
        case 1:
            path = f"M{x - size:.1f},{y - size:.1f}h{2 * size:.1f}v{2 * size:.1f}h{-2 * size:.1f}z"
        case 2:
            path = f"M{x - wide:.1f},{y + size:.1f}h{2 * wide:.1f}l{-wide:.1f},{-2 * wide:.1f}z"
        case 3:
            path = f"M{x - wide:.1f},{y:.1f}l{wide:.1f},{-wide:.1f}l{wide:.1f},{wide:.1f}l{-wide:.1f},{wide:.1f}z"
        case _:
            path = f"M{x - wide:.1f},{y - size:.1f}h{2 * wide:.1f}l{-wide:.1f},{2 * wide:.1f}z"
    return f'<path d="{path}" {style}/>'


def keys(items: Iterable[tuple[str, str, str | int]], x: float, y: float) -> list[str]:
    """Return a key: (words, colour, kind), kind one of 'line', 'band', 'dot', 'dash', or a line's mark by number."""
    from senospine.report.svg import text_width

    parts = []
    for words, colour, kind in items:
        if kind == "band":
            parts.append(
                f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="20" height="10" fill="{colour}" fill-opacity="0.22"/>'
            )
        elif kind == "dot":
            parts += [
                line(x + 10, y - 10, x + 10, y + 2, colour, 1.3),
                f'<circle cx="{x + 10:.1f}" cy="{y - 4:.1f}" r="3.4" fill="#fff" stroke="{colour}" '
                'stroke-width="1.6"/>',
            ]
        else:
            parts.append(line(x, y - 4, x + 20, y - 4, colour, 2.2, 'stroke-dasharray="4 3"' if kind == "dash" else ""))
            parts += [mark(x + 10, y - 4, kind, colour)] if isinstance(kind, int) else []
        parts.append(text(x + 26, y, words, "key", fill=INK))
        x += 26 + text_width(words, 12.5) + 20
    return parts


def span_of(*values: ArrayLike, include: Sequence[float] = ()) -> tuple[float, float]:
    """Return the range of what is finite, with a little room, and what it must include."""
    import numpy as np

    numbers = np.concatenate([np.ravel(np.asarray(item, float)) for item in (*values, list(include))])
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _pairs(xs: ArrayLike, ys: ArrayLike) -> list[tuple[float, float]]:
    import numpy as np

    both = zip(np.asarray(xs, float).tolist(), np.asarray(ys, float).tolist(), strict=True)
    return [(a, b) for a, b in both if np.isfinite(b)]
