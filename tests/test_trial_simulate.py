"""One trial, step by step: who enters, who leaves and why, what is seen, and whose noise it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trial_helpers import bank, design

from senospine.assays import contextual_response
from senospine.errors import FileError, TrialError
from senospine.trial import Reason, TrialData, analyse, read_bank, simulate_trial
from senospine.trial.analyse import analysed


def many(plan: object, people: object, count: int = 25, **options: object) -> list[TrialData]:
    return [simulate_trial(plan, people, 7, number, **options) for number in range(count)]  # type: ignore[arg-type]


def change(trials: list[TrialData], arm: int, kind: str = "complete") -> float:
    """Return the mean change of pain at the last visit in an arm."""
    return float(
        np.mean([
            (getattr(data, kind)["pain"][:, -1] - data.baseline["pain"])[data.enrolled.arm == arm].mean()
            for data in trials
        ])
    )  # fmt: skip


def test_a_bank_comes_back_as_it_was_written_and_damage_is_found(tmp_path: Path) -> None:
    people = bank()
    people.write(tmp_path)
    again = read_bank(tmp_path)
    assert again.sha256 == people.sha256
    pd.testing.assert_frame_equal(again.baseline, people.baseline)
    assert "Synthetic" in (tmp_path / "manifest.json").read_text()
    file = tmp_path / "course-001.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(FileError, match=r"'course-001\.parquet' of the bank"):
        read_bank(tmp_path)
    with pytest.raises(FileError, match="no bank of patients"):
        read_bank(tmp_path / "elsewhere")


def test_a_bank_that_is_none_is_refused() -> None:
    people = bank()
    with pytest.raises(TrialError, match="no column 'modic'"):
        replace(people, baseline=people.baseline.drop(columns="modic"))
    with pytest.raises(TrialError, match="no course 'untreated'"):
        replace(people, courses={"drug": people.courses["drug"]})
    with pytest.raises(TrialError, match="weights must not be negative"):
        replace(people, baseline=people.baseline.assign(weight=-1.0))
    with pytest.raises(TrialError, match="course 'pain' under 'drug'"):
        replace(people, courses={**people.courses, "drug": {**people.courses["drug"], "pain": np.zeros((3, 2))}})


def test_patients_come_by_weight_and_by_draw() -> None:
    people = bank()
    heavy = replace(
        people, baseline=people.baseline.assign(weight=np.where(people.baseline["sex"] == "male", 3.0, 1.0))
    )
    rows = heavy.sample(20_000, 0, np.random.default_rng(1))
    men = (people.baseline["sex"] == "male").to_numpy()
    np.testing.assert_allclose(men[rows].mean(), 3 * men.mean() / (3 * men.mean() + 1 - men.mean()), atol=0.02)
    drawn = replace(people, baseline=people.baseline.assign(draw=np.arange(1500) % 3))
    trials = many(design(), drawn, 4)
    assert [data.enrolled.draw for data in trials] == [0, 1, 2, 0]
    assert all((data.enrolled.row % 3 == data.enrolled.draw).all() for data in trials)


def test_entry_is_by_what_is_recorded_and_failures_are_counted() -> None:
    data = simulate_trial(design(), bank(), 1, 5)
    age = bank().numbers["age"][data.enrolled.row]
    assert data.enrolled.pain.min() >= 4
    assert age.min() >= 30
    assert age.max() <= 85
    assert data.enrolled.recorded["platelets"].min() >= 100
    assert sum(data.enrolled.failures.values()) + 80 == data.enrolled.screened
    assert data.enrolled.failures["age"] > 0 < data.enrolled.failures["pain"]


def test_blocks_are_balanced_within_strata() -> None:
    enrolled = simulate_trial(design(), bank(), 1, 0).enrolled
    for stratum in (0, 1):
        arms = enrolled.arm[enrolled.strata[:, 0] == stratum]
        whole = arms[: len(arms) // 4 * 4].reshape(-1, 4)
        assert (whole.sum(axis=1) == 2).all()
        assert len({tuple(row) for row in whole}) > 1
    uneven = simulate_trial(
        design(("{therapy: drug}", "{therapy: drug, allocation: 2}"), ("block: 4", "block: 6")), bank(), 1, 0
    )
    np.testing.assert_allclose((uneven.enrolled.arm == 1).mean(), 2 / 3, atol=0.05)


def test_the_smaller_trial_is_the_beginning_of_the_larger() -> None:
    small, large = (simulate_trial(design(), bank(), 3, 2, patients=n) for n in (80, 400))
    np.testing.assert_array_equal(small.enrolled.row, large.enrolled.row[:80])
    np.testing.assert_array_equal(small.enrolled.arm, large.enrolled.arm[:80])
    np.testing.assert_array_equal(small.observed["pain"], large.observed["pain"][:80])


def test_noise_is_fresh_in_every_trial_and_the_same_again() -> None:
    one, again, other = (simulate_trial(design(), bank(), 3, number).observed["pain"] for number in (2, 2, 3))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_leavers_stay_away_and_as_many_leave_as_planned() -> None:
    trials = many(design(("at random, log_hazard_per_point: 0.3", "completely at random")), bank(), 40)
    for data in trials:
        gone = np.isnan(data.observed["pain"])
        assert (gone[:, 1:] >= gone[:, :-1]).all()
        assert np.isfinite(data.complete["pain"]).all()
    np.testing.assert_allclose(
        np.mean([np.isnan(data.observed["pain"][:, -1]).mean() for data in trials]), 0.2, atol=0.02
    )


def test_who_leaves_depends_on_what_was_seen_or_on_what_was_not() -> None:
    """Given the last value seen, the next on treatment is the same in leavers and stayers if they leave at random."""
    gaps = {}
    for mechanism in ("at random", "not at random"):
        plan = design(("20 %, mechanism: at random, log_hazard_per_point: 0.3",
                       f"40 %, mechanism: {mechanism}, log_hazard_per_point: 0.6"),
                      more="estimand: {stopping: hypothetical}\n")  # fmt: skip
        trials = many(plan, bank(0.0), 60)
        before, now = (np.concatenate([data.ideal["pain"][:, k][data.left > 1] for data in trials]) for k in (1, 2))
        left = np.concatenate([data.left[data.left > 1] == 2 for data in trials])
        design_rows = np.column_stack([np.ones(len(now)), before, left])
        gaps[mechanism] = np.linalg.lstsq(design_rows, now, rcond=None)[0][2]
    assert abs(gaps["at random"]) < 0.15
    assert gaps["not at random"] > 0.4


def test_leaving_by_arm_and_reasons() -> None:
    trials = many(design(("rate: 20 %", "rate: {placebo: 50 %, drug: 5 %}")), bank(), 20)
    share = [np.mean([(data.left < 4)[data.enrolled.arm == arm].mean() for data in trials]) for arm in (0, 1)]
    assert share[0] > 4 * share[1]
    assert {Reason(code) for data in trials for code in data.reason} == {
        Reason.COMPLETED, Reason.LACK_OF_EFFICACY, Reason.OTHER
    }  # fmt: skip


def test_adverse_events_come_with_exposure_and_end_treatment() -> None:
    more = "adverse_events: {background: 20 %, per_gut_exposure: 40 %, stops: 30 %}\n"
    trials = many(design(("rate: 20 %", "rate: 0 %"), more=more), bank(), 30)
    shares = [np.mean([data.events.any(axis=1)[data.enrolled.arm == arm].mean() for data in trials]) for arm in (0, 1)]
    # with 30 % stopping at each event fewer are left to be seen, so a little below 20 % and 1 - 0.8 * 0.6
    np.testing.assert_allclose(shares, [0.2, 0.52], atol=0.06)
    assert any((data.reason == Reason.ADVERSE_EVENT).any() for data in trials)
    assert all(((data.reason == Reason.COMPLETED) == (data.left == 4)).all() for data in trials)


def test_low_platelets_hold_doses_and_cost_effect() -> None:
    people = bank(2.0, fall=0.75)
    calm = many(design(("rate: 20 %", "rate: 0 %")), people)
    held = many(design(("rate: 20 %", "rate: 0 %"), more="dose_holds: hold below 75\n"), people)
    assert not any(data.held.any() for data in calm)
    assert np.mean([data.held[data.enrolled.arm == 1].any(axis=1).mean() for data in held]) > 0.5
    assert not any(data.held[data.enrolled.arm == 0].any() for data in held)
    assert change(held, 1) > change(calm, 1) + 0.2
    np.testing.assert_allclose(change(held, 0), change(calm, 0), atol=1e-12)
    ended = many(design(("rate: 20 %", "rate: 0 %"), more="dose_holds: stop below 25\n"), bank(2.0, fall=0.93))
    assert any((data.reason == Reason.PLATELETS).any() for data in ended)


def test_context_is_that_of_the_control() -> None:
    """A pill against nothing: the difference is the contextual response, nothing else."""
    plan = design(("drug: {therapy: drug}", "nothing: {control: none}"), ("rate: 20 %", "rate: 0 %"))
    trials = many(plan, bank(), 60)
    difference = change(trials, 1) - change(trials, 0)
    np.testing.assert_allclose(difference, float(contextual_response("pill", [81])[0]), atol=0.15)


def test_a_higher_entry_cut_makes_more_regression_to_the_mean() -> None:
    still = ("{control: pill}", "{control: none}"), ("rate: 20 %", "rate: 0 %")
    falls = [
        change(many(design(*still, ("{at_least: 4, days: 7}", f"{{at_least: {cut}, days: {days}}}")), bank(0.0), 30), 0)
        for cut, days in ((0, 7), (6, 7), (6, 1))
    ]
    assert falls[0] > falls[1] + 0.3 > falls[2] + 0.3


def test_the_truth_of_an_estimand_is_the_banks_effect() -> None:
    """Nobody missing, everyone adherent: the latent point times its rise, less what the ends of 0-10 cut."""
    ideal = "estimand: {stopping: hypothetical}\n"
    trials = many(design(more=ideal), bank(1.0), 60)
    table = analyse(design(more=ideal), trials, range(60), 1)
    expected = -(1 - np.exp(-84 / 28))
    assert expected - 0.05 < table["true"].mean() < 0.8 * expected
    half = many(design(more=ideal + "adherence: 50 %\n"), bank(1.0), 60)
    shrunk = analyse(design(more=ideal), half, range(60), 1)["true"].mean()
    np.testing.assert_allclose(shrunk / table["true"].mean(), 0.5, atol=0.15)


def test_a_null_drug_is_a_placebo_by_another_name() -> None:
    null = simulate_trial(design(), bank(0.0), 1, 0)
    placebo = simulate_trial(design(("{therapy: drug}", "{control: pill}")), bank(0.0), 1, 0)
    np.testing.assert_array_equal(null.observed["pain"], placebo.observed["pain"])


def test_estimands_treat_rescue_and_stopping_as_they_say() -> None:
    more = "rescue: {pain_at_least: 6}\n"
    followed = ("log_hazard_per_point: 0.3}", "log_hazard_per_point: 0.3, followed: 100 %}")
    plans = {
        name: design(followed, more=f"{more}estimand: {{stopping: {stop}, rescue: {rescue}}}\n")
        for name, stop, rescue in (
            ("policy", "treatment policy", "treatment policy"), ("ideal", "hypothetical", "hypothetical"),
            ("composite", "treatment policy", "composite"),
        )
    }  # fmt: skip
    data = {name: simulate_trial(plan, bank(), 1, 1) for name, plan in plans.items()}
    seen = {name: analysed(plans[name], data[name], "pain") for name in plans}
    rescued = np.arange(4) >= data["policy"].rescued[:, None]
    stopped = np.arange(4) >= data["policy"].stopped[:, None]
    assert rescued.any()
    assert stopped.any()
    assert np.isfinite(seen["policy"]).all()
    np.testing.assert_array_equal(np.isnan(seen["ideal"]), rescued | stopped)
    baseline = np.repeat(data["policy"].baseline["pain"][:, None], 4, axis=1)
    np.testing.assert_array_equal(seen["composite"][rescued], baseline[rescued])
    np.testing.assert_array_equal(seen["composite"][~rescued], seen["policy"][~rescued])
    gained = (data["ideal"].ideal["pain"] - data["ideal"].complete["pain"])[rescued]
    assert gained.mean() > 0.1  # without rescue pain would be worse


def test_questionnaires_are_measured_where_a_design_asks() -> None:
    plan = design(
        ("  pain: {measure: pain, week: 12}", "  pain: {measure: pain, week: 12}\n  odi: {measure: odi, week: 8}")
    )
    data = simulate_trial(plan, bank(), 1, 0)
    assert set(data.observed) == {"pain", "odi"}
    assert np.corrcoef(data.baseline["odi"], data.complete["odi"][:, 0])[0, 1] > 0.5
    table = analyse(plan, [data], [0], 1)
    assert table["hypothesis"].tolist() == ["pain: drug - placebo", "odi: drug - placebo"]
