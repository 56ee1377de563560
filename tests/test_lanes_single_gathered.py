"""Reductions, decisions and the model's own events in single precision: where time counts from the last break point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of
from scipy.optimize import brentq

from senospine.bench.reference_model import reference_model
from senospine.engine import (
    Area,
    At,
    Decision,
    End,
    Entry,
    Kernel,
    Maximum,
    Mean,
    Minimum,
    Schedule,
    TimeAbove,
    TimeBelow,
    TimeOfMaximum,
    TimeOfMinimum,
    compile_model,
)
from senospine.model import Model

KA, KE = 1.5, 0.25


def both(model: Model, **options: Any) -> tuple[Kernel, Kernel]:
    lean, full = (compile_model(model, precision=name, cache=False, **options) for name in ("single", "double"))
    return lean, full


def plasma(times: Any, days: np.ndarray) -> Any:
    """Plasma after doses of one into the gut."""
    since = np.maximum(np.asarray(times, dtype=float)[..., None] - days, 0.0)
    return (KA / (KA - KE) * (np.exp(-KE * since) - np.exp(-KA * since))).sum(-1)


def cleared(time: float, days: np.ndarray) -> float:
    """The area under plasma so far: what was cleared over its rate."""
    since = np.maximum(time - days, 0.0)
    gut = np.exp(-KA * since[days < time]).sum()
    return float(((days < time).sum() - gut - plasma(time, days)) / KE)


@pytest.mark.parametrize("begin", [0.0, 1e6])
def test_a_year_of_doses_is_reduced_at_its_own_moments(begin: float) -> None:
    """In float32 the moment 8736 h moves in steps of a 1000th of an hour; at 1e6 h of a 16th."""
    days = begin + 24.013 * np.arange(364)
    last, stop = days[-1], days[-1] + 23.987
    schedule = Schedule.shared([Entry(float(day), "bolus", "gut", 1.0) for day in days])
    low, level = days[-3] + 0.29, 0.4
    expected = {
        At("plasma", last + 0.13): plasma(last + 0.13, days), End("plasma"): plasma(stop, days),
        Area("plasma"): cleared(stop, days),
        Area("plasma", low, last + 0.41): cleared(last + 0.41, days) - cleared(low, days),
        Mean("plasma", last - 0.11, last + 0.11): (cleared(last + 0.11, days) - cleared(last - 0.11, days)) / 0.22,
        Maximum("plasma", last, last + 0.5): plasma(last + 0.5, days),
        Minimum("plasma", last + 1.0): plasma(stop, days),
        Minimum("plasma", last - 1.0, last + 1.0): plasma(last, days),
    }  # fmt: skip
    up, down = (brentq(lambda t: plasma(t, days) - level, *ends) for ends in ((last, last + 1.5), (last + 1.5, stop)))
    peak = brentq(lambda t: plasma(t + 1e-4, days) - plasma(t - 1e-4, days), last + 0.5, last + 3.0)
    moments = {
        TimeAbove("plasma", level, last): down - up, TimeBelow("plasma", level, last): stop - last - down + up,
        TimeOfMaximum("plasma", last): peak - begin, TimeOfMinimum("plasma", last - 1.0, last + 1.0): last - begin,
    }  # fmt: skip
    kernel, _ = both(model_of(BATEMAN), reduce=[*expected, *moments])
    solution = kernel.solve(schedule=schedule, times=[stop], start=begin, initial={"gut": 0.0}, rtol=2e-5)
    for item, value in expected.items():
        assert solution[item][0] == pytest.approx(value, rel=3e-4), item.label
    for item, value in moments.items():
        found = solution[item][0] - (begin if isinstance(item, (Maximum, Minimum)) else 0.0)
        assert found == pytest.approx(value, abs=0.01), item.label


def test_sums_of_a_thousand_pieces_are_kept_in_double() -> None:
    """Added up in single precision, 3000 pieces of a tenth miss by a part in 100,000."""
    model = model_of("x' = 0; y' = 0; x = 0.25; y = 0;")
    kernel, _ = both(model, reduce=[TimeAbove("x", 0.125), Area("x"), TimeOfMaximum("y")])
    schedule = Schedule.shared([Entry(0.1 * item, "bolus", "y", 1.0) for item in range(3000)])
    solution = kernel.solve(schedule=schedule, times=[300.05])
    values = [item[0] for item in solution.reductions.values()]
    np.testing.assert_allclose(values, [300.05, 0.25 * 300.05, 299.9], rtol=3e-7)


def test_no_bit_hangs_on_grid_threads_or_company_and_values_are_those_of_the_tolerance() -> None:
    reference = reference_model()
    reduce = [
        Minimum("PLT"), TimeOfMinimum("PLT"), TimeBelow("PLT", 200.0), Area("PAIN", 500.0, 2000.0),
        Mean("u1", 0.0, 1500.0), Maximum("CA"), TimeAbove("CA", 0.5), End("PAIN"), At("S1", 700.0),
    ]  # fmt: skip
    lean, full = both(reference.model, outputs=["PAIN"], reduce=reduce)
    population = reference.population(19)
    schedule = reference.schedule(population)
    tight = full.solve(population, schedule, [2016.0], rtol=1e-9)
    whole = lean.solve(population, schedule, [2016.0], threads=1)
    for item in reduce:
        loose = 0.5 if isinstance(item, TimeOfMinimum) else 0.0
        np.testing.assert_allclose(whole[item], tight[item], rtol=3e-3, atol=loose, err_msg=item.label)
    other = lean.solve(population, schedule, np.linspace(0, 2016, 100), threads=2)
    few = {name: item[7:12] for name, item in population.items()}
    alone = lean.solve(few, reference.schedule(few), [2016.0])
    for item in reduce:
        assert (whole[item] == other[item]).all()
        assert (whole[item][7:12] == alone[item]).all()
    plain = compile_model(reference.model, outputs=["PAIN"], precision="single", cache=False)
    same = plain.solve(population, schedule, np.linspace(0, 2016, 100))
    assert (same["PAIN"] == other["PAIN"]).all()


def test_a_subject_that_fails_has_no_numbers() -> None:
    kernel, _ = both(model_of("k = 0; y' = k*y^2 - 0.1*y; y = 1;"), reduce=[Maximum("y"), Area("y"), End("y")])
    found = kernel.solve({"k": [0.0, 2.0, 0.05]}, times=[5.0])
    for values in found.reductions.values():
        assert np.isnan(values).tolist() == [False, True, False]
    assert found["area under y"][0] == pytest.approx(10 * (1 - np.exp(-0.5)), rel=1e-4)


def test_decisions_are_those_of_double_precision() -> None:
    """Thresholds lie between what visits see, so rounding decides none; held infusions end as they began."""
    model = model_of(BATEMAN)
    doses = [Entry(1e5 + 6.0 * item, "bolus", "gut", 1.0 + item % 3) for item in range(40)]
    doses += [Entry(1e5 + 9.0 * item, "infusion", "plasma", 0.7, 2.1) for item in range(20)]
    visits = [1e5 + 12.0 * item for item in range(1, 20)]
    rules = [
        Decision(visits, "plasma", "gut", above=0.9, until_below=0.6, action="reduce", factor=0.3),
        Decision(visits[2:], "plasma", "plasma", above=np.array([0.8, 1.1, 1.4]), action="hold"),
    ]
    schedule = Schedule.shared(doses, rules)
    found, expected = (
        kernel.solve({"ke": [0.15, 0.25, 0.4]}, schedule, [1e5 + 250.0], start=1e5, initial={"gut": 0.0})
        for kernel in both(model)
    )
    factors = set()
    for subject in range(3):
        one, other = found.decided.doses(subject), expected.decided.doses(subject)
        assert [(item.time, item.given) for item in one] == [(item.time, item.given) for item in other]
        factors |= {item.given / item.planned for item in one}
        seen, exact = ([item.observed for item in run.decided.visits(subject)] for run in (found, expected))
        np.testing.assert_allclose(seen, exact, rtol=2e-3)
    assert factors == {0.0, 0.3, 1.0}
    np.testing.assert_allclose(found["plasma"], expected["plasma"], rtol=2e-3)


@pytest.mark.parametrize("begin", [0.0, 1e6])
def test_an_output_at_the_moment_sees_an_event_at_it_and_not_one_just_after(begin: float) -> None:
    """2.003 after a million is no number of single precision; the last output waits for its event."""
    moment = begin + 2.003
    text = "x' = 0; y' = 0; x = 1; y = 1; T = 2; at (time >= T): x = x + 10; at (time > T): y = y + 10;"
    kernel, _ = both(model_of(text), reduce=[At("x", moment), At("y", moment)], outputs=["x", "y"])
    dose = Schedule.shared([Entry(moment, "bolus", name, 100.0) for name in ("x", "y")])
    given = {"T": [moment]}
    found = kernel.solve(given, dose, [moment - 1, moment, moment + 1], start=begin)
    assert found["x"][0].tolist() == [1, 11, 111]
    assert found["y"][0].tolist() == [1, 1, 111]
    assert [found.reductions[name][0] for name in found.reductions] == [11, 1]
    assert kernel.solve(given, dose, [moment], start=begin)["x"][0, 0] == 11
    more = Schedule.shared([Entry(begin + time, "bolus", "x", 0.0) for time in (0.0, 0.5, 1.0)])
    found = kernel.solve(given, more, [begin + 0.5, moment, begin + 3.0], start=begin)
    assert found["x"][0].tolist() == [1, 11, 11]


def test_events_of_each_subjects_own_are_those_of_double_precision() -> None:
    text = """
      k = 0.3; T = 2; pause = 1; x' = -k*x; x = 1; total := 2*x + 0.1*(time - 5000);
      at (time >= T && time < 5009): x = x + total; at pause after (time > T + 2): x = 0.5*x + k;
    """
    rng = np.random.default_rng(5)
    given = {"T": 5000 + rng.uniform(0.5, 6, 23), "k": rng.uniform(0.1, 1, 23), "pause": rng.uniform(0, 2, 23)}
    schedule = Schedule.each([[Entry(5000 + float(rng.uniform(0, 9)), "bolus", "x", 1.0)] * (i % 3) for i in range(23)])
    reduce = [Maximum("total"), Area("x", 5001.3, 5011.1), TimeOfMaximum("x")]
    times = 5000 + np.linspace(0, 12, 25)
    found, expected = (
        kernel.solve(given, schedule, times, start=5000.0, rtol=rtol)
        for kernel, rtol in zip(both(model_of(text), outputs=["x"], reduce=reduce), (2e-5, 1e-9), strict=True)
    )
    np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-3)
    for item in reduce[:2]:
        np.testing.assert_allclose(found[item], expected[item], rtol=1e-3)
    np.testing.assert_allclose(found[reduce[2]], expected[reduce[2]], atol=1e-5, rtol=0)
