"""Thousands of trials at once say of each trial what the one-trial estimators say, to rounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, long_table

from senospine.errors import AnalysisError
from senospine.stats.imputation import compare_at, impute, impute_many
from senospine.stats.mmrm import ancova, ancova_many, mmrm, mmrm_many

FIELDS = ("estimate", "se", "df", "p", "lower", "upper")


def leavers(seed: int, n: int = 60, m: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes (n, m) of patients some of whom leave for good, and covariates one, arm, baseline, stratum."""
    generator = np.random.default_rng(seed)
    arm, base, stratum = np.arange(n) % 2, generator.normal(6, 1.5, n), generator.integers(0, 2, n)
    root = np.tril(generator.normal(0.5, 0.5, size=(m, m))) + 1.5 * np.eye(m)
    y = generator.normal(size=(n, m)) @ root.T + 0.6 * base[:, None] - np.outer(arm, np.linspace(0.2, 1, m))
    y[np.arange(m) >= generator.integers(0, 3 * m, n)[:, None]] = np.nan
    return y, np.column_stack([np.ones(n), arm, base, stratum]).astype(float)


def as_table(y: np.ndarray, x: np.ndarray) -> pd.DataFrame:
    table = long_table(y, x[:, 1], x[:, 2])
    return table.assign(stratum=np.repeat(x[:, 3], y.shape[1]))


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger-linear"])
@pytest.mark.parametrize(("n", "m"), [(24, 2), (40, 4), (120, 6)])
def test_many_mixed_models_are_each_the_mixed_model(df: str, n: int, m: int) -> None:
    """The closed form against Newton's method on the likelihood: estimates, errors and degrees of freedom."""
    trials = [leavers(seed, n, m) for seed in range(4)]
    many = mmrm_many([y for y, _ in trials], [x for _, x in trials], [0, 1, 0, 0], df=df)
    for index, (y, x) in enumerate(trials):
        fit = mmrm(as_table(y, x), fixed=["arm*visit", "base*visit", "stratum*visit"], df=df, **COLUMNS)
        assert fit.convergence.ok
        one = fit.contrast({"armdrug": 1.0, f"armdrug:visitV{m}": 1.0}).iloc[0]
        np.testing.assert_allclose([getattr(many, name)[index] for name in FIELDS], one[list(FIELDS)], rtol=2e-6)
        assert many.used[index] == fit.n_subjects


def test_smaller_trials_are_filled_up_and_scale_does_not_matter() -> None:
    y, x = leavers(3)
    filled = mmrm_many(
        np.stack([np.vstack([y, np.full((9, 4), np.nan)]), 1e3 * np.vstack([y, np.full((9, 4), np.nan)])]),
        np.stack([np.vstack([x, np.zeros((9, 4))])] * 2), [0, 1, 0, 0],
    )  # fmt: skip
    one = mmrm_many(y[None], x[None], [0, 1, 0, 0])
    np.testing.assert_allclose(filled.estimate, one.estimate[0] * np.array([1, 1e3]), rtol=1e-9)
    np.testing.assert_allclose(filled.df, one.df[0], rtol=1e-9)


def test_a_trial_that_cannot_be_estimated_is_not_a_number_and_harms_no_other() -> None:
    y, x = leavers(4)
    bad = x.copy()
    bad[:, 3] = bad[:, 1]
    many = mmrm_many([y, y], [x, bad], [0, 1, 0, 0])
    assert np.isnan(many.p).tolist() == [False, True]
    assert many.p[0] == mmrm_many([y], [x], [0, 1, 0, 0]).p[0]


def test_unknown_degrees_of_freedom_are_refused() -> None:
    y, x = leavers(5)
    with pytest.raises(AnalysisError, match="did you mean 'satterthwaite'"):
        mmrm_many([y], [x], [0, 1, 0, 0], df="satterthwait")


def test_a_covariate_that_is_the_same_for_all_says_nothing_and_costs_nothing() -> None:
    y, x = leavers(9)
    flat = x.copy()
    flat[:, 3] = 1.0
    for many in (
        mmrm_many([y, y], [flat, x], [0, 1, 0, 0]),
        ancova_many([y[:, -1]] * 2, [flat, x], [0, 1, 0, 0]),
        impute_many([y, y], [flat, x], 1, [np.random.default_rng(7), np.random.default_rng(8)]).contrasts(),
    ):
        assert np.isfinite(many.p).all()
    plain = mmrm_many([y], [x[:, :3]], [0, 1, 0])
    assert mmrm_many([y], [flat], [0, 1, 0, 0]).df[0] == pytest.approx(plain.df[0], rel=1e-9)
    assert ancova_many([y[:, -1]], [flat], [0, 1, 0, 0]).df[0] == ancova_many([y[:, -1]], [x[:, :3]], [0, 1, 0]).df[0]
    assert np.isnan(mmrm_many([y], [np.where(x[:, 1:2] == 1, 0, x)], [0, 1, 0, 0]).p[0])  # nobody on treatment


def test_many_analyses_of_covariance_are_each_the_one() -> None:
    trials = [leavers(seed) for seed in range(3)]
    many = ancova_many([y[:, -1] for y, _ in trials], [x for _, x in trials], [0, 1, 0, 0])
    for index, (y, x) in enumerate(trials):
        table = as_table(y, x)
        last = table[table["visit"] == "V4"]
        one = ancova(last, outcome="y", fixed=["arm", "base", "stratum"]).to_frame().loc["armdrug"]
        np.testing.assert_allclose([getattr(many, name)[index] for name in FIELDS], one[list(FIELDS)], rtol=1e-9)


@pytest.mark.parametrize("strategy", ["MAR", "J2R", "CIR", "CR"])
def test_many_imputations_agree_with_one_trial_at_a_time(strategy: str) -> None:
    """Two engines with different posteriors (exact, large-sample) agree within their Monte-Carlo error."""
    y, x = leavers(31, n=200)
    x = x[:, :3]
    table = long_table(y, x[:, 1], x[:, 2])
    made = impute(
        table, arm="arm", reference="control", covariates=["base"], strategy=strategy, n_imputations=400, seed=5,
        **COLUMNS,
    )  # fmt: skip
    one = compare_at(made, "V4", arm="drug", covariates=["base"])
    generators = [np.random.default_rng(seed) for seed in (1, 2)]
    many = impute_many([y, y], [x, x], 1, generators, strategy=strategy, n_imputations=400).contrasts()
    error = np.sqrt(one.between / 400 * 2)
    np.testing.assert_allclose(many.estimate, one.estimate, atol=4 * error)
    np.testing.assert_allclose(many.se, one.se, rtol=0.06)
    assert (many.df < 197).all()


def test_nothing_to_impute_is_analysis_of_covariance_and_company_does_not_matter() -> None:
    generator = np.random.default_rng(3)
    y, x = leavers(6)
    whole = np.where(np.isnan(y), generator.normal(3, 2, y.shape), y)
    many = impute_many([whole], [x], 1, [generator], n_imputations=3).contrasts()
    plain = ancova_many(whole[None, :, -1], x[None], [0, 1, 0, 0])
    np.testing.assert_allclose([many.estimate, many.se], [plain.estimate, plain.se], rtol=1e-9)
    alone = impute_many([y], [x], 1, [np.random.default_rng(7)], n_imputations=5).contrasts()
    beside = impute_many(
        [whole, y], [x, x], 1, [np.random.default_rng(8), np.random.default_rng(7)], n_imputations=5
    ).contrasts()
    np.testing.assert_allclose(beside.estimate[1], alone.estimate[0], rtol=1e-12)
