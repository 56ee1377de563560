"""The explanted human disc: kill by closed form, no treatment effect without drug, and Cherif 2020 as it was read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from senospine import Entry, Schedule, compile_model, load_model
from senospine.calibration import Problem, chosen_parameters, shipped_fit
from senospine.evidence import Bound, Value, load_evidence
from senospine.model import Model
from senospine.study import load_study, run_study

QUIET = {"senescence_removal_rate": 0.0}  # nothing becomes senescent and nothing is removed: only drugs act


@pytest.fixture(scope="module")
def disc() -> Model:
    return load_model("disc_explant")


def cells(disc: Model, *entries: Entry, **values: float) -> float:
    solution = compile_model(disc, outputs=["senescent_disc_cells"]).solve(
        {**QUIET, **values}, Schedule.shared(entries), [0.0, 200.0], rtol=1e-10
    )
    return float(solution["senescent_disc_cells"][0, 1])


def test_units_sources_and_names_are_clean(disc: Model) -> None:
    assert disc.check() == []
    assert load_model("human_disc") is disc  # by the species of its studies
    assert {row.species for row in disc.register.values()} == {"human"}


def test_one_injection_kills_what_its_occupancy_adds_up_to(disc: Model) -> None:
    """Occupancy c/(h+c) of c = c0 exp(-kt), summed over all time, is ln(1 + c0/h)/k."""
    p = disc.parameters
    for drug, dose in (("rg7112", 5.0), ("o_vanillin", 100.0)):
        left = cells(disc, Entry(1.0, "bolus", f"{drug}_in_disc", dose), rg7112_loss_rate=0.7, o_vanillin_loss_rate=0.7)
        summed = np.log1p(dose / p[f"{drug}_half_concentration"]) / 0.7
        assert left == pytest.approx(p["burden_at_start"] * np.exp(-p[f"{drug}_kill_max"] * summed), rel=1e-6)


def test_two_drugs_multiply_what_survives_and_an_interaction_adds_to_it(disc: Model) -> None:
    doses = [Entry(1.0, "bolus", "rg7112_in_disc", 5.0), Entry(1.0, "bolus", "o_vanillin_in_disc", 100.0)]
    alone = [cells(disc, dose) for dose in doses]
    assert cells(disc, *doses) == pytest.approx(alone[0] * alone[1], rel=1e-6)
    assert cells(disc, *doses, drug_interaction=1.0) < 0.99 * alone[0] * alone[1]
    assert cells(disc) == pytest.approx(1.0, rel=1e-9)


def test_shares_of_the_start_are_one_at_the_start(disc: Model) -> None:
    kernel = compile_model(disc, outputs=["disc_sasp_share_of_start", "disc_matrix_share_of_start"])
    start = kernel.solve({"burden_at_start": 3.0, "matrix_at_start": 0.6}, Schedule.shared([]), [0.0, 30.0])
    assert start["disc_sasp_share_of_start"][0, 0] == start["disc_matrix_share_of_start"][0, 0] == 1.0
    assert start["disc_sasp_share_of_start"][0, 1] > 1  # cells go on becoming senescent


def test_whole_discs_are_injected_once_and_read_28_days_later() -> None:
    study = load_study("cherif2020-disc")
    assert {arm.n for arm in study.arms} == {4}
    for group, doses in (("rg7112", [5.0, 0.1]), ("o-vanillin", [100.0, 2.0])):
        arms = [arm for arm in study.arms if arm.stands_for == group]
        assert [arm.entries[-1].amount for arm in arms] == doses
        assert {arm.measure_day - arm.doses[0] for arm in arms} == {28.0}


def test_the_study_runs_and_a_dose_lowers_p16(tmp_path: Path) -> None:
    outcome = run_study(load_study("cherif2020-pellet"), tmp_path / "out", animals=20, workers=1)
    p16 = [outcome.expected(outcome.study.readouts[0], arm) for arm in outcome.study.arms]
    assert (p16[1] < p16[0]).all()  # the same donors: counterfactuals
    assert outcome.failures == []


def test_rows_are_those_of_the_shared_table(shared_folder: Path) -> None:
    with (shared_folder / "evidence" / "haglund.csv").open(encoding="utf-8", newline="") as file:
        table = [row for row in csv.reader(file) if row[0].startswith("Cherif")]
    mine = [row for row in load_evidence() if row.study.startswith("cherif2020")]
    printed = {(row[2], float(row[11])) for row in table if row[11]}
    for row in mine:
        if row.readout == "disc_p16":
            size = row.value if isinstance(row, Value) else row.high if isinstance(row, Bound) else np.nan
            assert (f"Fig{row.panel.split()[0]}", size) in printed
    t1rho = {row.arm: row.value - 100 for row in mine if row.readout == "explant_t1rho" and isinstance(row, Value)}
    assert {("Fig4C", round(change, 1)) for change in t1rho.values()} <= printed
    for row in mine:
        if row.readout == "explant_sasp" and isinstance(row, Value):
            factor = row.panel.removeprefix("5D ")
            arm = {"rg7112": "RG-7112"}.get(row.arm, row.arm)
            before, after = (
                next(float(r[11]) for r in table if f"{factor} (Luminex) {when}" in r[3] and r[7] == arm)
                for when in ("PRE", "POST")
            )
            assert row.value == pytest.approx(100 * after / before, rel=3e-3)


def test_both_readings_of_p16_stand_and_only_p16_calibrates() -> None:
    mine = [row for row in load_evidence() if row.study.startswith("cherif2020")]
    by_panel: dict[tuple[str, str], set[str]] = {}
    for row in mine:
        if row.readout == "disc_p16":
            by_panel.setdefault((row.panel, row.arm), set()).add(row.kind)
    assert set(map(frozenset, by_panel.values())) == {frozenset({"value", "bound"})}
    assert {row.readout for row in mine if row.role == "calibration"} == {"disc_p16"}


def test_the_mouse_is_not_touched_by_human_rows() -> None:
    assert shipped_fit().stale(Problem.published()) == []
    human = Problem.published("human_disc", animals=4)
    assert {row.study for row in human.facts} == {"cherif2020-disc", "cherif2020-pellet"}
    assert np.isfinite(human.log_likelihoods(human.priors.centre[None])).all()
    assert chosen_parameters("fit", human.model) == {}
