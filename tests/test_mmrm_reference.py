"""The mixed model against what R's mmrm and SAS print for one data set.

R's figures are in the package's own tests and summaries (openpharma/mmrm, Apache-2.0), SAS's in its design folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from r_cases import FEV

from senospine.stats.mmrm import MixedModel, mmrm

KEYS = {"outcome": "FEV1", "subject": "USUBJID", "visit": "AVISIT"}
FULL = ["RACE", "SEX", "ARMCD*AVISIT"]


@pytest.fixture(scope="module")
def fev(shared_folder: Path) -> pd.DataFrame:
    file = shared_folder / "data" / "fev_data.csv"
    if not file.exists():
        pytest.skip(f"no {file}: the reference data are not part of this repository")
    table = pd.read_csv(file)
    table["SEX"] = pd.Categorical(table["SEX"], ["Male", "Female"])
    return table


@pytest.fixture(scope="module")
def fit(fev: pd.DataFrame) -> MixedModel:
    return mmrm(fev, fixed=FULL, **KEYS)


R_COEFFICIENTS = {
    "(Intercept)": (30.78, 0.89, 219),
    "RACEBlack or African American": (1.53, 0.62, 169),
    "RACEWhite": (5.64, 0.67, 157),
    "SEXFemale": (0.33, 0.53, 166),
    "ARMCDTRT": (3.77, 1.07, 146),
    "AVISITVIS2": (4.84, 0.80, 144),
    "AVISITVIS3": (10.34, 0.82, 156),
    "AVISITVIS4": (15.05, 1.31, 138),
    "ARMCDTRT:AVISITVIS2": (-0.04, 1.13, 139),
    "ARMCDTRT:AVISITVIS3": (-0.69, 1.19, 158),
    "ARMCDTRT:AVISITVIS4": (0.62, 1.85, 130),
}


def test_every_printed_figure_to_its_last_digit(fit: MixedModel) -> None:
    table = fit.to_frame()
    assert list(table.index) == list(R_COEFFICIENTS)
    for name, (estimate, error, df) in R_COEFFICIENTS.items():
        row = table.loc[name]
        assert (round(row["estimate"], 2), round(row["se"], 2), round(row["df"])) == (estimate, error, df), name
    assert (fit.n_subjects, fit.n_observations, fit.n_dropped) == (197, 537, 263)
    assert [round(x, 1) for x in (-2 * fit.log_likelihood, fit.aic, fit.bic)] == [3386.4, 3406.4, 3439.3]
    printed = [[40.6, 14.4, 5.0, 13.4], [14.4, 26.6, 2.8, 7.5], [5.0, 2.8, 14.9, 0.9], [13.4, 7.5, 0.9, 95.6]]
    assert np.array_equal(fit.covariance.to_numpy().round(1), printed)
    assert fit.convergence.ok


def test_weights_against_sas(fev: pd.DataFrame) -> None:
    fit = mmrm(fev, fixed=FULL, weights="WEIGHT", **KEYS)
    assert -2 * fit.log_likelihood == pytest.approx(3475.77144483, abs=5e-6)  # SAS stops a little above
    lower = [22.3763, 6.6766, 13.3115, 2.6988, 1.3677, 8.3589, 6.5390, 3.7323, 0.08496, 49.7530]
    assert np.allclose(fit.covariance.to_numpy()[np.tril_indices(4)], lower, rtol=4e-4, atol=2e-3)
    table = fit.to_frame()
    assert table.loc["RACEWhite", ["estimate", "se"]].round(4).tolist() == [5.3808, 0.6707]
    assert table.loc["SEXFemale", ["estimate", "se"]].round(4).tolist() == [0.2326, 0.5325]


@pytest.mark.parametrize(
    ("name", "restricted", "unrestricted"),
    [
        ("AR(1)", 3875.49945459, 3875.95352406),
        ("ARH(1)", 3739.96835012, 3739.94416707),
        ("TOEPH", 3722.38018329, 3722.29178558),
        ("CSH", 3784.85341599, 3784.63158043),
        ("ANTE(1)", 3713.49317786, 3713.24501787),
    ],
)
def test_likelihoods_of_structures_against_sas(
    fev: pd.DataFrame, name: str, restricted: float, unrestricted: float
) -> None:
    """SAS stops at a relative change of 1e-8, so ours may be lower by some 1e-6, never higher."""
    for method, expected in (("REML", restricted), ("ML", unrestricted)):
        fit = mmrm(fev, fixed=[], covariance=name, method=method, **KEYS)
        assert -3e-6 < -2 * fit.log_likelihood - expected < 2e-8


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        ("ARH(1)", "REML", 3724.36099760),
        ("CSH", "ML", 3764.21336404),
        ("ANTE(1)", "REML", 3688.84024388),
        ("CS", "ML", 3915.54243738),
    ],
)
def test_likelihoods_of_groups_against_sas(fev: pd.DataFrame, name: str, method: str, expected: float) -> None:
    fit = mmrm(fev, fixed=[], covariance=name, method=method, grouped="ARMCD", **KEYS)
    assert -3e-6 < -2 * fit.log_likelihood - expected < 2e-8
    assert set(fit.covariances) == {"PBO", "TRT"}


SAS_KENWARD_ROGER = [  # standard error by kr and by kr(firstorder), df, of the arm in FEV1 ~ ARMCD
    ("ar1", 0.95865439662225, 0.96058142305176, 188.46934887972),
    ("ar1h", 0.7590316099633, 0.75924807546934, 188.225339095373),
    ("cs", 0.7965, 0.7964696053595, 177.038485931223),
    ("csh", 0.67414806011886, 0.67403858183242, 190.737701349941),
    ("adh", 0.66172017349971, 0.66158550758897, 162.393385281755),
    ("toep", 0.87839805519623, 0.87839805519623, 160.027408337368),
    ("toeph", 0.72543828853831, 0.72537324518435, 180.062730071701),
    ("us", 0.66124382270307, 0.66124382270307, 160.733266403768),
]


@pytest.mark.parametrize(("name", "second", "first", "df"), SAS_KENWARD_ROGER)
def test_kenward_roger_against_sas(fev: pd.DataFrame, name: str, second: float, first: float, df: float) -> None:
    """SAS takes W where it stops, a little before the optimum: df agree to 4e-4, errors to 2e-4."""
    for method, expected in (("kenward-roger-sas", second), ("kenward-roger-linear", first)):
        row = mmrm(fev, fixed=["ARMCD"], covariance=name, df=method, **KEYS).to_frame().loc["ARMCDTRT"]
        assert row["se"] == pytest.approx(expected, rel=2e-4)
        assert row["df"] == pytest.approx(df, rel=4e-4)


def test_kenward_roger_against_r(fev: pd.DataFrame) -> None:
    """FEV1 ~ ARMCD, AR(1): R's stored results; its optimiser stops within 1e-6 of the optimum."""
    fits = {
        df: mmrm(fev, fixed=["ARMCD"], covariance="ar1", df=df, **KEYS)
        for df in ("kenward-roger", "kenward-roger-linear")
    }
    row = fits["kenward-roger"].to_frame().loc["ARMCDTRT"]
    assert row[["estimate", "se", "df", "t"]].tolist() == pytest.approx(
        [4.22574283798881, 0.958582835484051, 188.469542953831, 4.40832308024267], rel=1e-6
    )
    both = fits["kenward-roger"].contrast([1.0, 1.0]).iloc[0]
    assert both[["estimate", "se", "df"]].tolist() == pytest.approx(
        [44.5138538316888, 0.690340153834085, 183.109526300275], rel=1e-6
    )
    joint = fits["kenward-roger"].joint_test([[0.0, 1.0], [1.0, 0.0]])
    assert joint["den_df"] == pytest.approx(188.648444482487, rel=1e-6)
    assert joint["F"] == pytest.approx(3913.7241325595, rel=1e-6)
    stored = {
        "kenward-roger": [0.442311524488976, -0.442311524488976, 0.918881052484644],
        "kenward-roger-linear": [0.444119599330238, -0.444119599330238, 0.922715039314076],
    }
    for df, expected in stored.items():
        assert fits[df].covariance_of_beta[[0, 0, 1], [0, 1, 1]].tolist() == pytest.approx(expected, rel=2e-6)


def test_joint_tests_against_sas_and_r(fit: MixedModel) -> None:
    """R by car::Anova type III: df differ between representations of a hypothesis, so its rows are ours."""
    joint = fit.joint_test(np.eye(11)[[1, 2]])
    assert round(joint["den_df"]) == 166
    assert joint["F"] == pytest.approx(36.92, abs=0.008)
    tests = fit.joint_tests()
    assert tests["num_df"].tolist() == [2, 1, 1, 3, 3]
    df = [165.663091950489, 166.132390274796, 168.517347862674, 150.27935903331, 150.218537341506]
    f = [36.9114313439291, 0.375714493693753, 31.6630556880263, 142.112225163936, 0.258059683823142]
    p = [5.52657561571804e-14, 0.540743930456335, 7.50169682381283e-08, 1.11521289925283e-43, 0.855495765990094]
    assert tests["den_df"].tolist() == pytest.approx(df, rel=1e-3)
    assert tests["F"].tolist() == pytest.approx(f, rel=1e-3)
    assert tests["p"].tolist() == pytest.approx(p, rel=3e-2)


def test_intercept_alone_against_sas(fev: pd.DataFrame) -> None:
    row = mmrm(fev, fixed=[], **KEYS).to_frame().loc["(Intercept)"]
    assert row[["estimate", "se", "t"]].tolist() == pytest.approx([42.8338, 0.3509, 122.07], rel=2e-4)
    assert round(row["df"]) == 171


@pytest.mark.parametrize(("name", "method", "estimate", "se", "df", "p", "deviance"), FEV)
def test_every_structure_and_method_against_r(
    fev: pd.DataFrame, name: str, method: str, estimate: float, se: float, df: float, p: float, deviance: float
) -> None:
    """R stops a little before the optimum: our likelihood is at least R's, figures agree to 1e-4 (estimates: of se)."""
    fit = mmrm(fev, fixed=FULL, covariance=name, df=method.lower(), **KEYS)
    row = fit.to_frame().loc["ARMCDTRT:AVISITVIS4", ["estimate", "se", "df", "p"]].astype(float)
    np.testing.assert_allclose(row[1:], [se, df, p], rtol=1e-4)
    assert abs(row.iloc[0] - estimate) < 1e-4 * se
    assert -1e-5 < -2 * fit.log_likelihood - deviance < 1e-6  # printed to ten digits
