"""Species and reactions: amounts are what reactions change, concentrations are what formulas read.

A species whose symbol means a concentration is held as its amount, ``S__amount``, and ``S`` is assigned
``S__amount / compartment``; so a compartment may grow, shrink or jump and dilution follows by itself. A species
that a rule sets is held as the rule says. Each reaction is an assigned variable, its rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from senospine.errors import ModelError
from senospine.model.expressions import Call, Expression, Name, Number, walk
from senospine.model.mathml import OTHER_TOOLS, MathReader, rewritten
from senospine.model.raw import RawModel, Species
from senospine.model.sbml_units import DeclaredUnits
from senospine.model.units import DIMENSIONLESS


@dataclass(frozen=True)
class Term:
    """One appearance of a species in a reaction: ``sign`` times ``stoichiometry`` times the reaction's rate."""

    species: str
    sign: float
    stoichiometry: Expression
    reaction: str


def each(owner: Any, kind: str) -> Iterator[Any]:
    """Yield what libSBML keeps in a list of ``owner``, for instance each ``"Parameter"``."""
    many = {"Species": "Species"}.get(kind, f"{kind}s")
    for index in range(getattr(owner, f"getNum{many}")()):
        yield getattr(owner, f"get{kind}")(index)


def read_reactions(raw: RawModel, model: Any, maths: MathReader, units: DeclaredUnits) -> list[Term]:
    """Make every reaction an assigned variable; return where species appear."""
    terms: list[Term] = []
    for reaction in each(model, "Reaction"):
        name, where = reaction.getId(), f"{raw.where}: reaction '{reaction.getId()}'"
        if reaction.isSetFast() and reaction.getFast():
            raise ModelError(
                f"reaction '{name}' is fast",
                where=where,
                why="fast reactions are in equilibrium at every moment, which no differential equation says",
                remedy="COPASI can run it; or give it a large rate constant",
            )
        law = reaction.getKineticLaw()
        members = list(_members(raw, reaction, where))
        if law is None or law.getMath() is None:
            raise ModelError(f"reaction '{name}' has no kinetic law", where=where, remedy="give it a rate")
        local = {}
        for item in [
            *each(law, "LocalParameter"),
            *(each(law, "Parameter") if not law.getNumLocalParameters() else ()),
        ]:
            inner = raw.free_name(f"{name}__{item.getId()}")
            local[item.getId()] = Name(inner)
            unit = units.unit(item.getUnits(), f"local parameter '{item.getId()}' of '{name}'")
            raw.place(inner, item.getValue() if item.isSetValue() else None, unit)
        raw.assignments[name] = maths.read(law.getMath(), where, local)
        rate_unit = units.reaction()
        if rate_unit is not None:
            raw.units[name] = rate_unit
        terms += members
    return terms


def _members(raw: RawModel, reaction: Any, where: str) -> Iterator[Term]:
    for kind, sign in (("Reactant", -1.0), ("Product", 1.0)):
        for item in each(reaction, kind):
            number = item.getStoichiometry() if item.isSetStoichiometry() else None
            if item.getId():
                raw.place(item.getId(), number, DIMENSIONLESS)
                yield Term(item.getSpecies(), sign, Name(item.getId()), reaction.getId())
            elif number is None:
                raise ModelError(
                    f"the stoichiometry of '{item.getSpecies()}' is not given",
                    where=where,
                    remedy="write a number; Level 3 has no default",
                )
            else:
                yield Term(item.getSpecies(), sign, Number(number), reaction.getId())


def read_species(raw: RawModel, model: Any, terms: list[Term], units: DeclaredUnits) -> None:
    """Make every species a state, an assigned variable or a constant, and record how to ask for it."""
    sizes = {item.getId(): _size(raw, item) for item in each(model, "Compartment")}
    for species in each(model, "Species"):
        name, compartment = species.getId(), species.getCompartment()
        if compartment not in sizes:
            raise ModelError(f"species '{name}' is in no compartment", where=raw.where, remedy="name one that exists")
        size, own = sizes[compartment], [item for item in terms if item.species == name]
        by_amount = bool(species.getHasOnlySubstanceUnits())
        moved = bool(own) and not species.getBoundaryCondition() and not species.getConstant()
        ruled = name in raw.rates or name in raw.assignments
        if moved and ruled:
            raise ModelError(
                f"species '{name}' is set by a rule and changed by reactions",
                where=raw.where,
                remedy="make it a boundary species, or drop the rule",
            )
        amount, concentration = _starts(raw, species, size)
        if ruled:
            raw.state(name, amount if by_amount else concentration) if name in raw.rates else None
            held = name
        else:
            held = _hold(raw, species, size, amount, concentration, moved)
            if moved:
                raw.rates[held] = _rate(own, species.getConversionFactor() or model.getConversionFactor())
        _units(raw, species, held, units, model)
        in_amount = Name(name) if by_amount else (_times(Name(name), size) if held == name else Name(held))
        raw.species[name] = Species(in_amount, _per(Name(name), size) if by_amount else Name(name))


def _size(raw: RawModel, compartment: Any) -> Expression:
    """Return the size of a compartment as a formula; one without dimensions and size is a plain 1."""
    name = compartment.getId()
    if compartment.getSpatialDimensionsAsDouble() == 0 and raw.parameters.get(name, 0.0) is None:
        return Number(1.0)
    return Name(name)


def _starts(raw: RawModel, species: Any, size: Expression) -> tuple[Expression | None, Expression | None]:
    """Return the amount and the concentration at the start, None where the file gives neither."""
    given = raw.given.get(species.getId())
    if given is not None:
        if species.getHasOnlySubstanceUnits():
            return given, _per(given, size)
        return _times(given, size), given
    if species.isSetInitialAmount():
        number: Expression = Number(species.getInitialAmount())
        return number, _per(number, size)
    if species.isSetInitialConcentration():
        number = Number(species.getInitialConcentration())
        return _times(number, size), number
    return None, None


def _hold(
    raw: RawModel, species: Any, size: Expression, amount: Expression | None, concentration: Expression | None,
    moved: bool,
) -> str:  # fmt: skip
    """Put a species that no rule sets into the model; return the name that holds it."""
    name, by_amount = str(species.getId()), bool(species.getHasOnlySubstanceUnits())
    changes = moved or name in raw.jumping
    steady_size = isinstance(size, Number) or (isinstance(size, Name) and raw.constant(size.id))
    if not changes and (by_amount or steady_size):
        _keep(raw, name, amount if by_amount else concentration)
        return name
    held = name if by_amount else raw.free_name(f"{name}__amount")
    if not by_amount:
        raw.assignments[name] = _per(Name(held), size)
    if changes:
        raw.state(held, amount)
    else:
        _keep(raw, held, amount)
    return held


def _keep(raw: RawModel, name: str, value: Expression | None) -> None:
    if value is None:
        raw.parameters[name] = None
        raw.optional.add(name)
    elif isinstance(value, Number):
        raw.parameters[name] = value.value
    else:
        raw.derived[name] = value


def _rate(terms: list[Term], factor: str) -> Expression:
    parts: list[Expression] = []
    for term in terms:
        part: Expression = Name(term.reaction)
        if term.stoichiometry != Number(1.0):
            part = Call("times", (term.stoichiometry, part))
        parts.append(Call("minus", (part,)) if term.sign < 0 else part)
    total = parts[0] if len(parts) == 1 else Call("plus", tuple(parts))
    return Call("times", (Name(factor), total)) if factor else total


def _units(raw: RawModel, species: Any, held: str, units: DeclaredUnits, model: Any) -> None:
    name, substance = species.getId(), units.substance(species)
    if substance is None:
        return
    raw.units[held] = substance
    if not species.getHasOnlySubstanceUnits():
        size = units.size(model.getCompartment(species.getCompartment()))
        raw.units.pop(name, None)
        if size is not None:
            raw.units[name] = substance / size


def _times(value: Expression, size: Expression) -> Expression:
    return value if isinstance(size, Number) else Call("times", (value, size))


def _per(value: Expression, size: Expression) -> Expression:
    return value if isinstance(size, Number) else Call("divide", (value, size))


def resolve_rates(raw: RawModel) -> None:
    """Replace every ``rateOf`` by the derivative it means; rates that are asked for become assigned variables."""
    tables = (raw.rates, raw.assignments, raw.derived, raw.initial)
    while todo := [(table, name) for table in tables for name, formula in table.items() if _asks_rate(formula)]:
        for table, name in todo:
            table[name] = without_rate_of(raw, table[name], f"{raw.where}: '{name}'")


def _asks_rate(formula: Expression) -> bool:
    return any(isinstance(part, Call) and part.operator == "rateOf" for part in walk(formula))


def without_rate_of(raw: RawModel, formula: Expression, where: str) -> Expression:
    """Return ``formula`` with each ``rateOf`` replaced by the derivative it means."""

    def rule(part: Expression) -> Expression | None:
        if isinstance(part, Call) and part.operator == "rateOf" and isinstance(part.arguments[0], Name):
            return _derivative(raw, part.arguments[0].id, where)
        return None

    return rewritten(formula, rule)


def _derivative(raw: RawModel, name: str, where: str) -> Expression:
    if name in raw.rates:
        return _named_rate(raw, name)
    if raw.constant(name):
        return Number(0.0)
    formula = raw.assignments.get(name)
    held = raw.species[name].amount if name in raw.species else None
    if isinstance(held, Name) and held.id != name:  # a concentration: its amount over its compartment
        change = _derivative(raw, held.id, where)
        if not isinstance(formula, Call):
            return change
        size = formula.arguments[1]
        growth = _derivative(raw, size.id, where) if isinstance(size, Name) else Number(0.0)
        if growth != Number(0.0):
            change = Call("minus", (change, Call("times", (Name(name), growth))))
        return Call("divide", (change, size))
    raise ModelError(
        f"rateOf('{name}') asks for the derivative of what no rate rule and no reaction changes",
        where=where,
        why="SBML allows rateOf only there",
        remedy=OTHER_TOOLS,
    )


def _named_rate(raw: RawModel, name: str) -> Expression:
    rate = raw.rates[name]
    if isinstance(rate, Number) or (isinstance(rate, Name) and rate.id in raw.named_rates):
        return rate
    label = raw.free_name(f"{name}__rate")
    raw.named_rates.add(label)
    raw.assignments[label] = rate
    raw.rates[name] = Name(label)
    if name in raw.units:
        raw.units[label] = raw.units[name] / raw.time_unit
    return raw.rates[name]
