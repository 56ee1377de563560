"""Units as SBML declares them: definitions, and what a model says for all its species and compartments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from senospine.errors import ModelError
from senospine.model.units import DIMENSIONLESS, KINDS, Unit, kind

#: factors beyond this cannot be multiplied a few times in double precision; no unit of nature needs them
_LARGEST = 1e60


@dataclass(frozen=True)
class DeclaredUnits:
    """The units of one SBML model, by the name they are used under."""

    definitions: dict[str, Unit]
    model: Any
    where: str

    @classmethod
    def of(cls, model: Any, where: str) -> DeclaredUnits:
        """Return what ``model`` declares; a definition without a meaning is refused."""
        return cls(dict(_definitions(model, where)), model, where)

    def unit(self, name: str, owner: str = "") -> Unit | None:
        """Return the unit called ``name``, None for no name."""
        if not name:
            return None
        if name in self.definitions:
            return self.definitions[name]
        if name in KINDS:
            return kind(name)
        raise ModelError(
            f"unknown unit '{name}'{f' of {owner}' if owner else ''}",
            where=self.where,
            remedy="define it inside the model block that uses it",
        )

    def time(self) -> Unit | None:
        """Return the unit of time."""
        return self.unit(self.model.getTimeUnits(), "time")

    def substance(self, species: Any) -> Unit | None:
        """Return the unit of a species' amount."""
        name = species.getSubstanceUnits() or self.model.getSubstanceUnits()
        return self.unit(name, f"species '{species.getId()}'")

    def size(self, compartment: Any) -> Unit | None:
        """Return the unit of a compartment's size: its own, or the model's for its number of dimensions."""
        dimensions = compartment.getSpatialDimensionsAsDouble()
        model = self.model
        common = {3.0: model.getVolumeUnits(), 2.0: model.getAreaUnits(), 1.0: model.getLengthUnits()}
        if dimensions == 0.0:
            return DIMENSIONLESS
        name = compartment.getUnits() or common.get(dimensions, "")
        return self.unit(name, f"compartment '{compartment.getId()}'")

    def reaction(self) -> Unit | None:
        """Return the unit of every reaction's rate: extent per time."""
        extent, time = self.unit(self.model.getExtentUnits(), "reactions"), self.time()
        return None if extent is None or time is None else extent / time


def _definitions(model: Any, where: str) -> Iterator[tuple[str, Unit]]:
    for number in range(model.getNumUnitDefinitions()):
        definition = model.getUnitDefinition(number)
        if not definition.getNumUnits():
            raise ModelError(
                f"unit '{definition.getId()}' is declared without a meaning",
                where=where,
                why="libAntimony leaves a unit empty when its definition stands outside the model block that uses it",
                remedy="define the unit inside the model block, for instance 'unit day = 86400 second;'",
            )
        result = DIMENSIONLESS
        for index in range(definition.getNumUnits()):
            result = result * _part(definition.getUnit(index), definition.getId(), where)
        yield definition.getId(), result


def _part(part: Any, owner: str, where: str) -> Unit:
    base = kind(_kind_name(part, where))
    try:
        factor = base.factor * part.getMultiplier() * 10.0 ** part.getScale()
        exponent = Fraction(part.getExponentAsDouble()).limit_denominator(1000)
        result = Unit(base.exponents, factor).power(exponent) if factor > 0 else None
        if result is not None and 1 / _LARGEST < result.factor < _LARGEST:
            return result
    except (ArithmeticError, ValueError):
        pass
    raise ModelError(
        f"unit '{owner}' is too large, or not a positive number",
        where=where,
        remedy="look at its multiplier and exponent",
    )


def _kind_name(part: Any, where: str) -> str:
    import libsbml

    name = str(libsbml.UnitKind_toString(part.getKind()))
    name = {"liter": "litre", "meter": "metre"}.get(name, name)
    if name not in KINDS:
        raise ModelError(f"unit kind '{name}' is not read", where=where, remedy=f"use {', '.join(KINDS)}")
    return name
