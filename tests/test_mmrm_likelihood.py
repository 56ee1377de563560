"""The likelihood and what is derived from it, against differences and against dense matrices of all observations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, long_table, trial

from senospine.errors import AnalysisError
from senospine.stats.mmrm import STRUCTURES, Convergence, MixedModel, mmrm
from senospine.stats.mmrm.data import index_repeats, prepare
from senospine.stats.mmrm.layout import Layout, lay_out
from senospine.stats.mmrm.likelihood import derivatives, evaluate
from senospine.stats.mmrm.structures import structure


@pytest.mark.parametrize("name", STRUCTURES)
def test_derivatives_of_structures_against_differences(name: str) -> None:
    kind = structure(name, 4)
    theta = np.random.default_rng(4).normal(0, 0.3, kind.n_parameters)
    _, slope, curve = kind.covariance(theta)
    for index in range(kind.n_parameters):
        step = np.zeros_like(theta)
        step[index] = 1e-5
        up, down = kind.covariance(theta + step), kind.covariance(theta - step)
        assert np.allclose(slope[index], (up[0] - down[0]) / 2e-5, atol=1e-8)
        assert np.allclose(curve[index], (up[1] - down[1]) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_start_gives_its_own_kind_back(name: str) -> None:
    kind = structure(name, 4)
    theta = np.random.default_rng(5).normal(0, 0.2, kind.n_parameters)
    assert np.allclose(kind.covariance(kind.start(kind.covariance(theta)[0]))[0], kind.covariance(theta)[0], rtol=1e-6)


def layout_of(table: pd.DataFrame, weights: np.ndarray | None = None) -> Layout:
    prepared = prepare(table, "y", ["base", "arm*visit"], ["id", "visit"], "visit")
    repeats = index_repeats(prepared.frame, "id", "visit", "arm", free=True)
    weights = np.ones(len(prepared.outcome)) if weights is None else weights[: len(prepared.outcome)]
    return lay_out(prepared.matrix, prepared.outcome, repeats.subject, repeats.visit, 4, repeats.group, weights)


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("name", ["us", "toeph", "csh", "adh", "ar1"])
def test_gradient_and_hessian_against_differences(name: str, restricted: bool) -> None:
    layout, kind = layout_of(trial(11)), structure(name, 4)
    theta = np.random.default_rng(6).normal(0, 0.3, (2, kind.n_parameters))

    def deviance(flat: np.ndarray) -> float:
        state = evaluate(layout, kind.sigma(flat.reshape(theta.shape)), restricted=restricted)
        assert state is not None
        return state.deviance

    def slope(flat: np.ndarray) -> np.ndarray:
        point = flat.reshape(theta.shape)
        state = evaluate(layout, kind.sigma(point), restricted=restricted)
        assert state is not None
        return derivatives(layout, kind, point, state, restricted=restricted).gradient

    point = theta.ravel()
    state = evaluate(layout, kind.sigma(theta), restricted=restricted)
    assert state is not None
    found = derivatives(layout, kind, theta, state, restricted=restricted)
    for index in range(point.size):
        step = np.zeros_like(point)
        step[index] = 1e-5
        assert found.gradient[index] == pytest.approx(
            (deviance(point + step) - deviance(point - step)) / 2e-5, rel=1e-5, abs=1e-5
        )
        change = (slope(point + step) - slope(point - step)) / 2e-5
        assert np.allclose(found.hessian[index], change, rtol=1e-6, atol=1e-6)


def dense(fit: MixedModel, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return X, y, V and the derivatives of V by every parameter, by differences, over all observations."""
    rows = table.dropna()
    x, y = fit.design.matrix(rows), rows["y"].to_numpy()
    same = rows["id"].to_numpy()[:, None] == rows["id"].to_numpy()
    visit = pd.Index(fit.covariance.columns).get_indexer(rows["visit"])
    group = pd.Index(list(fit.covariances)).get_indexer(rows["arm"]) if len(fit.covariances) > 1 else 0 * visit
    root = np.sqrt(rows["weight"].to_numpy())

    def covariance(theta: np.ndarray) -> np.ndarray:
        sigma = fit.structure.sigma(theta.reshape(fit.theta.shape))
        return same * sigma[group[:, None], visit[:, None], visit] / np.outer(root, root)

    theta, slopes = fit.theta.ravel(), []
    for index in range(theta.size):
        step = np.zeros_like(theta)
        step[index] = 1e-5
        slopes.append((covariance(theta + step) - covariance(theta - step)) / 2e-5)
    return x, y, covariance(theta), slopes


@pytest.mark.parametrize(("name", "grouped"), [("us", None), ("us", "arm"), ("toeph", "arm")])
def test_everything_against_dense_matrices(name: str, grouped: str | None) -> None:
    """Likelihood, coefficients and the first-order Kenward-Roger covariance, from the formulas of the papers."""
    table = trial(12, n=50)
    table["weight"] = np.random.default_rng(1).uniform(0.5, 2.0, len(table))
    options = {"covariance": name, "grouped": grouped, "weights": "weight", "fixed": ["base", "arm*visit"], **COLUMNS}
    fit = mmrm(table, df="kenward-roger-linear", **options)
    x, y, v, slopes = dense(fit, table)
    inverse = np.linalg.inv(v)
    c = np.linalg.inv(x.T @ inverse @ x)
    beta = c @ x.T @ inverse @ y
    error = y - x @ beta
    logs = [np.linalg.slogdet(item)[1] for item in (v, x.T @ inverse @ x)]
    constant = (len(y) - len(beta)) * np.log(2 * np.pi)
    assert fit.log_likelihood == pytest.approx(-0.5 * (constant + sum(logs) + error @ inverse @ error), rel=1e-10)
    assert np.allclose(fit.beta, beta, rtol=1e-8)
    p = [-x.T @ inverse @ slope @ inverse @ x for slope in slopes]
    adjusted = c.copy()
    for j, first in enumerate(slopes):
        for k, second in enumerate(slopes):
            q = x.T @ inverse @ first @ inverse @ second @ inverse @ x
            adjusted += 2 * fit.theta_covariance[j, k] * c @ (q - p[j] @ c @ p[k]) @ c
    assert np.allclose(fit.covariance_of_beta, (adjusted + adjusted.T) / 2, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["us", "csh", "ar1"])
def test_second_order_kenward_roger_against_differences(name: str) -> None:
    """What the second order adds is -1/2 sum W_jk C R_jk C, R_jk from the second derivatives of V in R's parameters."""
    table = trial(15, n=40)
    options = {"covariance": name, "fixed": ["base", "arm*visit"], **COLUMNS}
    first, second = (mmrm(table, df=df, **options) for df in ("kenward-roger-linear", "kenward-roger"))
    table["weight"] = 1.0
    x, _, v, _ = dense(first, table)
    inverse = np.linalg.inv(v)
    c = np.linalg.inv(x.T @ inverse @ x)
    rows = table.dropna()
    same = rows["id"].to_numpy()[:, None] == rows["id"].to_numpy()
    visit = pd.Index(first.covariance.columns).get_indexer(rows["visit"])
    weight, values, vectors = first.theta_covariance, *np.linalg.eigh(first.theta_covariance)
    assert np.allclose(weight, (vectors * values) @ vectors.T)
    bend, step = np.zeros((4, 4)), 1e-3
    for value, vector in zip(values, vectors.T, strict=True):  # sum W_jk d2/dj dk is a sum along eigenvectors
        up, centre, down = (
            first.structure.covariance(first.theta[0] + shift * step * vector)[0] for shift in (1, 0, -1)
        )
        bend += value * (up - 2 * centre + down) / step**2
    r = x.T @ inverse @ (same * bend[visit[:, None], visit]) @ inverse @ x
    change = second.covariance_of_beta - first.covariance_of_beta
    assert np.abs(change).max() > 1e-6
    assert np.allclose(change, -0.5 * c @ r @ c, rtol=1e-4, atol=1e-9)


def test_a_thousand_subjects_are_squeezed_to_the_same_sums() -> None:
    table = trial(13, n=400, missing=0.05)
    layout = layout_of(table)
    assert len(layout.rows) < 150 < layout.n_subjects
    rows = table.dropna()
    for pattern in range(len(layout.count)):
        lines = layout.rows[layout.pattern == pattern]
        seen = tuple(f"V{index + 1}" for index in np.flatnonzero(layout.seen[pattern]))
        arm = ["control", "drug"][layout.group[pattern]]
        mine = rows[rows["arm"] == arm].groupby("id").filter(lambda one, seen=seen: tuple(one["visit"]) == seen)
        assert layout.count[pattern] == mine["id"].nunique()
        expected = sum(np.outer(one["y"], one["y"]) for _, one in mine.groupby("id"))
        visits = np.flatnonzero(layout.seen[pattern])
        found = np.einsum("nk,nl->kl", lines[:, visits, -1], lines[:, visits, -1]) * layout.unit**2
        assert np.allclose(found, expected, rtol=1e-10)


def test_a_correlation_of_one_is_told_as_a_boundary() -> None:
    generator = np.random.default_rng(8)
    first = generator.normal(size=(40, 1))
    wide = np.hstack([first, 2 * first + 1, generator.normal(size=(40, 1))])
    fit = mmrm(long_table(wide, np.arange(40) % 2), fixed=["arm*visit"], **COLUMNS)
    assert fit.convergence is Convergence.BOUNDARY
    assert not fit.convergence.ok
    assert fit.to_frame()["df"].isna().all()
    assert "limit" in fit.summary()


@pytest.mark.parametrize("name", ["us", "toeph", "adh", "cs"])
def test_a_visit_that_is_explained_exactly_is_told(name: str) -> None:
    table = trial(14, missing=0.0)
    table.loc[table["visit"] == "V1", "y"] = table["base"]
    fit = mmrm(table, fixed=["base*visit", "arm*visit"], covariance=name, **COLUMNS)
    assert fit.convergence.ok == (name == "cs")  # one variance for all visits has enough scatter in the others
    assert fit.convergence in {Convergence.BOUNDARY, Convergence.CONVERGED}


def test_too_few_iterations_are_told() -> None:
    fit = mmrm(trial(3), fixed=["arm*visit"], max_iterations=1, **COLUMNS)
    assert fit.convergence is Convergence.ITERATIONS


@pytest.mark.parametrize("seed", range(5))
def test_starts_are_robust(seed: int) -> None:
    """Variances over eight orders of magnitude, strong correlations, a third missing: Newton still arrives."""
    generator = np.random.default_rng(seed)
    scale = 10.0 ** np.array([-4, 0, 2, 4])
    wide = (generator.normal(size=(120, 4)) * 0.3 + generator.normal(size=(120, 1))) * scale
    wide[generator.random(wide.shape) < 0.3] = np.nan
    table = long_table(wide, np.arange(120) % 2)
    for name in ("us", "toeph", "ar1h", "csh", "adh"):
        assert mmrm(table, fixed=["arm*visit"], covariance=name, **COLUMNS).convergence.ok, name


def test_kenward_roger_needs_reml() -> None:
    with pytest.raises(AnalysisError, match="REML"):
        mmrm(trial(1), fixed=["arm"], df="kenward-roger", method="ML", **COLUMNS)
