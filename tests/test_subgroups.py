"""Subgroup effects: interaction tests against nested least squares, shrinkage against closed forms and integration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, trial
from scipy import integrate, stats

from senospine.errors import AnalysisError
from senospine.stats.mmrm import ancova, mmrm
from senospine.stats.subgroups import shrink, subgroup_effects

SCHOOLS = ([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])  # Rubin 1981, doi 10.3102/10769986006004377


def patients() -> pd.DataFrame:
    generator = np.random.default_rng(8)
    n = 240
    arm, group = np.arange(n) % 2, generator.integers(0, 3, n)
    y = generator.normal(size=n) - arm * np.array([0.1, 0.5, 1.2])[group] + 0.4 * group
    return pd.DataFrame(
        {"arm": np.where(arm, "drug", "placebo"), "age": np.array(["young", "middle", "old"])[group], "y": y}
    ).assign(arm=lambda t: pd.Categorical(t["arm"], ["placebo", "drug"]))


def test_subgroup_effects_are_differences_of_means_and_the_test_is_that_of_nested_models() -> None:
    table = patients()
    found = subgroup_effects(
        ancova(table, outcome="y", fixed=["arm*age"]), arm="arm", treated="drug", reference="placebo", subgroup="age"
    )
    means = table.pivot_table("y", "age", "arm", "mean", observed=True)
    np.testing.assert_allclose(found.estimates, (means["drug"] - means["placebo"])[list(found.names)], rtol=1e-10)
    big, small = (ancova(table, outcome="y", fixed=terms) for terms in (["arm*age"], ["arm", "age"]))
    rss = [fit.residual_variance * (240 - len(fit.beta)) for fit in (big, small)]
    f = (rss[1] - rss[0]) / 2 / big.residual_variance
    np.testing.assert_allclose([found.test["F"], found.test["p"]], [f, stats.f.sf(f, 2, 234)], rtol=1e-9)


def test_subgroup_effects_at_a_visit_of_a_mixed_model() -> None:
    table = trial(4, n=80).assign(sex=lambda t: np.where(t["id"].str[-1].astype(int) % 4 < 2, "f", "m"))
    fit = mmrm(table, fixed=["arm*visit*sex", "base*visit"], **COLUMNS)
    found = subgroup_effects(fit, arm="arm", treated="drug", reference="control", subgroup="sex", visit=("visit", "V4"))
    ends = {"armdrug": 1.0, "armdrug:visitV4": 1.0}
    woman = fit.contrast(ends).iloc[0]
    man = fit.contrast({**ends, "armdrug:sexm": 1.0, "armdrug:visitV4:sexm": 1.0}).iloc[0]
    np.testing.assert_allclose(found.estimates, [woman["estimate"], man["estimate"]], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), [woman["se"], man["se"]], rtol=1e-9)
    assert found.shrink().table.index.tolist() == ["f", "m"]


def test_equal_errors_have_a_closed_form() -> None:
    """REML: tau^2 is the excess of the estimates' variance, or zero."""
    y, se = np.array([-1.0, -0.2, -0.6, -1.7]), 0.3
    made = shrink(y, [se] * 4)
    tau2 = y.var(ddof=1) - se**2
    np.testing.assert_allclose(made.tau**2, tau2, rtol=1e-6)
    np.testing.assert_allclose(made.table["shrunk"], y.mean() + tau2 / (tau2 + se**2) * (y - y.mean()), rtol=1e-6)
    alike = shrink([-1.0, -1.1, -0.9], [0.5] * 3)
    assert alike.tau == 0
    np.testing.assert_allclose(alike.table["shrunk"], -1.0)
    np.testing.assert_allclose(alike.mu_se, 0.5 / 3**0.5)


def test_the_eight_schools_have_no_variance_by_restricted_likelihood() -> None:
    made = shrink(*SCHOOLS)
    assert made.tau == 0
    np.testing.assert_allclose(made.mu, 7.686, atol=1e-3)


def test_the_half_normal_prior_is_integrated() -> None:
    """Posterior mean of the first school by brute force over tau and mu."""
    y, se = (np.asarray(item, float) for item in SCHOOLS)
    made = shrink(y, se, prior="half-normal", scale=5.0)

    def weight(mu: float, tau: float) -> float:
        return float(np.exp(stats.norm.logpdf(y, mu, np.hypot(se, tau)).sum() + 30 - tau**2 / 50))

    def first(mu: float, tau: float) -> float:
        return (tau**2 * y[0] + se[0] ** 2 * mu) / (tau**2 + se[0] ** 2)

    box = (0, 25, -25, 40)
    total = integrate.dblquad(weight, *box, epsabs=1e-10)[0]
    mean = integrate.dblquad(lambda mu, tau: first(mu, tau) * weight(mu, tau), *box, epsabs=1e-10)[0] / total
    np.testing.assert_allclose(made.table["shrunk"].iloc[0], mean, rtol=2e-3)
    assert (made.table["lower"] < made.table["shrunk"]).all()
    assert made.table["shrunk_se"].iloc[0] < se[0]
    assert "half-normal prior of scale 5" in str(made)


def test_bad_subgroups_are_refused() -> None:
    with pytest.raises(AnalysisError, match="at least two subgroups"):
        shrink([1.0], [1.0])
    with pytest.raises(AnalysisError, match="no covariance"):
        shrink([1.0, 2.0], [0.0, 1.0])
    with pytest.raises(AnalysisError, match="needs a positive scale"):
        shrink([1.0, 2.0], [1.0, 1.0], prior="half-normal")
    with pytest.raises(AnalysisError, match="did you mean 'reml'"):
        shrink([1.0, 2.0], [1.0, 1.0], prior="remml")
    fit = ancova(patients(), outcome="y", fixed=["arm", "age"])
    with pytest.raises(AnalysisError, match="no interaction"):
        subgroup_effects(fit, arm="arm", treated="drug", reference="placebo", subgroup="age")
