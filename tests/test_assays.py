"""What an assay says of an animal, before any noise: units, directions, traits, ageing, sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from study_helpers import YOUNG

from senospine import assays
from senospine.assays import NOT_SIMULATED, TRAITS, Readout, assay_register, readout, readouts
from senospine.errors import StudyError
from senospine.model import Model, check_register, load_model

NAMES = [name for name, row in readouts().items() if "mouse" in row.species]
#: outputs of which an animal has the less the worse it is
BETTER_WITH_MORE = {
    "disc_matrix", "trabecular_bone", "trabecular_thickness", "bone_formation", "running_vigour", "platelets",
    "lymphocytes", "senescent_removal", "disc_matrix_share_of_start",
}  # fmt: skip
BETWEEN_0_AND_1 = {"disc_matrix", "disc_matrix_share_of_start", "running_vigour", "ectopic_ossification"}
MONTH = 30.4375


def true_value(item: Readout | str, traits: Mapping[str, float] | None = None, **changes: float) -> float:
    """Return the read-out of one animal: young, with some outputs and traits replaced."""
    item = readout(item) if isinstance(item, str) else item
    states = {name: np.array([value]) for name, value in {**YOUNG, **changes}.items()}
    values = {name: np.array([(traits or {}).get(name, 0.0)]) for name in TRAITS}
    return float(item.expected({name: states[name] for name in item.needs}, values)[0])


@pytest.mark.parametrize("name", NAMES)
def test_reads_only_outputs_that_it_declares_and_a_model_has(name: str, mouse: Model) -> None:
    model = load_model("disc_explant") if name.startswith("explant_") else mouse
    assert set(readout(name).needs) <= set(model.outputs)
    assert math.isfinite(true_value(name))  # true_value hands over nothing but ``needs``


@pytest.mark.parametrize(
    ("name", "young"),
    [
        ("snoc_density", 15 * 0.02), ("osteoclast_density", 15.0), ("endplate_porosity", 15.0),
        ("trabecular_separation", 0.136), ("cgrp_fibres", 1.0), ("pgp95_fibres", 1.0), ("cd31_vessels", 1.0),
        ("emcn_vessels", 1.0), ("netrin1_mrna", 1.0), ("ngf_mrna", 1.0), ("netrin1_protein", 1.0), ("ngf_protein", 1.0),
        ("withdrawal_frequency_0.07g", 1.5), ("withdrawal_frequency_0.4g", 4.0), ("heat_latency", 10.0),
        ("wheel_distance", 12.0), ("wheel_active_time", 7.5), ("wheel_max_speed", 36.0),
        ("hmgb1_trap_density", 15 * 0.03), ("sa_beta_gal_density", 15 * 0.1), ("endplate_score", 1.0),
        ("mmp13_intensity", 1.0), ("colx_intensity", 1.0), ("trabecular_bone_volume", 21.0),
        ("trabecular_thickness", 0.045), ("mineralised_matrix", 100.0), ("bone_formation_rate", 1.0),
        ("pge2_protein", 1.0), ("p16_reporter", 1.42), ("senescent_cell_removal", 0.21),
        ("disc_p16", 100 * 0.02 / 1.02), ("dorsal_horn_p16", 100 * 0.02 / 1.02), ("disc_il6", 20.0),
        ("disc_cxcl1", 100.0), ("disc_tnf", 3.0), ("disc_volume", 1.2), ("degeneration_score", 1.0),
        ("dorsal_horn_cgrp", 1.0), ("dorsal_horn_gfap", 1.0), ("acetone_response", 1.5), ("grip_force", 1.0),
        ("tail_suspension_immobility", 90.0), ("platelet_count", 1000.0), ("lymphocyte_count", 3.7),
        ("explant_t1rho", 100.0), ("explant_sasp", 100.0),
    ],
)  # fmt: skip
def test_a_young_mouse_reads_the_registered_young_value(name: str, young: float) -> None:
    assert true_value(name) == pytest.approx(young, rel=1e-12)


def test_every_readout_has_a_young_value_above() -> None:
    marks = test_a_young_mouse_reads_the_registered_young_value.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_finite_and_positive_over_plausible_states(name: str) -> None:
    item, generator = readout(name), np.random.default_rng(3)
    states = {key: generator.uniform(0.2, 30.0, 500) for key in item.needs}
    states["trap_osteoclasts"] = generator.uniform(1.0, 3.0, 500) * states.get("osteoclasts", 1.0)
    states |= {key: generator.uniform(0.05, 1.0, 500) for key in BETWEEN_0_AND_1 & set(states)}
    values = item.expected(states, {trait: generator.standard_normal(500) for trait in TRAITS})
    assert values.shape == (500,)
    assert np.isfinite(values).all()
    assert (values >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_worse_mechanism_moves_it_in_the_declared_direction(name: str) -> None:
    item = readout(name)
    for output in item.needs:
        if output == "osteoclasts":
            continue  # what is not senescent of the TRAP+ cells: subtracted, with its own test below
        worsens = np.array([1.0, 1.2, 2.0, 3.0, 4.0])
        grid = 1 / worsens if output in BETTER_WITH_MORE else worsens
        values = np.array([true_value(item, **{output: value}) for value in grid])
        assert (np.diff(values if item.worse == "up" else -values) > 0).all(), (name, output)


def test_senescent_osteoclasts_are_what_trap_has_beyond_normal_ones() -> None:
    assert true_value("snoc_density", trap_osteoclasts=2.5, osteoclasts=1.5) == pytest.approx(15 * 1.02)
    assert true_value("snoc_density", trap_osteoclasts=1.0, osteoclasts=3.0) == 0.0  # never negative


def test_porosity_folds_act_on_the_odds() -> None:
    odds = 15 / 85 * 4
    assert true_value("endplate_porosity", endplate_porosity=4.0) == pytest.approx(100 * odds / (1 + odds))
    assert 99 < true_value("endplate_porosity", endplate_porosity=1e3) < 100


def test_withdrawals_answer_between_none_and_all() -> None:
    assert true_value("withdrawal_frequency_0.4g", mechanical_pain=2.0) == pytest.approx(
        10 / (1 + (0.6 / 0.4) * 2**-1.2)
    )  # the logit shifts by 1.2 for each natural-log unit
    assert true_value("withdrawal_frequency_0.07g") < true_value("withdrawal_frequency_0.4g")
    assert 9.99 < true_value("withdrawal_frequency_0.4g", mechanical_pain=1e4) < 10


@pytest.mark.parametrize(("name", "lost"), [("wheel_distance", 72), ("wheel_active_time", 60), ("wheel_max_speed", 10)])
def test_running_falls_with_vigour_without_any_pain(name: str, lost: float) -> None:
    """Graber 2018: -72 % distance from 6.5 to 24.5 months in males without a pain model; the others as registered."""
    assert 100 * (1 - true_value(name, running_vigour=0.28) / true_value(name)) == pytest.approx(lost, abs=0.5)


def test_each_trait_moves_some_readout_and_no_readout_moves_with_a_trait_of_another() -> None:
    moved = {t: [n for n in NAMES if true_value(n, {t: 1.0}) != pytest.approx(true_value(n))] for t in TRAITS}
    assert moved == {
        "cells": [
            "snoc_density", "hmgb1_trap_density", "sa_beta_gal_density", "osteoclast_density", "p16_reporter",
        ],
        "bone": [
            "endplate_porosity", "trabecular_separation", "trabecular_bone_volume", "trabecular_thickness",
            "mineralised_matrix",
        ],
        "stain": ["mmp13_intensity", "colx_intensity", "cgrp_fibres", "pgp95_fibres", "cd31_vessels", "emcn_vessels"],
        "mrna": ["bone_formation_rate", "netrin1_mrna", "ngf_mrna"],
        "protein": [
            "netrin1_protein", "ngf_protein", "pge2_protein", "disc_il6", "disc_cxcl1", "disc_tnf", "explant_sasp",
        ],
        "touch": ["withdrawal_frequency_0.07g", "withdrawal_frequency_0.4g"],
        "heat": ["heat_latency"],
        "running": ["wheel_distance", "wheel_active_time", "wheel_max_speed"],
        "disc": ["disc_p16", "disc_volume"],
        "cold": ["acetone_response"],
        "axial": ["grip_force", "tail_suspension_immobility"],
        "cord": ["dorsal_horn_p16", "dorsal_horn_cgrp", "dorsal_horn_gfap"],
        "blood": ["platelet_count", "lymphocyte_count"],
        "score": ["endplate_score", "degeneration_score"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "trait", "cv"),
    [("osteoclast_density", "cells", 0.3), ("trabecular_separation", "bone", 0.14), ("cgrp_fibres", "stain", 0.2),
     ("ngf_mrna", "mrna", 0.3), ("ngf_protein", "protein", 0.25), ("heat_latency", "heat", 0.2),
     ("wheel_distance", "running", 0.3)],
)  # fmt: skip
def test_traits_spread_animals_by_the_registered_cv(name: str, trait: str, cv: float) -> None:
    """A log-normal of CV c has log-SD sqrt(ln(1 + c^2)): read off at plus one SD, exactly."""
    assert math.log(true_value(name, {trait: 1.0}) / true_value(name)) == pytest.approx(
        math.sqrt(math.log1p(cv**2)), rel=1e-9
    )


def test_who_runs_far_runs_long() -> None:
    z = np.random.default_rng(1).standard_normal(2000)
    states = {name: np.array(value) for name, value in YOUNG.items()}
    far, long = (readout(n).expected(states, {"running": z}) for n in ("wheel_distance", "wheel_active_time"))
    assert np.corrcoef(np.log(far), np.log(long))[0, 1] == pytest.approx(1.0)
    measured = [readout(n).measure(v, np.random.default_rng(i)) for i, (n, v) in
                enumerate((("wheel_distance", far), ("wheel_active_time", long)), 5)]  # fmt: skip
    assert 0.6 < np.corrcoef(np.log(measured), rowvar=True)[0, 1] < 0.95  # noise of measuring is each one's own


def test_every_assay_parameter_has_a_source_or_an_assumption_with_its_reason() -> None:
    assert check_register(Path(assays.__file__).parent / "parameters.csv") == []
    for row in assay_register().values():
        assert row.reason, row.where
        assert row.source == "assumption" or len(row.source) > 5, row.where
        assert not (row.source == "assumption" and row.confidence == "high"), row.where


def test_every_registered_number_is_used_by_the_code() -> None:
    code = "".join(path.read_text() for path in Path(assays.__file__).parent.glob("*.py"))
    built = {f"{kind}_{end}" for kind in ("distance", "active_time", "max_speed")
             for end in ("young", "vigour_exponent", "pain_exponent")}  # fmt: skip
    built |= {"mrna_trait_cv", "protein_trait_cv"}
    built |= {f"{name}_{end}" for name in ("il6", "cxcl1", "tnf") for end in ("young", "limit")}
    assert [name for name in assay_register() if f'"{name}"' not in code and name not in built] == []


def test_definitions_are_unique_and_say_a_unit() -> None:
    assert len({item.definition for item in readouts().values()}) == len(readouts())
    assert all(item.unit and item.label and item.name == name for name, item in readouts().items())
    assert not set(readouts()) & set(NOT_SIMULATED)


def test_an_unknown_readout_is_refused_with_a_suggestion() -> None:
    with pytest.raises(StudyError, match="unknown read-out 'wheel_distanse'") as caught:
        readout("wheel_distanse", "study.yaml:7")
    assert caught.value.where == "study.yaml:7"
    assert "did you mean 'wheel_distance'?" in str(caught.value.remedy)


@pytest.mark.parametrize("name", list(NOT_SIMULATED))
def test_a_readout_not_simulated_yet_says_so(name: str) -> None:
    with pytest.raises(StudyError, match="is not simulated") as caught:
        readout(name)
    assert caught.value.remedy
