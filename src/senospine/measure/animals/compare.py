"""Groups compared with animals as n; parts of animals are refused, or go through a model that knows whose they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from senospine.errors import MeasureError, suggest
from senospine.measure.animals.kinds import BY_KIND, Effect, log_ratios
from senospine.measure.animals.repeated import compare_repeated
from senospine.measure.animals.summarise import UNITS, reason_for_units, summarise
from senospine.measure.reading import HIERARCHY, definition
from senospine.stats import hedges_g, hedges_g_interval, variance_split

_WHAT = ["definition", "variant", "session"]


def compare(
    table: pd.DataFrame,
    pairs: Iterable[Sequence[str]] | None = None,
    *,
    control: str | None = None,
    unit: str = "animal",
    model: Literal["animals", "mixed"] = "animals",
    resamples: int = 0,
    seed: int = 1,
) -> pd.DataFrame:
    """Compare groups, one row for each pair, definition, variant and session.

    Parameters
    ----------
    table : DataFrame
        What :func:`summarise` returns; with ``model='mixed'`` also the readings themselves.
    pairs : iterable of (group, versus), optional
        By default every group against ``control``, or against each other where none is named.
    control : str, optional
    unit : {'animal', 'cage'}
        What was assigned to treatments independently.
    model : {'animals', 'mixed'}
        ``animals``: a test of animals, by the kind of what was measured. ``mixed``: a random intercept for each
        animal, for repeated sessions or for the parts of animals, judged by t with animals minus groups degrees of
        freedom.
    resamples : int
        Of a parametric bootstrap that stands beside t in the mixed model; 0 for none, 999 takes about a second a row.
    seed : int
        Of bootstrap and of permutations that are too many to list.

    Returns
    -------
    DataFrame
        What was compared; ``n_group, n_versus``; the two means; ``effect`` and its ``effect_kind`` with
        ``low, high``; ``p``, ``p_adjusted`` (Benjamini and Hochberg over the variants of one definition, such as the
        analytes of a panel), ``p_permutation``; ``hedges_g`` with its bootstrap interval; ``between, within, icc``;
        ``test`` and ``warnings``.

    Raises
    ------
    MeasureError
        Cells, fields or sections as n; a group that does not exist; fewer than two groups.
    """
    if unit not in UNITS:
        raise MeasureError(f"a {unit} is no n", why=reason_for_units(), remedy=f"one of: {', '.join(UNITS)}")
    if model == "mixed":
        rows = [row for group, versus in _pairs(table, pairs, control) for row in
                compare_repeated(table, group, versus, unit, resamples=resamples)]  # fmt: skip
        return _with_adjusted(pd.DataFrame(rows))
    table = _gate(table, unit)
    table = table[[definition(str(identity)).tested for identity in table["definition"]]]
    if table.empty:
        return pd.DataFrame()
    rows = []
    for (identity, variant, session), parts in _with_ratios(table, unit).groupby(_WHAT, sort=False):
        for group, versus in _pairs(table, pairs, control):
            first, second = (parts[(parts["group"] == name) & np.isfinite(parts["value"])] for name in (group, versus))
            what = {"definition": identity, "variant": variant, "session": session, "group": group, "versus": versus}
            if len(first) and len(second):
                rows.append({**what, **_compared(parts, first, second, seed)})
            elif len(parts[parts["group"].isin([group, versus])]):
                rows.append({**what, "n_group": len(first), "n_versus": len(second), "effect_kind": "",
                             "test": "none", "warnings": "a group was not measured"})  # fmt: skip
    return _with_adjusted(pd.DataFrame(rows))


def _gate(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return a table with one row a unit, or say why the rows given are no n."""
    if "parts" not in table:
        key = [name for name in ("study", unit, "definition", "settings") if name in table]
        parts = [name for name in HIERARCHY[HIERARCHY.index(unit) + 1 :] if name in table and (table[name] != "").any()]
        if parts or table.duplicated(key).any():
            finest = parts[-1] if parts else "reading"
            units = table[unit].nunique() if unit in table else 0
            raise MeasureError(
                f"{len(table)} readings ({finest}s) of {units} {unit}s: the n is the {unit}, not the {finest}",
                why=reason_for_units(), remedy="compare(summarise(table), ...), or model='mixed'",
            )  # fmt: skip
        return summarise(table, unit)
    if unit not in table:
        raise MeasureError(f"the table was not summarised by {unit}", remedy=f"summarise(table, unit='{unit}')")
    doubled = table.duplicated(["study", unit, *_WHAT])
    if doubled.any() or (unit == "cage" and "animal" in table):
        raise MeasureError(f"more than one row for a {unit}", why=reason_for_units(),
                           remedy=f"summarise(table, unit='{unit}')")  # fmt: skip
    return table


def _pairs(table: pd.DataFrame, pairs: Iterable[Sequence[str]] | None, control: str | None) -> list[tuple[str, str]]:
    groups = list(dict.fromkeys(str(name) for name in table["group"]))
    if len(groups) < 2:
        raise MeasureError(f"there is one group, '{groups[0]}': nothing to compare it with", remedy="add another group")
    if control is not None and control not in groups:
        raise MeasureError(f"no group '{control}'", remedy=suggest(control, groups))
    if pairs is None:
        if control is not None:
            return [(name, control) for name in groups if name != control]
        return [(second, first) for index, first in enumerate(groups) for second in groups[index + 1 :]]
    chosen = []
    for group, versus in pairs:
        for name in (group, versus):
            if name not in groups:
                raise MeasureError(f"no group '{name}'", remedy=suggest(name, groups))
        chosen.append((group, versus))
    return chosen


def _with_ratios(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return the table with shares of a whole as log-ratios."""
    shares = table["definition"].map(lambda identity: definition(identity).kind == "composition")
    return table if not shares.any() else pd.concat([table[~shares], log_ratios(table[shares], unit)])


def _compared(parts: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame, seed: int) -> dict[str, Any]:
    item = definition(str(parts["definition"].iloc[0]))
    effect: Effect = BY_KIND[item.kind](first, second)
    a, b = first["value"].to_numpy(dtype=float), second["value"].to_numpy(dtype=float)
    limited = (
        item.kind in {"latency", "censored"} and np.isinf(pd.concat([first, second])[["low", "high"]].to_numpy()).any()
    )
    g = math.nan if limited or item.kind == "ordinal" else hedges_g(a, b)  # a limit has no distance from a mean
    g_low, g_high = hedges_g_interval(a, b, seed=seed) if math.isfinite(g) else (math.nan, math.nan)
    known = parts[np.isfinite(parts["value"]) & (parts["parts"] > 0)]
    split = variance_split(known["parts"], known["value"], known["within"], known["group"])
    if item.kind in {"ordinal", "composition", "latency", "censored"}:
        split = type(split)(*[math.nan] * 3)  # a median's squares are not a mean's
    kind = "difference of centred log-ratios" if item.kind == "composition" else effect.kind
    return {
        "n_group": len(a), "n_versus": len(b), "mean_group": float(a.mean()), "mean_versus": float(b.mean()),
        "effect_kind": kind, "effect": effect.value, "low": effect.low, "high": effect.high, "p": effect.p,
        "p_permutation": effect.p_permutation, "hedges_g": g, "g_low": g_low, "g_high": g_high,
        "between": split.between, "within": split.within, "icc": split.icc, "test": effect.test,
        "warnings": "; ".join(effect.warnings),
    }  # fmt: skip


_COLUMNS = (
    *_WHAT,
    "group",
    "versus",
    "n_group",
    "n_versus",
    "mean_group",
    "mean_versus",
    "effect_kind",
    "effect",
    "low",
    "high",
    "p",
    "p_adjusted",
    "p_permutation",
    "hedges_g",
    "hedges_g_interval",
    "g_low",
    "g_high",
    "between",
    "within",
    "icc",
    "test",
    "warnings",
)


def _with_adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    from scipy.stats import false_discovery_control

    rows = rows.reindex(columns=list(_COLUMNS))
    for column in ("effect", "p"):
        rows[column] = rows[column].astype(float)
    for _, family in rows.groupby(["definition", "session", "group", "versus"], sort=False):
        known = family["p"].dropna()
        if len(known):
            rows.loc[known.index, "p_adjusted"] = false_discovery_control(known.to_numpy())
    rows["p_adjusted"] = rows["p_adjusted"].astype(float)
    return rows
