"""Formulas as one graph: equal parts are stored once, constants are folded.

Every node has a level: a constant (0), something of parameters only (1), or something that changes while a subject
is solved (2). What is of level 1 is computed once per subject, so products and sums are regrouped to gather it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

#: operators whose nodes are truth values
LOGICAL = frozenset({"less", "less equal", "equal", "not equal", "and", "or", "not"})


class Graph:
    """Nodes are numbers; ``operators[node]``, ``arguments[node]`` and ``values[node]`` say what a node is.

    Arguments always have smaller numbers than the node that reads them, so ascending order is an order of computation.

    Examples
    --------
    >>> graph = Graph()
    >>> x = graph.leaf("state", 0)
    >>> graph.add(x, graph.number(0.0)) == x, graph.multiply(x, x) == graph.multiply(x, x)
    (True, True)
    """

    def __init__(self) -> None:
        self.operators: list[str] = []
        self.arguments: list[tuple[int, ...]] = []
        self.values: list[float] = []
        self.levels: list[int] = []
        self._known: dict[tuple[str, tuple[int, ...], str], int] = {}

    # ------------------------------------------------------------------ nodes

    def node(self, operator: str, arguments: tuple[int, ...] = (), value: float = 0.0) -> int:
        """Return the node of an operator and its arguments, as it stands."""
        key = (operator, arguments, value.hex())
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = len(self.operators)
            self.operators.append(operator)
            self.arguments.append(arguments)
            self.values.append(value)
            own = {"number": 0, "parameter": 1, "state": 2, "time": 2}.get(operator, 0)
            self.levels.append(max([own, *(self.levels[item] for item in arguments)]))
        return node

    def number(self, value: float) -> int:
        """Return the node of a constant."""
        return self.node("number", (), float(value))

    def leaf(self, kind: str, index: int = 0) -> int:
        """Return the node of a ``"state"``, a ``"parameter"`` or ``"time"``."""
        return self.node(kind, (), float(index))

    def constant(self, node: int) -> float | None:
        """Return a constant's value, or None."""
        return self.values[node] if self.operators[node] == "number" else None

    def _minus(self, node: int) -> bool:
        """Whether ``node`` is the negative of something that changes; fixed parts keep their sign with them."""
        return self.operators[node] == "negative" and self.levels[node] == 2

    def _factor(self, node: int, operator: str) -> tuple[int, int] | None:
        """Split ``coefficient ∘ live`` where the coefficient is fixed for a subject."""
        if self.operators[node] == operator:
            first, second = self.arguments[node]
            if self.levels[first] < 2 == self.levels[second]:
                return first, second
        return None

    def _gathered(self, operator: str, a: int, b: int) -> int:
        """Return ``a ∘ b`` for a commutative operator, what is fixed for a subject moved to the front."""
        again = self.add if operator == "add" else self.multiply
        left, right = self._factor(a, operator), self._factor(b, operator)
        if self.levels[a] == 2 == self.levels[b]:
            if left and right:
                return again(again(left[0], right[0]), again(left[1], right[1]))
            if left:
                return again(left[0], again(left[1], b))
            if right:
                return again(right[0], again(a, right[1]))
        if self.levels[a] == 2:
            a, b, right = b, a, left
        if right and self.levels[a] < 2:
            return again(again(a, right[0]), right[1])
        if self.levels[a] == self.levels[b] and a > b:
            a, b = b, a
        return self.node(operator, (a, b))

    def add(self, a: int, b: int) -> int:
        """Return ``a + b``."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if self._minus(b):
            return self.subtract(a, self.arguments[b][0])
        if self._minus(a):
            return self.subtract(b, self.arguments[a][0])
        return self._gathered("add", a, b)

    def subtract(self, a: int, b: int) -> int:
        """Return ``a - b``."""
        x, y = self.constant(a), self.constant(b)
        if y is not None:
            return self.add(a, self.number(-y))
        if x == 0.0:
            return self.negative(b)
        if self._minus(b):
            return self.add(a, self.arguments[b][0])
        if self.levels[a] == 2 and self.levels[b] < 2:
            return self.add(self.negative(b), a)
        return self.node("subtract", (a, b))

    def negative(self, a: int) -> int:
        """Return ``-a``."""
        x = self.constant(a)
        if x is not None:
            return self.number(-x)
        if self.operators[a] == "negative":
            return self.arguments[a][0]
        if self.operators[a] == "subtract":
            return self.subtract(self.arguments[a][1], self.arguments[a][0])
        split = self._factor(a, "multiply")
        if split:
            return self.multiply(self.negative(split[0]), split[1])
        return self.node("negative", (a,))

    def multiply(self, a: int, b: int) -> int:
        """Return ``a b``; a product with zero stays, for it may be NaN."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None:
            return self.number(x * y)
        for constant, other in ((x, b), (y, a)):
            if constant == 1.0:
                return other
            if constant == -1.0:
                return self.negative(other)
        for one, other in ((a, b), (b, a)):
            if self._minus(one):
                return self.negative(self.multiply(self.arguments[one][0], other))
        return self._gathered("multiply", a, b)

    def reciprocal(self, a: int) -> int:
        """Return ``1 / a``."""
        x = self.constant(a)
        if x is not None and x != 0.0:
            return self.number(1.0 / x)
        return self.node("reciprocal", (a,))

    def divide(self, a: int, b: int) -> int:
        """Return ``a / b``, written as a product with a reciprocal that other quotients share."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None and y != 0.0:
            return self.number(x / y)
        return self.multiply(a, self.reciprocal(b))

    def power(self, a: int, b: int) -> int:
        """Return ``a ** b``; small whole powers become products, one half a square root."""
        exponent = self.constant(b)
        if exponent is not None:
            if exponent == 0.0:
                return self.number(1.0)
            if exponent == 0.5:
                return self.node("square root", (a,))
            if exponent == round(exponent) and abs(exponent) <= 8:
                result = self._whole_power(a, int(abs(exponent)))
                return result if exponent > 0 else self.reciprocal(result)
        return self.node("power", (a, b))

    def _whole_power(self, a: int, exponent: int) -> int:
        if exponent == 1:
            return a
        half = self._whole_power(a, exponent // 2)
        square = self.multiply(half, half)
        return self.multiply(a, square) if exponent % 2 else square

    def choose(self, condition: int, yes: int, no: int) -> int:
        """Return ``yes`` where ``condition`` holds, else ``no``."""
        fixed = self.constant(condition)
        if fixed is not None:
            return yes if fixed != 0.0 else no
        return yes if yes == no else self.node("choose", (condition, yes, no))

    def log(self, a: int) -> int:
        """Return the natural logarithm of ``a``."""
        x = self.constant(a)
        return self.number(math.log(x)) if x is not None and x > 0 else self.node("log", (a,))

    # ----------------------------------------------------------------- orders

    def ordered(self, roots: Iterable[int], stop: Collection[int] = ()) -> list[int]:
        """Return what ``roots`` need in an order of computation, not looking behind the nodes in ``stop``."""
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                if node not in stop:
                    pending.extend(self.arguments[node])
        return sorted(seen)

    def hoisted(self, roots: Iterable[int]) -> list[int]:
        """Return the largest parts of ``roots`` that depend on parameters only and are more than one parameter."""
        found: set[int] = set()
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            if self.levels[node] == 2:
                pending.extend(self.arguments[node])
            elif self.levels[node] == 1 and self.operators[node] != "parameter":
                if self.operators[node] not in LOGICAL:
                    found.add(node)
                else:  # truth values are not stored: hoist what they compare
                    pending.extend(self.arguments[node])
        return sorted(found)
