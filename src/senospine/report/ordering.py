"""The order of a picture's parts within its columns: few crossings, short ways."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from senospine.report.arrows import Arrow

_RESTARTS = 6


class Ordering:
    """Searches the order within columns that crosses and climbs least."""

    def __init__(
        self, groups: Mapping[str, str], column: Mapping[str, int], routes: Mapping[Arrow, tuple[str, ...]]
    ) -> None:
        self.groups = groups
        links = {pair for route in routes.values() for pair in pairwise(route)}
        self.beside = sorted({(a, b) if column[a] < column[b] else (b, a) for a, b in links if column[a] != column[b]})
        self.inside = sorted((a, b) for a, b in links if column[a] == column[b])
        self.start = [[item for item in column if column[item] == c] for c in range(max(column.values()) + 1)]
        self.between = [[p for p in self.beside if column[p[0]] == c] for c in range(len(self.start))]
        self.within = [[p for p in self.inside if column[p[0]] == c] for c in range(len(self.start))]

    def best(self) -> list[list[str]]:
        """Return the best of several descents from shuffled starts."""
        dice = random.Random(1)
        found: tuple[float, list[list[str]]] | None = None
        for _ in range(_RESTARTS):
            columns = [dice.sample(items, len(items)) for items in self.start]
            cost = self._descend(columns)
            if found is None or cost < found[0] - 1e-9:
                found = cost, columns
        assert found is not None
        return found[1]

    def _descend(self, columns: list[list[str]]) -> float:
        better = True
        while better:
            better = False
            for c, items in enumerate(columns):
                for item in list(items):
                    costs = []
                    others = [other for other in items if other != item]
                    for place in range(len(items)):
                        columns[c] = [*others[:place], item, *others[place:]]
                        costs.append(self._local(columns, c))
                    now, best = costs[items.index(item)], min(costs)
                    place = costs.index(best) if best < now - 1e-9 else items.index(item)
                    better = better or best < now - 1e-9
                    items = columns[c] = [*others[:place], item, *others[place:]]
        return sum(self._gap_cost(columns, c) + self._column_cost(columns[c], c) for c in range(len(columns)))

    def _local(self, columns: list[list[str]], c: int) -> float:
        before = self._gap_cost(columns, c - 1) if c else 0.0
        return before + self._gap_cost(columns, c) + self._column_cost(columns[c], c)

    def _places(self, items: Sequence[str]) -> dict[str, float]:
        sizes = [1.0 if item in self.groups else 0.4 for item in items]
        top, places = -sum(sizes) / 2, {}
        for item, size in zip(items, sizes, strict=True):
            places[item], top = top + size / 2, top + size
        return places

    def _gap_cost(self, columns: list[list[str]], c: int) -> float:
        if c + 1 >= len(columns):
            return 0.0
        left, right = self._places(columns[c]), self._places(columns[c + 1])
        starts = np.array([left[a] for a, _ in self.between[c]])
        ends = np.array([right[b] for _, b in self.between[c]])
        crossings = np.count_nonzero((starts[:, None] - starts) * (ends[:, None] - ends) < 0) / 2
        return float(2.0 * crossings + 0.5 * ((starts - ends) ** 2).sum())

    def _column_cost(self, items: Sequence[str], c: int) -> float:
        place = {item: index for index, item in enumerate(items)}
        cost = sum(6.0 * (abs(place[a] - place[b]) - 1) + (place[a] > place[b]) for a, b in self.within[c])
        kinds = [self.groups[item] for item in items if item in self.groups]
        changes = sum(a != b for a, b in pairwise(kinds))
        return cost + 40.0 * (changes - len(set(kinds)) + 1)
