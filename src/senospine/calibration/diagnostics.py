"""Whether walkers have become draws: R-hat, effective sizes and tails, by ArviZ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: nested R-hat at which islands that never exchanged count as agreeing
LARGEST_RHAT = 1.01
#: quantiles of the tail's effective size
TAIL = (0.05, 0.95)


@dataclass(frozen=True)
class Diagnostics:
    """Of every parameter; arrays of shape (n_parameters,).

    Attributes
    ----------
    rhat : ndarray
        Rank-normalised split R-hat over all walkers (Vehtari et al. 2021, doi 10.1214/20-BA1221).
    nested : ndarray
        Nested R-hat, rank-normalised: between islands of walkers (Margossian et al. 2024, doi 10.1214/24-BA1453). It
        does not hold against many short chains that each of them is short.
    bulk, tail : ndarray
        Effective number of draws, of the middle and of the 5 and 95 % quantiles.
    pareto : ndarray
        Shape of the heavier tail: below 0.7 means and SDs of draws can be believed.
    """

    rhat: Array
    nested: Array
    bulk: Array
    tail: Array
    pareto: Array

    def converged(self, effective: float) -> bool:
        """Return whether islands agree and every parameter has so many effective draws."""
        least = min(float(self.bulk.min()), float(self.tail.min()))
        return least >= effective and float(self.nested.max()) < LARGEST_RHAT

    def to_dict(self) -> dict[str, Any]:
        """Return the worst of each, as plain numbers."""
        return {
            "largest_rhat": round(float(self.rhat.max()), 4),
            "largest_nested_rhat": round(float(self.nested.max()), 4),
            "smallest_bulk_effective": round(float(self.bulk.min()), 1),
            "smallest_tail_effective": round(float(self.tail.min()), 1),
            "largest_pareto_k": round(float(self.pareto.max()), 3),
        }


def bulk_effective(chains: NDArray[Any]) -> Array:
    """Return the bulk effective number of draws of chains (n_walkers, n_rounds, n_parameters)."""
    from arviz_stats.base import array_stats

    return np.asarray(array_stats.ess(chains, chain_axis=0, draw_axis=1, method="bulk"), dtype=float)


def diagnose(chains: NDArray[Any], islands: int) -> Diagnostics:
    """Return the diagnostics of chains.

    Parameters
    ----------
    chains : ndarray, shape (n_walkers, n_rounds, n_parameters)
        Walkers of one island stand together.
    islands : int
    """
    from arviz_stats.base import array_stats

    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    members = np.repeat(np.arange(islands), len(chains) // islands)
    found = (
        array_stats.rhat(chains, **axes),
        array_stats.rhat_nested(chains, superchain_ids=members, **axes),
        bulk_effective(chains),
        array_stats.ess(chains, method="tail", prob=TAIL, **axes),
        array_stats.pareto_khat(chains, **axes),
    )
    return Diagnostics(*(np.asarray(item, dtype=float) for item in found))


def smoothed(logs: Array) -> tuple[Array, float]:
    """Return Pareto-smoothed log weights and their shape; weights whose largest are equal stay as they are.

    Parameters
    ----------
    logs : ndarray, shape (n,)
        Minus infinity where a draw counts for nothing.

    Notes
    -----
    Above a shape of 0.7 weights cannot be trusted (Vehtari et al. 2024, arXiv:1507.02646).
    """
    from arviz_stats.base import array_stats

    try:
        found, shape = array_stats.psislw(-np.maximum(logs, logs.max() - 200))  # it takes log-likelihoods
    except ValueError:  # a tail of equal weights has no shape
        return logs, 0.0
    return np.asarray(found), float(shape)
