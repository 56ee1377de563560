"""Formulas as one graph: equal parts are stored once, constants folded, derivatives taken symbolically.

Every node has a level: a constant (0), something of parameters only (1), or something that changes while a subject
is solved (2). What is of level 1 is computed once per subject, so products and sums are regrouped to gather it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from senospine.errors import ModelError
from senospine.model.expressions import OPERATORS, Call, Expression, Name, Number, Time, evaluate

#: the variable number of time in derivatives; states are 0, 1, …
TIME = -1

LOGICAL = frozenset({"less", "less equal", "equal", "not equal", "and", "or", "not"})
_COMPARISON = {"lt": "less", "leq": "less equal", "eq": "equal", "neq": "not equal"}
_DIRECT = {"exp": "exp", "ln": "log", "abs": "abs", "floor": "floor", "ceiling": "ceiling",
           "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh"}  # fmt: skip


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
        self._derivatives: dict[int, dict[int, int]] = {}

    # ------------------------------------------------------------------ nodes

    def _node(self, operator: str, arguments: tuple[int, ...] = (), value: float = 0.0) -> int:
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
        return self._node("number", (), float(value))

    def leaf(self, kind: str, index: int = 0) -> int:
        """Return the node of a ``"state"``, a ``"parameter"`` or ``"time"``."""
        return self._node(kind, (), float(index))

    def _constant(self, node: int) -> float | None:
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
        return self._node(operator, (a, b))

    def add(self, a: int, b: int) -> int:
        """Return ``a + b``."""
        x, y = self._constant(a), self._constant(b)
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
        x, y = self._constant(a), self._constant(b)
        if y is not None:
            return self.add(a, self.number(-y))
        if x == 0.0:
            return self.negative(b)
        if self._minus(b):
            return self.add(a, self.arguments[b][0])
        if self.levels[a] == 2 and self.levels[b] < 2:
            return self.add(self.negative(b), a)
        return self._node("subtract", (a, b))

    def negative(self, a: int) -> int:
        """Return ``-a``."""
        x = self._constant(a)
        if x is not None:
            return self.number(-x)
        if self.operators[a] == "negative":
            return self.arguments[a][0]
        if self.operators[a] == "subtract":
            return self.subtract(self.arguments[a][1], self.arguments[a][0])
        split = self._factor(a, "multiply")
        if split:
            return self.multiply(self.negative(split[0]), split[1])
        return self._node("negative", (a,))

    def multiply(self, a: int, b: int) -> int:
        """Return ``a b``; a product with zero stays, for it may be NaN."""
        x, y = self._constant(a), self._constant(b)
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
        x = self._constant(a)
        if x is not None and x != 0.0:
            return self.number(1.0 / x)
        return self._node("reciprocal", (a,))

    def divide(self, a: int, b: int) -> int:
        """Return ``a / b``, written as a product with a reciprocal that other quotients share."""
        x, y = self._constant(a), self._constant(b)
        if x is not None and y is not None and y != 0.0:
            return self.number(x / y)
        return self.multiply(a, self.reciprocal(b))

    def power(self, a: int, b: int) -> int:
        """Return ``a ** b``; small whole powers become products, one half a square root."""
        exponent = self._constant(b)
        if exponent is not None:
            if exponent == 0.0:
                return self.number(1.0)
            if exponent == 0.5:
                return self._node("square root", (a,))
            if exponent == round(exponent) and abs(exponent) <= 8:
                result = self._whole_power(a, int(abs(exponent)))
                return result if exponent > 0 else self.reciprocal(result)
        return self._node("power", (a, b))

    def _whole_power(self, a: int, exponent: int) -> int:
        if exponent == 1:
            return a
        half = self._whole_power(a, exponent // 2)
        square = self.multiply(half, half)
        return self.multiply(a, square) if exponent % 2 else square

    def choose(self, condition: int, yes: int, no: int) -> int:
        """Return ``yes`` where ``condition`` holds, else ``no``."""
        fixed = self._constant(condition)
        if fixed is not None:
            return yes if fixed != 0.0 else no
        return yes if yes == no else self._node("choose", (condition, yes, no))

    # ------------------------------------------------------------ expressions

    def read(self, expression: Expression, slots: Mapping[str, int]) -> int:
        """Return the node of ``expression``, its names taken from ``slots``.

        Raises
        ------
        ModelError
            An operator that cannot be compiled.
        """
        if isinstance(expression, Number):
            return self.number(expression.value)
        if isinstance(expression, Name):
            return slots[expression.id]
        if isinstance(expression, Time):
            return self.leaf("time")
        if expression.operator not in OPERATORS:
            raise ModelError(f"operator '{expression.operator}' cannot be compiled")
        items = [self.read(item, slots) for item in expression.arguments]
        if items and all(self.operators[item] == "number" for item in items) and expression.operator != "piecewise":
            import numpy as np

            with np.errstate(all="ignore"):
                plain = Call(expression.operator, tuple(Number(self.values[item]) for item in items))
                return self.number(float(evaluate(plain, {})))
        return self._call(expression.operator, items)

    def _call(self, operator: str, items: list[int]) -> int:
        if operator in {"plus", "times"}:
            combine = self.add if operator == "plus" else self.multiply
            result = items[0]
            for item in items[1:]:
                result = combine(result, item)
            return result
        if operator == "minus":
            return self.negative(items[0]) if len(items) == 1 else self.subtract(*items)
        if operator == "divide":
            return self.divide(*items)
        if operator == "power":
            return self.power(*items)
        if operator == "root":
            return self.power(items[1], self.reciprocal(items[0]))
        if operator == "log":
            return self.divide(self._node("log", (items[1],)), self._log(items[0]))
        if operator in _DIRECT:
            return self._node(_DIRECT[operator], (items[0],))
        if operator in {"min", "max"}:
            result = items[0]
            for item in items[1:]:
                result = self._node(operator, (result, item))
            return result
        if operator == "piecewise":
            result = items[-1]
            for value, condition in zip(reversed(items[:-1:2]), reversed(items[1::2]), strict=True):
                result = self.choose(condition, value, result)
            return result
        return self._logic(operator, items)

    def _logic(self, operator: str, items: list[int]) -> int:
        if operator in {"true", "false"}:
            return self.number(float(operator == "true"))
        if operator == "not":
            return self._node("not", (items[0],))
        if operator in {"and", "or"}:
            return self._joined(operator, items)
        if operator in {"gt", "geq"}:
            operator, items = {"gt": "lt", "geq": "leq"}[operator], items[::-1]
        pairs = [self._node(_COMPARISON[operator], pair) for pair in itertools.pairwise(items)]
        return self._joined("and", pairs)

    def _joined(self, operator: str, items: Sequence[int]) -> int:
        result = items[0]
        for item in items[1:]:
            result = self._node(operator, (result, item))
        return result

    def _log(self, a: int) -> int:
        x = self._constant(a)
        return self.number(math.log(x)) if x is not None and x > 0 else self._node("log", (a,))

    # ------------------------------------------------------------ derivatives

    def derivatives(self, node: int) -> dict[int, int]:
        """Return the derivatives of ``node`` that are not zero: variable (a state, or :data:`TIME`) to node.

        Piecewise formulas, minima, maxima and absolute values are differentiated on the branch they are on.
        Where the derivative of a power, root or logarithm is not finite, it counts as zero: the Jacobian only
        steers the solver, the error estimate rests on the formula itself.
        """
        for item in self.ordered([node]):
            if item not in self._derivatives:
                self._derivatives[item] = self._derive(item)
        return self._derivatives[node]

    def _derive(self, node: int) -> dict[int, int]:
        operator, items = self.operators[node], self.arguments[node]
        if self.levels[node] < 2 or operator in LOGICAL or operator in {"floor", "ceiling"}:
            return {}
        if operator == "state":
            return {int(self.values[node]): self.number(1.0)}
        if operator == "time":
            return {TIME: self.number(1.0)}
        inner = [self._derivatives[item] for item in items]
        if operator == "add":
            return self._sum(inner[0], inner[1])
        if operator == "subtract":
            return self._sum(inner[0], {key: self.negative(value) for key, value in inner[1].items()})
        if operator == "multiply":
            return self._sum(self._scaled(inner[0], items[1]), self._scaled(inner[1], items[0]))
        if operator == "choose":
            return self._branched(items[0], inner[1], inner[2])
        if operator in {"min", "max"}:
            order = items if operator == "min" else items[::-1]
            return self._branched(self._node("less equal", order), inner[0], inner[1])
        if operator == "power":
            base, exponent = items
            by_base = self.multiply(exponent, self._power_over_base(node, base, exponent))
            by_exponent = self.multiply(node, self._log(base))
            return self._sum(self._guarded(inner[0], by_base), self._guarded(inner[1], by_exponent))
        return self._outer(operator, node, items[0], inner[0])

    def _power_over_base(self, node: int, base: int, exponent: int) -> int:
        """Return ``base ** (exponent - 1)`` without another power; at zero it is 1 for exponent 1, else taken as 0."""
        zero, one = self.number(0.0), self.number(1.0)
        first = self.choose(self._node("equal", (exponent, one)), one, zero)
        at_zero = self._node("equal", (base, zero))
        return self.choose(at_zero, first, self.multiply(node, self.reciprocal(base)))

    def _outer(self, operator: str, node: int, item: int, inner: dict[int, int]) -> dict[int, int]:
        """Return the derivatives of a function of one argument."""
        one = self.number(1.0)
        if operator == "negative":
            return {key: self.negative(value) for key, value in inner.items()}
        if operator == "reciprocal":
            return self._scaled(inner, self.negative(self.multiply(node, node)))
        if operator == "square root":
            return self._guarded(inner, self.multiply(self.number(0.5), self.reciprocal(node)))
        if operator == "exp":
            return self._scaled(inner, node)
        if operator == "log":
            return self._guarded(inner, self.reciprocal(item))
        if operator == "abs":
            below = self._node("less", (item, self.number(0.0)))
            return self._scaled(inner, self.choose(below, self.number(-1.0), one))
        if operator == "sin":
            return self._scaled(inner, self._node("cos", (item,)))
        if operator == "cos":
            return self._scaled(inner, self.negative(self._node("sin", (item,))))
        square = self.multiply(node, node)
        return self._scaled(inner, self.add(one, square) if operator == "tan" else self.subtract(one, square))

    def _sum(self, a: dict[int, int], b: dict[int, int]) -> dict[int, int]:
        result = dict(a)
        for key, value in b.items():
            result[key] = self.add(result[key], value) if key in result else value
        return result

    def _scaled(self, inner: dict[int, int], factor: int) -> dict[int, int]:
        return {key: self.multiply(factor, value) for key, value in inner.items()}

    def _guarded(self, inner: dict[int, int], factor: int) -> dict[int, int]:
        return self._scaled(inner, self._node("finite or zero", (factor,))) if inner else {}

    def _branched(self, condition: int, yes: dict[int, int], no: dict[int, int]) -> dict[int, int]:
        zero = self.number(0.0)
        keys = sorted(yes.keys() | no.keys())
        return {key: self.choose(condition, yes.get(key, zero), no.get(key, zero)) for key in keys}

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
