"""What designs of every kind share: many experiments at once, animals as n, Welch's test, power with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senospine.stats import wilson_interval

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def spread(cv: float, size: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Return log-normal factors of mean one and coefficient of variation ``cv``."""
    sd = np.sqrt(np.log1p(cv**2))
    return np.asarray(np.exp(sd * generator.standard_normal(size) - sd**2 / 2))


def welch_p(first: Array, second: Array) -> Array:
    """Return p of Welch's test for each row of two arrays (experiments, animals); 1 where nothing varies."""
    from scipy.special import stdtr

    n = first.shape[1]
    a, b = first.var(axis=1, ddof=1) / n, second.var(axis=1, ddof=1) / n
    known = a + b > 0
    both = np.where(known, a + b, 1.0)
    t = np.abs(first.mean(axis=1) - second.mean(axis=1)) / np.sqrt(both)
    freedom = (n - 1) * both**2 / np.where(known, a**2 + b**2, 1.0)
    return np.where(known, 2 * stdtr(freedom, -t), 1.0)


def power_table(designs: Iterable[tuple[dict[str, int], Array, Array]], alpha: float, what: str) -> pd.DataFrame:
    """Return one row a design: its numbers, ``power`` with Wilson's ``low, high``, the control animals' mean ``what``.

    Parameters
    ----------
    designs : iterable of (numbers, control, treated)
        What each animal gave, two arrays (experiments, animals).
    """
    import pandas as pd

    rows = []
    for numbers, control, treated in designs:
        hits = int((welch_p(control, treated) < alpha).sum())
        low, high = wilson_interval(hits, len(control))
        told = {"power": hits / len(control), "low": float(low), "high": float(high), what: float(control.mean())}
        rows.append({**numbers, **told})
    return pd.DataFrame(rows)
