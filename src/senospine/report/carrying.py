"""What carries what: conclusions beside the parameters they move with, each with its source or called an assumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from senospine.assays import readouts
from senospine.evidence import Carried
from senospine.model import Model
from senospine.report.svg import number
from senospine.report.words import listed

#: parameters named for each conclusion
MOST = 5


@dataclass(frozen=True)
class Carrier:
    """One parameter under one conclusion."""

    name: str
    meaning: str
    share: str
    assumed: bool
    source: str
    elasticity: str


@dataclass(frozen=True)
class Carrying:
    """One conclusion, ready to print."""

    comparison: str
    group: str
    readouts: str
    carriers: list[Carrier]
    assumed_share: str
    moves: bool


def carrying(found: Sequence[Carried], model: Model) -> list[Carrying]:
    """Return conclusions with the parameters they move with most."""
    return [_row(item, model) for item in found]


def _row(item: Carried, model: Model) -> Carrying:
    shares = item.shares
    carriers = []
    for name in list(shares)[:MOST]:
        row = model.register[name]
        slope = item.elasticity[name]
        carriers.append(Carrier(
            name, row.meaning, f"{100 * shares[name]:.0f} %", row.assumed, row.source,
            number(slope, 2) if slope < 0 or not item.study else f"+{number(slope, 2)}",
        ))  # fmt: skip
    assumed = sum(share for name, share in shares.items() if model.register[name].assumed)
    labels = [readouts()[name].label for name in item.readouts]
    most = max((abs(value) for value in item.elasticity.values()), default=0.0)
    return Carrying(item.comparison, item.group, listed(labels), carriers, f"{100 * assumed:.0f} %", most >= 0.005)
