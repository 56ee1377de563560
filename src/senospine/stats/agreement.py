"""Agreement between graders, and how much of a variance lies between units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VarianceSplit:
    """Variance between and within units, and the share between: the intraclass correlation.

    ``between`` is not cut off at zero, so that it is unbiased; ``icc`` may then be below zero.
    """

    between: float
    within: float
    icc: float


def weighted_kappa(
    first: ArrayLike, second: ArrayLike, weights: Literal["none", "linear", "quadratic"] = "quadratic"
) -> float:
    """Return Cohen's kappa of two graders who scored the same things (Cohen 1968, doi 10.1037/h0026256).

    Weights are by distance between scores on their own scale. NaN where both gave one and the same score throughout.

    Examples
    --------
    >>> round(weighted_kappa([1, 2, 3, 3], [1, 2, 3, 2]), 3)
    0.8
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or not len(a) or not np.isfinite([a, b]).all():
        raise ValueError("two graders need finite scores of the same things, in the same order")

    def distance(x: Array, y: Array) -> Array:
        return np.asarray((x != y) if weights == "none" else np.abs(x - y) ** (1 if weights == "linear" else 2), float)

    (x, often_x), (y, often_y) = (np.unique(item, return_counts=True) for item in (a, b))
    expected = float(often_x @ distance(x[:, None], y[None, :]) @ often_y) / len(a) ** 2
    return float(1 - distance(a, b).mean() / expected) if expected > 0 else float("nan")


def intraclass_correlation(scores: ArrayLike, form: Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"] = "2,1") -> float:
    """Return the intraclass correlation of graders (Shrout and Fleiss 1979, doi 10.1037/0033-2909.86.2.420).

    Parameters
    ----------
    scores : array_like, shape (things, graders)
        Every thing scored by every grader.
    form : str
        ``1``: each thing has graders of its own; ``2``: the same graders, a sample of all; ``3``: these graders only;
        ``k``: of the mean of all graders.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("need a full table of at least two things by two graders")
    n, k = table.shape
    rows, columns, grand = table.mean(axis=1), table.mean(axis=0), table.mean()
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    within = ((table - rows[:, None]) ** 2).sum() / (n * (k - 1))
    graders = n * ((columns - grand) ** 2).sum() / (k - 1)
    error = (within * n * (k - 1) - graders * (k - 1)) / ((n - 1) * (k - 1))
    of_mean = form.endswith("k")
    spread, extra = {
        "1": (within, 0.0),
        "2": (error, (graders - error) / n),
        "3": (error, 0.0),
    }[form[0]]
    below = between + (extra if of_mean else (k - 1) * spread + k * extra)
    return float((between - spread) / below) if below > 0 else float("nan")


def variance_split(counts: ArrayLike, means: ArrayLike, squares: ArrayLike, groups: ArrayLike) -> VarianceSplit:
    """Return the variance between units of a group and within units, by analysis of variance.

    Parameters
    ----------
    counts, means, squares : array_like, shape (units,)
        Of each unit: parts measured, their mean, and their sum of squared deviations from it.
    groups : array_like, shape (units,)
        The group of each unit; differences between groups count in neither part.

    Notes
    -----
    Unequal counts by the usual effective size (Searle 1971). NaN where no unit has two parts, or no group two units.
    """
    n, mean, inside = (np.asarray(item, dtype=float) for item in (counts, means, squares))
    label = np.asarray(groups)
    between, size, units_free = 0.0, 0.0, 0
    for group in np.unique(label):
        mine = label == group
        weight = n[mine]
        centre = (weight * mean[mine]).sum() / weight.sum()
        between += (weight * (mean[mine] - centre) ** 2).sum()
        size += weight.sum() - (weight**2).sum() / weight.sum()
        units_free += int(mine.sum()) - 1
    parts_free = float((n - 1).sum())
    if units_free < 1 or parts_free < 1:
        return VarianceSplit(*[float("nan")] * 3)
    within = float(inside.sum() / parts_free)
    variance = float((between / units_free - within) / (size / units_free))
    total = variance + within
    return VarianceSplit(variance, within, variance / total if total > 0 else float("nan"))
