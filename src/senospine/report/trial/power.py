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
from senospine.report.trial.panel import WIDTH, Panel, keys, span_of
from senospine.trial import Benefit
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
        parts += keys([(rival.label, INKS[index % len(INKS)], "line")], 60 + 440 * column, 22 + 20 * row)
    top = 62.0 + 20 * rows
    for left, which, across in ((60.0, "patients", "patients randomised"), (510.0, "screened", "patients screened")):
        most = max(item.design[which].value for rival in designs for item in rival.sizes.values())
        panel = Panel(left, top, 340, _TALL, (0, most * 1.04), (0, 1))
        parts += panel.frame(
            "Chance of success", across, "share of trials, with its Monte-Carlo 95 % band", percent=True
        )
        for index, rival in enumerate(designs):
            colour, found = INKS[index % len(INKS)], list(rival.sizes.values())
            xs = [item.design[which].value for item in found]
            ys = [item.design["success"].value for item in found]
            half = [1.96 * item.design["success"].error for item in found]
            low = [max(y - h, 0) for y, h in zip(ys, half, strict=True)]
            high = [min(y + h, 1) for y, h in zip(ys, half, strict=True)]
            parts += [panel.band(xs, low, high, colour, 0.14), panel.line(xs, ys, colour)]
            own = rival.own.design
            parts.append(
                f'<circle cx="{panel.x(own[which].value):.1f}" cy="{panel.y(own["success"].value):.1f}" r="4" '
                f'fill="{colour}"/>'
            )
    return figure(WIDTH, top + _TALL + 60, parts, "Chance of success by size")


def beside_svg(predicted: Sequence[Benefit], published: Sequence[Comparator]) -> str:
    """Return predicted benefits over published ones, in points of 0-10; to the right is less pain."""
    rows = [
        (f"{item.treated} beyond {item.control}, predicted", item.mean, *item.interval, VERMILION) for item in predicted
    ]
    rows += [(f"{item.treatment} ({item.source})", item.benefit, item.low, item.high, INK) for item in published]
    low, high = span_of([row[1:4] for row in rows], include=(0,))
    left, right, step, top = 330.0, WIDTH - 50, 24.0, 48.0
    scale = (right - left) / (high - low)
    bottom = top + step * len(rows)
    parts = [text(14, 20, "Benefit beyond placebo, points of 0–10; to the right is less pain", "title")]
    for value in ticks(low, high, 8):
        x = left + scale * (value - low)
        parts += [line(x, top - 12, x, bottom - 8, QUIET if value == 0 else FAINT, 1),
                  text(x, bottom + 8, tick_text(round(value, 6)), "tick", text_anchor="middle")]  # fmt: skip
    for index, (words, value, below, above, colour) in enumerate(rows):
        y, x = top + step * index, left + scale * (value - low)
        parts.append(text(left - 14, y + 4, words, "key", text_anchor="end", fill=colour))
        if math.isfinite(below):
            parts.append(line(left + scale * (below - low), y, left + scale * (above - low), y, colour, 1.6))
        parts.append(f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>')
        parts.append(text(right + 12, y + 4, f"{value:.2f}".replace("-", "−"), "tick"))
    return figure(WIDTH, bottom + 34, parts, "Predicted benefit beside published effects")
