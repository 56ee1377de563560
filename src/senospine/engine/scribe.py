"""From nodes of the graph to values of LLVM code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from senospine.engine.functions import Functions
from senospine.engine.graph import LOGICAL
from senospine.engine.system import System
from senospine.engine.vectors import Lanes, Value
from senospine.errors import ModelError

_COMPARISONS = {"less": "<", "less equal": "<=", "equal": "=="}
_CALLS = frozenset({"power", "exp", "log", "sin", "cos", "tan", "tanh"})
_BATCHES = (1, 2, 4)
_LIBRARY = frozenset({"sin", "cos", "tan", "tanh"})


class Scribe:
    """Writes nodes of the graph as values, each once within a function."""

    def __init__(
        self, lanes: Lanes, functions: Functions, system: System, leaves: Mapping[str, tuple[Value, int]],
        stored: Mapping[int, int],
    ) -> None:  # fmt: skip
        self.lanes, self.functions, self.graph = lanes, functions, system.graph
        self.leaves, self.stored = leaves, stored
        self._values: dict[int, Value] = {}

    def write(self, roots: Sequence[int], use: Callable[[int, Value], None] | None = None) -> list[Value]:
        """Return the values of ``roots`` as doubles, and hand each to ``use`` as soon as it is there.

        Calls clobber every register, so what needs them is written first, and what follows is kept short-lived.
        """
        self.write_calls(roots)
        values = []
        for index, root in enumerate(roots):
            self._write([root])
            values.append(self._real(root))
            if use is not None:
                use(index, values[-1])
        return values

    def write_calls(self, roots: Sequence[int]) -> None:
        """Write the calls that ``roots`` need, with what these need themselves."""
        graph, stop = self.graph, self.stored
        needed = graph.ordered(roots, stop.keys() | self._values.keys())
        depth: dict[int, int] = {}
        groups: dict[tuple[int, str], list[int]] = {}
        for node in needed:
            depth[node] = max((depth.get(item, 0) for item in graph.arguments[node]), default=0)
            if graph.operators[node] in _CALLS and node not in stop and node not in self._values:
                groups.setdefault((depth[node], graph.operators[node]), []).append(node)
                depth[node] += 1
        for (_, operator), calls in sorted(groups.items()):
            if operator in _LIBRARY:
                self._write(calls)
            else:
                self._write_batches(operator, calls)
        if groups:
            for node in [node for node in self._values if not graph.arguments[node] or node in stop]:
                del self._values[node]  # rather load again than carry across calls

    def _write_batches(self, operator: str, calls: list[int]) -> None:
        """Write calls that do not need each other, several at a time; what is over comes first, to overlap."""
        while calls:
            count = next(size for size in _BATCHES if len(calls) % (2 * size) or size == _BATCHES[-1])
            batch, calls = calls[:count], calls[count:]
            self._write([item for node in batch for item in self.graph.arguments[node]])
            given = [tuple(self._real(item) for item in self.graph.arguments[node]) for node in batch]
            self._values.update(zip(batch, self.functions.side_by_side(operator, given), strict=True))

    def _write(self, roots: Iterable[int]) -> None:
        for node in self.graph.ordered(roots, self.stored.keys() | self._values.keys()):
            if node not in self._values:
                self._values[node] = self._value(node)

    def _value(self, node: int) -> Value:
        graph, lanes = self.graph, self.lanes
        operator = graph.operators[node]
        if node in self.stored:
            return lanes.load(self.leaves["hoisted"][0], self.leaves["hoisted"][1] + self.stored[node])
        if operator == "number":
            return lanes.real(graph.values[node])
        if operator in {"state", "parameter", "time"}:
            base, offset = self.leaves[operator]
            value = lanes.load(base, offset + int(graph.values[node]))
            return lanes.add(value, self._begin()) if operator == "time" and lanes.single else value
        items = graph.arguments[node]
        if operator == "choose":
            return lanes.choose(self._truth(items[0]), self._real(items[1]), self._real(items[2]))
        if operator in LOGICAL:
            return self._logic(operator, items)
        return self._arithmetic(operator, [self._real(item) for item in items])

    def _begin(self) -> Value:
        """Return the moment that single precision counts time from, in each lane."""
        return self.lanes.load(*self.leaves["begin"])

    def _arithmetic(self, operator: str, x: list[Value]) -> Value:
        lanes = self.lanes
        if operator in {"add", "subtract", "multiply", "negative"}:
            return getattr(lanes, operator)(*x)
        if operator == "reciprocal":
            return lanes.divide(lanes.real(1.0), x[0])
        if operator in {"exp", "log", "power"}:
            return getattr(self.functions, operator)(*x)
        if operator in {"square root", "abs", "floor", "ceiling"}:
            return lanes.intrinsic(
                {"square root": "sqrt", "abs": "fabs", "ceiling": "ceil"}.get(operator, operator), x[0]
            )
        if operator in {"min", "max"}:  # NaN if either is NaN
            inner = lanes.choose(lanes.compare("<" if operator == "min" else ">", x[0], x[1]), x[0], x[1])
            return lanes.choose(lanes.here.fcmp_unordered("uno", x[0], x[0]), x[0], inner)
        if operator == "finite or zero":
            finite = lanes.compare("<", lanes.intrinsic("fabs", x[0]), lanes.real(math.inf))
            return lanes.choose(finite, x[0], lanes.real(0.0))
        if operator in _LIBRARY:
            return lanes.lane_by_lane(operator, x[0])
        raise ModelError(f"operator '{operator}' cannot be compiled")

    def _logic(self, operator: str, items: tuple[int, ...]) -> Value:
        lanes = self.lanes
        if operator in _COMPARISONS:
            return lanes.compare(_COMPARISONS[operator], self._real(items[0]), self._real(items[1]))
        if operator == "not equal":
            return lanes.compare("!=", self._real(items[0]), self._real(items[1]), unordered=True)
        truths = [self._truth(item) for item in items]
        if operator == "not":
            return lanes.here.not_(truths[0])
        return (lanes.here.and_ if operator == "and" else lanes.here.or_)(*truths)

    def _is_truth(self, node: int) -> bool:
        return self.graph.operators[node] in LOGICAL

    def _real(self, node: int) -> Value:
        value = self._values[node]
        if not self._is_truth(node):
            return value
        return self.lanes.choose(value, self.lanes.real(1.0), self.lanes.real(0.0))

    def _truth(self, node: int) -> Value:
        value = self._values[node]
        if self._is_truth(node):
            return value
        return self.lanes.compare("!=", value, self.lanes.real(0.0), unordered=True)
