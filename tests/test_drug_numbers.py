"""The numbers of the shipped drugs: each has a source or a reason, and what follows from them is what was reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drug_tables import every_row, tables
from scipy.integrate import solve_ivp

from senospine.model.units import unit_of_text
from senospine.therapy import Row, check_drug, compose_model, drug_names, load_drug
from senospine.therapy.card import drug_card
from senospine.therapy.derived import Derived, derived_numbers
from senospine.therapy.drug import read_drug
from senospine.therapy.terms import KINETICS, action_unit
from senospine.therapy.two_compartments import ORAL, peak, terminal_half_life

COMPOSED = ("celecoxib", "navitoclax", "o-vanillin", "rg-7112", "tanezumab")
ROWS = every_row()
DOCUMENT = (Path(__file__).parents[1] / "docs" / "drugs.md").read_text(encoding="utf-8")


def derived(drug: str, species: str = "human", dose: float = 100.0, every: float = 1.0) -> dict[str, Derived]:
    return {item.name: item for item in derived_numbers(load_drug(drug), species, dose, every)}


def numbers(drug: str, species: str = "human") -> dict[str, float]:
    rows = load_drug(drug).kinetics[species]
    return {name: rows[name].value * rows[name].factor(term.unit) if name in rows else term.neutral or 0.0
            for name, term in KINETICS.items()}  # fmt: skip


def course(n: dict[str, float], dose: float, times: np.ndarray, rate: float = 0.0) -> np.ndarray:
    """Total concentration [umol/L] after ``dose`` [mg] into blood and ``rate`` [mg/day], integrated by SciPy."""

    def change(_: float, amount: np.ndarray) -> list[float]:
        central, peripheral = amount / (n["volume_central"], n["volume_peripheral"])  # mg/L
        micromolar = central / n["molar_mass"]
        lost = n["clearance"] * central + n["saturable_elimination_max"] * micromolar / (
            n["saturable_half_concentration"] + micromolar
        )
        flow = n["intercompartmental_clearance"] * (central - peripheral)
        return [rate - lost - flow, flow]

    found = solve_ivp(change, (0, times[-1]), [dose, 0.0], t_eval=times, rtol=1e-10, atol=1e-13, method="LSODA")
    return np.asarray(found.y[0] / n["volume_central"] / n["molar_mass"])


@pytest.mark.parametrize(("path", "row"), ROWS, ids=[path for path, _ in ROWS])
def test_every_number_has_a_unit_a_source_and_a_reason(path: str, row: Row) -> None:
    unit_of_text(row.unit)
    assert len(row.reason) > 10
    assert row.how_obtained
    assert row.confidence in {"high", "medium", "low"}
    assert row.assumed == (row.how_obtained == "assumption")
    assert not (row.assumed and (row.doi or row.confidence == "high")), "an assumption cites nothing and is not sure"
    assert not row.doi or row.doi.startswith("10.")


def test_there_are_as_many_numbers_as_a_reader_would_expect() -> None:
    assert len(ROWS) > 190
    assert {path.split(".")[0] for path, _ in ROWS} == set(COMPOSED)


@pytest.mark.parametrize("name", sorted(drug_names()))
def test_every_shipped_file_is_clean(name: str) -> None:
    from importlib.resources import files

    path = str(files("senospine.therapy").joinpath("drugs", f"{name}.yaml"))
    assert check_drug(path) == []
    assert read_drug(path) == load_drug(name)


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_drug_says_what_it_does_and_what_was_not_found(name: str) -> None:
    drug = load_drug(name)
    assert len(drug.gaps) >= 4
    for action, entry in drug.actions["human"].items():
        assert entry.max.unit == action_unit(action)
    for reading in drug.readings:
        assert drug.reading(reading).kinetics["human"].keys() >= drug.kinetics["human"].keys()


@pytest.mark.parametrize(("name", "low"), [*((name, False) for name in COMPOSED), ("tanezumab", True)])
def test_half_lives_are_the_last_slope_of_an_integrated_course(name: str, low: bool) -> None:
    n = numbers(name)
    item = derived(name)["half-life at low concentration" if low else "half-life"]
    n["saturable_elimination_max"] *= low
    days = item.value / (24 if item.unit == "h" else 1)
    tiny = 1e-6 * n["saturable_half_concentration"] * n["molar_mass"] * n["volume_central"]
    after = course(n, tiny if low else 1.0, np.array([0.0, 12 * days, 13 * days]))
    assert after[2] / after[1] == pytest.approx(0.5, rel=2e-3)


def test_half_lives_agree_with_those_reported() -> None:
    people = derived("navitoclax")["half-life"]
    assert 11 <= people.value <= 20  # ASH 2009 abstract 883, ASH 2008 abstract 2108
    assert people.low < 11 < 20 < people.high < 30, "the prior holds both reports, and no half-life of days"
    assert derived("navitoclax", "dog")["half-life"].value == pytest.approx(22.2, abs=0.1)  # Choo 2014
    effective = derived("celecoxib")["effective half-life"]
    assert effective.value == pytest.approx(11.2, rel=0.31)  # label: mean and coefficient of variation
    assert derived("celecoxib")["half-life"].value == pytest.approx(11.2, rel=0.31)
    tanezumab = derived("tanezumab")
    assert tanezumab["half-life"].unit == "day"
    reading = derived_numbers(load_drug("tanezumab").reading("phase_3"), "human")[0]
    assert tanezumab["half-life"].low < reading.value < tanezumab["half-life"].high, "two analyses, one prior"
    assert tanezumab["half-life at low concentration"].value < tanezumab["half-life"].value / 2
    assert derived("o-vanillin")["half-life"].value < 6, "cleared within hours"


def test_celecoxib_gives_back_its_label() -> None:
    n = numbers("celecoxib")
    assert n["clearance"] == pytest.approx(27.7 * 24)
    assert n["volume_central"] + n["volume_peripheral"] == pytest.approx(429)
    found = derived("celecoxib", dose=200.0)
    assert found["peak, oral: when"].value == pytest.approx(2.8, rel=0.37)
    assert found["peak, oral: total"].value * n["molar_mass"] == pytest.approx(0.705, rel=0.38)


def test_rg_7112_peaks_when_it_was_reported_to() -> None:
    assert 3 <= derived("rg-7112")["peak, oral: when"].value <= 6  # ASH 2010 abstract 657


def test_a_meal_raises_rg_7112_slightly_over_twofold() -> None:
    assert 2 < load_drug("rg-7112").kinetics["human"]["food_effect"].value < 2.5  # Patnaik 2015


def test_exposure_to_rg_7112_is_linear_over_the_doses_that_were_given() -> None:
    doses = np.array([20.0, 400.0, 1920.0]) * 1.8  # mg/m2, on an adult's body surface; ASH 2010 abstract 657
    n, hours = numbers("rg-7112"), np.linspace(0, 40, 4001)
    averages = [derived("rg-7112", dose=dose)["average, oral: total"].value for dose in doses]
    areas = [np.trapezoid(course(n, dose, hours), hours) for dose in doses]
    assert averages / doses == pytest.approx(averages[0] / doses[0], rel=1e-9)
    assert areas / doses == pytest.approx(areas[0] / doses[0], rel=1e-6)


def test_navitoclax_is_allometry_of_the_dog_and_not_the_generated_library() -> None:
    dog, human = numbers("navitoclax", "dog"), numbers("navitoclax")
    assert dog["clearance"] == pytest.approx(0.673e-3 * 1440 * 10, rel=1e-3)
    assert human["clearance"] == pytest.approx(dog["clearance"] * 7**0.75, rel=2e-3)
    assert human["volume_central"] + human["volume_peripheral"] == pytest.approx(0.5 * 70)


def test_the_average_is_what_an_infusion_settles_at() -> None:
    for name, dose, every in (("tanezumab", 10.0, 56.0), ("navitoclax", 250.0, 1.0)):
        n = numbers(name)
        if name == "tanezumab":
            route, taken = "subcutaneous", n["depot_bioavailability"]
        else:
            route, taken = "oral", n["bioavailability"] * n["food_effect"]
        settled = course(n, 0.0, np.array([0.0, 4000.0]), rate=dose * taken / every)[-1]
        average = derived(name, dose=dose, every=every)
        assert average[f"average, {route}: total"].value == pytest.approx(settled, rel=1e-4)
        free = settled * n["unbound_fraction"]
        assert average[f"average, {route}: free"].value == pytest.approx(free, rel=1e-4)


def test_the_card_tells_the_peak_that_the_model_has() -> None:
    import senospine
    from senospine.engine import Entry, Schedule

    found = derived("navitoclax", "dog", dose=100.0)
    kernel = senospine.compile_model(compose_model("dog", ["navitoclax"]), outputs=["navitoclax_concentration"])
    times = np.linspace(0, 2, 2001)
    schedule = Schedule.shared([Entry(0.0, "bolus", "navitoclax_gut", 100.0)])
    concentration = kernel.solve({}, schedule, times, rtol=1e-8)["navitoclax_concentration"][0]
    assert concentration.max() == pytest.approx(found["peak, oral: total"].value, rel=1e-3)
    assert times[concentration.argmax()] * 24 == pytest.approx(found["peak, oral: when"].value, rel=0.02)


@pytest.mark.parametrize(("uptake", "loss"), [(24.0, 2.0), (0.05, 12.0), (3.0, 3.0)])
def test_one_compartment_peaks_where_bateman_says(uptake: float, loss: float) -> None:
    """ln(ka/k)/(ka-k), or 1/k where the two are equal; slow uptake too (Bateman 1910)."""
    values = {name: 1.0 if term.neutral is None else term.neutral for name, term in KINETICS.items()}
    values |= {"absorption_rate": uptake, "transit_rate": 1e5, "clearance": loss, "volume_central": 1.0, "lag": 0.25}
    numbers = {name: np.array([value, value]) for name, value in values.items()}
    when, size = peak(numbers, ORAL, 10.0)
    expected = 1 / loss if uptake == loss else np.log(uptake / loss) / (uptake - loss)
    assert when - 0.25 == pytest.approx(np.full(2, expected), rel=0.03)
    assert size == pytest.approx(np.full(2, 10 * np.exp(-loss * expected)), rel=1e-3)
    assert terminal_half_life(numbers) == pytest.approx(np.full(2, np.log(2) / loss))


def test_intervals_follow_the_priors() -> None:
    drug = load_drug("navitoclax")
    rows = drug.kinetics["human"]
    fixed = {name: row.model_copy(update={"prior": "fixed", "low": None, "high": None}) for name, row in rows.items()}
    certain = derived_numbers(drug.model_copy(update={"kinetics": {"human": fixed}}), "human")
    for item in certain:
        assert item.low == pytest.approx(item.value) == pytest.approx(item.high)
    one = {**fixed, "bioavailability": rows["bioavailability"]}
    spread = {
        item.name: item for item in derived_numbers(drug.model_copy(update={"kinetics": {"human": one}}), "human")
    }
    assert spread["half-life"].low == pytest.approx(spread["half-life"].high), "uptake has no part in it"
    average = spread["average, oral: total"]
    assert average.high / average.low == pytest.approx(0.5 / 0.2, rel=0.05), "proportional to bioavailability"


def test_free_and_nominal_differ_by_the_protein_of_the_medium() -> None:
    for name in ("navitoclax", "rg-7112", "o-vanillin"):
        drug = load_drug(name)
        unbound = drug.kinetics["human"]["unbound_fraction"].value
        in_medium = 1 / (1 + 0.1 * (1 / unbound - 1))
        nominal, free = (drug.reading(key).actions["human"]["disc_kill"].half.value for key in ("nominal", "free"))
        assert free / nominal == pytest.approx(in_medium / unbound, rel=0.06)
        assert drug.actions["human"]["disc_kill"].half.value == nominal


def test_platelets_in_patients_speak_for_the_free_reading() -> None:
    """Falls of 12, 57, 68 and 70 % at 10, 110, 200 and 250 mg (ASH 2009 abstract 883) as hazards over four days."""
    doses, falls = np.array([10.0, 110.0, 200.0, 250.0]), np.array([0.12, 0.57, 0.68, 0.70])
    concentration = derived("navitoclax", dose=1.0)["average, oral: total"].value * doses
    hazard = -np.log(1 - falls)
    unbound = numbers("navitoclax")["unbound_fraction"]
    as_free = 0.191 / (1 + 0.1 * (1 / unbound - 1)) / unbound  # MOLT-4, umol/L of total plasma
    own = load_drug("navitoclax").actions["human"]["platelet_kill"].half.value
    assert own == pytest.approx(as_free, rel=0.2)

    def misfit(half: float) -> float:
        shape = concentration / (half + concentration)
        largest = np.exp(np.mean(np.log(hazard) - np.log(shape)))
        return float(np.abs(np.log(largest * shape / hazard)).max())

    assert misfit(own) < np.log(1.5)
    assert misfit(0.191) > np.log(2)


def test_what_rests_on_assumptions_is_counted() -> None:
    card = drug_card(load_drug("tanezumab"))
    (only,) = card.conclusions
    assert set(only.assumed) == {"depot_absorption_rate", "depot_bioavailability", "half", "hill"} & set(only.assumed)
    assert card.assumed == sum(item.row.source == "assumption" for item in card.rows)
    disc = next(item for item in drug_card(load_drug("navitoclax")).conclusions if item.action == "disc_kill")
    assert {"retardation", "unbound_fraction", "charge"} <= set(disc.assumed)
    platelets = next(item for item in drug_card(load_drug("navitoclax")).conclusions if item.action == "platelet_kill")
    assert "unbound_fraction" not in platelets.assumed, "what reads total plasma does not hang on binding"


def test_the_document_holds_the_numbers_that_are_in_the_files() -> None:
    assert DOCUMENT.split("## The numbers\n\n")[1].strip() == tables(), "python tests/drug_tables.py prints them anew"
    for name in COMPOSED:
        item = derived(name)["half-life"]
        unit = "days" if item.unit == "day" else item.unit
        assert f"{item.value:.3g} {unit} ({item.low:.3g} to {item.high:.3g})" in DOCUMENT.split("## The numbers")[0], (
            name
        )
    concentration = derived("navitoclax", dose=1.0)["average, oral: total"].value * np.array([10, 110, 200, 250])
    assert [f"{value:.2g}" for value in concentration] == ["0.079", "0.87", "1.6", "2"]
    assert "0.08, 0.87, 1.6 and 2.0 umol/L" in DOCUMENT
    reading = derived_numbers(load_drug("tanezumab").reading("phase_3"), "human")[0]
    assert f"the phase 3 analysis implies {reading.value:.3g} days" in DOCUMENT
