"""What a solve is given, checked and brought into arrays; the same for every kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.schedule import Schedule, check_times
from senospine.errors import ModelError, ScheduleError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """One call of a kernel, checked.

    Attributes
    ----------
    first : ndarray, shape (n_subjects, n_states)
        Initial values.
    constants : ndarray, shape (n_subjects, n_constants)
    outputs_at : ndarray, shape (n_times,) or (n_subjects, n_times)
        Times of the outputs.
    times : ndarray, of the same kind
        The same with how far reductions reach.
    edges : ndarray, shape (1 or n_subjects, n_windows, 2)
        Of the reductions' windows.
    """

    first: Array
    constants: Array
    outputs_at: Array
    times: Array
    edges: Array
    schedule: Schedule | None
    start: float
    rtol: float
    max_steps: int
    threads: int | None

    @property
    def count(self) -> int:
        """Number of subjects."""
        return len(self.first)


def refuse_settings(start: float, rtol: float, max_steps: int, n_subjects: int | None) -> None:
    """Refuse numbers that no solver can honour."""
    if not np.isfinite(start):
        raise ScheduleError(f"the start {start} is not a finite number")
    if not 0 < rtol < 1:
        raise ModelError(f"rtol {rtol} is not between 0 and 1", remedy="1e-6 suits most uses")
    if max_steps < 1:
        raise ModelError(f"max_steps {max_steps} allows no step")
    if n_subjects is not None and n_subjects < 1:
        raise ModelError(f"n_subjects {n_subjects} is not a positive number")


def output_times(times: ArrayLike, start: float) -> Array:
    """Return the output times as an array, shape (n_times,) or (n_subjects, n_times)."""
    try:
        checked = np.ascontiguousarray(times, dtype=float)
    except (TypeError, ValueError):
        raise ScheduleError("the output times are not numbers") from None
    check_times(checked)
    if checked.size and checked.min() < start:
        raise ScheduleError(f"an output at {checked.min():g} lies before the start at {start:g}")
    return checked


def columns_of(given: Mapping[str, ArrayLike], word: str) -> dict[str, Array]:
    """Return ``given`` as arrays of numbers, scalars or one per subject."""
    result = {}
    for name, value in given.items():
        try:
            result[name] = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise ModelError(f"{word} '{name}' is not a number or an array of numbers") from None
        if result[name].ndim > 1:
            raise ModelError(
                f"{word} '{name}' has shape {result[name].shape}", remedy="give a scalar or an array (n_subjects,)"
            )
    return result


def count_subjects(
    parameters: Mapping[str, Array],
    schedule: Schedule | None,
    times: Array,
    initial: Mapping[str, Array],
    given: int | None,
) -> int:
    """Return the number of subjects that the arguments tell, or 1."""
    sizes = {"n_subjects": given} if given is not None else {}
    for source in (parameters, initial):
        sizes |= {name: len(value) for name, value in source.items() if np.ndim(value) == 1}
    if times.ndim == 2:
        sizes["times"] = len(times)
    if schedule is not None and schedule.n_subjects is not None:
        sizes["schedule"] = schedule.n_subjects
    if len(set(sizes.values())) > 1:
        words = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ModelError(f"different numbers of subjects ({words})", remedy="give arrays of one length, or scalars")
    return next(iter(sizes.values()), 1)
