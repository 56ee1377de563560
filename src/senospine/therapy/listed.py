"""What the variables that drugs and procedures bring are called, and how large they typically are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from senospine.model import Model, Variable
from senospine.model.units import unit_of_text
from senospine.therapy.procedure import Procedure
from senospine.therapy.schema import Drug

if TYPE_CHECKING:
    from senospine.model.units import Unit

_WORDS = {
    "gut": "in the gut", "transit": "between gut and blood", "central": "in blood and what it shares with at once",
    "peripheral": "in tissue", "depot": "under the skin or in muscle", "intradiscal": "in a depot in the disc",
    "concentration": "in plasma", "free_concentration": "in plasma, not bound to protein",
    "elimination": "eliminated in a day",
}  # fmt: skip
_UNITS = ("mg", "umol/L", "1/day", "mg/day", "fold", "mm", "L", "mg/umol", "umol/L/day", "mm/day")


def drug_variables(model: Model, drugs: Sequence[Drug]) -> dict[str, Variable]:
    """Return a row for every variable of a composed model that belongs to one of its drugs.

    A scale is what the absolute tolerance of a state is a share of: here the amount, or the concentration, at which the
    drug's most sensitive action is half; without actions that of 1 umol/L.
    """
    found = {}
    for drug in drugs:
        concentration, free = _typical(model, drug)
        amount = concentration * _value(model, drug, "volume_central") * _value(model, drug, "molar_mass")
        for name, unit in _named(model, drug):
            of_disc = name.startswith(f"{drug.symbol}_disc_") or name == f"{drug.symbol}_free_concentration"
            scale = {"mg": amount, "mg/day": amount, "umol/L": free if of_disc else concentration}.get(unit, 1.0)
            kind = "state" if name in model.states else "output"
            found[name] = Variable(
                name, _label(drug, name), unit, kind, "drug", _rounded(scale),
                drug.where("kinetics", _species(model)),
            )  # fmt: skip
    return found


def procedure_variables(species: str, procedures: Sequence[Procedure]) -> dict[str, Variable]:
    """Return a row for every state that procedures bring into the model of a species."""
    return {
        item.state(effect): Variable(
            item.state(effect), f"{item.name}: {effect.replace('_', ' ')}, taken", "fold", "state", "procedure", 1.0,
            item.where("effects", species, effect),
        )
        for item in procedures for effect in item.effects.get(species, {})
    }  # fmt: skip


def _named(model: Model, drug: Drug) -> Iterator[tuple[str, str]]:
    """Yield states, concentrations and effects of a drug with their units; the workings inside its modules stay out."""
    plain = {f"{drug.symbol}_{word}" for word in _WORDS}
    for name in model.outputs:
        inside = name.startswith(f"{drug.symbol}_") and name not in model.variables
        shown = name in plain or name in model.states or name.endswith("_effect") or "_disc_zone_" in name
        if inside and (shown or name in {f"{drug.symbol}_disc_{word}" for word in ("centre", "mean")}):
            yield name, _unit_text(model.units[name])


def _typical(model: Model, drug: Drug) -> tuple[float, float]:
    """Return total and free concentration [umol/L] of half the most sensitive action."""
    unbound = _value(model, drug, "unbound_fraction")
    halves = [
        model.parameters[f"{drug.symbol}_{name}_half"] / (1.0 if action.reads == "total" else unbound)
        for name, action in drug.actions.get(_species(model), {}).items()
    ]
    total = min(halves, default=1.0)
    return total, total * unbound


def _species(model: Model) -> str:
    return model.path.stem


def _value(model: Model, drug: Drug, name: str) -> float:
    return float(model.parameters[f"{drug.symbol}_{name}"])


def _rounded(scale: float) -> float:
    return float(f"{scale:.1g}")


def _unit_text(unit: Unit) -> str:
    return next(text for text in _UNITS if unit_of_text(text).same(unit))


def _label(drug: Drug, name: str) -> str:
    word = name.removeprefix(f"{drug.symbol}_")
    if word in _WORDS:
        return f"{drug.name} {_WORDS[word]}"
    return f"{drug.name}: {word.removesuffix('_effect').replace('_', ' ')}"
