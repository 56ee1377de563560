"""From expression trees to nodes of the graph."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from senospine.engine.graph import Graph
from senospine.errors import ModelError
from senospine.model.expressions import Call, Expression, Name, Number, Time, evaluate

_COMPARISON = {"lt": "less", "leq": "less equal", "eq": "equal", "neq": "not equal"}
_DIRECT = {"exp": "exp", "ln": "log", "abs": "abs", "floor": "floor", "ceiling": "ceiling",
           "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh"}  # fmt: skip

#: the operators that become machine code
OFFERED = frozenset(
    {"plus", "minus", "times", "divide", "power", "root", "log", "min", "max", "piecewise", "true", "false", "not",
     "and", "or", "gt", "geq", *_DIRECT, *_COMPARISON}
)  # fmt: skip


class Reader:
    """Reads expressions into ``graph``, names by ``slots``, to which the caller may add.

    Examples
    --------
    >>> graph = Graph()
    >>> reader = Reader(graph, {"a": graph.leaf("parameter", 0)})
    >>> reader.read(Call("plus", (Name("a"), Number(0.0)))) == reader.slots["a"]
    True
    """

    def __init__(self, graph: Graph, slots: Mapping[str, int]) -> None:
        self.graph = graph
        self.slots = dict(slots)

    def read(self, expression: Expression) -> int:
        """Return the node of ``expression``, its names taken from the slots.

        Raises
        ------
        ModelError
            An operator that cannot be compiled.
        """
        if isinstance(expression, Number):
            return self.graph.number(expression.value)
        if isinstance(expression, Name):
            return self.slots[expression.id]
        if isinstance(expression, Time):
            return self.graph.leaf("time")
        if expression.operator not in OFFERED:
            raise ModelError(f"operator '{expression.operator}' cannot be compiled")
        items = [self.read(item) for item in expression.arguments]
        if (
            items
            and all(self.graph.operators[item] == "number" for item in items)
            and expression.operator != "piecewise"
        ):
            with np.errstate(all="ignore"):
                plain = Call(expression.operator, tuple(Number(self.graph.values[item]) for item in items))
                return self.graph.number(float(evaluate(plain, {})))
        return self._call(expression.operator, items)

    def _call(self, operator: str, items: list[int]) -> int:
        if operator in {"plus", "times"}:
            combine = self.graph.add if operator == "plus" else self.graph.multiply
            result = items[0]
            for item in items[1:]:
                result = combine(result, item)
            return result
        if operator == "minus":
            return self.graph.negative(items[0]) if len(items) == 1 else self.graph.subtract(*items)
        if operator == "divide":
            return self.graph.divide(*items)
        if operator == "power":
            return self.graph.power(*items)
        if operator == "root":
            return self.graph.power(items[1], self.graph.reciprocal(items[0]))
        if operator == "log":
            return self.graph.divide(self.graph.node("log", (items[1],)), self.graph.log(items[0]))
        if operator in _DIRECT:
            return self.graph.node(_DIRECT[operator], (items[0],))
        if operator in {"min", "max"}:
            result = items[0]
            for item in items[1:]:
                result = self.graph.node(operator, (result, item))
            return result
        if operator == "piecewise":
            result = items[-1]
            for value, condition in zip(reversed(items[:-1:2]), reversed(items[1::2]), strict=True):
                result = self.graph.choose(condition, value, result)
            return result
        return self._logic(operator, items)

    def _logic(self, operator: str, items: list[int]) -> int:
        if operator in {"true", "false"}:
            return self.graph.number(float(operator == "true"))
        if operator == "not":
            return self.graph.node("not", (items[0],))
        if operator in {"and", "or"}:
            return self._joined(operator, items)
        if operator in {"gt", "geq"}:
            operator, items = {"gt": "lt", "geq": "leq"}[operator], items[::-1]
        pairs = [self.graph.node(_COMPARISON[operator], pair) for pair in itertools.pairwise(items)]
        return self._joined("and", pairs)

    def _joined(self, operator: str, items: Sequence[int]) -> int:
        if not items:  # SBML allows a conjunction of nothing, which is true, and a disjunction, which is false
            return self.graph.number(float(operator == "and"))
        result = items[0]
        for item in items[1:]:
            result = self.graph.node(operator, (result, item))
        return result
