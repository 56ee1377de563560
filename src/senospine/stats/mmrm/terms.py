"""Fixed effects: from names of columns to a design matrix whose columns are called what R calls them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError

Array = NDArray[np.float64]
Term = tuple[str, ...]


def expand_terms(fixed: Sequence[str]) -> tuple[Term, ...]:
    """Return the terms of ``fixed``, ``A*B`` spelt out as A, B and A:B, lower orders first as in R.

    Raises
    ------
    AnalysisError
        An empty name.

    Examples
    --------
    >>> expand_terms(["SEX", "ARM*VISIT"])
    (('SEX',), ('ARM',), ('VISIT',), ('ARM', 'VISIT'))
    """
    found: dict[frozenset[str], Term] = {}
    for text in [fixed] if isinstance(fixed, str) else fixed:
        crossed = [tuple(name.strip() for name in part.split(":")) for part in text.split("*")]
        if not all(name for part in crossed for name in part):
            raise AnalysisError(f"the fixed effect {text!r} names no column", remedy="write 'A', 'A:B' or 'A*B'")
        for size in range(1, len(crossed) + 1):
            for chosen in combinations(crossed, size):
                term = tuple(dict.fromkeys(name for part in chosen for name in part))
                found.setdefault(frozenset(term), term)
    return tuple(sorted(found.values(), key=len))


def levels_of(column: pd.Series, *, natural: bool = False) -> tuple[Hashable, ...]:
    """Return the levels in use: a categorical's own order, else sorted; ``natural`` puts VIS10 after VIS9."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.dropna().unique())
        return tuple(level for level in column.cat.categories if level in used)
    values = column.dropna().unique().tolist()
    if natural:
        return tuple(sorted(values, key=_natural_key))
    try:
        return tuple(sorted(values))
    except TypeError:
        return tuple(sorted(values, key=str))


def _natural_key(value: Hashable) -> list[tuple[int, float, str]]:
    if isinstance(value, int | float):
        return [(0, float(value), "")]
    parts = re.split(r"(\d+(?:\.\d+)?)", str(value))
    return [(0, float(part), "") if part[:1].isdigit() else (1, 0.0, part) for part in parts if part]


@dataclass(frozen=True)
class Design:
    """How rows of a table become rows of a design matrix.

    Attributes
    ----------
    terms : tuple of tuple of str
        Without the intercept, which is always there.
    factors : mapping of str to tuple
        Levels of each factor, the reference first; a column that is no factor is a number.
    columns : tuple of str
        Names of the columns as R writes them, ``(Intercept)`` first.
    assign : ndarray, shape (n_columns,)
        Number of the term a column belongs to; 0 is the intercept.
    """

    terms: tuple[Term, ...]
    factors: Mapping[str, tuple[Hashable, ...]]
    columns: tuple[str, ...]
    assign: NDArray[np.int64]

    @classmethod
    def of(cls, terms: tuple[Term, ...], factors: Mapping[str, tuple[Hashable, ...]]) -> Design:
        """Return the design of these terms; interactions are coded as R codes them."""
        names, assign = ["(Intercept)"], [0]
        for number, term in enumerate(terms, start=1):
            labels = [""]
            for name in term:
                own = (
                    [name]
                    if name not in factors
                    else [f"{name}{level}" for level in _coded(term, name, terms, factors)]
                )
                labels = [f"{first}:{second}" if first else second for second in own for first in labels]
            names += labels
            assign += [number] * len(labels)
        return cls(terms, dict(factors), tuple(names), np.array(assign))

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the table that the design reads."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term))

    def matrix(self, frame: pd.DataFrame) -> Array:
        """Return the design matrix of a table, shape (n_rows, n_columns)."""
        blocks = [np.ones((len(frame), 1))]
        numbers = {name: frame[name].to_numpy(float) for name in self.variables if name not in self.factors}
        codes = {
            name: pd.Index(self.factors[name]).get_indexer(pd.Index(frame[name].to_numpy(object)))
            for name in self.variables
            if name in self.factors
        }
        for term in self.terms:
            block = np.ones((len(frame), 1))
            for name in term:
                own: Array
                if name in numbers:
                    own = numbers[name].reshape(-1, 1)
                else:
                    kept = _coded(term, name, self.terms, self.factors)
                    first = len(self.factors[name]) - len(kept)
                    own = (np.asarray(codes[name]).reshape(-1, 1) == np.arange(first, len(self.factors[name]))).astype(
                        float
                    )
                block = (own[:, :, None] * block[:, None, :]).reshape(len(frame), -1)
            blocks.append(block)
        return np.hstack(blocks)


def _coded(
    term: Term, name: str, terms: tuple[Term, ...], factors: Mapping[str, tuple[Hashable, ...]]
) -> tuple[Hashable, ...]:
    """Return the levels that get a column: all but the reference where the term without this factor is there too."""
    rest = frozenset(term) - {name}
    marginal = not rest or any(frozenset(other) == rest for other in terms)
    return factors[name][1:] if marginal else factors[name]


def aliased_columns(matrix: Array, tolerance: float = 1e-7) -> list[int]:
    """Return the columns that are combinations of earlier ones (R's rule and tolerance)."""
    size = np.linalg.norm(matrix, axis=0)
    triangle = np.asarray(np.linalg.qr(matrix / np.where(size > 0, size, 1.0), mode="r"))
    basis: list[Array] = []
    aliased = []
    for index in range(matrix.shape[1]):
        rest = triangle[:, index].copy()
        for _ in range(2):  # twice is enough for orthogonality to rounding
            for direction in basis:
                rest -= direction * (direction @ rest)
        length = float(np.linalg.norm(rest))
        if size[index] == 0 or length < tolerance:
            aliased.append(index)
        else:
            basis.append(rest / length)
    return aliased
