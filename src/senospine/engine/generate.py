"""From expression trees to compiled functions: Python source of numbered slots only, then numba.

No name of the model reaches the source, only ``y[i]``, ``p[j]`` and locals ``a0, a1, …``, so nothing a
model file says can be executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from senospine.errors import ModelError
from senospine.model.expressions import Expression, Name, Number, Time

_INFIX = {
    "plus": "+", "times": "*", "divide": "/", "lt": "<", "leq": "<=", "gt": ">", "geq": ">=", "eq": "==", "neq": "!=",
    "and": " and ", "or": " or ",
}  # fmt: skip
_MATH = {
    "exp": "math.exp", "ln": "math.log", "abs": "math.fabs", "floor": "floor", "ceiling": "ceil",
    "sin": "math.sin", "cos": "math.cos", "tan": "math.tan", "tanh": "math.tanh",
}  # fmt: skip


def source_of(expression: Expression, slots: Mapping[str, str]) -> str:
    """Return the Python text of ``expression``, each name replaced by its slot.

    Examples
    --------
    >>> from senospine.model.expressions import Call
    >>> source_of(Call("times", (Name("k"), Name("x"))), {"k": "p[0]", "x": "y[0]"})
    '(p[0]*y[0])'
    """
    if isinstance(expression, Number):
        word = repr(float(expression.value))
        return f"({word})" if word.startswith("-") else word  # -2.0**x would be -(2.0**x)
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


def right_hand_side(
    states: Sequence[str],
    parameters: Sequence[str],
    assignments: Mapping[str, Expression],
    rates: Mapping[str, Expression],
) -> Callable[..., Any]:
    """Return ``f(y, t, p, extra) -> dy/dt``, compiled; ``extra`` is an added rate per state (infusions)."""
    lines, slots = _prologue(states, parameters, assignments)
    lines.append(f"    dy = empty({len(states)})")
    lines += [f"    dy[{i}] = {source_of(rates[name], slots)} + extra[{i}]" for i, name in enumerate(states)]
    lines.append("    return dy")
    return _compile("def f(y, t, p, extra):\n" + "\n".join(lines))


def output_function(
    states: Sequence[str], parameters: Sequence[str], assignments: Mapping[str, Expression], outputs: Sequence[str]
) -> Callable[..., Any]:
    """Return ``g(y, t, p) -> outputs`` at one moment, compiled."""
    lines, slots = _prologue(states, parameters, assignments)
    lines.append(f"    out = empty({len(outputs)})")
    lines += [f"    out[{i}] = {slots[name]}" for i, name in enumerate(outputs)]
    lines.append("    return out")
    return _compile("def f(y, t, p):\n" + "\n".join(lines))


def _prologue(
    states: Sequence[str], parameters: Sequence[str], assignments: Mapping[str, Expression]
) -> tuple[list[str], dict[str, str]]:
    slots = {name: f"y[{i}]" for i, name in enumerate(states)}
    slots |= {name: f"p[{i}]" for i, name in enumerate(parameters)}
    lines = []
    for index, (name, expression) in enumerate(assignments.items()):
        lines.append(f"    a{index} = {source_of(expression, slots)}")
        slots[name] = f"a{index}"
    return lines, slots


def _compile(source: str) -> Callable[..., Any]:
    import math

    import numba
    import numpy as np

    # numpy's floor, ceil, minimum and maximum keep a nan a nan; Python's own lose it, or turn it into an integer
    namespace: dict[str, Any] = {
        "math": math, "empty": np.empty, "inf": np.inf, "nan": np.nan,
        "floor": np.floor, "ceil": np.ceil, "minimum": np.minimum, "maximum": np.maximum,
    }  # fmt: skip
    exec(compile(source, "<senospine model>", "exec"), namespace)
    # numpy's error model: a division by zero becomes inf or nan, which the solver reports as such
    return numba.njit(namespace["f"], error_model="numpy")  # type: ignore[no-any-return]
