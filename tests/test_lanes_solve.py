"""The lanes against exact solutions, published values, conservation, and SciPy's kernel."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import BATEMAN, ROBERTSON, model_of

import senospine
from senospine.bench.reference_model import OUTPUT_TIMES, reference_model, worst_error
from senospine.engine import Entry, Kernel, Schedule, compile_model
from senospine.errors import ModelError, ScheduleError
from senospine.study.file import load_study, published_studies
from senospine.study.run import output_times
from senospine.subjects import draw_parameters

WIDTHS = [2, 4, 8]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENOSPINE_CACHE", str(tmp_path_factory.getbasetemp() / "lanes"))
        yield


@pytest.fixture(scope="module", params=WIDTHS)
def bateman(request: pytest.FixtureRequest) -> Kernel:
    return compile_model(model_of(BATEMAN), width=request.param)


def bateman_exact(t: np.ndarray, ka: float = 1.5, ke: float = 0.25) -> np.ndarray:
    return ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5, 1e-8, 1e-11])
def test_bateman(bateman: Kernel, rtol: float) -> None:
    times = np.linspace(0, 30, 61)
    solution = bateman.solve(times=times, rtol=rtol)
    error = np.abs(solution["plasma"][0] - bateman_exact(times)).max()
    assert error < 10 * rtol
    assert solution.status[0] == 0


def test_an_infusion_into_one_compartment(bateman: Kernel) -> None:
    times = np.array([0.0, 1.0, 2.0, 5.0, 7.0, 8.0, 20.0])
    schedule = Schedule.shared([Entry(2.0, "infusion", "plasma", 10.0, 5.0)])
    solution = bateman.solve(schedule=schedule, times=times, initial={"gut": 0.0}, rtol=1e-10)
    during = np.clip(times - 2, 0, 5)
    exact = 2 / 0.25 * (1 - np.exp(-0.25 * during)) * np.exp(-0.25 * np.clip(times - 7, 0, None))
    np.testing.assert_allclose(solution["plasma"][0], exact, atol=1e-9)


def test_doses_are_added_to_the_last_bit_and_split_doses_are_their_sum(bateman: Kernel) -> None:
    times = [1.0, 1.5, 2.0]
    split = [Entry(1.0, "bolus", "gut", 0.25), Entry(1.0, "bolus", "gut", 0.5)]
    one = bateman.solve(schedule=Schedule.shared([Entry(1.0, "bolus", "gut", 0.75)]), times=times)
    two = bateman.solve(schedule=Schedule.shared(split), times=times)
    np.testing.assert_allclose(two["plasma"], one["plasma"], rtol=1e-14)
    at_start = bateman.solve(schedule=Schedule.shared([Entry(0.0, "bolus", "gut", 0.5)]), times=[0.0, 1.0])
    given = bateman.solve(initial={"gut": 1.5}, times=[0.0, 1.0])
    assert at_start["gut"][0, 0] == 1.0
    assert (at_start["plasma"][:, 1] == given["plasma"][:, 1]).all()


def test_order_at_one_moment_is_that_of_the_oracle() -> None:
    model = model_of("k = 0.1; x' = -k*x; x = 1; twice := 2*x + time;")
    entries = [
        Entry(3.0, "infusion", "x", 4.0, 2.0), Entry(5.0, "infusion", "x", 1.0, 1.0), Entry(5.0, "switch", "k", 2.0),
        Entry(5.0, "bolus", "x", 3.0), Entry(0.0, "switch", "k", 0.3), Entry(9.0, "bolus", "x", 100.0),
    ]  # fmt: skip
    times = np.array([0.0, 3.0, 4.0, 5.0, 5.5, 6.0, 8.0, 9.0])
    found, expected = (
        compile_model(model, engine=engine).solve(schedule=Schedule.shared(entries), times=times, rtol=1e-10)
        for engine in ("lanes", "scipy")
    )
    for name in model.outputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7)
    assert found["x"][0, -1] < 1.0  # the dose at the last output comes after it


@pytest.mark.parametrize("name", [name for name in published_studies() if load_study(name).species == "mouse"])
@pytest.mark.parametrize("norm", ["rms", "max"])
def test_the_model_agrees_with_the_oracle_in_every_arm(name: str, norm: str) -> None:
    study = load_study(name)
    model = senospine.load_model(study.species)
    lanes, oracle = compile_model(model, norm=norm), compile_model(model, engine="scipy")
    parameters = draw_parameters(model, 3, 5)
    for arm in study.arms:
        times, schedule = output_times(study, arm), Schedule.shared(arm.entries)
        found = lanes.solve(parameters, schedule, times, n_subjects=3, rtol=1e-9)
        expected = oracle.solve(parameters, schedule, times, n_subjects=3, rtol=1e-11)
        assert not found.failures
        for output in model.outputs:
            scale = model.variables[output].scale if output in model.variables else 1e-12
            peak = max(np.abs(expected[output]).max(), 1e-3 * scale)  # at rest far below it solvers leave roundings
            np.testing.assert_allclose(found[output], expected[output], rtol=2e-6, atol=2e-6 * peak, err_msg=output)


def test_the_mouse_at_the_default_tolerance_is_close_to_it() -> None:
    study, model = load_study("ash2006-platelets"), senospine.load_model("mouse")
    kernel, arm = compile_model(model), study.arms[-1]
    times, schedule = output_times(study, arm), Schedule.shared(arm.entries)
    parameters = draw_parameters(model, 64, 5)
    truth = kernel.solve(parameters, schedule, times, n_subjects=64, rtol=1e-11)
    found = kernel.solve(parameters, schedule, times, n_subjects=64)
    stacked = [np.stack([item[name] for name in model.states], -1) for item in (found, truth)]
    assert worst_error(stacked[0][:, 1:], stacked[1][:, 1:]).max() < 3e-3
    assert np.median(worst_error(stacked[0][:, 1:], stacked[1][:, 1:])) < 3e-4


def test_the_reference_model_agrees_with_the_oracle() -> None:
    reference = reference_model()
    population = reference.population(2)
    schedule, times = reference.schedule(population), OUTPUT_TIMES[:40]
    found = compile_model(reference.model, reference.outputs).solve(population, schedule, times, rtol=1e-9)
    expected = compile_model(reference.model, reference.outputs, engine="scipy").solve(
        population, schedule, times, rtol=1e-11
    )
    stacked = [np.stack([item[name] for name in reference.outputs], -1) for item in (found, expected)]
    assert worst_error(*stacked).max() < 1e-6


def test_the_reference_model_holds_a_thousandth() -> None:
    reference = reference_model()
    population = reference.population(32, seed=7)
    schedule = reference.schedule(population)
    kernel = compile_model(reference.model, reference.outputs)
    found, truth = (kernel.solve(population, schedule, OUTPUT_TIMES, rtol=rtol) for rtol in (1e-4, 1e-9))
    stacked = [np.stack([item[name] for name in reference.outputs], -1) for item in (found, truth)]
    assert worst_error(*stacked).max() < 1e-3


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_robertson(rtol: float) -> None:
    """Hairer & Wanner, Solving ODEs II, and the test set for initial value problem solvers (Bari), problem rober."""
    model = model_of(ROBERTSON, {"a": 1e-3, "b": 1e-8, "c": 1e-3})
    solution = compile_model(model).solve(times=[40.0, 1e11], rtol=rtol)
    states = np.array([solution[name][0] for name in "abc"])
    assert not solution.failures
    at_40 = [0.7158270687193941, 0.9185534764557338e-5, 0.2841637457458413]
    at_end = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]
    np.testing.assert_allclose(states[:, 0], at_40, rtol=10 * rtol)
    np.testing.assert_allclose(states[2, 1], at_end[2], rtol=10 * rtol)
    np.testing.assert_allclose(states.sum(axis=0), 1.0, rtol=1e-9)  # mass
    if rtol == 1e-8:
        model = model_of(ROBERTSON, {"a": 1e-9, "b": 1e-15, "c": 1e-3})
        solution = compile_model(model).solve(times=[1e11], rtol=rtol)
        np.testing.assert_allclose([solution[name][0, 0] for name in "abc"], at_end, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("x' = 1; x = 2;", lambda t: 2 + t),  # one state, no parameters, constants only
        ("x' = 2*time; x = 0;", lambda t: t**2),
        ("x' = cos(time); x = 0;", np.sin),
        ("x' = piecewise(1, time < 3, -2); x = 0;", lambda t: np.where(t < 3, t, 3 - 2 * (t - 3))),
        ("k = 2; x' = -50*(x - cos(k*time)) - k*sin(k*time); x = 1;", lambda t: np.cos(2 * t)),  # Prothero & Robinson
        ("x' = tan(time/10) - tanh(x)*0; x = 0;", lambda t: -10 * np.log(np.cos(t / 10))),
        ("x' = 0; x = 5; z := floor(time) + ceil(time);", lambda t: 5 + 0 * t),
        ("x' = x*(1 - x); y' = -y; x = 0.1; y = 1;", lambda t: 1 / (1 + 9 * np.exp(-t))),
    ],
)
@pytest.mark.parametrize("rtol", [1e-4, 1e-9])
def test_small_models_with_known_solutions(text: str, exact: object, rtol: float) -> None:
    times = np.linspace(0, 8, 33)
    solution = compile_model(model_of(text)).solve(times=times, rtol=rtol)
    np.testing.assert_allclose(solution["x"][0], exact(times), atol=50 * rtol, rtol=50 * rtol)  # type: ignore[operator]


def test_all_operators_agree_with_the_oracle() -> None:
    text = """
      a = 1.7; b = 0.3; x = 0.8; y = 1.2;
      o1 := min(x, y, a) + max(x, b, time/9); o2 := abs(x - y)^b + root(3, y) + log10(y) + ln(a);
      o3 := piecewise(x, (x > y && time < 4) || !(y >= 1), y, x == y, a); o4 := floor(time) + ceil(x);
      o5 := tan(x/3) + tanh(y) + sin(time) + cos(x) + exp(-x) + sqrt(y) + a^3 + x^-2 + x^a;
      x' = -0.3*x + 0.1*sin(time); y' = 0.2*(a - y)*x;
    """
    model = model_of(text)
    times = np.linspace(0.05, 7.77, 19)
    found, expected = (compile_model(model, engine=e).solve(times=times, rtol=1e-10) for e in ("lanes", "scipy"))
    for name in model.outputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7, err_msg=name)


def test_refused_arguments() -> None:
    kernel = compile_model(model_of(BATEMAN))
    with pytest.raises(ModelError, match="no parameter 'kb'"):
        kernel.solve({"kb": 1.0}, times=[1.0])
    with pytest.raises(ModelError, match="not a finite number"):
        kernel.solve({"ka": np.nan}, times=[1.0])
    with pytest.raises(ModelError, match=r"rtol 0\.0 is not"):
        kernel.solve(times=[1.0], rtol=0.0)
    with pytest.raises(ScheduleError, match="lies before the start"):
        kernel.solve(times=[1.0], start=2.0)
    with pytest.raises(ScheduleError, match="entry 0: an entry at 1 lies before the start"):
        kernel.solve(schedule=Schedule.shared([Entry(1.0, "bolus", "gut", 1.0)]), times=[5.0], start=2.0)
    with pytest.raises(ModelError, match="different numbers of subjects"):
        kernel.solve({"ka": [1.0, 2.0]}, times=[1.0], n_subjects=3)
    with pytest.raises(ModelError, match="no norm 'l1'"):
        compile_model(kernel.model, norm="l1")
    with pytest.raises(ModelError, match="3 lanes are not offered"):
        compile_model(kernel.model, width=3)
    with pytest.raises(ModelError, match="no option 'wide'"):
        compile_model(kernel.model, wide=4)
    with pytest.raises(ModelError, match="unknown engine 'fast'"):
        compile_model(kernel.model, engine="fast")  # type: ignore[arg-type]
