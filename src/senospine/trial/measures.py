"""What a trial can measure: what patients report, markers at visits, and states that only a simulation can see.

For each of them lower is better. A marker's values are kept as recorded and analysed on a scale of their own: plasma
levels as logarithms, so that a difference of arms is a ratio; findings of MRI as present or absent, so that it is a
difference of shares; grades as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from senospine.assays import MARKERS

Array = NDArray[np.float64]
#: states of a bank's patients that can be followed over time, for markers
FOLLOWED_STATES = ("endplate_senescence", "disc_senescence", "degeneration", "endplate_defect", "modic")
#: of these, what is there or not: no half of it is known
FINDINGS = ("endplate_defect", "modic")
_ORACLE = ", oracle"


@dataclass(frozen=True)
class Measure:
    """Something that is measured at visits.

    Attributes
    ----------
    name, label, unit : str
    scale : {'points', 'ratio', 'share'}
        What a difference of arms is: of means, of means of logarithms, or of shares.
    needs : tuple of str
        States a bank must follow; none for what patients report.
    step : str
        In what units a difference is told.
    reported : bool
        Whether patients report it; the rest is a marker.
    only_truth : bool
        Whether nobody can read it in a patient.
    """

    name: str
    label: str
    unit: str
    scale: str
    needs: tuple[str, ...]
    step: str
    reported: bool = False
    only_truth: bool = False

    def analysed(self, values: Array) -> Array:
        """Return recorded values on the scale of the analysis."""
        if self.scale == "ratio":
            return np.asarray(np.log(values))
        if self.scale == "share":
            return np.where(np.isnan(values), np.nan, values >= 0.5)
        return values


def _marker(name: str, scale: str, step: str) -> Measure:
    marker = MARKERS[name]
    needs = tuple(state for state in marker.needs if state in FOLLOWED_STATES)
    return Measure(name, marker.label, marker.unit, scale, needs, step)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        item.name: item
        for item in (
            Measure("pain", "pain, weekly mean", "points of 0-10", "points", (), "points of pain", True),
            Measure("odi", "Oswestry index", "%", "points", (), "% points of ODI", True),
            Measure("rmdq", "Roland-Morris score", "points of 0-24", "points", (), "points of RMDQ", True),
            *(_marker(name, "ratio", "ratio") for name in ("gdf15", "tcell_p16", "plasma_il6", "plasma_mmp3")),
            *(_marker(name, "share", "share of patients") for name in ("endplate_defect", "modic")),
            _marker("pfirrmann", "points", "grades"),
            Measure("endplate_senescence", "senescent cells of the endplate", "fold of a young adult", "ratio",
                    ("endplate_senescence",), "ratio", only_truth=True),
            Measure("disc_senescence", "senescent cells of the disc", "fold of a young adult", "ratio",
                    ("disc_senescence",), "ratio", only_truth=True),
        )
    }
)  # fmt: skip


def outcome_key(name: str, mode: str) -> str:
    """Return what tables of a trial call a measure: a marker in truth beside the same marker as recorded.

    Examples
    --------
    >>> outcome_key("gdf15", "oracle"), outcome_key("gdf15", "clinic"), measure_of("gdf15, oracle").unit
    ('gdf15, oracle', 'gdf15', 'pg/mL')
    """
    return name + (_ORACLE if mode == "oracle" else "")


def measure_of(key: str) -> Measure:
    """Return the measure of a key that tables of a trial use."""
    return MEASURES[key.removesuffix(_ORACLE)]


def is_oracle(key: str) -> bool:
    """Return whether a key is of the truth."""
    return key.endswith(_ORACLE)


def told(key: str) -> str:
    """Return a measure in words, with its unit."""
    item = measure_of(key)
    return f"{item.label}{' in truth' if is_oracle(key) else ''}, {item.unit}"
