"""What carries a conclusion: slopes agree with the engine's own derivatives and with exact relations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from senospine.engine import Schedule, compile_model, sensitivities
from senospine.evidence import Carried, leverage
from senospine.evidence.leverage import moved
from senospine.model import Model
from senospine.study import Outcome, load_study


def outcome_of(name: str, **parameters: float) -> Outcome:
    return Outcome(Path(), load_study(name), {"inputs": {"parameters": parameters}})


@pytest.fixture(scope="module")
def found(mouse: Model) -> list[Carried]:
    return leverage([outcome_of("cao2017"), outcome_of("ash2006-platelets")], mouse)


def slope(found: list[Carried], study: str, group: str, name: str) -> float:
    return next(item for item in found if (item.study, item.group) == (study, group)).elasticity[name]


def test_slopes_agree_with_the_engines_derivatives(found: list[Carried], mouse: Model) -> None:
    study = load_study("cao2017")
    kernel = compile_model(mouse, outputs=["endplate_porosity"])
    names = ["senescence_critical_age", "endplate_trap_per_senescent_cell", "endplate_formation_decline"]
    elastic = {}
    for arm in study.arms:
        made = sensitivities(kernel, names, schedule=Schedule.shared(arm.entries), times=[arm.measure_day])
        fold = made.base["endplate_porosity"][0, 0]
        share = 15 / 85 * fold / (1 + 15 / 85 * fold)  # the read-out is a share: its slope is the odds', less itself
        elastic[arm.name] = made.elasticities()["endplate_porosity"][0, 0] * (1 - share)
    expected = elastic["aged"] - elastic["young"]
    for index, name in enumerate(names):
        assert slope(found, "cao2017", "endplate", name) == pytest.approx(expected[index], rel=0.01, abs=1e-4)


def test_what_cannot_matter_does_not(found: list[Carried]) -> None:
    item = next(item for item in found if item.study == "cao2017")
    for name in ("pain_heat_exponent", "navitoclax_clearance", "blood_platelet_lifespan"):
        assert item.elasticity[name] == pytest.approx(0, abs=1e-5)
    assert abs(item.elasticity["senescence_critical_age"]) > 0.1


def test_shares_sum_to_one_and_stand_in_order(found: list[Carried]) -> None:
    for item in found:
        shares = list(item.shares.values())
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)


def test_all_studies_together_have_the_mean_size(found: list[Carried]) -> None:
    whole = [item for item in found if not item.study]
    blood = next(item for item in whole if item.group == "blood")
    mine = [item for item in found if item.study and item.group == "blood"]
    assert len(mine) == 1
    name = next(iter(blood.elasticity))
    assert blood.elasticity[name] == pytest.approx(abs(mine[0].elasticity[name]))


def test_a_fits_values_are_where_slopes_are_taken(mouse: Model) -> None:
    before = leverage([outcome_of("cao2017")], mouse)
    after = leverage([outcome_of("cao2017", senescence_critical_age=600.0)], mouse)
    one, other = (np.array([*item[0].elasticity.values()]) for item in (before, after))
    assert not np.allclose(one, other, rtol=0.05)


def test_switches_and_fixed_values_are_not_moved(mouse: Model) -> None:
    names = moved(mouse, load_study("ni2019"))
    for name in ("endplate_rankl_activity", "innervation_netrin1_activity", "instability_load", "drug_interaction"):
        assert name not in names
    assert all(mouse.register[name].prior != "fixed" for name in names)
