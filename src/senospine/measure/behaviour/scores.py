"""Ordinal scores: the median of the graders for each disc, and how far the graders agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet
from senospine.measure.reading import Reading
from senospine.stats import intraclass_correlation, weighted_kappa

SCORE = "degeneration_score/named-scheme/median-of-graders"


@dataclass(frozen=True)
class Agreement:
    """How far graders agree on what all of them scored; NaN where it cannot be told.

    Attributes
    ----------
    graders : tuple of str
    things : int
        Discs or sections that every grader scored.
    kappa : float
        Quadratically weighted, the mean over pairs of graders.
    icc : float
        ICC(2,1): any one grader of the kind, absolute agreement.
    """

    graders: tuple[str, ...]
    things: int
    kappa: float
    icc: float


def grader_agreement(sheet: Sheet, scheme: str) -> Agreement:
    """Return the graders' agreement under one scheme."""
    by_thing: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in sheet.rows:
        if row.text("scheme") == scheme:
            by_thing[_thing(row)][row.text("grader")] = row.number("score")
    graders = tuple(sorted({name for scores in by_thing.values() for name in scores}))
    shared = [[scores[name] for name in graders] for scores in by_thing.values() if len(scores) == len(graders)]
    if len(graders) < 2 or len(shared) < 2:
        return Agreement(graders, len(shared), float("nan"), float("nan"))
    table = np.array(shared)
    kappas = [weighted_kappa(table[:, i], table[:, j]) for i, j in combinations(range(len(graders)), 2)]
    return Agreement(graders, len(shared), float(np.mean(kappas)), intraclass_correlation(table, "2,1"))


def _thing(row: Row) -> tuple[str, ...]:
    return tuple(row.text(name) for name in ("animal", "session", "scheme", "level", "section"))


def read_scores(sheet: Sheet) -> list[Reading]:
    """Return the median score of each disc or section; the graders' agreement stands among its settings."""
    agreement = {scheme: grader_agreement(sheet, scheme) for scheme in {row.text("scheme") for row in sheet.rows}}
    by_thing: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in sheet.rows:
        by_thing[_thing(row)].append(row)
    readings = []
    for rows in by_thing.values():
        scheme, session = rows[0].text("scheme"), rows[0].text("session")
        found = agreement[scheme]
        settings: dict[str, float | str] = {
            "scheme": scheme, "graders": len(rows), **({"session": session} if session else {}),
            **{name: value for name, value in (("weighted_kappa", found.kappa), ("icc_2_1", found.icc))
               if np.isfinite(value)},
        }  # fmt: skip
        missing = len(found.graders) - len(rows)
        warnings: tuple[str, ...] = (f"{missing} of {len(found.graders)} graders did not score it",) if missing else ()
        if len(found.graders) == 1:
            warnings += ("one grader: agreement is not known",)
        scores = [row.number("score") for row in rows]
        readings.append(Reading(SCORE, float(median(scores)), sheet.place(rows[0]), settings=settings,
                                inputs=sheet.inputs, warnings=warnings))  # fmt: skip
    return readings
