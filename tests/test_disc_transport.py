"""The layers of the disc: exact series, conservation, positivity, units of a depot, the generator of the text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

import senospine
from senospine.delivery import accuracy, disc_model, early_errors, shares, transport_text
from senospine.delivery.convergence import CASES
from senospine.delivery.exact import TwoLayers
from senospine.delivery.layers import MODULE
from senospine.errors import ModelError
from senospine.model import load_model


@pytest.mark.parametrize("case", CASES)
def test_the_shipped_layers_stay_within_half_a_percent_of_the_exact_series(case: str) -> None:
    found = accuracy(case)
    assert found.layers == 12
    assert found.centre <= 0.005
    assert found.area <= 0.005


def test_errors_fall_with_the_square_of_the_number_of_layers() -> None:
    coarse, fine = accuracy("sealed, two layers"), accuracy("sealed, two layers", 2)
    assert coarse.centre / fine.centre == pytest.approx(4, rel=0.1)
    assert coarse.area / fine.area == pytest.approx(4, rel=0.1)


def test_early_errors_are_near_the_bone_and_pass() -> None:
    times, depths, errors = early_errors()
    assert len(depths) == 12
    early, late = np.abs(errors[:, times < 0.005]), np.abs(errors[:, times > 0.1])
    assert 0.005 < early.max() < 0.05
    assert early.max(axis=1).argmax() < 4  # in the cartilage endplate
    assert late.max() < 0.005


def test_series_of_one_tissue_are_those_of_the_textbook() -> None:
    """Crank, The Mathematics of Diffusion, equations 4.17 and 4.18: a sheet whose surfaces are held."""
    both = TwoLayers(cep=0.6, half=4.3, diffusivity_cep=4.0, diffusivity_nucleus=4.0)
    times, n = np.geomspace(0.01, 20, 30), np.arange(400)
    decay = np.exp(-(((2 * n + 1) * math.pi / 2 / 4.9) ** 2 * 4.0)[:, None] * times)
    assert both.centre(times) == pytest.approx(1 - (4 / math.pi * (-1.0) ** n / (2 * n + 1)) @ decay, abs=1e-12)


@pytest.mark.parametrize(("loss", "annulus", "transfer"), [(0.0, 0.0, math.inf), (0.3, 0.0, 2.0), (0.2, 0.1, math.inf)])
def test_series_are_those_of_many_thin_layers_moved_by_a_matrix_exponential(
    loss: float, annulus: float, transfer: float
) -> None:
    exact = TwoLayers(0.6, 4.3, 4.0, 8.0, 0.9, 1.5, transfer, 2.0, loss, annulus)
    outer, inner = 60, 240
    thick = np.r_[np.full(outer, 0.6 / outer), np.full(inner, 4.3 / inner)]
    store = np.r_[np.full(outer, 0.9), np.full(inner, 1.5)]
    half = thick / 2 / (store * np.r_[np.full(outer, 4.0), np.full(inner, 8.0)])
    between, edge = 1 / (half[:-1] + half[1:]), 1 / (1 / transfer + half[0])
    nucleus = np.r_[np.zeros(outer), np.ones(inner)]
    own = store * thick * (loss + annulus * nucleus)
    own[:-1] += between
    own[1:] += between
    own[0] += edge
    supply = store * thick * annulus * nucleus
    supply[0] += edge
    size = (store * thick * 2.0)[:, None]
    matrix = (np.diag(between, 1) + np.diag(between, -1) - np.diag(own)) / size
    steady = np.linalg.solve(matrix, -supply / size[:, 0])
    half_a_day = expm(matrix * 0.5)
    for time in (0.5, 3.0, 15.0):
        values = steady - np.linalg.matrix_power(half_a_day, round(2 * time)) @ steady
        assert exact.centre(np.array([time]))[0] == pytest.approx(values[-1], abs=3e-5)
        assert exact.mean(np.array([time]))[0] == pytest.approx(values[outer:].mean(), abs=3e-5)


def contents(model: senospine.Model, solution: senospine.Solution) -> np.ndarray:
    """Return the drug in both halves of the disc, depot included, in micromoles, shape (n_subjects, n_times)."""
    cep, nucleus = shares()
    value = {name: solution[name] for name in model.outputs}
    rows = model.parameters
    area = math.pi * rows["disc_geometry_disc_radius"] ** 2 * 1e-6  # litres in a millimetre of height
    held = 0.0
    for tissue, parts, height in (("cep", cep, "cep_thickness"), ("nucleus", nucleus, "half_height")):
        water = rows[f"disc_geometry_water_{tissue}"]
        thick = rows["disc_geometry_cep_thickness"] if tissue == "cep" else value[f"disc_geometry_{height}"]
        prefix = "drug_cep" if tissue == "cep" else "drug_np"
        for index, part in enumerate(parts):
            held = held + value[f"{prefix}_{index + 1}"] * water * thick * part
    return 2 * area * held + value["intradiscal"] / rows["molar_mass"]


def test_a_depot_in_a_closed_disc_is_conserved_and_spreads_over_its_water() -> None:
    """A disc that nothing leaves: one nanomole of drug a litre of plasma neither enters nor matters."""
    model = disc_model()
    closed = {"disc_geometry_bone_transfer": 1e-12, "drug_diffusivity_annulus": 0.0}
    dose = senospine.Schedule.shared([senospine.Entry(1.0, "bolus", "intradiscal", 0.005)])
    solution = senospine.compile_model(model).solve(
        closed, dose, [0.5, 1.01, 1.1, 2.0, 50.0, 2000.0], initial={"plasma": 0.0}, rtol=1e-9
    )
    held = contents(model, solution)[0]
    assert held[0] == 0
    assert held[1:] == pytest.approx(5.0, rel=1e-6)  # 0.005 mg of 1 g/mol is 5 umol
    litres = math.pi * 20**2 * 1e-6 * (8.6 * 0.8 + 2 * 0.6 * 0.65)
    assert solution["centre"][0, -1] == pytest.approx(5.0 / litres, rel=1e-4)
    assert solution["drug_cep_1"][0, -1] == pytest.approx(5.0 / litres, rel=1e-4)


def test_what_enters_is_what_is_there() -> None:
    """Without loss and annulus the disc gains what crosses the bone, to rounding: fluxes inside cancel."""
    model = disc_model()
    rates = {name: model.rates[name] for name in model.states if name.startswith("drug_")}
    generator = np.random.default_rng(7)
    kernel = senospine.compile_model(model)
    assert rates
    for charge in (-1.0, 0.0, 2.0):
        given = {"drug_charge": charge, "drug_diffusivity_annulus": 0.0}
        start = {name: generator.uniform(0, 5) for name in rates}
        times = [0.0, 1e-6]
        solution = kernel.solve(given, times=times, initial=start, rtol=1e-10)
        gained = np.diff(contents(model, solution)[0])[0]
        area = 2 * math.pi * model.parameters["disc_geometry_disc_radius"] ** 2 * 1e-6
        entered = np.mean(solution["drug_flux_0"][0]) * 1e-6 * area
        assert gained == pytest.approx(entered, rel=1e-4)


def test_concentrations_stay_above_zero_and_below_what_plasma_allows() -> None:
    kernel = senospine.compile_model(disc_model())
    generator, n = np.random.default_rng(3), 64
    given = {
        "drug_charge": generator.uniform(-2, 2, n),
        "drug_retardation": 10 ** generator.uniform(0, 2.5, n),
        "drug_disc_loss_rate": generator.uniform(0, 5, n),
        "calcification": generator.uniform(0, 1, n),
        "degeneration": generator.uniform(0, 1.5, n),
    }
    solution = kernel.solve(given, times=np.geomspace(1e-3, 1e3, 40), rtol=1e-6)
    assert all(status == senospine.Status.OK for status in solution.status)
    for name in kernel.model.states:
        assert solution[name].min() >= -1e-7
    most = np.maximum(solution["disc_geometry_charge_ratio_nucleus"] ** given["drug_charge"][:, None], 1e-9)
    assert np.all(solution["centre"] <= most * (1 + 1e-5))


def test_partition_is_donnans() -> None:
    """Fixed charge 0.25 and salt 0.15 mol/L: r = (0.25 + sqrt(0.25^2 + 4 0.15^2)) / 0.3; cations in, anions out."""
    given = {
        "disc_geometry_fixed_charge_np": 0.2, "disc_geometry_tissue_density": 1.0, "disc_geometry_water_nucleus": 0.8,
        "drug_charge": [1.0, -1.0, 2.0],
    }  # fmt: skip
    solution = senospine.compile_model(disc_model()).solve(given, times=[2000.0], rtol=1e-8)
    r = (0.25 + math.sqrt(0.25**2 + 4 * 0.15**2)) / 0.3
    assert solution["centre"][:, 0] == pytest.approx([r, 1 / r, r * r], rel=1e-5)


def test_each_influence_moves_entry_the_way_it_must() -> None:
    kernel = senospine.compile_model(disc_model(), ["centre"])
    base = {"drug_diffusivity_annulus": 0.0}

    def centre(**changed: float) -> float:
        return float(kernel.solve({**base, **changed}, times=[1.0], n_subjects=1)["centre"][0, 0])

    plain = centre()
    assert centre(calcification=0.9) < 0.5 * plain
    assert centre(loading=0.0) < plain < centre(loading=2.0)
    assert centre(degeneration=1.0) > plain  # a narrowed disc is crossed sooner
    assert centre(drug_retardation=5.0) < 0.2 * plain
    assert centre(drug_disc_loss_rate=1.0) < plain
    assert centre(drug_diffusivity_annulus=10.0) > plain
    assert plain < centre(endplate_porosity=2.0) < 1.05 * plain  # weak, as Malandrino found


def test_the_shipped_text_is_what_the_generator_writes() -> None:
    assert transport_text() == MODULE.read_text(encoding="utf-8")
    assert [sum(parts) for parts in shares()] == pytest.approx([1.0, 1.0])
    assert [sum(shares()[1][2 * zone : 2 * zone + 2]) for zone in range(4)] == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("species", ["human", "mouse"])
def test_units_and_sources_are_clean(species: str) -> None:
    assert disc_model(species).check() == []


def test_the_human_spine_holds_the_disc_that_is_proved_here() -> None:
    spine = load_model("human")
    assert spine.check() == []
    for name, value in disc_model("human").parameters.items():
        if name.startswith("disc_geometry_"):
            assert spine.parameters[name] == value


def test_an_unknown_disc_is_refused() -> None:
    with pytest.raises(ModelError, match="elephant"):
        disc_model("elephant")
