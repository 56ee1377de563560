"""How fast people with discs in layers are solved beside the mouse, per state, under the same schedule of doses.

Run with ``python benchmarks/disc_speed.py [ROUNDS] [SUBJECTS]``. Everyone gets six cycles of seven daily doses every 21
days from the adult's own state on, and is followed for 140 days, on one core. Models take turns in each round; told are
medians of states solved a second, over subjects and over steps, and their ratio to the mouse's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from senospine.engine import At, Entry, Kernel, Schedule, compile_model
from senospine.model import load_model
from senospine.therapy import compose_model, load_drug

DOSES = [21.0 * cycle + day for cycle in range(6) for day in range(7)]
SPAN = 140.0


def prepared(kernel: Kernel, target: str, dose: float, adult: float, subjects: int) -> Callable[[], int]:
    """Return what solves the model for all subjects and tells the steps taken."""
    model = kernel.model
    generator = np.random.default_rng(5)
    moved = {
        name: value * np.exp(0.2 * generator.standard_normal(subjects))
        for name, value in model.parameters.items()
        if value > 0 and name.startswith("navitoclax_") and "bioavailability" not in name
    }
    states = compile_model(model, list(model.states)).solve(times=[adult], n_subjects=1)
    start = {name: float(states[name][0, 0]) for name in model.states}
    schedule = Schedule.shared([Entry(adult + day, "bolus", target, dose) for day in DOSES])

    def work() -> int:
        solution = kernel.solve(moved, schedule, initial=start, start=adult, n_subjects=subjects, threads=1)
        assert not solution.failures
        return int(solution.steps.sum()) if solution.steps is not None else 0

    return work


def main(rounds: int, subjects: int) -> None:
    """Measure and tell."""
    drugs = ["navitoclax", "rg-7112", "o-vanillin"]
    plain = load_drug("navitoclax").model_copy(update={"disc": {}})
    flat = {**plain.actions, "human": {k: v for k, v in plain.actions["human"].items() if v.reads != "disc"}}
    cases = {
        "mouse": (load_model("mouse"), "navitoclax_gut", 50.0, 120.0),
        "human, one drug, no disc": (
            compose_model("human", [plain.model_copy(update={"actions": flat})]), "navitoclax_gut", 150.0, 21915.0,
        ),
        "human, one drug": (compose_model("human", drugs[:1]), "navitoclax_gut", 150.0, 21915.0),
        "human, three drugs": (compose_model("human", drugs), "navitoclax_gut", 150.0, 21915.0),
    }  # fmt: skip
    work = {}
    for name, (model, target, dose, adult) in cases.items():
        kernel = compile_model(model, reduce=[At("senescent_disc_cells", time=adult + SPAN)])
        work[name] = prepared(kernel, target, dose, adult, subjects)
        work[name]()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    steps = {}
    for _ in range(rounds):
        for name, run in work.items():
            begun = time.process_time()
            steps[name] = run()
            seconds[name].append(time.process_time() - begun)
    own = {}
    for name, (model, *_) in cases.items():
        spent, count = float(np.median(seconds[name])), len(model.states)
        own[name] = (subjects * count / spent, steps[name] * count / spent)
        ratios = [mine / mouse for mine, mouse in zip(own[name], own["mouse"], strict=True)]
        print(  # noqa: T201
            f"{name:26s} {count:3d} states  {steps[name] / subjects:6.0f} steps  {subjects / spent:8.0f} subjects/s  "
            f"{own[name][0]:10.3g} states/s ({ratios[0]:.2f} of the mouse)  {own[name][1]:9.3g} state-steps/s "
            f"({ratios[1]:.2f})"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (7, 512))
