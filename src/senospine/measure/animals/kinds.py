"""How two groups of animals are compared, by the kind of what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.stats import (
    compare_proportions,
    compare_rates,
    fit_censored,
    fit_cumulative_logit,
    gehan_scores,
    permutation_p,
    welch,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What a comparison found: an effect with its interval of 95 %, the p it is judged by, and how."""

    kind: str
    value: float
    low: float
    high: float
    p: float
    p_permutation: float
    test: str
    warnings: tuple[str, ...] = ()


def compare_continuous(first: pd.DataFrame, second: pd.DataFrame) -> Effect:
    """Return the difference of the animals' means by Welch's test."""
    a, b = _values(first), _values(second)
    found = welch(a, b)
    warnings: tuple[str, ...] = ()
    if min(len(a), len(b)) < 2:
        warnings += ("a group of one has no spread: nothing can be tested",)
    elif np.ptp(a) == 0 and np.ptp(b) == 0:
        warnings += ("nothing varies within the groups: are these measurements?",)
    return Effect("difference of means", found.value, found.low, found.high, found.p, permutation_p(a, b),
                  "Welch's t test of animals", warnings)  # fmt: skip


def compare_proportion(first: pd.DataFrame, second: pd.DataFrame) -> Effect:
    """Return the odds ratio, overdispersion between animals allowed for."""
    found, dispersion = compare_proportions(_counts(first), _counts(second))
    p = permutation_p(_values(first), _values(second))
    return Effect("odds ratio", math.exp(found.value), math.exp(found.low), math.exp(found.high), found.p, p,
                  f"quasi-binomial t test of animals, dispersion {dispersion:.2g}")  # fmt: skip


def compare_count(first: pd.DataFrame, second: pd.DataFrame) -> Effect:
    """Return the ratio of rates, overdispersion between animals allowed for."""
    if not all((item["total"] > 0).all() for item in (first, second)):
        return compare_continuous(first, second)
    found, dispersion = compare_rates(_counts(first), _counts(second))
    p = permutation_p(_values(first), _values(second))
    return Effect("ratio of rates", math.exp(found.value), math.exp(found.low), math.exp(found.high), found.p, p,
                  f"quasi-Poisson t test of animals, dispersion {dispersion:.2g}")  # fmt: skip


def compare_latency(first: pd.DataFrame, second: pd.DataFrame) -> Effect:
    """Return the ratio of geometric means, latencies at the cut-off known only to be longer."""
    zero = tuple(item for item in (first, second) if (item["value"] <= 0).any())
    if zero:
        return compare_censored(first, second, note="a latency of zero has no logarithm: compared in seconds")
    found = compare_censored(_logged(first), _logged(second))
    return Effect("ratio of geometric means", math.exp(found.value), math.exp(found.low), math.exp(found.high), found.p,
                  found.p_permutation, f"{found.test}, of logarithms", found.warnings)  # fmt: skip


def compare_censored(first: pd.DataFrame, second: pd.DataFrame, note: str = "") -> Effect:
    """Return the difference of means, values beyond a limit known only to lie there."""
    warnings: tuple[str, ...] = (note,) if note else ()
    if not any(_is_limited(item).any() for item in (first, second)):
        found = compare_continuous(first, second)
        return Effect(found.kind, found.value, found.low, found.high, found.p, found.p_permutation, found.test,
                      found.warnings + warnings)  # fmt: skip
    low, high = (np.concatenate([_ends(item)[i] for item in (first, second)]) for i in (0, 1))
    scores = gehan_scores(low, high)
    p = permutation_p(scores[: len(first)], scores[len(first) :])
    design = np.stack([np.ones(len(low)), np.arange(len(low)) < len(first)], axis=1).astype(float)
    limited = int(sum(_is_limited(item).sum() for item in (first, second)))
    warnings += (f"{limited} of {len(low)} animals lie beyond a limit",)
    try:
        fit = fit_censored(low, high, design)
    except ValueError as flaw:
        return Effect("difference of means", math.nan, math.nan, math.nan, p, p, "permutation of Gehan's scores",
                      (*warnings, str(flaw)))  # fmt: skip
    from scipy.special import stdtr, stdtrit

    df, value, error = len(low) - 2, float(fit.coefficients[1]), float(np.sqrt(fit.covariance[1, 1]))
    half = float(stdtrit(df, 0.975)) * error
    return Effect(
        "difference of means",
        value,
        value - half,
        value + half,
        float(2 * stdtr(df, -abs(value) / error)),
        p,
        f"censored normal likelihood of animals, t({df})",
        warnings,
    )


def compare_ordinal(first: pd.DataFrame, second: pd.DataFrame) -> Effect:
    """Return the odds ratio of a higher score; only the order of scores counts."""
    from scipy.special import stdtrit
    from scipy.stats import rankdata

    values = np.concatenate([_values(first), _values(second)])
    ranks = rankdata(values)
    p = permutation_p(ranks[: len(first)], ranks[len(first) :])
    test = "permutation of ranks; effect by cumulative logit"
    try:
        fit = fit_cumulative_logit(values, np.arange(len(values)) < len(first))
    except ValueError as flaw:
        return Effect("odds ratio", math.nan, math.nan, math.nan, p, p, test, (str(flaw),))
    half = float(stdtrit(len(values) - 2, 0.975)) * fit.error if len(values) > 2 else math.nan
    return Effect("odds ratio", math.exp(fit.log_odds), math.exp(fit.log_odds - half), math.exp(fit.log_odds + half),
                  p, p, test)  # fmt: skip


BY_KIND: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], Effect]] = {
    "continuous": compare_continuous,
    "composition": compare_continuous,
    "proportion": compare_proportion,
    "count": compare_count,
    "latency": compare_latency,
    "censored": compare_censored,
    "ordinal": compare_ordinal,
}


def log_ratios(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return shares of a whole as centred log-ratios, the scale on which they may be compared.

    A share of zero is set to half a second of its window and the others are shrunk to match (Martín-Fernández 2003,
    doi 10.1023/A:1023866030544).
    """
    made = []
    for _, parts in table.groupby(["study", "group", unit, "session"], sort=False):
        share = parts["value"].to_numpy(dtype=float)
        least = 0.5 / parts["total"].to_numpy(dtype=float)
        zero = share <= 0
        share = np.where(zero, least, share * (1 - least[zero].sum()))
        logs = np.log(share)
        made.append(parts.assign(value=logs - logs.mean()))
    return pd.concat(made)


def _values(table: pd.DataFrame) -> Array:
    return table["value"].to_numpy(dtype=float)


def _counts(table: pd.DataFrame) -> tuple[Array, Array]:
    return table["count"].to_numpy(dtype=float), table["total"].to_numpy(dtype=float)


def _is_limited(table: pd.DataFrame) -> NDArray[np.bool_]:
    low, high = table["low"].to_numpy(dtype=float), table["high"].to_numpy(dtype=float)
    return np.asarray(~(np.isnan(low) | np.isnan(high)) & (low != high))


def _ends(table: pd.DataFrame) -> tuple[Array, Array]:
    limited, values = _is_limited(table), _values(table)
    return (
        np.where(limited, table["low"].to_numpy(dtype=float), values),
        np.where(limited, table["high"].to_numpy(dtype=float), values),
    )


def _logged(table: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(divide="ignore"):
        return table.assign(**{name: np.log(table[name].astype(float)) for name in ("value", "low", "high")})
