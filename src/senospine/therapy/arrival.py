"""Where a dose goes in a species' model, how much of it in the model's unit, and how much later than it is given."""

from __future__ import annotations

from typing import NamedTuple

from senospine.errors import RegimenError
from senospine.therapy.possible import factor_to_mg
from senospine.therapy.schema import Drug
from senospine.therapy.terms import COMPOSED, DISC, KINETICS

#: numbers without which a dose into a compartment would rest on a default
_NEEDED = {
    "gut": ("absorption_rate", "bioavailability"),
    "depot": ("depot_absorption_rate", "depot_bioavailability"),
    "intradiscal": ("release_rate",),
}


class Arrival(NamedTuple):
    """State that gets a dose, its amount there in ``unit``, and how much later than it is given [day]."""

    target: str
    amount: float
    unit: str
    lag: float


def arrival(drug: Drug, route: str, species: str, amount: float, where: str) -> Arrival:
    """Return how a dose of ``amount``, in the unit the drug is dosed in, reaches the model.

    A dose per kilogram is multiplied by the weight the drug's kinetics are of. A lag holds for what is swallowed.

    Raises
    ------
    RegimenError
        The model is composed of drugs, and this one's file lacks kinetics or what the route needs.
    """
    target = drug.target(route, species)
    unit = drug.dose_units[species]
    if species not in COMPOSED:
        return Arrival(target, amount, unit, 0.0)
    rows = drug.kinetics.get(species)
    if rows is None:
        have = ", ".join(drug.kinetics) or "no species"
        raise RegimenError(
            f"{drug.name} has no kinetics in species '{species}'",
            where=where,
            why=f"the {species} model is composed of a study's drugs, and this one's file has kinetics of {have}",
            remedy=f"add 'kinetics: {{{species}: ...}}' to it ({drug.where()}), each number with its source",
        )
    compartment = target.removeprefix(f"{drug.symbol}_")
    section, has = ("disc", drug.disc.get(species, {})) if compartment == "intradiscal" else ("kinetics", rows)
    for name in _NEEDED.get(compartment, ()):
        if name not in has:
            meaning = (DISC if section == "disc" else KINETICS)[name].meaning
            raise RegimenError(
                f"{drug.name} cannot be given {route} in species '{species}': its file has no '{name}'",
                where=where,
                why=f"{meaning}: no default stands for it",
                remedy=f"add '{name}' to {section} of {species} ({drug.where(section, species)})",
            )
    weight = rows["reference_weight"].value * rows["reference_weight"].factor("kg") if unit.endswith("/kg") else 1.0
    factor = (factor_to_mg(unit) or 0.0) * weight
    milligrams = amount if factor == 1.0 else float(f"{amount * factor:.12g}")
    lag = rows["lag"].value * rows["lag"].factor("day") if "lag" in rows and compartment == "gut" else 0.0
    return Arrival(target, milligrams, "mg", lag)
