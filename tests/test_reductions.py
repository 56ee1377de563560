"""Reductions against exact solutions, quadrature, the oracle and the trajectory; and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of
from scipy.integrate import quad
from scipy.optimize import brentq

from senospine.bench.reference_model import OUTPUT_TIMES, reference_model
from senospine.engine import (
    Area,
    At,
    End,
    Entry,
    Kernel,
    Maximum,
    Mean,
    Minimum,
    Reduction,
    Schedule,
    Solution,
    TimeAbove,
    TimeBelow,
    TimeOfMaximum,
    TimeOfMinimum,
    compile_model,
    visit_means,
)  # fmt: skip
from senospine.errors import ModelError, ScheduleError

KA, KE, LAST = 1.5, 0.25, 20.0
EFFECT = "effect := plasma^2/(plasma^2 + 0.09);"
PEAK = np.log(KA / KE) / (KA - KE)


def plasma(t: float) -> float:
    return float(KA / (KA - KE) * (np.exp(-KE * t) - np.exp(-KA * t)))


def area(t: float) -> float:
    return float(KA / (KA - KE) * (np.exp(-KA * t) / KA - np.exp(-KE * t) / KE))


def effect(t: float) -> float:
    return plasma(t) ** 2 / (plasma(t) ** 2 + 0.09)


def exact() -> dict[Reduction, float]:
    up, down = (brentq(lambda t: plasma(t) - 0.3, *ends, xtol=1e-14) for ends in ((0, PEAK), (PEAK, LAST)))
    effects = quad(effect, 0, LAST, epsabs=1e-13, epsrel=1e-13, limit=500)[0]
    return {
        Maximum("plasma"): plasma(PEAK), Maximum("plasma", 2.0, 5.0): plasma(2.0),
        Maximum("plasma", stop=1.0): plasma(1),
        Minimum("plasma", 1.0, 3.0): min(plasma(1), plasma(3)), Minimum("gut"): np.exp(-KA * LAST),
        Maximum("effect"): effect(PEAK), End("plasma"): plasma(LAST), At("plasma", 3.3): plasma(3.3),
        At("gut", 0.0): 1.0,
        Area("plasma"): area(LAST) - area(0), Area("plasma", 0.3, 7.7): area(7.7) - area(0.3), Area("effect"): effects,
        Mean("plasma", 1.0, 2.0): area(2) - area(1), TimeAbove("plasma", 0.3): down - up,
        TimeBelow("plasma", 0.3): LAST - down + up, TimeAbove("effect", 0.5): down - up,
        TimeAbove("plasma", 0.3, start=2.0): down - 2, TimeBelow("effect", 2.0): LAST, TimeAbove("effect", 2.0): 0.0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return model_of(BATEMAN + EFFECT)


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENOSPINE_CACHE", str(tmp_path_factory.getbasetemp() / "lanes"))
        yield


def compiled(model, engine: str, reduce, **options) -> Kernel:
    return compile_model(model, reduce=list(reduce), engine=engine, **options)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-9])
def test_one_dose_has_a_closed_form(model, engine, rtol) -> None:
    expected = exact()
    solution = compiled(model, engine, expected).solve(times=[LAST], rtol=rtol)
    for item, value in expected.items():
        # a time is as uncertain as the value over the slope, here at most 12; an area sums the error of 20 time units
        assert solution[item][0] == pytest.approx(value, abs=30 * rtol), item.label
        assert solution[item.label] is solution[item]


def test_the_moment_of_an_extreme_is_located(model, engine) -> None:
    """A flat top tells its moment to the root of the error only; the method's interpolant does better."""
    solution = compiled(
        model, engine, [TimeOfMaximum("plasma"), TimeOfMaximum("effect"), TimeOfMinimum("plasma")]
    ).solve(times=[LAST], rtol=1e-9)
    assert solution["time of maximum of plasma"][0] == pytest.approx(PEAK, abs=1e-6)
    assert solution["time of maximum of effect"][0] == pytest.approx(PEAK, abs=1e-5)
    assert solution["time of minimum of plasma"][0] == 0.0


def test_both_sides_of_a_dose_count_and_a_windows_edges_from_inside(model, engine) -> None:
    doses = Schedule.shared([Entry(time, "bolus", "gut", 2.0) for time in (4.0, 8.0)])
    reduce = [
        Maximum("gut"), TimeOfMaximum("gut"), Minimum("gut", 0.5, 6.0), TimeOfMinimum("gut", 0.5, 6.0),
        Maximum("gut", 1.0, 4.0), Maximum("gut", 4.0, 5.0), At("gut", 4.0),
    ]  # fmt: skip
    found = compiled(model, engine, reduce).solve(schedule=doses, times=[10.0], rtol=1e-10)
    before = np.exp(-KA * 4)
    second = (before + 2) * np.exp(-KA * 4) + 2
    expected = [second, 8.0, before, 4.0, np.exp(-KA), before + 2, before]
    np.testing.assert_allclose([found[item][0] for item in reduce], expected, rtol=1e-8)


def test_areas_balance_mass(model, engine) -> None:
    """What was cleared and what is left is what was given (conservation); a switch changes the clearance."""
    schedule = Schedule.shared(
        [Entry(1.0, "bolus", "gut", 2.0), Entry(3.0, "infusion", "plasma", 5.0, 2.5), Entry(6.0, "switch", "ke", 0.1)]
    )
    reduce = [Area("plasma", stop=6.0), Area("plasma", start=6.0), End("gut"), End("plasma")]
    early, late, gut, left = (
        solution[item][0]
        for solution in [compiled(model, engine, reduce).solve(schedule=schedule, times=[24.0], rtol=1e-10)]
        for item in reduce
    )
    assert KE * early + 0.1 * late + gut + left == pytest.approx(8.0, abs=1e-8)


@pytest.fixture(scope="module")
def many() -> list[Reduction]:
    return [
        Minimum("PLT"), TimeOfMinimum("PLT"), TimeBelow("PLT", 200.0), Area("PAIN", 500.0, 2000.0),
        Mean("u1", 0.0, 1500.0),
        Maximum("CA"), TimeAbove("CA", 0.5), End("PAIN"), At("S1", 700.0), Maximum("u1", 300.0, 1111.0),
        *visit_means("PAIN", [672.0, 1344.0], 168.0),
    ]  # fmt: skip


def same(one: Solution, other: Solution, subjects=slice(None)) -> bool:
    return all((one.reductions[name][subjects] == other.reductions[name]).all() for name in one.reductions)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6])
def test_no_bit_hangs_on_grid_threads_order_or_company(many, rtol) -> None:
    reference = reference_model()
    kernel = compile_model(reference.model, outputs=["PAIN"], reduce=many)
    population = reference.population(21)
    schedule, grid = reference.schedule(population), OUTPUT_TIMES[:45]
    whole = kernel.solve(population, schedule, grid, rtol=rtol, threads=1)
    assert all(np.isfinite(item).all() for item in whole.reductions.values())
    for times, threads in ((grid[-1:], 2), (grid[::4], 3), (np.linspace(0, grid[-1], 1000), 2)):
        assert same(whole, kernel.solve(population, schedule, times, rtol=rtol, threads=threads))
    rng = np.random.default_rng(1)
    for chosen in (rng.permutation(21), np.array([5]), np.arange(3, 14)):
        some = {name: item[chosen] for name, item in population.items()}
        assert same(whole, kernel.solve(some, reference.schedule(some), grid[-1:], rtol=rtol), chosen)
    plain = compile_model(reference.model, outputs=["PAIN"]).solve(population, schedule, grid, rtol=rtol)
    assert (plain["PAIN"] == whole["PAIN"]).all()
    assert (plain.steps == whole.steps).all()


def test_the_reference_model_agrees_with_the_oracle_and_with_a_tight_solution(many) -> None:
    reference = reference_model()
    population = reference.population(8)
    schedule = reference.schedule(population)
    kernel = compile_model(reference.model, reduce=many)
    tight = kernel.solve(population, schedule, [2016.0], rtol=1e-10)
    oracle = compile_model(reference.model, reduce=many, engine="scipy").solve(
        {name: item[:1] for name, item in population.items()}, Schedule.shared(schedule.of(0)), [2016.0], rtol=1e-10
    )
    loose = kernel.solve(population, schedule, [2016.0])
    for item in many:
        time = isinstance(item, TimeOfMinimum)
        np.testing.assert_allclose(oracle[item], tight[item][:1], rtol=1e-5 if time else 3e-7, err_msg=item.label)
        np.testing.assert_allclose(loose[item], tight[item], rtol=2e-4, atol=1e-2 if time else 0, err_msg=item.label)


def test_windows_may_end_after_the_last_output_and_times_may_be_left_out(model, engine) -> None:
    reduce = [Area("plasma", 1.0, 9.0), At("plasma", 12.0)]
    kernel = compile_model(model, outputs=["plasma"], reduce=reduce, engine=engine)
    short, long, none = (kernel.solve(times=times, rtol=1e-8) for times in ([3.0], [3.0, 15.0], []))
    assert (short["plasma"].shape, long["plasma"].shape, none["plasma"].shape) == ((1, 1), (1, 2), (1, 0))
    assert short.times.tolist() == [3.0]
    for item in reduce:
        assert short[item] == long[item] == none[item]
    each = kernel.solve(times=[[1.0, 2.0], [3.0, 14.0]], rtol=1e-8)
    assert each["plasma"].shape == (2, 2)
    assert (each[reduce[0]] == short[reduce[0]]).all()


def test_the_default_window_ends_with_each_subjects_own_last_output(model, engine) -> None:
    kernel = compiled(model, engine, [Area("plasma"), End("plasma"), Maximum("plasma")])
    found = kernel.solve(times=[[1.0, 2.0], [3.0, 14.0]], rtol=1e-9)
    np.testing.assert_allclose(found["area under plasma"], [area(2) - area(0), area(14) - area(0)], atol=1e-7)
    np.testing.assert_allclose(found["plasma at the end"], [plasma(2), plasma(14)], atol=1e-7)


def test_a_subject_that_fails_has_no_numbers_and_its_neighbours_keep_theirs(engine) -> None:
    model = model_of("k = 0; y' = k*y^2 - 0.1*y; y = 1;")
    kernel = compiled(model, engine, [Maximum("y"), Area("y", 0.0, 0.1), End("y")])
    found = kernel.solve({"k": [0.0, 2.0, 0.05]}, times=[5.0], rtol=1e-8)
    assert (found.status != 0).tolist() == [False, True, False]
    for values in found.reductions.values():
        assert np.isnan(values).tolist() == [False, True, False]
    assert found["area under y from 0 to 0.1"][0] == pytest.approx(10 * (1 - np.exp(-0.01)), abs=1e-8)


def test_an_output_that_is_no_number_gives_none(engine) -> None:
    model = model_of("x' = -1; x = 1; bad := ln(x);")
    reduce = [Minimum("bad"), Area("bad"), TimeBelow("bad", -1.0), Minimum("x")]
    found = compiled(model, engine, reduce).solve(times=[2.0], rtol=1e-6)
    assert not found.failures
    assert [bool(np.isnan(found[item][0])) for item in reduce] == [True, True, True, False]


def test_fast_oscillations_keep_their_extremes_and_crossings(engine) -> None:
    model = model_of("x' = cos(time); x = 0; y := x^3;")
    reduce = [Maximum("x"), Minimum("y"), TimeAbove("x", 0.5), TimeBelow("y", -0.125), TimeOfMaximum("x", 1.0, 30.0)]
    found = compiled(model, engine, reduce).solve(times=[20 * np.pi], rtol=1e-8)
    expected = [1.0, -1.0, 20 * np.pi / 3, 20 * np.pi / 3]
    np.testing.assert_allclose([found[item][0] for item in reduce[:4]], expected, rtol=1e-6)
    assert np.cos(found[reduce[4]][0]) == pytest.approx(0, abs=1e-3)
    assert np.sin(found[reduce[4]][0]) > 0


def test_what_cannot_be_reduced_is_refused(model, engine) -> None:
    with pytest.raises(ModelError, match="no output 'plasme'"):
        compiled(model, engine, [End("plasme")])
    with pytest.raises(ModelError, match="two things are called"):
        compiled(model, engine, [End("plasma"), End("plasma")])
    with pytest.raises(ModelError, match="the window is empty"):
        Area("plasma", 2.0, 2.0)
    with pytest.raises(ModelError, match="level is not a finite"):
        TimeBelow("plasma", float("nan"))
    kernel = compiled(model, engine, [Area("plasma", start=5.0)])
    with pytest.raises(ScheduleError, match="the window is empty"):
        kernel.solve(times=[4.0])
    with pytest.raises(ScheduleError, match="no output times"):
        kernel.solve()
    with pytest.raises(ScheduleError, match="lies before the start at 6"):
        kernel.solve(times=[9.0], start=6.0)
    with pytest.raises(ModelError, match="'maximum of gut' was not asked for"):
        kernel.solve(times=[9.0])[Maximum("gut")]
    named = compiled(model, engine, [Minimum("gut", name="nadir"), Minimum("gut")]).solve(times=[1.0])
    assert named["nadir"] == named["minimum of gut"]
