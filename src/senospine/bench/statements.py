"""A problem said in the languages of the peers: SBML, SBML with the doses as events, DiffSL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from senospine.bench.peers.statement import Event
from senospine.errors import ModelError
from senospine.model import Expression, Model
from senospine.model.expressions import Call, Name, Number, Time

#: width of the step that stands for a choice, in the unit of what is compared
STEEP = 1e-5
_INFIX = {"plus": " + ", "times": " * ", "divide": " / "}
_BIGGER = {"gt": (0, 1), "geq": (0, 1), "lt": (1, 0), "leq": (1, 0)}


def sbml_with_events(model: Model, events: Sequence[Event]) -> str:
    """Return SBML in which each moment of the schedule is one event at a fixed time."""
    import libsbml

    document = libsbml.readSBMLFromString(model.to_sbml())
    target = document.getModel()
    moments = sorted({event.time for event in events})
    for number, moment in enumerate(moments):
        event = target.createEvent()
        event.setId(f"moment{number}")
        event.setUseValuesFromTriggerTime(True)
        trigger = event.createTrigger()
        trigger.setInitialValue(False)
        trigger.setPersistent(True)
        trigger.setMath(libsbml.parseL3Formula(f"time >= {moment!r}"))
        for item in (item for item in events if item.time == moment):
            if item.kind == "switch":
                target.getParameter(item.target).setConstant(False)
            before = f"{item.target} + " if item.kind == "bolus" else ""
            assignment = event.createEventAssignment()
            assignment.setVariable(item.target)
            assignment.setMath(libsbml.parseL3Formula(f"{before}{item.amount}"))
    return str(libsbml.writeSBMLToString(document))


def smooth_steps(sbml: str) -> str:
    """Return SBML in which every choice between two formulas is a steep tanh, or nothing if there is no choice.

    For solvers that look for the roots of every condition and lose their way where both sides stay equal.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    changed = False
    for rule in document.getModel().getListOfRules():
        before = libsbml.formulaToL3String(rule.getMath())
        after = _smooth(rule.getMath().deepCopy(), libsbml)
        if libsbml.formulaToL3String(after) != before:
            rule.setMath(after)
            changed = True
    return str(libsbml.writeSBMLToString(document)) if changed else ""


def _smooth(node: Any, libsbml: Any) -> Any:
    for number in range(node.getNumChildren()):
        node.replaceChild(number, _smooth(node.getChild(number).deepCopy(), libsbml))
    if node.getType() != libsbml.AST_FUNCTION_PIECEWISE or node.getNumChildren() != 3:
        return node
    inside, condition, outside = (node.getChild(number) for number in range(3))
    sides = [libsbml.formulaToL3String(condition.getChild(number)) for number in range(2)]
    if condition.getType() in {libsbml.AST_RELATIONAL_LT, libsbml.AST_RELATIONAL_LEQ}:
        sides.reverse()
    yes, no = (libsbml.formulaToL3String(item) for item in (inside, outside))
    step = f"(1 + tanh((({sides[0]}) - ({sides[1]})) / {STEEP!r})) / 2"
    return libsbml.parseL3Formula(f"({no}) + (({yes}) - ({no})) * {step}")


def diffsl(model: Model) -> str:
    """Return the equations in DiffSL, or nothing if an operator has no counterpart there.

    Inputs are the parameters, the states at the beginning of a stretch, and the moment at which it begins.
    """
    names = {name: f"q{i}" for i, name in enumerate(model.parameters)}
    names |= {name: f"y{i}" for i, name in enumerate(model.states)}
    names |= {name: f"a{i}" for i, name in enumerate(model.assignments)}
    inputs = [f"{names[name]} = {value!r}" for name, value in model.parameters.items()]
    inputs += [f"z{i} = 1.0" for i in range(len(model.states))] + ["begin = 0.0"]
    try:
        assigned = [f"{names[name]} {{ {_text(formula, names)} }}" for name, formula in model.assignments.items()]
        rates = [_text(model.rates[name], names) for name in model.states]
    except ModelError:
        return ""
    states = ", ".join(f"y{i} = z{i}" for i in range(len(model.states)))
    lines = [f"in_i {{ {', '.join(inputs)} }}", f"u_i {{ {states} }}", *assigned]
    return "\n".join([*lines, "F_i {", ",\n".join(rates), "}"]) + "\n"


def _text(expression: Expression, names: Mapping[str, str]) -> str:
    if isinstance(expression, Number):
        return repr(expression.value)
    if isinstance(expression, Name):
        return names[expression.id]
    if isinstance(expression, Time):
        return "(t + begin)"
    assert isinstance(expression, Call)
    operator, arguments = expression.operator, expression.arguments
    if operator == "piecewise" and len(arguments) == 3 and isinstance(arguments[1], Call):
        return _step(arguments[0], arguments[1], arguments[2], names)
    words = [_text(item, names) for item in arguments]
    if operator == "minus":
        return f"(-({words[0]}))" if len(words) == 1 else f"({words[0]} - {words[1]})"
    if operator in _INFIX:
        return f"({_INFIX[operator].join(words)})"
    if operator == "power":
        if arguments[1] == Number(2.0):
            return f"({words[0]} * {words[0]})"
        return f"pow({words[0]}, {words[1]})"
    if operator == "root" and arguments[0] == Number(2.0):
        return f"sqrt({words[1]})"
    if operator in {"exp", "abs", "sin", "cos", "tan"}:
        return f"{operator}({words[0]})"
    if operator == "ln":
        return f"log({words[0]})"
    if operator in {"max", "min"} and len(words) == 2:
        first, second = words if operator == "max" else words[::-1]
        return f"({words[1]} + heaviside({first} - {second}) * ({words[0]} - {words[1]}))"
    raise ModelError(f"'{operator}' has no counterpart in DiffSL")


def _step(inside: Expression, condition: Call, outside: Expression, names: Mapping[str, str]) -> str:
    """Return a choice between two formulas by a step function."""
    if condition.operator not in _BIGGER:
        raise ModelError(f"'{condition.operator}' has no counterpart in DiffSL")
    larger, smaller = (_text(condition.arguments[i], names) for i in _BIGGER[condition.operator])
    otherwise = _text(outside, names)
    return f"({otherwise} + heaviside({larger} - {smaller}) * ({_text(inside, names)} - {otherwise}))"
