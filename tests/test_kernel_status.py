"""A subject that fails costs only itself, and says when, where and why."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with, model_of

from senospine.engine import Entry, Failure, Schedule, Status

TIMES = np.linspace(0.0, 2.0, 41)


def _kernel(engine, tmp_path_factory, body):
    return compile_with(engine, model_of(tmp_path_factory.mktemp("status"), body))


@pytest.fixture(scope="module")
def square(engine, tmp_path_factory):
    """x' = a x^2 from 1 is 1 / (1 - a t), infinite at 1 / a; z only decays."""
    return _kernel(engine, tmp_path_factory, "z' = -z; z = 1; x' = a * x^2; x = 1; a = 1;")


@pytest.fixture(scope="module")
def logarithm(engine, tmp_path_factory):
    """x falls through zero at t = 1, where z' = ln(x) stops being a number."""
    return _kernel(engine, tmp_path_factory, "x' = -1; x = 1; z' = ln(x); z = 0;")


@pytest.mark.parametrize("times", [TIMES, [2.0], [0.5, 2.0], [0.5, 0.9, 2.0, 3.0, 4.0]], ids=len)
def test_a_blow_up_is_timed_and_named_on_any_grid(square, times):
    found = square.solve(times=times)
    (failure,) = found.failures
    assert failure.status in {Status.NOT_FINITE, Status.STEP_TOO_SMALL}  # its numbers, or its steps, come to an end
    assert failure.time == pytest.approx(1.0, abs=1e-3)
    assert (failure.subject, failure.state) == (0, "x")
    assert found.status.tolist() == [failure.status]
    before = np.asarray(times) < min(failure.time, 0.99)
    np.testing.assert_allclose(found["x"][0, before], 1 / (1 - np.asarray(times)[before]), rtol=1e-3)
    assert np.isnan(found["x"][0, np.asarray(times) >= failure.time]).all()
    assert np.isnan(found["z"][0, np.asarray(times) >= failure.time]).all()


def test_neighbours_of_a_failure_keep_their_bytes(square):
    a = np.array([0.1, 1.0, 0.2, 4.0, 0.3])
    found = square.solve({"a": a}, times=TIMES)
    assert [failure.subject for failure in found.failures] == [1, 3]
    assert found.failures[1].time == pytest.approx(0.25, abs=1e-3)
    assert (found.status != Status.OK).tolist() == [False, True, False, True, False]
    alone = square.solve({"a": a[::2]}, times=TIMES)
    assert alone.failures == ()
    for name in square.outputs:
        assert found[name][::2].tobytes() == alone[name].tobytes()


@pytest.mark.parametrize("start", [0.0, 700.0, -20.0])
def test_a_logarithm_of_a_negative_number_is_timed_and_named(logarithm, start):
    found = logarithm.solve(times=TIMES + start, start=start)
    (failure,) = found.failures
    assert failure.status is Status.NOT_FINITE
    assert failure.state == "z"
    assert failure.time == pytest.approx(start + 1.0, abs=0.01)
    before = TIMES + start < failure.time
    x = 1 - TIMES[before]
    np.testing.assert_allclose(found["z"][0, before], x - 1 - x * np.log(np.maximum(x, 1e-300)), atol=1e-4)
    assert np.isfinite(found["z"][0, before]).all()
    assert np.isnan(found["x"][0, ~before]).all()


def test_a_rate_that_is_nan_from_the_first_moment_fails_at_the_start(logarithm):
    found = logarithm.solve(times=TIMES + 5.0, start=5.0, initial={"x": [1.5, -1.0]})
    assert found.failures[-1] == Failure(1, Status.NOT_FINITE, 5.0, "z")
    assert np.isnan(found["z"][1]).all()
    assert np.isfinite(found["z"][0, TIMES < 1.4]).all()


def test_a_rate_that_a_dose_breaks_fails_at_the_dose(logarithm):
    plan = Schedule.shared([Entry(0.5, "bolus", "x", -3.0)])
    found = logarithm.solve(times=[0.25, 0.5, 0.75], schedule=plan)
    assert found.failures == (Failure(0, Status.NOT_FINITE, 0.5, "z"),)
    assert np.isfinite(found["z"][0, 0])
    assert np.isnan(found["z"][0, 1:]).all()


def test_not_a_number_is_not_swallowed_by_max(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "x' = max(0, ln(x)) - 1; x = 1;"))
    (failure,) = kernel.solve(times=TIMES).failures
    assert failure.status is Status.NOT_FINITE
    assert failure.time == pytest.approx(1.0, abs=0.01)


def test_a_step_into_the_undefined_is_retried_with_smaller_ones(engine, tmp_path):
    """x' = -sqrt(x) from 1 is (1 - t/2)^2: a long step overshoots into negative x, the solution does not until 2."""
    kernel = compile_with(engine, model_of(tmp_path, "x' = -sqrt(x); x = 1;"))
    times = np.linspace(0.0, 1.9, 20)
    found = kernel.solve(times=times, rtol=1e-4)
    assert found.failures == ()
    np.testing.assert_allclose(found["x"][0], (1 - times / 2) ** 2, atol=1e-3)
    (failure,) = kernel.solve(times=[1.0, 4.0]).failures
    assert failure.time == pytest.approx(2.0, abs=0.01)


@pytest.fixture(scope="module")
def wave(engine, tmp_path_factory):
    return _kernel(engine, tmp_path_factory, "z' = -z; z = 1; x' = w * cos(w * time); x = 0; w = 1;")


def test_the_step_limit_holds_whatever_the_grid(wave):
    """LSODA counts anew at every output; a finer grid must not buy more steps."""
    found = [wave.solve({"w": 300.0}, times=times, max_steps=200) for times in ([2.0], TIMES, np.linspace(0, 2, 4001))]
    for solution in found:
        (failure,) = solution.failures
        assert failure.status is Status.STEP_LIMIT
        assert failure.state == "x"
        assert 0.0 < failure.time < 1.0
        before = np.broadcast_to(solution.times < failure.time, solution["x"].shape)
        assert np.isfinite(solution["x"][before]).all()
        assert np.isnan(solution["x"][~before]).all()
    assert found[2].failures[0].time == pytest.approx(found[0].failures[0].time, abs=0.01)
    assert wave.solve({"w": 300.0}, times=TIMES).failures == ()


@pytest.mark.parametrize("start", [0.0, -10.0, 700.0])
def test_a_tolerance_beyond_double_precision_is_said(wave, start):
    found = wave.solve(times=TIMES + start, start=start, rtol=1e-17)
    (failure,) = found.failures
    assert (failure.status, failure.time) == (Status.TOLERANCE_TOO_TIGHT, start)
    assert np.isnan(found["x"]).all()


def test_failures_are_sentences():
    words = str(Failure(3, Status.STEP_LIMIT, 12.5, "x"))
    assert words.startswith("subject 3: the solver took more steps than it may at time 12.5 (x); ")
    for status in Status:
        assert str(status)
        assert bool(status.advice) is (status is not Status.OK)
    assert Status.OK == 0


def test_a_failure_is_the_same_twice(square, logarithm):
    """What LSODA leaves unwritten after a failure must not leak into the report."""
    for kernel, times in ((square, TIMES), (logarithm, TIMES), (square, [0.5, 2.0, 3.0])):
        first = kernel.solve(times=times)
        for _ in range(5):
            junk = [np.full((len(times), 2), value) for value in (np.nan, np.inf, 1e9) for _ in range(20)]
            del junk
            again = kernel.solve(times=times)
            assert again.failures == first.failures
            assert again["x"].tobytes() == first["x"].tobytes()
