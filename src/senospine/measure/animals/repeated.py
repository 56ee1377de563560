"""Repeated sessions and parts of animals: a model that knows which values belong to one animal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.animals.summarise import summarise, with_variants
from senospine.measure.reading import Definition, definition
from senospine.stats import bootstrap_p, fit_cumulative_logit, fit_random_intercept, permutation_p, welch

Array = NDArray[np.float64]

ALL = "all sessions"

#: from the scale of the model to what is told, and its name
_BACK: dict[str, tuple[Callable[[float], float], str]] = {
    "": (float, "difference of means"), "log odds": (math.exp, "odds ratio"),
    "logarithm": (math.exp, "ratio of geometric means"),
}  # fmt: skip


def compare_repeated(
    table: pd.DataFrame, group: str, versus: str, unit: str, *, resamples: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield a row for each definition and variant: the groups' difference over all sessions and parts.

    Sessions enter as levels of their own. Where there are two or more, a second row holds how the difference changes
    from the first session to the last, by each unit's own change. Proportions are compared as empirical log odds,
    latencies as logarithms, scores by a cumulative logit with a random intercept. ``resamples`` asks for a
    parametric bootstrap p besides.
    """
    if "parts" not in table:
        summarise(table, unit)  # the same refusals
        table = with_variants(table)
    table = table[table["group"].isin([group, versus]) & np.isfinite(table["value"].astype(float))]
    for (identity, variant), parts in table.groupby(["definition", "variant"], sort=False):
        item = definition(str(identity))
        what = {"definition": identity, "variant": variant, "group": group, "versus": versus}
        units = parts.groupby("group")[unit].nunique()
        n = {"n_group": int(units.get(group, 0)), "n_versus": int(units.get(versus, 0))}
        if min(n.values()) < 1:
            yield {
                **what,
                **n,
                "session": ALL,
                "effect_kind": "",
                "test": "none",
                "warnings": "a group was not measured",
            }
            continue
        if item.kind == "ordinal":
            yield {**what, **n, "session": ALL, **_ordinal(parts, group, unit, sum(n.values()) - 2)}
            continue
        yield from ({**what, **n, **row} for row in _linear(parts, item, group, unit, sum(n.values()) - 2, resamples))


def _linear(
    parts: pd.DataFrame, item: Definition, group: str, unit: str, df: int, resamples: int
) -> Iterator[dict[str, Any]]:
    y, kind = _scale(parts, item)
    sessions = list(dict.fromkeys(parts["session"]))
    treated: Array = np.asarray(parts["group"] == group, dtype=float)
    dummies = np.array([[float(name == session) for session in sessions] for name in parts["session"]])
    share = dummies.mean(axis=0)
    columns = [*dummies.T, treated] + [treated * (dummies[:, i] - share[i]) for i in range(1, len(sessions))]
    design, labels = np.stack(columns, axis=1), (parts["study"] + "/" + parts[unit]).to_numpy()
    if np.linalg.matrix_rank(design) < design.shape[1]:  # a group that misses a session has no difference there
        design = design[:, : len(sessions) + 1]
    warnings = []
    limited = np.isinf(parts[["low", "high"]].to_numpy(dtype=float)).any(axis=1).sum()
    if limited and item.kind in {"latency", "censored"}:
        warnings.append(f"{limited} values beyond a limit are taken at the limit: the difference is too small")
    try:
        fit = fit_random_intercept(y, design, labels)
    except ValueError as error:
        raise MeasureError(f"{item.id} cannot be modelled: {error}", remedy="measure more animals") from None
    width = design.shape[1]
    contrast = np.eye(width)[len(sessions)]
    value, low, high, p = fit.contrast(contrast, df)
    by_bootstrap = bootstrap_p(y, design, labels, contrast, resamples=resamples) if resamples else math.nan
    back, words = _BACK[kind]
    over = f"{words} over sessions" if len(sessions) > 1 else words
    yield {
        "session": ALL, "effect_kind": over, "effect": back(value), "low": back(low), "high": back(high), "p": p,
        "p_permutation": math.nan, "between": fit.between, "within": fit.within, "icc": fit.icc,
        "test": f"random intercept for each {unit}, t({df})"
                + (f"; parametric bootstrap p {by_bootstrap:.3g}" if resamples else ""),
        "warnings": "; ".join(warnings),
    }  # fmt: skip
    if len(sessions) > 1:
        yield from _change(parts, y, labels, treated, (sessions[0], sessions[-1]), unit, kind, warnings)


def _change(
    parts: pd.DataFrame, y: Array, labels: NDArray[Any], treated: Array, ends: tuple[str, str], unit: str, kind: str,
    warnings: list[str],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield how the difference changes between two sessions, from each unit's own change.

    A model with an intercept alone would take units that change by different amounts for surer than they are.
    """
    means = pd.DataFrame({"unit": labels, "treated": treated, "session": parts["session"].to_numpy(), "y": y})
    wide = means.pivot_table("y", ["unit", "treated"], "session").reset_index("treated")
    wide = wide.dropna(subset=list(ends))
    change = wide[ends[1]] - wide[ends[0]]
    first, second = (change[wide["treated"] == which].to_numpy(dtype=float) for which in (1.0, 0.0))
    if not len(first) or not len(second):
        return
    found = welch(first, second)
    back, words = _BACK[kind]
    yield {
        "session": f"{ends[1]} − {ends[0]}", "effect_kind": f"change of the {words}", "effect": back(found.value),
        "low": back(found.low), "high": back(found.high), "p": found.p, "p_permutation": permutation_p(first, second),
        "between": math.nan, "within": math.nan, "icc": math.nan, "test": f"Welch's t test of each {unit}'s change",
        "warnings": "; ".join(warnings),
    }  # fmt: skip


def _scale(parts: pd.DataFrame, item: Definition) -> tuple[Array, str]:
    """Return values on a scale where a normal model is fair, and what that scale is called."""
    values = parts["value"].to_numpy(dtype=float)
    if item.kind in {"proportion", "composition"} and (parts["total"] > 0).all():
        k, n = parts["count"].to_numpy(dtype=float), parts["total"].to_numpy(dtype=float)
        return np.log((k + 0.5) / (n - k + 0.5)), "log odds"
    if item.kind == "latency" and (values > 0).all():
        return np.log(values), "logarithm"
    return values, ""


def _ordinal(parts: pd.DataFrame, group: str, unit: str, df: int) -> dict[str, Any]:
    from scipy.special import stdtr, stdtrit

    labels = (parts["study"] + "/" + parts[unit]).to_numpy()
    test = f"cumulative logit, random intercept for each {unit}, t({df})"
    try:
        fit = fit_cumulative_logit(parts["value"].to_numpy(dtype=float), (parts["group"] == group).to_numpy(), labels)
    except ValueError as error:
        return {"effect_kind": "odds ratio", "effect": math.nan, "p": math.nan, "test": test, "warnings": str(error)}
    half = float(stdtrit(df, 0.975)) * fit.error if df > 0 else math.nan
    between, within = fit.unit_sd**2, math.pi**2 / 3  # of a standard logistic
    p = float(2 * stdtr(df, -abs(fit.log_odds) / fit.error)) if df > 0 else math.nan
    return {
        "effect_kind": "odds ratio", "effect": math.exp(fit.log_odds), "low": math.exp(fit.log_odds - half),
        "high": math.exp(fit.log_odds + half), "p": p, "p_permutation": math.nan, "between": between, "within": within,
        "icc": between / (between + within), "test": test, "warnings": "",
    }  # fmt: skip
