"""Those who stop a therapy for good: from which days a bank follows them, and anybody who stops in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import TrialError

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Stops:
    """Courses under one therapy of people who stop for good, one set a stop day.

    What somebody who stops has had is the doses given before that day, so stop days are placed by them: between two
    doses nothing changes, and who stops after half of the doses between two stop days follows the mean of their
    courses. Whoever stops before the first dose is untreated, after the last treated.

    Attributes
    ----------
    days : tuple of float
        Stop days, rising, each after more doses than the one before: doses from that day on are not given. None for a
        therapy of one dose, which is had or not.
    doses : tuple of float
        Days on which something is given, rising.
    courses : tuple of mapping of output to ndarray, shape (n_patients, n_days_after)
        For each stop day, values on the bank's days after it; until then they are those of the treated.
    """

    days: tuple[float, ...]
    doses: tuple[float, ...]
    courses: tuple[Mapping[str, Single], ...]

    def __post_init__(self) -> None:
        if telling(self.days, self.doses) != self.days or len(self.courses) != len(self.days):
            raise TrialError(
                f"stop days {', '.join(f'{day:g}' for day in self.days)} are not one a set of courses, each after more "
                "doses than the one before"
            )

    def check(self, therapy: str, outputs: Iterable[str], patients: int, days: Array) -> None:
        """Refuse courses that are not those of so many patients on the days after each stop."""
        for stop, course in zip(self.days, self.courses, strict=True):
            shape = (patients, int((days > stop).sum()))
            for name in outputs:
                if name not in course or course[name].shape != shape or not np.isfinite(course[name]).all():
                    raise TrialError(
                        f"the bank's course '{name}' of those who stop '{therapy}' on day {stop:g} is not {shape[0]} "
                        f"patients by {shape[1]} days",
                        why="each patient needs a finite value on every day after the stop",
                    )

    @cached_property
    def _given(self) -> Integers:
        """Doses before each of: never begun, the stop days, never stopped."""
        return np.array([0, *np.searchsorted(self.doses, self.days), len(self.doses)])

    def weights(self, days: ArrayLike) -> Array:
        """Return how much of each course makes those of people who stop on ``days``, shape (n, n_stops + 2).

        Columns are the untreated, the stop days', and the treated; rows add up to 1.
        """
        given = np.searchsorted(self.doses, np.atleast_1d(np.asarray(days, float)))
        below = np.clip(np.searchsorted(self._given, given, side="right") - 1, 0, len(self._given) - 2)
        low, high = self._given[below], self._given[below + 1]
        share = (given - low) / np.maximum(high - low, 1)
        found = np.zeros((len(given), len(self._given)))
        rows = np.arange(len(given))
        found[rows, below] = 1 - share
        found[rows, below + 1] = share
        return found

    def mixed(
        self, output: str, weights: Array, untreated: Array, treated: Array, rows: Integers, at: Integers, days: int
    ) -> Array:
        """Return weighted courses of patients ``rows`` at the places ``at`` of the bank's days, shape (n, n_at).

        Parameters
        ----------
        output : str
        weights : ndarray, shape (n, n_stops + 2)
        untreated, treated : ndarray, shape (n, n_at)
        rows, at : ndarray of int, shape (n,) and (n_at,)
        days : int
            How many the bank has.
        """
        found = weights[:, :1] * untreated + weights[:, -1:] * treated
        for share, course in zip(weights[:, 1:-1].T, self.courses, strict=True):
            mine = np.flatnonzero(share)
            if len(mine):
                after = at - (days - course[output].shape[1])
                values = treated[mine]
                values[:, after >= 0] = course[output][rows[mine][:, None], after[after >= 0]]
                found[mine] += share[mine, None] * values
        return found

    def course(
        self, stopped: float, days: Array, untreated: Mapping[str, Single], treated: Mapping[str, Single]
    ) -> dict[str, Array]:
        """Return the outputs of everyone, had all stopped on a day, each of shape (n_patients, n_days)."""
        at = np.arange(len(days))
        found = {}
        for name in treated:
            both = untreated[name].astype(float), treated[name].astype(float)
            rows = np.arange(len(both[0]))
            weights = np.repeat(self.weights(stopped), len(rows), axis=0)
            found[name] = np.where(
                days <= stopped, both[1], self.mixed(name, weights, *both, rows=rows, at=at, days=len(days))
            )
        return found

    def update(self, digest: Any, therapy: str) -> None:
        """Add all that is in here to a hash."""
        digest.update(np.array([*self.days, *self.doses]).tobytes())
        for stop, course in zip(self.days, self.courses, strict=True):
            for name in sorted(course):
                digest.update(f"{therapy}/{stop:g}/{name}".encode())
                digest.update(np.ascontiguousarray(course[name], np.float32).tobytes())

    def tables(self, stem: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a manifest says of them, and a table for each stop day by its file's name."""
        names = [f"{stem}-stop-{index:03d}.parquet" for index in range(len(self.days))]
        record = {"days": list(self.days), "doses": list(self.doses), "files": names}
        return record, {name: table_of(course) for name, course in zip(names, self.courses, strict=True)}

    @classmethod
    def read(cls, folder: Path, record: Mapping[str, Any]) -> Stops:
        """Return what :meth:`tables` was written of."""
        courses = tuple(outputs_in(folder / name) for name in record["files"])
        return cls(tuple(record["days"]), tuple(record["doses"]), courses)


def table_of(outputs: Mapping[str, Single]) -> Any:
    """Return outputs of shape (n_patients, n_days) as an Arrow table of one row a patient."""
    import pyarrow as pa

    return pa.table(
        {
            name: pa.FixedSizeListArray.from_arrays(
                pa.array(np.ascontiguousarray(values, np.float32).ravel()), values.shape[1]
            )
            for name, values in outputs.items()
        }
    )


def outputs_in(path: Path) -> dict[str, Single]:
    """Return what a file made of :func:`table_of` holds."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(path)
    return {
        name: table[name].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
        for name in table.column_names
    }


def telling(days: Sequence[float], doses: Sequence[float]) -> tuple[float, ...]:
    """Return those stop days, rising, that differ in the doses given before: neither none, nor all, nor twice as many.

    Examples
    --------
    >>> telling([0, 14, 28, 60, 90], doses=[0.0, 56.0, 112.0])
    (14, 60)
    """
    order = sorted(set(days))
    given = np.searchsorted(doses, order)
    return tuple(
        day for place, day in enumerate(order)
        if 0 < given[place] < len(doses) and (place == 0 or given[place] > given[place - 1])
    )  # fmt: skip


#: how far apart stop days of a bank are by default [day]
EVERY = 28.0


def stop_days(end: float, visits: Iterable[float] = ()) -> tuple[float, ...]:
    """Return stop days for a bank that ends on day ``end``: every four weeks, and the visits of designs before the end.

    Examples
    --------
    >>> stop_days(84, visits=[14, 28, 84])
    (14.0, 28.0, 56.0)
    """
    days = {*np.arange(EVERY, end, EVERY).tolist(), *(float(day) for day in visits if 0 < day < end)}
    return tuple(sorted(days))
