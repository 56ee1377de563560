"""What is compiled means what `evaluate` says; `evaluate` itself is held to numpy and to hand-worked values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senospine.engine.generate import output_function, source_of
from senospine.errors import ModelError
from senospine.model.expressions import OPERATORS, Call, Name, Number, Time, evaluate, names, substitute, text, walk

NAMES = ("a", "b", "c")


def call(operator, *arguments):
    return Call(operator, tuple(Number(float(item)) if isinstance(item, (int, float)) else item for item in arguments))


def _spread(operator, arguments):
    return call(operator, *arguments)


#: eighths add, multiply and compare without rounding, so a comparison falls the same way in both
eighths = st.integers(-40, 40).map(lambda i: i / 8)
leaves = st.one_of(eighths.map(Number), st.sampled_from(NAMES).map(Name), st.just(Time()))


def _exact(inner):
    return st.one_of(
        st.builds(_spread, st.sampled_from(["plus", "min", "max"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda o, x, y: call(o, x, y), st.sampled_from(["minus", "times"]), inner, inner),
        st.builds(lambda o, x: call(o, x), st.sampled_from(["minus", "abs", "floor", "ceiling"]), inner),
    )  # fmt: skip


exact = st.recursive(leaves, _exact, max_leaves=4)
relations = st.builds(
    _spread, st.sampled_from(["lt", "leq", "gt", "geq", "eq"]), st.lists(exact, min_size=2, max_size=3)
) | st.builds(lambda x, y: call("neq", x, y), exact, exact)
logic = st.recursive(
    relations | st.sampled_from([call("true"), call("false")]),
    lambda inner: st.one_of(
        st.builds(_spread, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda x: call("not", x), inner),
    ),
    max_leaves=4,
)


def _tame(x):  # in (-1, 1), so that exp and tan stay small
    return call("tanh", x)


def _large(x):  # at least one, so that logarithms, roots and quotients exist
    return call("plus", 1.0, call("abs", x))


def _smooth(inner):
    return st.one_of(
        st.builds(_spread, st.sampled_from(["plus", "min", "max"]), st.lists(inner, min_size=2, max_size=4)),
        st.builds(lambda x, y: call("times", _tame(x), y), inner, inner),
        st.builds(lambda x, y: call("minus", x, y), inner, inner),
        st.builds(lambda o, x: call(o, x), st.sampled_from(["minus", "abs", "sin", "cos", "tanh"]), inner),
        st.builds(lambda o, x: call(o, _tame(x)), st.sampled_from(["exp", "tan"]), inner),
        st.builds(lambda x, y: call("divide", x, _large(y)), inner, inner),
        st.builds(lambda x, y: call("power", _large(x), _tame(y)), inner, inner),
        st.builds(lambda n, x: call("power", Number(n), _tame(x)), st.sampled_from([0.5, 2.0]), inner),
        st.builds(lambda x, n: call("power", _tame(x), Number(n)), inner, st.sampled_from([2.0, 3.0, 4.0])),
        st.builds(lambda x: call("ln", _large(x)), inner),
        st.builds(lambda base, x: call("log", base, _large(x)), st.sampled_from([2.0, 10.0, 0.5]), inner),
        st.builds(lambda degree, x: call("root", degree, _large(x)), st.sampled_from([2.0, 3.0, -2.0]), inner),
        st.builds(lambda x, c, y: call("piecewise", x, c, y), inner, logic, inner),
        st.builds(lambda x, c, y, d, z: call("piecewise", x, c, y, d, z), inner, logic, inner, logic, inner),
    )  # fmt: skip


trees = st.recursive(exact, _smooth, max_leaves=6)


@settings(max_examples=12, deadline=None)
@given(st.lists(trees, min_size=12, max_size=12), st.tuples(*[eighths] * 4))
def test_compiled_code_equals_evaluate_on_random_trees(expressions, point):
    *values, time = point
    assignments = {f"e{i}": item for i, item in enumerate(expressions)}
    compiled = output_function(NAMES, (), assignments, list(assignments))
    found = compiled(np.array(values), time, np.zeros(0))
    known = dict(zip(NAMES, values, strict=True))
    expected = [float(evaluate(item, known, time)) for item in expressions]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    arrays = {name: np.array([value, value]) for name, value in known.items()}
    for item, value in zip(expressions, expected, strict=True):  # scalars and arrays mean the same
        np.testing.assert_allclose(np.broadcast_to(evaluate(item, arrays, time), 2), value, rtol=1e-9, atol=1e-9)


def compiled_value(expression, **values):
    function = output_function(list(values), (), {"out": expression}, ["out"])
    return float(function(np.array(list(values.values()), dtype=float), 0.0, np.zeros(0))[0])


A, B = Name("a"), Name("b")
NAN = float("nan")


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        (call("power", -2.0, A), {"a": 2.0}, 4.0),  # not -(2^2)
        (call("power", A, call("minus", 0.5)), {"a": 4.0}, 0.5),
        (call("power", call("minus", 1.0), 0.5), {"a": 0.0}, NAN),  # not the complex number i
        (call("root", 2.0, -1.0), {"a": 0.0}, NAN),
        (call("root", 3.0, A), {"a": 27.0}, 3.0),
        (call("log", 2.0, A), {"a": 8.0}, 3.0),
        (call("power", call("floor", A), call("minus", call("floor", B))), {"a": 2.5, "b": 1.5}, 0.5),  # 1/2
        (call("floor", A), {"a": 1e300}, 1e300),
        (call("floor", A), {"a": NAN}, NAN),
        (call("ceiling", A), {"a": -1.5}, -1.0),
        (call("max", A, 1.0), {"a": NAN}, NAN),
        (call("max", 1.0, A), {"a": NAN}, NAN),
        (call("min", 1.0, A, 2.0), {"a": NAN}, NAN),
        (call("min", 3.0, A, 2.0), {"a": 4.0}, 2.0),
        (call("max", 1.0, call("ln", A)), {"a": -1.0}, NAN),
        (call("divide", 1.0, A), {"a": 0.0}, math.inf),
        (call("ln", A), {"a": 0.0}, -math.inf),
        (call("exp", A), {"a": 1000.0}, math.inf),
        (call("plus", A, Number(-math.inf)), {"a": 1.0}, -math.inf),
        (call("plus", A, Number(NAN)), {"a": 1.0}, NAN),
        (call("lt", 0.0, A, 2.0), {"a": 1.0}, 1.0),  # 0 < a < 2
        (call("lt", 0.0, A, 2.0), {"a": 3.0}, 0.0),
        (call("piecewise", A), {"a": 3.0}, 3.0),
        (call("piecewise", 1.0, call("lt", A, 0.0), 2.0, call("lt", A, 5.0), 3.0), {"a": -1.0}, 1.0),
    ],
    ids=lambda item: text(item) if isinstance(item, Call) else None,
)  # fmt: skip
def test_hand_worked_values_hold_in_both(expression, values, expected):
    with np.errstate(all="ignore"):
        assert float(evaluate(expression, values)) == pytest.approx(expected, nan_ok=True, rel=1e-14)
    assert compiled_value(expression, **values) == pytest.approx(expected, nan_ok=True, rel=1e-14)


def test_every_operator_compiles():
    for operator in OPERATORS:
        size = {"true": 0, "false": 0, "piecewise": 3, "not": 1}.get(operator, 2)
        size = 1 if operator in {"exp", "ln", "abs", "floor", "ceiling", "sin", "cos", "tan", "tanh"} else size
        assert isinstance(source_of(call(operator, *[0.5] * size), {}), str)
    with pytest.raises(ModelError, match="'sec' cannot be compiled"):
        source_of(call("sec", 1.0), {})


def test_no_name_of_the_model_reaches_the_source():
    nasty = "__import__('os').system('ls')"
    assert source_of(call("times", Name(nasty), 2.0), {nasty: "y[0]"}) == "(y[0]*2.0)"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (call("divide", A, call("plus", 1.0, B)), "a / (1 + b)"),
        (call("minus", A, call("minus", B, 1.0)), "a - (b - 1)"),
        (call("minus", call("plus", A, B)), "-(a + b)"),
        (call("times", call("plus", A, B), call("power", A, 2.0)), "(a + b) * a ^ 2"),
        (call("piecewise", A, call("gt", A, B), 1.5), "piecewise(a, a > b, 1.5)"),
        (call("exp", call("minus", Time())), "exp(-time)"),
        (call("log", 10.0, A), "log(10, a)"),
    ],
)
def test_text_is_what_a_person_writes(expression, words):
    assert text(expression) == words


def test_names_walk_and_substitute():
    tree = call("plus", A, call("times", B, A), Time())
    assert names(tree) == {"a", "b"}
    assert len(list(walk(tree))) == 6
    swapped = substitute(tree, {"a": B, "b": A})  # at once, not one after the other
    assert swapped == call("plus", B, call("times", A, B), Time())
