"""Symbolic derivatives of nodes, by the forward mode: each node's from those of its arguments."""

from __future__ import annotations

from senospine.engine.graph import LOGICAL, Graph

#: the variable number of time in derivatives; states are 0, 1, …
TIME = -1


class Derivatives:
    """The derivatives of a graph's nodes, each taken once.

    Examples
    --------
    >>> graph = Graph()
    >>> x = graph.leaf("state", 0)
    >>> Derivatives(graph).of(graph.multiply(graph.number(3.0), x)) == {0: graph.number(3.0)}
    True
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[int, dict[int, int]] = {}

    def of(self, node: int) -> dict[int, int]:
        """Return the derivatives of ``node`` that are not zero: variable (a state, or :data:`TIME`) to node.

        Piecewise formulas, minima, maxima and absolute values are differentiated on the branch they are on.
        Where the derivative of a power, root or logarithm is not finite, it counts as zero: the Jacobian only
        steers the solver, the error estimate rests on the formula itself.
        """
        for item in self.graph.ordered([node]):
            if item not in self._known:
                self._known[item] = self._derive(item)
        return self._known[node]

    def _derive(self, node: int) -> dict[int, int]:
        operator, items = self.graph.operators[node], self.graph.arguments[node]
        if self.graph.levels[node] < 2 or operator in LOGICAL or operator in {"floor", "ceiling"}:
            return {}
        if operator == "state":
            return {int(self.graph.values[node]): self.graph.number(1.0)}
        if operator == "time":
            return {TIME: self.graph.number(1.0)}
        inner = [self._known[item] for item in items]
        if operator == "add":
            return self._sum(inner[0], inner[1])
        if operator == "subtract":
            return self._sum(inner[0], {key: self.graph.negative(value) for key, value in inner[1].items()})
        if operator == "multiply":
            return self._sum(self._scaled(inner[0], items[1]), self._scaled(inner[1], items[0]))
        if operator == "choose":
            return self._branched(items[0], inner[1], inner[2])
        if operator in {"min", "max"}:
            order = items if operator == "min" else items[::-1]
            return self._branched(self.graph.node("less equal", order), inner[0], inner[1])
        if operator == "power":
            base, exponent = items
            by_base = self.graph.multiply(exponent, self._power_over_base(node, base, exponent))
            by_exponent = self.graph.multiply(node, self.graph.log(base))
            return self._sum(self._guarded(inner[0], by_base), self._guarded(inner[1], by_exponent))
        return self._outer(operator, node, items[0], inner[0])

    def _power_over_base(self, node: int, base: int, exponent: int) -> int:
        """Return ``base ** (exponent - 1)`` without another power; at zero it is 1 for exponent 1, else taken as 0."""
        zero, one = self.graph.number(0.0), self.graph.number(1.0)
        first = self.graph.choose(self.graph.node("equal", (exponent, one)), one, zero)
        at_zero = self.graph.node("equal", (base, zero))
        return self.graph.choose(at_zero, first, self.graph.multiply(node, self.graph.reciprocal(base)))

    def _outer(self, operator: str, node: int, item: int, inner: dict[int, int]) -> dict[int, int]:
        """Return the derivatives of a function of one argument."""
        one = self.graph.number(1.0)
        if operator == "negative":
            return {key: self.graph.negative(value) for key, value in inner.items()}
        if operator == "reciprocal":
            return self._scaled(inner, self.graph.negative(self.graph.multiply(node, node)))
        if operator == "square root":
            return self._guarded(inner, self.graph.multiply(self.graph.number(0.5), self.graph.reciprocal(node)))
        if operator == "exp":
            return self._scaled(inner, node)
        if operator == "log":
            return self._guarded(inner, self.graph.reciprocal(item))
        if operator == "abs":
            below = self.graph.node("less", (item, self.graph.number(0.0)))
            return self._scaled(inner, self.graph.choose(below, self.graph.number(-1.0), one))
        if operator == "sin":
            return self._scaled(inner, self.graph.node("cos", (item,)))
        if operator == "cos":
            return self._scaled(inner, self.graph.negative(self.graph.node("sin", (item,))))
        square = self.graph.multiply(node, node)
        return self._scaled(
            inner, self.graph.add(one, square) if operator == "tan" else self.graph.subtract(one, square)
        )

    def _sum(self, a: dict[int, int], b: dict[int, int]) -> dict[int, int]:
        result = dict(a)
        for key, value in b.items():
            result[key] = self.graph.add(result[key], value) if key in result else value
        return result

    def _scaled(self, inner: dict[int, int], factor: int) -> dict[int, int]:
        return {key: self.graph.multiply(factor, value) for key, value in inner.items()}

    def _guarded(self, inner: dict[int, int], factor: int) -> dict[int, int]:
        return self._scaled(inner, self.graph.node("finite or zero", (factor,))) if inner else {}

    def _branched(self, condition: int, yes: dict[int, int], no: dict[int, int]) -> dict[int, int]:
        zero = self.graph.number(0.0)
        keys = sorted(yes.keys() | no.keys())
        return {key: self.graph.choose(condition, yes.get(key, zero), no.get(key, zero)) for key in keys}
