"""A graph of hypotheses as Bretz draws it: a box for each with its share of alpha, arrows for where that goes."""

from __future__ import annotations

import math
import textwrap

from senospine.report.svg import BLUE, INK, points, text
from senospine.report.trial.panel import WIDTH
from senospine.stats.multiplicity import Graph

_WIDE, _TALL, _STEP = 196.0, 50.0, 150.0


def graph_parts(graph: Graph, top: float) -> tuple[list[str], float]:
    """Return the picture of a graph from ``top`` on, and how high it is."""
    n = len(graph.names)
    columns = n if n <= 3 else 2 if n == 4 else 3
    gap = (WIDTH - 28) / columns
    used = [
        abs(i - j) for i in range(n) for j in range(n) if graph.transitions[i, j] > 0 and i // columns == j // columns
    ]
    room = _bend(gap * max(used)) + 16 if used else 16.0  # for arrows over and under a row
    first = top + 26 + room + _TALL / 2
    centres = [(14 + gap * (k % columns + 0.5), first + _STEP * (k // columns)) for k in range(n)]
    parts = [text(14, top + 12, "Several hypotheses: shares of alpha, and where a rejected one’s share goes", "title")]
    for i in range(n):
        for j in range(n):
            if graph.transitions[i, j] > 0:
                parts += _arrow(centres[i], centres[j], f"{100 * graph.transitions[i, j]:g} %")
    for name, weight, (x, y) in zip(graph.names, graph.weights, centres, strict=True):
        parts.append(
            f'<rect x="{x - _WIDE / 2:.1f}" y="{y - _TALL / 2:.1f}" width="{_WIDE:g}" height="{_TALL:g}" rx="9" '
            f'fill="#fff" stroke="{INK}" stroke-width="1.4"/>'
        )
        lines = [*textwrap.wrap(str(name), 34)[:2], f"{100 * weight:g} % of alpha"]
        start = y - 6.5 * (len(lines) - 1) + 4
        parts += [text(x, start + 13 * k, words, "unit", text_anchor="middle") for k, words in enumerate(lines)]
    return parts, centres[-1][1] + _TALL / 2 + room - top


def _bend(length: float) -> float:
    return 14 + 0.06 * length


def _arrow(start: tuple[float, float], stop: tuple[float, float], words: str) -> list[str]:
    """Return a bent arrow between two boxes; the one that goes back bends to the other side."""
    across, down = stop[0] - start[0], stop[1] - start[1]
    length = math.hypot(across, down)
    side = (down / length, -across / length)
    bend = _bend(length)
    middle = ((start[0] + stop[0]) / 2 + bend * side[0] * 2, (start[1] + stop[1]) / 2 + bend * side[1] * 2)
    begin, end = _edge(start, middle), _edge(stop, middle)
    into = (end[0] - middle[0], end[1] - middle[1])
    size = math.hypot(*into)
    into = (into[0] / size, into[1] / size)
    head = [
        end,
        (end[0] - 9 * into[0] + 4 * into[1], end[1] - 9 * into[1] - 4 * into[0]),
        (end[0] - 9 * into[0] - 4 * into[1], end[1] - 9 * into[1] + 4 * into[0]),
    ]
    # words stand nearer to where the share comes from, so that those of two arrows keep apart
    at = [0.36 * start + 0.48 * bent + 0.16 * stop for start, bent, stop in zip(begin, middle, end, strict=True)]
    return [
        f'<path d="M{begin[0]:.1f},{begin[1]:.1f}Q{middle[0]:.1f},{middle[1]:.1f} {end[0]:.1f},{end[1]:.1f}" '
        f'fill="none" stroke="{BLUE}" stroke-width="1.4"/>',
        f'<polygon points="{points(head)}" fill="{BLUE}"/>',
        text(at[0] + 13 * side[0], at[1] + 11 * side[1] + 4, words, "unit", text_anchor="middle", fill=BLUE),
    ]


def _edge(centre: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Return where the line from a box's centre leaves the box."""
    across, down = towards[0] - centre[0], towards[1] - centre[1]
    share = min(
        _WIDE / 2 / abs(across) if across else math.inf, _TALL / 2 / abs(down) if down else math.inf, 1.0
    )  # fmt: skip
    return centre[0] + share * across, centre[1] + share * down
