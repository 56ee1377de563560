"""Evidence: what papers found, the virtual laboratory that repeats it, and the scoreboard."""

from senospine.evidence.laboratory import Laboratory, Repeats, run_laboratory
from senospine.evidence.reproduce import DEFAULT_REPEATS, Reproduction, reproduce
from senospine.evidence.rows import Contrast, check_evidence, load_evidence
from senospine.evidence.scoreboard import Score, Total, published_text, scoreboard, totals

__all__ = [
    "DEFAULT_REPEATS",
    "Contrast",
    "Laboratory",
    "Repeats",
    "Reproduction",
    "Score",
    "Total",
    "check_evidence",
    "load_evidence",
    "published_text",
    "reproduce",
    "run_laboratory",
    "scoreboard",
    "totals",
]
