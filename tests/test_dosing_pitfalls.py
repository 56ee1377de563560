"""Where solvers of dosing models go wrong: each case against a closed form, on both engines.

One-compartment oral drug (`oral` in conftest): all solutions are sums of Bateman's function (Bateman 1910, Proc Camb
Phil Soc 15:423), exponentials and infusions.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with, model_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from senospine.engine import Entry, Schedule
from senospine.errors import ScheduleError

KA, KE, F = 1.5, 0.4, 0.8
TIGHT = {"rtol": 1e-10}
CLOSE = {"rtol": 1e-7, "atol": 1e-8}


def exact(entries, times):
    """Plasma at ``times``; an entry at an output comes after it."""
    total = np.zeros(len(times))
    for entry in entries:
        t = np.asarray(times) - entry.time
        t = np.where(t > 0, t, 0.0)
        if entry.kind == "infusion":
            during, after = np.minimum(t, entry.duration), np.maximum(t - entry.duration, 0.0)
            rate = entry.amount / entry.duration
            total += rate / KE * (1 - np.exp(-KE * during)) * np.exp(-KE * after)
        elif entry.target == "gut":
            total += F * entry.amount * KA / (KA - KE) * (np.exp(-KE * t) - np.exp(-KA * t))
        else:
            total += entry.amount * np.exp(-KE * t) * (t > 0)
    return total


quarters = st.integers(0, 40).map(lambda number: number / 4)  # so that moments are shared
amounts = st.one_of(st.just(0.0), st.floats(0.1, 50.0))
boluses = st.builds(Entry, quarters, st.just("bolus"), st.sampled_from(["gut", "plasma"]), amounts)
infusions = st.builds(Entry, quarters, st.just("infusion"), st.just("plasma"), amounts, st.floats(0.25, 9.0))
plans = st.lists(st.one_of(boluses, infusions), max_size=12)
calm = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


@calm
@given(plans, st.lists(quarters, min_size=1, max_size=8, unique=True).map(sorted))
def test_any_plan_is_the_sum_of_its_entries(oral, plan, times):
    """In any order, at the start, at outputs and at one another; overlapping, of nothing, after the last output."""
    found = oral.solve(times=times, schedule=Schedule.shared(plan), **TIGHT)
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found["plasma"][0], exact(plan, times), **CLOSE)


@calm
@given(plans, st.floats(0.01, 100.0))
def test_twice_the_dose_is_twice_the_state(oral, plan, factor):
    times = np.linspace(0.0, 12.0, 13)
    more = [Entry(item.time, item.kind, item.target, factor * item.amount, item.duration) for item in plan]
    one, other = (oral.solve(times=times, schedule=Schedule.shared(item), **TIGHT)["plasma"] for item in (plan, more))
    np.testing.assert_allclose(other, factor * one, rtol=1e-6, atol=1e-7 * max(factor, 1.0))


@calm
@given(plans, st.randoms(use_true_random=False))
def test_the_order_of_writing_changes_no_bit_where_moments_differ(oral, plan, random):
    plan = list({item.time: item for item in plan}.values())
    other = random.sample(plan, len(plan))
    times = np.linspace(0.0, 12.0, 5)
    one, two = (oral.solve(times=times, schedule=Schedule.shared(item))["plasma"] for item in (plan, other))
    assert one.tobytes() == two.tobytes()


@calm
@given(plans)
def test_a_refined_grid_changes_no_bit_at_and_around_doses(oral, plan):
    fine = np.arange(0, 481) / 40  # every entry's moment is an output too
    full, part = (oral.solve(times=times, schedule=Schedule.shared(plan)) for times in (fine, fine[7::33]))
    assert full["plasma"][:, 7::33].tobytes() == part["plasma"].tobytes()


def test_a_thousand_doses_and_more_than_a_thousand_outputs(oral):
    plan = [Entry(0.5 * i, "bolus", "gut", 1.0 + i % 7) for i in range(1000)]
    times = np.linspace(0.0, 520.0, 1501)
    found = oral.solve(times=times, schedule=Schedule.shared(plan[::-1]), rtol=1e-9)
    np.testing.assert_allclose(found["plasma"][0], exact(plan, times), rtol=1e-5, atol=1e-6)


def test_outputs_before_any_dose_and_subjects_without_one(oral):
    plans = [[Entry(5.0, "bolus", "plasma", 9.0)], [], [Entry(0.0, "infusion", "plasma", 9.0, 3.0)]]
    times = [0.0, 1.0, 4.999, 5.0, 6.0]
    found = oral.solve(times=times, schedule=Schedule.each(plans), **TIGHT)
    assert (found["plasma"][0, :4] == 0.0).all()
    assert (found["plasma"][1] == 0.0).all()
    for row, plan in zip(found["plasma"], plans, strict=True):
        np.testing.assert_allclose(row, exact(plan, times), **CLOSE)


def test_a_subject_is_recorded_at_the_end_only(oral):
    plan = [
        Entry(0.0, "bolus", "gut", 5.0),
        Entry(2.0, "infusion", "plasma", 4.0, 1.5),
        Entry(8.0, "bolus", "gut", 7.0),
    ]
    found = oral.solve(times=[8.0], schedule=Schedule.shared(plan), **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], exact(plan, [8.0]), **CLOSE)  # the last dose comes after it


def test_an_infusion_after_a_bolus_into_the_same_state(oral):
    plan = [
        Entry(1.0, "bolus", "plasma", 20.0), Entry(1.0, "infusion", "plasma", 6.0, 2.0),
        Entry(2.0, "infusion", "plasma", 6.0, 2.0), Entry(3.0, "infusion", "plasma", 5.0, 1.0),
        Entry(3.0, "bolus", "plasma", 2.0),
    ]  # fmt: skip
    times = np.linspace(0.0, 9.0, 37)
    found = oral.solve(times=times, schedule=Schedule.shared(plan), **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], exact(plan, times), **CLOSE)


def test_nothing_drips_after_overlapping_infusions(engine, tmp_path):
    """0.1 + 0.2 - 0.1 - 0.2 is 2.8e-17, which in 1e15 would be 0.028."""
    kernel = compile_with(engine, model_of(tmp_path, "x' = 0; x = 0;"))
    plan = [Entry(0.0, "infusion", "x", 0.1, 1.0), Entry(0.5, "infusion", "x", 0.2, 1.0)]
    found = kernel.solve(times=[2.0, 1e15], schedule=Schedule.shared(plan))
    np.testing.assert_allclose(found["x"][0], [0.3, 0.3], rtol=1e-9)


def test_a_switch_at_the_moment_of_a_dose_holds_for_the_dose(oral):
    plan = [
        Entry(2.0, "bolus", "plasma", 5.0),
        Entry(2.0, "switch", "ke", 1.1),
        Entry(2.0, "infusion", "plasma", 4.0, 1.0),
    ]
    found = oral.solve(times=[2.0, 2.5, 4.0], schedule=Schedule.shared(plan), **TIGHT)
    kept = [5.0 * np.exp(-1.1 * t) + 4.0 / 1.1 * (1 - np.exp(-1.1 * min(t, 1.0))) * np.exp(-1.1 * max(t - 1.0, 0.0))
            for t in (0.5, 2.0)]  # fmt: skip
    np.testing.assert_allclose(found["plasma"][0], [0.0, *kept], **CLOSE)


def test_a_dose_at_the_start_and_one_at_the_last_output(oral):
    plan = [Entry(-1.0, "bolus", "plasma", 5.0), Entry(4.0, "bolus", "plasma", 7.0)]
    found = oral.solve(times=[-1.0, 0.0, 4.0], start=-1.0, schedule=Schedule.shared(plan), **TIGHT)
    np.testing.assert_allclose(found["plasma"][0], [0.0, 5 * np.exp(-KE), 5 * np.exp(-5 * KE)], **CLOSE)


def test_doses_missed_are_doses_never_given_in_any_block(oral):
    rng = np.random.default_rng(3)
    plan = Schedule.from_columns(time=np.arange(10.0), kind="bolus", target="gut", amount=rng.uniform(1, 9, (7, 10)))
    missed = plan.missed(0.3, seed=5)
    times = np.linspace(0.0, 12.0, 25)
    whole = oral.solve(times=times, schedule=missed)["plasma"]
    assert sum(len(missed.of(i)) for i in range(7)) < 70
    fewer = oral.solve(times=times, schedule=Schedule.each([missed.of(i) for i in range(7)]))["plasma"]
    assert fewer.tobytes() == whole.tobytes()
    for rows in (slice(0, 3), slice(3, 7)):
        block = plan.only(rows).missed(0.3, seed=5, first=rows.start)
        assert oral.solve(times=times, schedule=block)["plasma"].tobytes() == whole[rows].tobytes()
    for i in range(7):
        np.testing.assert_allclose(whole[i], exact(missed.of(i), times), rtol=1e-3, atol=1e-4)


def test_subjects_that_differ_in_amounts_only_are_the_same_bytes_as_with_entries_of_their_own(oral):
    amount = np.random.default_rng(4).uniform(0.0, 9.0, (5, 1)) * np.array([1.0, 0.0, 2.0])
    kind, duration = ["bolus", "infusion", "infusion"], [0.0, 1.0, 4.0]
    plan = Schedule.from_columns(time=[3.0, 0.0, 1.0], kind=kind, target="plasma", amount=amount, duration=duration)
    each = Schedule.each([plan.of(i) for i in range(5)])
    one, two = (oral.solve(times=[1.0, 2.0, 8.0], schedule=item)["plasma"] for item in (plan, each))
    assert one.tobytes() == two.tobytes()
    back = oral.solve(times=[1.0, 2.0, 8.0], schedule=plan.only([3, 1, 3]))["plasma"]
    assert back.tobytes() == one[[3, 1, 3]].tobytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": np.nan}, "subject 1, entry 1: amount nan of the infusion into 'plasma' at time 2"),
        ({"amount": np.inf}, "subject 1, entry 1: amount inf"),
        ({"time": np.nan}, "subject 1, entry 1: time nan"),
        ({"duration": -1.0}, "subject 1, entry 1: the infusion into 'plasma' at time 2 has duration -1"),
        ({"duration": 0.0}, "subject 1, entry 1: .*has duration 0"),
        ({"duration": 1e-320}, "subject 1, entry 1: .*too short"),
        ({"time": -1.0}, "subject 1, entry 1: an entry at -1 lies before the start at 0"),
        ({"target": "plasme"}, r"(?s)subject 1, entry 1: .*no state 'plasme' \(infusion at time 2\).*'plasma'"),
    ],
)
def test_what_cannot_be_given_is_refused_by_subject_entry_and_time(oral, change, words):
    sound = {"time": 2.0, "kind": "infusion", "target": "plasma", "amount": 5.0, "duration": 1.0}
    rows = [sound, sound, {**sound, **change}, sound]
    columns = {field: [row[field] for row in rows] for field in sound}
    with pytest.raises(ScheduleError, match=words):
        oral.solve(times=[9.0], schedule=Schedule.from_columns(subject=[0, 1, 1, 2], **columns))
