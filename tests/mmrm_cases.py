"""Tables of repeated measures that several tests use."""

from __future__ import annotations

import numpy as np
import pandas as pd


def long_table(
    wide: np.ndarray, arm: np.ndarray, base: np.ndarray | None = None, names: list[str] | None = None
) -> pd.DataFrame:
    """Return one row a subject and visit; NaN in ``wide`` (n_subjects, n_visits) is a missed visit."""
    n, m = wide.shape
    names = names or [f"V{number + 1}" for number in range(m)]
    table = pd.DataFrame(
        {
            "id": np.repeat([f"S{number:04d}" for number in range(n)], m),
            "visit": np.tile(names, n),
            "arm": np.repeat(np.where(arm == 1, "drug", "control"), m),
            "y": wide.ravel(),
        }
    )
    if base is not None:
        table["base"] = np.repeat(base, m)
    return table


def trial(seed: int, n: int = 60, m: int = 4, missing: float = 0.15) -> pd.DataFrame:
    """Return a trial of two arms whose patients miss visits at random."""
    generator = np.random.default_rng(seed)
    root = np.tril(generator.normal(size=(m, m))) + 2 * np.eye(m)
    base, arm = generator.normal(5, 2, size=n), np.arange(n) % 2
    wide = generator.normal(size=(n, m)) @ root.T + base[:, None] + arm[:, None] * np.arange(m)
    wide[generator.random((n, m)) < missing] = np.nan
    return long_table(wide, arm, base)


COLUMNS = {"outcome": "y", "subject": "id", "visit": "visit"}
