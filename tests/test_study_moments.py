"""Studies that measure more than once, that do not know the dose, and animals set from birth."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from study_helpers import SHORT_STUDY

from senospine.errors import StudyError
from senospine.evidence import Laboratory
from senospine.report.outcomes import outcome_dict, print_outcome
from senospine.study import load_study, published_studies, run_study

TWICE = SHORT_STUDY.replace("measure_at: day 8 after surgery", "measure_at: [day 8 after surgery, day 2 after surgery]")
UNKNOWN = SHORT_STUDY.replace(
    "therapy: navitoclax 50 mg/kg oral daily for 2 days from day 3 after surgery",
    "therapy: {any_of: {low: navitoclax 5 mg/kg oral once at day 3 after surgery, "
    "high: navitoclax 100 mg/kg oral once at day 3 after surgery}}",
)


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_every_shipped_study_is_resolved() -> None:
    for name in published_studies():
        study = load_study(name)
        for arm in study.arms:
            assert arm.moments[-1][1] == arm.measure_day
            assert all(entry.time <= arm.measure_day for entry in arm.entries)
        assert {name for pair in study.compare for name in pair} <= set(study.groups)


def test_moments_stand_in_order_of_time_and_each_is_recorded_exactly(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, TWICE))
    arm = study.arms[1]
    assert [text for text, _ in arm.moments] == ["day 2 after surgery", "day 8 after surgery"]
    assert arm.day_of("") == arm.day_of("day 8 after surgery") == arm.measure_day
    outcome = run_study(study, tmp_path / "out", animals=8)
    early, late = (outcome.at_measurement(arm, text)["instability"] for text, _ in arm.moments)
    assert early.shape == late.shape == (8,)
    assert (early < late).all()
    assert early.mean() == pytest.approx(1 - np.exp(-2 / 14), rel=0.25)  # the register's rise time; animals differ
    with pytest.raises(StudyError, match="not measured at 'day 3 after surgery'"):
        arm.day_of("day 3 after surgery")


def test_one_moment_twice_is_refused(tmp_path: Path) -> None:
    text = SHORT_STUDY.replace(
        "measure_at: day 8 after surgery", "measure_at: [day 7 after surgery, week 1 after surgery]"
    )
    with pytest.raises(StudyError, match="measured twice at one moment"):
        load_study(write(tmp_path, text))


def test_an_unknown_dose_is_an_arm_for_each_and_one_of_them_in_each_repeat(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, UNKNOWN))
    assert [arm.name for arm in study.arms] == ["sham", "vehicle", "navitoclax.low", "navitoclax.high"]
    assert list(study.groups) == ["sham", "vehicle", "navitoclax"]
    outcome = run_study(study, tmp_path / "out", animals=40)
    laboratory = Laboratory(outcome, 400, 4)
    animals = laboratory.animals["navitoclax"]
    measured = laboratory.measure("heat_latency").values
    assert set(measured) == {"sham", "vehicle", "navitoclax"}
    chosen = laboratory._choices("navitoclax", [study.arm("navitoclax.low"), study.arm("navitoclax.high")])
    assert 0.4 < chosen.mean() < 0.6
    exact = {name: outcome.at_measurement(study.arm(f"navitoclax.{name}"))["senescent_osteoclasts"]
             for name in ("low", "high")}  # fmt: skip
    assert (exact["high"] < exact["low"]).all()
    assert animals.shape == (400, 4)


@pytest.mark.parametrize(
    "therapy",
    ["{any_of: {one: navitoclax 5 mg/kg oral once at day 3 after surgery}}", "{any_of: []}",
     "{any_of: {a: navitoclax 5 mg/kg oral once at day 3 after surgery, "
     "b: navitoclax 6 mg/kg oral once at day 3 after surgery}, dose: 3}"],
)  # fmt: skip
def test_any_of_names_two_therapies_and_nothing_else(tmp_path: Path, therapy: str) -> None:
    text = SHORT_STUDY.replace("navitoclax 50 mg/kg oral daily for 2 days from day 3 after surgery", therapy)
    with pytest.raises(StudyError, match="'any_of' of arm 'navitoclax'") as caught:
        load_study(write(tmp_path, text))
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(tmp_path))


def test_a_gene_removed_at_birth_is_gone_for_life() -> None:
    arms = {arm.name: arm for arm in load_study("ni2019").arms}
    first = [(entry.time, entry.target, entry.amount) for entry in arms["ntn1-removed"].entries]
    assert first == [(0.0, "innervation_netrin1_activity", 0.0), (arms["intact"].surgery_day, "instability_load", 1.0)]


def test_the_table_of_a_study_shows_every_moment(tmp_path: Path) -> None:
    study = load_study("navitoclax-schedules")
    outcome = run_study(study, tmp_path / "out", animals=12, workers=1)
    rows = {row["readout"]: row["moments"] for row in outcome_dict(outcome)["readouts"]}
    moments = list(rows["endplate_porosity"])
    assert moments == ["day 715 after birth", "day 729 after birth", "day 756 after birth", "day 812 after birth"]
    arm = study.arm("daily")
    bone = next(item for item in study.readouts if item.name == "trabecular_bone_volume")
    for moment in moments:
        expected = np.median(outcome.expected(bone, arm, moment))
        assert rows["trabecular_bone_volume"][moment]["daily"]["median"] == pytest.approx(expected)
    console = Console(width=140, record=True, file=io.StringIO())
    print_outcome(console, outcome)
    text = console.export_text()
    assert all(text.count(moment) == len(study.readouts) for moment in moments)


def test_an_arm_is_blank_at_a_moment_that_is_not_its_own(tmp_path: Path) -> None:
    outcome = run_study(load_study("pan2024-aged"), tmp_path / "out", animals=8, workers=1)
    moments = outcome_dict(outcome)["readouts"][0]["moments"]
    assert moments["month 4 after birth"]["vehicle"] is None
    assert moments["month 4 after birth"]["young"] is not None
    assert moments["month 24 after birth"]["young"] is None
