"""Subjects that cannot be solved: a typed status, the moment, the state; and neighbours that do not notice."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of

from senospine.engine import Entry, Schedule, Status, compile_model


@pytest.mark.parametrize("rtol", [1e-3, 1e-6])
def test_a_blow_up_is_found_where_it_is(rtol: float) -> None:
    kernel = compile_model(model_of("k = 1; other' = -other; y' = k*y^2; y = 1; other = 1;"), cache=False)
    solution = kernel.solve(times=[0.5, 0.9, 1.5, 3.0], rtol=rtol)
    (failure,) = solution.failures
    assert failure.status == Status.STEP_TOO_SMALL
    assert failure.state == "y"
    assert failure.time == pytest.approx(1.0, abs=rtol)
    assert solution.steps is not None
    assert solution.steps.sum() < 2000
    np.testing.assert_allclose(solution["y"][0, :2], [2.0, 10.0], rtol=100 * rtol)
    assert np.isnan(solution["y"][0, 2:]).all()
    assert str(failure).startswith("subject 0: ")


def test_the_logarithm_of_a_negative_number_is_not_finite() -> None:
    kernel = compile_model(model_of("x' = -1; z' = ln(x); x = 1; z = 0;"), cache=False)
    solution = kernel.solve(times=[0.0, 0.5, 2.0])
    (failure,) = solution.failures
    assert failure.status == Status.NOT_FINITE
    assert failure.state == "z"
    assert failure.time == pytest.approx(1.0, abs=1e-3)
    assert np.isfinite(solution["x"][0, :2]).all()
    assert np.isnan(solution["x"][0, 2])


def test_a_rate_that_is_not_finite_from_the_start() -> None:
    kernel = compile_model(model_of("a = -1; x' = 1; z' = ln(a); x = 1; z = 0;"), cache=False)
    solution = kernel.solve(times=[0.0, 1.0])
    (failure,) = solution.failures
    assert (failure.status, failure.time, failure.state) == (Status.NOT_FINITE, 0.0, "z")
    assert np.isnan(solution["x"]).all()
    assert kernel.solve({"a": 1.0}, times=[0.0, 1.0]).status[0] == Status.OK


def test_the_step_limit() -> None:
    kernel = compile_model(model_of("x' = cos(40*time); x = 0;"), cache=False)
    solution = kernel.solve(times=[0.01, 100.0], max_steps=50)
    (failure,) = solution.failures
    assert failure.status == Status.STEP_LIMIT
    assert solution.steps is not None
    assert solution.steps[0].sum() == 50
    assert np.isfinite(solution["x"][0, 0])
    assert np.isnan(solution["x"][0, 1])


def test_a_tolerance_beyond_double_precision() -> None:
    solution = compile_model(model_of(BATEMAN), cache=False).solve(times=[1.0], rtol=1e-15)
    assert solution.failures[0].status == Status.TOLERANCE_TOO_TIGHT


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("width", [2, 8])
def test_neighbours_of_failing_subjects_keep_every_bit(threads: int, width: int) -> None:
    model = model_of("a = 1; b = 0; y' = b*y^2 - 0.1*y; z' = ln(a) - z; w' = y - w; y = 1; z = 0; w = 0;")
    kernel = compile_model(model, cache=False, width=width)
    rng = np.random.default_rng(0)
    a, times = rng.uniform(1, 3, 40), np.linspace(0, 20, 41)
    schedule = Schedule.shared([Entry(7.0, "bolus", "y", 0.5), Entry(9.0, "infusion", "w", 1.0, 3.0)])
    good = kernel.solve({"a": a, "b": 0.0}, schedule, times, threads=threads)
    broken_a, broken_b = a.copy(), np.zeros(40)
    broken_a[[3, 20]] = -1.0
    broken_b[[0, 21, 39]] = 0.9
    bad = kernel.solve({"a": broken_a, "b": broken_b}, schedule, times, threads=threads)
    failing = [0, 3, 20, 21, 39]
    assert [item.subject for item in bad.failures] == failing
    whole = np.setdiff1d(np.arange(40), failing)
    for name in model.outputs:
        assert (bad[name][whole] == good[name][whole]).all()
        assert np.isnan(bad[name][failing, -1]).all()


def test_a_lost_pivot_is_not_used() -> None:
    """The first step is 0.1 exactly, where Rodas4's first pivot is 40 - 40: it is tried again, smaller."""
    schedule = Schedule.shared([Entry(0.1, "switch", "nothing", 1.0)])
    model = model_of("nothing = 0; x' = 40*(x - y); y' = 40*(x - y); x = 1; y = 0.999;")
    solution = compile_model(model, cache=False).solve(schedule=schedule, times=[0.05, 0.1, 0.2], rtol=1e-2)
    assert not solution.failures
    assert solution.steps is not None
    assert solution.steps[0, 1] >= 1
    np.testing.assert_allclose(solution["x"][0], 1 + 0.04 * np.array([0.05, 0.1, 0.2]), rtol=1e-9)


def test_closed_systems_have_singular_jacobians_and_are_solved() -> None:
    model = model_of("a' = 1e3*(b - a); b' = 1e3*(a - b) + 1e-3*(c - b); c' = 1e-3*(b - c); a = 1; b = 0; c = 0;")
    solution = compile_model(model, cache=False).solve(times=[1.0, 1e6], rtol=1e-6)
    assert solution.steps is not None
    assert solution.steps.sum() < 400
    np.testing.assert_allclose([solution[name][0, 1] for name in "abc"], 1 / 3, rtol=1e-5)


def test_a_step_beyond_the_last_finite_time_writes_nowhere_else() -> None:
    """Found by fuzzing: the last step overshot to an infinite time, at which every later output seemed due."""
    kernel = compile_model(model_of("k = 1; x' = -k*x; x = 1;"), cache=False)
    solution = kernel.solve(n_subjects=3, times=[0.0, 1.0, 1e308], rtol=1e-4)
    np.testing.assert_allclose(solution["x"], [[1.0, np.exp(-1.0), 0.0]] * 3, atol=1e-4)
    assert not solution.failures
