"""The catalogue of everything that is measured, in mice, in people and in human discs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from senospine.assays.behaviour import behaviour_readouts
from senospine.assays.blood import blood_readouts
from senospine.assays.disc import disc_readouts
from senospine.assays.endplate import endplate_readouts
from senospine.assays.explant import explant_readouts
from senospine.assays.gut import gut_readouts
from senospine.assays.plasma import plasma_readout
from senospine.assays.readout import Readout
from senospine.errors import StudyError, suggest


@cache
def readouts() -> Mapping[str, Readout]:
    """Return every read-out that can be measured, by name."""
    rows = [
        *endplate_readouts(),
        *disc_readouts(),
        *behaviour_readouts(),
        *blood_readouts(),
        *gut_readouts(),
        *explant_readouts(),
    ]
    return MappingProxyType({row.name: row for row in rows})


#: measured in papers, and not simulated: evidence may name them, and is then "not testable"
NOT_SIMULATED: Mapping[str, str] = MappingProxyType(
    {
        "disc_cell_number": "disc cells",
        "neutral_zone_length": "neutral zone of the motion segment",
    }
)


def readout(name: str, where: str | None = None) -> Readout:
    """Return one read-out; ``plasma_concentration:rg7112`` and its like are those of drugs, as models call them.

    Raises
    ------
    StudyError
        There is no such read-out.

    Examples
    --------
    >>> readout("heat_latency").unit
    's'
    """
    if name in NOT_SIMULATED:
        raise StudyError(f"read-out '{name}' is not simulated", where=where, remedy="leave it out of the study")
    drug = plasma_readout(name)
    if drug is not None:
        return drug
    if name not in readouts():
        raise StudyError(f"unknown read-out '{name}'", where=where, remedy=suggest(name, readouts()))
    return readouts()[name]
