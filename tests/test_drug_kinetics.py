"""What the body does with a drug, against exact solutions, an independent solver, and conservation of mass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drug_helpers import KINETICS, made_drug
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from senospine.engine import Area, Entry, Schedule, Solution, compile_model
from senospine.model import Model
from senospine.therapy import compose_model

NUMBERS = {name: value for name, (value, _) in KINETICS.items()}
STATES = ("gut", "transit", "depot", "central", "peripheral")
TIMES = np.linspace(0.0, 6.0, 25)


def solved(model: Model, entries: list[Entry], **options: object) -> Solution:
    kernel = compile_model(model, outputs=list(model.outputs), **options.pop("compile", {}))  # type: ignore[arg-type]
    options = {"times": TIMES, "rtol": 1e-10, **options}
    return kernel.solve(schedule=Schedule.shared(entries), **options)


def linear(weight: float = 10.0, fed: float = 0.0) -> np.ndarray:
    """Rates of the linear model as a matrix over :data:`STATES`, written from the textbook and not from the module."""
    k = NUMBERS
    flow = (weight / k["reference_weight"]) ** k["clearance_exponent"]
    volume = (weight / k["reference_weight"]) ** k["volume_exponent"]
    out, there = flow * k["clearance"], flow * k["intercompartmental_clearance"]
    central, peripheral = volume * k["volume_central"], volume * k["volume_peripheral"]
    share = k["bioavailability"] * (k["food_effect"] if fed else 1.0)
    a = np.zeros((5, 5))
    a[0, 0], a[1, 0] = -k["absorption_rate"], share * k["absorption_rate"]
    a[1, 1], a[3, 1] = -k["transit_rate"], k["transit_rate"]
    a[2, 2], a[3, 2] = -k["depot_absorption_rate"], k["depot_bioavailability"] * k["depot_absorption_rate"]
    a[3, 3], a[3, 4] = -(out + there) / central, there / peripheral
    a[4, 3], a[4, 4] = there / central, -there / peripheral
    return a


def exact(rates: np.ndarray, doses: list[tuple[float, int, float]]) -> np.ndarray:
    """Amounts at :data:`TIMES`, shape (states, times), of doses (time, state, mg): sums of matrix exponentials."""
    found = np.zeros((5, len(TIMES)))
    for time, state, amount in doses:
        for column, now in enumerate(TIMES):
            if now > time:
                found[:, column] += amount * expm(rates * (now - time))[:, state]
    return found


@pytest.mark.parametrize("weight", [10.0, 2.5, 160.0])
@pytest.mark.parametrize("fed", [0.0, 1.0])
def test_two_compartments_with_transit_are_sums_of_exponentials(tmp_path: Path, weight: float, fed: float) -> None:
    """Oral, subcutaneous and intravenous doses, at the reference weight and away from it, with food or without."""
    model = compose_model("dog", [made_drug(tmp_path)])
    doses = [(0.1, 0, 90.0), (0.6, 2, 20.0), (1.3, 0, 30.0), (2.05, 3, 10.0)]
    entries = [Entry(time, "bolus", f"imaginary_{STATES[state]}", amount) for time, state, amount in doses]
    found = solved(model, entries, parameters={"body_weight": weight, "imaginary_fed": fed})
    truth = exact(linear(weight, fed), doses)
    for name, expected in zip(STATES, truth, strict=True):
        assert found[f"imaginary_{name}"][0] == pytest.approx(expected, rel=1e-7, abs=1e-7), name
    volume = NUMBERS["volume_central"] * weight / NUMBERS["reference_weight"]
    total = truth[3] / (volume * NUMBERS["molar_mass"])
    assert found["imaginary_concentration"][0] == pytest.approx(total, rel=1e-7, abs=1e-7)
    assert found["imaginary_free_concentration"][0] == pytest.approx(0.02 * total, rel=1e-7, abs=1e-8)


SATURABLE = {"saturable_elimination_max": (40.0, "mg/day"), "saturable_half_concentration": (3.0, "umol/L")}


def test_saturable_elimination_agrees_with_scipy(tmp_path: Path) -> None:
    """Linear and saturable elimination side by side; SciPy's Radau at 1e-12 is the independent solver."""
    model = compose_model("dog", [made_drug(tmp_path, **SATURABLE)])
    weight = 20.0
    flow = 2.0**0.75

    def rates(_: float, y: np.ndarray) -> np.ndarray:
        concentration = y[3] / (2 * 5.0 * 0.5)
        saturable = np.zeros(5)
        saturable[3] = flow * 40.0 * concentration / (3.0 + concentration)
        return np.asarray(linear(weight) @ y - saturable)

    start = np.array([0.0, 0.0, 0.0, 200.0, 0.0])
    truth = solve_ivp(rates, (0, 6), start, "Radau", TIMES, rtol=1e-12, atol=1e-12).y
    found = solved(model, [Entry(0.0, "bolus", "imaginary_central", 200.0)], parameters={"body_weight": weight})
    for index, name in ((3, "central"), (4, "peripheral")):
        assert found[f"imaginary_{name}"][0, 1:] == pytest.approx(truth[index, 1:], rel=1e-7, abs=1e-8), name


def test_what_was_dosed_is_in_the_body_eliminated_or_never_taken_up(tmp_path: Path) -> None:
    model = compose_model("dog", [made_drug(tmp_path, **SATURABLE)])
    entries = [
        Entry(0.0, "bolus", "imaginary_gut", 100.0), Entry(1.0, "bolus", "imaginary_depot", 50.0),
        Entry(2.0, "bolus", "imaginary_central", 25.0),
    ]  # fmt: skip
    area = Area("imaginary_elimination")
    found = solved(model, entries, times=[3.0], compile={"reduce": [area]})
    left = {name: found[f"imaginary_{name}"][0, 0] for name in STATES}
    lost = 0.6 * (100.0 - left["gut"]) + 0.2 * (50.0 - left["depot"])
    assert sum(left.values()) + lost + found[area.label][0] == pytest.approx(175.0, rel=1e-7)
    assert found[area.label][0] > 30


def test_bioavailability_is_the_ratio_of_areas(tmp_path: Path) -> None:
    """The area under the concentration is dose times bioavailability over clearance, by mouth, depot and vein."""
    model = compose_model("dog", [made_drug(tmp_path)])
    area = Area("imaginary_concentration")
    found = {
        name: solved(model, [Entry(0.0, "bolus", f"imaginary_{name}", 10.0)], times=[60.0], compile={"reduce": [area]})
        for name in ("gut", "depot", "central")
    }
    whole = 10.0 / NUMBERS["clearance"] / NUMBERS["molar_mass"]
    for name, share in (("gut", 0.4), ("depot", 0.8), ("central", 1.0)):
        assert found[name][area.label][0] == pytest.approx(share * whole, rel=1e-6), name


def test_what_a_file_leaves_out_leaves_the_process_out(tmp_path: Path) -> None:
    """One compartment by vein: a single exponential."""
    left_out = dict.fromkeys(set(KINETICS) - {
        "reference_weight", "molar_mass", "unbound_fraction", "clearance", "volume_central", "clearance_exponent",
        "volume_exponent",
    })  # fmt: skip
    model = compose_model("dog", [made_drug(tmp_path, **left_out)])
    found = solved(model, [Entry(0.0, "bolus", "imaginary_central", 10.0)])
    truth = 10.0 * np.exp(-12.0 / 5.0 * TIMES[1:])
    assert found["imaginary_central"][0, 1:] == pytest.approx(truth, rel=1e-7, abs=1e-9)
    assert model.register["imaginary_transit_rate"].assumed


def test_the_module_has_no_number_the_drug_file_does_not_know(tmp_path: Path) -> None:
    """Each number of a drug file is a parameter of the model, in the unit its table says; only a lag is none."""
    from senospine.model.units import unit_of_text
    from senospine.therapy.terms import KINETICS as TERMS

    model = compose_model("dog", [made_drug(tmp_path)])
    own = {name.removeprefix("imaginary_") for name in model.parameters if name.startswith("imaginary_")}
    assert own == set(TERMS) - {"lag"}
    for name in own:
        assert model.units[f"imaginary_{name}"].same(unit_of_text(TERMS[name].unit)), name
    assert model.check() == []
