"""Which operations factor a sparse matrix: a pivot order on the diagonal and the fill-in, found once per model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Factorisation:
    """A plan for ``A = L U`` with pivots on the diagonal, in Markowitz order.

    Attributes
    ----------
    order : tuple of int
        The pivots in turn.
    slots : dict of (int, int) to int
        Where each entry of L and U is stored; a pivot's slot holds its reciprocal.
    operations : tuple of tuple of int
        ``(k,)`` invert pivot k; ``(i, k)`` divide entry (i, k) by pivot k; ``(i, j, k)`` subtract
        entry (i, k) times entry (k, j) from entry (i, j).
    lower, upper : dict of int to tuple of int
        The columns of each row left and right of its pivot, in elimination order.
    updated : frozenset of int
        Pivots that elimination changes: only these can lose their digits.

    References
    ----------
    Markowitz, H. M. (1957), doi 10.1287/mnsc.3.3.255; Duff, Erisman & Reid, Direct Methods for Sparse Matrices.

    Examples
    --------
    >>> factorise(2, [(0, 1), (1, 0)]).operations
    ((0,), (1, 0), (1, 1, 0), (1,))
    """

    order: tuple[int, ...]
    slots: dict[tuple[int, int], int]
    operations: tuple[tuple[int, ...], ...]
    lower: dict[int, tuple[int, ...]]
    upper: dict[int, tuple[int, ...]]
    updated: frozenset[int]


def factorise(size: int, pattern: Iterable[tuple[int, int]]) -> Factorisation:
    """Return the plan for a matrix with entries at ``pattern`` and on the diagonal.

    Parameters
    ----------
    size : int
    pattern : iterable of (row, column)
    """
    rows: list[set[int]] = [{i} for i in range(size)]
    columns: list[set[int]] = [{i} for i in range(size)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    full = [set(row) for row in rows]
    left = set(range(size))
    order: list[int] = []
    operations: list[tuple[int, ...]] = []
    while left:  # rows and columns hold only what is left, so their sizes are the Markowitz counts
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), k))
        left.discard(pivot)
        order.append(pivot)
        operations.append((pivot,))
        below, right = sorted(columns[pivot] - {pivot}), sorted(rows[pivot] - {pivot})
        for i in below:
            operations.append((i, pivot))
            rows[i].discard(pivot)
            for j in right:
                operations.append((i, j, pivot))
                rows[i].add(j)
                columns[j].add(i)
                full[i].add(j)
        for j in right:
            columns[j].discard(pivot)
    place = {pivot: index for index, pivot in enumerate(order)}
    lower = {k: tuple(sorted((j for j in full[k] if place[j] < place[k]), key=place.__getitem__)) for k in order}
    upper = {k: tuple(sorted((j for j in full[k] if place[j] > place[k]), key=place.__getitem__)) for k in order}
    entries = [(k, j) for k in order for j in (*lower[k], k, *upper[k])]
    updated = frozenset(item[0] for item in operations if len(item) == 3 and item[0] == item[1])
    return Factorisation(
        tuple(order), {entry: slot for slot, entry in enumerate(entries)}, tuple(operations), lower, upper, updated
    )
