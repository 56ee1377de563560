"""Formulas as small trees, read from libSBML: numbers, names, time, and calls of known operators."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Number:
    """A literal; bare numbers carry no dimension."""

    value: float


@dataclass(frozen=True)
class Name:
    """A parameter, state or assigned variable."""

    id: str


@dataclass(frozen=True)
class Time:
    """The model's time."""


@dataclass(frozen=True)
class Call:
    """An operator of :data:`OPERATORS` with its arguments."""

    operator: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Time | Call


def _piecewise(*arguments: Any) -> Any:
    pieces, otherwise = arguments[:-1], arguments[-1]
    if not pieces:
        return otherwise
    return np.select(list(pieces[1::2]), list(pieces[0::2]), otherwise)


def _factorial(a: Any) -> Any:
    from scipy.special import gamma

    return gamma(np.add(a, 1.0))


def _fold(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def call(first: Any, *rest: Any) -> Any:
        for item in rest:
            first = function(first, item)
        return first

    return call


def _chain(relation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:  # MathML writes a < b < c as one call
        return _fold(np.logical_and)(*(relation(a, b) for a, b in itertools.pairwise(arguments)))

    return call


#: operator -> its meaning on numbers and arrays; whatever is not here is refused by name
OPERATORS: dict[str, Callable[..., Any]] = {
    "plus": _fold(np.add),
    "minus": lambda a, b=None: np.negative(a) if b is None else np.subtract(a, b),
    "times": _fold(np.multiply),
    "divide": np.divide,
    "power": lambda a, b: np.power(np.asarray(a, dtype=float), b),
    "exp": np.exp,
    "ln": np.log,
    "log": lambda base, a: np.log(a) / np.log(base),
    "root": lambda degree, a: np.power(np.asarray(a, dtype=float), np.divide(1.0, degree)),
    "abs": np.abs,
    "min": _fold(np.minimum),
    "max": _fold(np.maximum),
    "floor": np.floor,
    "ceiling": np.ceil,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "factorial": _factorial,
    "quotient": lambda a, b: np.trunc(np.divide(a, b)),  # both round towards zero, as MathML says
    "rem": np.fmod,
    "piecewise": _piecewise,
    "lt": _chain(np.less),
    "leq": _chain(np.less_equal),
    "gt": _chain(np.greater),
    "geq": _chain(np.greater_equal),
    "eq": _chain(np.equal),
    "neq": np.not_equal,
    "and": _fold(np.logical_and),
    "or": _fold(np.logical_or),
    "xor": _fold(np.logical_xor),
    "not": np.logical_not,
    "true": lambda: np.True_,
    "false": lambda: np.False_,
}


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield ``expression`` and everything inside it."""
    pending = [expression]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Call):
            pending.extend(reversed(node.arguments))


def names(expression: Expression) -> set[str]:
    """Return the names that ``expression`` reads.

    Examples
    --------
    >>> sorted(names(Call("times", (Name("a"), Name("b")))))
    ['a', 'b']
    """
    return {node.id for node in walk(expression) if isinstance(node, Name)}


def substitute(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Return ``expression`` with the names in ``values`` replaced."""
    if isinstance(expression, Name):
        return values.get(expression.id, expression)
    if isinstance(expression, Call):
        return Call(expression.operator, tuple(substitute(item, values) for item in expression.arguments))
    return expression


def evaluate(expression: Expression, values: Mapping[str, Any], time: Any = 0.0) -> Any:
    """Return the value of ``expression``.

    Parameters
    ----------
    values : mapping
        Name to number or array; arrays broadcast.
    time : float or array
        The model's time.

    Examples
    --------
    >>> float(evaluate(Call("plus", (Number(1.0), Name("a"))), {"a": 2.0}))
    3.0
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return values[expression.id]
    if isinstance(expression, Time):
        return time
    return OPERATORS[expression.operator](*(evaluate(item, values, time) for item in expression.arguments))


_INFIX = {"plus": "+", "minus": "-", "times": "*", "divide": "/", "power": "^"}
_COMPARE = {"lt": "<", "leq": "<=", "gt": ">", "geq": ">=", "eq": "==", "neq": "!="}
_STRENGTH = {"plus": 1, "minus": 1, "times": 2, "divide": 2, "power": 3}


def text(expression: Expression) -> str:
    """Return ``expression`` as a person writes it, for messages and reports.

    Examples
    --------
    >>> text(Call("divide", (Name("a"), Call("plus", (Number(1.0), Name("s"))))))
    'a / (1 + s)'
    """
    if isinstance(expression, Number):
        return f"{expression.value:g}"
    if isinstance(expression, Name):
        return expression.id
    if isinstance(expression, Time):
        return "time"
    operator = expression.operator
    if operator == "minus" and len(expression.arguments) == 1:
        return f"-{_bracketed(expression.arguments[0], 3)}"
    if operator in _INFIX:
        own = _STRENGTH[operator]
        first, rest = expression.arguments[0], expression.arguments[1:]
        # a - (b - c) and a / (b / c) need their brackets, a + (b + c) does not
        later = own if operator in {"plus", "times"} else own + 1
        words = [_bracketed(first, own + (operator == "power")), *(_bracketed(item, later) for item in rest)]
        return f" {_INFIX[operator]} ".join(words)
    inner = [text(item) for item in expression.arguments]
    if operator in _COMPARE:
        return f" {_COMPARE[operator]} ".join(inner)
    return f"{operator}({', '.join(inner)})"


def _bracketed(expression: Expression, strength: int) -> str:
    """Return the text of ``expression``, in brackets where it binds less tightly than ``strength``."""
    operator = expression.operator if isinstance(expression, Call) else ""
    weak = _STRENGTH.get(operator, 0 if operator in _COMPARE else 9) < strength
    return f"({text(expression)})" if weak else text(expression)
