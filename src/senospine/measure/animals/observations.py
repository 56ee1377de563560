"""Observations: what a calibration takes of a laboratory's own animals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from senospine.measure.animals.conversions import as_readouts, conversion
from senospine.measure.animals.summarise import summarise
from senospine.measure.reading import definition

#: likelihood of a group's animals, by kind
LIKELIHOODS = {
    "continuous": "normal", "composition": "normal", "count": "poisson", "proportion": "beta-binomial",
    "latency": "log-normal, right-censored", "censored": "normal, censored", "ordinal": "cumulative logit",
}  # fmt: skip


@dataclass(frozen=True)
class Observation:
    """One group's read-out, as a calibration takes it.

    Attributes
    ----------
    name : str
        A read-out of :mod:`senospine.assays` where a conversion is declared, else the definition's own id.
    group, session : str
    value, se : float
        Mean over experimental units and its standard error; NaN where one unit was measured.
    n_units : int
        Experimental units, never cells.
    likelihood : str
    unit, convention : str
        The convention is the definition a model's observation must have to be compared with it.
    values : tuple of float
        One for each unit, on the scale of ``value``.
    limits : tuple of (float, float)
        Of each unit the limits between which it is known to lie, where one of them is infinite; else its value twice.
    counts : tuple of (float, float)
        Of each unit what was counted and of how many or over what area, as measured; NaN where nothing was.
    source_hash : tuple of str
        SHA-256 of every input.
    source : str
        ``measured``: never to be mixed with what was read from a paper.
    """

    name: str
    group: str
    session: str
    value: float
    se: float
    n_units: int
    likelihood: str
    unit: str
    convention: str
    values: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]
    counts: tuple[tuple[float, float], ...]
    source_hash: tuple[str, ...]
    source: str = "measured"


def to_observations(table: pd.DataFrame, *, control: str | None = None, unit: str = "animal") -> list[Observation]:
    """Return one observation for each group, read-out and session of a table of readings.

    A definition enters under its own id, or under a read-out's name by a declared conversion; nothing else is let in.

    Parameters
    ----------
    table : DataFrame
        As :func:`senospine.measure.readings_table` makes it.
    control : str, optional
        The group that folds are taken of.
    unit : {'animal', 'cage'}

    Raises
    ------
    MeasureError
        See :func:`summarise`; a fold of control without its control group.
    """
    animals = summarise(table, unit)
    keyed = [
        conversion(str(i), str(v)) is not None for i, v in zip(animals["definition"], animals["variant"], strict=True)
    ]
    converted = as_readouts(animals[keyed], control)
    own = animals[~np.array(keyed)]
    names = own["definition"] + own["variant"].map(lambda text: f" [{text}]" if text else "")
    own = own.assign(readout=names, convention=own["definition"])
    hashes = _hashes(table)
    made = []
    for part in (converted, own):
        for (group, name, identity, session), rows in part.groupby(
            ["group", "readout", "definition", "session"], sort=False
        ):
            known = rows[np.isfinite(rows["value"].astype(float))]
            if len(known):
                source = hashes.get((str(group), str(identity)), ())
                made.append(_observation(known, str(group), str(name), str(session), source))
    return made


def _observation(rows: pd.DataFrame, group: str, name: str, session: str, source: tuple[str, ...]) -> Observation:
    values = rows["value"].to_numpy(dtype=float)
    low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
    limited = np.isinf(low) | np.isinf(high)
    se = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Observation(
        name, group, session, float(values.mean()), se, len(values),
        LIKELIHOODS[definition(str(rows["definition"].iloc[0])).kind], str(rows["unit"].iloc[0]),
        str(rows["convention"].iloc[0]), tuple(values.tolist()),
        tuple(zip(np.where(limited, low, values).tolist(), np.where(limited, high, values).tolist(), strict=True)),
        tuple(zip(rows["count"].astype(float).tolist(), rows["total"].astype(float).tolist(), strict=True)), source,
    )  # fmt: skip


def _hashes(table: pd.DataFrame) -> dict[tuple[str, str], tuple[str, ...]]:
    import json

    found: dict[tuple[str, str], set[str]] = {}
    for group, identity, inputs in zip(table["group"], table["definition"], table["inputs"], strict=True):
        found.setdefault((str(group), str(identity)), set()).update(json.loads(inputs or "{}").values())
    return {key: tuple(sorted(values)) for key, values in found.items()}
