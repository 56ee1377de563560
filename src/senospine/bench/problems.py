"""The problems: the reference model in two sizes, and the mouse of this package under both published schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from senospine.bench.peers.statement import Event, Statement
from senospine.bench.reference_model import DOSE_TIMES, DRUGS, OUTPUT_TIMES, reference_model
from senospine.bench.statements import diffsl, sbml_with_events, smooth_steps
from senospine.engine.start import start_values
from senospine.errors import BenchmarkError, suggest
from senospine.model import Model, load_model
from senospine.study.file import load_study
from senospine.study.run import output_times
from senospine.subjects import draw_parameters

Array = NDArray[np.float64]
SEED = 1
AFTER_DOSE = 2 / 24


def _reference(layers: int, subjects: int) -> Statement:
    """A year, 130 moments of dosing, three drugs, each subject's own doses."""
    reference = reference_model(layers)
    events = [Event(time, "bolus", f"G{drug}", f"dose{drug}") for time in DOSE_TIMES for drug in DRUGS]
    name = f"reference-{len(reference.model.states)}"
    population = reference.population(subjects, SEED)
    return state(name, reference.model, reference.outputs, population, events, OUTPUT_TIMES, 0.0, subjects)


def _mouse(study: str, arm_name: str, subjects: int) -> Statement:
    """Mice from birth to the day of measurement, treated as in the paper."""
    model = load_model("mouse")
    loaded = load_study(study)
    arm = next(arm for arm in loaded.arms if arm.name == arm_name)
    events = [Event(item.time, item.kind, item.target, item.amount) for item in arm.entries]
    times = output_times(loaded, arm)
    dosed = np.isclose(times[:, None], [event.time for event in events], rtol=0, atol=1e-5).any(axis=1)
    times = np.unique(np.where(dosed, times + AFTER_DOSE, times))  # whether a dose is in an output is no question here
    times = times[(times > 0) & (times <= arm.measure_day)]
    times = times[np.concatenate(([True], np.diff(times) > 1e-6))]
    name = f"mouse-{study.removeprefix('pan2024-')}"
    return state(name, model, model.states, draw_parameters(model, subjects, SEED), events, times, 0.0, subjects)


PROBLEMS: dict[str, Callable[[int], Statement]] = {
    "reference-46": partial(_reference, 7),
    "reference-85": partial(_reference, 20),
    "mouse-lsi": partial(_mouse, "pan2024-lsi", "navitoclax"),
    "mouse-aged": partial(_mouse, "pan2024-aged", "navitoclax"),
}


def problem(name: str, subjects: int) -> Statement:
    """Return a problem by name.

    Raises
    ------
    BenchmarkError
        There is no such problem.
    """
    if name not in PROBLEMS:
        raise BenchmarkError(f"no benchmark model '{name}'", remedy=suggest(name, PROBLEMS))
    return PROBLEMS[name](subjects)


def state(
    name: str, model: Model, outputs: Sequence[str], population: dict[str, Array], events: Sequence[Event],
    times: Sequence[float] | Array, start: float, subjects: int,
) -> Statement:  # fmt: skip
    """Return the statement of a problem; what happens at its start is put into the initial values."""
    initial, values = start_values(model, population, {}, start, subjects)
    initial = initial.copy()
    parameters = list(model.parameters)
    for event in (event for event in events if event.time == start):
        amount = values[:, parameters.index(event.amount)] if isinstance(event.amount, str) else event.amount
        if event.kind == "bolus":
            initial[:, model.states.index(event.target)] += amount
        else:
            values[:, parameters.index(event.target)] = amount
    later = tuple(event for event in events if event.time > start)
    sbml = sbml_with_events(model, later)
    return Statement(
        name, model.states, tuple(parameters), tuple(outputs), tuple(model.scale(item) for item in model.states), start,
        tuple(float(time) for time in times), later, model.to_sbml(), sbml, smooth_steps(sbml),
        diffsl(model), values, initial,
    )  # fmt: skip
