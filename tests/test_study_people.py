"""Studies of people and dogs: enrolment, drugs of one's own, lags, and a model composed of what is given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from drug_helpers import drug_data, row, write_drug
from therapy_helpers import refusal

from senospine.assays import readout
from senospine.errors import FileError, RegimenError, StudyError, UnitError
from senospine.study import load_study, open_outcome, run_study
from senospine.therapy import known_drugs, read_drug

DOGS = """study: dogs
question: does the file run?
source: none, made for a test
species: dog
drugs: [imaginary.yaml]
subjects: {sex: both, age at enrolment: 2 years}
arms:
  none: {animal_model: healthy, n: 2}
  oral:
    animal_model: healthy
    n: 2
    therapy: imaginary 3 mg/kg oral daily for 2 days from day 1 after enrolment
  vein:
    animal_model: healthy
    n: 2
    therapy: imaginary 1 mg/kg intravenous once at day 1 after enrolment
readouts: ["plasma_concentration:imaginary"]
measure_at: [day 2 after enrolment, day 4 after enrolment]
compare: [[oral, none]]
"""
ENROLMENT = 730.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a study of dogs and its drug, which is given per kilogram and taken up after an hour."""
    data = drug_data(lag=(1.0, "h"))
    data["dose_units"] = {"dog": "mg/kg"}
    data["kinetics"]["dog"]["clearance"] = row(12.0, "L/day", cv=0.3)
    write_drug(tmp_path, data)
    (tmp_path / "dogs.yaml").write_text(DOGS, encoding="utf-8")
    return tmp_path


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in DOGS
    path = folder / "dogs.yaml"
    path.write_text(DOGS.replace(old, new), encoding="utf-8")
    return path


def test_doses_count_from_enrolment_and_arrive_after_their_lag(folder: Path) -> None:
    study = load_study(folder / "dogs.yaml")
    assert [drug.name for drug in study.drugs] == ["imaginary"]
    oral, vein = study.arm("oral"), study.arm("vein")
    assert oral.enrolment_day == vein.enrolment_day == ENROLMENT
    assert oral.doses == (ENROLMENT + 1, ENROLMENT + 2)
    assert [entry.time for entry in oral.entries] == pytest.approx([day + 1 / 24 for day in oral.doses], rel=1e-12)
    assert [entry.time for entry in vein.entries] == [ENROLMENT + 1]  # a lag is of what is swallowed
    # 3 mg/kg and the 10 kg that the kinetics are of
    assert [(entry.target, entry.amount) for entry in oral.entries] == [("imaginary_gut", 30.0)] * 2
    assert [(entry.target, entry.amount) for entry in vein.entries] == [("imaginary_central", 10.0)]
    assert dict(oral.moments) == {"day 2 after enrolment": ENROLMENT + 2, "day 4 after enrolment": ENROLMENT + 4}


def test_the_outcome_is_the_same_for_any_number_of_workers(folder: Path) -> None:
    study = load_study(folder / "dogs.yaml")
    one = run_study(study, folder / "one", animals=6, workers=1)
    two = run_study(study, folder / "two", animals=6, workers=2)
    assert one.frame.equals(two.frame)
    assert one.manifest["inputs"]["drugs"] == {"imaginary": study.drugs[0].sha256}
    assert open_outcome(folder / "one", study).failures == []
    name = readout("plasma_concentration:imaginary")
    levels = one.expected(name, study.arm("oral"), "day 4 after enrolment")
    assert (levels > 0).all()
    assert len(set(levels)) == 6  # clearance differs between dogs
    assert (one.expected(name, study.arm("none")) == 0).all()


def test_the_mean_dog_has_the_exact_concentration(folder: Path) -> None:
    """One compartment after a dose by vein: dose/V exp(-CL/V t), at the weight each dog has."""
    data = drug_data(volume_peripheral=None, intercompartmental_clearance=None)
    data["dose_units"] = {"dog": "mg/kg"}
    write_drug(folder, data)
    study = load_study(folder / "dogs.yaml")
    outcome = run_study(study, folder / "out", animals=4, workers=1)
    from senospine.subjects import draw_parameters
    from senospine.therapy import compose_model

    weight = draw_parameters(compose_model("dog", study.drugs), 4, outcome.seed)["body_weight"] / 10
    rate = 12.0 / 5.0 * weight ** (0.75 - 1.0)
    truth = 10.0 / (5.0 * weight) / 0.5 * np.exp(-rate * 1.0)
    found = outcome.at_measurement(study.arm("vein"), "day 2 after enrolment")["imaginary_concentration"]
    assert found == pytest.approx(truth, rel=1e-4)


def test_another_number_is_another_run(folder: Path) -> None:
    study = load_study(folder / "dogs.yaml")
    run_study(study, folder / "out", animals=2, workers=1)
    write_drug(folder, drug_data() | {"dose_units": {"dog": "mg/kg"}})
    other = load_study(folder / "dogs.yaml")
    assert other.sha256 == study.sha256
    with pytest.raises(FileError, match="other"):
        run_study(other, folder / "out", animals=2, workers=1)


def test_people_of_one_sex_or_both_and_shipped_drugs_know_their_place(tmp_path: Path) -> None:
    text = DOGS.replace("species: dog", "species: human").replace("2 years", "60 years").replace("mg/kg", "mg")
    text = text.replace('"plasma_concentration:imaginary"', "snoc_density")
    write_drug(tmp_path, drug_data(species="human"))
    levels = {}
    for sex in ("female", "male"):
        path = tmp_path / f"{sex}.yaml"
        path.write_text(text.replace("sex: both", f"sex: {sex}"), encoding="utf-8")
        study = load_study(path)
        assert study.arm("oral").enrolment_day == 60 * 365.25
        outcome = run_study(study, tmp_path / sex, animals=2, workers=1)
        assert outcome.failures == []
        levels[sex] = outcome.at_measurement(study.arm("none"))["senescent_osteoclasts"]
    assert (levels["female"] != levels["male"]).all()


@pytest.mark.parametrize(
    ("old", "new", "kind", "what", "remedy"),
    [
        (
            "imaginary 3 mg/kg",
            "imaginery 3 mg/kg",
            RegimenError,
            "unknown drug 'imaginery'",
            "did you mean 'imaginary'",
        ),
        ("3 mg/kg", "3 mg", UnitError, "cannot be turned into 'mg/kg'", "mg/kg"),
        ("imaginary 3 mg/kg", "tak-242 3 mg/kg", RegimenError, "tak-242", ""),
        ("drugs: [imaginary.yaml]", "drugs: [nowhere.yaml]", FileError, "cannot read the file", "path"),
        ("drugs: [imaginary.yaml]", "drugs: [navitoclax]", StudyError, "is no drug file", "shipped drug"),
        (
            ", age at enrolment: 2 years",
            "",
            StudyError,
            "counts from enrolment, which arm 'none' does not",
            "age at enr",
        ),
        ("2 years", "0 years", StudyError, "enrolment at age 0 days", "above zero"),
        ("healthy, n: 2}", "lsi, n: 2}", StudyError, "no animal model 'lsi'", "healthy"),
        ("oral daily", "subcutaneos daily", RegimenError, "route 'subcutaneos'", "subcutaneous"),
    ],
)
def test_refused(folder: Path, old: str, new: str, kind: type, what: str, remedy: str) -> None:
    error = refusal(kind, changed(folder, old, new), call=load_study)
    assert what in error.what
    assert remedy in str(error.remedy)


def test_a_route_without_its_numbers_is_refused(folder: Path) -> None:
    data = drug_data(absorption_rate=None) | {"dose_units": {"dog": "mg/kg"}}
    write_drug(folder, data)
    error = refusal(RegimenError, folder / "dogs.yaml", call=load_study)
    assert "its file has no 'absorption_rate'" in error.what
    data["kinetics"] = {}
    write_drug(folder, data)
    error = refusal(RegimenError, folder / "dogs.yaml", call=load_study)
    assert "imaginary has no kinetics in species 'dog'" in error.what


def test_a_readout_the_species_lacks_is_refused_before_anything_is_written(folder: Path) -> None:
    study = load_study(changed(folder, '["plasma_concentration:imaginary"]', "[cgrp_fibres]"))
    with pytest.raises(StudyError, match="which the dog model does not have"):
        run_study(study, folder / "out", animals=2)
    assert not (folder / "out").exists()


def test_a_mouse_needs_no_kinetics_and_stays_what_it_was(folder: Path) -> None:
    study = load_study("pan2024-lsi")
    assert [drug.name for drug in study.drugs] == ["navitoclax"]
    (first, *_) = [entry for entry in study.arm("navitoclax").entries if entry.kind == "bolus"]
    assert (first.target, first.amount) == ("navitoclax_gut", 50.0)
    assert dataclasses.replace(study, drugs=()).arms == study.arms
    with known_drugs([read_drug(folder / "imaginary.yaml")]):
        assert load_study("pan2024-lsi").drugs == study.drugs
