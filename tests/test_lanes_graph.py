"""The graph's derivatives against numerical ones, its folding, and the factorisation against numpy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from senospine.engine.derivatives import TIME, Derivatives
from senospine.engine.graph import Graph
from senospine.engine.lu import factorise
from senospine.engine.reader import OFFERED, Reader
from senospine.errors import ModelError
from senospine.model.expressions import OPERATORS, Call, Expression, Name, Number, Time, evaluate

_PLAIN = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "power": np.power, "negative": np.negative,
    "reciprocal": lambda x: np.divide(1.0, x), "square root": np.sqrt, "exp": np.exp, "log": np.log, "abs": np.abs,
    "floor": np.floor, "ceiling": np.ceil, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "min": np.minimum, "max": np.maximum, "less": np.less, "less equal": np.less_equal, "equal": np.equal,
    "not equal": np.not_equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
    "choose": lambda c, a, b: a if c else b, "finite or zero": lambda x: x if np.isfinite(x) else 0.0,
}  # fmt: skip
X, Y, K = Name("x"), Name("y"), Name("k")


def value_of(graph: Graph, node: int, states: list[float], parameters: list[float], time: float) -> float:
    """Return a node's value, by plain numpy."""
    leaves = {"state": states, "parameter": parameters, "time": [time]}
    values: dict[int, float] = {}
    with np.errstate(all="ignore"):
        for item in graph.ordered([node]):
            operator = graph.operators[item]
            if operator == "number":
                values[item] = graph.values[item]
            elif operator in leaves:
                values[item] = leaves[operator][int(graph.values[item])]
            else:
                values[item] = float(_PLAIN[operator](*(values[a] for a in graph.arguments[item])))
    return values[node]


def read(expression: Expression) -> tuple[Graph, int]:
    graph = Graph()
    slots = {"x": graph.leaf("state", 0), "y": graph.leaf("state", 1), "k": graph.leaf("parameter", 0)}
    return graph, Reader(graph, slots).read(expression)


def numerical(expression: Expression, point: dict[str, float], name: str) -> float:
    """Return a derivative by the complex-free five-point rule."""

    def at(shift: float) -> float:
        moved = dict(point)
        moved[name] += shift
        time = moved.pop("time")
        with np.errstate(all="ignore"):
            return float(evaluate(expression, moved, time))

    h = 1e-3
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


SMOOTH = {
    "plus": Call("plus", (X, Y, Call("times", (X, Y)))),
    "minus": Call("minus", (X, Call("minus", (Call("times", (Y, Time())),)))),
    "times": Call("times", (X, K, Y, Number(3.0), X)),
    "divide": Call("divide", (Call("times", (K, X)), Call("plus", (K, X)))),
    "power": Call("power", (X, Y)),
    "power of a parameter": Call("power", (Call("plus", (X, Y)), K)),
    "power 5": Call("power", (X, Number(5.0))),
    "power -2": Call("power", (X, Number(-2.0))),
    "exp": Call("exp", (Call("times", (X, Time())),)),
    "ln": Call("ln", (X,)),
    "log": Call("log", (Number(10.0), Call("times", (X, Y)))),
    "root": Call("root", (Number(2.0), X)),
    "root 3": Call("root", (Number(3.0), X)),
    "abs": Call("abs", (Call("minus", (X, Number(5.0))),)),
    "min": Call("min", (X, Call("times", (Number(9.0), Y)))),
    "max": Call("max", (X, Call("times", (Number(9.0), Y)), K)),
    "sin": Call("sin", (Call("times", (X, Y)),)),
    "cos": Call("cos", (X,)),
    "tan": Call("tan", (Call("divide", (X, Number(4.0))),)),
    "tanh": Call("tanh", (X,)),
    "piecewise": Call("piecewise", (Call("times", (X, X)), Call("gt", (X, Number(9.0))), Call("times", (X, Y)))),
    "floor": Call("times", (X, Call("floor", (K,)))),
    "ceiling": Call("times", (X, Call("ceiling", (K,)))),
}


def test_every_operator_with_a_derivative_is_among_the_cases() -> None:
    logical = {"lt", "leq", "gt", "geq", "eq", "neq", "and", "or", "not", "true", "false"}
    covered = {node.operator for item in SMOOTH.values() for node in _calls(item)}
    assert set(OFFERED) - logical == covered - logical
    assert set(OFFERED) <= set(OPERATORS)


def _calls(expression: Expression) -> list[Call]:
    if not isinstance(expression, Call):
        return []
    return [expression, *itertools.chain.from_iterable(_calls(item) for item in expression.arguments)]


@pytest.mark.parametrize("case", SMOOTH)
def test_derivatives_agree_with_differences(case: str) -> None:
    expression = SMOOTH[case]
    point = {"x": 1.3, "y": 0.7, "k": 2.6, "time": 0.4}
    graph, root = read(expression)
    derivatives = Derivatives(graph).of(root)
    for variable, name in ((0, "x"), (1, "y"), (TIME, "time")):
        expected = numerical(expression, point, name)
        node = derivatives.get(variable)
        found = 0.0 if node is None else value_of(graph, node, [1.3, 0.7], [2.6], 0.4)
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-9), name


NUMBERS = st.floats(0.2, 3.0).map(lambda v: Number(round(v, 3)))
TREES = st.recursive(
    st.sampled_from([X, Y, K, Time()]) | NUMBERS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["plus", "times", "minus", "divide", "min", "max"]), inner, inner).map(
            lambda item: Call(item[0], item[1:])
        ),
        st.tuples(st.sampled_from(["tanh", "sin", "abs", "exp"]), inner).map(lambda item: Call(item[0], item[1:])),
        st.tuples(inner, NUMBERS).map(lambda item: Call("power", (Call("abs", item[:1]), item[1]))),
        st.tuples(inner, inner, inner, inner).map(
            lambda item: Call("piecewise", (item[0], Call("lt", item[1:3]), item[3]))
        ),
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(TREES, st.floats(0.3, 2.0), st.floats(0.3, 2.0), st.floats(0.3, 2.0))
def test_reading_keeps_the_value_and_derivatives_agree(tree: Expression, x: float, y: float, k: float) -> None:
    point = {"x": x, "y": y, "k": k, "time": 0.7}
    with np.errstate(all="ignore"):
        expected = float(evaluate(tree, {"x": x, "y": y, "k": k}, 0.7))
    assume(math.isfinite(expected) and abs(expected) < 1e6)
    graph, root = read(tree)
    assert value_of(graph, root, [x, y], [k], 0.7) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for variable, name in ((0, "x"), (1, "y"), (TIME, "time")):
        slope = numerical(tree, point, name)
        narrow = numerical(tree, {**point, name: point[name] + 4e-3}, name)
        broad = numerical(tree, {**point, name: point[name] - 4e-3}, name)
        # away from kinks, and where differences can be trusted
        assume(math.isfinite(slope) and abs(slope) < 1e5)
        assume(max(abs(narrow - slope), abs(broad - slope)) < 0.1 * (1 + abs(slope)))
        node = Derivatives(graph).of(root).get(variable)
        found = 0.0 if node is None else value_of(graph, node, [x, y], [k], 0.7)
        assert abs(found - slope) <= 0.05 * (1 + abs(slope)), name


def test_equal_parts_are_stored_once_and_what_is_fixed_is_gathered() -> None:
    graph, root = read(Call("times", (Call("times", (X, K)), Call("times", (Number(2.0), K, Y)))))
    assert len(graph.hoisted([root])) == 1  # 2 k k
    assert graph.operators[root] == "multiply"
    slots = {"x": graph.leaf("state", 0), "y": graph.leaf("state", 1)}
    first = Reader(graph, slots).read(Call("exp", (Call("plus", (X, Y)),)))
    second = Reader(graph, slots).read(Call("exp", (Call("plus", (Y, X)),)))
    assert first == second


def test_a_product_with_zero_may_be_nan_and_stays() -> None:
    graph, root = read(Call("times", (Number(0.0), Call("ln", (X,)))))
    assert math.isnan(value_of(graph, root, [-1.0, 0.0], [1.0], 0.0))


@pytest.mark.parametrize(("exponent", "expected"), [(0.5, 0.0), (1.0, 3.0), (2.0, 0.0)])
def test_the_derivative_of_a_power_is_finite_at_zero(exponent: float, expected: float) -> None:
    graph, root = read(Call("power", (Call("times", (Number(3.0), X)), K)))
    node = Derivatives(graph).of(root)[0]
    assert value_of(graph, node, [0.0, 0.0], [exponent], 0.0) == expected


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ModelError, match="'gamma' cannot be compiled"):
        read(Call("gamma", (X,)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10_000))
def test_factors_solve_like_numpy(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((size, size)) < 0.3, rng.normal(size=(size, size)), 0.0) + 4 * np.eye(size)
    pattern = [(i, j) for i in range(size) for j in range(size) if matrix[i, j] != 0]
    plan = factorise(size, pattern)
    entry = {(i, j): matrix[i, j] for i, j in pattern}
    for operation in plan.operations:
        if len(operation) == 1:
            entry[operation * 2] = 1 / entry[operation * 2]
        elif len(operation) == 2:
            entry[operation] *= entry[operation[1], operation[1]]
        else:
            i, j, k = operation
            entry[i, j] = entry.get((i, j), 0.0) - entry[i, k] * entry[k, j]
    assert entry.keys() == plan.slots.keys()
    x = dict(enumerate(rng.normal(size=size)))
    expected = np.linalg.solve(matrix, [x[i] for i in range(size)])
    for i in plan.order:
        x[i] -= sum(entry[i, j] * x[j] for j in plan.lower[i])
    for i in reversed(plan.order):
        x[i] = (x[i] - sum(entry[i, j] * x[j] for j in plan.upper[i])) * entry[i, i]
    np.testing.assert_allclose([x[i] for i in range(size)], expected, rtol=1e-8, atol=1e-10)


def test_a_chain_and_an_arrow_need_no_fill_in() -> None:
    chain = [(i, i + 1) for i in range(9)] + [(i + 1, i) for i in range(9)]
    arrow = [(0, i) for i in range(1, 10)] + [(i, 0) for i in range(1, 10)]
    for pattern in (chain, arrow):
        assert len(factorise(10, pattern).slots) == 10 + len(pattern)
