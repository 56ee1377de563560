"""Tipping points, missed visits, patients on the way, chosen populations and subgroups in trials of a design."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, long_table
from scipy import stats
from test_many_trials import leavers
from trial_helpers import bank, design

from senospine.errors import AnalysisError, TrialError
from senospine.stats.imputation import compare_at, impute, impute_many, tipping_point
from senospine.stats.imputation.completed import reduced
from senospine.stats.mmrm import mmrm
from senospine.stats.mmrm.many.fit import monotone
from senospine.stats.shrinkage import shrink_many
from senospine.stats.subgroups import shrink, subgroup_effects
from senospine.trial import analyse, characteristics, run_trials, simulate_block, simulate_trial
from senospine.trial.accrual import look, weeks_of_randomisation
from senospine.trial.adaptive import two_stage
from senospine.trial.analyse import long_frame
from senospine.trial.followed import follow

PLAN = "df: kenward-roger-linear}"
LOOKS = "interim: {at: [0.5], success: obrien-fleming, futility_z: 0.0}\n"
STAGES = "population: {kind: two-stage, marker: endplate_defect, at_least: 1, mode: oracle}\n"


def test_a_shift_of_what_was_imputed_is_told_without_imputing_again() -> None:
    """The parabola in delta against adding delta to each value and analysing anew; the point against root finding."""
    y, x = leavers(31, n=200)
    y[x[:, 1] == 1] -= 1.0
    table = long_table(y, x[:, 1], x[:, 2])
    made = impute(table, arm="arm", reference="control", covariates=["base"], n_imputations=20, seed=5, **COLUMNS)
    sets = reduced(made.completed[:, None, :, -1], x[None, :, :3], 1, np.isnan(y[None, :, -1]))
    for delta in (0.0, 0.7, 3.0):
        one = compare_at(made.shifted({"drug": delta}), "V4", arm="drug", covariates=["base"])
        got = sets.contrasts(delta)
        for name in ("estimate", "se", "df", "p", "lower", "upper"):
            np.testing.assert_allclose(getattr(got, name)[0], getattr(one, name), rtol=1e-8)
    one = tipping_point(made, "V4", arm="drug", deltas=[0, 2, 4, 8], covariates=["base"])
    assert 0 < one.delta < 8
    np.testing.assert_allclose(sets.tipping_point(8.0), one.delta, rtol=1e-6)


def test_what_was_never_shown_cannot_tip_and_what_holds_does_not() -> None:
    y, x = leavers(31, n=200)
    three = [y, y - 2.0 * x[:, 1:2], y + 2.0 * x[:, 1:2]]  # little, a benefit, a harm
    sets = impute_many(three, [x] * 3, 1, [np.random.default_rng(seed) for seed in (1, 2, 3)], n_imputations=10)
    none, some, harm = sets.tipping_point(0.01)
    assert (np.isnan(none), np.isinf(some), np.isnan(harm)) == (True, True, True)
    assert np.isfinite(sets.tipping_point(50.0)[1])
    with pytest.raises(AnalysisError, match="other than zero"):
        sets.tipping_point(0.0)


def test_a_design_tells_when_its_conclusion_tips() -> None:
    plan = design((PLAN, "df: kenward-roger-linear, sensitivity: [MAR], imputations: 10, tipping: {up_to: 4}}"))
    analyses, conduct = simulate_block(plan, bank(2.5), 1, range(12))
    rows = analyses.set_index(["method", "trial"])
    columns = ["estimate", "se", "p"]
    np.testing.assert_array_equal(rows.loc["MAR", columns], rows.loc["MAR+0", columns])
    tips = rows.loc["MAR+0", "tips_at"]
    shown = (rows.loc["MAR+0", "p"] < 0.05) & (rows.loc["MAR+0", "estimate"] < 0)
    np.testing.assert_array_equal(tips.notna(), shown)
    assert shown.sum() > 5
    for delta in (1, 2, 3, 4):
        still = (rows.loc[f"MAR+{delta}", "p"] < 0.05) & (rows.loc[f"MAR+{delta}", "estimate"] < 0)
        np.testing.assert_array_equal(still, tips > delta)
    found = characteristics(plan, analyses, conduct).design
    np.testing.assert_allclose(found["tipping_point"].value, tips[shown].clip(upper=4).mean())
    np.testing.assert_allclose(found["never_tips"].value, np.isinf(tips[shown]).mean())


def test_visits_are_missed_between_attended_ones_and_never_by_those_who_are_gone() -> None:
    plan = design(more="missed_visits: {rate: 20 %}\n")
    trials = [simulate_trial(plan, bank(), 1, number) for number in range(20)]
    plain = [simulate_trial(design(), bank(), 1, number) for number in range(20)]
    missed, left = (np.concatenate([getattr(data, name) for data in trials]) for name in ("missed", "left"))
    gone = np.arange(4) >= left[:, None]
    assert not (missed & gone).any()
    assert not missed[:, -1].any()
    observed = np.concatenate([data.observed["pain"] for data in trials])
    np.testing.assert_array_equal(np.isnan(observed), missed | gone)
    share, n = missed[:, :-1][~gone[:, :-1]].mean(), (~gone[:, :-1]).sum()
    assert abs(share - 0.2) < 4 * np.sqrt(0.16 / n)
    for one, other in zip(trials, plain, strict=True):
        np.testing.assert_array_equal(one.baseline["pain"], other.baseline["pain"])
    worse = design(more="missed_visits: {rate: 20 %, log_odds_per_point: 1.0}\n")
    data = [simulate_trial(worse, bank(), 1, number) for number in range(20)]
    pain = np.concatenate([item.enrolled.pain for item in data])
    first = np.concatenate([item.missed[:, 0] for item in data])  # by the pain of screening
    assert first[pain > 6].mean() > first[pain < 5].mean() + 0.15


def test_trials_in_which_nobody_comes_back_keep_the_closed_form_and_the_others_are_fitted() -> None:
    """Each trial against the mixed model of its long table, whichever path it took."""
    plan = design(more="missed_visits: {rate: 0.4 %}\n")
    trials = [simulate_trial(plan, bank(), 1, number) for number in range(6)]
    leaving = monotone(np.isfinite(np.stack([data.observed["pain"] for data in trials])))
    assert leaving.any()
    assert not leaving.all()
    table = analyse(plan, trials, range(6), 1)
    for number, data in enumerate(trials):
        frame, fixed = long_frame(plan, data, plan.hypotheses[0], data.observed["pain"])
        fit = mmrm(
            frame, outcome="AVAL", subject="USUBJID", visit="AVISITN", fixed=fixed, df="kenward-roger-linear"
        )  # fmt: skip
        row = fit.differences("TRT01P", by="AVISITN", reference="placebo").iloc[-1]
        names = ["estimate", "se", "df", "p"]
        np.testing.assert_allclose(table.loc[number, names].astype(float), row[names].astype(float), rtol=2e-6)


def test_imputation_goes_on_where_visits_were_missed() -> None:
    plan = design((PLAN, "df: kenward-roger-linear, sensitivity: [MAR, J2R], imputations: 30, tipping: {up_to: 3}}"),
                  more="missed_visits: {rate: 3 %}\n")  # fmt: skip
    rows = simulate_block(plan, bank(2.0), 1, range(6))[0].set_index(["method", "trial"])
    np.testing.assert_allclose(rows.loc["MAR", "estimate"], rows.loc["mmrm", "estimate"], atol=0.25)
    assert (rows.loc["J2R", "estimate"] > rows.loc["MAR", "estimate"]).mean() > 0.5
    np.testing.assert_array_equal(rows.loc["MAR", "p"], rows.loc["MAR+0", "p"])


def test_a_run_with_missed_visits_and_another_covariance_is_followed(tmp_path: Path) -> None:
    """What is followed at the endpoint's visit is what the run kept, to the last bit, and is the one-trial model."""
    plan = design((PLAN, "df: kenward-roger, covariance: heterogeneous_ar1}"), more="missed_visits: {rate: 5 %}\n")
    people = bank()
    run = run_trials(plan, people.write(tmp_path / "bank"), tmp_path / "run", trials=4, workers=1)
    found = follow(run, people)
    assert found.reproduced == 4
    kept = run.analyses.set_index("trial")
    mine = found.contrasts[found.contrasts["week"] == 12].set_index("trial")
    np.testing.assert_array_equal(mine[["estimate", "lower"]], kept[["estimate", "lower"]])
    frame, fixed = long_frame(plan, found.example, plan.hypotheses[0], found.example.observed["pain"])
    fit = mmrm(
        frame, outcome="AVAL", subject="USUBJID", visit="AVISITN", fixed=fixed, df="kenward-roger",
        covariance="heterogeneous_ar1",
    )  # fmt: skip
    row = fit.differences("TRT01P", by="AVISITN", reference="placebo").iloc[-1]
    names = ["estimate", "se", "df", "p"]
    np.testing.assert_allclose(kept.loc[0, names].astype(float), row[names].astype(float), rtol=2e-6)


def test_a_look_sees_what_there_is_and_counts_who_is_on_the_way() -> None:
    plan = design(more=LOOKS + "accrual: {screened_per_week: 4, readout_weeks: 2}\n")
    data = simulate_trial(plan, bank(), 1, 0)
    came = weeks_of_randomisation(plan, data, 1, 0)
    assert (np.diff(came) > 0).all()
    np.testing.assert_allclose(came[-1] / data.enrolled.screened, 0.25, rtol=0.3)
    seen = look(plan, data, 1, 0, 0.5)
    cut = came[39] + 12
    np.testing.assert_array_equal(seen.reached, (came[:, None] + np.array([2, 4, 8, 12]) <= cut + 1e-9).sum(axis=1))
    assert (seen.reached == 4).sum() == 40
    assert seen.patients == (came <= cut + 2).sum() > 60
    assert seen.weeks == pytest.approx(cut + 2)
    slow = design(more=LOOKS + "accrual: {screened_per_week: 0.05}\n")
    few = look(slow, simulate_trial(slow, bank(), 1, 0), 1, 0, 0.5)
    assert few.patients - few.complete <= 3  # hardly anybody on the way
    end = look(plan, data, 1, 0, 1.0)
    assert (end.reached.min(), end.patients, end.weeks) == (4, 80, pytest.approx(came[-1] + 14))


def test_an_early_stop_saves_fewer_patients_the_faster_they_come() -> None:
    told = {}
    for rate in (0.05, 4):
        plan = design(more=LOOKS + f"accrual: {{screened_per_week: {rate}}}\n")
        analyses, conduct = simulate_block(plan, bank(3.0), 1, range(30))
        told[rate] = characteristics(plan, analyses, conduct).design
        stopped = analyses["look"] == 1
        np.testing.assert_array_equal(analyses["overrun"], analyses["patients"] - np.where(stopped, 40, 80))
    assert told[0.05]["patients"].value < 60 < told[4]["patients"].value
    assert told[4]["overrun"].value > 10 * told[0.05]["overrun"].value
    assert told[4]["weeks"].value < told[0.05]["weeks"].value / 10
    without = simulate_block(design(more=LOOKS), bank(3.0), 1, range(30))[0]
    assert {"overrun", "weeks"}.isdisjoint(without.columns)
    assert set(without["patients"]) == {40, 80}


def test_the_second_stage_alone_is_what_its_patients_say() -> None:
    plan = design(("patients: 80", "patients: 160"), ("rate: 20 %", "rate: 0 %"), more=STAGES)
    table, stages = two_stage(plan, bank(0.5), range(6), 1)
    for number, (_, two) in enumerate(stages):
        row = table[(table["trial"] == number) & (table["method"] == "mmrm, second stage")].iloc[0]
        kind = design(("patients: 80", "patients: 160"), ("rate: 20 %", "rate: 0 %"),
                      more=STAGES.replace("two-stage", "stratified"))  # fmt: skip
        own = analyse(kind, [two], [number], 1).set_index("hypothesis").loc[row["hypothesis"]]
        if row["chosen"] == "all":
            names = ["estimate", "se", "df", "p", "lower", "upper"]
            np.testing.assert_allclose(row[names].astype(float), own[names].astype(float), rtol=1e-9)
        np.testing.assert_allclose(row["estimate"], own["estimate"], rtol=1e-9)
    assert set(table["chosen"]) == {"all", "positive"}


def test_a_choice_flatters_what_was_chosen_and_the_second_stage_does_not() -> None:
    """No difference between groups, so that noise alone chooses: pooled estimates of the positive are too good."""
    plan = design(("patients: 80", "patients: 160"), ("rate: 20 %", "rate: 0 %"), ("method: mmrm", "method: ancova"),
                  more=STAGES)  # fmt: skip
    analyses, conduct = simulate_block(plan, bank(0.5), 1, range(150))
    carried = analyses[(analyses["chosen"] == "positive") & analyses["hypothesis"].str.endswith("positive")]
    wide = carried.pivot_table("estimate", "trial", "method")
    flattery = wide["ancova"] - wide["ancova, second stage"]
    assert flattery.mean() < -3 * flattery.std() / np.sqrt(len(flattery))
    rows = characteristics(plan, analyses, conduct).methods.loc["pain: drug - placebo, marker-positive"]
    alone, covered = (rows.loc[("ancova, second stage", f"{name}_if_chosen")] for name in ("bias", "coverage"))
    assert abs(alone["value"]) < 3 * alone["error"]
    assert abs(covered["value"] - 0.95) < 4 * max(covered["error"], 0.02)
    pooled = rows.loc[("ancova", "bias_if_chosen"), "value"]
    np.testing.assert_allclose(pooled - alone["value"], flattery.mean(), rtol=1e-9)


def test_success_with_the_chosen_population_is_a_success() -> None:
    plan = design(("patients: 80", "patients: 160"), more=STAGES)
    analyses, conduct = simulate_block(plan, bank(2.0, only_with_defect=True), 1, range(20))
    main = analyses[analyses["method"] == "mmrm"]
    either = main.groupby("trial")["rejected"].any()
    assert either.mean() > 0.8
    found = characteristics(plan, analyses, conduct).design
    assert found["success"].value == either.mean()
    assert found["right_decision"].value == either.mean()  # the positive gain well above what is worthwhile


def test_many_shrunk_effects_are_each_the_one() -> None:
    generator = np.random.default_rng(2)
    estimates = generator.normal(-0.5, 0.6, (4, 2))
    root = generator.normal(0, 0.3, (4, 2, 2)) + 0.3 * np.eye(2)
    covariances = root @ root.swapaxes(1, 2)
    estimates[3, 0] = np.nan
    many = shrink_many(estimates, covariances, scale=0.4)
    for index in range(3):
        one = shrink(estimates[index], covariances[index], prior="half-normal", scale=0.4).table
        for group in range(2):
            got = [getattr(many[group], name)[index] for name in ("estimate", "se", "lower", "upper")]
            np.testing.assert_allclose(got, one.iloc[group][["shrunk", "shrunk_se", "lower", "upper"]], rtol=1e-8)
    assert np.isnan([item.p[3] for item in many]).all()
    flat = shrink_many([[-1.0, -1.0]], [np.diag([1e-4, 1e-4])], scale=0.4)
    assert flat[0].p[0] < 1e-6
    with pytest.raises(AnalysisError, match="do not belong together"):
        shrink_many(estimates, covariances, scale=0.0)


@pytest.mark.parametrize("stratify", ["{sex: 1}", "{endplate_defect: 1}"])
def test_subgroups_are_those_of_the_fitted_model(stratify: str) -> None:
    """The contrasts of the closed form against `subgroup_effects` of the mixed model on the long table."""
    plan = design((PLAN, "df: kenward-roger-linear, subgroups: {endplate_defect: 1}}"), ("{sex: 1}", stratify))
    data = simulate_trial(plan, bank(1.5, only_with_defect=True), 1, 4)
    rows = analyse(plan, [data], [4], 1).set_index(["hypothesis", "method"])
    frame, fixed = long_frame(plan, data, plan.hypotheses[0], data.observed["pain"])
    frame["GROUP"] = np.repeat(np.where(data.enrolled.subgroups[:, 0] > 0, "yes", "no"), 4)
    if stratify == "{endplate_defect: 1}":
        fixed = [term for term in fixed if not term.startswith("STRAT")]
    fit = mmrm(
        frame, outcome="AVAL", subject="USUBJID", visit="AVISITN", df="kenward-roger-linear",
        fixed=[*fixed, "GROUP*AVISITN", "TRT01P*GROUP*AVISITN"],
    )  # fmt: skip
    effects = subgroup_effects(
        fit, arm="TRT01P", treated="drug", reference="placebo", subgroup="GROUP", visit=("AVISITN", 12.0)
    )
    shrunk = effects.shrink("half-normal", scale=0.4).table
    for index, name in enumerate(("endplate_defect < 1", "endplate_defect >= 1")):
        row = rows.loc[(f"pain: drug - placebo, {name}", "subgroup")]
        np.testing.assert_allclose(row["estimate"], effects.estimates[index], rtol=1e-5)
        np.testing.assert_allclose(row["se"], effects.covariance[index, index] ** 0.5, rtol=1e-5)
        np.testing.assert_allclose(row["interaction_p"], effects.test["p"], rtol=1e-4)
        row = rows.loc[(f"pain: drug - placebo, {name}", "subgroup, shrunk")]
        np.testing.assert_allclose(row[["estimate", "lower"]].astype(float),
                                   shrunk.iloc[index][["shrunk", "lower"]], rtol=1e-4)  # fmt: skip


def test_subgroups_change_nothing_else_and_are_told() -> None:
    plain = simulate_block(design(), bank(1.5, only_with_defect=True), 1, range(12))[0]
    plan = design((PLAN, "df: kenward-roger-linear, subgroups: {endplate_defect: 1, age: 60}}"))
    analyses, conduct = simulate_block(plan, bank(1.5, only_with_defect=True), 1, range(12))
    same = analyses[analyses["method"] == "mmrm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same[plain.columns], plain)
    found = characteristics(plan, analyses, conduct)
    truth = found.methods["value"].xs(("subgroup", "truth"), level=("method", "measure"))
    assert (
        truth["pain: drug - placebo, endplate_defect >= 1"] < truth["pain: drug - placebo, endplate_defect < 1"] - 0.7
    )
    assert "interaction" in found.summary()
    spread = found.methods["value"].xs("empirical_se", level="measure")
    for name in ("age < 60", "age >= 60"):  # no difference there, so that shrinking steadies
        pair = spread.loc[f"pain: drug - placebo, {name}"]
        assert pair["subgroup, shrunk"] < pair["subgroup"]


def test_the_interaction_holds_its_level() -> None:
    plan = design((PLAN, "df: kenward-roger-linear, subgroups: {endplate_defect: 1}}"), ("rate: 20 %", "rate: 0 %"))
    analyses, _ = simulate_block(plan, bank(1.0), 1, range(200))
    p = analyses[analyses["method"] == "subgroup"].drop_duplicates("trial")["interaction_p"]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert stats.binomtest(int((p < 0.05).sum()), 200, 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        ([(PLAN, "df: kenward-roger-linear, subgroups: {endplat_defect: 1}}")], "", "unknown marker 'endplat_defect'"),
        ([(PLAN, "df: kenward-roger-linear, tipping: {up_to: -1}}")], "", r"analysis\.tipping\.up_to"),
        ([(PLAN, "df: kenward-roger-linear, tipping: {up_to: 2}}")], STAGES, "two-stage design has no 'tipping'"),
        ([(PLAN, "df: kenward-roger-linear, subgroups: {age: 60}}"), ("week: 12}", "week: 12, responder: 30 %}")], "",
         "'subgroups' needs a primary endpoint that is a mean"),
        ([], "missed_visits: {rate: {drog: 5 %}}\n", "'missed_visits' names arm 'drog'"),
        ([], "missed_visits: {rate: 120 %}\n", "between 0 % and 100 %"),
        ([], "accrual: {screened_per_week: 0}\n", r"accrual\.screened_per_week"),
        ([], "accrual: {readout_weeks: 1}\n", "screened_per_week"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(changes: list[tuple[str, str]], more: str, message: str) -> None:
    with pytest.raises(TrialError, match=message) as caught:
        design(*changes, more=more)
    assert "small.yaml" in str(caught.value)
