"""How often a mixed model finds an effect that is not there, by degrees of freedom, in small trials with dropout.

Run with ``python benchmarks/mmrm_size.py [TRIALS]``: 24 patients in two arms, four visits, correlations of 0.6, unequal
variances, patients leaving at random; the difference at the last visit at two-sided 5 %. Same trials for every method.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from senospine.stats.mmrm import mmrm

METHODS = ("satterthwaite", "kenward-roger", "kenward-roger-linear")
PATIENTS, VISITS = 24, 4


def trial(generator: np.random.Generator) -> pd.DataFrame:
    """Return one trial without effect."""
    root = np.linalg.cholesky(0.6 + 0.4 * np.eye(VISITS)) * np.array([1.0, 1.2, 1.5, 2.0])[:, None]
    wide = generator.normal(size=(PATIENTS, VISITS)) @ root.T
    wide[np.arange(VISITS) >= generator.integers(1, 14, PATIENTS)[:, None]] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(PATIENTS), VISITS),
            "visit": np.tile(np.arange(VISITS), PATIENTS),
            "arm": np.repeat(np.where(np.arange(PATIENTS) % 2, "drug", "control"), VISITS),
            "y": wide.ravel(),
        }
    )


def main(trials: int) -> None:
    """Simulate and tell."""
    generator = np.random.default_rng(0)
    found = np.full((trials, len(METHODS)), np.nan)
    for number in range(trials):
        table = trial(generator)
        for column, df in enumerate(METHODS):
            fit = mmrm(table, outcome="y", subject="id", visit="visit", fixed=["arm*visit"], df=df)
            if fit.convergence.ok:
                found[number, column] = fit.differences("arm", by="visit")["p"].iloc[-1] < 0.05
    used = np.isfinite(found).all(axis=1)
    error = (0.05 * 0.95 / used.sum()) ** 0.5
    sys.stdout.write(f"{used.sum()} of {trials} trials estimated; Monte-Carlo error {error:.2%}\n")
    for name, share in zip(METHODS, found[used].mean(axis=0), strict=True):
        sys.stdout.write(f"  {name:22} {share:.2%}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
