"""The scoreboard's rows as a page shows them: cells, small bars, and notes told once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from senospine.evidence import Contrast, Score, Total, totals_by_species
from senospine.report.svg import FAINT, INK, QUIET, line
from senospine.report.verdicts import verdict_icon
from senospine.report.words import (
    calibration_first,
    fold,
    knows_more,
    misses,
    percent,
    species_words,
    statistic,
    too_large,
    too_small,
    verdict_words,
    wrong_way,
)

_RATIO_W, _RATIO_LOW, _RATIO_HIGH = 92.0, 0.1, 10.0
_BITS_W, _BITS_MOST = 60.0, 11.0  # a result found in no repeat costs about 11 bits


@dataclass(frozen=True)
class Row:
    """One row, ready to print; ``sort`` holds a key per column."""

    id: str
    study: str
    panel: str
    label: str
    comparison: str
    paper: str
    paper_words: str
    ratio: str
    ratio_bar: Markup
    p_sign: float | None
    p_star: float | None
    p_sign_text: str
    p_star_text: str
    naive: str
    naive_text: str
    gain: str
    gain_bar: Markup
    verdict: str
    icon: Markup
    notes: str
    hover: str
    sort: dict[str, Any]


@dataclass(frozen=True)
class Board:
    """One species' rows of one role with their totals and numbered notes."""

    species: str
    words: str
    role: str
    rows: list[Row]
    notes: list[str]
    total: Total
    summary: str


def boards(scores: Sequence[Score]) -> list[Board]:
    """Return a board per species and role, the mouse's first, each in the order of the evidence."""
    result = []
    found = totals_by_species(scores)
    for total in (
        total
        for name in dict.fromkeys(item.species for item in found)
        for total in calibration_first([item for item in found if item.species == name])
    ):
        mine = [score for score in scores if (score.species, score.fact.role) == (total.species, total.role)]
        notes = list(dict.fromkeys(note for score in mine for note in _notes(score)))
        rows = [_row(score, notes) for score in mine]
        words = species_words(total.species)
        result.append(Board(total.species, words, total.role, rows, notes, total, verdict_words(total)))
    return result


def insights(scores: Sequence[Score]) -> dict[str, list[Row]]:
    """Return the rows behind 'knows more' and the kinds of failure."""
    kinds = {
        "knows_more": knows_more(scores),
        "misses": misses(scores),
        "too_small": too_small(scores),
        "too_large": too_large(scores),
        "wrong_way": wrong_way(scores),
    }
    return {name: [_row(score, []) for score in found] for name, found in kinds.items()}


def _notes(score: Score) -> list[str]:
    parts = score.fact.note.split(";") if score.fact.note else []
    return [part.strip() for part in parts if part.strip()]


def _row(score: Score, notes: list[str]) -> Row:
    row, found = score.fact, score.repeats
    return Row(
        id=row.id,
        study=row.study,
        panel=row.panel,
        label=score.label,
        comparison=f"{row.comparison}{f', {row.at}' if row.at else ''}",
        paper=row.text,
        paper_words=row.sentence,
        ratio=statistic(row, found),
        ratio_bar=Markup(_ratio_bar(score)),
        p_sign=score.p_sign,
        p_star=score.p_star,
        p_sign_text=percent(score.p_sign),
        p_star_text=percent(score.p_star),
        naive=_naive(score),
        naive_text=percent(score.p_naive),
        gain="–" if score.gain_bits is None else _signed(score.gain_bits),
        gain_bar=Markup(_bits_bar(score.gain_bits)),
        verdict=score.verdict,
        icon=Markup(verdict_icon(score.verdict)),
        notes=",".join(str(n) for n in sorted(notes.index(note) + 1 for note in _notes(score) if note in notes)),
        hover=_hover(score),
        sort=_sort_keys(score),
    )


def _naive(score: Score) -> str:
    """Say whether the naive rule is right; of a size it can only be more or less near."""
    if score.p_naive is None:
        return "–"
    if isinstance(score.fact, Contrast):
        return "right" if score.p_naive > 0.5 else "wrong"
    return {True: "right", False: "wrong", None: "guess"}[score.naive_sign]


def _signed(value: float) -> str:
    return "0" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def _hover(score: Score) -> str:
    row = score.fact
    interval = ""
    if score.p_low is not None and score.p_high is not None:
        interval = f"; probability of what was published, 95 % by counting: {score.p_low:.3f} to {score.p_high:.3f}"
    test = f"{row.test}; " if isinstance(row, Contrast) else ""
    return (
        f"{row.id}; n per group {row.n_stated}, drawn {row.n_low} to {row.n_high}; {test}"
        f"{row.how_obtained}; confidence {row.confidence}{interval}"
    )


def _sort_keys(score: Score) -> dict[str, Any]:
    ranks = {"agrees": 0, "weak": 1, "misses": 2, "not testable": 3}
    return {
        "ratio": score.repeats.ratio if score.repeats else -1,
        "sign": -1 if score.p_sign is None else score.p_sign,
        "star": -1 if score.p_star is None else score.p_star,
        "naive": -1 if score.p_naive is None else score.p_naive,
        "gain": -99 if score.gain_bits is None else score.gain_bits,
        "verdict": ranks[score.verdict],
    }


def _ratio_bar(score: Score) -> str:
    """Return median and central 90 % on a logarithmic scale about one."""
    ends = fold(score.fact, score.repeats)
    if ends is None:
        return ""
    x = {name: _log_x(value) for name, value in zip(("low", "middle", "high", "one"), (*ends, 1.0), strict=True)}
    parts = [line(x["one"], 1, x["one"], 15, FAINT, 1.2), line(x["low"], 8, x["high"], 8, QUIET, 2)]
    parts.append(f'<circle cx="{x["middle"]:.1f}" cy="8" r="3" fill="{INK}"/>')
    size = f'viewBox="0 0 {_RATIO_W:g} 16" width="{_RATIO_W:g}" height="16"'
    return f'<svg class="bar" {size} aria-hidden="true">{"".join(parts)}</svg>'


def _log_x(value: float) -> float:
    share = math.log(max(value, _RATIO_LOW) / _RATIO_LOW) / math.log(_RATIO_HIGH / _RATIO_LOW)
    return 3 + min(share, 1.0) * (_RATIO_W - 6)


def _bits_bar(gain: float | None) -> str:
    """Return a bar to the left (the rule knew more) or to the right (the model did)."""
    if gain is None:
        return ""
    zero = _BITS_W * 0.7
    size = min(abs(gain) * zero / _BITS_MOST, zero if gain < 0 else _BITS_W - zero)
    colour, x = ("#8d8d8a", zero - size) if gain < 0 else ("#0072B2", zero)
    return (
        f'<svg class="bar" viewBox="0 0 {_BITS_W:g} 16" width="{_BITS_W:g}" height="16" aria-hidden="true">'
        f'<rect x="{x:.1f}" y="4" width="{max(size, 0.6):.1f}" height="8" fill="{colour}"/>'
        f"{line(zero, 1, zero, 15, QUIET, 1)}</svg>"
    )
