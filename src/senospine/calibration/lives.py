"""Which lives have to be solved: arms that are treated alike share one, and all share what went before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from senospine.engine import Entry, Kernel, Schedule, compile_model
from senospine.model import Model
from senospine.study import Arm

Array = NDArray[np.float64]
Place = tuple[str, str, str]  # study, arm, moment


@dataclass
class Life:
    """One solution for every animal: from birth, or from the first dose of a life begun without it.

    Attributes
    ----------
    entries : tuple of Entry
        What happens in it.
    places : list of (Place, float)
        What is read off it, and on which day.
    start : float
    before : tuple of Entry
        What had happened earlier; empty for a life from birth.
    """

    entries: tuple[Entry, ...]
    places: list[tuple[Place, float]]
    start: float = 0.0
    before: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Lives:
    """All lives of a problem.

    Doses begin a branch: the states of the undosed life, at the moment of the first dose, are its initial values, and
    what was switched till then is given as a parameter. A model with events of its own, or with constants derived
    from others, is solved from birth in every arm.
    """

    model: Model
    outputs: tuple[str, ...]
    arms: tuple[tuple[str, Arm, tuple[str, ...]], ...]
    rtol: float
    threads: int | None = None
    _schedules: dict[tuple[Entry, ...], Schedule] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def roots(self) -> dict[tuple[Entry, ...], Life]:
        """Lives from birth, by what happens in them."""
        return self._planned[0]

    @cached_property
    def branches(self) -> list[Life]:
        """Lives from the first dose on."""
        return self._planned[1]

    @cached_property
    def _planned(self) -> tuple[dict[tuple[Entry, ...], Life], list[Life]]:
        roots: dict[tuple[Entry, ...], Life] = {}
        branches: dict[tuple[Entry, ...], Life] = {}
        for study, arm, moments in self.arms:
            places = [((study, arm.name, moment), arm.day_of(moment)) for moment in moments]
            first = self._first_dose(arm)
            if first is None:
                roots.setdefault(arm.entries, Life(arm.entries, [])).places.extend(places)
                continue
            before = tuple(entry for entry in arm.entries if entry.time < first)
            roots.setdefault(before, Life(before, []))
            later = Life(tuple(entry for entry in arm.entries if entry.time >= first), [], first, before)
            branches.setdefault(arm.entries, later).places.extend(places)
        return roots, list(branches.values())

    def _first_dose(self, arm: Arm) -> float | None:
        """Return when a branch begins; None where the arm is solved from birth."""
        if self.model.events or self.model.derived:
            return None
        times = [entry.time for entry in arm.entries if entry.kind != "switch"]
        measured = min(day for _, day in arm.moments) if arm.moments else arm.measure_day
        return min(times) if times and 0 < min(times) < measured else None

    @cached_property
    def kernel(self) -> Kernel:
        """Records the outputs, and all states for branches to begin with."""
        return compile_model(self.model, outputs=sorted({*self.outputs, *self.model.states}))

    def solve(self, parameters: Mapping[str, Array], count: int) -> dict[Place, dict[str, Array]]:
        """Return outputs at every place, each of shape (count,); NaN where a subject failed."""
        found: dict[Place, dict[str, Array]] = {}
        begun: dict[tuple[tuple[Entry, ...], float], dict[str, Array]] = {}
        for before, life in self.roots.items():
            starts = sorted({branch.start for branch in self.branches if branch.before == before})
            days = np.unique([day for _, day in life.places] + starts)
            columns = self._run(life, parameters, days, {}, count)
            for start in starts:
                at = int(np.searchsorted(days, start))
                begun[before, start] = {name: columns[name][:, at] for name in self.model.states}
            found |= self._read(life, days, columns)
        for life in self.branches:
            initial = begun[life.before, life.start]
            lost = ~np.isfinite(np.array(list(initial.values()))).all(axis=0)
            initial = {name: np.where(lost, 0.0, values) for name, values in initial.items()}
            switched = {entry.target: np.full(count, entry.amount) for entry in sorted(life.before, key=_time)}
            days = np.unique([day for _, day in life.places])
            columns = self._run(life, {**parameters, **switched}, days, initial, count)
            for values in columns.values():
                values[lost] = np.nan
            found |= self._read(life, days, columns)
        return found

    def _run(
        self, life: Life, parameters: Mapping[str, Array], days: Array, initial: Mapping[str, Array], count: int
    ) -> dict[str, Array]:
        schedule = self._schedules.setdefault(life.entries, Schedule.shared(life.entries))
        solution = self.kernel.solve(
            parameters, schedule, days, start=life.start, initial=initial, n_subjects=count, rtol=self.rtol,
            threads=self.threads,
        )  # fmt: skip
        return dict(solution.values)

    def _read(self, life: Life, days: Array, columns: Mapping[str, Array]) -> dict[Place, dict[str, Array]]:
        return {
            place: {name: columns[name][:, int(np.searchsorted(days, day))] for name in self.outputs}
            for place, day in life.places
        }


def _time(entry: Entry) -> float:
    return entry.time
