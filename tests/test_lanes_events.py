"""The model's own events in lanes: exact courses, the oracle, and what must not change a bit."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import model_of

from senospine.engine import Area, At, Decision, Entry, Kernel, Maximum, Schedule, compile_model
from senospine.engine.lanes import LaneKernel
from senospine.errors import ModelError, ScheduleError


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENOSPINE_CACHE", str(tmp_path_factory.getbasetemp() / "lanes"))
        yield


def kernel_of(engine: str, text: str, **options) -> Kernel:
    return compile_model(model_of(text), engine=engine, **options)


def test_models_with_events_run_in_lanes_by_default() -> None:
    assert isinstance(compile_model(model_of("x' = -x; x = 1; at (time >= 2): x = 5;")), LaneKernel)
    with pytest.raises(ModelError, match="changes with the state"):
        model_of("x' = -x; x = 1; at (x < 0.5): x = 5;")


def test_an_output_at_the_moment_sees_an_event_at_it_and_not_one_just_after(engine) -> None:
    text = "x' = 0; y' = 0; x = 1; y = 1; T = 2; at (time >= T): x = x + 10; at (time > T): y = y + 10;"
    kernel = kernel_of(engine, text, reduce=[At("x", 2.0), At("y", 2.0), Maximum("x", stop=2.0)], outputs=["x", "y"])
    dose = Schedule.shared([Entry(2.0, "bolus", "x", 100.0), Entry(2.0, "bolus", "y", 100.0)])
    found = kernel.solve(schedule=dose, times=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(found["x"][0], [1, 11, 111], rtol=1e-14)
    np.testing.assert_allclose(found["y"][0], [1, 1, 111], rtol=1e-14)
    assert (found["x at 2"][0], found["y at 2"][0]) == (11, 1)
    assert kernel.solve(schedule=dose, times=[2.0])["x"][0, 0] == 11  # the last output waits for it too
    more = Schedule.shared([Entry(time, "bolus", "x", 0.0) for time in (0.0, 0.5, 1.0)])  # break points before it
    assert kernel.solve(schedule=more, times=[0.5, 2.0, 3.0])["x"][0].tolist() == pytest.approx([1, 11, 11], rel=1e-14)
    fires_at_start = kernel.solve({"T": [0.0, 2.0]}, times=[0.0, 1.0])
    assert fires_at_start["x"].tolist() == [[1, 1], [1, 1]]  # true before the start: it does not fire there


def test_events_at_the_start_fire_before_the_first_output(engine) -> None:
    text = "x' = 0; x = 1; at (time >= 0), t0 = false: x = 7;"
    found = kernel_of(engine, text, outputs=["x"], reduce=[At("x", 0.0)]).solve(times=[0.0, 1.0])
    assert found["x"][0].tolist() == [7, 7]
    assert found["x at 0"][0] == 7


def test_priority_delay_and_the_moment_of_reading(engine) -> None:
    text = """
      x' = 1; y' = 0; z' = 0; w' = 0; x = 0; y = 0; z = 0; w = 0;
      first: at (time >= 1), priority = 1: y = 10*y + 1;
      second: at (time >= 1), priority = 2, fromTrigger = false: y = 10*y + 2;
      third: at (time >= 1), priority = 3, fromTrigger = false: y = 10*y + 3;
      early: at 2 after (time >= 1): z = x;
      late: at 2 after (time >= 1), fromTrigger = false: w = x;
    """
    found = kernel_of(engine, text).solve(times=[1.0, 2.9, 3.0, 4.0], rtol=1e-9)
    # the third is carried out first, then the second, then the first, which read y before both
    assert found["y"][0].tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(found["z"][0], [0, 0, 1, 1], atol=1e-9)
    np.testing.assert_allclose(found["w"][0], [0, 0, 3, 3], atol=1e-9)


def test_each_subject_has_its_own_moments_and_bits_hang_on_nothing_else() -> None:
    text = """
      k = 0.3; T = 2; pause = 1; x' = -k*x; x = 1; total := 2*x;
      at (time >= T && time < 9): x = x + total; at pause after (time > 2*T): x = 0.5*x + k;
    """
    kernel = kernel_of("lanes", text)
    rng = np.random.default_rng(5)
    given = {"T": rng.uniform(0.5, 6, 23), "k": rng.uniform(0.1, 1, 23), "pause": np.round(rng.uniform(0, 2, 23))}
    schedule = Schedule.each([[Entry(float(rng.uniform(0, 9)), "bolus", "x", 1.0)] * (i % 3) for i in range(23)])
    times = np.linspace(0, 12, 25)
    whole = kernel.solve(given, schedule, times, rtol=1e-8, threads=2)
    oracle = kernel_of("scipy", text).solve(given, schedule, times, rtol=1e-10)
    np.testing.assert_allclose(whole["x"], oracle["x"], rtol=1e-6)
    exact = np.exp(-given["k"] * 0.5)  # nobody's event comes before 0.5
    np.testing.assert_allclose(whole["x"][::3, 1], exact[::3], rtol=1e-7)
    some = np.array([20, 3, 11])
    part = kernel.solve({name: item[some] for name, item in given.items()},
                        Schedule.each([schedule.of(i) for i in some]), times[-1:], rtol=1e-8)  # fmt: skip
    assert (part["x"][:, 0] == whole["x"][some, -1]).all()


def test_events_decisions_and_reductions_together(engine) -> None:
    text = "c' = 0; d' = 0; c = 100; d = 0; at (time >= 4): c = 40;"
    kernel = kernel_of(engine, text, outputs=["d"], reduce=[Area("c"), Maximum("c", start=4.0)])
    doses = [Entry(float(t), "bolus", "d", 1.0) for t in range(8)] + [Entry(3.5, "infusion", "d", 2.0, 4.0)]
    found = kernel.solve(schedule=Schedule.shared(doses, [Decision([4.0], "c", "d", below=50.0)]), times=[8.0])
    assert found["d"][0, 0] == pytest.approx(4 + 2)  # the event comes before the visit, the running infusion goes on
    assert found["area under c"][0] == pytest.approx(400 + 160)
    assert found["maximum of c from 4"][0] == pytest.approx(40, rel=1e-14)


def test_a_compartment_that_an_event_resizes_keeps_amounts(engine) -> None:
    text = "compartment V = 2; species S in V; S = 3; k = 0; J: S => ; k*S*V; V' = 0; at (time >= 1): V = 4;"
    found = kernel_of(engine, text, outputs=["S", "S__amount"]).solve(times=[0.5, 1.0, 2.0])
    np.testing.assert_allclose(found["S"][0], [3, 1.5, 1.5])
    np.testing.assert_allclose(found["S__amount"][0], [6, 6, 6])


def test_refusals_are_those_of_the_oracle(engine) -> None:
    kernel = kernel_of(engine, "T = 2; D = 1; x' = 0; x = 1; at D after (time >= T): x = 5;")
    with pytest.raises(ScheduleError, match="delay of event"):
        kernel.solve({"D": -1.0}, times=[3.0])
    with pytest.raises(ScheduleError, match="switches 'T', which decides when"):
        kernel.solve(schedule=Schedule.shared([Entry(1.0, "switch", "T", 5.0)]), times=[3.0])


def test_coinciding_moments_agree_with_the_oracle() -> None:
    """Events, doses, infusions, switches, visits and outputs at whole times."""
    text = """
      A = 1; B = 2; C = 3; D = 1; k = 0.1; x' = -k*x; y' = 0; z' = x; x = 1; y = 2; z = 0; u := x + 0.5*y;
      at (time >= A): x = x + y; at D after (time > B): y = u, x = 1.5*x;
      at D after (time >= C), priority = 2, fromTrigger = false: y = y + 1;
      at (time >= C), priority = A: y = 2*y, x = u;
      at (time > A && time < C), persistent = false: z = 0.5*z;
    """
    rng = np.random.default_rng(11)
    n = 120
    given = {name: rng.integers(0, 7, n).astype(float) for name in "ABC"} | {"D": rng.integers(0, 3, n).astype(float)}

    def doses() -> list[Entry]:
        entries = [Entry(float(t), "bolus", "x", float(rng.integers(1, 4))) for t in rng.integers(0, 8, 3)]
        entries += [Entry(float(t), "infusion", "y", 1.0, float(rng.integers(1, 3))) for t in rng.integers(0, 6, 2)]
        return [*entries, Entry(float(rng.integers(0, 8)), "switch", "k", 0.3)]

    rules = [Decision([1.0, 3.0, 5.0], "u", "x", below=6.0), Decision([2.0, 4.0], "z", "y", above=4.0, until_below=1.0)]
    schedule = Schedule.each([doses() for _ in range(n)], rules)
    reduce = [At("u", 3.0), At("x", 0.0), Area("y", 1.0, 6.0), Maximum("u", 2.0, 5.0)]
    times = np.arange(9.0)
    found, expected = (
        kernel_of(engine, text, outputs=["x", "y", "z", "u"], reduce=reduce).solve(given, schedule, times, rtol=rtol)
        for engine, rtol in (("lanes", 1e-9), ("scipy", 1e-11))
    )
    assert not found.failures
    for name in ("x", "y", "z", "u"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7, atol=1e-9, err_msg=name)
    for item in reduce:
        np.testing.assert_allclose(found[item], expected[item], rtol=1e-7, err_msg=item.label)
    np.testing.assert_allclose(found["u at 3"], found["u"][:, 3], rtol=1e-12)
    np.testing.assert_array_equal(np.array(found.decided.factors), np.array(expected.decided.factors))
    assert (np.array(found.decided.factors) == 0).any()
