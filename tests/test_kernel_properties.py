"""What must hold whatever the numbers: conservation, linearity, and bytes that do not hang on how one asks."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from helpers import compile_with, write_model

from senospine.engine import Entry, Schedule
from senospine.model import load_model
from senospine.model.loading import BIOLOGY

TIMES = np.linspace(0.0, 12.0, 49)


def doses(*rows):
    return Schedule.shared([Entry(*row) for row in rows])


def bytes_of(solution, outputs, rows=slice(None)):
    return [np.ascontiguousarray(solution[name][rows]).tobytes() for name in outputs]


def test_every_milligram_of_the_shipped_drug_is_somewhere(engine, tmp_path):
    """Gut + plasma + eliminated + never absorbed = doses given so far, at every time."""
    body = """
      var gut, plasma, c, e, h;
      nav: OralDrug(gut, plasma, c, e, h);
      nav.absorption_rate is ka; nav.bioavailability is f; nav.distribution_volume is v; nav.clearance is cl;
      ka = 12; f = 0.32; v = 0.6; cl = 4.3; nav.molar_mass = 0.9746; nav.kill_rate_max = 0.9;
      nav.half_kill_concentration = 2; gut = 0; plasma = 0;
      eliminated' = cl / v * plasma; eliminated = 0;
      wasted' = (1 - f) * ka * gut; wasted = 0;"""
    path = write_model(tmp_path, body)
    path.write_text('import "oral_drug.ant"\n' + path.read_text())
    shutil.copy(BIOLOGY / "oral_drug.ant", tmp_path)
    kernel = compile_with(engine, load_model(path))
    times = np.linspace(0.05, 9.95, 100)
    bolus = [(float(day), "bolus", "gut", 50.0) for day in range(7)]
    found = kernel.solve(times=times, schedule=doses(*bolus, (7.5, "infusion", "plasma", 8.0, 1.0)), rtol=1e-9)
    given = 50.0 * np.minimum(np.floor(times) + 1, 7) + 8.0 * np.clip(times - 7.5, 0.0, 1.0)
    total = sum(found[name][0] for name in ("gut", "plasma", "eliminated", "wasted"))
    np.testing.assert_allclose(total, given, rtol=1e-9)
    assert found["eliminated"][0, -1] > 0.3 * 350 * 0.9  # it went through plasma, not just in and out of a sum


def test_a_linear_model_is_linear_in_dose(oral):
    def plasma(factor):
        rows = [(0.0, "bolus", "gut", 50.0 * factor), (2.5, "infusion", "plasma", 9.0 * factor, 3.0)]
        return oral.solve(times=TIMES, schedule=doses(*rows), rtol=1e-10)["plasma"]

    np.testing.assert_allclose(plasma(2.0), 2.0 * plasma(1.0), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(plasma(0.1), 0.1 * plasma(1.0), rtol=1e-8, atol=1e-8)


def test_a_dose_split_at_one_moment_is_the_whole_dose(oral):
    whole = oral.solve(times=TIMES, schedule=doses((1.0, "bolus", "gut", 50.0)))
    split = oral.solve(times=TIMES, schedule=doses(*[(1.0, "bolus", "gut", part) for part in (30.0, 15.0, 5.0)]))
    assert bytes_of(whole, oral.outputs) == bytes_of(split, oral.outputs)


@pytest.mark.parametrize("every", [1, 2, 7, 28, 139])
def test_outputs_do_not_change_the_steps(mouse_kernel, lsi_course, every):
    """The same bytes at common times, however many other outputs there are and wherever they end."""
    fine = np.arange(1.0, 141.0)
    chosen = np.arange(every - 1, 140, every)
    all_times = mouse_kernel.solve(times=fine, schedule=lsi_course)
    some = mouse_kernel.solve(times=fine[chosen], schedule=lsi_course)
    assert bytes_of(some, mouse_kernel.outputs) == bytes_of(all_times, mouse_kernel.outputs, (slice(None), chosen))


def test_a_first_output_right_after_the_start_changes_nothing(oral):
    """LSODA takes its first step from the first output time unless told otherwise."""
    usual = oral.solve(times=[5.0], initial={"gut": 10.0})
    for early in (1e-9, 1e-3, 1.0):
        found = oral.solve(times=[early, 5.0], initial={"gut": 10.0})
        assert found["plasma"][0, -1] == usual["plasma"][0, -1]


def _cohort(n):
    rng = np.random.default_rng(7)
    values = {
        "senescence_removal_rate": rng.uniform(0.2, 0.3, n),
        "navitoclax_clearance": rng.uniform(2.0, 8.0, n),
        "pain_ngf_gain": rng.uniform(0.0, 0.3, n),
    }
    plans = [
        [Entry(91.0 + i, "switch", "instability_load", 1.0), Entry(120.0, "bolus", "navitoclax_gut", 10.0 * i)]
        for i in range(n)
    ]
    return values, plans, np.cumsum(rng.uniform(5.0, 20.0, (n, 10)), axis=1), rng.uniform(0.0, 1.0, n)


def _solve(kernel, cohort, rows):
    values, plans, times, first = cohort
    return kernel.solve(
        {name: value[rows] for name, value in values.items()}, Schedule.each([plans[i] for i in rows]), times[rows],
        initial={"senescent_osteoclasts": first[rows]},
    )  # fmt: skip


def test_permuted_subjects_and_subsets_keep_their_bytes(mouse_kernel):
    cohort = _cohort(8)
    whole = _solve(mouse_kernel, cohort, list(range(8)))
    assert len({row.tobytes() for row in whole["sensitisation"]}) == 8
    for rows in ([7, 2, 5, 0, 1, 6, 3, 4], [3], [6, 1]):
        part = _solve(mouse_kernel, cohort, rows)
        assert bytes_of(part, mouse_kernel.outputs) == bytes_of(whole, mouse_kernel.outputs, rows)


def test_a_scalar_is_the_same_for_all(oral):
    times = [1.0, 2.0]
    scalar = oral.solve({"ke": 0.7}, times=times, initial={"gut": 9.0}, n_subjects=3)
    arrays = oral.solve({"ke": [0.7] * 3}, times=[times] * 3, initial={"gut": [9.0] * 3})
    assert scalar["plasma"].shape == (3, 2)
    assert bytes_of(scalar, oral.outputs) == bytes_of(arrays, oral.outputs)


def _biology(kernel):
    return [name for name in kernel.outputs if not name.startswith("navitoclax")]


#: every way in which navitoclax acts, off
HARMLESS = dict.fromkeys(
    ["navitoclax_kill_rate_max", "blood_platelet_kill_max", "blood_lymphocyte_kill_max", "vertebra_toxicity_rate_max"],
    0.0,
)


def test_a_drug_that_is_not_given_changes_nothing_bit_for_bit(mouse_kernel):
    empty = Schedule.shared([Entry(700.0 + day, "bolus", "navitoclax_gut", 0.0) for day in range(7)])
    times = np.linspace(1.0, 730.0, 50)
    usual = mouse_kernel.solve(times=times, schedule=empty)
    for change in (HARMLESS, {"navitoclax_clearance": 1.0, "navitoclax_bioavailability": 0.9}):
        found = mouse_kernel.solve(change, schedule=empty, times=times)
        assert bytes_of(found, _biology(mouse_kernel)) == bytes_of(usual, _biology(mouse_kernel))


def test_a_drug_that_does_not_kill_changes_nothing(mouse_kernel, aged_course):
    """To the solver's tolerance only: the drug's own kinetics choose the steps that the biology is solved with."""
    times = np.linspace(1.0, 730.5, 100)
    null = HARMLESS
    without = mouse_kernel.solve(null, times=times, rtol=1e-10)
    dosed = mouse_kernel.solve(null, times=times, schedule=aged_course, rtol=1e-10)
    killing = mouse_kernel.solve(times=times, schedule=aged_course, rtol=1e-10)
    for name in _biology(mouse_kernel):
        np.testing.assert_allclose(dosed[name], without[name], rtol=1e-7, atol=1e-8)
    assert dosed["navitoclax_plasma"].max() > 1.0
    assert killing["senescent_osteoclasts"][0, -1] < 0.8 * without["senescent_osteoclasts"][0, -1]


def test_the_young_are_at_rest_without_age_or_instability(mouse_kernel):
    """With production and ageing switched off, a cell-free young animal stays what it is: all folds 1 or 0."""
    found = mouse_kernel.solve(
        {"senescence_critical_age": 1e30, "endplate_formation_decline": 0.0, "pain_running_decline": 0.0},
        times=[100.0, 700.0],
    )
    model = mouse_kernel.model
    folds = [name for name, variable in model.variables.items() if variable.unit == "fold" and name in model.outputs]
    zero = {"instability", "ectopic_ossification", *(name for name in folds if name.startswith("senescent"))}
    assert len(folds) > 40
    for name in folds:
        np.testing.assert_allclose(found[name], 0.0 if name in zero else 1.0, rtol=1e-9, atol=1e-12, err_msg=name)


def test_tighter_tolerance_converges(mouse_kernel, lsi_course):
    times = np.linspace(100.0, 150.0, 20)
    best = mouse_kernel.solve(times=times, schedule=lsi_course, rtol=1e-12)["sensitisation"]
    errors = [
        np.abs(mouse_kernel.solve(times=times, schedule=lsi_course, rtol=rtol)["sensitisation"] - best).max()
        for rtol in (1e-4, 1e-6, 1e-8)
    ]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-4
    assert errors[2] < 1e-6
    assert errors[2] < errors[0]
