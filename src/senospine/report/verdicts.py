"""Verdicts as marks that differ in shape, shade and word, so that no colour has to be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from senospine.evidence import Score
from senospine.evidence.scoreboard import Verdict
from senospine.report.svg import GREEN, ORANGE, VERMILION

VERDICT_MARKS: Mapping[Verdict, str] = MappingProxyType(
    {"agrees": GREEN, "weak": ORANGE, "misses": VERMILION, "not testable": "#a3a3a0"}
)


def verdict_svg(x: float, y: float, verdict: Verdict) -> str:
    """Return the mark of a verdict: full disc, half disc, cross, dash."""
    colour = VERDICT_MARKS[verdict]
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{{}}" stroke="{colour}" stroke-width="1.5"/>'
    if verdict == "agrees":
        return ring.format(colour)
    if verdict == "weak":
        half = f'<path d="M{x:.1f},{y - 4:.1f}a4,4 0 0 0 0,8z" fill="{colour}"/>'
        return ring.format("#fff") + half
    if verdict == "misses":
        strokes = f"M{x - 3.4:.1f},{y - 3.4:.1f}l6.8,6.8m0,-6.8l-6.8,6.8"
        return f'<path d="{strokes}" stroke="{colour}" stroke-width="2.2" fill="none"/>'
    return f'<path d="M{x - 4:.1f},{y:.1f}h8" stroke="{colour}" stroke-width="2"/>'


def verdict_icon(verdict: Verdict) -> str:
    """Return the mark as a picture of its own, to stand in a line of text."""
    return f'<svg class="icon" viewBox="0 0 12 12" aria-hidden="true">{verdict_svg(6, 6, verdict)}</svg>'


def tally(scores: list[Score]) -> list[tuple[Verdict, int, str]]:
    """Return how many rows got each verdict, with its colour, zeros left out."""
    counts = {verdict: sum(score.verdict == verdict for score in scores) for verdict in VERDICT_MARKS}
    return [(verdict, n, VERDICT_MARKS[verdict]) for verdict, n in counts.items() if n]
