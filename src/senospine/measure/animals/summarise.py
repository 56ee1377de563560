"""The gate: whatever was measured of an animal becomes one row, before anything is tested."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.reading import HIERARCHY, Definition, definition
from senospine.stats import wilson_interval

#: what may be assigned to a treatment by itself
UNITS = ("cage", "animal")

#: how often a test of cells at 5 % told groups apart that do not differ, by ICC: 5 animals a group, 30 cells each,
#: 4,000 experiments simulated (measured by this project; a test repeats it)
CELLS_AS_N = {0.1: 0.31, 0.3: 0.54, 0.5: 0.64}


def summarise(table: pd.DataFrame, unit: str = "animal") -> pd.DataFrame:
    """Return one row for each experimental unit, definition, variant and session.

    Counts and proportions are added up; latencies and values beyond limits become their median, which keeps what is
    known of it; scores the median of their discs' medians; everything else the mean of means, level by level from the
    cell up, so that a section with many fields weighs no more than one with few.

    Parameters
    ----------
    table : DataFrame
        As :func:`senospine.measure.readings_table` makes it.
    unit : {'animal', 'cage'}
        What was assigned to treatments independently: the cage where, say, a diet was given by cage.

    Returns
    -------
    DataFrame
        ``study, group, cage, animal`` (down to the unit), ``definition, variant, session, value, unit, low, high,
        count, total``, then ``parts`` (readings behind the row), ``within`` (their sum of squared deviations from
        their own mean) and ``warnings``.

    Raises
    ------
    MeasureError
        A cell, field, section or level as unit; a unit without a name or a group; one that stands in two groups.
    """
    if unit not in UNITS:
        raise MeasureError(
            f"a {unit} is no experimental unit" if unit in HIERARCHY else f"no unit '{unit}'", why=reason_for_units(),
            remedy=f"summarise by what was assigned independently; {suggest(unit, UNITS)}",
        )  # fmt: skip
    if table.empty:
        raise MeasureError("there is nothing to summarise", remedy="measure something first")
    missing = [name for name in (*HIERARCHY, "definition", "value", "settings") if name not in table]
    if missing:
        raise MeasureError(f"the table has no column '{missing[0]}'", remedy="start from a table of readings")
    table = with_variants(table)
    _check_places(table, unit)
    upper = list(HIERARCHY[: HIERARCHY.index(unit) + 1])
    rows = []
    keys = [*upper, "definition", "variant", "session"]
    for _, parts in table.groupby(keys, sort=False, dropna=False):
        place = {name: str(parts[name].iloc[0]) for name in keys}
        rows.append({**place, **_summary(parts, definition(place["definition"]), unit)})
    columns = [*upper, "definition", "variant", "session", "value", "unit", "low", "high", "count", "total"]
    return pd.DataFrame(rows)[[*columns, "parts", "within", "warnings"]]


def reason_for_units() -> str:
    """Return why parts of an animal are no n."""
    rates = ", ".join(f"{100 * rate:.0f} % at an ICC of {icc:g}" for icc, rate in CELLS_AS_N.items())
    return f"parts of one animal are alike; with them as n, groups that do not differ seem to in {rates}"


def variant_text(settings: Mapping[str, Any], item: Definition) -> str:
    """Return the settings that tell values of one definition apart, as a person writes them.

    Examples
    --------
    >>> variant_text({"force_g": 0.4, "paw": "left"}, definition("withdrawal_frequency/fixed-filament/x-of-n"))
    '0.4 g'
    """
    words = []
    for name in item.distinguished_by:
        value = settings.get(name, "")
        unit = " g" if name.endswith("_g") else ""
        words.append(f"{value:g}{unit}" if isinstance(value, (int, float)) else f"{value}")
    return ", ".join(word for word in words if word)


def with_variants(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of readings with ``variant`` and ``session``, and absent places as empty text.

    Where one study is named, readings that name none belong to it: else an animal in two sheets would count twice.
    Group and cage that stand with one of an animal's readings, such as its row in a sheet, hold for all of them.
    """
    settings = [json.loads(text) if isinstance(text, str) and text else {} for text in table["settings"]]
    items = [definition(identity) for identity in table["definition"]]
    places = {name: table[name].fillna("").astype(str) for name in HIERARCHY}
    named = set(places["study"]) - {""}
    if len(named) == 1:
        places["study"] = places["study"].replace("", named.pop())
    for name in ("group", "cage"):
        told = pd.DataFrame({"study": places["study"], "animal": places["animal"], name: places[name]})
        each = told[told[name] != ""].groupby(["study", "animal"])[name]
        only = each.agg(lambda names: "" if len(set(names)) > 1 else names.iloc[0]).to_dict()
        known = [only.get(key, "") for key in zip(places["study"], places["animal"], strict=True)]
        places[name] = places[name].where(places[name] != "", pd.Series(known, index=table.index, dtype=object))
    return table.assign(
        **places,
        variant=[variant_text(given, item) for given, item in zip(settings, items, strict=True)],
        session=[str(given.get("session", "")) for given in settings],
    )


def _check_places(table: pd.DataFrame, unit: str) -> None:
    for level in ("group", unit):
        nameless = table[table[level] == ""]
        if len(nameless):
            animals = ", ".join(sorted({str(name) for name in nameless["animal"]}))
            raise MeasureError(f"no {level} is given for animal {animals}", remedy=f"name the {level} in its sheet")
    for upper in ("group", "cage") if unit == "animal" else ("group",):
        for _, mine in table.groupby(["study", unit], sort=False):
            name, found = str(mine[unit].iloc[0]), mine[upper].unique()
            if len(found) > 1:
                told = " and ".join(f"'{home}'" for home in found)
                remedy = f"a name stands for one {unit}: correct the {upper}, or give the other {unit} another name"
                raise MeasureError(f"{unit} '{name}' stands in {upper} {told}", remedy=remedy)


def _summary(parts: pd.DataFrame, item: Definition, unit: str) -> dict[str, Any]:
    known = parts[np.isfinite(parts["value"].astype(float))]
    values = known["value"].to_numpy(dtype=float)
    warnings = list(dict.fromkeys(part for text in parts.get("warnings", []) for part in str(text).split("; ") if part))
    if len(known) < len(parts):
        warnings.append(f"{len(parts) - len(known)} of {len(parts)} readings have no value")
    found: dict[str, Any] = {"value": math.nan, "low": math.nan, "high": math.nan, "count": math.nan, "total": math.nan}
    if len(known):
        found |= _value(known, item, unit)
    within = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    return {**found, "unit": item.unit, "parts": len(values), "within": within, "warnings": "; ".join(warnings)}


def _value(known: pd.DataFrame, item: Definition, unit: str) -> dict[str, float]:
    values = known["value"].to_numpy(dtype=float)
    if item.kind in {"proportion", "count"} and (known["total"] > 0).all():
        count, total = float(known["count"].sum()), float(known["total"].sum())
        low, high = wilson_interval(count, total) if item.kind == "proportion" else (math.nan, math.nan)
        return {"value": count / total, "low": float(low), "high": float(high), "count": count, "total": total}
    if item.kind in {"latency", "censored"}:
        ends = known[["low", "high"]].to_numpy(dtype=float)
        limited = np.isinf(ends).any(axis=1)  # a finite interval is uncertainty, not a limit
        low = _median(np.where(limited, ends[:, 0], values), -math.inf)
        high = _median(np.where(limited, ends[:, 1], values), math.inf)
        if low == high:
            return {"value": low}
        bound = next((end for end in (low, high) if math.isfinite(end)), math.nan)
        return {"value": bound, "low": low, "high": high}
    return {"value": _nested(known, unit, np.median if item.kind == "ordinal" else np.mean)}


def _nested(known: pd.DataFrame, unit: str, middle: Callable[[list[float]], Any]) -> float:
    """Return the middle of the middles of the parts, level by level from the finest that is named."""
    finest = len(HIERARCHY)
    while finest > HIERARCHY.index(unit) + 1 and (known[HIERARCHY[finest - 1]] == "").all():
        finest -= 1
    places = zip(*(known[name] for name in HIERARCHY[:finest]), strict=True)
    parts = list(zip(places, known["value"].astype(float), strict=True))
    for depth in range(finest, HIERARCHY.index(unit), -1):
        together: dict[tuple[str, ...], list[float]] = {}
        for place, value in parts:
            together.setdefault(place[:depth], []).append(value)
        parts = [(place, float(middle(values))) for place, values in together.items()]
    return parts[0][1]


def _median(ends: NDArray[np.float64], unknown: float) -> float:
    """Return the median of ends, some infinite; ``unknown`` where it lies midway between both infinities."""
    lower, upper = np.sort(ends)[(len(ends) - 1) // 2], np.sort(ends)[len(ends) // 2]
    return unknown if np.isinf([lower, upper]).any() and lower != upper else float((lower + upper) / 2)
