"""Published effects of treatments of chronic low back pain: what a prediction stands beside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

_TABLE = Path(__file__).parent / "comparators.csv"


@dataclass(frozen=True)
class Comparator:
    """One published difference between a treatment and its control.

    Attributes
    ----------
    value : float
        Mean difference of pain [points of 0-100]; negative is better.
    low, high : float
        Ends of the 95 % interval; NaN where it was not read.
    """

    treatment: str
    against: str
    population: str
    measure: str
    value: float
    low: float
    high: float
    source: str
    doi: str
    how_obtained: str


@cache
def comparators() -> tuple[Comparator, ...]:
    """Return published effects in chronic low back pain, those against placebo first, each from the largest down.

    Examples
    --------
    >>> comparators()[0].treatment, comparators()[0].value
    ('TRPV1 agonists', -8.2)
    """
    rows = [Comparator(**row) for row in pd.read_csv(_TABLE).to_dict("records")]  # type: ignore[misc]
    return tuple(sorted(rows, key=lambda row: (row.against != "placebo", row.value)))
