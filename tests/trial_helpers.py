"""A small trial design that tests change one thing of, and banks for it."""

from __future__ import annotations

from functools import cache

from senospine.trial import Design, PatientBank, parse_design, synthetic_bank

DESIGN = """\
trial: small
question: Does it work?
patients: 80
weeks: 12
arms:
  placebo: {control: pill}
  drug: {therapy: drug}
entry:
  age: {at_least: 30, at_most: 85}
  pain: {at_least: 4, days: 7}
  platelets: {at_least: 100}
stratify: {sex: 1}
block: 4
visits: [2, 4, 8, 12]
endpoints:
  pain: {measure: pain, week: 12}
analysis: {method: mmrm, df: kenward-roger-linear}
dropout: {rate: 20 %, mechanism: at random, log_hazard_per_point: 0.3}
"""


def design(*changes: tuple[str, str], more: str = "") -> Design:
    """Return the design with parts of its text exchanged."""
    text = DESIGN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_design(text + more, "small.yaml")


@cache
def bank(effect: float = 1.0, only_with_defect: bool = False, fall: float = 0.0) -> PatientBank:
    """Return a made-up bank of 1,500 patients."""
    falls = {"drug": fall} if fall else None
    return synthetic_bank(
        {"drug": effect}, patients=1500, only_with_defect=only_with_defect, platelet_fall=falls, seed=3
    )
