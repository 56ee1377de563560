"""A subject's numbers are the same bits whatever is solved beside it, and whatever else is recorded."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of
from reference_model import OUTPUT_TIMES, Reference, reference_model

from senospine.engine import Entry, Kernel, Schedule, Solution, compile_model

COUNT = 37


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_model()


@pytest.fixture(scope="module", params=[2, 4, 8])
def kernel(request: pytest.FixtureRequest, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    folder = tmp_path_factory.getbasetemp() / "lanes"
    return compile_model(reference.model, reference.outputs, width=request.param, cache=folder)


def stacked(solution: Solution, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([solution[name] for name in names], -1)


@pytest.mark.parametrize("rtol", [2e-4, 1e-5])
def test_threads_order_and_company_change_no_bit(kernel: Kernel, reference: Reference, rtol: float) -> None:
    population = reference.population(COUNT)
    schedule, times = reference.schedule(population), OUTPUT_TIMES[:30]
    whole = kernel.solve(population, schedule, times, rtol=rtol, threads=1)
    values = stacked(whole, reference.outputs)
    assert np.isfinite(values).all()
    for threads in (2, 3):
        other = kernel.solve(population, schedule, times, rtol=rtol, threads=threads)
        assert (stacked(other, reference.outputs) == values).all()
        assert (other.steps == whole.steps).all()
    rng = np.random.default_rng(0)
    for chosen in (rng.permutation(COUNT), np.array([5]), np.arange(3, 14)):
        some = {name: item[chosen] for name, item in population.items()}
        other = kernel.solve(some, reference.schedule(some), times, rtol=rtol)
        assert (stacked(other, reference.outputs) == values[chosen]).all()


def test_lane_widths_agree_within_the_tolerance(reference: Reference, kernel: Kernel) -> None:
    population = reference.population(4)
    schedule, times = reference.schedule(population), OUTPUT_TIMES[:20]
    truth = compile_model(reference.model, reference.outputs, cache=False).solve(population, schedule, times, rtol=1e-8)
    found = kernel.solve(population, schedule, times, rtol=1e-8)
    np.testing.assert_allclose(
        stacked(found, reference.outputs), stacked(truth, reference.outputs), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("rtol", [1e-4, 1e-7])
def test_a_finer_grid_changes_no_bit_at_common_times(rtol: float) -> None:
    model = model_of(BATEMAN + "rest := gut + plasma + time;")
    kernel = compile_model(model, cache=False)
    schedule = Schedule.shared([Entry(float(day), "bolus", "gut", 1.0) for day in range(1, 20, 3)])
    fine = np.linspace(0, 24, 24 * 40 + 1)
    full = kernel.solve(schedule=schedule, times=fine, rtol=rtol)
    for keep in (slice(None, None, 40), slice(13, None, 7), slice(900, 901)):
        part = kernel.solve(schedule=schedule, times=fine[keep], rtol=rtol)
        for name in model.outputs:
            assert (part[name] == full[name][:, keep]).all(), name
    stopping = compile_model(model, cache=False, hit_outputs=True).solve(schedule=schedule, times=fine, rtol=rtol)
    np.testing.assert_allclose(stopping["plasma"], full["plasma"], atol=20 * rtol)


def test_each_subject_has_its_own_schedule_times_and_start_values() -> None:
    kernel = compile_model(model_of(BATEMAN), cache=False)
    rng = np.random.default_rng(3)
    entries = [
        [
            Entry(float(t), "bolus", "gut", float(a))
            for t, a in zip(rng.uniform(0, 9, i % 5), rng.random(5), strict=False)
        ]
        + [Entry(float(rng.uniform(0, 5)), "infusion", "plasma", 1.0, float(rng.uniform(0.1, 4)))] * (i % 3 == 0)
        + [Entry(4.0, "switch", "ke", float(rng.uniform(0.1, 2)))] * (i % 2)
        for i in range(23)
    ]
    times = np.sort(rng.uniform(0, 12, (23, 15)), axis=1)
    gut, ka = rng.random(23), rng.uniform(0.5, 3, 23)
    together = kernel.solve({"ka": ka}, Schedule.each(entries), times, initial={"gut": gut}, rtol=1e-6, threads=2)
    assert together["plasma"].shape == (23, 15)
    for i in range(23):
        alone = kernel.solve({"ka": ka[i]}, Schedule.shared(entries[i]), times[i], initial={"gut": gut[i]}, rtol=1e-6)
        for name in ("gut", "plasma"):
            assert (alone[name][0] == together[name][i]).all()
    oracle = compile_model(kernel.model, engine="scipy").solve(
        {"ka": ka}, Schedule.each(entries), times, initial={"gut": gut}, rtol=1e-10
    )
    np.testing.assert_allclose(together["plasma"], oracle["plasma"], atol=3e-6)
