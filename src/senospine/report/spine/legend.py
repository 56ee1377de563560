"""What each mark of the drawn spine means, and what one of it stands for."""

from __future__ import annotations

import numpy as np

from senospine.report.spine.ink import Drawn, Ink, Words, polygon, rectangle
from senospine.report.spine.quantities import BONE, CARTILAGE, NUCLEUS, QUANTITIES
from senospine.report.spine.section import STYLES, layer_path, step_words
from senospine.report.spine.tissue import Layer, Mark, layers
from senospine.report.svg import INK, QUIET, VERMILION

ROW = 30.0
_GROUND = {"bone": BONE, "porosity": BONE, "ossification": CARTILAGE, "matrix": "none"}


def legend(columns: int, width: float) -> list[Drawn]:
    """Return the key in so many columns of a width."""
    parts: list[Drawn] = []
    rows = -(-(len(QUANTITIES) + 1) // columns)
    for index, item in enumerate(QUANTITIES):
        x, y = index // rows * width, index % rows * ROW
        parts += _swatch(item.name, x, y)
        parts.append(Words(x + 38, y + 10, item.meaning, 10.5))
        parts.append(Words(x + 38, y + 22, f"{item.label}; {step_words(item)}", 9.2, colour=QUIET))
    x, y = len(QUANTITIES) // rows * width, len(QUANTITIES) % rows * ROW
    parts.append(Ink(rectangle(x + 2, y + 8, 26, 7), "#ecebe7"))
    parts.append(Ink(rectangle(x + 8, y + 8, 13, 7), "#a9a9a4"))
    parts.append(Ink(rectangle(x + 13, y + 6, 2.2, 11), INK))
    parts.append(Ink(polygon([(x + 29, y + 7), (x + 34, y + 11.5), (x + 29, y + 16)]), VERMILION))
    parts.append(Words(x + 38, y + 10, "median animal, and 5 to 95 % of animals", 10.5))
    parts.append(Words(x + 38, y + 22, "red arrow: beyond what the drawing has room for", 9.2, colour=QUIET))
    return parts


def legend_height(columns: int) -> float:
    """Return how high the key is."""
    return -(-(len(QUANTITIES) + 1) // columns) * ROW


def _swatch(name: str, x: float, y: float) -> list[Drawn]:
    layer = next(item for item in layers() if item.quantity == name)
    fill, stroke, width = STYLES[name]
    parts: list[Drawn] = []
    if name in _GROUND:
        parts.append(Ink(rectangle(x + 2, y + 2, 26, 18), _GROUND[name]))
    if name == "bone":
        return [*parts, *(Ink(rectangle(x + 4 + 12 * i, y + 4, 10, 14), fill, stroke, 0.8) for i in (0, 1))]
    if name == "matrix":
        return [Ink(rectangle(x + 2, y + 2, 26, 18), "none", "#7f9aa5", 0.8, (3, 2)),
                Ink(rectangle(x + 5, y + 4, 20, 14), NUCLEUS)]  # fmt: skip
    if layer.kind == "line":
        points = np.stack([x + 2 + np.linspace(0, 26, 12), y + 11 + 4 * np.sin(np.linspace(0, 9, 12))], axis=1)
        mark = Mark(0, 1, 0, 0, (points,))
    else:
        old = layer.marks[0]
        size = min(1.0, 8 / float(np.abs(old.rings[0][:, 1]).max()))
        mark = Mark(0, 1, x + 15, y + 11, tuple(points * size for points in old.rings))
    parts.append(Ink(layer_path(Layer(name, layer.kind, (mark,)), 1.0), fill, stroke, width))
    if name == "porosity":
        outer = Mark(0, 1, x + 15, y + 11, tuple(points * 1.2 for points in mark.rings))
        parts.append(Ink(layer_path(Layer(name, "area", (outer,)), 1.0), "none", INK, 0.7, (2, 1.6)))
    return parts
