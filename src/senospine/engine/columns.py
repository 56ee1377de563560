"""Columns of entries: read from objects or arrays, brought to one length, cut and joined by subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import ScheduleError, suggest

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

KINDS = ("bolus", "infusion", "switch")
BOLUS, INFUSION, SWITCH = range(3)


def numbers_of(entries: Sequence[Any], field: str) -> Array:
    """Return one number of every entry."""
    try:
        return np.fromiter(map(attrgetter(field), entries), dtype=float, count=len(entries))
    except (TypeError, ValueError):
        bad = next(number for number, entry in enumerate(entries) if not _is_number(getattr(entry, field)))
        raise ScheduleError(f"{field} {getattr(entries[bad], field)!r} of {entries[bad]} is not a number") from None


def codes_of(words: Iterable[str]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return each word's place among the different words, and these."""
    given = list(words)
    places = {word: place for place, word in enumerate(dict.fromkeys(given))}
    return np.fromiter(map(places.__getitem__, given), dtype=np.int32, count=len(given)), tuple(places)


def kinds_of(words: Iterable[str]) -> NDArray[np.int8]:
    """Return the number of each kind.

    Raises
    ------
    ScheduleError
        An unknown kind.
    """
    codes, names = codes_of(words)
    for name in names:
        if name not in KINDS:
            raise ScheduleError(f"unknown kind of entry '{name}'", remedy=suggest(str(name), KINDS))
    return np.array([KINDS.index(name) for name in names], dtype=np.int8)[codes]


def words_of(given: str | Iterable[str]) -> Sequence[str]:
    """Return one word as a sequence of one, or the words."""
    if isinstance(given, str):
        return (given,)
    words: Sequence[str] = np.asarray(given, dtype=object).ravel().tolist()
    return words


def array_of(given: ArrayLike, word: str, dimensions: int) -> Array:
    """Return a column as numbers, with at least one dimension and at most ``dimensions``."""
    try:
        column = np.atleast_1d(np.array(given, dtype=float))
    except (TypeError, ValueError):
        raise ScheduleError(f"the entries' {word} is not an array of numbers") from None
    if column.ndim > dimensions:
        shapes = "(n_entries,)" if dimensions == 1 else "(n_entries,) or (n_subjects, n_entries)"
        raise ScheduleError(f"the entries' {word} has shape {column.shape}", remedy=f"give a number or {shapes}")
    return column


def subjects_of(given: ArrayLike) -> Whole:
    """Return the subject of each entry."""
    subjects = np.atleast_1d(np.asarray(given))
    if subjects.ndim > 1 or (subjects.size and not np.issubdtype(subjects.dtype, np.integer)):
        raise ScheduleError("the entries' subjects are not whole numbers", remedy="count subjects from 0")
    if subjects.size and subjects.min() < 0:
        raise ScheduleError(f"an entry belongs to subject {subjects.min()}", remedy="count subjects from 0")
    return subjects.astype(np.int64)


def common_shape(columns: list[NDArray[Any]]) -> tuple[int, ...]:
    """Return the shape that all columns take together."""
    try:
        return np.broadcast_shapes(*(column.shape for column in columns))
    except ValueError:
        words = ("time", "amount", "duration", "kind", "target", "subject")
        sizes = ", ".join(f"{word} {column.shape}" for word, column in zip(words, columns, strict=False))
        what = f"columns of entries differ in length: {sizes}"
        raise ScheduleError(what, remedy="give a scalar, or one place for each entry") from None


def ordered_by_subject(columns: list[NDArray[Any]], count: int | None) -> tuple[int, Whole, list[NDArray[Any]]]:
    """Return the number of subjects, where each one's entries begin, and the columns in order of subjects, the last."""
    subject = columns[-1]
    least = int(subject.max()) + 1 if subject.size else 0
    if count is not None and least > count:
        raise ScheduleError(f"an entry belongs to subject {least - 1} of {count}, counted from 0")
    if (np.diff(subject) < 0).any():
        order = np.argsort(subject, kind="stable")
        columns = [column[order] for column in columns]
    count = least if count is None else count
    return count, np.searchsorted(columns[-1], np.arange(count + 1)), columns


def slices(starts: Whole, counts: Whole) -> Whole:
    """Return ``start, start + 1, ...``, ``count`` of them, for each start in turn."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
