"""What happens to a subject at known times: doses, infusions, switches; kept in columns, not in objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.columns import (
    KINDS,
    SWITCH,
    Array,
    Whole,
    array_of,
    codes_of,
    common_shape,
    kinds_of,
    numbers_of,
    ordered_by_subject,
    slices,
    subjects_of,
    words_of,
)
from senospine.errors import ScheduleError
from senospine.randomness import stream

Kind = Literal["bolus", "infusion", "switch"]


@dataclass(frozen=True)
class Entry:
    """One entry of a schedule.

    Parameters
    ----------
    time : float
        When, in the model's time.
    kind : {'bolus', 'infusion', 'switch'}
        Add ``amount`` to a state at once; add it evenly over ``duration``; or set a parameter to ``amount``.
    target : str
        The state that receives the drug, or the parameter that is switched.
    amount : float
        In the target's unit.
    duration : float
        Of an infusion, in the model's time.
    """

    time: float
    kind: Kind
    target: str
    amount: float
    duration: float = 0.0


@dataclass(frozen=True, eq=False)
class Schedule:
    """Entries shared by all subjects, or each subject's own; made by `shared`, `each` or `from_columns`.

    At one moment outputs are recorded first, so an output exactly at a dose is the value before it; then
    infusions end, parameters switch, boluses are added, and infusions start.

    Attributes
    ----------
    n_subjects : int or None
        None if all subjects share the entries, however many they are.
    offsets : ndarray, shape (n_subjects + 1,) or (2,)
        Where each subject's entries begin; of two numbers if the subjects differ in nothing, or in amounts only.
    time, duration : ndarray, shape (n_entries,)
    kind, target : ndarray, shape (n_entries,)
        Places in ``('bolus', 'infusion', 'switch')`` and in ``names``.
    names : tuple of str
        The targets.
    amount : ndarray, shape (n_entries,), or (n_subjects, n_entries) if subjects differ in nothing else

    Examples
    --------
    >>> Schedule.shared([Entry(0.0, "bolus", "gut", 50.0)]).of(7)
    (Entry(time=0.0, kind='bolus', target='gut', amount=50.0, duration=0.0),)
    >>> daily = Schedule.from_columns(time=range(7), kind="bolus", target="gut", amount=[[50.0], [60.0]])
    >>> daily.of(1)[6]
    Entry(time=6.0, kind='bolus', target='gut', amount=60.0, duration=0.0)
    """

    n_subjects: int | None
    offsets: Whole
    time: Array
    kind: NDArray[np.int8]
    target: NDArray[np.int32]
    names: tuple[str, ...]
    amount: Array
    duration: Array

    def __post_init__(self) -> None:
        for column in (self.offsets, self.time, self.kind, self.target, self.amount, self.duration):
            column.flags.writeable = False  # kernels keep what they made of a schedule

    @classmethod
    def shared(cls, entries: Iterable[Entry]) -> Schedule:
        """Return a schedule in which every subject gets the same."""
        return cls._read(list(entries), None, [])

    @classmethod
    def each(cls, entries: Sequence[Iterable[Entry]]) -> Schedule:
        """Return a schedule with one sequence of entries per subject."""
        own = [item if isinstance(item, (list, tuple)) else list(item) for item in entries]
        return cls._read(list(chain.from_iterable(own)), len(own), list(map(len, own)))

    @classmethod
    def _read(cls, entries: list[Entry], n_subjects: int | None, counts: list[int]) -> Schedule:
        counts = counts if n_subjects is not None else [len(entries)]
        target, names = codes_of(map(attrgetter("target"), entries))
        time, amount, duration = (numbers_of(entries, field) for field in ("time", "amount", "duration"))
        kind = kinds_of(map(attrgetter("kind"), entries))
        return cls(n_subjects, np.cumsum([0, *counts]), time, kind, target, names, amount, duration)

    @classmethod
    def from_columns(
        cls, *, time: ArrayLike, kind: str | Iterable[str], target: str | Iterable[str], amount: ArrayLike,
        duration: ArrayLike = 0.0, subject: ArrayLike | None = None, n_subjects: int | None = None,
    ) -> Schedule:  # fmt: skip
        """Return a schedule from columns, one place an entry; no object an entry is made. Scalars are for all.

        Parameters
        ----------
        time, amount, duration : scalar or array (n_entries,), or (n_subjects, n_entries) without ``subject``
            As of an `Entry`. With two dimensions they are each subject's own, ``(n_subjects, 1)`` the same for all
            of a subject's entries. Amounts alone being so is the fastest: the entries are then sorted once.
        kind, target : str or sequence of str (n_entries,)
        subject : scalar or array of int (n_entries,), optional
            Whose entry it is, counted from 0, in any order.
        n_subjects : int, optional
            With ``subject``: where the last subjects have no entry.

        Raises
        ------
        ScheduleError
            Columns of different lengths, an unknown kind, or a subject that does not exist.
        """
        most = 2 if subject is None else 1
        columns: list[NDArray[Any]] = [
            array_of(item, word, most) for item, word in ((time, "time"), (amount, "amount"), (duration, "duration"))
        ]
        codes, names = codes_of(words_of(target))
        columns += [kinds_of(words_of(kind)), codes]
        own = subject is not None
        if subject is not None:
            columns.append(subjects_of(subject))
        shape = common_shape(columns)
        patterned = columns[0].ndim == columns[2].ndim == 1
        count = shape[0] if len(shape) == 2 else None
        columns = [
            np.array(np.broadcast_to(item, shape if not patterned or place == 1 else shape[-1:]))
            for place, item in enumerate(columns)
        ]
        if own:
            count, offsets, columns = ordered_by_subject(columns, n_subjects)
        elif n_subjects not in {None, count}:
            raise ScheduleError(f"n_subjects is {n_subjects}, the columns have shape {shape}")
        elif patterned:
            offsets = np.array([0, shape[-1]])
        else:
            offsets, columns = shape[1] * np.arange(shape[0] + 1), [item.ravel() for item in columns]
        return cls(count, offsets, columns[0], columns[3], columns[4], names, columns[1], columns[2])

    @property
    def per_subject(self) -> bool:
        """Whether subjects have their own entries."""
        return self.n_subjects is not None

    @property
    def patterned(self) -> bool:
        """Whether subjects differ in their amounts only."""
        return self.amount.ndim == 2

    @property
    def entries(self) -> tuple[tuple[Entry, ...], ...]:
        """All entries as objects, one sequence a subject, or one in all; slow for many."""
        return tuple(self.of(subject) for subject in range(1 if self.n_subjects is None else self.n_subjects))

    def of(self, subject: int) -> tuple[Entry, ...]:
        """Return one subject's entries."""
        if self.n_subjects is not None and not 0 <= subject < self.n_subjects:
            raise IndexError(f"subject {subject} of {self.n_subjects}")
        table = 0 if self.n_subjects is None or self.patterned else subject
        rows = slice(self.offsets[table], self.offsets[table + 1])
        amount = self.amount[subject] if self.patterned else self.amount[rows]
        columns = (self.time[rows], self.kind[rows], self.target[rows], amount, self.duration[rows])
        return tuple(
            Entry(time, KINDS[kind], self.names[target], amount, duration)  # type: ignore[arg-type]
            for time, kind, target, amount, duration in zip(*(column.tolist() for column in columns), strict=True)
        )

    def only(self, subjects: ArrayLike | slice) -> Schedule:
        """Return the schedule of these subjects, in this order; one may come several times."""
        if self.n_subjects is None:
            return self
        chosen = np.arange(self.n_subjects)[subjects if isinstance(subjects, slice) else np.asarray(subjects)]
        if self.patterned:
            return replace(self, n_subjects=len(chosen), amount=self.amount[chosen])
        counts = np.diff(self.offsets)[chosen]
        return self._rows(slices(self.offsets[chosen], counts), counts, len(chosen))

    def keep(self, kept: ArrayLike) -> Schedule:
        """Return the schedule with only the entries at which ``kept`` is true; the others never happen.

        Parameters
        ----------
        kept : array of bool, shape (n_entries,) or (n_subjects, n_entries)
            For each entry in the order of ``time``; with two dimensions each subject's own, and the result is too.
        """
        mask = np.asarray(kept)
        if mask.dtype != bool:
            raise ScheduleError("what is kept is not told by true and false", remedy="give an array of bool")
        whole, mask = self._matched(mask)
        counts = np.diff(np.concatenate(([0], np.cumsum(mask)))[whole.offsets])
        return whole._rows(np.flatnonzero(mask), counts, whole.n_subjects)

    def shift(self, delay: ArrayLike) -> Schedule:
        """Return the schedule with every entry later by ``delay``: a number, or of a shape as in :meth:`keep`.

        A switch moves like any other entry; give it a delay of 0 where it should stay.
        """
        late = array_of(delay, "delay", 2)
        whole, late = (self, late) if np.ndim(delay) == 0 else self._matched(late)
        return replace(whole, time=whole.time + late)

    def missed(self, probability: ArrayLike, seed: int, *, first: int = 0, n_subjects: int | None = None) -> Schedule:
        """Return the schedule with doses missed at random, each for itself; switches stay.

        Parameters
        ----------
        probability : scalar or array (n_subjects,)
            Of missing a dose.
        seed : int
        first : int
            Number of the first subject, where these are a block of more: a subject misses the same doses whatever
            block it is in.
        n_subjects : int, optional
            Needed only where neither the schedule nor ``probability`` tells it.

        Notes
        -----
        Cost: about 0.1 ms a subject of some hundred entries.
        """
        chance = array_of(probability, "probability of being missed", 1)
        if not ((chance >= 0) & (chance <= 1)).all():
            raise ScheduleError("the probability of missing a dose is not between 0 and 1")
        told = (self.n_subjects, n_subjects, len(chance) if np.ndim(probability) else None)
        sizes = sorted({size for size in told if size is not None})
        if len(sizes) != 1:
            remedy = "give arrays of one length" if sizes else "give n_subjects"
            raise ScheduleError(f"{sizes or 'no'} numbers of subjects are told", remedy=remedy)
        whole = self._each(sizes[0])
        counts = np.diff(whole.offsets)
        draws = [stream(seed, "missed doses", first + i).random(size) for i, size in enumerate(counts.tolist())]
        chance = np.repeat(np.broadcast_to(chance, sizes), counts)
        return whole.keep((np.concatenate([np.zeros(0), *draws]) >= chance) | (whole.kind == SWITCH))

    def repeated(self, interval: float, times: int) -> Schedule:
        """Return the schedule done ``times`` times, each ``interval`` after the one before."""
        if times < 1 or not 0 < interval < np.inf:
            raise ScheduleError(f"{times} times every {interval:g} is no repetition", remedy="give positive numbers")
        return _joined([self.shift(interval * number) for number in range(times)])

    def __add__(self, other: Schedule) -> Schedule:
        """Return a schedule with the entries of both."""
        return _joined([self, other])

    def _rows(self, index: Whole, counts: Whole, n_subjects: int | None) -> Schedule:
        """Return the schedule of the entries at ``index``, so many for each table."""
        return replace(
            self, n_subjects=n_subjects, offsets=np.cumsum([0, *counts]), time=self.time[index],
            kind=self.kind[index], target=self.target[index], amount=self.amount[..., index],
            duration=self.duration[index],
        )  # fmt: skip

    def _each(self, n_subjects: int) -> Schedule:
        """Return the same schedule with entries of its own for each subject."""
        if self.n_subjects is not None and not self.patterned:
            return self
        size = len(self.time)
        index = np.tile(np.arange(size), n_subjects)
        amount = np.broadcast_to(self.amount, (n_subjects, size)).flatten()
        return Schedule(
            n_subjects, size * np.arange(n_subjects + 1), self.time[index], self.kind[index], self.target[index],
            self.names, amount, self.duration[index],
        )  # fmt: skip

    def _matched(self, values: NDArray[Any]) -> tuple[Schedule, NDArray[Any]]:
        """Return a schedule and values of its shape, one an entry."""
        whole = self._each(len(values)) if values.ndim == 2 else self
        fits = values.shape[-1:] == self.time.shape
        if values.ndim == 2:
            fits = whole.n_subjects == len(values) and (np.diff(whole.offsets) == values.shape[1]).all()
            fits &= self.n_subjects in {None, len(values)}
        if not fits:
            subjects = "" if self.n_subjects is None else f", subjects: {self.n_subjects}"
            raise ScheduleError(
                f"values of shape {values.shape} do not fit the entries: {self.time.size}{subjects}",
                remedy="give (n_entries,) or (n_subjects, n_entries)",
            )
        return whole, values.ravel()


def _joined(parts: list[Schedule]) -> Schedule:
    """Return a schedule with the entries of all."""
    counts = sorted({part.n_subjects for part in parts if part.n_subjects is not None})
    if len(counts) > 1:
        raise ScheduleError(f"schedules of {counts[0]} and of {counts[1]} subjects have no sum")
    n = counts[0] if counts else None
    own = any(part.per_subject and not part.patterned for part in parts)
    if own and n is not None:
        parts = [part._each(n) for part in parts]
    names = tuple(dict.fromkeys(chain.from_iterable(part.names for part in parts)))
    targets = [np.array([names.index(name) for name in part.names], dtype=np.int32)[part.target] for part in parts]
    time, kind, duration = (
        np.concatenate([getattr(part, field) for part in parts]) for field in ("time", "kind", "duration")
    )
    rows = [np.broadcast_to(part.amount, (n, part.time.size)) if n and not own else part.amount for part in parts]
    amount = np.concatenate(rows, axis=-1)
    whole = Schedule(n, np.array([0, time.size]), time, kind, np.concatenate(targets), names, amount, duration)
    if not own or n is None:
        return whole
    subject = np.concatenate([np.repeat(np.arange(n), np.diff(part.offsets)) for part in parts])
    return whole._rows(np.argsort(subject, kind="stable"), np.bincount(subject, minlength=n), n)


def check_times(times: np.ndarray) -> None:
    """Refuse output times that are empty, not finite, or not increasing."""
    if times.ndim not in {1, 2} or times.shape[-1] == 0:
        raise ScheduleError(f"times have shape {times.shape}", remedy="give (n_times,) or (n_subjects, n_times)")
    if not np.isfinite(times).all():
        raise ScheduleError("an output time is not a finite number")
    if (np.diff(times, axis=-1) <= 0).any():
        raise ScheduleError("output times do not increase", remedy="sort them and drop duplicates")
