"""How far the direct action of a systemic analgesic reaches: which of a person's sources of pain it blocks.

An antibody against NGF or an inhibitor of COX-2 in the blood meets nerves everywhere. The human model says what share
of the drive of the endplate such blockade takes (``systemic_relief``); whether facets, muscle, pain that persists and
pain of no tissue give up as much is an assumption with a switch. Drugs that block nothing have a relief of 0, so that
no switch changes what a senolytic does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from senospine.assays.readout import value_of
from senospine.errors import SenospineError, suggest

#: readings of the reach: which sources beside endplate and disc a systemic analgesic acts on
REACHES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "spine": (),
        "tissue": ("facet", "muscle"),
        "persisting": ("facet", "muscle", "persisting"),
        "all": ("facet", "muscle", "persisting", "central"),
    }
)
#: the gains of NGF and PGE2 were set from what drugs take of all the pain of all patients
DEFAULT_REACH = "all"


def reach_of(reading: str = DEFAULT_REACH) -> dict[str, float]:
    """Return for each source of pain outside endplate and disc the share of a systemic relief that it feels.

    Parameters
    ----------
    reading : {'spine', 'tissue', 'persisting', 'all'}
        Reaches nothing else; facets and muscle; also what endplate and disc began and what persists without them; also
        pain of no tissue. Shares are rows ``reach_*`` of ``parameters-human.csv``.

    Raises
    ------
    SenospineError
        Another reading.

    Examples
    --------
    >>> reach_of("tissue")
    {'facet': 1.0, 'muscle': 1.0, 'persisting': 0.0, 'central': 0.0}
    """
    if reading not in REACHES:
        raise SenospineError(f"no reach of systemic analgesics is called '{reading}'", remedy=suggest(reading, REACHES))
    return {kind: value_of(f"reach_{kind}") if kind in REACHES[reading] else 0.0 for kind in REACHES["all"]}
