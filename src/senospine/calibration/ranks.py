"""Simulation-based calibration: whether posteriors of simulated data hold the truth as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senospine.randomness import stream

Array = NDArray[np.float64]

#: level of the tests: of the smallest p over parameters, and of the band
LEVEL = 0.05
#: posterior SDs, over what they should be, whose detection is counted
WRONG = (0.5, 0.67, 0.8, 1.25, 1.5, 2.0)


@dataclass(frozen=True)
class Ranks:
    """Ranks of true values among posterior draws, over replicates.

    Attributes
    ----------
    names : tuple of str
    ranks : ndarray of int, shape (n_replicates, n_parameters)
        0 to ``draws``.
    draws : int
        Of each posterior.
    """

    names: tuple[str, ...]
    ranks: NDArray[np.int64]
    draws: int

    @property
    def replicates(self) -> int:
        """Simulated data sets."""
        return len(self.ranks)

    def uniform(self) -> Array:
        """Return ranks as numbers between 0 and 1, cells' middles, shape (n_replicates, n_parameters)."""
        return np.asarray((self.ranks + 0.5) / (self.draws + 1))

    def chi_square(self, cells: int | None = None) -> Array:
        """Return each parameter's p of the chi-square test that ranks are uniform, shape (n_parameters,).

        ``cells``: equal slices of the ranks; by default as many as leave five replicates to each, 20 at most.
        """
        cells = cells or int(np.clip(self.replicates // 5, 2, 20))
        edges = np.linspace(0, 1, cells + 1)
        counts = np.array([np.histogram(column, edges)[0] for column in self.uniform().T])
        width = np.histogram((np.arange(self.draws + 1) + 0.5) / (self.draws + 1), edges)[0] / (self.draws + 1)
        expected = self.replicates * width
        return np.asarray(stats.chi2.sf(((counts - expected) ** 2 / expected).sum(axis=1), cells - 1))

    def beyond(self) -> Array:
        """Return by how much each parameter's ECDF leaves the simultaneous band, at most 0 inside, (n_parameters,).

        Graphical test of uniformity: Säilynoja et al. 2022, doi 10.1007/s11222-022-10090-6.
        """
        low, high, grid = band(self.replicates, self.draws)
        found = np.array([ecdf(column, grid) for column in self.uniform().T])
        return np.asarray(np.maximum(found - high, low - found).max(axis=1))

    def verdict(self) -> dict[str, Any]:
        """Return the tests as plain numbers; chi-square p are held against the level over all parameters (Holm)."""
        p, out = self.chi_square(), self.beyond() > 1e-12
        smallest = float(p.min()) * len(p)
        return {
            "replicates": self.replicates, "draws": self.draws, "parameters": len(self.names),
            "smallest_p_corrected": min(1.0, smallest), "worst": self.names[int(p.argmin())],
            "outside_band": [name for name, bad in zip(self.names, out, strict=True) if bad],
            "outside_expected": LEVEL * len(self.names), "passes": bool(smallest >= LEVEL),
            "pooled_p": self.pooled(), "power": power(self.replicates, self.draws),
            "pooled_power": pooled_power(self.replicates, self.draws, len(self.names)),
        }  # fmt: skip

    def pooled(self) -> float:
        """Return the p of the mean over parameters of each rank's squared distance from the middle.

        Replicates are independent, parameters of one are not: a t test over replicates. Finds posteriors that are
        altogether too narrow or too wide, with few replicates.
        """
        middle = ((self.uniform() - 0.5) ** 2).mean(axis=1)
        count = self.draws + 1
        expected = (count**2 - 1) / (12 * count**2)
        if self.replicates < 2 or np.ptp(middle) == 0:
            return math.nan
        return float(stats.ttest_1samp(middle, expected).pvalue)


def ecdf(column: Array, grid: Array) -> Array:
    """Return the share of numbers at most each of ``grid``."""
    return np.searchsorted(np.sort(column), grid, side="right") / len(column)


@lru_cache(maxsize=16)
def band(replicates: int, draws: int, trials: int = 4000) -> tuple[Array, Array, Array]:
    """Return lower and upper end of a band that holds a uniform sample's whole ECDF in 95 % of cases, and its grid.

    Pointwise binomial ends whose level is set by simulation so that they hold everywhere at once.
    """
    cells = min(draws + 1, 50)
    grid = np.arange(1, cells) / cells
    generator = stream(0, "calibration/ranks/band", replicates * 100_003 + draws)
    samples = (generator.integers(0, draws + 1, (trials, replicates)) + 0.5) / (draws + 1)
    counts = (samples[:, :, None] <= grid).sum(axis=1)
    chance = np.floor(grid * (draws + 1) + 0.5) / (draws + 1)
    below, above = stats.binom.cdf(counts, replicates, chance), stats.binom.sf(counts - 1, replicates, chance)
    level = float(np.quantile(2 * np.minimum(below, above).min(axis=1), LEVEL))
    low = stats.binom.ppf(level / 2, replicates, chance) / replicates
    high = stats.binom.isf(level / 2, replicates, chance) / replicates
    return low, high, grid


@lru_cache(maxsize=16)
def power(replicates: int, draws: int, trials: int = 400) -> dict[str, float]:
    """Return by false SD of a posterior (over the true one) how often the chi-square test of one parameter sees it.

    For normal posteriors with the right middle; at 5 %, without correction for the number of parameters.
    """
    found = {}
    for wrong in WRONG:
        generator = stream(0, f"calibration/ranks/power/{wrong}", replicates * 100_003 + draws)
        truth = generator.standard_normal((replicates, trials)) / wrong
        ranks = generator.binomial(draws, stats.norm.cdf(truth))
        p = Ranks(tuple(str(i) for i in range(trials)), ranks, draws).chi_square()
        found[f"{wrong:g}"] = float((p < LEVEL).mean())
    return found


@lru_cache(maxsize=16)
def pooled_power(replicates: int, draws: int, parameters: int, trials: int = 200) -> dict[str, float]:
    """Return by false SD of all posteriors (over the true one) how often :meth:`Ranks.pooled` sees it, at 5 %.

    For normal posteriors of independent parameters with the right middle.
    """
    found = {}
    for wrong in WRONG:
        generator = stream(0, f"calibration/ranks/pooled/{wrong}", replicates * 100_003 + draws)
        truth = generator.standard_normal((trials, replicates, parameters)) / wrong
        ranks = generator.binomial(draws, stats.norm.cdf(truth))
        p = [Ranks(tuple(map(str, range(parameters))), item, draws).pooled() for item in ranks]
        found[f"{wrong:g}"] = float((np.array(p) < LEVEL).mean())
    return found


def rank(truth: Array, draws: Array, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return ranks of true coordinates (p,) among draws (n, p); ties are broken at random."""
    ties = (draws == truth).sum(axis=0)
    return np.asarray((draws < truth).sum(axis=0) + generator.integers(0, ties + 1), dtype=np.int64)


def ranks_of(
    names: Sequence[str],
    truths: Array,
    fit: Callable[[int, Array], Array],
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Ranks:
    """Return ranks over replicates (Talts et al. 2018, doi 10.48550/arXiv.1804.06788).

    Parameters
    ----------
    names : sequence of str
    truths : ndarray, shape (n_replicates, n_parameters)
        Drawn from the prior.
    fit : callable
        Given number and truth of a replicate returns posterior draws (n_draws, n_parameters) of data simulated
        from that truth.
    seed : int
    on_progress : callable, optional
    """
    found, count = [], 0
    for number, truth in enumerate(truths):
        draws = fit(number, truth)
        count = len(draws)
        found.append(rank(truth, draws, stream(seed, "calibration/ranks/ties", number)))
        if on_progress is not None:
            on_progress(number + 1, len(truths))
    return Ranks(tuple(names), np.array(found), count)
