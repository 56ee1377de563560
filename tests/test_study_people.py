"""Studies of people and dogs: enrolment, drugs of one's own, lags, and a model composed of what is given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from drug_helpers import drug_data, row, write_drug
from therapy_helpers import refusal

from senospine.assays import readout
from senospine.calibration import Problem, chosen_parameters
from senospine.errors import CalibrationError, FileError, RegimenError, StudyError, UnitError
from senospine.evidence import load_evidence
from senospine.evidence.reproduce import _values_of
from senospine.report.timeaxis import time_axis
from senospine.report.timecourses import timecourses_svg
from senospine.study import load_study, open_outcome, run_study
from senospine.subjects import draw_parameters
from senospine.therapy import compose_model, known_drugs, read_drug

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
    text = text.replace('"plasma_concentration:imaginary"', "endplate_porosity")
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
    study = load_study(changed(folder, '["plasma_concentration:imaginary"]', '["plasma_concentration:navitoclax"]'))
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


def test_a_study_says_which_reading_it_means(folder: Path) -> None:
    data = drug_data() | {"dose_units": {"dog": "mg/kg"}}
    data["readings"] = {"slow": {"kinetics.dog.lag": row(6.0, "h"), "kinetics.dog.clearance": row(6.0, "L/day")}}
    write_drug(folder, data)
    path = changed(folder, "drugs: [imaginary.yaml]", "drugs: [imaginary.yaml]\nreadings: {imaginary: slow}")
    study = load_study(path)
    assert study.arm("oral").entries[0].time == pytest.approx(ENROLMENT + 1.25, rel=1e-12)
    assert compose_model("dog", study.drugs).parameters["imaginary_clearance"] == 6.0
    path = changed(folder, "drugs: [imaginary.yaml]", "drugs: [imaginary.yaml]\nreadings: {imaginary: slo}")
    assert "did you mean 'slow'" in str(refusal(RegimenError, path, call=load_study).remedy)


def test_a_fit_to_mice_gives_people_what_is_carried_over_and_dogs_nothing(tmp_path: Path) -> None:
    mouse, human, dog = (compose_model(species, []) for species in ("mouse", "human", "dog"))
    fitted = chosen_parameters("fit", mouse)
    carried = chosen_parameters("fit", human)
    assert carried
    assert all(value == fitted[name.removeprefix("mouse_")] for name, value in carried.items())
    assert set(carried) <= set(human.parameters)
    write_drug(tmp_path, drug_data(species="human"))
    path = tmp_path / "people.yaml"
    path.write_text(DOGS.replace("species: dog", "species: human").replace("mg/kg", "mg"), encoding="utf-8")
    assert _values_of(load_study(path), fitted) == carried
    assert _values_of(load_study("pan2024-lsi"), fitted) == fitted
    assert chosen_parameters("fit", dog) == {}


def test_calibration_takes_the_facts_of_its_species(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact of a study of people is no fact of the mouse: the fit that ships does not hang on it."""
    from senospine.calibration import problem

    rows = load_evidence()
    before = Problem.published()
    foreign = next(row for row in before.facts)
    real = problem.load_study

    def of_people(name: str) -> object:
        study = real(name)
        return dataclasses.replace(study, species="human") if name == foreign.study else study

    monkeypatch.setattr(problem, "load_study", of_people)
    after = Problem.published(evidence=rows)
    assert {row.id for row in before.facts} - {row.id for row in after.facts} == {
        row.id for row in before.facts if row.study == foreign.study
    }
    assert foreign.study not in after.studies
    with pytest.raises(CalibrationError, match="no fact calibrates the dog"):
        Problem.published("dog")


def test_figures_of_people_and_dogs_count_from_enrolment_and_show_their_plasma(folder: Path) -> None:
    study = load_study(folder / "dogs.yaml")
    outcome = run_study(study, folder / "out", animals=2, workers=1)
    assert time_axis(study).title == "days after enrolment"
    drawn = timecourses_svg(outcome, outcome.model)
    assert "imaginary in plasma" in drawn
    assert "hours after first dose" in drawn
