"""Safety in people: blood counts, their CTCAE grades over a course of treatment, and trabecular bone.

A grade is told on a continuous scale whose whole numbers are the cut-offs, so that the noise of counting acts on the
count; what is written down is the whole number below. Definitions are CTCAE version 5 (US Department of Health and
Human Services, 2017), read as "worst grade of the course, if worse than before the first dose".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from senospine.assays.readout import (
    Array,
    Expected,
    Noise,
    Readout,
    States,
    Traits,
    log_normal_noise,
    log_sd,
    no_noise,
    value_of,
)
from senospine.errors import StudyError, suggest

#: model output -> word of its rows in the register; a count below cut-off g has at least grade g
GRADED = {"platelets": "platelet", "neutrophils": "neutrophil", "lymphocytes": "lymphocyte"}
PEOPLE_AND_DOGS = ("human", "dog")
_TOP, _BOTTOM = 4.0, 0.01  # counts, over the first and the last cut-off, at which the scale ends at 0 and just below 5


def cut_offs(cells: str) -> Array:
    """Return the counts [1e9/L] below which grades 1, 2, 3 and 4 begin.

    Raises
    ------
    StudyError
        Cells that are not graded.

    Examples
    --------
    >>> cut_offs("platelets").tolist()
    [150.0, 75.0, 50.0, 25.0]
    """
    if cells not in GRADED:
        raise StudyError(f"'{cells}' have no CTCAE grades here", remedy=suggest(cells, GRADED))
    return np.array([value_of(f"{GRADED[cells]}_grade_{grade}") for grade in (1, 2, 3, 4)])


def ctcae_grade(cells: str, count: ArrayLike) -> Array:
    """Return the CTCAE grade of counts [1e9/L], 0 to 4.

    Examples
    --------
    >>> ctcae_grade("platelets", [150.0, 149.0, 50.0, 24.9]).tolist()
    [0.0, 1.0, 2.0, 4.0]
    """
    return np.asarray((np.asarray(count, dtype=float)[..., None] < cut_offs(cells)).sum(axis=-1), dtype=float)


def _scale(cells: str) -> tuple[Array, Array]:
    """Return logarithms of counts, falling, and the continuous grades at them."""
    cuts = cut_offs(cells)
    return -np.log([_TOP * cuts[0], *cuts, _BOTTOM * cuts[-1]]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.999])


def _worst(cells: str) -> Expected:
    def expected(y: States, _: Traits) -> Array:
        counts = np.asarray(y[cells])
        low = counts.min(axis=-1)
        fallen, grades = _scale(cells)
        worse = ctcae_grade(cells, low) > ctcae_grade(cells, counts[..., 0])
        return np.asarray(np.where(worse, np.interp(-np.log(low), fallen, grades), 0.0))

    return expected


def _grade_noise(cells: str) -> Noise:
    def noise(expected: Array, generator: np.random.Generator) -> Array:
        fallen, grades = _scale(cells)
        logs = np.interp(expected, grades, fallen) + log_sd("count_noise_cv") * generator.standard_normal(
            expected.shape
        )
        return np.where(expected > 0, np.floor(np.interp(logs, fallen, grades)), 0.0)

    return noise


def _fall(y: States, _: Traits) -> Array:
    counts = np.asarray(y["platelets"])
    return np.asarray(100 * (1 - counts.min(axis=-1) / counts[..., 0]))


def _fall_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Two counts, each with its error."""
    left = log_normal_noise("count_noise_cv")(1 - expected / 100, generator)
    return 100 * (1 - log_normal_noise("count_noise_cv")(left, generator))


def _nadir_day(y: States, _: Traits) -> Array:
    return np.asarray(np.asarray(y["time"])[np.asarray(y["platelets"]).argmin(axis=-1)], dtype=float)


def _bone(y: States, _: Traits) -> Array:
    return np.asarray(value_of("vertebral_bone_young") * y["trabecular_bone"])


def _count(cells: str) -> Expected:
    return lambda y, _: np.asarray(y[cells])


def _nadir(cells: str) -> Expected:
    return lambda y, _: np.asarray(y[cells]).min(axis=-1)


def blood_readouts() -> list[Readout]:
    """Return the read-outs of blood and bone in people."""
    counted = log_normal_noise("count_noise_cv")
    rows = []
    for cells, word in GRADED.items():
        rows += [
            Readout(f"{cells}_counted", cells, "1e9/L", f"{word} count, whole blood, person", (cells,), "down", False,
                    _count(cells), counted, PEOPLE_AND_DOGS),
            Readout(f"{word}_nadir", f"{word} nadir", "1e9/L", f"lowest {word} count of the course, person", (cells,),
                    "down", False, _nadir(cells), counted, PEOPLE_AND_DOGS, course=True),
            Readout(f"{word}_grade", f"{word} grade", "grade",
                    f"CTCAE v5, {word} count decreased, worst of the course if worse than before it",
                    (cells,), "up", False, _worst(cells), _grade_noise(cells), PEOPLE_AND_DOGS, course=True),
        ]  # fmt: skip
    return [
        *rows,
        Readout("platelet_fall", "platelets lost at nadir", "percent",
                "fall from before the first dose to the lowest platelet count of the course, percent of the former",
                ("platelets",), "up", False, _fall, _fall_noise, PEOPLE_AND_DOGS, course=True),
        Readout("platelet_nadir_day", "day of platelet nadir", "day",
                "days from first dose to the lowest of daily platelet counts",
                ("platelets",), "up", False, _nadir_day, no_noise, PEOPLE_AND_DOGS, course=True),
        Readout("vertebral_bone", "vertebral trabecular bone", "mg/mL", "trabecular mineral density, QCT, lumbar",
                ("trabecular_bone",), "down", False, _bone, log_normal_noise("vertebral_bone_noise_cv"), ("human",)),
    ]  # fmt: skip
