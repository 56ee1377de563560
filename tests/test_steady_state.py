"""Steady state against exact formulas (linear models, by superposition) and brute force; typed failures."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with, model_of
from scipy.linalg import expm

from senospine.engine import End, Entry, Schedule, compile_model, steady_state
from senospine.engine.period import Settling
from senospine.errors import ModelError, ScheduleError

TAU = 6.0
KE, K12, K21 = 0.25, 0.3, 0.1
TWO = np.array([[-(KE + K12), K21], [K12, -K21]])  # central, peripheral
SATURABLE = "c' = -vm * c / (km + c); c = 0; vm = 1; km = 0.5;"


@pytest.fixture(scope="module")
def two(engine, tmp_path_factory):
    body = f"""c' = -(ke + k12) * c + k21 * p; p' = k12 * c - k21 * p; total := c + p;
    ke = {KE}; k12 = {K12}; k21 = {K21}; c = 0; p = 0;"""
    return compile_with(engine, model_of(tmp_path_factory.mktemp("two"), body), outputs=["total"])


@pytest.fixture(scope="module")
def saturable(engine, tmp_path_factory):
    return compile_with(engine, model_of(tmp_path_factory.mktemp("saturable"), SATURABLE))


def doses(*rows):
    return Schedule.shared([Entry(*row) for row in rows])


def past(matrix, entry, size):
    """States at the start of an interval, from this entry of all intervals before it: a sum over the past."""
    first, found = np.eye(size)[0], np.zeros(size)
    for age in TAU * np.arange(1, 150) - entry.time:
        if entry.kind == "bolus":
            found += expm(matrix * age) @ first * entry.amount
        else:
            begun = min(age, entry.duration)
            given = np.linalg.solve(matrix, (expm(matrix * begun) - np.eye(size)) @ first)
            found += expm(matrix * (age - begun)) @ given * entry.amount / entry.duration
    return found


PLANS = {
    "bolus": (Entry(0.0, "bolus", "c", 10.0),),
    "bolus later": (Entry(2.5, "bolus", "c", 10.0),),
    "short infusion": (Entry(0.0, "infusion", "c", 10.0, 2.0),),
    "infusion over the end": (Entry(5.0, "infusion", "c", 10.0, 2.0),),
    "infusion as long as the interval": (Entry(1.0, "infusion", "c", 10.0, TAU),),
    "infusion longer than the interval": (Entry(1.0, "infusion", "c", 10.0, 15.0),),
    "infusion of whole intervals": (Entry(0.0, "infusion", "c", 10.0, 3 * TAU),),
    "all": (
        Entry(1.0, "infusion", "c", 10.0, 15.0), Entry(1.0, "bolus", "c", 3.0), Entry(0.0, "infusion", "c", 2.0, 0.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_two_compartments_are_the_sum_of_their_past_and_go_on_so(two, plan):
    found = steady_state(two, Schedule.shared(plan), TAU)
    expected = sum(past(TWO, entry, 2) for entry in plan)
    assert found.status.tolist() == [Settling.OK]
    np.testing.assert_allclose([found["c"][0], found["p"][0]], expected, rtol=1e-6)
    assert found.intervals[0] <= 4
    assert found.slowest[0] == pytest.approx(np.exp(TAU * np.linalg.eigvals(TWO).max()), rel=1e-4)
    later = two.solve(schedule=found.continued(4), times=TAU * np.arange(5), initial=found.initial, rtol=1e-9)
    np.testing.assert_allclose(later["total"][0], expected.sum(), rtol=1e-6)


@pytest.mark.parametrize("interval", [0.1, 1.0, 50.0])
def test_a_constant_infusion_reaches_what_balances_its_rate(two, interval):
    found = steady_state(two, doses((0.0, "infusion", "c", 3.0 * interval, interval)), interval)
    balance = np.linalg.solve(TWO, [-3.0, 0.0])
    np.testing.assert_allclose([found["c"][0], found["p"][0]], balance, rtol=1e-5)


def test_slow_elimination_is_not_mistaken_for_rest(two):
    """With ke = 1e-4 the interval changes 0.06 % near the end, and it takes 4,000 intervals to be within 10 %."""
    slow = TWO.copy()
    slow[0, 0] = -(1e-4 + K12)
    inside = expm(slow * TAU)
    expected = np.linalg.solve(np.eye(2) - inside, inside @ [10.0, 0.0])
    found = steady_state(two, doses((0.0, "bolus", "c", 10.0)), TAU, {"ke": 1e-4})
    np.testing.assert_allclose([found["c"][0], found["p"][0]], expected, rtol=2e-6)
    assert found.intervals[0] < 10


def test_each_subject_has_its_own_parameters_and_doses(two):
    ke, amount = np.array([0.2, 0.5, 0.9]), np.array([[1.0], [4.0], [2.0]])
    cycle = Schedule.from_columns(time=[0.0], kind="bolus", target="c", amount=amount)
    whole = steady_state(two, cycle, TAU, {"ke": ke}, initial={"p": [0.0, 1.0, 2.0]})
    for i in range(3):
        matrix = TWO - np.diag([ke[i] - KE, 0.0])
        expected = past(matrix, Entry(0.0, "bolus", "c", amount[i, 0]), 2)
        np.testing.assert_allclose([whole["c"][i], whole["p"][i]], expected, rtol=1e-6)
    rows = [2, 0]
    part = steady_state(two, cycle.only(rows), TAU, {"ke": ke[rows]}, initial={"p": [2.0, 0.0]}, threads=1)
    for name in ("c", "p"):
        assert part[name].tobytes() == whole[name][rows].tobytes()


def test_saturable_elimination_obeys_its_implicit_equation_and_brute_force(saturable):
    """Between doses km ln(c0/c) + c0 - c = vm tau (Michaelis and Menten, integrated)."""
    vm, dose = np.array([1.0, 0.6, 0.51, 0.501]), 3.0
    cycle = doses((0.0, "bolus", "c", dose))
    found = steady_state(saturable, cycle, TAU, {"vm": vm})
    assert (found.status == Settling.OK).all()
    low = found["c"]
    np.testing.assert_allclose(0.5 * np.log((low + dose) / low) + dose, vm * TAU, rtol=1e-5)
    assert found.intervals.max() < 60  # the slowest needs 95,000 intervals to come within 10 %
    brute = saturable.solve({"vm": vm[:2]}, cycle.repeated(TAU, 120), [120 * TAU], rtol=1e-9)
    np.testing.assert_allclose(brute["c"][:, 0], low[:2], rtol=1e-5)


def test_input_above_capacity_accumulates_and_says_so(saturable):
    found = steady_state(saturable, doses((0.0, "bolus", "c", 3.0)), TAU, {"vm": [0.5, 1.0, 0.4]})
    assert found.status.tolist() == [Settling.ACCUMULATES, Settling.OK, Settling.ACCUMULATES]
    assert np.isnan(found["c"]).tolist() == [True, False, True]
    assert [failure.subject for failure in found.failures] == [0, 2]
    assert "subject 0: a state goes on growing" in str(found.failures[0])
    assert "'c' first" in str(found.failures[0])


def test_states_that_never_settle_can_stay_out(engine, tmp_path):
    body = "c' = -k * c; exposure' = c; damage' = 0.1 * damage; c = 0; exposure = 0; damage = 1; k = 0.3;"
    kernel = compile_with(engine, model_of(tmp_path, body))
    cycle = doses((0.0, "bolus", "c", 10.0))
    drifting = steady_state(kernel, cycle, TAU, states=["c", "exposure"])
    assert drifting.failures[0].status is Settling.ACCUMULATES
    assert drifting.failures[0].state == "exposure"
    found = steady_state(kernel, cycle, TAU, states=["c"])
    assert list(found.initial) == ["c"]
    left = np.exp(-0.3 * TAU)
    assert found["c"][0] == pytest.approx(10.0 * left / (1 - left), rel=1e-6)


def test_a_conserved_sum_keeps_its_initial_value(engine, tmp_path):
    """Target-mediated disposition: free and bound receptor change into each other only."""
    body = """l' = -on * l * r + off * lr - ke * l; r' = -on * l * r + off * lr; lr' = on * l * r - off * lr;
    on = 0.4; off = 0.1; ke = 0.5; l = 0; r = 3; lr = 0;"""
    kernel = compile_with(engine, model_of(tmp_path, body))
    cycle = doses((0.0, "bolus", "l", 5.0))
    found = steady_state(kernel, cycle, TAU, initial={"r": [3.0, 7.0]})
    assert (found.status == Settling.OK).all()
    np.testing.assert_allclose(found["r"] + found["lr"], [3.0, 7.0], rtol=1e-6)
    brute = kernel.solve(schedule=cycle.repeated(TAU, 150), times=[150 * TAU], initial={"r": [3.0, 7.0]}, rtol=1e-9)
    for name in ("l", "r", "lr"):
        np.testing.assert_allclose(found[name], brute[name][:, 0], rtol=2e-5)


def test_a_rest_that_does_not_attract_is_named(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "x' = x * (x - 1); x = 0.99;"))
    found = steady_state(kernel, Schedule.shared([]), 1.0, initial={"x": [0.99, 0.2]})
    assert found.status.tolist() == [Settling.UNSTABLE, Settling.OK]
    assert found["x"][1] == pytest.approx(0.0, abs=1e-6)


def test_an_interval_that_cannot_be_solved_is_named(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "x' = x * x; x = 1;"))
    found = steady_state(kernel, Schedule.shared([]), 2.0)
    assert found.status.tolist() == [Settling.NOT_SOLVED]
    assert "an interval could not be solved, 'x' first (" in str(found.failures[0])


def test_too_few_rounds_are_no_steady_state(saturable):
    found = steady_state(saturable, doses((0.0, "bolus", "c", 3.0)), TAU, {"vm": 0.51}, max_rounds=2)
    assert found.status.tolist() == [Settling.NOT_CONVERGED]
    assert np.isnan(found["c"][0])


def test_the_whole_mouse_settles_under_the_drug(mouse_kernel):
    """Against 8,000 days of brute force; the slowest state, ossified bone, keeps 99.8 % of a disturbance a day."""
    cycle = doses((0.0, "bolus", "navitoclax_gut", 50.0))
    young = {"senescence_critical_age": 1e30, "endplate_formation_decline": 0.0, "instability_load": 1.0}  # no ageing
    found = steady_state(mouse_kernel, cycle, 1.0, young)
    assert found.status.tolist() == [Settling.OK]
    brute = mouse_kernel.solve(young, cycle.repeated(1.0, 8000), [8000.0], rtol=1e-7, max_steps=10**7)
    for name in mouse_kernel.model.states:
        np.testing.assert_allclose(found[name], brute[name][:, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"states": ["q"]}, ModelError, "no state 'q'"),
        ({"states": ["c", "c"]}, ModelError, "asked for twice"),
        ({"states": []}, ModelError, "no states to settle"),
        ({"interval": 0.0}, ScheduleError, "interval 0 is not"),
        ({"interval": np.nan}, ScheduleError, "interval nan is not"),
        ({"tolerance": 0.0}, ModelError, "rtol"),
        ({"cycle": doses((0.0, "switch", "ke", 1.0))}, ScheduleError, "the cycle switches 'ke'"),
        ({"cycle": doses((6.0, "bolus", "c", 1.0))}, ScheduleError, "at 6 lies outside the interval from 0 to 6"),
        ({"cycle": doses((1.0, "bolus", "c", 1.0)), "start": 2.0}, ScheduleError, "outside the interval from 2 to 8"),
        ({"cycle": doses((np.nan, "bolus", "c", 1.0))}, ScheduleError, "time nan"),
        ({"cycle": doses((0.0, "infusion", "c", 1.0, np.inf))}, ScheduleError, "duration inf"),
        ({"cycle": doses((0.0, "bolus", "q", 1.0))}, ScheduleError, "no state 'q'"),
        ({"parameters": {"kf": 1.0}}, ModelError, "no parameter 'kf'"),
    ],
)
def test_what_has_no_steady_state_by_its_wording_is_refused(two, given, error, words):
    with pytest.raises(error, match=words):
        steady_state(two, **{"cycle": doses((0.0, "bolus", "c", 1.0)), "interval": TAU, **given})


def test_a_kernel_that_reduces_and_was_used_finds_the_same(tmp_path, engine):
    model = model_of(tmp_path, "gut' = -ka*gut; plasma' = ka*gut - ke*plasma; gut = 0; plasma = 0; ka = 2; ke = 0.3;")
    kernel = compile_model(model, ["plasma"], reduce=[End("gut")], engine=engine)
    dose = Schedule.shared([Entry(0.0, "bolus", "gut", 1.0)])
    before = kernel.solve(schedule=dose, times=[1.0])
    found = steady_state(kernel, dose, 1.0)
    assert found["gut"][0] == pytest.approx(np.exp(-2.0) / (1 - np.exp(-2.0)), rel=1e-6)
    assert found["plasma"][0] == steady_state(compile_model(model, engine=engine), dose, 1.0)["plasma"][0]
    after = kernel.solve(schedule=dose, times=[1.0])
    assert (before["plasma"][0, 0], before["gut at the end"][0]) == (after["plasma"][0, 0], after["gut at the end"][0])
