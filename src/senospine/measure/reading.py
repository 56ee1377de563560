"""What every measurement becomes: a value with its definition, place in the design, settings and inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import senospine
from senospine.errors import MeasureError, suggest
from senospine.yaml_files import read_yaml

if TYPE_CHECKING:
    import pandas as pd

#: from the whole to its parts; the experimental unit is one of these, ``animal`` unless the design says otherwise
HIERARCHY = ("study", "group", "cage", "animal", "level", "section", "field", "cell")

Kind = Literal["continuous", "count", "proportion", "latency", "censored", "ordinal", "composition"]


@dataclass(frozen=True)
class Definition:
    """What exactly a number means, so that values of different definitions are never mixed.

    Attributes
    ----------
    id : str
        Such as ``Tb.Sp/hr-sphere/voxel/margin``: symbol, method, convention, border rule.
    label, unit : str
    kind : str
        How it is distributed: decides how it may be summarised and compared. A ``latency`` is positive and may be cut
        off; a ``censored`` value may lie beyond a limit on either side.
    convention : str
        A sentence: how it is computed, with what choices.
    source : str
        DOI or the word ``assumption``.
    distinguished_by : tuple of str
        Settings that tell values of this definition apart, such as the force of a filament: they are summarised and
        compared each by itself.
    tested : bool
        False for the points of a curve, such as layers below a surface: they are described and told, never tested.
    """

    id: str
    label: str
    unit: str
    kind: Kind
    convention: str
    source: str
    distinguished_by: tuple[str, ...] = ()
    tested: bool = True


@dataclass(frozen=True)
class Reading:
    """One measured value.

    Attributes
    ----------
    definition : str
        A definition id.
    value : float
        In the definition's unit; NaN where it could not be measured, with the reason among the warnings.
    place : mapping of str to str
        Where it belongs, keys of :data:`HIERARCHY`; ``animal`` at least.
    low, high : float
        Interval of 95 % from the measurement itself, NaN where it has none. Of a latency cut off, ``high`` is
        infinite and ``low`` the cut-off; below a limit, ``low`` is minus infinite and ``high`` the limit. ``value``
        is then the limit.
    count, total : float
        What was counted, and of how many or over what area; NaN where nothing is counted.
    settings : mapping of str to number or str
        Thresholds, regions and other choices.
    inputs : mapping of str to str
        File name to SHA-256.
    warnings : tuple of str
    """

    definition: str
    value: float
    place: Mapping[str, str]
    low: float = math.nan
    high: float = math.nan
    count: float = math.nan
    total: float = math.nan
    settings: Mapping[str, float | str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        definition(self.definition)
        for name in self.place:
            if name not in HIERARCHY:
                raise MeasureError(f"'{name}' is no level of the design", remedy=suggest(name, HIERARCHY))
        if not self.place.get("animal"):
            raise MeasureError(f"a reading of {self.definition} belongs to no animal", remedy="name the animal")


@cache
def definitions() -> Mapping[str, Definition]:
    """Return all definitions by id."""
    found: dict[str, Definition] = {}
    for path in sorted((Path(__file__).parent / "definitions").glob("*.yaml")):
        for identity, item in read_yaml(path).data.items():
            assert identity not in found, f"{identity} is defined twice"
            found[identity] = Definition(
                identity, **{**item, "distinguished_by": tuple(item.get("distinguished_by", ()))}
            )
    return MappingProxyType(found)


def definition(identity: str) -> Definition:
    """Return one definition.

    Raises
    ------
    MeasureError
        No such definition.
    """
    if identity not in definitions():
        raise MeasureError(f"no definition '{identity}'", remedy=suggest(identity, definitions()))
    return definitions()[identity]


def readings_table(readings: Iterable[Reading]) -> pd.DataFrame:
    """Return readings as a table, one row each: what is written to a file and what a comparison starts from.

    Columns are :data:`HIERARCHY`, ``definition, value, unit, low, high, count, total``, then ``settings`` and
    ``inputs`` as JSON, ``warnings`` joined by semicolons, and ``software``.
    """
    import pandas as pd

    rows = [
        {
            **{name: item.place.get(name, "") for name in HIERARCHY},
            "definition": item.definition,
            "value": item.value,
            "unit": definition(item.definition).unit,
            "low": item.low,
            "high": item.high,
            "count": item.count,
            "total": item.total,
            "settings": json.dumps(dict(item.settings), sort_keys=True),
            "inputs": json.dumps(dict(item.inputs), sort_keys=True),
            "warnings": "; ".join(item.warnings),
            "software": f"senospine {senospine.__version__}",
        }
        for item in readings
    ]
    columns = [*HIERARCHY, "definition", "value", "unit", "low", "high", "count", "total"]
    return pd.DataFrame(rows, columns=[*columns, "settings", "inputs", "warnings", "software"])
