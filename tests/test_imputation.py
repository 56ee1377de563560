"""Imputation under stated assumptions: expectations in closed form, Rubin's rules by hand, and the tipping point."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, long_table
from scipy import stats

from senospine.errors import AnalysisError
from senospine.stats.imputation import Imputations, compare_at, impute, pool, tipping_point
from senospine.stats.imputation.impute import combined_mean
from senospine.stats.mmrm import ancova, mmrm


def leavers(seed: int = 31, n: int = 120) -> pd.DataFrame:
    """Return a trial in which a third of the patients leave, and one is never seen."""
    generator = np.random.default_rng(seed)
    arm, base = np.arange(n) % 2, generator.normal(5, 2, n)
    root = np.linalg.cholesky(0.5 * np.ones((4, 4)) + 0.5 * np.eye(4))
    wide = generator.normal(size=(n, 4)) @ root.T + base[:, None] + arm[:, None] * np.array([0.3, 0.6, 0.9, 1.2])
    wide[np.arange(4) >= generator.integers(1, 12, n)[:, None]] = np.nan
    wide[3] = np.nan
    wide[8, 1] = np.nan
    return long_table(wide, arm, base)


OPTIONS = {**COLUMNS, "arm": "arm", "reference": "control", "covariates": ["base"]}


@pytest.fixture(scope="module")
def many() -> dict[str, Imputations]:
    table = leavers()
    return {
        name: impute(table, strategy=name, n_imputations=400, seed=5, **OPTIONS) for name in ("MAR", "J2R", "CIR", "CR")
    }


def test_observed_values_stay_and_gaps_are_filled(many: dict[str, Imputations]) -> None:
    wide = leavers().pivot_table("y", "id", "visit", dropna=False).to_numpy()
    for made in many.values():
        assert np.isfinite(made.completed).all()
        seen = np.isfinite(wide)
        assert (made.completed[:, seen] == wide[seen]).all()
        assert made.completed[:, ~seen].std(axis=0).min() > 0.1
        assert made.last_seen[3] == -1


@pytest.mark.parametrize("strategy", ["MAR", "J2R", "CIR", "CR"])
def test_the_mean_of_many_imputations_is_the_conditional_mean(many: dict[str, Imputations], strategy: str) -> None:
    """Given the estimates, the expectation is mu_u + S_uo S_oo^-1 (y_o - mu_o) with the mean the strategy names."""
    made = many[strategy]
    table = leavers()
    fit = mmrm(table, fixed=["arm*visit", "base*visit"], **COLUMNS)
    beta = dict(zip(fit.design.columns, fit.beta, strict=True))
    sigma = fit.covariance.to_numpy()
    visits = ["V1", "V2", "V3", "V4"]
    wide = table.pivot_table("y", "id", "visit", dropna=False)
    checked = 0
    for row, (name, y) in enumerate(wide.iterrows()):
        base, treated = made.subjects.loc[name, "base"], made.subjects.loc[name, "arm"] == "drug"
        control = np.array([beta["(Intercept)"] + beta.get(f"visit{v}", 0) + base * (beta["base"] + beta.get(f"visit{v}:base", beta.get(f"base:visit{v}", 0))) for v in visits])  # fmt: skip  # noqa: E501
        effect = np.array([beta["armdrug"] + beta.get(f"armdrug:visit{v}", 0) for v in visits]) * treated
        o, u = np.flatnonzero(np.isfinite(y)), np.flatnonzero(np.isnan(y))
        if len(u) == 0:
            continue
        last = o[-1] if len(o) else -1
        kept = effect[last] if last >= 0 else 0.0
        after = np.arange(4) > last
        mean = (
            control
            + {
                "MAR": effect,
                "J2R": np.where(after, 0, effect),
                "CIR": np.where(after, kept, effect),
                "CR": 0 * effect,
            }[strategy]
        )
        gain = sigma[np.ix_(u, o)] @ np.linalg.inv(sigma[np.ix_(o, o)]) if len(o) else np.zeros((len(u), 0))
        expected = mean[u] + gain @ (y.to_numpy()[o] - mean[o])
        drawn = made.completed[:, row][:, u]
        assert np.abs((drawn.mean(axis=0) - expected) / (drawn.std(axis=0) / 20)).max() < 4.5, name
        checked += 1
    assert checked > 30


def test_missing_at_random_agrees_with_the_mixed_model(many: dict[str, Imputations]) -> None:
    fit = mmrm(leavers(), fixed=["arm*visit", "base*visit"], **COLUMNS)
    row = fit.differences("arm", by="visit").loc[("drug - control", "V4")]
    pooled = compare_at(many["MAR"], "V4", arm="drug", covariates=["base"])
    assert pooled.estimate == pytest.approx(row["estimate"], abs=4 * (pooled.between / 400) ** 0.5 + 0.01)
    assert pooled.se == pytest.approx(row["se"], rel=0.06)


def test_assumptions_are_ordered_and_reference_based_ones_pull_to_none(many: dict[str, Imputations]) -> None:
    found = {name: compare_at(made, "V4", arm="drug", covariates=["base"]).estimate for name, made in many.items()}
    assert found["J2R"] < found["CIR"] < found["MAR"]
    assert found["J2R"] < found["CR"] < found["MAR"]


def test_mean_of_each_strategy_by_hand() -> None:
    own, other = np.array([[3.0, 5.0, 7.0]] * 2), np.array([[1.0, 2.0, 4.0]] * 2)
    last = np.array([0, -1])
    assert combined_mean(own, other, last, "J2R").tolist() == [[3, 2, 4], [1, 2, 4]]
    assert combined_mean(own, other, last, "CIR").tolist() == [[3, 4, 6], [1, 2, 4]]
    assert combined_mean(own, other, last, "CR").tolist() == other.tolist()
    assert combined_mean(own, other, last, "MAR").tolist() == own.tolist()


def test_same_seed_same_numbers_in_any_row_order() -> None:
    table = leavers()
    first = impute(table, n_imputations=3, seed=9, **OPTIONS)
    again = impute(table.sample(frac=1, random_state=2), n_imputations=3, seed=9, **OPTIONS)
    assert np.allclose(first.completed, again.completed, rtol=1e-7)
    assert not np.allclose(first.completed, impute(table, n_imputations=3, seed=10, **OPTIONS).completed, rtol=1e-3)


def test_rubins_rules_by_hand() -> None:
    """Rubin 1987, doi 10.1002/9780470316696: T = U + (1 + 1/m) B; and Barnard and Rubin's smaller df."""
    q, u = np.array([1.2, 0.8, 1.5, 1.1]), np.array([0.20, 0.25, 0.22, 0.21])
    total = u.mean() + 1.25 * q.var(ddof=1)
    share = 1.25 * q.var(ddof=1) / total
    large = pool(q, u)
    assert (large.estimate, large.se) == pytest.approx((q.mean(), total**0.5))
    assert large.df == pytest.approx(3 / share**2)
    small = pool(q, u, df=20)
    assert small.df == pytest.approx(1 / (share**2 / 3 + 1 / (21 / 23 * 20 * (1 - share))))
    assert small.p == pytest.approx(2 * stats.t.sf(abs(q.mean()) / total**0.5, small.df))
    same = pool([1.0, 1.0], [4.0, 4.0], df=10)
    assert same.df == pytest.approx(11 / 13 * 10)
    with pytest.raises(AnalysisError, match="two imputations"):
        pool([1.0], [1.0])


def test_comparison_is_the_analysis_of_covariance_of_each_set(many: dict[str, Imputations]) -> None:
    made = many["CIR"]
    first = made.subjects.assign(y=made.completed[0, :, 3])
    row = ancova(first, outcome="y", fixed=["base", "arm"]).to_frame().loc["armdrug"]
    alone = Imputations(**{**made.__dict__, "completed": made.completed[[0, 0]]})
    pooled = compare_at(alone, "V4", arm="drug", covariates=["base"])
    assert (pooled.estimate, pooled.se) == pytest.approx((row["estimate"], row["se"]), rel=1e-9)


def test_a_shift_tips_where_p_is_alpha(many: dict[str, Imputations]) -> None:
    made = many["J2R"]
    found = tipping_point(made, "V4", arm="drug", deltas=[0, -2, -4, -8], covariates=["base"])
    assert found.table["p"].iloc[0] < 0.05
    at = compare_at(made.shifted({"drug": found.delta}), "V4", arm="drug", covariates=["base"])
    assert at.p == pytest.approx(0.05, abs=1e-7)
    assert at.lower == pytest.approx(0.0, abs=1e-6)
    moved = made.shifted({"drug": -3.0}).completed - made.completed
    after = (np.arange(4) > made.last_seen[:, None]) & (made.subjects["arm"] == "drug").to_numpy()[:, None]
    assert np.allclose(moved, np.where(after, -3.0, 0.0))
    assert "reaches 0.05" in str(found)
    assert np.isnan(tipping_point(made, "V4", arm="drug", deltas=[0.0, 0.1], covariates=["base"]).delta)


def test_refusals(many: dict[str, Imputations]) -> None:
    table = leavers()
    with pytest.raises(AnalysisError, match="no strategy"):
        impute(table, strategy="LOCF", **OPTIONS)
    with pytest.raises(AnalysisError, match="no subject is in the arm"):
        impute(table, **{**OPTIONS, "reference": "placebo"})
    with pytest.raises(AnalysisError, match="change"):
        impute(table.assign(base=np.arange(len(table))), **OPTIONS)
    with pytest.raises(AnalysisError, match="no visit"):
        compare_at(many["J2R"], "V9", arm="drug")
    with pytest.raises(AnalysisError, match="no arm"):
        compare_at(many["J2R"], "V4", arm="control")
    with pytest.raises(AnalysisError, match="no arm is called"):
        many["J2R"].shifted({"active": 1.0})
    with pytest.raises(AnalysisError, match="go one way"):
        tipping_point(many["J2R"], "V4", arm="drug", deltas=[0, 1, -1])
