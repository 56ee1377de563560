"""The mouse in libRoadRunner (CVODE), which shares no code with ours (Welsh 2023, 10.1093/bioinformatics/btac770)."""

from __future__ import annotations

import numpy as np
import pytest
import roadrunner

from senospine.engine import Entry, Schedule
from senospine.study import load_study, published_studies


def reference(model, schedule, times):
    """Solve in libRoadRunner from break point to break point; an output at an entry is the value before it."""
    runner = roadrunner.RoadRunner(model.to_sbml())
    runner.integrator.relative_tolerance = 1e-12
    runner.integrator.absolute_tolerance = 1e-14
    runner.integrator.maximum_num_steps = 1_000_000
    runner.timeCourseSelections = list(model.states)
    entries = sorted(schedule.of(0), key=lambda entry: entry.time)
    result = np.full((len(model.states), len(times)), np.nan)
    now = 0.0
    for stop in [*sorted({entry.time for entry in entries}), times[-1]]:
        inside = np.flatnonzero((times > now) & (times <= stop))
        if stop > now:
            grid = np.unique([now, *times[inside], stop])
            path = np.asarray(runner.simulate(times=grid.tolist()))
            result[:, inside] = path[np.searchsorted(grid, times[inside])].T
        for entry in entries:
            if entry.time == stop:
                runner[entry.target] = entry.amount + (runner[entry.target] if entry.kind == "bolus" else 0.0)
        now = stop
    return result


def _grid(schedule, first, last):
    """At least a hundred times: even ones, every entry, and an hour and a half after it."""
    entries = np.array([entry.time for entry in schedule.of(0)])
    grid = np.unique(np.concatenate([np.linspace(first, last, 101), entries, entries + 1 / 16]))
    return grid[(grid >= first) & (grid <= last)]


DOSES = {"rg7112_effect": 100.0, "o_vanillin_effect": 100.0, "celecoxib_effect": 80.0, "tak242_effect": 3.0,
         "navitoclax_gut": 50.0}  # fmt: skip


def _all_drugs(start, *, instability):
    """Return every drug weekly, all at one moment, in a SPARC-null mouse that may have instability as well."""
    switches = [Entry(0.0, "switch", "sparc_loss", 1.0), Entry(0.0, "switch", "drug_interaction", 0.5),
                Entry(0.0, "switch", "immune_ageing", 1.0), Entry(0.0, "switch", "o_vanillin_analgesia", 0.5),
                Entry(0.0, "switch", "navitoclax_kills_osteoclasts", 0.5)]  # fmt: skip
    if instability:
        switches.append(Entry(start - 28.0, "switch", "instability_load", 1.0))
    doses = [Entry(start + 7.0 * week, "bolus", name, dose) for week in range(4) for name, dose in DOSES.items()]
    return Schedule.shared([*switches, *doses])


@pytest.mark.parametrize(
    "case",
    ["instability and navitoclax", "old age and navitoclax", "no treatment", "SPARC lost, all drugs",
     "SPARC lost and instability, all drugs, secretome suppresses"],
)  # fmt: skip
def test_every_state_of_the_mouse_agrees(mouse, mouse_kernel, lsi_course, aged_course, case):
    schedule, first, last = {
        "instability and navitoclax": (lsi_course, 80.0, 91.3125 + 56),
        "old age and navitoclax": (aged_course, 650.0, 730.5),
        "no treatment": (Schedule.shared([]), 7.0, 730.5),
        "SPARC lost, all drugs": (_all_drugs(240.0, instability=False), 230.0, 280.0),
        "SPARC lost and instability, all drugs, secretome suppresses": (
            Schedule.shared([Entry(0.0, "switch", "secretome_recruits_osteoclasts", -1.0),
                             *_all_drugs(120.0, instability=True).of(0)]), 100.0, 160.0),
    }[case]  # fmt: skip
    times = _grid(schedule, first, last)
    assert len(times) >= 100
    theirs = reference(mouse, schedule, times)
    found = mouse_kernel.solve(times=times, schedule=schedule, rtol=1e-10)
    assert found.failures == ()
    for name, expected in zip(mouse.states, theirs, strict=True):
        assert np.isfinite(expected).all(), name
        peak = max(np.abs(expected).max(), 1e-12)  # a state at rest at zero carries CVODE's rounding, near 1e-27
        difference = np.abs(found[name][0] - expected) / (1e-5 * np.maximum(np.abs(expected), 1e-3 * peak))
        assert difference.max() <= 1.0, (name, times[difference.argmax()])
    if schedule.of(0):
        assert theirs[mouse.states.index("navitoclax_plasma")].max() > 1.0


@pytest.mark.parametrize("name", [name for name in published_studies() if load_study(name).species == "mouse"])
def test_every_arm_of_every_study_agrees(mouse, mouse_kernel, name):
    """At every moment of measurement and at forty times before, within 1e-5 of it or a thousandth of its peak.

    The peak is at least the state's declared scale: far below it solvers leave what their tolerances allow.
    """
    for arm in load_study(name).arms:
        measured = [day for _, day in arm.moments]
        times = np.unique([*np.linspace(max(measured[-1] - 120.0, 1.0), measured[-1], 40), *measured])
        schedule = Schedule.shared(arm.entries)
        theirs = reference(mouse, schedule, times)
        found = mouse_kernel.solve(times=times, schedule=schedule, rtol=1e-9)
        assert found.failures == ()
        for state, expected in zip(mouse.states, theirs, strict=True):
            peak = max(np.abs(expected).max(), mouse.scale(state))
            difference = np.abs(found[state][0] - expected) / (1e-5 * np.maximum(np.abs(expected), 1e-3 * peak))
            assert difference.max() <= 1.0, (arm.name, state, times[difference.argmax()])
