"""CDISC-shaped tables: what another program reads in them gives the analysis back, and the truth is not among it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from r_cases import GLS, MORE, SCRIPT
from trial_helpers import bank, design

from senospine.exchange import cdisc_tables, r_script, write_cdisc
from senospine.stats.mmrm import mmrm
from senospine.trial import analyse, simulate_trial

ODI = ("  pain: {measure: pain, week: 12}", "  pain: {measure: pain, week: 8}\n  odi: {measure: odi, week: 12}")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdisc")
    plan = design(ODI, more=MORE)
    write_cdisc(plan, bank(), simulate_trial(plan, bank(), 1, 0, tables=True), folder)
    return folder


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", comment="#", keep_default_na=False, na_values=["NaN"])


def test_the_tables_give_the_analysis_back(written: Path) -> None:
    """The steps of the R script, taken here: the same contrast as the trial's own analysis."""
    subjects, answers = read(written, "ADSL"), read(written, "ADQS")
    rows = answers[(answers["PARAMCD"] == "NRSAVG") & (answers["ANL01FL"] == "Y")].query("0 < AVISITN <= 8")
    rows = rows.merge(subjects[["USUBJID", "STRAT1"]], on="USUBJID")
    rows["TRT01P"] = pd.Categorical(rows["TRT01P"], ["placebo", "drug"])
    fit = mmrm(
        rows, outcome="AVAL", subject="USUBJID", visit="AVISITN", df="kenward-roger-linear",
        fixed=["TRT01P*AVISITN", "BASE*AVISITN", "STRAT1*AVISITN"],
    )  # fmt: skip
    got = fit.differences("TRT01P", by="AVISITN").iloc[-1]
    plan = design(ODI, more=MORE)
    own = analyse(plan, [simulate_trial(plan, bank(), 1, 0)], [0], 1).iloc[0]
    names = ["estimate", "se", "df", "p"]
    np.testing.assert_allclose(got[names].to_numpy(float), own[names].to_numpy(float), rtol=1e-6)
    said = json.loads((written / "expected.json").read_text())["contrasts"][-1]
    np.testing.assert_allclose([said[name] for name in names], own[names].to_numpy(float), rtol=1e-6)


def test_estimate_and_error_are_those_that_r_gives() -> None:
    """R's generalised least squares on the written tables; its optimiser stops within 6e-6 of the estimate."""
    plan = design(("df: kenward-roger-linear", "df: satterthwaite"), more=MORE)
    own = analyse(plan, [simulate_trial(plan, bank(), 1, 0)], [0], 1).iloc[0]
    for name, value in GLS.items():
        np.testing.assert_allclose(own[name], value, rtol=1e-5)


@pytest.mark.parametrize(("covariance", "df", "estimate", "se", "free", "p"), SCRIPT)
def test_the_script_finds_what_we_find(
    covariance: str, df: str, estimate: float, se: float, free: float, p: float
) -> None:
    """R's optimiser stops early: the largest difference is 8e-5, in the df of the unstructured form."""
    plan = design(("df: kenward-roger-linear", f"covariance: {covariance}, df: {df}"), more=MORE)
    own = analyse(plan, [simulate_trial(plan, bank(), 1, 0)], [0], 1).iloc[0]
    got = own[["estimate", "se", "df", "p"]].astype(float)
    np.testing.assert_allclose(got, [estimate, se, free, p], rtol=1e-4)


def test_markers_that_begin_alike_have_columns_of_their_own() -> None:
    groups = "df: kenward-roger-linear, subgroups: {plasma_il6: 1, plasma_mmp3: 2}"
    plan = design(("df: kenward-roger-linear", groups))
    data = simulate_trial(plan, bank(), 1, 0, tables=True)
    table = cdisc_tables(plan, bank(), data)["ADSL"]
    for index, name in enumerate(("plasma_il6", "plasma_mmp3")):
        same = [column for column in table if np.array_equal(table[column].to_numpy(), data.enrolled.recorded[name])]
        assert len([column for column in same if column.endswith("BL")]) == 1, name
        np.testing.assert_array_equal(table[f"SUBGR{index + 1}"], data.enrolled.subgroups[:, index])


def test_the_script_names_the_same_model(written: Path) -> None:
    text = (written / "mmrm.R").read_text()
    model = "AVAL ~ TRT01P * AVISITN + BASE * AVISITN + STRAT1 * AVISITN + us(AVISITN | USUBJID)"
    assert model in text
    assert 'reml = TRUE, method = "Kenward-Roger", vcov = "Kenward-Roger-Linear"' in text
    assert 'PARAMCD == "NRSAVG"' in text
    assert "AVISITN <= 8" in text
    assert 'levels = c("placebo", "drug")' in text
    assert 'ref = "placebo"' in text
    other = design(("df: kenward-roger-linear", "covariance: TOEPH, df: satterthwaite"))
    assert "toeph(AVISITN | USUBJID)" in r_script(other, 0)
    assert 'method = "Satterthwaite"\n' in r_script(other, 0)


def test_every_file_says_it_is_simulated_and_the_truth_is_apart(written: Path) -> None:
    for path in written.rglob("*.*"):
        assert "Synthetic data" in path.read_text().split("\n")[0 if path.suffix != ".json" else 1], path
    for name in ("ADSL", "ADQS", "ADLB", "ADAE"):
        table = read(written, name)
        assert (table["STUDYID"] == "SIM-SMALL").all()
        assert not [column for column in table if column.startswith(("TRUE", "COMPLETE"))]
        assert "truth" not in (written / "mmrm.R").read_text()
    truth = read(written, "truth/latent")
    assert {"TRUE_endplate_senescence", "COMPLETE_PAIN_4"} <= set(truth.columns)
    assert truth["USUBJID"].tolist() == read(written, "ADSL")["USUBJID"].tolist()


def test_the_tables_hold_what_was_recorded() -> None:
    plan = design(("rate: 20 %", "rate: 30 %"), more="adverse_events: {background: 40 %, stops: 30 %}\n")
    data = simulate_trial(plan, bank(fall=0.75), 2, 0, tables=True)
    tables = cdisc_tables(plan, bank(fall=0.75), data)
    subjects, answers, blood, events = (tables[name] for name in ("ADSL", "ADQS", "ADLB", "ADAE"))
    assert len(subjects) == 80 == subjects["USUBJID"].nunique()
    assert (subjects["EOSSTT"] == "DISCONTINUED").sum() == (data.left < 4).sum()
    pain = answers[answers["PARAMCD"] == "NRSAVG"]
    assert len(pain) == 80 + np.isfinite(data.observed["pain"]).sum()
    np.testing.assert_allclose(pain["CHG"].dropna(), (pain["AVAL"] - pain["BASE"])[pain["CHG"].notna()])
    assert (pain.loc[pain["ABLFL"] == "Y", "AVAL"] >= 4).all()
    grades = blood[blood["PARAMCD"] == "PLAT"]
    assert (grades.loc[grades["AVAL"] < 25, "ATOXGRL"] == 4).all()
    assert (grades.loc[(grades["AVAL"] >= 50) & (grades["AVAL"] < 75), "ATOXGRL"] == 2).all()
    assert grades.loc[grades["AVAL"] >= 150, "ATOXGRL"].eq(0).all()
    assert grades["ATOXGRL"].max() >= 2
    assert len(events) == data.events.sum()
    ended = set(events.loc[events["AEACN"] == "DRUG WITHDRAWN", "USUBJID"])
    assert ended == set(subjects.loc[subjects["DCTREAS"] == "ADVERSE EVENT", "USUBJID"])
    assert len(ended) > 3


def test_tables_change_nothing_else() -> None:
    plain, full = (simulate_trial(design(), bank(), 1, 0, tables=tables) for tables in (False, True))
    np.testing.assert_array_equal(plain.observed["pain"], full.observed["pain"])
    assert np.isfinite(full.counts["platelets"]).any()
