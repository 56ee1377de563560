"""Studies at a glance: one row each, what was asked and how the model did, by role and beside the naive rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from senospine.evidence import Score, Total, totals, totals_by_species
from senospine.evidence.scoreboard import SPECIES, Verdict
from senospine.report.svg import number
from senospine.report.verdicts import tally
from senospine.report.words import percent, species_words
from senospine.study import Outcome, Study

#: shipped studies in the order in which a reader wants them, within their species; others follow in their own
ORDER = (
    "pan2024-lsi", "pan2024-aged", "mannarino2025", "krock2018", "sparc-null", "ni2019", "xue2021", "sharma2020-male",
    "sharma2020-female", "ash2006-platelets", "karin2019", "senescent-pulse", "cao2017", "su2022",
    "lsi-timing", "lsi-combination", "navitoclax-schedules",
    "rodriguez2012", "wilson2010", "navitoclax-cll", "rudin2012", "navitoclax-lead-in", "back-pain-navitoclax",
    "cherif2020-disc", "cherif2020-pellet", "dog-platelets",
)  # fmt: skip
ROLES = ("calibration", "validation")


@dataclass(frozen=True)
class RoleCell:
    """A study's or the board's rows of one role, ready to print."""

    role: str
    rows: int
    parts: Sequence[tuple[Verdict, int, str]]
    naive: str
    model_bits: str
    naive_bits: str
    gain: str
    values: int
    in_half: int
    in_ninety: int


@dataclass(frozen=True)
class Glance:
    """One study's row."""

    study: Study
    cells: dict[str, RoleCell]


@dataclass(frozen=True)
class Contradiction:
    """A finding that contradicts others on record, beside them."""

    score: Score
    against: list[Score]

    @property
    def chance(self) -> str:
        """What the model gave to the contradicting finding."""
        return percent(self.score.p_published)

    @property
    def rivals(self) -> list[tuple[str, str, str]]:
        """Where the other side was published, what it says, and what the model gave to it."""
        return [(s.fact.panel, f"{s.fact.comparison}: {s.fact.text}", percent(s.p_published)) for s in self.against]


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes as a reader wants them: the mouse's, then people's, then others."""
    place = {name: index for index, name in enumerate(ORDER)}
    kinds = {name: index for index, name in enumerate(SPECIES)}

    def key(outcome: Outcome) -> tuple[int, int]:
        study = outcome.study
        return kinds.get(study.species, len(kinds)), place.get(study.name, len(place))

    return sorted(outcomes, key=key)


def at_a_glance(studies: Sequence[Study], scores: Sequence[Score]) -> list[Glance]:
    """Return one row a study."""
    return [Glance(study, role_cells([s for s in scores if s.fact.study == study.name])) for study in studies]


def role_cells(scores: Sequence[Score]) -> dict[str, RoleCell]:
    """Return verdicts and bits by role, calibration first."""
    found = {total.role: total for total in totals(scores) if total.role != "all"}
    names = [*[role for role in ROLES if role in found], *[role for role in found if role not in ROLES]]
    return {role: _cell(found[role], [s for s in scores if s.fact.role == role]) for role in names}


def species_cells(scores: Sequence[Score]) -> dict[str, dict[str, RoleCell]]:
    """Return verdicts and bits by species, in words, and role."""
    names = dict.fromkeys(total.species for total in totals_by_species(scores))
    return {species_words(name): role_cells([s for s in scores if s.species == name]) for name in names}


def _cell(total: Total, scores: Sequence[Score]) -> RoleCell:
    naive = f"{total.naive_hits} of {total.naive_tries}" if total.naive_tries else "silent"
    judged = any(score.gain_bits is not None for score in scores)
    gain = round(total.gain_bits, 1) + 0.0
    return RoleCell(
        total.role, total.rows, tally(list(scores)), naive, number(total.model_bits, 3), number(total.naive_bits, 3),
        (f"{gain:+.1f}".replace("-", "−") if gain else "0") if judged else "–", total.values, total.in_half,
        total.in_ninety,
    )  # fmt: skip


def contradictions(scores: Sequence[Score]) -> list[Contradiction]:
    """Return findings whose note says that they contradict others, with those others: same read-out, named panels."""
    found = []
    for score in scores:
        if "contradicts" not in score.fact.note:
            continue
        words = re.search(r"panels? ([^;]+)", score.fact.note)
        panels = set(re.findall(r"\b\d+[a-z]+\b", words.group(1))) if words else set()
        alike = [other for other in scores if other.fact.readout == score.fact.readout]
        against = [other for other in alike if other.fact.panel in panels and other.fact.id != score.fact.id]
        found.append(Contradiction(score, against))
    return found
