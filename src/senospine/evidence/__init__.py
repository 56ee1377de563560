"""Evidence: what papers found, the virtual laboratory that repeats it, and the scoreboard."""

from senospine.evidence.doubt import Doubt, Worth, doubts
from senospine.evidence.facts import Association, Bound, Contrast, Fact, Rate, Value
from senospine.evidence.judging import Repeats
from senospine.evidence.laboratory import Laboratory, run_laboratory
from senospine.evidence.leverage import Carried, leverage
from senospine.evidence.reproduce import DEFAULT_REPEATS, Reproduction, reproduce
from senospine.evidence.rows import check_evidence, load_evidence
from senospine.evidence.scoreboard import Score, Total, scoreboard, totals, totals_by_species

__all__ = [
    "DEFAULT_REPEATS",
    "Association",
    "Bound",
    "Carried",
    "Contrast",
    "Doubt",
    "Fact",
    "Laboratory",
    "Rate",
    "Repeats",
    "Reproduction",
    "Score",
    "Total",
    "Value",
    "Worth",
    "check_evidence",
    "doubts",
    "leverage",
    "load_evidence",
    "reproduce",
    "run_laboratory",
    "scoreboard",
    "totals",
    "totals_by_species",
]
