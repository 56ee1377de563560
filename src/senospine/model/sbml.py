"""SBML in: libSBML's own tree becomes an expression tree; text is never evaluated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from senospine.errors import ModelError
from senospine.model.expressions import Call, Expression, Name, Number, Time, substitute, walk
from senospine.model.units import DIMENSIONLESS, KINDS, Unit, kind

#: what is not read, and what it is called in a message
_OUTSIDE = (
    ("getNumReactions", "reactions"),
    ("getNumSpecies", "species"),
    ("getNumEvents", "events"),
    ("getNumConstraints", "constraints"),
)
#: the largest formula, in nodes once a user's functions are written out, and the deepest, in levels
MAX_NODES, MAX_DEPTH = 20_000, 80
_OTHER_TOOLS = "write it with rate and assignment rules, or run this model in libRoadRunner or COPASI"


@dataclass
class RawModel:
    """What an SBML file says, before values and provenance are joined."""

    name: str
    values: dict[str, float | None] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    rates: dict[str, Expression] = field(default_factory=dict)
    assignments: dict[str, Expression] = field(default_factory=dict)
    initial: dict[str, Expression] = field(default_factory=dict)
    time_unit: Unit = DIMENSIONLESS


def read_sbml(text: str, where: str) -> RawModel:
    """Return what the SBML document in ``text`` says.

    Raises
    ------
    ModelError
        The text is not SBML, holds a DTD, or uses what lies outside the subset; the message names it.
    """
    import libsbml

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ModelError(
            "the file declares XML entities",
            where=where,
            why="a few can unfold into gigabytes",
            remedy="remove the DTD",
        )
    document = libsbml.readSBMLFromString(text)
    if document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) + document.getNumErrors(libsbml.LIBSBML_SEV_FATAL):
        error = next(
            document.getError(index)
            for index in range(document.getNumErrors())
            if document.getError(index).getSeverity() >= libsbml.LIBSBML_SEV_ERROR
        )
        raise ModelError(
            f"not valid SBML: {error.getMessage().strip()}",
            where=f"{where}:{error.getLine()}",
            remedy="correct the element on this line",
        )
    model = document.getModel()
    if model is None:
        raise ModelError("the document holds no model", where=where, remedy="is this an SBML file?")
    _refuse_outside(document, model, where)

    raw = RawModel(model.getId() or "model")
    units = dict(_unit_definitions(model, where))
    for parameter in _each(model, "Parameter"):
        raw.values[parameter.getId()] = parameter.getValue() if parameter.isSetValue() else None
        if parameter.getUnits():
            raw.units[parameter.getId()] = _unit(parameter.getUnits(), units, where)
    if model.getTimeUnits():
        raw.time_unit = _unit(model.getTimeUnits(), units, where)
    functions = {item.getId(): item.getMath() for item in _each(model, "FunctionDefinition")}
    for rule in _each(model, "Rule"):
        variable = rule.getVariable()
        if rule.isAlgebraic():
            raise ModelError("algebraic rules are outside the subset", where=where, remedy=_OTHER_TOOLS)
        if variable not in raw.values:
            raise ModelError(
                f"there is a rule for '{variable}', which is not a parameter",
                where=where,
                why="compartments and species are outside the subset that is read so far",
                remedy=_OTHER_TOOLS,
            )
        target = raw.rates if rule.isRate() else raw.assignments
        target[variable] = _expression(rule.getMath(), functions, f"{where}: rule of '{variable}'")
    for item in _each(model, "InitialAssignment"):
        symbol = item.getSymbol()
        if symbol not in raw.rates:
            raise ModelError(
                f"'{symbol}' starts from a formula, but has no rate",
                where=where,
                why="its value would not follow when the parameters in the formula are replaced",
                remedy=f"make it an assigned variable, '{symbol} := …', or give it a number",
            )
        raw.initial[symbol] = _expression(item.getMath(), functions, f"{where}: initial value of '{symbol}'")
    return raw


def _each(model: Any, kind_of: str) -> Iterator[Any]:
    count = getattr(model, f"getNum{kind_of}s")()
    for index in range(count):
        yield getattr(model, f"get{kind_of}")(index)


def _refuse_outside(document: Any, model: Any, where: str) -> None:
    for index in range(document.getNumPlugins()):
        package = document.getPlugin(index).getPackageName()
        if package != "l3v2extendedmath" and document.getPackageRequired(package):  # that one is libSBML's own
            raise ModelError(f"the SBML package '{package}' is outside the subset", where=where, remedy=_OTHER_TOOLS)
    for count, word in _OUTSIDE:
        if getattr(model, count)():
            raise ModelError(f"{word} are outside the subset that is read so far", where=where, remedy=_OTHER_TOOLS)


def _unit_definitions(model: Any, where: str) -> Iterator[tuple[str, Unit]]:
    for definition in _each(model, "UnitDefinition"):
        if not definition.getNumUnits():
            raise ModelError(
                f"unit '{definition.getId()}' is declared without a meaning",
                where=where,
                why="libAntimony leaves a unit empty when its definition stands outside the model block that uses it",
                remedy="define the unit inside the model block, for instance 'unit day = 86400 second;'",
            )
        result = DIMENSIONLESS
        for index in range(definition.getNumUnits()):
            part = definition.getUnit(index)
            base = kind(_kind_name(part, where))
            scaled = Unit(base.exponents, base.factor * part.getMultiplier() * 10.0 ** part.getScale())
            result = result * scaled.power(Fraction(part.getExponentAsDouble()).limit_denominator(1000))
        yield definition.getId(), result


def _kind_name(part: Any, where: str) -> str:
    import libsbml

    name = str(libsbml.UnitKind_toString(part.getKind()))
    if name not in KINDS:
        raise ModelError(f"unit kind '{name}' is not read", where=where, remedy=f"use {', '.join(KINDS)}")
    return name


def _unit(name: str, units: dict[str, Unit], where: str) -> Unit:
    if name in units:
        return units[name]
    if name in KINDS:
        return kind(name)
    raise ModelError(f"unknown unit '{name}'", where=where, remedy="define it inside the model block that uses it")


def _expression(node: Any, functions: dict[str, Any], where: str, depth: int = 0) -> Expression:
    """Read one formula; a user's own functions are written out where they are called."""
    import libsbml

    if node is None:
        raise ModelError("a formula is missing", where=where, remedy="give the rule a right-hand side")
    if depth > MAX_DEPTH:
        raise ModelError(
            f"a formula is nested deeper than {MAX_DEPTH} levels",
            where=where,
            remedy="split it with assigned variables",
        )
    inner = _children(node)
    if node.isNumber():
        return Number(float(node.getReal() if not node.isInteger() else node.getInteger()))
    node_type = node.getType()
    constants = {libsbml.AST_CONSTANT_E: 2.718281828459045, libsbml.AST_CONSTANT_PI: 3.141592653589793}
    if node_type in constants:
        return Number(constants[node_type])
    if node_type == libsbml.AST_NAME_TIME:
        return Time()
    if node_type == libsbml.AST_NAME:
        return Name(node.getName())
    if node_type == libsbml.AST_FUNCTION:
        return _call_user_function(node.getName(), inner, functions, where, depth)
    operator = _operators().get(node_type)
    if operator is None:
        word = node.getName() or node.getOperatorName() or libsbml.formulaToL3String(node)
        raise ModelError(f"'{word}' is outside the subset of formulas", where=where, remedy=_OTHER_TOOLS)
    while operator in {"plus", "times"} and inner and inner[0].getType() == node_type:
        inner = [*_children(inner[0]), *inner[1:]]  # ((a + b) + c) + …: one long sum, not a deep one
    arguments = tuple(_expression(child, functions, where, depth + 1) for child in inner)
    if operator in {"plus", "times", "and", "or"} and len(arguments) < 2:  # MathML allows sums of one or none
        return arguments[0] if arguments else _NEUTRAL[operator]
    if operator == "piecewise" and len(arguments) % 2 == 0:
        raise ModelError(
            "a piecewise formula has no 'otherwise'", where=where, remedy="give a last value without a condition"
        )
    if operator == "log" and len(arguments) == 1:
        arguments = (Number(10.0), *arguments)
    if operator == "root" and len(arguments) == 1:
        arguments = (Number(2.0), *arguments)
    return Call(operator, arguments)


#: what a sum, a product, a conjunction or an alternative of nothing is
_NEUTRAL: dict[str, Expression] = {
    "plus": Number(0.0),
    "times": Number(1.0),
    "and": Call("true", ()),
    "or": Call("false", ()),
}


def _children(node: Any) -> list[Any]:
    return [node.getChild(index) for index in range(node.getNumChildren())]


def _call_user_function(name: str, inner: list[Any], functions: dict[str, Any], where: str, depth: int) -> Expression:
    if name not in functions:
        raise ModelError(f"function '{name}' is not defined", where=where, remedy="define it in the model")
    definition = functions[name]
    rest = {key: value for key, value in functions.items() if key != name}  # SBML forbids recursion
    arguments = [definition.getChild(index).getName() for index in range(definition.getNumChildren() - 1)]
    if len(arguments) != len(inner):
        raise ModelError(f"function '{name}' takes {len(arguments)} arguments, got {len(inner)}", where=where)
    body = _expression(definition.getChild(definition.getNumChildren() - 1), rest, where, depth + 1)
    given = [_expression(child, functions, where, depth + 1) for child in inner]
    result = substitute(body, dict(zip(arguments, given, strict=True)))
    if sum(1 for _ in itertools.islice(walk(result), MAX_NODES + 1)) > MAX_NODES:
        raise ModelError(
            f"function '{name}' unfolds into more than {MAX_NODES} operations",
            where=where,
            why="functions that call each other several times can unfold into gigabytes",
            remedy="use assigned variables for what is computed more than once",
        )
    return result


def _operators() -> dict[int, str]:
    import libsbml

    return {
        libsbml.AST_PLUS: "plus",
        libsbml.AST_MINUS: "minus",
        libsbml.AST_TIMES: "times",
        libsbml.AST_DIVIDE: "divide",
        libsbml.AST_POWER: "power",
        libsbml.AST_FUNCTION_POWER: "power",
        libsbml.AST_FUNCTION_EXP: "exp",
        libsbml.AST_FUNCTION_LN: "ln",
        libsbml.AST_FUNCTION_LOG: "log",
        libsbml.AST_FUNCTION_ROOT: "root",
        libsbml.AST_FUNCTION_ABS: "abs",
        libsbml.AST_FUNCTION_MIN: "min",
        libsbml.AST_FUNCTION_MAX: "max",
        libsbml.AST_FUNCTION_FLOOR: "floor",
        libsbml.AST_FUNCTION_CEILING: "ceiling",
        libsbml.AST_FUNCTION_SIN: "sin",
        libsbml.AST_FUNCTION_COS: "cos",
        libsbml.AST_FUNCTION_TAN: "tan",
        libsbml.AST_FUNCTION_TANH: "tanh",
        libsbml.AST_FUNCTION_PIECEWISE: "piecewise",
        libsbml.AST_RELATIONAL_LT: "lt",
        libsbml.AST_RELATIONAL_LEQ: "leq",
        libsbml.AST_RELATIONAL_GT: "gt",
        libsbml.AST_RELATIONAL_GEQ: "geq",
        libsbml.AST_RELATIONAL_EQ: "eq",
        libsbml.AST_RELATIONAL_NEQ: "neq",
        libsbml.AST_LOGICAL_AND: "and",
        libsbml.AST_LOGICAL_OR: "or",
        libsbml.AST_LOGICAL_NOT: "not",
        libsbml.AST_CONSTANT_TRUE: "true",
        libsbml.AST_CONSTANT_FALSE: "false",
    }
