"""Where the nodes of a mechanism go: groups in layers from left to right, few crossings, no line under a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from senospine.report.arrows import Arrow
from senospine.report.ordering import Ordering

NODE_WIDTH, NODE_HEIGHT, GAP, VIA_HEIGHT = 92.0, 36.0, 27.0, 3.0
PITCH, WIDE_PITCH = 15.0, 30.0
GROUP_GAP = 34.0
_DEEPEST = 7


@dataclass(frozen=True)
class Layout:
    """Places of a mechanism's parts.

    Attributes
    ----------
    column, y : mapping of item to int or float
        An item is a node, or ``source>column``: where the lines of ``source`` pass through a column.
    layers : tuple of tuple of str
        Groups side by side; groups of one layer are stacked.
    columns_of : mapping of group to (first, last) column
    """

    column: Mapping[str, int]
    y: Mapping[str, float]
    layers: tuple[tuple[str, ...], ...]
    columns_of: Mapping[str, tuple[int, int]]
    routes: Mapping[Arrow, tuple[str, ...]]


def lay_out(groups: Mapping[str, str], arrows: Sequence[Arrow]) -> Layout:
    """Return places for the nodes in ``groups`` (node to group), the same for the same input."""
    layers = _layers(groups, arrows)
    column, columns_of = _columns(groups, arrows, layers)
    routes = {}
    for arrow in arrows:
        first, last = column[arrow.source], column[arrow.target]
        step = 1 if last >= first else -1
        passed = [f"{arrow.source}>{index}" for index in range(first + step, last, step)]
        column |= {item: int(item.rsplit(">", 1)[1]) for item in passed}
        routes[arrow] = (arrow.source, *passed, arrow.target)
    order = Ordering(groups, column, routes).best()
    return Layout(column, _heights(order, groups, routes), layers, columns_of, routes)


def depths(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the longest way to each node along ``pairs``; circles are cut where they close.

    Examples
    --------
    >>> depths(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    found: dict[str, int] = {}

    def depth(node: str, above: tuple[str, ...]) -> int:
        if node not in found:
            before = [a for a, b in pairs if b == node and a != node and a not in above]
            found[node] = max((depth(a, (*above, node)) + 1 for a in before), default=0)
        return found[node]

    for node in nodes:
        depth(node, ())
    return {node: found[node] for node in nodes}


def _layers(groups: Mapping[str, str], arrows: Sequence[Arrow]) -> tuple[tuple[str, ...], ...]:
    names = list(dict.fromkeys(groups.values()))
    place = {name: index for index, name in enumerate(names)}
    between = {(groups[arrow.source], groups[arrow.target]) for arrow in arrows}
    # what feeds back to a group declared earlier does not move it to the right
    rank = depths(names, sorted(pair for pair in between if place[pair[0]] < place[pair[1]]))
    return tuple(tuple(name for name in names if rank[name] == level) for level in sorted(set(rank.values())))


def _columns(
    groups: Mapping[str, str], arrows: Sequence[Arrow], layers: Sequence[Sequence[str]]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """A group that is a chain stands in one column, any other in two: what feeds it first, what follows second."""
    column: dict[str, int] = {}
    columns_of: dict[str, tuple[int, int]] = {}
    if len(set(groups.values())) == 1:  # nobody declared groups: by depth
        column = {
            node: min(rank, _DEEPEST)
            for node, rank in depths(list(groups), [(a.source, a.target) for a in arrows]).items()
        }
        return column, {next(iter(groups.values())): (0, max(column.values()))}
    start = 0
    for layer in layers:
        width = 1
        for group in layer:
            nodes = [node for node in groups if groups[node] == group]
            pairs = [(a.source, a.target) for a in arrows if a.source in nodes and a.target in nodes]
            ends = [*(a for a, _ in pairs), *(b for _, b in pairs)]
            chain = all(ends.count(node) <= 2 for node in nodes) and len(pairs) < max(len(nodes), 1)
            rank = depths(nodes, pairs)
            half = (max(rank.values()) + 1) / 2
            second = {node for node in nodes if not chain and rank[node] >= half}
            if second and width == 2:  # two groups of two columns would lie over each other
                start += 2
            column |= {node: start + (node in second) for node in nodes}
            columns_of[group] = (start, start + bool(second))
            width = max(width, 1 + bool(second))
        start += width
    return column, columns_of


def _heights(
    order: Sequence[Sequence[str]], groups: Mapping[str, str], routes: Mapping[Arrow, tuple[str, ...]]
) -> dict[str, float]:
    """Pull everything towards what it is joined to, keeping order and distance."""
    links = {pair for route in routes.values() for pair in pairwise(route)}
    joined: dict[str, list[str]] = {item: [] for items in order for item in items}
    for a, b in links:
        joined[a].append(b)
        joined[b].append(a)
    tallest = max(_offsets(items, groups, PITCH)[-1] for items in order)
    offsets: list[list[float]] = []
    y: dict[str, float] = {}
    for items in order:  # the tallest column sets the height, the others use it
        room = tallest - _offsets(items, groups, 0)[-1]
        places = _offsets(items, groups, max(PITCH, min(WIDE_PITCH, room / max(len(items) - 1, 1))))
        offsets.append(places)
        y |= {item: place - places[-1] / 2 for item, place in zip(items, places, strict=True)}
    for _ in range(40):
        for items, places in zip(order, offsets, strict=True):
            wanted, weights = [], []
            for item, place in zip(items, places, strict=True):
                others = [other for other in joined[item] if other not in items]
                goal = sum(y[other] for other in others) / len(others) if others else y[item]
                wanted.append(goal - place)
                weights.append(4.0 if item not in groups else 1.0 if others else 0.2)
            low, high = -tallest / 2, tallest / 2 - places[-1]
            for item, place, shift in zip(items, places, _rising(wanted, weights), strict=True):
                y[item] = place + min(max(shift, low), high)
    return y


def _offsets(items: Sequence[str], groups: Mapping[str, str], pitch: float) -> list[float]:
    """Return how far below the first item of a column each stands at least."""
    places = [0.0]
    for above, below in pairwise(items):
        sizes = [NODE_HEIGHT if item in groups else VIA_HEIGHT for item in (above, below)]
        extra = GROUP_GAP if above in groups and below in groups and groups[above] != groups[below] else 0.0
        places.append(places[-1] + sum(sizes) / 2 + pitch + extra)
    return places


def _rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the nearest sequence that never falls (pool adjacent violators).

    Examples
    --------
    >>> _rising([1.0, 3.0, 2.0], [1.0, 1.0, 1.0])
    [1.0, 2.5, 2.5]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, mass, count = pools.pop()
            total = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]
