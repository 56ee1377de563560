"""How long a mixed model for repeated measures takes, beside statsmodels' MixedLM on a model both fit.

Run with ``python benchmarks/mmrm.py [ROUNDS]``; needs statsmodels. CPU seconds of one process, all calls in turn in
each round, medians over rounds; set OMP_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import statsmodels.formula.api as formulas

from senospine.stats.mmrm import mmrm

COLUMNS = {"outcome": "y", "subject": "id", "visit": "visit"}


def trial(subjects: int, visits: int, *, dropout: bool) -> pd.DataFrame:
    """Return a trial of two arms; patients drop out, or miss single visits, in about one visit of six."""
    generator = np.random.default_rng(2024)
    root = np.tril(generator.normal(size=(visits, visits))) * 0.5 + np.eye(visits)
    arm, base = np.arange(subjects) % 2, generator.normal(5, 2, subjects)
    wide = generator.normal(size=(subjects, visits)) @ root.T + generator.normal(size=(subjects, 1))
    wide += base[:, None] + 0.2 * arm[:, None] * np.arange(visits)
    if dropout:
        missed = np.arange(visits) >= generator.geometric(0.05, subjects)[:, None]
    else:
        missed = generator.random(wide.shape) < 1 / 6
    wide[missed] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(subjects), visits),
            "visit": np.tile([f"V{number}" for number in range(1, visits + 1)], subjects),
            "arm": np.repeat(np.where(arm, "drug", "control"), visits),
            "base": np.repeat(base, visits),
            "y": wide.ravel(),
        }
    )


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(rounds: int) -> None:
    """Measure and tell."""
    drop, gaps = trial(1000, 8, dropout=True), trial(1000, 8, dropout=False)
    complete = drop.dropna()
    fixed = ["base*visit", "arm*visit"]

    def full(table: pd.DataFrame) -> object:
        fit = mmrm(table, fixed=fixed, df="kenward-roger", **COLUMNS)
        return fit.to_frame(), fit.differences("arm", by="visit")

    works: dict[str, Callable[[], object]] = {
        "unstructured, Kenward-Roger, dropout": lambda: full(drop),
        "unstructured, Kenward-Roger, gaps": lambda: full(gaps),
        "compound symmetry": lambda: mmrm(drop, fixed=fixed, covariance="cs", **COLUMNS).to_frame(),
        "MixedLM, random intercept": lambda: formulas.mixedlm(
            "y ~ base * visit + arm * visit", complete, groups="id"
        ).fit(),
    }
    ours = mmrm(drop, fixed=fixed, covariance="cs", **COLUMNS).log_likelihood
    theirs = float(formulas.mixedlm("y ~ base * visit + arm * visit", complete, groups="id").fit().llf)
    taken = np.array([[seconds(work) for work in works.values()] for _ in range(rounds)])
    sys.stdout.write(f"1000 subjects, 8 visits, {rounds} rounds; CPU seconds, median (least - most)\n")
    for name, column in zip(works, taken.T, strict=True):
        sys.stdout.write(f"  {name:38} {np.median(column):.3f} ({column.min():.3f} - {column.max():.3f})\n")
    ratio = np.median(taken[:, 3] / taken[:, 2])
    sys.stdout.write(f"  MixedLM takes {ratio:.1f} times as long; log likelihoods {theirs:.6f} and {ours:.6f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
