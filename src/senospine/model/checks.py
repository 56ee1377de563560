"""What is wrong with a model's names, units and sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from senospine.errors import Finding, ModelError, suggest
from senospine.model.expressions import Call, Expression, Number, names, text
from senospine.model.units import UnitClash, unit_of, unit_of_text

if TYPE_CHECKING:
    from senospine.model.model import Model


def formulas_of(model: Model) -> Iterator[tuple[str, str, Expression]]:
    """Yield every formula with the name it is of and, in words, what it is of it."""
    for key, value in model.rates.items():
        yield key, "rate of", value
    for key, value in model.assignments.items():
        yield key, "assignment to", value
    for key, value in model.initial.items():
        yield key, "initial value of", value
    for key, value in model.derived.items():
        yield key, "initial assignment to", value
    for event in model.events:
        for item in event.assigned:
            value = item.value if item.factor is None else Call("times", (item.value, item.factor))
            yield item.state, f"assignment of event '{event.id}' to", value


def refuse_unknown_names(model: Model) -> None:
    """Refuse a formula that reads what is not defined."""
    known = {*model.outputs, *model.constants}
    for key, words, formula in formulas_of(model):
        for name in sorted(names(formula) - known):
            raise ModelError(
                f"{words} '{key}' reads '{name}', which is not defined",
                where=model.where(key),
                remedy=suggest(name, known),
            )


def check_units(model: Model) -> Iterator[Finding]:
    """Yield missing units and clashes between units."""
    units = dict(model.units)
    for name in (*model.outputs, *model.constants):
        if name not in units:
            yield Finding("error", model.where(name), f"'{name}' has no unit", f"declare it: '{name} has day;'")
    for key, words, formula in formulas_of(model):
        if key not in units or isinstance(formula, Number):  # a state's plain initial number is in the state's unit
            continue
        expected = units[key] / model.time_unit if words == "rate of" else units[key]
        try:
            found = unit_of(formula, units, model.time_unit)
        except (UnitClash, ArithmeticError) as clash:
            yield Finding(
                "error", model.where(key), f"units clash in the {words} '{key}': {clash}", "correct the formula"
            )
            continue
        if not found.same(expected):
            yield Finding(
                "error",
                model.where(key),
                f"the {words} '{key}' has unit {found}, it should be {expected}: {text(formula)}",
                "correct the formula, or the unit it is declared with",
            )


def check_provenance(model: Model) -> Iterator[Finding]:
    """Yield parameters without a source, and rows of the register that do not fit the model."""
    for name in model.parameters:
        row = model.register.get(name)
        if row is None:
            yield Finding(
                "warning", model.where(name), f"parameter '{name}' has no source", "give the model a register"
            )
        elif name in model.units and not unit_of_text(row.unit).same(model.units[name]):
            yield Finding(
                "error",
                row.where,
                f"'{name}' is registered in {row.unit}, the model declares {model.units[name]} ({model.where(name)})",
                "convert the value, or correct one of the units",
            )
    for name, row in model.register.items():
        if name not in model.parameters:
            yield Finding(
                "warning", row.where, f"'{name}' is registered but the model does not use it", "remove the row"
            )
    for name, variable in model.variables.items():
        if name in model.units and not unit_of_text(variable.unit).same(model.units[name]):
            yield Finding(
                "error",
                variable.where,
                f"'{name}' is listed in {variable.unit}, the model says {model.units[name]}",
                "",
            )
