"""The kernel against closed forms: Bateman's function (Bateman 1910, Proc Camb Phil Soc 15:423), infusion, switch."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with, model_of

from senospine.engine import Entry, Schedule

KA, KE, F = 1.5, 0.4, 0.8
TIMES = np.linspace(0.0, 12.0, 49)
TIGHT = {"rtol": 1e-10}
CLOSE = {"rtol": 1e-8, "atol": 1e-9}


def bateman(t, dose, ka=KA, ke=KE):
    """Amount in plasma a time ``t`` after ``dose`` into the gut; nothing before or at the dose."""
    t = np.maximum(t, 0.0)
    return F * dose * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))


def infused(t, amount, duration, k):
    """Amount left a time ``t`` after the start of an infusion, first-order loss ``k``."""
    during, after = np.clip(t, 0.0, duration), np.maximum(t - duration, 0.0)
    return amount / duration / k * (1 - np.exp(-k * during)) * np.exp(-k * after)


def doses(*rows):
    return Schedule.shared([Entry(*row) for row in rows])


def test_one_dose_follows_bateman(oral):
    found = oral.solve(times=TIMES, schedule=doses((0.0, "bolus", "gut", 50.0)), **TIGHT)
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found["plasma"][0], bateman(TIMES, 50.0), **CLOSE)
    np.testing.assert_allclose(found["gut"][0, 1:], 50.0 * np.exp(-KA * TIMES[1:]), **CLOSE)


def test_many_doses_add_up(oral):
    rows = [(0.0, 50.0), (1.0, 50.0), (1.7, 20.0), (6.25, 80.0)]
    found = oral.solve(times=TIMES, schedule=doses(*[(t, "bolus", "gut", a) for t, a in rows]), **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], sum(bateman(TIMES - t, a) for t, a in rows), **CLOSE)


def test_infusions_into_plasma_and_gut(oral):
    rows = [(0.5, "infusion", "plasma", 9.0, 3.0), (2.0, "infusion", "plasma", 4.0, 0.75)]  # they overlap
    found = oral.solve(times=TIMES, schedule=doses(*rows, (1.0, "infusion", "gut", 6.0, 2.0)), **TIGHT)
    np.testing.assert_allclose(found["gut"][0], infused(TIMES - 1.0, 6.0, 2.0, KA), **CLOSE)
    only = oral.solve(times=TIMES, schedule=doses(*rows), **TIGHT)
    expected = infused(TIMES - 0.5, 9.0, 3.0, KE) + infused(TIMES - 2.0, 4.0, 0.75, KE)
    np.testing.assert_allclose(only["plasma"][0], expected, **CLOSE)


def test_an_infusion_may_outlast_the_outputs(oral):
    found = oral.solve(times=[1.0, 2.0], schedule=doses((0.0, "infusion", "plasma", 10.0, 5.0)), **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], infused(np.array([1.0, 2.0]), 10.0, 5.0, KE), **CLOSE)


def test_infusion_after_bolus_at_the_same_moment(oral):
    rows = [(1.0, "infusion", "plasma", 9.0, 2.0), (1.0, "bolus", "plasma", 5.0)]
    found = oral.solve(times=TIMES, schedule=doses(*rows), **TIGHT)
    later = TIMES > 1.0
    expected = infused(TIMES - 1.0, 9.0, 2.0, KE) + 5.0 * np.exp(-KE * (TIMES - 1.0)) * later
    np.testing.assert_allclose(found["plasma"][0], expected, **CLOSE)


def test_back_to_back_infusions_are_one(oral):
    """Some end in the last bit after, or before, the next starts."""
    parts = doses(*[(0.1 * i, "infusion", "plasma", 1.0, 0.1) for i in range(10)])
    found = oral.solve(times=TIMES, schedule=parts, **TIGHT)
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found["plasma"][0], infused(TIMES, 10.0, 1.0, KE), **CLOSE)


def test_a_switch_changes_the_rate_from_its_moment_on(oral):
    rows = [(0.0, "bolus", "plasma", 10.0), (3.0, "switch", "ke", 1.1), (5.0, "switch", "ke", 0.0)]
    found = oral.solve(times=TIMES, schedule=doses(*rows), **TIGHT)
    spent = KE * np.minimum(TIMES, 3.0) + 1.1 * np.clip(TIMES - 3.0, 0.0, 2.0)
    np.testing.assert_allclose(found["plasma"][0, 1:], 10.0 * np.exp(-spent[1:]), **CLOSE)


def test_an_output_at_a_dose_is_the_value_before_it(oral):
    rows = [(0.0, "bolus", "plasma", 10.0), (2.0, "bolus", "plasma", 10.0), (2.0, "switch", "ke", 0.0)]
    found = oral.solve(times=[0.0, 2.0, np.nextafter(2.0, 3.0), 4.0], schedule=doses(*rows), **TIGHT)
    left = 10.0 * np.exp(-KE * 2.0)
    assert found["plasma"][0, 0] == 0.0
    np.testing.assert_allclose(found["plasma"][0, 1:], [left, left + 10.0, left + 10.0], **CLOSE)


def test_assigned_outputs_at_a_switch_are_those_before_it(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "twice := 2 * k; x' = k; x = 0; k = 1;"))
    found = kernel.solve(times=[0.0, 1.0, 2.0], schedule=doses((0.0, "switch", "k", 3.0), (1.0, "switch", "k", 5.0)))
    assert found["twice"][0].tolist() == [2.0, 6.0, 10.0]
    np.testing.assert_allclose(found["x"][0], [0.0, 3.0, 8.0], rtol=1e-12)


def test_outputs_at_the_start_are_the_initial_values(oral):
    found = oral.solve(times=[-3.0, 0.0], start=-3.0, initial={"gut": 7.0, "plasma": 2.0}, **TIGHT)
    assert (found["gut"][0, 0], found["plasma"][0, 0]) == (7.0, 2.0)
    assert found["gut"][0, 1] == pytest.approx(7.0 * np.exp(-KA * 3.0), rel=1e-8)
    only = oral.solve(times=[-3.0], start=-3.0, initial={"gut": 7.0}, schedule=doses((-3.0, "bolus", "gut", 1.0)))
    assert only["gut"].tolist() == [[7.0]]


@pytest.mark.parametrize(
    "late",
    [(12.0, "bolus", "gut", 5.0), (13.0, "bolus", "gut", 5.0), (12.0, "switch", "ke", 9.0), (1.0, "bolus", "gut", 0.0)],
)
def test_what_comes_too_late_or_is_nothing_changes_nothing(oral, late):
    base = oral.solve(times=TIMES, initial={"gut": 10.0}, **TIGHT)
    found = oral.solve(times=TIMES, initial={"gut": 10.0}, schedule=doses(late), **TIGHT)
    np.testing.assert_allclose(found["plasma"], base["plasma"], **CLOSE)


def test_an_infusion_of_nothing_is_no_break_point(oral):
    base = oral.solve(times=TIMES, initial={"gut": 10.0})
    found = oral.solve(times=TIMES, initial={"gut": 10.0}, schedule=doses((1.0, "infusion", "gut", 0.0, 2.0)))
    assert found["plasma"].tobytes() == base["plasma"].tobytes()


def test_a_subject_that_is_only_dosed_between_outputs(oral):
    found = oral.solve(times=[9.0], schedule=doses((2.0, "bolus", "gut", 50.0), (4.0, "bolus", "gut", 50.0)), **TIGHT)
    assert found["plasma"][0, 0] == pytest.approx(bateman(7.0, 50.0) + bateman(5.0, 50.0), rel=1e-8)


def test_each_subject_has_its_own_doses_times_values_and_start(oral):
    given = Schedule.each([[Entry(0.0, "bolus", "gut", 50.0)], [], [Entry(1.0, "bolus", "gut", 20.0)]])
    times = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, 1.0, 9.0]])
    ke = np.array([0.4, 0.2, 0.7])
    found = oral.solve({"ke": ke}, given, times, initial={"plasma": [0.0, 5.0, 0.0]}, **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], bateman(times[0], 50.0), **CLOSE)
    np.testing.assert_allclose(found["plasma"][1], 5.0 * np.exp(-0.2 * times[1]), **CLOSE)
    np.testing.assert_allclose(found["plasma"][2], bateman(times[2] - 1.0, 20.0, ke=0.7), **CLOSE)
    assert found.times.shape == found["gut"].shape == (3, 3)


def test_initial_formulas_read_parameters_states_time_and_assigned_variables(engine, tmp_path):
    kernel = compile_with(
        engine, model_of(tmp_path, "x' = 0; z' = 0; y' = 0; x = 2 * k; z = x + r; r := y + time; y = k; k = 1;")
    )
    found = kernel.solve({"k": [1.0, 4.0]}, times=[10.0], start=10.0)
    assert found["x"].ravel().tolist() == [2.0, 8.0]
    assert found["z"].ravel().tolist() == [13.0, 22.0]  # x + (y + time)
    other = kernel.solve({"k": 1.0}, times=[10.0], start=10.0, initial={"x": 100.0})
    assert other["z"].ravel().tolist() == [111.0]


def test_time_in_a_rate_is_the_models_time(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "x' = 2 * time; x = 0;"))
    found = kernel.solve(times=[5.0, 8.0], start=3.0, schedule=doses((6.0, "bolus", "x", 100.0)), **TIGHT)
    np.testing.assert_allclose(found["x"][0], [25.0 - 9.0, 64.0 - 9.0 + 100.0], rtol=1e-9)


def test_entries_a_rounding_error_apart_are_both_given(oral):
    """0.1 * 3 is the number after 0.3: LSODA calls so short a stretch illegal."""
    both = doses((0.3, "bolus", "plasma", 5.0), (0.1 * 3, "bolus", "plasma", 5.0))
    found = oral.solve(times=[0.3, 1.0], schedule=both, **TIGHT)
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found["plasma"][0], [0.0, 10.0 * np.exp(-KE * 0.7)], **CLOSE)


def test_a_stiff_problem_holds_its_tolerance(engine, tmp_path):
    """Robertson's kinetics at t = 40 (Hairer & Wanner, Solving ODEs II, IV.10): values from their test set."""
    body = "a' = -0.04*a + 1e4*b*c; b' = 0.04*a - 1e4*b*c - 3e7*b^2; c' = 3e7*b^2; a = 1; b = 0; c = 0;"
    found = compile_with(engine, model_of(tmp_path, body)).solve(times=[40.0], rtol=1e-9)
    assert found["a"][0, 0] == pytest.approx(0.7158270688, rel=1e-6)
    assert found["c"][0, 0] == pytest.approx(0.2841637457, rel=1e-6)
    assert found["a"][0, 0] + found["b"][0, 0] + found["c"][0, 0] == pytest.approx(1.0, abs=1e-8)
