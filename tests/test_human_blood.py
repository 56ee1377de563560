"""The blood of a person: steady states, lifespans and nadirs against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from blood_helpers import person
from scipy import stats

from senospine.engine import Entry, Kernel, Minimum, Schedule, TimeOfMinimum, compile_model

OUTPUTS = ["platelets", "neutrophils", "lymphocytes", "immune_capacity", "blood_platelet_demand"]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return compile_model(person(), outputs=OUTPUTS)


def value(name: str) -> float:
    return person().parameters[name]


def test_without_a_drug_every_count_stays_at_the_persons_own(kernel: Kernel) -> None:
    own = {"platelets_baseline": np.array([100.0, 400.0]), "neutrophils_baseline": np.array([1.5, 7.0])}
    found = kernel.solve(own, times=[0.0, 40.0, 400.0])
    for name in ("platelets", "neutrophils"):
        np.testing.assert_allclose(found[name], own[f"{name}_baseline"][:, None] * np.ones(3), rtol=1e-9)
    np.testing.assert_allclose(found["lymphocytes"], value("lymphocytes_baseline"), rtol=1e-9)
    np.testing.assert_allclose(found["immune_capacity"], 1.0, rtol=1e-9)


def test_platelets_live_their_lifespan_when_no_more_are_made(kernel: Kernel) -> None:
    """Without production ten classes of a steady population empty as Erlang's distribution says, and lose nothing."""
    span = 8.54
    days = np.linspace(0.0, 20.0, 41)
    empty = {
        name: np.zeros(1)
        for name in person().states
        if name.startswith("blood_precursors") or name == "blood_platelet_progenitors"
    }
    start = {name: np.array([1.0]) for name in person().states} | empty | {"drug": np.zeros(1)}
    found = kernel.solve({"precursor_kill": 1e4}, times=days, initial=start, rtol=1e-9)["platelets"][0]
    # a class is left when as many stays as separate it from the end are over: the mean over the ten classes
    alive = np.mean([stats.gamma.sf(days, stages, scale=span / 10) for stages in range(1, 11)], axis=0)
    np.testing.assert_allclose(found / value("platelets_baseline"), alive, atol=2e-5)
    # of a steady population the time to live is on average (n + 1) / (2 n) lifespans
    assert np.trapezoid(alive, days) == pytest.approx(span * 11 / 20, rel=1e-3)


def test_what_is_made_is_what_is_lost(kernel: Kernel) -> None:
    """In a steady state under a constant kill production equals loss by age plus loss by the drug, class by class."""
    kill, sensitivity, span = 0.5, value("blood_new_platelet_sensitivity"), value("blood_platelet_lifespan")
    names = [f"blood_platelets_{number}" for number in range(1, 11)]
    late = compile_model(person(), outputs=[*names, "blood_precursors_late", "blood_platelet_demand"]).solve(
        {"steady_kill": kill}, times=[3000.0], rtol=1e-9
    )
    classes = np.array([late[name][0, 0] for name in names])
    hazards = kill * np.linspace(sensitivity, 1, 10)
    rate = 10 / span
    assert rate * late["blood_precursors_late"][0, 0] == pytest.approx(
        rate * classes[-1] + (hazards * classes).sum(), rel=1e-6
    )
    made = late["blood_precursors_late"][0, 0]
    np.testing.assert_allclose(classes, made * np.cumprod(rate / (rate + hazards)), rtol=1e-6)
    assert made == pytest.approx(late["blood_platelet_demand"][0, 0], rel=1e-6)


def test_feedback_has_the_steepness_of_its_source_at_the_baseline_and_its_ceiling_far_below(kernel: Kernel) -> None:
    """Perez-Ruixo 2016 near the baseline; Wang 2010 far below; between them the 2.3-fold turnover of Blood 2000."""
    top, steepness = value("blood_production_max"), value("blood_platelet_feedback")

    def demand(share: float) -> float:
        start = {name: np.array([share if "platelets_" in name else 1.0]) for name in person().states}
        return float(kernel.solve(times=[0.0, 1e-6], initial=start)["blood_platelet_demand"][0, 0])

    slope = np.log(demand(1.001) / demand(0.999)) / np.log(1.001 / 0.999)
    assert slope == pytest.approx(-steepness, rel=1e-4)
    assert demand(1e-9) == pytest.approx(top, rel=1e-3)
    assert 0.2 < np.interp(-101 / 43.9, *zip(*[(-demand(x), x) for x in np.linspace(0.1, 1, 91)], strict=True)) < 0.3


def test_young_platelets_outlive_old_ones_under_the_drug() -> None:
    names = [f"blood_platelets_{number}" for number in range(1, 11)]
    found = compile_model(person(), outputs=names).solve({"steady_kill": 1.0}, times=[1.0])
    assert (np.diff([found[name][0, 0] for name in names]) < 0).all()


def test_neutrophils_answer_a_steady_kill_as_friberg_says(kernel: Kernel) -> None:
    """The pool renews itself, so a steady kill k lowers the count to (1 + k / rate)^(-1 / feedback) of its own."""
    kill = np.array([0.02, 0.05, 0.1])
    found = kernel.solve({"neutrophil_precursor_kill": kill}, times=[0.0, 4000.0], rtol=1e-8)["neutrophils"][:, -1]
    rate = 4 / value("blood_neutrophil_transit_time")
    exact = value("neutrophils_baseline") * (1 + kill / rate) ** (-1 / value("blood_neutrophil_feedback"))
    np.testing.assert_allclose(found, exact, rtol=1e-3)


def test_lymphocytes_fall_and_come_back_at_their_own_pace(kernel: Kernel) -> None:
    kill, turnover, days = 0.001, value("blood_lymphocyte_turnover"), np.array([10.0, 365.0])
    found = kernel.solve({"lymphocyte_kill": kill}, times=days, rtol=1e-9)
    both = kill + turnover
    exact = turnover / both + kill / both * np.exp(-both * days)
    np.testing.assert_allclose(found["lymphocytes"][0], value("lymphocytes_baseline") * exact, rtol=1e-6)
    np.testing.assert_allclose(found["immune_capacity"][0], exact ** value("blood_immune_exponent"), rtol=1e-6)


def test_on_fourteen_days_of_doses_the_nadir_comes_on_day_three_to_five_and_recovers_on_drug() -> None:
    """The time of nadir that CLL 14/21 prints; what the drug does is set here by its half-life and its fall alone."""
    kernel = compile_model(
        person(), outputs=["platelets"],
        reduce=[Minimum("platelets", stop=14.0, name="low"), TimeOfMinimum("platelets", stop=14.0, name="when")],
    )  # fmt: skip
    doses = Schedule.shared([Entry(float(day), "bolus", "drug", 1.0) for day in range(14)])
    found = kernel.solve({"potency": np.array([1.0, 1.5])}, schedule=doses, times=[0.0, 14.0, 60.0])
    low, when = found["low"], found["when"]
    fall = 1 - low / value("platelets_baseline")
    assert ((fall > 0.7) & (fall < 0.85)).all()
    assert ((when >= 3) & (when <= 5)).all()
    assert (found["platelets"][:, 1] > 1.3 * low).all()  # before the fourteenth day is over
    np.testing.assert_allclose(found["platelets"][:, 2], value("platelets_baseline"), rtol=0.1)


def test_killing_precursors_shows_late_and_not_at_once(kernel: Kernel) -> None:
    """A block of the marrow empties blood at the pace of the lifespan: no sudden fall, and a nadir after a week."""
    found = kernel.solve({"precursor_kill": 1.0}, times=[0.0, 1.0, 10.0])["platelets"][0]
    assert 1 - found[1] / found[0] < 0.15
    assert 1 - found[2] / found[0] > 0.5
