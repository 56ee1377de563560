"""Group comparisons as laboratories run them, over many repeats at once.

Every function takes arrays whose last axis holds the animals of a group; missing animals are NaN, so that
each repeat may have a group size of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Result of comparing two groups, one entry per repeat.

    Attributes
    ----------
    difference : ndarray
        Mean of the first group minus mean of the second, in the data's unit.
    p : ndarray
        Two-sided p value, corrected where the test says so.
    df : ndarray
        Degrees of freedom.
    """

    difference: Array
    p: Array
    df: Array


def pooled_t(
    first: ArrayLike, second: ArrayLike, others: Sequence[ArrayLike] = (), *, comparisons: int = 1
) -> Comparison:
    """Compare two groups with the variance pooled over all groups given.

    With ``others`` empty and ``comparisons=1`` this is Student's t test. With the other groups of a one-way
    analysis of variance and the number of pairs, it is the Bonferroni post-hoc test as SPSS computes it: pooled
    mean square within groups, p times the number of comparisons, no gate on the overall F.

    Parameters
    ----------
    first, second : array_like, shape (..., n)
        NaN marks a missing animal.
    others : sequence of array_like
        Further groups that lend their variance.
    comparisons : int
        Bonferroni factor.

    Raises
    ------
    ValueError
        Fewer than one comparison.

    Notes
    -----
    Where no variance can be formed (all groups of one animal) p is NaN; where it is zero, p is 1 for equal and
    0 for different means. Differences within the rounding of a mean count as none.

    Examples
    --------
    >>> result = pooled_t([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    >>> round(float(result.p), 4)
    0.0705
    """
    from scipy.special import stdtr

    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, got {comparisons}")
    groups = [np.asarray(group, dtype=float) for group in (first, second, *others)]
    counts = [np.isfinite(group).sum(axis=-1) for group in groups]
    means = [_mean(group, count) for group, count in zip(groups, counts, strict=True)]
    squares = sum(
        np.where(np.isfinite(group), (group - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        for group, mean in zip(groups, means, strict=True)
    )
    df = np.asarray(sum(np.maximum(count - 1, 0) for count in counts), dtype=float)
    difference = means[0] - means[1]
    sizes = [np.where(np.isfinite(group), np.abs(group), 0.0).max(axis=-1, initial=0.0) for group in groups]
    rounding = 4 * np.finfo(float).eps * reduce(np.maximum, sizes)  # what sums of equal numbers may differ by
    difference = np.where(np.abs(difference) <= rounding, 0.0, difference)
    squares = np.where(squares <= sum(counts) * rounding**2, 0.0, squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(squares / df * (1 / counts[0] + 1 / counts[1]))
        t = np.abs(difference) / error
        p = np.minimum(2 * stdtr(df, -t) * comparisons, 1.0)
    p = np.where((squares == 0) & (df > 0), np.where(difference == 0, 1.0, 0.0), p)
    p = np.where((df < 1) | np.isnan(difference), np.nan, p)
    return Comparison(difference, p, df)


def _mean(group: Array, count: NDArray[np.int64]) -> Array:
    total = np.where(np.isfinite(group), group, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
