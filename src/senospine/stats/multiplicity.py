"""Several hypotheses, one error: hierarchical and graphical procedures that hold the family-wise error strongly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Graph:
    """Weights of hypotheses and where a rejected one's share of alpha goes.

    Bretz, Maurer, Brannath and Posch 2009 (doi 10.1002/sim.3495).

    Attributes
    ----------
    names : tuple
    weights : ndarray, shape (n,)
        Shares of alpha, at most one together.
    transitions : ndarray, shape (n, n)
        Row i: how the share of i is handed on once i is rejected; rows sum to one at most, the diagonal is zero.
    """

    names: tuple[Hashable, ...]
    weights: Array
    transitions: Array

    def __post_init__(self) -> None:
        n = len(self.names)
        rounding = 1e-9
        if self.weights.shape != (n,) or self.transitions.shape != (n, n) or len(set(self.names)) < n:
            raise AnalysisError(f"{n} hypotheses need {n} names, weights and rows of transitions")
        if (self.weights < 0).any() or self.weights.sum() > 1 + rounding:
            raise AnalysisError("weights must not be negative and sum to one at most")
        rows = self.transitions.sum(axis=1)
        if (self.transitions < 0).any() or (rows > 1 + rounding).any() or np.diag(self.transitions).any():
            raise AnalysisError("transitions must not be negative, sum to one at most in a row, and lead elsewhere")

    def test(self, p: Mapping[Hashable, float] | ArrayLike, *, alpha: float = 0.025) -> pd.DataFrame:
        """Return p, adjusted p and whether each hypothesis is rejected, indexed by hypothesis.

        Parameters
        ----------
        p : mapping of name to p value, or array_like, shape (n,)
        alpha : float
            Of the family; one-sided p values usually go with 0.025.

        Raises
        ------
        AnalysisError
            A p value that is missing or outside [0, 1].
        """
        values = np.array([p[name] for name in self.names] if isinstance(p, Mapping) else p, float)
        if values.shape != self.weights.shape or not ((values >= 0) & (values <= 1)).all():
            raise AnalysisError(f"need a p value between 0 and 1 for each of {', '.join(map(str, self.names))}")
        if not 0 < alpha < 1:
            raise AnalysisError(f"alpha must lie between 0 and 1, got {alpha}")
        adjusted = self.adjust_many(values[None])[0]
        table = {"p": values, "adjusted": adjusted, "rejected": adjusted <= alpha}
        return pd.DataFrame(table, index=pd.Index(self.names, name="hypothesis"))

    def adjust_many(self, p: ArrayLike) -> Array:
        """Return adjusted p values of many families at once, shape (n_families, n), from p values of that shape.

        Whichever order hypotheses were rejected in, the graph of those left is the same; families that stand at one
        graph are taken together.

        Raises
        ------
        AnalysisError
            A p value that is missing or outside [0, 1].
        """
        values = np.asarray(p, float)
        if values.ndim != 2 or values.shape[1] != len(self.names) or not ((values >= 0) & (values <= 1)).all():
            raise AnalysisError(f"need a p value between 0 and 1 for each of {', '.join(map(str, self.names))}")
        n = len(self.names)
        adjusted, highest = np.ones_like(values), np.zeros(len(values))
        graphs = {0: (self.weights, self.transitions)}
        gone = np.zeros(len(values), np.int64)  # a bit for each hypothesis taken out
        for _ in range(n):
            for state in np.unique(gone):
                mine = np.flatnonzero(gone == state)
                weights, moves = graphs[int(state)]
                left = np.array([i for i in range(n) if not state >> i & 1])
                with np.errstate(divide="ignore", invalid="ignore"):
                    needed = np.where(weights[left] > 0, values[np.ix_(mine, left)] / weights[left], np.inf)
                best = np.argmin(needed, axis=1)
                highest[mine] = np.maximum(highest[mine], np.minimum(needed[np.arange(len(mine)), best], 1.0))
                taken = left[best]
                adjusted[mine, taken] = highest[mine]
                gone[mine] |= 1 << taken
                for out in np.unique(taken):
                    rest = [i for i in left if i != out]
                    graphs.setdefault(int(state | 1 << out), _without(int(out), rest, weights, moves))
        return adjusted


def _without(gone: int, left: Sequence[int], weights: Array, moves: Array) -> tuple[Array, Array]:
    """Return weights and transitions after a rejection (algorithm 1 of the paper)."""
    new_weights, new_moves = np.zeros_like(weights), np.zeros_like(moves)
    for i in left:
        new_weights[i] = weights[i] + weights[gone] * moves[gone, i]
        back = moves[i, gone] * moves[gone, i]
        for j in left:
            if i != j and back < 1:
                new_moves[i, j] = (moves[i, j] + moves[i, gone] * moves[gone, j]) / (1 - back)
    return new_weights, new_moves


def hierarchical(names: Sequence[Hashable]) -> Graph:
    """Return the fixed sequence: each hypothesis is tested at full alpha once all before it are rejected.

    Examples
    --------
    >>> hierarchical(["pain", "function"]).test([0.01, 0.02])["rejected"].tolist()
    [True, True]
    """
    n = len(names)
    return Graph(tuple(names), np.eye(1, n)[0], np.eye(n, k=1))


def holm(names: Sequence[Hashable], weights: ArrayLike | None = None) -> Graph:
    """Return Holm's procedure (1979), weighted where weights are given: a rejected share is split among the rest."""
    n = len(names)
    share = np.full(n, 1 / n) if weights is None else np.asarray(weights, float)
    moves = np.zeros((n, n))
    for i in range(n):
        others = np.delete(share, i).sum()
        moves[i] = share / others if others > 0 else 0.0
        moves[i, i] = 0.0
    return Graph(tuple(names), share, moves)


def fallback(names: Sequence[Hashable], weights: ArrayLike) -> Graph:
    """Return the fallback procedure (Wiens 2003, doi 10.1002/pst.64): a rejected share goes to the next in line."""
    return Graph(tuple(names), np.asarray(weights, float), np.eye(len(names), k=1))
