"""Single precision, for screening: right within its tolerance over a year, labelled, and refused for reports."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of

from senospine.bench.reference_model import OUTPUT_TIMES, Reference, reference_model, worst_error
from senospine.engine import Entry, Schedule, Status, compile_model, sensitivities, steady_state
from senospine.engine.cache import load_code
from senospine.engine.functions import Functions
from senospine.engine.kernel import Kernel
from senospine.engine.vectors import POINTER, WHOLE, Lanes
from senospine.errors import ModelError


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_model()


def single(text: str, **options: Any) -> Kernel:
    return compile_model(model_of(text), precision="single", cache=False, **options)


def bateman(t: np.ndarray, dose: float) -> np.ndarray:
    """Plasma after a dose into the gut at 0; ka 1.5, ke 0.25."""
    since = np.maximum(t, 0.0)
    return dose * 1.5 / 1.25 * (np.exp(-0.25 * since) - np.exp(-1.5 * since))


@pytest.mark.parametrize("width", [2, 4, 8])
def test_a_year_of_doses_keeps_its_times(width: int) -> None:
    """In float32 the moment 8736 h moves in steps of a 1000th of an hour; at 1e6 h of a 16th."""
    for begin in (0.0, 1e6):
        days = begin + 24.013 * np.arange(364)
        times = days[-5:].repeat(4) + np.tile([0.01, 0.5, 3.0, 20.0], 5)
        schedule = Schedule.shared([Entry(float(day), "bolus", "gut", 1.0) for day in days])
        solution = single(BATEMAN, width=width).solve(schedule=schedule, times=times, start=begin, initial={"gut": 0.0})
        exact = bateman(times[:, None] - days, 1.0).sum(axis=1)
        np.testing.assert_allclose(solution["plasma"][0], exact, rtol=1e-3)


def test_formulas_read_the_time_itself() -> None:
    kernel = single("nothing = 0; x' = 0.5*cos(0.5*time); x = 0; y := x - time;")
    times = np.array([1.0, 700.0, 1000.0])
    schedule = Schedule.shared([Entry(t, "switch", "nothing", 1.0) for t in (3.3, 690.1, 999.0)])
    solution = kernel.solve(schedule=schedule, times=times, rtol=1e-4)
    np.testing.assert_allclose(solution["x"][0], np.sin(0.5 * times), atol=2e-3)
    np.testing.assert_allclose(solution["y"][0], np.sin(0.5 * times) - times, atol=2e-3, rtol=1e-6)


@pytest.mark.parametrize("rtol", [2e-4, 2e-5])
def test_errors_are_those_of_the_tolerance(reference: Reference, rtol: float) -> None:
    population = reference.population(8)
    schedule, times = reference.schedule(population), OUTPUT_TIMES
    truth, double, lean = (
        compile_model(reference.model, reference.outputs, **options).solve(population, schedule, times, rtol=rtol)
        for options, rtol in (({}, 1e-9), ({}, rtol), ({"precision": "single"}, rtol))
    )
    whole = [np.stack([item[name] for name in reference.outputs], -1) for item in (truth, double, lean)]
    errors = [worst_error(values, whole[0]).max() for values in whole[1:]]
    assert errors[1] < errors[0] + 2e-4
    assert errors[1] < 1.5e-3


def test_threads_and_company_change_no_bit(reference: Reference) -> None:
    population = reference.population(37)
    schedule = reference.schedule(population)
    kernel = compile_model(reference.model, reference.outputs, precision="single")
    whole = kernel.solve(population, schedule, OUTPUT_TIMES[:20], threads=1)
    other = kernel.solve(population, schedule, OUTPUT_TIMES[:20], threads=2)
    few = reference.population(5)
    alone = kernel.solve(few, reference.schedule(few), OUTPUT_TIMES[:20])
    for name in reference.outputs:
        assert (whole[name] == other[name]).all()
        assert (whole[name][:5] == alone[name]).all()


def test_a_blow_up_is_found_where_it_is() -> None:
    """x' = x² from 1 at 5 ends at 6; a dose before moves the origin of time."""
    schedule = Schedule.shared([Entry(5.5, "bolus", "y", 1.0)])
    solution = single("x' = x^2; y' = -y; x = 1; y = 1;").solve(schedule=schedule, times=[5.2, 5.9, 7.0], start=5.0)
    assert solution.status[0] in {Status.STEP_TOO_SMALL, Status.NOT_FINITE}
    assert solution.failures[0].state == "x"
    assert solution.failures[0].time == pytest.approx(6.0, abs=0.01)
    np.testing.assert_allclose(solution["x"][0, :2], [1.25, 10.0], rtol=3e-3)
    assert np.isnan(solution["x"][0, 2])


def test_it_is_labelled_and_refused_where_results_are_reported() -> None:
    kernel = single(BATEMAN)
    assert kernel.screening
    assert not compile_model(model_of(BATEMAN), cache=False).screening
    assert "float32, for screening only" in kernel.code_path
    assert "float32, for screening only" in kernel.solve(times=[1.0]).method
    with pytest.raises(ModelError, match="more than single precision can hold"):
        kernel.solve(times=[1.0], rtol=1e-6)
    with pytest.raises(ModelError, match="for screening only"):
        sensitivities(kernel, ["ka"], times=[1.0])
    with pytest.raises(ModelError, match="for screening only"):
        steady_state(kernel, Schedule.shared([Entry(0.0, "bolus", "gut", 1.0)]), 6.0)
    with pytest.raises(ModelError, match="no precision"):
        compile_model(model_of(BATEMAN), precision="half")


@pytest.mark.parametrize("lean", [False, True])
def test_functions_side_by_side_are_those_one_by_one_and_right(lean: bool) -> None:
    """Within two roundings over wide ranges, rare arguments included; four at a time give the same bits as one."""
    width, count = 4, 4096

    def write() -> str:
        lanes = Lanes(width, single=lean)
        functions = Functions(lanes)
        for name, many in (("exp", 1), ("log", 1), ("power", 2)):
            for batch in (1, 4):
                with lanes.function(f"{name}_{batch}", [POINTER] * (many + 1) + [WHOLE], public=True) as function:
                    *given, result, size = function.args

                    def body(i: Any, n: str = name, b: int = batch, g: Any = given, r: Any = result) -> None:
                        places = [lanes.here.add(lanes.here.mul(i, WHOLE(b)), WHOLE(k)) for k in range(b)]
                        calls = [tuple(lanes.load(item, place) for item in g) for place in places]
                        for place, value in zip(places, functions.side_by_side(n, calls), strict=True):
                            lanes.store(value, r, place)

                    lanes.loop(size, body)
        return str(lanes.module)

    names = tuple(f"{name}_{batch}" for name in ("exp", "log", "power") for batch in (1, 4))
    code = load_code(f"side by side {lean}", write, names, None)
    kind = np.float32 if lean else np.float64
    raw = np.zeros(3 * count + 16, dtype=kind)
    raw = raw[(-raw.ctypes.data % 64) // raw.itemsize :]
    arrays = [raw[k * count : (k + 1) * count] for k in range(3)]

    def call(name: str, batch: int, *given: np.ndarray) -> np.ndarray:
        for array, values in zip(arrays, given, strict=False):
            array[:] = values
        used = [*arrays[: len(given)], arrays[2]]
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(used), ctypes.c_int64)(
            code.addresses[f"{name}_{batch}"]
        )
        function(*(array.ctypes.data for array in used), count // width // batch)
        return arrays[2].copy()

    rng = np.random.default_rng(5)
    span = 80.0 if lean else 700.0
    wide, powers = rng.uniform(-span, span, count).astype(kind), rng.uniform(-1, 1, count).astype(kind)
    positive = np.exp(wide)
    positive[::7] *= kind(1e-7 if lean else 1e-15)  # some below normal numbers
    special = np.resize(np.array([0.0, -1.0, np.inf, np.nan, 1.0, 2.0, -0.0], dtype=kind), count)
    with np.errstate(all="ignore"):
        for name, given in (
            ("exp", (wide,)), ("log", (positive,)), ("power", (positive, powers)),
            ("exp", (special,)), ("log", (special,)), ("power", (special, np.roll(special, 3))),
        ):  # fmt: skip
            one, four = call(name, 1, *given), call(name, 4, *given)
            np.testing.assert_array_equal(one, four)
            long = [item.astype(np.longdouble) for item in given]
            exact = getattr(np, name)(*long).astype(kind)
            normal = np.isfinite(exact) & (np.abs(exact) > np.finfo(kind).tiny)
            np.testing.assert_array_max_ulp(one[normal], exact[normal], maxulp=2)
            np.testing.assert_array_equal(np.isnan(one), np.isnan(exact))
