"""The two shipped studies are Pan 2024 (eLife RP92889, doi 10.7554/eLife.92889), day by day."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from senospine.assays import readouts
from senospine.errors import StudyError
from senospine.study import load_study, published_studies

MONTH = 30.4375
SURGERY = 3 * MONTH


def test_both_are_shipped() -> None:
    assert {"pan2024-aged", "pan2024-lsi"} <= set(published_studies())
    assert len(published_studies()) == 21


@pytest.mark.parametrize("name", ["pan2024-aged", "pan2024-lsi"])
def test_the_animals_are_those_of_the_paper(name: str) -> None:
    study = load_study(name)
    assert (study.name, study.species, study.strain, study.sex) == (name, "mouse", "C57BL/6J", "male")
    assert study.source == "10.7554/eLife.92889"
    assert [arm.n for arm in study.arms] == [6, 6, 6]  # the authors' reply: most groups raised to six
    assert study.sha256 == hashlib.sha256(Path(study.path).read_bytes()).hexdigest()


def test_instability_at_three_months_drug_from_week_4_measured_at_week_8() -> None:
    study = load_study("pan2024-lsi")
    sham, vehicle, drug = study.arms
    assert [arm.animal_model.name for arm in study.arms] == ["sham", "lsi", "lsi"]
    assert [arm.surgery_day for arm in study.arms] == [91.3125] * 3
    assert [arm.measure_day for arm in study.arms] == [91.3125 + 56] * 3
    assert sham.doses == vehicle.doses == ()
    assert drug.doses == tuple(91.3125 + day for day in [*range(28, 35), *range(49, 56)])
    assert sham.entries == ()
    switch = (SURGERY, "switch", "instability_load", 1.0)
    assert [(e.time, e.kind, e.target, e.amount) for e in vehicle.entries] == [switch]
    assert [(e.time, e.kind, e.target, e.amount) for e in drug.entries] == [
        switch, *((day, "bolus", "navitoclax_gut", 50.0) for day in drug.doses)
    ]  # fmt: skip


def test_old_mice_drug_from_month_23_measured_at_month_24() -> None:
    study = load_study("pan2024-aged")
    young, vehicle, drug = study.arms
    assert [arm.animal_model.name for arm in study.arms] == ["young", "aged", "aged"]
    assert [arm.surgery_day for arm in study.arms] == [None] * 3
    assert [arm.measure_day for arm in study.arms] == [4 * MONTH, 24 * MONTH, 24 * MONTH]
    assert young.entries == vehicle.entries == ()
    assert drug.doses == tuple(700.0625 + day for day in [*range(7), *range(21, 28)])
    assert drug.doses[-1] < vehicle.measure_day


@pytest.mark.parametrize("name", ["pan2024-aged", "pan2024-lsi"])
def test_fourteen_doses_make_700_mg_per_kg(name: str) -> None:
    drug = load_study(name).arm("navitoclax")
    boluses = [entry.amount for entry in drug.entries if entry.kind == "bolus"]
    assert (len(boluses), sum(boluses)) == (14, 700.0)
    regimen = drug.regimens[0]
    assert (regimen.drug, regimen.unit, regimen.route, regimen.cycles) == ("navitoclax", "mg/kg", "oral", 2)


def test_what_is_measured_and_compared() -> None:
    lsi, aged = load_study("pan2024-lsi"), load_study("pan2024-aged")
    measured = {item.name for item in lsi.readouts}
    assert measured <= set(readouts())
    assert measured - {item.name for item in aged.readouts} == {"netrin1_protein", "ngf_protein"}  # LSI only
    assert {item.name for item in aged.readouts} < measured
    assert lsi.compare == (("vehicle", "sham"), ("navitoclax", "vehicle"))
    assert aged.compare == (("vehicle", "young"), ("navitoclax", "vehicle"))


def test_an_arm_by_name() -> None:
    study = load_study("pan2024-lsi")
    assert study.arm("sham") is study.arms[0]
    with pytest.raises(StudyError, match="study 'pan2024-lsi' has no arm 'vehicel'") as caught:
        study.arm("vehicel", "evidence.csv:3")
    assert caught.value.where == "evidence.csv:3"
    assert "did you mean 'vehicle'?" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["pan2024-lsy", "no such study", "study.txt", ""])
def test_neither_shipped_nor_a_file_is_refused(name: str) -> None:
    with pytest.raises(StudyError, match="neither a shipped study nor a YAML file") as caught:
        load_study(name)
    assert "pan2024-lsi" in str(caught.value.remedy)
