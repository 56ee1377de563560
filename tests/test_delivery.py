"""Times to equilibrium, profiles, designs and antibiotics: scaling, linearity, conservation of meaning, refusals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from senospine.cli.commands import app
from senospine.delivery import (
    Patient,
    antibiotics,
    convergence,
    design,
    diffusivity_of,
    disc_model,
    half_time,
    profile,
)  # fmt: skip
from senospine.delivery.design import clearance_factor, half_life
from senospine.delivery.exact import TwoLayers
from senospine.delivery.patient import regimen_of
from senospine.engine import compile_model
from senospine.errors import RegimenError
from senospine.report.disc_figures import draw_profile
from senospine.report.disc_tables import accuracy_rows, antibiotic_rows, half_time_rows
from senospine.therapy import compose_model

COURSE = "150 mg oral daily for 14 days"


@pytest.fixture(scope="module")
def course():
    return profile("navitoclax", COURSE, days=30)


def test_times_to_equilibrium_grow_with_binding_and_with_the_square_of_the_way() -> None:
    one, hundred = (half_time("navitoclax", "human", r, draws=40) for r in (1.0, 100.0))
    assert hundred.median / one.median == pytest.approx(100, rel=1e-3)
    assert one.low < one.median < one.high
    assert half_time("navitoclax", "mouse", 1.0, draws=40).median < 0.02 * one.median


def test_the_half_time_of_a_sealed_sheet_is_the_textbooks() -> None:
    """Crank 1975, figure 4.1: the middle of a sheet is half full at D t / l^2 = 0.379."""
    sheet = TwoLayers(cep=0.5, half=0.5, diffusivity_cep=1.0, diffusivity_nucleus=1.0)
    times = np.linspace(0.3, 0.5, 2001)
    assert times[np.searchsorted(sheet.centre(times), 0.5)] == pytest.approx(0.379, abs=1e-3)


def test_human_half_times_agree_with_an_independent_estimate() -> None:
    """Navitoclax, endplate at half the nucleus's diffusivity, no annulus: about 1.3 days were found apart from this."""
    kernel = compile_model(disc_model("human"), ["centre"])
    times = np.linspace(0, 4, 4001)
    given = {"drug_diffusivity_annulus": 0.0, "loading": 0.0, "disc_geometry_bone_transfer": 1e9}
    centre = kernel.solve(given, times=times, n_subjects=1)["centre"][0]
    assert times[np.searchsorted(centre, 0.5)] == pytest.approx(1.3, rel=0.35)


def test_a_profile_has_a_line_at_which_the_burden_halves(course) -> None:
    """Held at the line, the drug must hold the senescent cells at half of what they are untreated."""
    model = compose_model("human", ["navitoclax"])
    who, zone = course.patient, "senescent_disc_cells_4"
    states = compile_model(model, list(model.states))
    start = {n: float(v[0, 0]) for n, v in states.solve(
        who.parameters, times=[who.enrolled], n_subjects=1).values.items()}  # fmt: skip
    untreated = start[zone]
    start |= {zone: untreated / 2, "navitoclax_central": 0.0}
    start |= {n: course.line for n in model.states if n.startswith("navitoclax_disc_")}
    span = [who.enrolled, who.enrolled + 1e-4]
    after = states.solve(who.parameters, times=span, start=span[0], initial=start, n_subjects=1, rtol=1e-10)[zone][0]
    assert abs(np.log(after[1] / after[0]) / 1e-4) < 0.02 * course.line_hazard


def test_a_profile_reaches_the_bone_first_and_the_centre_last(course) -> None:
    reached = [float(course.times[row.argmax()]) for row in course.values > 0.1 * course.values.max()]
    assert reached == sorted(reached)
    assert course.values.min() > -1e-9
    assert course.burden.shape == (4, len(course.times))
    assert 0.2 < course.burden[:, -1].mean() < 1
    assert np.all(course.above() <= 1)


def test_the_layers_of_a_profile_are_linear_in_dose(course) -> None:
    double = profile("navitoclax", COURSE.replace("150", "300"), days=30)
    assert double.values == pytest.approx(2 * course.values, rel=2e-3, abs=1e-7)


def test_a_profile_is_drawn(course, tmp_path: Path) -> None:
    path = draw_profile(course, tmp_path / "profile.svg")
    text = path.read_text(encoding="utf-8")
    assert "SYNTHETIC DATA" in text
    assert "keeps" in text


def test_half_lives_are_met_by_clearance() -> None:
    parameters = compose_model("human", ["o-vanillin"]).parameters
    for wanted in (3.0, 24.0, 200.0):
        factor = clearance_factor(parameters, "o_vanillin", wanted)
        changed = {**parameters, "o_vanillin_clearance": factor * parameters["o_vanillin_clearance"]}
        assert half_life(changed, "o_vanillin") == pytest.approx(wanted)
    with pytest.raises(RegimenError, match="cannot be had"):
        clearance_factor(parameters, "o_vanillin", 0.1)


def test_a_longer_half_life_buys_exposure_and_none_at_matched_doses() -> None:
    found = design(
        "o-vanillin",
        ["1000 mg oral daily for 28 days"],
        half_lives=(None, 24.0),
        matched=(False, True),
        days=42,
        draws=24,
    )
    own, longer, matched = found
    assert (own.matched, longer.matched, matched.matched) == (False, False, True)
    gain = longer.typical["exposure"] / own.typical["exposure"]
    assert gain > 10
    assert longer.typical["cleared"] > 5 * own.typical["cleared"]
    assert matched.typical["exposure"] == pytest.approx(own.typical["exposure"], rel=0.02)
    assert matched.typical["cleared"] == pytest.approx(own.typical["cleared"], rel=0.2)
    for item in found:
        assert item.failed == 0
        assert item.cleared.low <= item.cleared.median <= item.cleared.high


def test_slower_release_in_the_disc_lowers_the_peak_and_keeps_the_area() -> None:
    fast, slow = design("o-vanillin", ["1 mg intradiscal once"], releases=(1.0, 96.0), days=60, draws=4)
    assert math.isnan(fast.half_life)
    assert slow.release == pytest.approx(96)
    assert slow.typical["peak"] < 0.2 * fast.typical["peak"]
    assert slow.typical["exposure"] == pytest.approx(fast.typical["exposure"], rel=0.01)


def test_binding_and_charge_move_what_they_must() -> None:
    free, bound = design("o-vanillin", ["1000 mg oral once"], retardations=(1.0, 100.0), days=5, draws=4)
    assert bound.typical["peak"] < 0.3 * free.typical["peak"]
    anion, cation = design("navitoclax", [COURSE], charges=(-1.0, 1.0), days=60, draws=4)
    assert cation.typical["exposure"] > 3 * anion.typical["exposure"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: design("o-vanillin", ["1 mg intradiscal once"], injected=25.0), "into a disc of"),
        (lambda: design("o-vanillin", ["1 mg oral once"], retardations=(0.5,)), "binding of 0.5"),
        (lambda: design("o-vanillin", [], draws=10), "no regimen"),
        (lambda: design("unobtainium", ["1 mg oral once"]), "unknown drug"),
        (lambda: design("tanezumab", ["10 mg subcutaneous once"]), "no numbers for the disc"),
        (lambda: profile("navitoclax", COURSE, species="mouse"), "level within hours"),
        (lambda: profile("navitoclax", "150 mg oral daily for 7 days", patient=Patient(7.0)), "7 years"),
        (lambda: half_time("celecoxib", "human", 1.0), "no numbers for the disc"),
        (lambda: regimen_of("navitoclax", "rg-7112 5 mg oral once"), "once|unit|route|dose"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(call, words: str) -> None:
    with pytest.raises(RegimenError, match=words) as caught:
        call()
    assert caught.value.remedy


def test_antibiotics_are_set_beside_predictions_with_their_misses() -> None:
    found = {item.name: item for item in antibiotics(draws=100)}
    assert len(found) == 5
    assert {item.role for item in found.values()} == {"calibration"}
    assert found["vancomycin_area"].hit
    assert not found["clindamycin_over_cefazolin"].hit  # charge does not explain how far the two differ
    assert found["clindamycin_ratio"].median > found["cefazolin_ratio"].median


def test_diffusivity_falls_with_molar_mass_through_both_measured_solutes() -> None:
    assert diffusivity_of(332) == pytest.approx(2.68 * 8.64)
    assert diffusivity_of(1270) == pytest.approx(0.92 * 8.64)


def test_the_shell_shows_profiles_and_designs(tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    run = CliRunner().invoke(
        app, ["drug", "profile", "navitoclax", "--regimen", COURSE, "--picture", str(picture), "--json"]
    )
    assert run.exit_code == 0, run.output
    assert '"line_umol_per_L"' in run.output
    assert picture.read_bytes()[:4] == b"\x89PNG"
    run = CliRunner().invoke(app, ["drug", "design", "o-vanillin", "--regimen", "1000 mg oral once", "--half-life",
                                   "24", "--draws", "4", "--days", "7"])  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "matched" not in run.output
    assert "never medical advice" in run.output
    run = CliRunner().invoke(app, ["drug", "design", "o-vanillin", "--regimen", "1 mg oral once", "--binding", "many"])
    assert isinstance(run.exception, RegimenError)


def test_the_tables_of_the_document_are_what_the_functions_say() -> None:
    text = (Path(__file__).parents[1] / "docs/disc-transport.md").read_text(encoding="utf-8")
    for row in accuracy_rows(convergence((1, 2, 4), ["sealed, two layers", "mouse, register"]))[2:]:
        assert row in text
    assert half_time_rows([half_time("navitoclax", "human", 10.0)])[2] in text
    for row in antibiotic_rows(antibiotics(1000)):
        assert row in text
