"""What conclusions' doubts rest on as a picture: the effect over worlds, and whose doubt it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from senospine.assays import readouts
from senospine.evidence import Doubt
from senospine.report.doubts import measure_first
from senospine.report.svg import BLUE, FAINT, INK, ORANGE, figure, line, number, text, text_width
from senospine.report.words import listed

_WIDTH, _ROW, _TOP = 1120.0, 17.0, 58.0
_EFFECT, _SHARE, _WORTH = (250.0, 330.0), (690.0, 110.0), 850.0
#: folds at the ends of the axis of effects
_FOLD = 10.0


def doubts_svg(doubts: Sequence[Doubt]) -> str:
    """Return one row a conclusion: its effect in 90 % of worlds, the share on assumptions, what to measure first."""
    parts = _legend()
    y = _TOP
    for pair in dict.fromkeys((item.arm, item.versus) for item in doubts):
        y += 10
        parts.append(text(2, y, " against ".join(pair), "title"))
        y += 6
        mine = [item for item in doubts if (item.arm, item.versus) == pair]
        for fold in (0.1, 0.5, 1, 2, 10):
            parts += [line(_at(fold), y, _at(fold), y + _ROW * len(mine), INK if fold == 1 else FAINT, 0.8)]
            parts += [text(_at(fold), y + _ROW * len(mine) + 12, f"× {fold:g}", "tick", text_anchor="middle")]
        for item in mine:
            parts += _row(item, y + _ROW / 2)
            y += _ROW
        y += 30
    return figure(_WIDTH, y + 18, parts, f"What doubts rest on in {doubts[0].study}")


def doubt_words(doubts: Sequence[Doubt]) -> list[str]:
    """Return a sentence for each comparison: how much rests on assumptions, and what to measure first."""
    sentences = []
    for pair in dict.fromkeys((item.arm, item.versus) for item in doubts):
        mine = [item for item in doubts if (item.arm, item.versus) == pair]
        shares = sorted(100 * item.assumed for item in mine if math.isfinite(item.assumed))
        if not shares:
            continue
        ranked = [f"{name.rstrip('*')} ({100 * share:.0f} %)" for name, share in measure_first(mine)[:3]]
        lost = max(item.lost for item in mine)
        sentences.append(
            f"{' against '.join(pair).capitalize()}: {shares[0]:.0f} to {shares[-1]:.0f} % of the variance over "
            f"{mine[0].worlds} worlds rests on assumptions. Measure first, over its {len(mine)} read-outs: "
            f"{listed(ranked) if ranked else 'no single parameter stands out'}."
            + (f" Left out: {lost} worlds that could not be solved." if lost else "")
        )
    return sentences


def _at(fold: float) -> float:
    """Return where a fold stands; beyond the ends of the axis at its end."""
    place = math.log(min(max(fold, 1 / _FOLD), _FOLD)) / math.log(_FOLD)
    return _EFFECT[0] + _EFFECT[1] * (1 + place) / 2


def _row(item: Doubt, y: float) -> list[str]:
    parts = [text(16, y + 4, readouts()[item.readout].label, "found")]
    if item.scale == "ratio":
        parts += [line(_at(item.low), y, _at(item.high), y, INK, 4, 'stroke-opacity=".35"')]
        parts += [f'<circle cx="{_at(item.effect):.1f}" cy="{y:.1f}" r="3.4" fill="{INK}"/>']
    sign = "× " if item.scale == "ratio" else ""
    words = f"{sign}{number(item.effect)} ({number(item.low)} to {number(item.high)})"
    parts.append(text(_EFFECT[0] + _EFFECT[1] + 8, y + 4, words, "found"))
    x, width = _SHARE
    if math.isfinite(item.assumed):
        assumed = min(max(item.assumed, 0.0), 1.0)
        parts.append(f'<rect x="{x:g}" y="{y - 5:.1f}" width="{width:g}" height="10" fill="{BLUE}" fill-opacity=".55"/>')
        parts.append(f'<rect x="{x:g}" y="{y - 5:.1f}" width="{width * assumed:.1f}" height="10" fill="{ORANGE}"/>')
        error = f"{100 * item.assumed:.0f} ± {100 * item.assumed_error:.0f}"
        parts.append(text(x + width + 5, y + 4, error, "tick"))
    first = [f"{row.parameter}{'*' if row.assumed else ''} {100 * row.share:.0f} %" for row in item.worth[:1]]
    return [*parts, text(_WORTH, y + 4, (first or ["none stands out"])[0], "found")]


def _legend() -> list[str]:
    parts = [line(2, 11, 24, 11, INK, 4, 'stroke-opacity=".35"'), f'<circle cx="13" cy="11" r="3.4" fill="{INK}"/>']
    words = "effect in 90 % of worlds, and in the median one"
    parts.append(text(30, 15, words, "key"))
    x = 30 + text_width(words, 12.5) + 24
    for colour, opacity, words in (
        (ORANGE, 1, "variance that rests on assumptions, % ± standard error"), (BLUE, 0.55, "on numbers with a source"),
    ):  # fmt: skip
        parts.append(f'<rect x="{x:.1f}" y="5" width="18" height="12" fill="{colour}" fill-opacity="{opacity}"/>')
        parts.append(text(x + 24, 15, words, "key"))
        x += 24 + text_width(words, 12.5) + 22
    words = "right: measure first, the variance it would take away were it known; *: an assumption now"
    return [*parts, text(2, 36, words, "key")]
