"""Declared conversions: under which read-out of a study a measurement may enter, and on what scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from senospine.assays import Readout, readout
from senospine.errors import MeasureError, suggest
from senospine.measure.reading import definition
from senospine.yaml_files import read_yaml

Rule = Literal["scale", "fold_of_control", "log2_fold_of_control"]


@dataclass(frozen=True)
class Conversion:
    """One declared way from a definition to a read-out of :mod:`senospine.assays`.

    Attributes
    ----------
    definition, variant : str
        What was measured; an empty variant stands for values that have none.
    to : str
        Name of the read-out.
    rule : str
        ``scale`` multiplies by ``factor``; ``fold_of_control`` divides by the mean of the control group;
        ``log2_fold_of_control`` does so with 2 to the power of the value.
    factor : float
    reason : str
        Why this may be done.
    """

    definition: str
    variant: str
    to: str
    rule: Rule
    factor: float
    reason: str

    @property
    def readout(self) -> Readout:
        """Return the read-out it leads to."""
        return readout(self.to)


@cache
def conversions() -> tuple[Conversion, ...]:
    """Return all declared conversions."""
    folder = Path(__file__).parents[1] / "conversions"
    return tuple(_conversion(item) for path in sorted(folder.glob("*.yaml")) for item in read_yaml(path).data)


def _conversion(item: dict[str, Any]) -> Conversion:
    return Conversion(item["from"], str(item.get("variant", "")), item["to"], item["rule"],
                      float(item.get("factor", 1)), item["reason"])  # fmt: skip


def conversion(identity: str, variant: str) -> Conversion | None:
    """Return the conversion of a definition and variant, or None where none is declared."""
    definition(identity)
    return next((item for item in conversions() if (item.definition, item.variant) == (identity, variant)), None)


def as_readouts(animals: pd.DataFrame, control: str | None = None) -> pd.DataFrame:
    """Return the rows of a table of animals that a conversion is declared for, on the scale of the read-out.

    Columns are those of :func:`summarise`, with ``readout`` and ``convention``, the read-out's own definition;
    ``value, low, high`` and ``unit`` are the read-out's.

    Raises
    ------
    MeasureError
        A fold of control, but no control group is named, or it was not measured.
    """
    made = []
    for (identity, variant, session), parts in animals.groupby(["definition", "variant", "session"], sort=False):
        found = conversion(str(identity), str(variant))
        if found is None:
            continue
        target = found.readout
        scaled = _scaled(parts, found, control, str(session))
        made.append(scaled.assign(readout=target.name, convention=target.definition, unit=target.unit))
    if not made:
        return animals.iloc[:0].assign(readout="", convention="")
    return pd.concat(made, ignore_index=True)


def one_definition_each(measured: pd.DataFrame) -> None:
    """Refuse two definitions that stand for one read-out: an animal would count twice.

    Raises
    ------
    MeasureError
    """
    told = measured["definition"] + measured["variant"].map(lambda text: f" [{text}]" if text else "")
    for name, found in told.groupby(measured["readout"], sort=False).unique().items():
        if len(found) > 1:
            raise MeasureError(f"{' and '.join(found)} both stand for {name}", why="an animal would count twice",
                               remedy="leave one of them out of the table")  # fmt: skip


def _scaled(parts: pd.DataFrame, found: Conversion, control: str | None, session: str) -> pd.DataFrame:
    columns = ["value", "low", "high"]
    if found.rule == "scale":
        return parts.assign(**{name: parts[name].astype(float) * found.factor for name in columns})
    groups = list(dict.fromkeys(parts["group"]))
    if control is None or control not in groups:
        what = f"{found.to} is a fold of control, but " + ("no control group is named" if control is None else
                                                          f"group '{control}' was not measured")  # fmt: skip
        raise MeasureError(what, where=session or None, remedy=suggest(control or "", groups))
    values = {name: parts[name].astype(float) for name in columns}
    if found.rule == "log2_fold_of_control":
        values = {name: 2.0**column for name, column in values.items()}
    base = float(values["value"][(parts["group"] == control) & np.isfinite(values["value"])].mean())
    return parts.assign(**{name: column / base for name, column in values.items()})
