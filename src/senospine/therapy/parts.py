"""What a drug or a procedure brings into a composed text: instances of modules, assignments, register rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from senospine.errors import RegimenError, suggest
from senospine.model import Parameter
from senospine.therapy.joining import UNITS
from senospine.therapy.procedure import Procedure
from senospine.therapy.schema import Action, Drug
from senospine.therapy.terms import ACTIONS, DISC, KINETICS, PROCEDURE, ZONES, Term, action_terms, action_unit

#: what an instance of DrugKinetics hands out, in its order; molar_mass for the depot in the disc
HANDED = (
    "gut", "transit", "central", "peripheral", "depot", "concentration", "free_concentration", "molar_mass",
)  # fmt: skip
#: the spine's instance of the disc's geometry, which every drug in the disc reads
_GEOMETRY = "disc_geometry"


@dataclass(frozen=True)
class Spine:
    """A species' text and the names of its register's rows."""

    species: str
    text: str
    rows: frozenset[str]
    folder: Path

    def ports(self, module: str, name: str) -> list[str]:
        """Return the parameter list of a module."""
        text = (self.folder / f"{module}.ant").read_text(encoding="utf-8")
        found = re.search(rf"^model {name}\(([^)]*)\)", text, re.M)
        return [word.strip() for word in found[1].split(",")] if found else []

    def transport_line(self, symbol: str) -> str:
        """Return the instance of transport of one drug, joined to its plasma and to the geometry by name."""
        shape = set(self.ports("disc_geometry", "DiscGeometry"))
        names = []
        for port in self.ports("disc_transport", "DiscTransport"):
            if port in shape:
                names.append(f"{_GEOMETRY}_{port}")
            elif port in {"free_concentration", "molar_mass", "intradiscal"}:
                names.append(f"{symbol}_{port}")
            else:
                names.append(f"{symbol}_disc_{port}")
        return f"  {symbol}_disc: DiscTransport({', '.join(names)});"


@dataclass
class DrugText:
    """Lines, register rows and effects of one drug or procedure."""

    lines: list[str] = field(default_factory=list)
    rows: dict[str, Parameter] = field(default_factory=dict)
    effects: list[tuple[str, str]] = field(default_factory=list)
    unit_names: set[str] = field(default_factory=set)
    uses_disc: bool = False

    def declare(self, name: str, unit: str) -> None:
        """Declare a unit after the modules: a second declaration before them would cut the link."""
        self.unit_names.add(UNITS[unit][0])
        self.lines.append(f"  {name} has {UNITS[unit][0]};")


def drug_text(drug: Drug, spine: Spine) -> DrugText:
    """Return what a drug brings into the model of a species.

    Raises
    ------
    RegimenError
        The file has no kinetics there, or an action the spine has no input for.
    """
    symbol, species = drug.symbol, spine.species
    if species not in drug.kinetics:
        raise RegimenError(
            f"{drug.name} has no kinetics in species '{species}'",
            where=drug.where("kinetics"),
            why=f"the {species} model is composed of drugs whose files say what the body does with them",
            remedy=f"add 'kinetics: {{{species}: ...}}' to the file, each number with its source",
        )
    part = DrugText()
    names = ", ".join(f"{symbol}_{name}" for name in HANDED)
    part.lines.append(f"  {symbol}: DrugKinetics({names}, body_weight);")
    _add_rows(part, drug, "kinetics", KINETICS, symbol, spine, leave_out="lag")
    if species in drug.disc:
        part.uses_disc = True
        part.lines.append(spine.transport_line(symbol))
        _add_rows(part, drug, "disc", DISC, f"{symbol}_disc", spine)
    for name, action in drug.actions.get(species, {}).items():
        _add_action(part, drug, name, action, spine)
    return part


def procedure_text(procedure: Procedure, spine: Spine) -> DrugText:
    """Return what a procedure brings: for each effect a state that jumps when it is done and falls back by itself.

    Raises
    ------
    RegimenError
        The spine has no input for an effect.
    """
    part = DrugText()
    for name, given in procedure.effects.get(spine.species, {}).items():
        place = ("effects", spine.species, name)
        if name not in spine.rows:
            raise RegimenError(
                f"'{name}' of {procedure.name}: the {spine.species} model has no input '{name}'",
                where=procedure.where(*place), remedy=f"leave the effect out for {spine.species}",
            )  # fmt: skip
        state = procedure.state(name)
        half_time = procedure.row_name(name, "regrowth_half_time")
        part.lines += [f"  {state}' = -ln(2) / {half_time} * {state};", f"  {state} = 0;"]
        part.declare(state, "fold")
        for number, term in PROCEDURE.items():
            row, key = given.get(number) or term.default(), procedure.row_name(name, number)
            meaning = f"{procedure.name}: {term.meaning}"
            part.rows[key] = row.parameter(key, term.unit, spine.species, meaning, procedure.where(*place, number))
            part.declare(key, term.unit)
        part.effects.append((name, state))
    return part


def _add_rows(
    part: DrugText, drug: Drug, section: str, terms: Mapping[str, Term], prefix: str, spine: Spine, leave_out: str = ""
) -> None:
    given = getattr(drug, section)[spine.species]
    for name, term in terms.items():
        if name != leave_out:
            row = given.get(name) or term.default()
            where = drug.where(section, spine.species, name)
            meaning = f"{drug.name}: {term.meaning}"
            part.rows[f"{prefix}_{name}"] = row.parameter(f"{prefix}_{name}", term.unit, spine.species, meaning, where)


def _add_action(part: DrugText, drug: Drug, name: str, action: Action, spine: Spine) -> None:
    """Write one instance, or one for each zone of the disc that the action reads; the numbers are shared."""
    prefix, unit = f"{drug.symbol}_{name}", action_unit(name)
    rows = {"max": action.max, "half": action.half, "hill": action.hill}
    for word, term in action_terms(name).items():
        where = drug.where("actions", spine.species, name, word)
        meaning = f"{drug.name}: {term.meaning}"
        part.rows[f"{prefix}_{word}"] = rows[word].parameter(
            f"{prefix}_{word}", term.unit, spine.species, meaning, where
        )
    for target in ACTIONS[name]:
        if target not in spine.rows:
            raise RegimenError(
                f"'{name}' of {drug.name}: the {spine.species} model has no input '{target}'",
                where=drug.where("actions", spine.species, name),
                remedy=f"{suggest(name, spine.rows & set(ACTIONS))}; or leave the action out for {spine.species}",
            )
    numbers = ", ".join(f"{prefix}_{word}" for word in rows)
    effects = {}
    for target in ACTIONS[name]:
        read = _read(drug.symbol, action.reads, target)
        if read not in effects:
            effects[read] = f"{drug.symbol}_{target}_effect" if action.reads == "disc" else f"{prefix}_effect"
            curve = effects[read].removesuffix("effect") + "curve"
            part.lines.append(f"  {curve}: DrugAction({effects[read]}, {read}, {numbers});")
            part.declare(effects[read], unit)
        part.effects.append((target, effects[read]))
    for word, term in action_terms(name).items():
        part.declare(f"{prefix}_{word}", term.unit)


def _read(symbol: str, reads: str, target: str) -> str:
    if reads == "disc":
        return f"{symbol}_disc_zone_{target[-1]}" if target in ZONES else f"{symbol}_disc_mean"
    return f"{symbol}_{'free_' if reads == 'free' else ''}concentration"
