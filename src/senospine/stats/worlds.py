"""Two kinds of doubt told apart: differences between subjects within a world, and between possible worlds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: probabilities of every interval
EDGES = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class Worlds:
    """What subjects of several worlds say, by one-way analysis of variance with random effects.

    All arrays have the shape of one subject's value, such as (times,); NaN where too few subjects are known.

    Attributes
    ----------
    mean : ndarray
        Mean of the worlds' means.
    median, low, high : ndarray
        Median of all subjects; 5 and 95 % of the subjects of one world, the median over worlds.
    mean_low, mean_median, mean_high : ndarray
        5, 50 and 95 % of a world's true mean, its sampling from few subjects taken off.
    between, within : ndarray
        Variance of the worlds' true means, and of subjects in a world. ``between`` is unbiased and may fall below zero.
    """

    mean: Array
    median: Array
    low: Array
    high: Array
    mean_low: Array
    mean_median: Array
    mean_high: Array
    between: Array
    within: Array

    @property
    def share(self) -> Array:
        """Share of one subject's variance that is doubt about the world, 0 to 1."""
        between = np.maximum(self.between, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(between / (between + self.within))


def split_worlds(values: ArrayLike, worlds: int) -> Worlds:
    r"""Return the parts of subjects that belong to worlds in turn: subject ``i`` to world ``i`` modulo ``worlds``.

    With :math:`n_k` subjects in world :math:`k`, mean squares between and within, and
    :math:`n_0 = (N - \sum n_k^2 / N) / (K - 1)`, the variance of the worlds' true means is
    :math:`(MS_b - MS_w) / n_0` (Searle, Casella and McCulloch 1992, Variance Components, doi 10.1002/9780470316856).
    Their interval is that of the worlds' means drawn in towards their centre, until they vary by just as much (Louis
    1984, doi 10.1080/01621459.1984.10478062): their shape stays, and they never leave the range of what was seen.

    Parameters
    ----------
    values : array_like, shape (subjects,) or (subjects, ...)
        NaN where a subject is not known; it is left out.
    worlds : int
        Two or more; a world of one subject counts between but not within.

    Raises
    ------
    ValueError
        Fewer than two worlds.

    Notes
    -----
    Quantiles of a world's few subjects are the median-unbiased ones (Hyndman and Fan 1996, doi
    10.1080/00031305.1996.10473566); of fewer than 13 they are the smallest and the largest.

    Examples
    --------
    >>> found = split_worlds([1.0, 11.0, 3.0, 13.0], worlds=2)
    >>> float(found.within), float(found.between)
    (2.0, 49.0)
    """
    if worlds < 2:
        raise ValueError("a split needs two worlds or more")
    given = np.asarray(values, dtype=float)
    shape = given.shape[1:]
    rows = -(-len(given) // worlds)
    table = np.full((rows * worlds, *shape), np.nan)
    table[: len(given)] = given
    table = np.sort(table.reshape(rows, worlds, -1), axis=0)  # NaN last
    known = np.isfinite(table)
    n = known.sum(axis=0).astype(float)  # (worlds, columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(known, table, 0).sum(axis=0) / n
        deviations = np.where(known, table - means, 0)
        total, filled = n.sum(axis=0), (n > 0).sum(axis=0)
        grand = np.nansum(n * means, axis=0) / total
        within = (deviations**2).sum(axis=(0, 1)) / (total - filled)
        spread = np.nansum(n * (means - grand) ** 2, axis=0) / (filled - 1)
        between = (spread - within) / ((total - (n**2).sum(axis=0) / total) / (filled - 1))
        centre = np.where(filled > 0, np.nansum(means, axis=0) / filled, np.nan)
        seen = np.nansum((means - centre) ** 2, axis=0) / (filled - 1)
        drawn_in = np.sqrt(np.clip(np.maximum(between, 0) / seen, 0, 1))
        drawn_in = np.where(seen > 0, drawn_in, 0.0)
    true = centre + drawn_in * (means - centre)
    low, high = (_middle(np.where(n > 0, _unbiased(table, n, edge), np.nan)) for edge in EDGES)
    known_worlds = np.sort(true, axis=0)
    of_means = [_unbiased(known_worlds, filled.astype(float), edge) for edge in (EDGES[0], 0.5, EDGES[1])]
    flat = np.sort(table.reshape(rows * worlds, -1), axis=0)
    parts = (centre, _unbiased(flat, total, 0.5), low, high, *of_means, between, within)
    return Worlds(*(np.asarray(part).reshape(shape) for part in parts))


def _middle(values: Array) -> Array:
    """Return the median along the first axis of what is known."""
    return _unbiased(np.sort(values, axis=0), np.isfinite(values).sum(axis=0).astype(float), 0.5)


def _unbiased(ordered: Array, n: Array, edge: float) -> Array:
    """Return a quantile along the first axis, sorted with NaN last, of which the first ``n`` are known."""
    place = np.clip((n + 1 / 3) * edge + 1 / 3 - 1, 0, np.maximum(n - 1, 0))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(n - 1, 0).astype(int))
    first = np.take_along_axis(ordered, below[None], axis=0)[0]
    second = np.take_along_axis(ordered, above[None], axis=0)[0]
    return np.asarray(first + (place - below) * (second - first))
