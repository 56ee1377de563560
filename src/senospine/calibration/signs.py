"""Signs and stars: how probable they are, as a function of the true effect; tabulated, for many candidates at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, ndtr, stdtrit
from scipy.stats import chi2

from senospine.evidence import Association, Contrast
from senospine.evidence.judging import ALPHA

Array = NDArray[np.float64]

#: chance that a contrast without a star would have been reported, relative to one with a star (assumption)
REPORTED = 0.3
#: a probability below this is told apart no more
LEAST = 1e-4
#: a noncentrality beyond this changes no probability
FARTHEST = 30.0
#: points of a table, from no effect to the largest
_POINTS = 3001
#: equally probable slices of the animals' spread in one read-out, for a correlation
_SLICES = 64


def contrast(fact: Contrast, effect: Array, *, selection: bool = True) -> Array:
    """Return the log probability of a contrast's sign and star.

    Parameters
    ----------
    fact : Contrast
    effect : ndarray, shape (n_candidates,)
        Difference of the means over the pooled SD of one measured animal.
    selection : bool
        Reckon with contrasts without a star being reported less often; see :data:`REPORTED`.

    Notes
    -----
    The paper's t statistic follows the noncentral t distribution; its probabilities are averaged over the animals per
    group that the paper allows. Tabulated over the effect, and read off between neighbours to 1e-4 of the logarithm.
    """
    grid, table = _contrast_table(
        sizes(fact), len(fact.groups), fact.comparisons, fact.direction, fact.significant, selection
    )
    return np.interp(np.clip(effect, grid[0], grid[-1]), grid, table)


def sizes(fact: Contrast | Association) -> tuple[int, ...]:
    """Return every number of animals per group that the paper allows."""
    return tuple(range(fact.n_low, fact.n_high + 1))


@lru_cache(maxsize=512)
def _contrast_table(
    n_allowed: tuple[int, ...], groups: int, comparisons: int, direction: str, star: str, selection: bool
) -> tuple[Array, Array]:
    half = np.linspace(0, 1, _POINTS // 2 + 1) ** 2 * FARTHEST / np.sqrt(min(n_allowed) / 2)
    grid = np.concatenate((-half[:0:-1], half))
    total = np.zeros_like(grid)
    for n in n_allowed:
        freedom = groups * (n - 1)
        shift = np.clip(grid * np.sqrt(n / 2), -FARTHEST, FARTHEST)
        critical = stdtrit(freedom, 1 - ALPHA / (2 * comparisons))
        # SciPy's distribution has no number where it is about nothing
        up_star, down_star = (np.nan_to_num(nctdtr(freedom, side * shift, -critical)) for side in (-1, 1))
        total += reported(direction, star, up_star, down_star, ndtr(shift), selection)
    return grid, np.log(np.maximum(total / len(n_allowed), LEAST))


def reported(direction: str, star: str, up_star: Array, down_star: Array, up: Array, selection: bool) -> Array:
    """Return the probability of what was reported; with ``selection`` given that something was."""
    if star == "unclear":
        return up if direction == "up" else 1 - up
    any_star = up_star + down_star
    weight = REPORTED if selection else 1.0
    given = any_star + weight * (1 - any_star)
    if star == "yes":
        return (up_star if direction == "up" else down_star) / given
    plain = {"up": up - up_star, "down": 1 - up - down_star, "none": 1 - any_star}[direction]
    return weight * np.maximum(plain, 0.0) / given


def association(fact: Association, correlation: Array, *, selection: bool = True) -> Array:
    """Return the log probability of an association's sign and star.

    Parameters
    ----------
    fact : Association
    correlation : ndarray, shape (n_candidates,)
        Of the two measured read-outs over animals.
    selection : bool
        As in :func:`contrast`.

    Notes
    -----
    Of animals normal in both read-outs: given the spread of one of them, the test of the slope has a noncentral t
    distribution; the spread is chi-square. Exact but for the slices into which that is cut.
    """
    grid, table = _association_table(sizes(fact), fact.direction, fact.significant, selection)
    return np.interp(np.clip(correlation, grid[0], grid[-1]), grid, table)


@lru_cache(maxsize=64)
def _association_table(n_allowed: tuple[int, ...], direction: str, star: str, selection: bool) -> tuple[Array, Array]:
    grid = np.tanh(np.linspace(-4, 4, 401))
    slope = grid / np.sqrt(1 - grid**2)
    total = np.zeros_like(grid)
    for n in n_allowed:
        if n < 3:  # a line through two points is no test
            flat = np.zeros_like(grid)
            total += reported(direction, star, flat, flat, 0.5 + np.arcsin(grid) / np.pi, selection)
            continue
        spread = np.sqrt(chi2.ppf((np.arange(_SLICES) + 0.5) / _SLICES, n - 1))
        shift = np.clip(slope[:, None] * spread, -FARTHEST, FARTHEST)
        critical = stdtrit(n - 2, 1 - ALPHA / 2)
        up_star, down_star = (np.nan_to_num(nctdtr(n - 2, side * shift, -critical)).mean(axis=1) for side in (-1, 1))
        up = ndtr(shift).mean(axis=1)
        total += reported(direction, star, up_star, down_star, up, selection)
    return grid, np.log(np.maximum(total / len(n_allowed), LEAST))
