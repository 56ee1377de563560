"""How fast virtual trials are: models and imputations of many trials, all ways, and whole trials from bank to analysis.

Set OPENBLAS_NUM_THREADS=1. Prints CPU milliseconds a trial, median of interleaved rounds (least-most).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from senospine.stats.imputation import compare_at, impute, impute_many
from senospine.stats.mmrm import mmrm, mmrm_many
from senospine.trial import parse_design, simulate_block, synthetic_bank

SIZES = ((240, 4), (400, 6))  # patients, visits
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


def trials(count: int, n: int, m: int, missed: float) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes and covariates of trials in which 30 % leave, and visits but the last are missed."""
    generator = np.random.default_rng(1)
    arm, base = np.arange(n) % 2, generator.normal(6, 1.2, (count, n))
    y = 0.5 * base[..., None] + generator.normal(0, 1.2, (count, n, 1)) + generator.normal(0, 1, (count, n, m))
    y[np.arange(m) >= generator.integers(1, 10 * m // 3, (count, n))[..., None]] = np.nan
    y[..., :-1][generator.random((count, n, m - 1)) < missed] = np.nan
    sex = generator.integers(0, 2, (count, n))
    return y, np.stack([np.ones((count, n)), np.broadcast_to(arm, (count, n)), base, sex], axis=2).astype(float)


def one_model(y: np.ndarray, x: np.ndarray) -> pd.DataFrame:
    """Return what one mixed model says of the last visit."""
    n, m = y.shape
    columns = {name: np.repeat(x[:, index], m) for index, name in enumerate(("one", "arm", "base", "sex"))}
    table = pd.DataFrame(
        {"id": np.repeat(np.arange(n), m), "visit": np.tile(np.arange(m), n), "y": y.ravel(), **columns}
    )
    fixed = ["arm*visit", "base*visit", "sex*visit"]
    fit = mmrm(table, outcome="y", subject="id", visit="visit", fixed=fixed, df="kenward-roger-linear")
    return fit.contrast({"arm": 1.0, f"arm:visit{m - 1}": 1.0})


def one_imputation(y: np.ndarray, x: np.ndarray) -> object:
    """Return the comparison after 25 imputations of one trial."""
    n, m = y.shape
    columns = {name: np.repeat(x[:, index], m) for index, name in enumerate(("one", "arm", "base", "sex"))}
    columns["arm"] = np.where(columns["arm"] > 0, "drug", "control")
    table = pd.DataFrame(
        {"id": np.repeat(np.arange(n), m), "visit": np.tile(np.arange(m), n), "y": y.ravel(), **columns}
    )
    made = impute(
        table, outcome="y", subject="id", visit="visit", arm="arm", reference="control", covariates=["base", "sex"],
        n_imputations=25,
    )  # fmt: skip
    return compare_at(made, m - 1, arm="drug", covariates=["base", "sex"])


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Return CPU milliseconds a trial."""
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start) / count


def jobs_of(n: int, m: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is measured with trials of one size, and of how many trials."""
    whole, gaps = trials(100, n, m, 0.0), trials(100, n, m, 0.05)
    arm = [0, 1, 0, 0]

    def imputed(y: np.ndarray, x: np.ndarray) -> object:
        return impute_many(y, x, 1, [np.random.default_rng(index) for index in range(len(y))], n_imputations=25)

    work: dict[str, tuple[Callable[[], object], int]] = {
        "mixed model, nobody comes back": (lambda: mmrm_many(*whole, arm), 100),
        "mixed model, 5 % missed": (lambda: mmrm_many(*gaps, arm), 100),
        "the same, Toeplitz": (lambda: mmrm_many(*gaps, arm, covariance="toeplitz"), 100),
        "the same, one by one": (lambda: [one_model(gaps[0][index], gaps[1][index]) for index in range(4)], 4),
        "imputation, nobody comes back": (lambda: imputed(*whole), 100),
        "imputation, 5 % missed": (lambda: imputed(*gaps), 100),
        "imputation, one by one": (lambda: one_imputation(gaps[0][0], gaps[1][0]), 1),
    }
    return {f"{n} x {m}, {name}": job for name, job in work.items()}


def main() -> None:
    """Measure and print."""
    plan = parse_design(DESIGN)
    bank = synthetic_bank({"drug": 1.0}, days=range(0, 372, 7))
    jobs = {name: job for size in SIZES for name, job in jobs_of(*size).items()}
    jobs["whole trials of 2 x 200 over 52 weeks"] = (lambda: simulate_block(plan, bank, 1, range(20)), 20)
    for work, _ in jobs.values():
        work()
    rounds = [{name: milliseconds(*job) for name, job in jobs.items()} for _ in range(9)]
    for name in jobs:
        spent = sorted(item[name] for item in rounds)
        sys.stdout.write(f"{name}: {spent[4]:.2f} ({spent[0]:.2f}-{spent[-1]:.2f}) ms of CPU a trial\n")


if __name__ == "__main__":
    main()
