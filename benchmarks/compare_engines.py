"""Lanes, SciPy and libRoadRunner on the mouse and on the reference model, in turns within one run.

    python benchmarks/compare_engines.py [rounds]

Speeds are subjects per second, medians of the rounds. Ratios are formed within a round and their median is given, so a
machine that is busy with other work disturbs them less. Errors: the worst output, time and subject, relative to the
larger of the value, 1 % of its peak and 1 % of its declared scale.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from reference_model import OUTPUT_TIMES, reference_model, worst_error
from rich.console import Console
from rich.table import Table

import senospine
from senospine.engine import Entry, Schedule, compile_model
from senospine.engine.lanes import LaneKernel
from senospine.model import Model
from senospine.subjects import draw_parameters


@dataclass(frozen=True)
class Problem:
    """A model with a population, a schedule and what to record."""

    name: str
    model: Model
    outputs: tuple[str, ...]
    population: dict[str, Any]
    schedule: Schedule
    times: np.ndarray
    few: int  # subjects for the slow engines

    @property
    def floor(self) -> np.ndarray:
        """Sizes below which an output's error is not looked at relatively: a hundredth of its declared scale."""
        return 0.01 * np.array([self.model.scale(name) for name in self.outputs])

    def first(self, count: int) -> tuple[dict[str, Any], Schedule]:
        """Return the first subjects' parameters and schedule."""
        schedule = Schedule(self.schedule.entries[:count], True) if self.schedule.per_subject else self.schedule
        return {name: values[:count] for name, values in self.population.items()}, schedule


def mouse() -> Problem:
    """Return two years of a mouse's life: surgery, then two cycles of seven daily doses; recorded weekly."""
    model = senospine.load_model("mouse")
    entries = [Entry(90.0, "switch", "instability_load", 1.0)]
    entries += [
        Entry(118.0 + 21 * cycle + day, "bolus", "navitoclax_gut", 50.0) for cycle in (0, 1) for day in range(7)
    ]
    population = draw_parameters(model, 1000, 1)
    names = tuple(name for name in model.outputs if name in model.variables)
    return Problem("mouse", model, names, dict(population), Schedule.shared(entries), np.arange(7.0, 731.0, 7.0), 6)


def reference() -> Problem:
    """Return the reference model over a year."""
    item = reference_model()
    population = item.population(256)
    return Problem("reference", item.model, item.outputs, population, item.schedule(population), OUTPUT_TIMES, 2)


def roadrunner(problem: Problem, rtol: float) -> Callable[[int], np.ndarray]:
    """Return a function that solves the first subjects with libRoadRunner's CVODE, from break point to break point."""
    import roadrunner as rr

    runner = rr.RoadRunner(problem.model.to_sbml())
    runner.timeCourseSelections = ["time", *problem.outputs]
    runner.integrator.setValue("stiff", True)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = rtol, rtol * 1e-2
    runner.integrator.setValue("maximum_num_steps", 1_000_000)

    def solve(count: int) -> np.ndarray:
        population, schedule = problem.first(count)
        results = []
        for subject in range(count):
            runner.resetToOrigin()
            for name, values in population.items():
                runner[name] = float(values[subject])
            if "PLT0" in population:
                for name in ("PRO", "T1", "T2", "T3", "PLT"):
                    runner[name] = float(population["PLT0"][subject])
            entries = sorted(schedule.of(subject), key=lambda item: item.time)
            now, rows = 0.0, []
            for stop in [*sorted({item.time for item in entries}), float(problem.times[-1])]:
                grid = problem.times[(problem.times > now) & (problem.times <= stop)]
                if stop > now:
                    path = np.unique(np.concatenate(([now], grid, [stop])))
                    table = np.asarray(runner.simulate(times=[float(t) for t in path]))
                    rows.append(table[np.isin(path, grid), 1:])
                for item in entries:
                    if item.time == stop < problem.times[-1]:
                        runner[item.target] = (
                            item.amount if item.kind == "switch" else runner[item.target] + item.amount
                        )
                now = stop
            results.append(np.concatenate(rows))
        return np.array(results)

    return solve


def engines(problem: Problem, rtol: float) -> dict[str, tuple[int, Callable[[], np.ndarray]]]:
    """Return the engines: how many subjects each is given, and a function that solves them."""
    lanes = compile_model(problem.model, problem.outputs)
    scipy = compile_model(problem.model, problem.outputs, engine="scipy")
    runner = roadrunner(problem, rtol)
    everyone = len(next(iter(problem.population.values())))

    def kernel(which: Any, count: int, **options: Any) -> Callable[[], np.ndarray]:
        population, schedule = problem.first(count)

        def solve() -> np.ndarray:
            solution = which.solve(population, schedule, problem.times, rtol=rtol, **options)
            return np.stack([solution[name] for name in problem.outputs], -1)

        return solve

    return {
        "lanes, 1 thread": (everyone, kernel(lanes, everyone, threads=1)),
        "lanes, 2 threads": (everyone, kernel(lanes, everyone, threads=2)),
        "SciPy LSODA": (problem.few, kernel(scipy, problem.few)),
        "libRoadRunner CVODE": (problem.few, lambda: runner(problem.few)),
    }


def build_seconds(name: str) -> tuple[float, float]:
    """Return how long a build takes in a fresh process, imports and reading left out: cold, and from the cache."""
    read = {
        "mouse": "senospine.load_model('mouse'), None",
        "reference": "(lambda r: (r.model, r.outputs))(reference_model())",
    }
    script = (
        "import sys, time, senospine; sys.path.insert(0, sys.argv[1])\n"
        "from reference_model import reference_model; import llvmlite.binding, senospine.engine.lanes\n"
        f"model, outputs = {read[name]}\n"
        "start = time.perf_counter()\n"
        "senospine.compile_model(model, outputs, cache=sys.argv[2]).build()\n"
        "sys.stdout.write(str(time.perf_counter() - start))"
    )
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-c", script, sys.path[0], folder]
        times = [float(subprocess.run(call, check=True, capture_output=True, text=True).stdout) for _ in range(6)]
    return times[0], float(np.median(times[1:]))


def main(rounds: int) -> None:
    """Run everything and print the tables."""
    console = Console(width=110)
    for problem, rtol in ((mouse(), 1e-6), (mouse(), 1e-4), (reference(), 1e-4)):
        choices = engines(problem, rtol)
        population, schedule = problem.first(problem.few)
        tight = LaneKernel(problem.model, problem.outputs).solve(population, schedule, problem.times, rtol=1e-11)
        truth = np.stack([tight[name] for name in problem.outputs], -1)
        speeds: dict[str, list[float]] = {name: [] for name in choices}
        errors = {}
        for turn in range(rounds + 1):
            for name, (count, solve) in choices.items():
                begin = time.perf_counter()
                values = solve()
                speeds[name].append(count / (time.perf_counter() - begin))
                if turn == 0:
                    errors[name] = worst_error(values[: problem.few], truth, problem.floor).max()
        cold, warm = build_seconds(problem.name)
        size = f"{problem.name}: {len(problem.model.states)} states, rtol {rtol:g}"
        title = f"{size}; build {cold:.2f} s, from cache {warm * 1e3:.0f} ms"
        table = Table("engine", "subjects/s", "times SciPy", "worst error", title=title)
        base = np.array(speeds["SciPy LSODA"][1:])
        for name, values in speeds.items():
            own = np.array(values[1:])
            table.add_row(name, f"{np.median(own):,.1f}", f"{np.median(own / base):,.1f}", f"{errors[name]:.1e}")
        both = np.array(speeds["lanes, 2 threads"][1:]) / np.array(speeds["lanes, 1 thread"][1:])
        console.print(table)
        console.print(f"two threads to one: {np.median(both):.2f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
