"""From expression trees to functions: Python source of numbered slots only, then numba, or plain Python.

No name of the model reaches the source, only ``y[i]``, ``p[j]`` and locals ``a0, a1, …``, so nothing a
model file says can be executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from senospine.errors import ModelError
from senospine.model.expressions import Call, Expression, Name, Number, Time

_INFIX = {
    "plus": "+", "times": "*", "divide": "/", "lt": "<", "leq": "<=", "gt": ">", "geq": ">=", "eq": "==", "neq": "!=",
    "and": " and ", "or": " or ", "xor": " ^ ",
}  # fmt: skip
_MATH = {
    "exp": "math.exp", "ln": "math.log", "abs": "math.fabs", "floor": "floor", "ceiling": "ceil",
    "sin": "math.sin", "cos": "math.cos", "tan": "math.tan",
    "sinh": "math.sinh", "cosh": "math.cosh", "tanh": "math.tanh",
    "arcsin": "math.asin", "arccos": "math.acos", "arctan": "math.atan",
    "arcsinh": "math.asinh", "arccosh": "math.acosh", "arctanh": "math.atanh",
}  # fmt: skip
#: nesting from which parts of a formula get a line of their own: Python's parser stops at 200 brackets
_DEEP = 40


def source_of(expression: Expression, slots: Mapping[str, str]) -> str:
    """Return the Python text of ``expression``, each name replaced by its slot.

    Examples
    --------
    >>> from senospine.model.expressions import Call
    >>> source_of(Call("times", (Name("k"), Name("x"))), {"k": "p[0]", "x": "y[0]"})
    '(p[0]*y[0])'
    """
    if isinstance(expression, Number):
        return _literal(float(expression.value))
    if isinstance(expression, Name):
        return slots[expression.id]
    if isinstance(expression, Time):
        return "t"
    operator = expression.operator
    inner = [source_of(item, slots) for item in expression.arguments]
    if operator in _INFIX:
        return f"({_INFIX[operator].join(inner)})"
    if operator == "minus":
        return f"(-{inner[0]})" if len(inner) == 1 else f"({inner[0]}-{inner[1]})"
    if operator == "power":
        return f"math.pow({inner[0]},{inner[1]})"  # Python would make (-1.0)**0.5 complex
    if operator in _MATH:
        return f"{_MATH[operator]}({inner[0]})"
    if operator in {"min", "max"}:
        result = inner[0]
        for item in inner[1:]:
            result = f"{operator}imum({result},{item})"
        return result
    if operator == "log":
        return f"(math.log({inner[1]})/math.log({inner[0]}))"
    if operator == "root":
        return f"math.pow({inner[1]},1.0/{inner[0]})"
    if operator == "factorial":
        return f"math.gamma({inner[0]}+1.0)"
    if operator == "quotient":
        return f"trunc({inner[0]}/{inner[1]})"
    if operator == "rem":
        return f"math.copysign(math.fabs({inner[0]})%math.fabs({inner[1]}), {inner[0]})"
    if operator == "not":
        return f"(not {inner[0]})"
    if operator in {"true", "false"}:
        return operator.capitalize()
    if operator == "piecewise":
        result = inner[-1]
        for value, condition in zip(reversed(inner[:-1:2]), reversed(inner[1::2]), strict=True):
            result = f"({value} if {condition} else {result})"
        return result
    raise ModelError(f"operator '{operator}' cannot be compiled")


def _literal(value: float) -> str:
    word = repr(value)
    return f"({word})" if word.startswith("-") else word  # -2.0**x would be -(2.0**x)


def right_hand_side(
    states: Sequence[str],
    parameters: Sequence[str],
    assignments: Mapping[str, Expression],
    rates: Mapping[str, Expression],
    *,
    jit: bool = True,
) -> Callable[..., Any]:
    """Return ``f(y, t, p, extra) -> dy/dt``; ``extra`` is an added rate per state (infusions).

    Compiled by numba, or with ``jit=False`` plain Python: ready at once, and some fifty times slower to call.
    """
    body = _Body(states, parameters, jit=jit)
    body.assign(assignments)
    body.lines.append(f"    dy = empty({len(states)})")
    body.lines += [f"    dy[{i}] = {body.write(rates[name])} + extra[{i}]" for i, name in enumerate(states)]
    body.lines.append("    return dy")
    return body.compiled("def f(y, t, p, extra):\n")


def output_function(
    states: Sequence[str],
    parameters: Sequence[str],
    assignments: Mapping[str, Expression],
    outputs: Sequence[str],
    *,
    extra: Mapping[str, Expression] | None = None,
    jit: bool = True,
) -> Callable[..., Any]:
    """Return ``g(y, t, p) -> outputs`` at one moment; ``extra`` holds formulas of outputs that no slot has."""
    body, extra = _Body(states, parameters, jit=jit), extra or {}
    body.assign(assignments)
    body.lines.append(f"    out = empty({len(outputs)})")
    for i, name in enumerate(outputs):
        body.lines.append(f"    out[{i}] = {body.write(extra.get(name, Name(name)))}")
    body.lines.append("    return out")
    return body.compiled("def f(y, t, p):\n")


class _Body:
    """The lines of one function; deep formulas are cut into locals, in plain Python literals become NumPy's."""

    def __init__(self, states: Sequence[str], parameters: Sequence[str], *, jit: bool) -> None:
        self.slots = {name: f"y[{i}]" for i, name in enumerate(states)}
        self.slots |= {name: f"p[{i}]" for i, name in enumerate(parameters)}
        self.lines: list[str] = []
        self.jit = jit
        self.numbers: dict[str, float] = {}

    def assign(self, assignments: Mapping[str, Expression]) -> None:
        """Compute every assigned variable, in the order given."""
        for index, (name, expression) in enumerate(assignments.items()):
            self.lines.append(f"    a{index} = {self.write(expression)}")
            self.slots[name] = f"a{index}"

    def write(self, expression: Expression) -> str:
        """Return the text of ``expression``, after adding the lines it needs first."""
        return source_of(self._prepared(expression)[0], self.slots)

    def _prepared(self, expression: Expression) -> tuple[Expression, int]:
        """Return an equal expression that the parser can read, and its depth."""
        if isinstance(expression, Number) and not self.jit:
            name = f"c{len(self.numbers)}"
            self.numbers[name] = expression.value
            self.slots[f" {name}"] = name  # no id of a model starts with a space
            return Name(f" {name}"), 1
        if not isinstance(expression, Call) or not expression.arguments:
            return expression, 1
        inner = [self._prepared(item) for item in expression.arguments]
        while expression.operator in {"plus", "times"} and len(inner) > 2 * _DEEP:  # the parser counts long sums too
            first = Call(expression.operator, tuple(item for item, _ in inner[:_DEEP]))
            inner = [(self._local(source_of(first, self.slots)), 1), *inner[_DEEP:]]
        prepared = Call(expression.operator, tuple(item for item, _ in inner))
        chain = len(inner) if expression.operator == "piecewise" else 1  # brackets nest with every piece
        depth = chain + max(depth for _, depth in inner)
        if depth < _DEEP:
            return prepared, depth
        if chain > _DEEP:
            return self._pieces(prepared), 1
        return self._local(source_of(prepared, self.slots)), 1

    def _pieces(self, prepared: Call) -> Expression:
        """Write a piecewise formula of many pieces as an ``if`` after the other."""
        arguments = prepared.arguments
        value = self._local(source_of(arguments[-1], self.slots))
        for piece, condition in zip(reversed(arguments[:-1:2]), reversed(arguments[1::2]), strict=True):
            words = f"{source_of(piece, self.slots)} if {source_of(condition, self.slots)} else {self.slots[value.id]}"
            value = self._local(words)
        return value

    def _local(self, words: str) -> Name:
        name = f"h{len(self.slots)}"
        self.lines.append(f"    {name} = {words}")
        self.slots[f" {name}"] = name
        return Name(f" {name}")

    def compiled(self, head: str) -> Callable[..., Any]:
        """Return the function that the lines make."""
        import math

        import numpy as np

        source = head + "\n".join(self.lines if self.jit else ["    t = number(t)", *self.lines])
        # numpy's floor, ceil, minimum and maximum keep a nan a nan; Python's own lose it, or turn it into an integer
        namespace: dict[str, Any] = {
            "math": math, "empty": np.empty, "inf": np.inf, "nan": np.nan, "floor": np.floor, "ceil": np.ceil,
            "trunc": np.trunc, "minimum": np.minimum, "maximum": np.maximum,
        }  # fmt: skip
        if not self.jit:
            namespace |= {name: np.float64(value) for name, value in self.numbers.items()}
            namespace |= {
                "math": _forgiving_math(),
                "number": np.float64,
                "inf": np.float64(np.inf),
                "nan": np.float64(np.nan),
            }
        exec(compile(source, "<senospine model>", "exec"), namespace)
        if not self.jit:
            return namespace["f"]  # type: ignore[no-any-return]
        import numba

        # numpy's error model: a division by zero becomes inf or nan, which the solver reports as such
        return numba.njit(namespace["f"], error_model="numpy")  # type: ignore[no-any-return]


def _forgiving_math() -> Any:
    """Return functions named like :mod:`math`'s that give nan or inf where those raise."""
    from types import SimpleNamespace

    import numpy as np
    from scipy.special import gamma

    plain = ("exp", "log", "fabs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "copysign")
    inverse = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
    names = {name: name for name in plain} | inverse | {f"{key}h": f"{word}h" for key, word in inverse.items()}
    return SimpleNamespace(gamma=gamma, pow=np.power, **{name: getattr(np, word) for name, word in names.items()})
