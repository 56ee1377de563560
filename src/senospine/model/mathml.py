"""Formulas in: libSBML's tree becomes an expression tree, with the user's own functions written out.

What SBML can say in two ways is said in one: chains of comparisons become pairs, secants become cosines,
truth values used as numbers become 1 and 0. Every formula has a largest size and depth, so that functions
that call functions cannot unfold without end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from senospine.errors import ModelError, suggest
from senospine.model.expressions import Call, Expression, Name, Number, Time

#: largest number of symbols in one formula, and deepest nesting, once the user's functions are written out
LARGEST, DEEPEST = 20_000, 120
OTHER_TOOLS = "libRoadRunner or COPASI can run it"
AVOGADRO = 6.02214179e23  # the value that SBML Level 3 fixes

#: comparisons and connectives: they give a truth value
CONDITIONS = frozenset({"lt", "leq", "gt", "geq", "eq", "neq", "and", "or", "xor", "not", "true", "false"})
_CONNECTIVES = frozenset({"and", "or", "xor", "not"})
_RELATIONS = frozenset({"lt", "leq", "gt", "geq", "eq"})
#: what a sum, product or connective of nothing is worth
_EMPTY: dict[str, Expression] = {
    "plus": Number(0.0),
    "times": Number(1.0),
    "and": Call("true", ()),
    "or": Call("false", ()),
    "xor": Call("false", ()),
}
#: name in SBML -> (function whose value is inverted, or whose argument is)
_OF_INVERSE = {
    "ARCSEC": "arccos", "ARCCSC": "arcsin", "ARCCOT": "arctan",
    "ARCSECH": "arccosh", "ARCCSCH": "arcsinh", "ARCCOTH": "arctanh",
}  # fmt: skip
_INVERSE_OF = {"SEC": "cos", "CSC": "sin", "COT": "tan", "SECH": "cosh", "CSCH": "sinh", "COTH": "tanh"}
#: how many arguments an operator takes, where it is not one
_COUNTS = {"power": 2, "divide": 2, "quotient": 2, "rem": 2, "neq": 2, "true": 0, "false": 0}


@dataclass(frozen=True)
class Sized:
    """An expression with the number of its symbols and the depth of its nesting."""

    expression: Expression
    size: int = 1
    depth: int = 1


@dataclass(frozen=True)
class MathReader:
    """Reads formulas of one model; ``functions`` are its function definitions, as libSBML holds them."""

    functions: Mapping[str, Any]

    def read(
        self, node: Any, where: str, local: Mapping[str, Expression] | None = None, *, condition: bool = False
    ) -> Expression:
        """Return the expression of ``node``; names in ``local`` stand for something else inside it.

        Parameters
        ----------
        condition : bool
            Whether a truth value is wanted (triggers) and not a number.

        Raises
        ------
        ModelError
            A formula that is missing, too large, or says what lies outside the subset.
        """
        scope = {name: Sized(value) for name, value in (local or {}).items()}
        return settle(_Formula(self.functions, where).read(node, scope, (), 0).expression, condition=condition)


@dataclass
class _Formula:
    """One formula while it is read; ``visited`` bounds the work, whatever the functions do."""

    functions: Mapping[str, Any]
    where: str
    visited: int = 0

    def read(self, node: Any, scope: Mapping[str, Sized], inside: tuple[str, ...], level: int) -> Sized:
        import libsbml

        if node is None:
            raise ModelError("a formula is missing", where=self.where, remedy="give it a right-hand side")
        self.visited += 1
        if level > DEEPEST:
            raise _too_deep(self.where)
        if self.visited > 2 * LARGEST:
            raise _too_large(self.where)
        kind = node.getType()
        if node.isNumber():
            return Sized(Number(float(node.getInteger() if node.isInteger() else node.getReal())))
        if kind in _constants():
            return Sized(_constants()[kind])
        if kind == libsbml.AST_NAME:
            return scope.get(node.getName(), Sized(Name(node.getName())))
        operator = _operators().get(kind)
        children = [node.getChild(index) for index in range(node.getNumChildren())]
        if operator in {"plus", "times"}:
            children = _unchained(node, children)
        given = [self.read(child, scope, inside, level + 1) for child in children]
        if kind == libsbml.AST_FUNCTION:
            return self._call(node.getName(), given, inside, level)
        if operator is None:
            word = node.getName() or node.getOperatorName() or libsbml.formulaToL3String(node)
            raise ModelError(f"'{word}' is outside the subset of formulas", where=self.where, remedy=OTHER_TOOLS)
        built = _built(operator, [item.expression for item in given], self.where)
        repeated = 2 if operator in _RELATIONS and len(given) > 2 else 1
        depth = repeated + max((item.depth for item in given), default=0)
        size = 2 + repeated * sum(item.size for item in given)
        if depth > DEEPEST:
            raise _too_deep(self.where)
        if size > LARGEST:
            raise _too_large(self.where)
        return Sized(built, size, depth)

    def _call(self, name: str, given: list[Sized], inside: tuple[str, ...], level: int) -> Sized:
        where = self.where
        if name not in self.functions:
            raise ModelError(f"function '{name}' is not defined", where=where, remedy=suggest(name, self.functions))
        if name in inside:
            raise ModelError(
                f"function '{name}' calls itself", where=where, remedy="SBML's functions cannot: write out the steps"
            )
        definition = self.functions[name]
        if definition is None or not definition.isLambda() or not definition.getNumChildren():
            raise ModelError(f"function '{name}' has no formula", where=where, remedy="give it one")
        last = definition.getNumChildren() - 1
        arguments = [definition.getChild(index).getName() for index in range(last)]
        if len(arguments) != len(given):
            raise ModelError(
                f"function '{name}' takes {len(arguments)} arguments, got {len(given)}",
                where=where,
                remedy="give as many as its definition names",
            )
        scope = dict(zip(arguments, given, strict=True))
        return self.read(definition.getChild(last), scope, (*inside, name), level + 1)


def settle(expression: Expression, *, condition: bool) -> Expression:
    """Return ``expression`` with truth values only where conditions stand, and numbers only where numbers do.

    Examples
    --------
    >>> from senospine.model.expressions import text
    >>> text(settle(Call("plus", (Number(1.0), Call("gt", (Name("x"), Number(2.0))))), condition=False))
    '1 + piecewise(1, x > 2, 0)'
    """
    if isinstance(expression, Call):
        operator = expression.operator
        settled = tuple(
            settle(item, condition=operator in _CONNECTIVES or (operator == "piecewise" and index % 2 == 1))
            for index, item in enumerate(expression.arguments)
        )
        if any(new is not old for new, old in zip(settled, expression.arguments, strict=True)):
            expression = Call(operator, settled)
    truth = isinstance(expression, Call) and expression.operator in CONDITIONS
    if condition and not truth:
        return Call("neq", (expression, Number(0.0)))
    if truth and not condition:
        return Call("piecewise", (Number(1.0), expression, Number(0.0)))
    return expression


def rewritten(expression: Expression, rule: Callable[[Expression], Expression | None]) -> Expression:
    """Return ``expression`` with each part for which ``rule`` has something better replaced by it."""
    better = rule(expression)
    if better is not None:
        return better
    if isinstance(expression, Call):
        return Call(expression.operator, tuple(rewritten(item, rule) for item in expression.arguments))
    return expression


def _unchained(node: Any, children: list[Any]) -> list[Any]:
    """Return the terms of a sum of sums, or product of products, that leans left: a long sum is not a deep one."""
    kind, spine = node.getType(), [children]
    while spine[-1] and spine[-1][0].getType() == kind and spine[-1][0].getNumChildren() > 1:
        first = spine[-1][0]
        spine.append([first.getChild(index) for index in range(first.getNumChildren())])
    terms = spine.pop()
    while spine:
        terms += spine.pop()[1:]
    return terms


def _built(operator: str, given: list[Expression], where: str) -> Expression:
    """Return the call of ``operator``, said with the operators that the engines know."""
    count = len(given)
    if operator in _EMPTY and count < 2:
        return given[0] if given else _EMPTY[operator]
    if operator in _RELATIONS and count > 2:
        return Call("and", tuple(Call(operator, pair) for pair in itertools.pairwise(given)))
    if operator in {"log", "root"} and count == 1:
        given, count = [Number(10.0 if operator == "log" else 2.0), *given], 2
    if operator == "piecewise":
        if count % 2 == 0:
            raise ModelError(
                "a piecewise formula has no 'otherwise'", where=where, remedy="give a last value without a condition"
            )
        return given[0] if count == 1 else Call(operator, tuple(given))
    wanted = _COUNTS.get(operator, 2 if operator in _RELATIONS | {"log", "root", "implies"} else 1)
    variadic = operator in _EMPTY or (operator in {"min", "max"} and count > 0) or (operator == "minus" and count == 2)
    if not variadic and count != wanted:
        raise ModelError(
            f"'{operator}' takes {wanted} arguments, got {count}", where=where, remedy="look at the formula's brackets"
        )
    if operator == "implies":
        return Call("or", (Call("not", (given[0],)), given[1]))
    if operator in _OF_INVERSE:
        return Call(_OF_INVERSE[operator], (Call("divide", (Number(1.0), given[0])),))
    if operator in _INVERSE_OF:
        return Call("divide", (Number(1.0), Call(_INVERSE_OF[operator], (given[0],))))
    if operator == "rateOf" and not isinstance(given[0], Name):
        raise ModelError("rateOf takes the name of a variable", where=where, remedy="give the variable's id")
    return Call(operator, tuple(given))


def _too_deep(where: str) -> ModelError:
    return ModelError(
        f"a formula is nested deeper than {DEEPEST} levels", where=where, remedy="split it with assigned variables"
    )


def _too_large(where: str) -> ModelError:
    return ModelError(
        f"a formula unfolds into more than {LARGEST} operations",
        where=where,
        why="functions that call each other several times can unfold into gigabytes",
        remedy="use assigned variables for what is computed more than once",
    )


@cache
def _constants() -> dict[int, Expression]:
    """Return what each of libSBML's constant symbols stands for."""
    import libsbml

    return {
        libsbml.AST_CONSTANT_E: Number(math.e),
        libsbml.AST_CONSTANT_PI: Number(math.pi),
        libsbml.AST_NAME_AVOGADRO: Number(AVOGADRO),
        libsbml.AST_NAME_TIME: Time(),
    }


@cache
def _operators() -> dict[int, str]:
    """Return the operator of each of libSBML's node types."""
    import libsbml

    words = {
        "PLUS": "plus", "MINUS": "minus", "TIMES": "times", "DIVIDE": "divide", "POWER": "power",
        "FUNCTION_POWER": "power", "FUNCTION_LN": "ln", "FUNCTION_RATE_OF": "rateOf",
        "CONSTANT_TRUE": "true", "CONSTANT_FALSE": "false",
    }  # fmt: skip
    same = (
        "EXP LOG ROOT ABS MIN MAX FLOOR CEILING FACTORIAL QUOTIENT REM PIECEWISE SIN COS TAN SINH COSH TANH "
        "ARCSIN ARCCOS ARCTAN ARCSINH ARCCOSH ARCTANH"
    )
    words |= {f"FUNCTION_{word}": word.lower() for word in same.split()}
    words |= {f"FUNCTION_{word}": word for word in (*_OF_INVERSE, *_INVERSE_OF)}
    words |= {f"RELATIONAL_{word}": word.lower() for word in ("LT", "LEQ", "GT", "GEQ", "EQ", "NEQ")}
    words |= {f"LOGICAL_{word}": word.lower() for word in ("AND", "OR", "NOT", "XOR", "IMPLIES")}
    return {getattr(libsbml, f"AST_{word}"): operator for word, operator in words.items()}
