"""Running a study: the same animals in every arm, the same bytes for any number of workers, failures by name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_helpers import SHORT_STUDY, contents, within

from senospine.assays import TRAITS, readout
from senospine.engine import Kernel, Schedule
from senospine.errors import EvidenceError, FileError, StudyError
from senospine.evidence import Laboratory
from senospine.model import Model
from senospine.study import Outcome, Study, load_study, open_outcome, run_studies, run_study
from senospine.study import run as module
from senospine.subjects import draw_parameters, draw_traits

PAN_LSI = load_study("pan2024-lsi")


@pytest.fixture
def short(tmp_path: Path) -> Study:
    (tmp_path / "short.yaml").write_text(SHORT_STUDY)
    return load_study(tmp_path / "short.yaml")


def test_one_worker_and_two_give_the_same_bytes(lsi_outcome: Outcome, tmp_path: Path) -> None:
    with within(60):
        run_study(lsi_outcome.study, tmp_path / "two", animals=24, workers=2)
    assert contents(tmp_path / "two") == contents(lsi_outcome.path)


def test_every_arm_holds_the_same_animals(lsi_outcome: Outcome) -> None:
    """Before surgery all arms are alike, before treatment both arms with instability are.

    To the last bit where the schedule is the same; else within the solver's tolerance of 1e-6 a step.
    """
    frame = lsi_outcome.frame
    outputs = [name for name in frame.columns if name not in {"arm", "animal", "time"}]
    arms = {name: rows.reset_index(drop=True) for name, rows in frame.groupby("arm")}
    assert set(arms) == {"sham", "vehicle", "navitoclax"}
    before = {name: rows[rows["time"] <= 91.3125] for name, rows in arms.items()}
    assert before["sham"]["time"].nunique() > 3
    assert (before["vehicle"][outputs] == before["navitoclax"][outputs]).all(axis=None)
    assert np.allclose(before["sham"][outputs], before["vehicle"][outputs], rtol=2e-5, atol=2e-6)
    untreated = arms["vehicle"]["time"] <= 119.3125
    drug_free = [name for name in outputs if not name.startswith("navitoclax")]
    assert np.allclose(
        arms["vehicle"][untreated][drug_free], arms["navitoclax"][untreated][drug_free], rtol=1e-5, atol=1e-7
    )
    after = arms["vehicle"]["time"] > 121
    assert (arms["vehicle"][after]["senescent_osteoclasts"] > arms["navitoclax"][after]["senescent_osteoclasts"]).all()


def test_the_outcome_is_what_the_kernel_says_of_each_animal(lsi_outcome: Outcome, mouse_kernel: Kernel) -> None:
    arm = lsi_outcome.study.arm("navitoclax")
    parameters = draw_parameters(mouse_kernel.model, 24, lsi_outcome.seed)
    direct = mouse_kernel.solve(parameters, Schedule.shared(arm.entries), [arm.measure_day], rtol=1e-9)
    state = lsi_outcome.at_measurement(arm)
    for name in ("senescent_osteoclasts", "endplate_porosity", "sensitisation"):
        assert np.allclose(state[name], direct[name][:, 0], rtol=1e-4), name


def test_shapes_and_meaning_of_an_outcome(lsi_outcome: Outcome) -> None:
    assert (lsi_outcome.animals, lsi_outcome.seed, lsi_outcome.failures) == (24, 20240913, [])
    assert lsi_outcome.manifest["state"] == "complete"
    assert list(lsi_outcome.traits) == list(TRAITS)
    for arm in lsi_outcome.study.arms:
        state = lsi_outcome.at_measurement(arm)
        assert {values.shape for values in state.values()} == {(24,)}
        assert (state["age"] == arm.measure_day).all()
        for item in lsi_outcome.study.readouts:
            expected = lsi_outcome.expected(item, arm)
            assert expected.shape == (24,)
            assert (expected == item.expected(state, draw_traits(TRAITS, 24, 20240913))).all()


def test_another_seed_gives_other_animals_and_more_animals_keep_the_first(short: Study, tmp_path: Path) -> None:
    few, more, other = (
        run_study(short, tmp_path / f"{n}-{seed}", animals=n, seed=seed, workers=1)
        for n, seed in ((3, 1), (5, 1), (3, 2))
    )
    pain = [outcome.at_measurement(short.arms[1])["mechanical_pain"] for outcome in (few, more, other)]
    assert (pain[0] == pain[1][:3]).all()
    assert (pain[0] != pain[2]).all()


def test_a_block_more_or_less_changes_no_animal(short: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_study(short, tmp_path / "whole", animals=5, workers=1).frame
    monkeypatch.setattr(module, "BLOCK", 2)
    split = run_study(short, tmp_path / "split", animals=5, workers=1)
    assert len(split.manifest["parts"]) == 9
    assert split.frame.equals(whole)


def test_progress_counts_animals(short: Study, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run_study(short, tmp_path / "a", animals=3, workers=1, on_progress=lambda *now: seen.append(now))
    assert seen == [(0, 9), (3, 9), (6, 9), (9, 9)]


def test_fewer_animals_than_a_group_write_nothing(short: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="1 animals per arm, but the study has groups of 2") as caught:
        run_study(short, tmp_path / "a", animals=1)
    assert caught.value.remedy
    assert not (tmp_path / "a").exists()


@settings(max_examples=100, deadline=None)
@given(st.integers(10, 3000), st.integers(0, 500), st.integers(1, 60), st.booleans())
def test_the_day_of_measurement_is_always_recorded(age: int, first: int, later: int, rounded: bool) -> None:
    """Days in tenths are not whole in binary: a daily grid may end a rounding error before the measurement."""
    arm = PAN_LSI.arm("navitoclax")
    surgery, dose = age / 10, age / 10 + first / 10
    day = age / 10 + (round(first / 10 + later, 1) if rounded else first / 10 + later)
    arm = dataclasses.replace(arm, surgery_day=surgery, doses=(dose,), measure_day=day, moments=())
    times = module.output_times(dataclasses.replace(PAN_LSI, arms=(arm,)), arm)
    assert times[-1] == day
    assert (np.diff(times) > 1e-7).all()
    assert times[0] >= 0


def test_a_measurement_in_tenths_of_days_is_found_again(tmp_path: Path) -> None:
    text = SHORT_STUDY.replace("3 months", "60.3 days").replace("from day 3 ", "from day 0.4 ")
    (tmp_path / "s.yaml").write_text(text.replace("day 8 after", "day 14.4 after"))
    study = load_study(tmp_path / "s.yaml")
    outcome = run_study(study, tmp_path / "out", animals=2, workers=1)
    for arm in study.arms:
        assert outcome.expected(readout("heat_latency"), arm).shape == (2,)


def test_a_failed_animal_is_named_counted_and_left_out_of_the_laboratory(
    short: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw: Callable[..., Any] = draw_parameters

    def extreme(model: Model, count: int, seed: int, first: int, centres: dict[str, float]) -> dict[str, np.ndarray]:
        drawn = draw(model, count, seed, first, centres)
        drawn["endplate_osteoclast_turnover"][3] = -500.0  # osteoclasts run away, whatever is done to the animal
        return drawn

    monkeypatch.setattr(module, "draw_parameters", extreme)
    outcome = run_study(short, tmp_path / "a", animals=8, workers=1)
    assert [(row["arm"], row["animal"]) for row in outcome.failures] == [
        ("navitoclax", 3), ("sham", 3), ("vehicle", 3)
    ]  # fmt: skip
    for row in outcome.failures:
        assert row["status"] != "OK"
        assert row["sentence"]
        assert row["advice"]
        assert row["state"] in outcome.frame.columns
    for arm in short.arms:
        assert np.flatnonzero(np.isnan(outcome.expected(readout("heat_latency"), arm))).tolist() == [3]
        assert len(outcome.at_measurement(arm)["age"]) == 8  # counted, not dropped
    laboratory = Laboratory(outcome, repeats=200, largest=2)
    assert 3 not in np.concatenate([drawn.ravel() for drawn in laboratory.animals.values()])
    assert np.isfinite(laboratory.measure("heat_latency").values["sham"]).all()
    with pytest.raises(EvidenceError, match="7 solved animals, but one repeat of 'short' needs 9"):
        Laboratory(outcome, repeats=10, largest=3)


def test_an_outcome_that_is_not_there_or_not_whole_is_refused(lsi_outcome: Outcome, tmp_path: Path) -> None:
    study = lsi_outcome.study
    with pytest.raises(FileError, match="no outcome of study 'pan2024-lsi'"):
        open_outcome(tmp_path, study)
    with pytest.raises(FileError, match="no outcome of study 'pan2024-aged'"):
        open_outcome(lsi_outcome.path, load_study("pan2024-aged"))
    with pytest.raises(FileError, match="another text of study 'pan2024-lsi'"):
        open_outcome(lsi_outcome.path, dataclasses.replace(study, sha256="0"))
    copy = shutil.copytree(lsi_outcome.path, tmp_path / "copy")
    assert open_outcome(copy, study).frame.equals(lsi_outcome.frame)
    (copy / "parts" / "sham-000000.parquet").unlink()
    with pytest.raises(FileError, match="part 'sham-000000' is missing") as caught:
        open_outcome(copy, study)
    assert "run the study again" in str(caught.value.remedy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "state": "running"}))
    with pytest.raises(FileError, match="was not finished"):
        open_outcome(copy, study)


def test_a_drug_or_an_animal_model_that_changed_is_another_run(short: Study, tmp_path: Path) -> None:
    """They are read from files of their own, which the hash of the study's text does not cover."""
    run_study(short, tmp_path / "out", animals=2, workers=1)
    before = contents(tmp_path / "out")
    arm = short.arms[1]
    weaker = dataclasses.replace(arm, entries=(dataclasses.replace(arm.entries[0], amount=0.5),))
    changed = dataclasses.replace(short, arms=(short.arms[0], weaker, short.arms[2]))
    with pytest.raises(FileError, match="other inputs") as caught:
        run_study(changed, tmp_path / "out", animals=2, workers=1)
    assert caught.value.why == "these differ: arms_sha256"
    assert contents(tmp_path / "out") == before


def test_studies_run_together_leave_the_bytes_of_each_alone(tmp_path: Path) -> None:
    studies = [load_study("ash2006-platelets"), load_study("cherif2020-pellet")]
    told: list[tuple[str, int, int]] = []
    together = run_studies(
        [(study, tmp_path / "together" / study.name, {}) for study in studies],
        animals=30, workers=2, on_progress=lambda *words: told.append(words),
    )  # fmt: skip
    for study, outcome in zip(studies, together, strict=True):
        alone = run_study(study, tmp_path / "alone" / study.name, animals=30, workers=1)
        assert outcome.manifest["state"] == "complete"
        assert {name: part["sha256"] for name, part in outcome.manifest["parts"].items()} == {
            name: part["sha256"] for name, part in alone.manifest["parts"].items()
        }
        total = 30 * len(study.arms)
        assert (study.name, total, total) in told


def test_a_study_that_cannot_run_stops_the_others_before_anything_is_written(tmp_path: Path) -> None:
    wanted = [
        (load_study("ash2006-platelets"), tmp_path / "a", {}),
        (load_study("cao2017"), tmp_path / "b", {"x": 1.0}),
    ]
    with pytest.raises(StudyError, match="no parameter 'x'"):
        run_studies(wanted, animals=30)
    assert not list(tmp_path.iterdir())
