"""The mixed model where the answer is known: analysis of variance, t tests, closed forms, another package."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formulas
from mmrm_cases import COLUMNS, long_table, trial
from scipy import stats

from senospine.stats.mmrm import ancova, mmrm

GENERATOR = np.random.default_rng(77)


def split_plot(wide: np.ndarray, arm: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Return num_df, den_df, F of a balanced split-plot analysis of variance, from the textbook's sums of squares."""
    n, m = wide.shape
    grand, subjects, visits = wide.mean(), wide.mean(axis=1), wide.mean(axis=0)
    arms = np.array([wide[arm == a].mean() for a in (0, 1)])
    cells = np.array([wide[arm == a].mean(axis=0) for a in (0, 1)])
    of_arm = m * n / 2 * ((arms - grand) ** 2).sum()
    of_subject = m * ((subjects - arms[arm]) ** 2).sum() / (n - 2)
    of_visit = n * ((visits - grand) ** 2).sum() / (m - 1)
    of_both = n / 2 * ((cells - arms[:, None] - visits + grand) ** 2).sum() / (m - 1)
    left = ((wide - cells[arm] - subjects[:, None] + arms[arm][:, None]) ** 2).sum() / ((m - 1) * (n - 2))
    within = float((m - 1) * (n - 2))
    return {
        "arm": (1.0, n - 2.0, of_arm / of_subject),
        "visit": (m - 1.0, within, of_visit / left),
        "arm:visit": (m - 1.0, within, of_both / left),
    }


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger-linear", "kenward-roger-sas"])
def test_balanced_compound_symmetry_is_the_split_plot(df: str) -> None:
    arm = np.arange(14) % 2
    wide = GENERATOR.normal(size=(14, 5)) + GENERATOR.normal(0, 2, size=(14, 1)) + arm[:, None]
    fit = mmrm(long_table(wide, arm), fixed=["arm*visit"], covariance="cs", df=df, **COLUMNS)
    tests = fit.joint_tests()
    for term, expected in split_plot(wide, arm).items():
        assert tests.loc[term, ["num_df", "den_df", "F"]].tolist() == pytest.approx(expected, rel=1e-7), term


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger-linear"])
def test_complete_visits_are_t_tests_one_by_one(df: str) -> None:
    """With all means free and nothing missing, each visit's difference is Student's and each change the paired one."""
    arm = np.array([0] * 7 + [1] * 9)
    wide = GENERATOR.normal(size=(16, 2)) @ np.array([[1.0, 0.7], [0.0, 2.0]]) + 3
    fit = mmrm(long_table(wide, arm), fixed=["arm*visit"], df=df, **COLUMNS)
    table = fit.differences("arm", by="visit")
    for visit in (0, 1):
        peer = stats.ttest_ind(wide[arm == 1, visit], wide[arm == 0, visit])
        row = table.iloc[visit]
        assert row[["t", "p", "df"]].tolist() == pytest.approx([peer.statistic, peer.pvalue, 14.0], rel=1e-7)
        low, high = peer.confidence_interval(0.95)
        assert row[["lower", "upper"]].tolist() == pytest.approx([low, high], rel=1e-6)
    change = wide[:, 1] - wide[:, 0]
    peer = stats.ttest_ind(change[arm == 1], change[arm == 0])
    row = fit.to_frame().loc["armdrug:visitV2"]
    assert row[["t", "df"]].tolist() == pytest.approx([peer.statistic, 14.0], rel=1e-7)


def test_complete_unstructured_covariance_is_the_pooled_one() -> None:
    arm = np.arange(20) % 2
    wide = GENERATOR.normal(size=(20, 4)) + arm[:, None]
    residual = wide - np.stack([wide[arm == a].mean(axis=0) for a in (0, 1)])[arm]
    table = long_table(wide, arm)
    for method, divisor in (("REML", 18), ("ML", 20)):
        fit = mmrm(table, fixed=["arm*visit"], method=method, **COLUMNS)
        assert np.allclose(fit.covariance, residual.T @ residual / divisor, rtol=1e-8)


def test_likelihood_of_ar1_is_the_product_of_its_steps() -> None:
    wide = np.cumsum(GENERATOR.normal(size=(30, 6)), axis=1)
    fit = mmrm(long_table(wide, np.arange(30) % 2), fixed=["visit"], covariance="ar1", method="ML", **COLUMNS)
    mean = fit.lsmeans("visit")["estimate"].to_numpy()
    variance, rho = fit.covariance.iloc[0, 0], fit.covariance.iloc[0, 1] / fit.covariance.iloc[0, 0]
    error = wide - mean
    first = stats.norm.logpdf(error[:, 0], scale=np.sqrt(variance)).sum()
    scale = np.sqrt(variance * (1 - rho**2))
    steps = stats.norm.logpdf(error[:, 1:] - rho * error[:, :-1], scale=scale).sum()
    assert fit.log_likelihood == pytest.approx(first + steps, rel=1e-10)


@pytest.mark.parametrize("seed", [1, 2])
def test_compound_symmetry_is_the_random_intercept_of_statsmodels(seed: int) -> None:
    table = trial(seed, n=80)
    table["y"] += table["id"].map(dict(zip(table["id"].unique(), GENERATOR.normal(0, 3, 80), strict=True)))
    complete = table.dropna()
    for method, restricted in (("REML", True), ("ML", False)):
        fit = mmrm(table, fixed=["base", "arm*visit"], covariance="compound_symmetry", method=method, **COLUMNS)
        peer = formulas.mixedlm("y ~ base + arm * visit", complete, groups="id").fit(reml=restricted)
        assert fit.log_likelihood == pytest.approx(peer.llf, abs=1e-5)
        assert fit.beta.sum() == pytest.approx(peer.fe_params.sum(), rel=1e-4)
        assert fit.covariance.iloc[0, 1] == pytest.approx(float(peer.cov_re.iloc[0, 0]), rel=1e-3)


def test_ancova_is_least_squares() -> None:
    table = trial(3).query("visit == 'V4'")
    fit = ancova(table, outcome="y", fixed=["base", "arm"])
    peer = formulas.ols("y ~ base + arm", table.dropna()).fit()
    order = ["Intercept", "base", "arm[T.drug]"]
    ours = fit.to_frame()
    assert list(ours.index) == ["(Intercept)", "base", "armdrug"]
    assert ours["estimate"].tolist() == pytest.approx(peer.params[order].tolist(), rel=1e-9)
    assert ours["se"].tolist() == pytest.approx(peer.bse[order].tolist(), rel=1e-9)
    assert ours["p"].tolist() == pytest.approx(peer.pvalues[order].tolist(), rel=1e-8)
    assert ours[["lower", "upper"]].to_numpy() == pytest.approx(peer.conf_int().loc[order].to_numpy(), rel=1e-8)
    assert fit.residual_variance == pytest.approx(peer.scale, rel=1e-10)
    assert "residual SD" in str(fit)


def test_means_of_a_balanced_trial_are_the_raw_means() -> None:
    arm = np.arange(12) % 2
    wide = GENERATOR.normal(size=(12, 3))
    table = long_table(wide, arm)
    table["sex"] = np.repeat(np.where(np.arange(12) < 6, "f", "m"), 3)
    fit = mmrm(table, fixed=["sex", "arm*visit"], covariance="cs", **COLUMNS)
    means = fit.lsmeans(["arm", "visit"])
    for number, name in enumerate(["control", "drug"]):
        expected = wide[arm == number].mean(axis=0)
        assert means.loc[name, "estimate"].tolist() == pytest.approx(expected.tolist(), rel=1e-9)
    overall = fit.lsmeans("arm")
    assert overall["estimate"].tolist() == pytest.approx([wide[arm == a].mean() for a in (0, 1)], rel=1e-9)


def test_equal_and_proportional_weights_and_covariates_by_hand() -> None:
    table = trial(9, n=40)
    table["site"] = table["id"].map(lambda name: "a" if int(name[1:]) < 30 else "b")
    fit = mmrm(table, fixed=["base", "site", "arm*visit"], covariance="toep", **COLUMNS)
    beta = dict(zip(fit.design.columns, fit.beta, strict=True))
    used = table.dropna()
    start = beta["(Intercept)"] + beta["visitV2"]
    share = (used["site"] == "b").mean()
    for weights, part in (("equal", 0.5), ("proportional", share)):
        for at, base in ((None, used["base"].mean()), ({"base": 1.5}, 1.5)):
            means = fit.lsmeans(["arm", "visit"], at=at, weights=weights)
            by_hand = start + part * beta["siteb"] + base * beta["base"]
            assert means.loc[("control", "V2"), "estimate"] == pytest.approx(by_hand, rel=1e-10)
    difference = fit.differences("arm", by="visit", reference="drug").loc[("control - drug", "V3")]
    assert difference.name == ("control - drug", "V3")  # labelled by factors alone
    assert difference["estimate"] == pytest.approx(-beta["armdrug"] - beta["armdrug:visitV3"], rel=1e-10)
    weights = {"armdrug": -1.0, "armdrug:visitV3": -1.0}
    assert fit.contrast(weights).iloc[0].tolist() == pytest.approx(difference.tolist(), rel=1e-9)


def test_scale_and_row_order_change_nothing() -> None:
    table = trial(5)
    plain = mmrm(table, fixed=["base*visit", "arm*visit"], df="kenward-roger", **COLUMNS).to_frame()
    shuffled = table.sample(frac=1.0, random_state=1)
    again = mmrm(shuffled, fixed=["base*visit", "arm*visit"], df="kenward-roger", **COLUMNS).to_frame()
    pd.testing.assert_frame_equal(plain, again, rtol=1e-8)
    scaled = table.assign(y=1e6 * table["y"], base=1e-4 * table["base"] + 100)
    moved = mmrm(scaled, fixed=["base*visit", "arm*visit"], df="kenward-roger", **COLUMNS).to_frame()
    kept = [name for name in plain.index if "base" not in name and not name.startswith(("(", "visit"))]
    assert len(kept) == 4
    assert np.allclose(moved.loc[kept, ["df", "t", "p"]], plain.loc[kept, ["df", "t", "p"]], rtol=1e-6)
    assert np.allclose(moved.loc[kept, "estimate"], 1e6 * plain.loc[kept, "estimate"], rtol=1e-6)


def test_visits_are_ordered_as_people_count() -> None:
    wide = GENERATOR.normal(size=(30, 11)).cumsum(axis=1)
    names = [f"week {number}" for number in range(1, 12)]
    fit = mmrm(long_table(wide, np.arange(30) % 2, names=names), fixed=["visit"], covariance="ar1", **COLUMNS)
    assert list(fit.covariance.columns) == names
