"""How fast people are simulated beside mice, per subject and state, in interleaved rounds; prints ratios.

Run it with ``python benchmarks/human_speed.py``. Three tasks: a life without treatment (90 years against 2), half a year
without treatment, and half a year with something happening every week. 1 means equal speed per state.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from senospine import Entry, Schedule, compile_model, load_model
from senospine.subjects import draw_parameters, draw_people, untreated_life

YEAR, HALF_YEAR = 365.25, 182.0


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    n = options.subjects
    mouse, human = load_model("mouse"), load_model("human")
    tasks = {"mouse": _mouse_tasks(mouse, n), "human": _human_tasks(human, n)}
    states = {"mouse": len(mouse.states), "human": len(human.states)}
    for name in tasks["mouse"]:
        seconds: dict[str, list[float]] = {"mouse": [], "human": []}
        for number in range(options.rounds + 1):
            for species in seconds if number % 2 else reversed(seconds):
                began = time.perf_counter()
                tasks[species][name]()
                if number:  # the first round compiles
                    seconds[species].append(time.perf_counter() - began)
        rates = {species: [n * states[species] / s for s in found] for species, found in seconds.items()}
        ratios = [h / m for h, m in zip(rates["human"], rates["mouse"], strict=True)]
        print(  # noqa: T201
            f"{name}: people {statistics.median(rates['human']):.3g}, mice {statistics.median(rates['mouse']):.3g} "
            f"subject-states/s; ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), "
            f"{options.rounds} rounds, {n} subjects, {states['human']} and {states['mouse']} states"
        )


def _mouse_tasks(model, n: int) -> dict[str, Callable[[], object]]:
    kernel = compile_model(model, outputs=["sensitisation"])
    drawn = draw_parameters(model, n, 1)
    age = 300.0
    initial = _at(compile_model(model, outputs=list(model.states)), drawn, age, model)
    later = Schedule.shared([Entry(age + 7.0 * week, "bolus", "navitoclax_gut", 50.0) for week in range(26)])
    end = [age + HALF_YEAR]
    return {
        "an untreated life": lambda: kernel.solve(drawn, times=[2 * YEAR]),
        "half a year untreated": lambda: kernel.solve(drawn, times=end, start=age, initial=initial),
        "half a year, weekly": lambda: kernel.solve(drawn, later, times=end, start=age, initial=initial),
    }


def _human_tasks(model, n: int) -> dict[str, Callable[[], object]]:
    kernel = compile_model(model, outputs=["spinal_pain"])
    people = draw_people(model, n, 1, "degenerated")
    born = {**people.parameters, "age_at_start": 0.0}
    initial = untreated_life(model, people.parameters, people.ages)
    weekly = [
        Entry(7.0 * week + day, "switch", "endplate_kill", on)
        for week in range(26)
        for day, on in ((0.0, 0.5), (1.0, 0.0))
    ]
    return {
        "an untreated life": lambda: kernel.solve(born, times=[90 * YEAR]),
        "half a year untreated": lambda: kernel.solve(people.parameters, times=[HALF_YEAR], initial=initial),
        "half a year, weekly": lambda: kernel.solve(
            people.parameters, Schedule.shared(weekly), times=[HALF_YEAR], initial=initial
        ),
    }


def _at(kernel, drawn, age: float, model) -> dict[str, np.ndarray]:
    solution = kernel.solve(drawn, times=[age])
    return {state: solution[state][:, 0] for state in model.states}


if __name__ == "__main__":
    main()
