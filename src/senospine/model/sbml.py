"""SBML in: libSBML's own trees become expression trees; text is never evaluated.

Read are compartments, species, reactions, rules, initial assignments, functions and events at known times, of
Level 3 and of what libSBML converts to it. What lies outside is refused by name.
"""

from __future__ import annotations

import xml.parsers.expat
from typing import Any

from senospine.errors import ModelError
from senospine.model.events import event_targets, read_event
from senospine.model.mathml import MathReader
from senospine.model.raw import RawModel, Species
from senospine.model.sbml_units import DeclaredUnits
from senospine.model.species import each, read_reactions, read_species, resolve_rates
from senospine.model.units import DIMENSIONLESS

_OTHER_TOOLS = "write it with rules or reactions, or run this model in libRoadRunner or COPASI"
_DEEPEST_XML, _DEEPEST_FUNCTIONS = 500, 25


def read_sbml(text: str, where: str) -> RawModel:
    """Return what the SBML document in ``text`` says.

    Raises
    ------
    ModelError
        The text is not SBML, holds a DTD, or uses what lies outside the subset; the message names it.
    """
    document = _document(text, where)
    model = document.getModel()
    _refuse_constraints(model, where)

    units = DeclaredUnits.of(model, where)
    raw = RawModel(model.getId() or "model", where, text, document, time_unit=units.time() or DIMENSIONLESS)
    maths = MathReader({item.getId(): item.getMath() for item in each(model, "FunctionDefinition")})
    _read_rules(raw, model, maths)
    events = list(each(model, "Event"))
    raw.jumping = event_targets(events)
    for parameter in each(model, "Parameter"):
        name = parameter.getId()
        unit = units.unit(parameter.getUnits(), f"parameter '{name}'")
        raw.place(name, parameter.getValue() if parameter.isSetValue() else None, unit)
    for compartment in each(model, "Compartment"):
        name = compartment.getId()
        raw.place(name, compartment.getSize() if compartment.isSetSize() else None, units.size(compartment))
        raw.optional.add(name)
    terms = read_reactions(raw, model, maths, units)
    read_species(raw, model, terms, units)
    resolve_rates(raw)
    read = [read_event(raw, item, number, maths) for number, item in enumerate(events, 1)]
    raw.events = tuple(item for item in read if item is not None)
    return raw


def _document(text: str, where: str) -> Any:
    import libsbml

    _refuse_dangerous(text, where)
    document = libsbml.readSBMLFromString(text)
    _refuse_errors(document, where)
    if document.getModel() is None:
        raise ModelError("the document holds no model", where=where, remedy="is this an SBML file?")
    _refuse_packages(document, where)
    if document.getLevel() < 3 and not document.setLevelAndVersion(3, 2, False):
        raise ModelError(
            f"libSBML cannot convert this Level {document.getLevel()} model to Level 3",
            where=where,
            remedy="convert it with another tool, or write it in Level 3",
        )
    _refuse_deep_functions(document.getModel(), where)
    return document


def refuse_inconsistent(document: Any, where: str) -> None:
    """Refuse what libSBML's own check finds wrong: rules for constants, two rules for one variable, double ids."""
    import libsbml

    for category in ("UNITS_CONSISTENCY", "MODELING_PRACTICE", "SBO_CONSISTENCY"):  # units are checked on the trees
        document.setConsistencyChecks(getattr(libsbml, f"LIBSBML_CAT_{category}"), False)
    document.checkConsistency()
    _refuse_errors(document, where)


def _refuse_deep_functions(model: Any, where: str) -> None:
    """Refuse functions that call functions many levels down: libSBML's check takes the fourth power of the levels."""
    calls = {item.getId(): _called(item.getMath()) for item in each(model, "FunctionDefinition")}
    levels: dict[str, int] = {}
    for _ in range(_DEEPEST_FUNCTIONS + 1):
        for name, called in calls.items():
            levels[name] = 1 + max((levels.get(item, 0) for item in called), default=0)
    for name, level in levels.items():
        if level > _DEEPEST_FUNCTIONS:
            raise ModelError(
                f"function '{name}' unfolds into more than {_DEEPEST_FUNCTIONS} levels of functions",
                where=f"{where}: function '{name}'",
                remedy="write some of them out",
            )


def _called(node: Any) -> set[str]:
    import libsbml

    found, pending = set(), [] if node is None else [node]
    while pending:
        part = pending.pop()
        if part.getType() == libsbml.AST_FUNCTION:
            found.add(part.getName())
        pending += [part.getChild(index) for index in range(part.getNumChildren())]
    return found


def _refuse_errors(document: Any, where: str) -> None:
    import libsbml

    for index in range(document.getNumErrors()):
        error = document.getError(index)
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            raise ModelError(
                f"not valid SBML: {' '.join(error.getMessage().split())}",
                where=f"{where}:{error.getLine()}",
                remedy="correct the element on this line",
            )


def _refuse_dangerous(text: str, where: str) -> None:
    """Refuse what would make libSBML run out of memory or stack: entities, and tags nested without end."""
    depth = 0

    def opened(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST_XML:
            raise ModelError(
                f"the file nests elements more than {_DEEPEST_XML} deep",
                where=where,
                why="libSBML would run out of stack",
                remedy="split the formula with assigned variables",
            )

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise ModelError(
            "the file declares XML entities",
            where=where,
            why="a few can unfold into gigabytes",
            remedy="remove the DTD",
        )

    parser = xml.parsers.expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = declared
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except xml.parsers.expat.ExpatError as error:
        raise ModelError(
            f"not valid SBML: {xml.parsers.expat.errors.messages[error.code]}",
            where=f"{where}:{error.lineno}",
            remedy="correct this line",
        ) from None


def _read_rules(raw: RawModel, model: Any, maths: MathReader) -> None:
    for rule in each(model, "Rule"):
        variable = rule.getVariable()
        if rule.isAlgebraic():
            raise ModelError(
                "algebraic rules are outside the subset",
                where=f"{raw.where}: rule '{rule.getIdAttribute() or rule.getFormula()}'",
                remedy=_OTHER_TOOLS,
            )
        if rule.getMath() is not None:  # Level 3 Version 2: a rule without a formula says nothing
            target = raw.rates if rule.isRate() else raw.assignments
            target[variable] = maths.read(rule.getMath(), f"{raw.where}: rule of '{variable}'")
    for item in each(model, "InitialAssignment"):
        if item.getMath() is not None:
            symbol = item.getSymbol()
            raw.given[symbol] = maths.read(item.getMath(), f"{raw.where}: initial value of '{symbol}'")


def _refuse_packages(document: Any, where: str) -> None:
    for index in range(document.getNumPlugins() if document.getLevel() > 2 else 0):
        package = document.getPlugin(index).getPackageName()
        if package != "l3v2extendedmath" and document.getPackageRequired(package):  # that one is libSBML's own
            raise ModelError(f"the SBML package '{package}' is outside the subset", where=where, remedy=_OTHER_TOOLS)


def _refuse_constraints(model: Any, where: str) -> None:
    for number, constraint in enumerate(each(model, "Constraint"), 1):
        if constraint.getMath() is not None:
            name = constraint.getId() or number
            raise ModelError(
                f"constraints are outside the subset, and the file has '{name}'",
                where=f"{where}: constraint '{name}'",
                why="a model must stop where its constraint is broken, and that moment is not known beforehand",
                remedy="drop it and look at the results, or run this model in libRoadRunner",
            )


__all__ = ["RawModel", "Species", "read_sbml", "refuse_inconsistent"]
