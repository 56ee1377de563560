"""Markers of a trial's patients: read at screening and again at visits, by the same body, images and reader.

What is a person's own in a record (the level that blood has for no reason of the spine's, what MRI shows of a defect,
a reader's habit) is the same at every visit as far as it lasts; the rest is fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from senospine.assays import MARKERS, marker_of, record_marker
from senospine.trial.measures import FINDINGS, is_oracle, measure_of

Array = NDArray[np.float64]
Latent = Mapping[str, Array]
#: of a followed state, values untreated, as treatment was taken, and as if it had gone on, each of shape (n,)
Courses = Callable[[str], tuple[Array, Array, Array]]
AT_ENTRY, DEVIATES = "at entry/", "deviates/"
DAYS_PER_YEAR = 365.25


def in_truth_of(key: str, latent: Latent) -> Array:
    """Return the true value of a measure, shape (n,)."""
    item = measure_of(key)
    return latent[item.name] if item.only_truth else marker_of(item.name, latent).oracle(latent)


@dataclass
class Readings:
    """What is read of candidates at one screening.

    Attributes
    ----------
    latent : mapping of state to ndarray, shape (n,)
    generator : numpy.random.Generator
    first : dict of marker to (value, deviates)
        Of the first reading in the clinic; later visits share its lasting part.
    """

    latent: Latent
    generator: np.random.Generator
    first: dict[str, tuple[Array, Array]] = field(default_factory=dict)

    def read(self, name: str, mode: str) -> Array:
        """Return a marker as recorded, or in truth."""
        if mode == "oracle":
            return record_marker(name, self.latent, self.generator, mode)
        marker = marker_of(name, self.latent)
        deviates = marker.deviates.draw(len(self.latent[marker.needs[0]]), self.generator)
        value = marker.clinic(self.latent, deviates)
        self.first.setdefault(name, (value, deviates))
        return value

    def baseline(self, keys: Iterable[str]) -> dict[str, Array]:
        """Return values at entry of what visits measure, read now where no criterion read it, and deviates."""
        found = {}
        for key in keys:
            name = measure_of(key).name
            if is_oracle(key):
                found[AT_ENTRY + key] = in_truth_of(key, self.latent)
                continue
            if name not in self.first:
                self.read(name, "clinic")
            value, deviates = self.first[name]
            found |= {AT_ENTRY + key: value, DEVIATES + key: deviates.T}
        return found


class MarkerVisits:
    """Markers at the visits of one trial.

    Parameters
    ----------
    weeks : mapping of key to weeks
        When each is measured.
    visits : sequence of weeks
    age : ndarray, shape (n,)
        At entry [year].
    deviates : mapping of key to ndarray, shape (n, n_deviates)
        Of the reading at screening; none for what is read in truth.
    stream : callable
        From a purpose to its generator.
    """

    def __init__(
        self, weeks: Mapping[str, Iterable[float]], visits: Iterable[float], age: Array,
        deviates: Mapping[str, Array], stream: Callable[[str], np.random.Generator],
    ) -> None:  # fmt: skip
        self._visits, self._age, self._stream = list(visits), age, stream
        self._weeks = {key: set(times) for key, times in weeks.items()}
        shape = (len(age), len(self._visits))
        self.complete = {key: np.full(shape, np.nan) for key in self._weeks}
        self.ideal = {key: np.full(shape, np.nan) for key in self._weeks}
        self._lasting = {
            key: MARKERS[key].deviates.lasting(values.T, stream(f"{key}/lasting")) for key, values in deviates.items()
        }

    def visit(self, visit: int, courses: Courses, *, whole: bool) -> None:
        """Record what a visit measures; ``whole`` tells whether ideally treatment would have gone on."""
        for key, weeks in self._weeks.items():
            if self._visits[visit] not in weeks:
                continue
            found = {state: courses(state) for state in measure_of(key).needs}
            age = self._age + 7 * self._visits[visit] / DAYS_PER_YEAR
            drawn: Array | None = None
            if not is_oracle(key):
                drawn = MARKERS[key].deviates.again(self._lasting[key], self._stream(f"{key}/{visit}"))
            for into, which in ((self.complete, 1), (self.ideal, 2 if whole else 1)):
                latent = {"age": age, **{state: settled(state, one[which], one[0]) for state, one in found.items()}}
                into[key][:, visit] = (
                    in_truth_of(key, latent) if drawn is None else marker_of(key, latent).clinic(latent, drawn)
                )


def settled(state: str, value: Array, untreated: Array) -> Array:
    """Return a state that a patient can have from a mixture of courses.

    A finding is there from half of it on, with the type it has untreated; what cells remain is never below a hundredth
    of the untreated, which a superposition of pauses could undershoot.

    Examples
    --------
    >>> settled("modic", np.array([1.2, 0.8, 0.6]), np.array([2.0, 2.0, 0.0])).tolist()
    [2.0, 0.0, 1.0]
    """
    if state in FINDINGS:
        kind = np.where(untreated > 0, untreated, np.ceil(value - 1e-6))
        return np.where(value >= kind / 2, kind, 0.0)
    return np.maximum(value, 0.01 * untreated)
