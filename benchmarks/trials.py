"""How fast virtual trials are: one model for each of many trials, both ways, and whole trials from bank to analysis.

Set OPENBLAS_NUM_THREADS=1. Prints CPU milliseconds a trial, median of interleaved rounds (least-most).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from senospine.stats.mmrm import mmrm, mmrm_many
from senospine.trial import parse_design, simulate_block, synthetic_bank

VISITS = [2, 4, 8, 13, 26, 52]
DESIGN = """\
trial: year
question: How long does a year take?
patients: 400
weeks: 52
arms: {placebo: {control: pill}, drug: {therapy: drug}}
entry: {pain: {at_least: 4}, platelets: {at_least: 100}}
stratify: {sex: 1}
visits: [2, 4, 8, 13, 26, 52]
endpoints: {pain: {measure: pain, week: 52}}
dropout: {rate: 30 %, log_hazard_per_point: 0.3}
"""


def trials(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes and covariates of trials with 400 patients, 6 visits, 30 % leavers."""
    generator = np.random.default_rng(1)
    n, m = 400, len(VISITS)
    arm, base = np.arange(n) % 2, generator.normal(6, 1.2, (count, n))
    y = 0.5 * base[..., None] + generator.normal(0, 1.2, (count, n, 1)) + generator.normal(0, 1, (count, n, m))
    y[np.arange(m) >= generator.integers(1, 20, (count, n))[..., None]] = np.nan
    sex = generator.integers(0, 2, (count, n))
    return y, np.stack([np.ones((count, n)), np.broadcast_to(arm, (count, n)), base, sex], axis=2).astype(float)


def table(y: np.ndarray, x: np.ndarray) -> pd.DataFrame:
    """Return one trial as rows."""
    n, m = y.shape
    columns = {name: np.repeat(x[:, index], m) for index, name in enumerate(("one", "arm", "base", "sex"))}
    return pd.DataFrame({"id": np.repeat(np.arange(n), m), "visit": np.tile(VISITS, n), "y": y.ravel(), **columns})


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Return CPU milliseconds a trial."""
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start) / count


def main() -> None:
    """Measure and print."""
    y, x = trials(200)
    tables = [table(y[index], x[index]) for index in range(4)]
    fixed = ["arm*visit", "base*visit", "sex*visit"]
    plan = parse_design(DESIGN)
    bank = synthetic_bank({"drug": 1.0}, days=range(0, 372, 7))
    jobs: dict[str, tuple[Callable[[], object], int]] = {
        "mixed models, all at once": (lambda: mmrm_many(y, x, [0, 1, 0, 0]), 200),
        "mixed models, one by one": (
            lambda: [
                mmrm(one, outcome="y", subject="id", visit="visit", fixed=fixed, df="kenward-roger-linear").contrast(
                    {"arm": 1.0, "arm:visit52": 1.0}
                )
                for one in tables
            ],
            4,
        ),
        "whole trials of 2 x 200 over 52 weeks": (lambda: simulate_block(plan, bank, 1, range(20)), 20),
    }
    for work, _ in jobs.values():
        work()
    rounds = [{name: milliseconds(*job) for name, job in jobs.items()} for _ in range(9)]
    for name in jobs:
        spent = sorted(item[name] for item in rounds)
        sys.stdout.write(f"{name}: {spent[4]:.2f} ({spent[0]:.2f}-{spent[-1]:.2f}) ms of CPU a trial\n")


if __name__ == "__main__":
    main()
