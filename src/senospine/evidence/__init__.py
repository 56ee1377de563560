"""Evidence: what papers found, the virtual laboratory that repeats it, and the scoreboard."""

from senospine.evidence.laboratory import Laboratory, Repeats, run_laboratory
from senospine.evidence.rows import Contrast, check_evidence, load_evidence
from senospine.evidence.scoreboard import Score, Total, published_text, scoreboard, totals

__all__ = [
    "Contrast",
    "Laboratory",
    "Repeats",
    "Score",
    "Total",
    "check_evidence",
    "load_evidence",
    "published_text",
    "run_laboratory",
    "scoreboard",
    "totals",
]
