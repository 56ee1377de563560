"""Groups told in numbers: n, centre, spread and interval, by the kind of what was measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from senospine.measure.reading import definition
from senospine.stats import fit_beta_binomial, kaplan_meier_median


def describe(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each group, definition, variant and session of a table of animals.

    Columns: ``n`` with a value and ``n_missing``; ``mean, sd``; ``low, high``, the interval of 95 % of the mean (of a
    proportion by beta-binomial likelihood, else by t); ``median`` (of latencies Kaplan and Meier's) with
    ``median_is_bound``; ``overdispersion``, the correlation between two applications to one animal; ``n_limited``,
    animals known only to lie beyond a limit.
    """
    rows = []
    for (group, identity, variant, session), parts in table.groupby(
        ["group", "definition", "variant", "session"], sort=False
    ):
        what = {"group": group, "definition": identity, "variant": variant, "session": session}
        rows.append({**what, "unit": definition(str(identity)).unit, **_numbers(parts, definition(str(identity)).kind)})
    return pd.DataFrame(rows)


def _numbers(parts: pd.DataFrame, kind: str) -> dict[str, Any]:
    from scipy.special import stdtrit

    known = parts[np.isfinite(parts["value"].astype(float))]
    values = known["value"].to_numpy(dtype=float)
    limited = np.isinf(known[["low", "high"]].to_numpy(dtype=float)).any(axis=1)
    n = len(values)
    found: dict[str, Any] = {"n": n, "n_missing": len(parts) - n, "n_limited": int(limited.sum())}
    if not n:
        return found
    sd = float(values.std(ddof=1)) if n > 1 else math.nan
    half = float(stdtrit(n - 1, 0.975)) * sd / math.sqrt(n) if n > 1 else math.nan
    mean = float(values.mean())
    found |= {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "median": float(np.median(values)),
              "median_is_bound": False, "overdispersion": math.nan}  # fmt: skip
    if kind == "proportion" and (known["total"] > 0).all():
        fit = fit_beta_binomial(known["count"], known["total"])
        found |= {"low": fit.low, "high": fit.high, "overdispersion": fit.rho}
    elif kind in {"latency", "censored"} and limited.any():
        found |= {"low": math.nan, "high": math.nan}  # a mean of limits has no interval
        if not np.isneginf(known["low"].to_numpy(dtype=float)).any():
            found["median"], found["median_is_bound"] = kaplan_meier_median(values, limited)
    return found
