"""Markers at visits: what is recorded of whom, how it is analysed, what bad designs and banks are told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import special
from trial_helpers import bank, design

from senospine.assays import DEVIATES
from senospine.assays.readout import value_of
from senospine.errors import TrialError
from senospine.exchange import cdisc_tables, write_cdisc
from senospine.stats.mmrm import mmrm
from senospine.stats.performance import monte_carlo_interval
from senospine.trial import (
    Design,
    PatientBank,
    TrialData,
    analyse,
    characteristics,
    make_bank,
    read_bank,
    simulate_block,
    simulate_trial,
    synthetic_bank,
    therapy_key,
)
from senospine.trial.analyse import analysed
from senospine.trial.over_time import states_of_markers, states_over_time
from senospine.trial.reading import settled

PAIN = "  pain: {measure: pain, week: 12}"
STAY = ("rate: 20 %", "rate: 0 %")


@cache
def people(cleared: float = 0.5) -> PatientBank:
    return synthetic_bank({"drug": 1.0}, patients=1500, cleared={"drug": cleared}, seed=3)


def marked(*endpoints: str, changes: tuple[tuple[str, str], ...] = (), more: str = "", first: bool = False) -> Design:
    """Return the small design with further endpoints, last or first."""
    lines = [f"  {item}" for item in endpoints]
    text = "\n".join([*lines, PAIN] if first else [PAIN, *lines])
    return design((PAIN, text), *changes, more=more)


def trials(plan: Design, count: int = 20, cleared: float = 0.5) -> list[TrialData]:
    return [simulate_trial(plan, people(cleared), 7, number) for number in range(count)]


GDF = "gdf: {measure: gdf15, week: 12}"


def test_a_marker_is_recorded_where_a_design_asks_and_goes_missing_with_the_patient() -> None:
    plan = marked(GDF, more="markers: {gdf15: [4], modic: [2, 12]}\n")
    assert plan.marker_weeks == {"gdf15": (4.0, 12.0), "modic": (2.0, 12.0)}
    data = simulate_trial(plan, people(), 1, 0)
    for key, visits in (("gdf15", [1, 3]), ("modic", [0, 3])):
        others = [index for index in range(4) if index not in visits]
        assert np.isnan(data.complete[key][:, others]).all()
        assert np.isfinite(data.complete[key][:, visits]).all()
        gone = np.isnan(data.observed["pain"][:, visits])
        assert gone.any()
        np.testing.assert_array_equal(np.isnan(data.observed[key][:, visits]), gone)
    assert set(np.unique(data.complete["modic"][:, 3])) <= {0, 1, 2, 3}


def test_a_marker_changes_no_other_number() -> None:
    plain, more = (simulate_block(plan, people(), 1, range(3)) for plan in (design(), marked(GDF)))
    rows = more[0][more[0]["hypothesis"].str.startswith("pain")].reset_index(drop=True)
    assert rows.equals(plain[0])
    assert more[1].equals(plain[1])


def test_the_reading_that_enrolled_is_the_baseline_and_regresses_by_what_does_not_last() -> None:
    entry = ("{at_least: 100}", "{at_least: 100}\n  markers: {plasma_il6: {at_least: 2.5}}")
    found = trials(marked("il6: {measure: plasma_il6, week: 2}", changes=(entry, STAY)), 40)
    for data in found:
        np.testing.assert_array_equal(data.baseline["plasma_il6"], data.enrolled.recorded["plasma_il6"])
        assert data.baseline["plasma_il6"].min() >= 2.5
    placebo = [data.enrolled.arm == 0 for data in found]
    falls = [np.log(d.complete["plasma_il6"][who, 0] / d.baseline["plasma_il6"][who]).mean()
             for d, who in zip(found, placebo, strict=True)]  # fmt: skip
    kept = [np.corrcoef(np.log(d.complete["plasma_il6"][who, 0]), np.log(d.baseline["plasma_il6"][who]))[0, 1]
            for d, who in zip(found, placebo, strict=True)]  # fmt: skip
    assert np.mean(falls) < -0.08
    assert np.mean(kept) > 0.2
    enriched = marked("modic: {measure: modic, week: 2}",
                      more="population: {kind: marker-enriched, marker: modic, at_least: 1}\n")  # fmt: skip
    assert simulate_trial(enriched, people(), 1, 0).baseline["modic"].min() >= 1


def test_with_nobody_missing_cells_fall_as_the_bank_says() -> None:
    """Cleared by half with the time constant of 28 days: the ratio of arms at week 12 is known."""
    plan = marked("cells: {measure: endplate_senescence, week: 12, mode: oracle}", changes=(STAY,))
    table = analyse(plan, trials(plan), range(20), 1)
    cells = table[table["hypothesis"].str.startswith("cells")]
    np.testing.assert_allclose(np.exp(cells["true"]), 1 - 0.5 * (1 - np.exp(-3)), rtol=1e-5)
    assert cells["p"].isna().all()  # the arms differ without any noise: nothing to be estimated


def test_the_mixed_model_takes_logarithms_of_the_visits_that_measured() -> None:
    """Rows of ADLB, fitted one by one: the same contrast as the trial's own analysis."""
    plan = marked(GDF, more="markers: {gdf15: [4]}\n")
    data = simulate_trial(plan, people(), 1, 0, tables=True)
    tables = cdisc_tables(plan, people(), data)
    rows = tables["ADLB"].query("PARAMCD == 'GDF15' and AVISITN > 0 and ANL01FL == 'Y'")
    rows = rows.merge(tables["ADSL"][["USUBJID", "STRAT1"]], on="USUBJID").assign(
        AVAL=lambda t: np.log(t["AVAL"]), BASE=lambda t: np.log(t["BASE"])
    )
    rows["TRT01P"] = rows["TRT01P"].astype("category").cat.reorder_categories(["placebo", "drug"])
    assert sorted(rows["AVISITN"].unique()) == [4, 12]
    fit = mmrm(
        rows, outcome="AVAL", subject="USUBJID", visit="AVISITN", df="kenward-roger-linear",
        fixed=["TRT01P*AVISITN", "BASE*AVISITN", "STRAT1*AVISITN"],
    )  # fmt: skip
    got = fit.differences("TRT01P", by="AVISITN").iloc[-1]
    own = analyse(plan, [data], [0], 1).iloc[1]
    names = ["estimate", "se", "df", "p"]
    np.testing.assert_allclose(got[names].to_numpy(float), own[names].to_numpy(float), rtol=1e-6)


def test_r_finds_the_same_in_the_written_rows() -> None:
    """R's generalised least squares (nlme) on logarithms of ADLB, weeks 4, 8 and 12, unstructured, REML."""
    plan = marked(GDF, first=True, changes=(("df: kenward-roger-linear", "df: satterthwaite"),),
                  more="markers: {gdf15: [4, 8]}\n")  # fmt: skip
    own = analyse(plan, [simulate_trial(plan, people(), 1, 0)], [0], 1).iloc[0]
    np.testing.assert_allclose(own[["estimate", "se"]].astype(float), [-0.04978226, 0.04358543], rtol=2e-7)


@pytest.mark.parametrize("measure", ["modic", "pfirrmann", "gdf15"])
def test_a_marker_of_one_visit_is_analysed_by_least_squares_with_its_baseline(measure: str) -> None:
    plan = marked(f"m: {{measure: {measure}, week: 12}}", more="markers: {modic: [4], pfirrmann: [2]}\n")
    data = simulate_trial(plan, people(), 1, 0)
    own = analyse(plan, [data], [0], 1).iloc[1]
    scale = {"modic": lambda v: (v >= 1).astype(float), "pfirrmann": lambda v: v, "gdf15": np.log}[measure]
    seen = np.isfinite(data.observed[measure][:, 3])
    x = np.column_stack([
        np.ones(seen.sum()), data.enrolled.arm[seen], scale(data.baseline[measure][seen]), data.enrolled.strata[seen]
    ])  # fmt: skip
    y = scale(data.observed[measure][seen, 3])
    beta, squares, _, _ = np.linalg.lstsq(x, y, rcond=None)
    se = np.sqrt(squares[0] / (len(y) - 4) * np.linalg.inv(x.T @ x)[1, 1])
    p = 2 * special.stdtr(len(y) - 4, -abs(beta[1] / se))
    np.testing.assert_allclose(own[["estimate", "se", "df", "p"]].astype(float), [beta[1], se, len(y) - 4, p])


def test_a_drug_that_does_nothing_moves_no_marker() -> None:
    """Type I error of ratios, shares and means of grades, in 300 trials of nothing."""
    plan = marked(
        GDF, "m: {measure: modic, week: 12}", "g: {measure: pfirrmann, week: 8}", more="markers: {gdf15: [4]}\n"
    )
    table = analyse(plan, trials(plan, 300, 0.0), range(300), 1)
    low, high = monte_carlo_interval(0.05, 300, level=0.999)
    for name in ("gdf", "m", "g"):
        p = table.loc[table["hypothesis"].str.startswith(f"{name}:"), "p"]
        assert low <= (p <= 0.05).mean() <= high, name


def test_the_truth_shows_more_than_a_marker_and_a_marker_more_than_one_loosely_tied() -> None:
    plan = marked(
        "truth: {measure: gdf15, week: 12, mode: oracle}", GDF, "p16: {measure: tcell_p16, week: 12}",
        changes=(STAY, ("patients: 80", "patients: 200"), ("{therapy: drug}", "{therapy: drug}")),
        more="adherence: 60 %\n",
    )  # fmt: skip
    table = analyse(plan, trials(plan, 60), range(60), 1)
    power = [(table.loc[table["hypothesis"].str.startswith(f"{name}:"), "p"] <= 0.05).mean()
             for name in ("truth", "gdf", "p16")]  # fmt: skip
    assert power[0] == 1
    assert power[0] > power[1] > power[2] + 0.1
    slope = value_of("gdf15_tie") * value_of("gdf15_sd") / value_of("senescence_log_sd")
    true = table.loc[table["hypothesis"].str.startswith("truth:"), "true"].mean()
    assert slope * np.log(1 - 0.5 * 0.95) < true < 0.4 * slope * np.log(1 - 0.5 * 0.95)


def test_a_finding_that_nobody_loses_is_said_to_be_not_estimable() -> None:
    plan = marked("m: {measure: modic, week: 12, mode: oracle}", changes=(STAY,))
    found = trials(plan, 4, 0.0)
    for data in found:
        np.testing.assert_array_equal(data.complete["modic, oracle"][:, 3], data.baseline["modic, oracle"])
    table = analyse(plan, found, range(4), 1)
    assert table.loc[table["hypothesis"].str.startswith("m:"), "p"].isna().all()
    assert table.loc[table["hypothesis"].str.startswith("pain:"), "p"].notna().all()


def test_a_finding_can_be_the_entry_criterion_and_an_endpoint() -> None:
    """Strata tell it, or everybody has it, so baseline is no covariate; trials alone and in company say the same."""
    stratum = ("{sex: 1}", "{sex: 1, modic: 1}")
    for kind, changes in (("marker-enriched", ()), ("stratified", ()), ("all-comers", (stratum,))):
        more = f"population: {{kind: {kind}, marker: modic, at_least: 1}}\n" if kind != "all-comers" else ""
        plan = marked("m: {measure: modic, week: 12}", changes=changes, more=more)
        found = trials(plan, 5)
        table = analyse(plan, found, range(5), 1)
        assert np.isfinite(table["p"]).all()
        alone = analyse(plan, found[2:3], [2], 1)
        same = table[table["trial"] == 2]
        np.testing.assert_allclose(alone["estimate"], same["estimate"], rtol=1e-9)


def test_responders_of_a_marker_are_counted_on_what_was_recorded() -> None:
    plan = marked("r: {measure: gdf15, week: 12, responder: 10 %}")
    data = simulate_trial(plan, people(), 1, 0)
    with np.errstate(invalid="ignore"):
        less = data.observed["gdf15"][:, 3] <= 0.9 * data.baseline["gdf15"]
    shares = [less[data.enrolled.arm == arm].mean() for arm in (1, 0)]
    row = analyse(plan, [data], [0], 1).iloc[1]
    np.testing.assert_allclose(row["estimate"], shares[0] - shares[1])


def test_rescue_leaves_markers_alone_and_stopping_does_not() -> None:
    followed = ("log_hazard_per_point: 0.3}", "log_hazard_per_point: 0.3, followed: 100 %}")
    plans = [
        marked(GDF, changes=(followed,),
               more=f"rescue: {{pain_at_least: 5}}\nestimand: {{stopping: {stop}, rescue: {rescue}}}\n")
        for stop, rescue in (("treatment policy", "composite"), ("treatment policy", "hypothetical"),
                             ("hypothetical", "treatment policy"))
    ]  # fmt: skip
    values = [analysed(plan, simulate_trial(plan, people(), 1, 1), "gdf15")[:, 3] for plan in plans]
    np.testing.assert_array_equal(values[0], values[1])
    assert np.isfinite(values[0]).all()
    stopped = simulate_trial(plans[2], people(), 1, 1).stopped <= 3
    np.testing.assert_array_equal(np.isnan(values[2]), stopped)


def test_a_marker_may_be_primary() -> None:
    plan = marked(GDF, first=True)
    analyses, conduct = simulate_block(plan, people(), 1, range(10))
    found = characteristics(plan, analyses, conduct)
    assert "right_decision" not in found.design  # what is worthwhile is in points of pain
    assert found.design["success"].value > 0


def test_recorded_markers_lie_in_adlb_and_true_ones_with_the_truth(tmp_path: Path) -> None:
    plan = marked("truth: {measure: gdf15, week: 12, mode: oracle}", GDF, first=True, more="markers: {gdf15: [4]}\n")
    data = simulate_trial(plan, people(), 1, 0, tables=True)
    table = cdisc_tables(plan, people(), data)["ADLB"]
    rows = table[table["PARAMCD"] == "GDF15"]
    assert len(rows) == 80 + np.isfinite(data.observed["gdf15"]).sum()
    assert (rows["PARAM"] == "Plasma GDF-15, pg/mL").all()
    np.testing.assert_allclose(rows["R2BASE"], rows["AVAL"] / rows["BASE"])
    assert set(table["PARAMCD"]) == {"PLAT", "NEUT", "GDF15"}
    write_cdisc(plan, people(), data, tmp_path / "truth-first")
    assert not (tmp_path / "truth-first" / "mmrm.R").exists()
    assert "COMPLETE_GDF15_ORACLE_4" in (tmp_path / "truth-first/truth/latent.csv").read_text()
    other = marked(GDF, first=True, more="markers: {gdf15: [4]}\n")
    write_cdisc(other, people(), data, tmp_path / "gdf-first")
    script = (tmp_path / "gdf-first" / "mmrm.R").read_text()
    assert 'PARAMCD == "GDF15"' in script
    assert "adlb$AVAL <- log(adlb$AVAL)" in script


BAD = {
    "no visit": ((GDF.replace("12", "9"),), "", r"small\.yaml:17: .*week 9, when nobody measures", "2, 4, 8, 12"),
    "no visit in markers": ((GDF,), "markers: {gdf15: [4, 9]}\n",
        r"small\.yaml:20: .*week 9, which is no visit", "2, 4, 8, 12"),
    "never recorded": ((GDF,), "markers: {modic: []}\n",
        r"small\.yaml:20: marker 'modic' is never recorded", "2, 4, 8, 12"),
    "unknown marker": ((GDF,), "markers: {gdf16: [4]}\n", r"small\.yaml:20: no marker 'gdf16'", "did you mean 'gdf15'"),
    "unknown measure": ((GDF.replace("gdf15", "gdf16"),), "",
        r"small\.yaml:17: .*'gdf16', which nobody measures", "'gdf15'"),
    "counts are no endpoint": ((GDF.replace("gdf15", "platelets"),), "", r"small\.yaml:17: .*'platelets'", ""),
    "responder of a grade": (("g: {measure: pfirrmann, week: 12, responder: 30 %}",), "",
        r"small\.yaml:17: .*responders of 'pfirrmann'", "shares, grades as means"),
    "truth of a report": (("t: {measure: odi, week: 12, mode: oracle}",), "",
        r"small\.yaml:17: .*truth of 'odi'", "mode"),
    "what nobody can read": (("c: {measure: endplate_senescence, week: 12}",), "",
        r"small\.yaml:17: .*nobody can read", "mode: oracle"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_markers_are_told_with_place_and_remedy(name: str) -> None:
    endpoints, more, message, remedy = BAD[name]
    with pytest.raises(TrialError, match=message) as caught:
        marked(*endpoints, more=more)
    assert remedy in str(caught.value)


def test_points_are_refused_where_a_marker_is_primary() -> None:
    for change, message in (("tipping: {up_to: 4}", "shifts points"), ("subgroups: {age: 65}", "subgroup_scale")):
        with pytest.raises(TrialError, match=message):
            marked(GDF, first=True, changes=(("df: kenward-roger-linear", change),))


def test_a_bank_that_follows_no_markers_is_refused_with_what_to_do() -> None:
    with pytest.raises(TrialError, match=r"small\.yaml:17: the bank does not follow 'endplate_senescence'") as caught:
        marked(GDF).check_bank(bank())
    assert "--marker gdf15" in str(caught.value)
    marked(GDF).check_bank(people())


def test_a_bank_keeps_what_it_follows(tmp_path: Path) -> None:
    assert people().write(tmp_path)
    again = read_bank(tmp_path)
    assert again.sha256 == people().sha256 != bank().sha256
    assert again.followed == ("endplate_senescence", "disc_senescence", "degeneration", "endplate_defect", "modic")
    cut = {"untreated": people().courses["untreated"], "drug": bank().courses["drug"]}
    with pytest.raises(TrialError, match="course 'endplate_senescence' under 'drug'"):
        replace(people(), courses=cut)


def test_a_finding_goes_when_porosity_passes_the_persons_own_threshold() -> None:
    """Porosity falls from 4 to 1: each of many people loses a defect once, where the odds reach the own deviate."""
    n, porosity = 400, np.linspace(4, 1, 301)
    generator = np.random.default_rng(3)
    columns = {f"deviate_{name}": generator.random(n) for name in DEVIATES}
    table = pa.table({"age": np.full(n, 60.0), **columns})
    states = states_of_markers(["endplate_defect", "modic"])
    found = states_over_time(
        states, {"endplate_porosity": np.tile(porosity, (n, 1)), "degeneration": np.ones((n, 301))}, table
    )
    odds = np.log(columns["deviate_defect"] / (1 - columns["deviate_defect"]))
    own = np.exp((odds - value_of("defect_log_odds")) / value_of("defect_per_log_porosity"))
    np.testing.assert_array_equal(found["endplate_defect"], (porosity > own[:, None]).astype(float))
    kinds = [set(row[row > 0]) for row in found["modic"]]
    assert max(len(kind) for kind in kinds) == 1  # a type does not turn into another
    assert (np.diff((found["modic"] > 0).astype(int), axis=1) <= 0).all()


def test_the_human_model_fills_a_bank_with_what_markers_come_from(tmp_path: Path) -> None:
    therapy = "navitoclax 250 mg oral daily for 7 days every 28 days, 1 cycle, from day 0 after enrolment"
    options = {"patients": 60, "draws": 1, "weeks": 4, "uncertainty": "none", "workers": 1}
    plain = make_bank(tmp_path / "plain", [therapy], **options)  # type: ignore[arg-type]
    full = make_bank(tmp_path / "full", [therapy], markers=["gdf15", "modic", "pfirrmann"], **options)  # type: ignore[arg-type]
    assert plain.followed == ()
    assert full.followed == ("endplate_senescence", "degeneration", "modic")
    for key in full.courses:
        np.testing.assert_array_equal(full.courses[key]["pain"], plain.courses[key]["pain"])
        for name in full.followed:
            np.testing.assert_array_equal(full.courses[key][name][:, 0], full.baseline[name].to_numpy(np.float32))
    treated, untreated = (full.course(key)["endplate_senescence"] for key in (therapy_key(therapy), "untreated"))
    assert (treated[:, 1] < 0.9 * untreated[:, 1]).mean() > 0.5
    with pytest.raises(TrialError, match="did you mean 'gdf15'"):
        make_bank(tmp_path / "bad", [therapy], markers=["gdf16"], **options)  # type: ignore[arg-type]


def test_those_who_stop_keep_the_states_of_markers(tmp_path: Path) -> None:
    """After the stop cells come back; a finding is there or not, whatever courses are mixed."""
    therapy = "navitoclax 250 mg oral daily for 7 days every 28 days, 2 cycles, from day 0 after enrolment"
    full = make_bank(
        tmp_path, [therapy], patients=60, draws=1, weeks=8, uncertainty="none", workers=1, stops=[28],
        markers=["gdf15", "modic", "endplate_defect"],
    )  # fmt: skip
    again = read_bank(tmp_path)
    key = therapy_key(therapy)
    assert again.sha256 == full.sha256
    on, off = (again.course(key, stopped=day)["endplate_senescence"] for day in (None, 28.0))
    after = np.searchsorted(again.days, 35)  # the day after the second pulse, or without it
    np.testing.assert_array_equal(on[:, again.days <= 28], off[:, again.days <= 28])
    assert (on[:, after] < 0.95 * off[:, after]).mean() > 0.5
    value, untreated = np.array([1.2, 0.8, 1.8, 0.9, 0.2]), np.array([2.0, 2.0, 0.0, 1.0, 0.0])
    assert settled("modic", value, untreated).tolist() == [2, 0, 2, 1, 0]
    assert settled("disc_senescence", np.array([-0.5]), np.array([3.0])).tolist() == [0.03]
