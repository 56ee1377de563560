"""Pictures of the chance of success: by patients randomised, by patients screened; and the prediction beside others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from senospine.report.svg import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    VERMILION,
    figure,
    line,
    text,
    tick_text,
    ticks,
)
from senospine.report.trial.panel import WIDTH, Panel, keys, mark, span_of
from senospine.trial import Benefit, OperatingCharacteristics
from senospine.trial.benefit import Comparator
from senospine.trial.rivals import Rivals

INKS = (INK, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
_TALL = 250.0


def power_svg(rivals: Rivals) -> str:
    """Return the chance of success of every design over patients randomised and over patients screened."""
    parts, designs = [], rivals.designs
    rows = -(-len(designs) // 2)
    for index, rival in enumerate(designs):
        column, row = index % 2, index // 2
        parts += keys([(rival.label, INKS[index % len(INKS)], index)], 60 + 440 * column, 22 + 20 * row)
    top = 62.0 + 20 * rows
    highest = max(_ends(item)[1] for rival in designs for item in rival.sizes.values())
    along = (0.0, next(end for end in (0.2, 0.5, 1.0) if highest <= end))  # what is never reached is not drawn
    level = designs[0].design.file.analysis.alpha / 2
    for left, which, across in ((60.0, "patients", "patients randomised"), (510.0, "screened", "patients screened")):
        most = max(item.design[which].value for rival in designs for item in rival.sizes.values())
        panel = Panel(left, top, 340, _TALL, (0, most * 1.04), along)
        parts += panel.frame(
            f"Chance of success by {across}", across, "share of trials, with its Monte-Carlo 95 % band", percent=True
        )
        parts.append(panel.level(level))
        for index, rival in enumerate(designs):
            colour, found = INKS[index % len(INKS)], list(rival.sizes.values())
            xs = [item.design[which].value for item in found]
            ys = [item.design["success"].value for item in found]
            low, high = zip(*(_ends(item) for item in found), strict=True)
            parts += [panel.band(xs, low, high, colour, 0.14), panel.line(xs, ys, colour)]
            parts += panel.marks(xs, ys, colour, index, 2.4)
            own = rival.own.design
            parts.append(mark(panel.x(own[which].value), panel.y(own["success"].value), index, colour, size=5))
    return figure(WIDTH, top + _TALL + 60, parts, "Chance of success by size")


def _ends(item: OperatingCharacteristics) -> tuple[float, float]:
    """Return the ends of the Monte-Carlo 95 % interval of success."""
    found = item.design["success"]
    return max(found.value - 1.96 * found.error, 0.0), min(found.value + 1.96 * found.error, 1.0)


def beside_svg(predicted: Sequence[Benefit], published: Sequence[Comparator]) -> str:
    """Return predicted benefits over published ones, in points of 0-10; to the right is less pain."""
    rows = [
        (f"{item.treated} beyond {item.control}, predicted", item.mean, *item.interval, VERMILION, 3)
        for item in predicted
    ]
    rows += [(f"{item.treatment} ({item.source})", item.benefit, item.low, item.high, INK, 1) for item in published]
    low, high = span_of([row[1:4] for row in rows], include=(0,))
    left, right, step, top = 330.0, WIDTH - 50, 24.0, 48.0
    scale = (right - left) / (high - low)
    bottom = top + step * len(rows)
    title = "Benefit beyond placebo or the arm named, points of 0–10; to the right is less pain"
    parts = [text(14, 20, title, "title")]
    for value in ticks(low, high, 8):
        x = left + scale * (value - low)
        parts += [line(x, top - 12, x, bottom - 8, QUIET if value == 0 else FAINT, 1),
                  text(x, bottom + 8, tick_text(round(value, 6)), "tick", text_anchor="middle")]  # fmt: skip
    for index, (words, value, below, above, colour, shape) in enumerate(rows):
        y, x = top + step * index, left + scale * (value - low)
        parts.append(text(left - 14, y + 4, words, "key", text_anchor="end"))
        if math.isfinite(below):
            parts.append(line(left + scale * (below - low), y, left + scale * (above - low), y, colour, 1.6))
        parts.append(mark(x, y, shape, colour, size=4))
        parts.append(text(right + 12, y + 4, f"{value:.2f}".replace("-", "−"), "tick"))
    return figure(WIDTH, bottom + 34, parts, "Predicted benefit beside published effects")
