"""Models by composition: a species' spine, and in it what each drug and procedure does, from their own files.

The text is written before the last ``end`` of the species' Antimony file: for each drug an instance of
``drug_kinetics.ant``, with numbers for the disc one of ``disc_transport.ant``, for each action one of
``drug_action.ant``, and the assignments that join them to the inputs of the spine. Every number of a drug becomes a row
of the register whose ``where`` is its line in the drug's file. A procedure brings a state for each share it takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from senospine.errors import RegimenError, suggest
from senospine.model import Model, Parameter, load_model, shipped_models
from senospine.model.loading import BIOLOGY, biology_texts, model_from_text, model_of, tables_of
from senospine.model.register import read_register, read_variables
from senospine.therapy.drug import load_drug
from senospine.therapy.joining import joined_inputs, unit_line
from senospine.therapy.listed import drug_variables, procedure_variables
from senospine.therapy.parts import DrugText, Spine, drug_text, procedure_text
from senospine.therapy.procedure import Procedure, load_procedure
from senospine.therapy.rows import Described
from senospine.therapy.schema import Drug
from senospine.therapy.terms import COMPOSED


def compose_model(
    species: str, drugs: Sequence[str | Drug] = (), *, readings: Mapping[str, str] | None = None,
    procedures: Sequence[str | Procedure] = (),
) -> Model:  # fmt: skip
    """Return the model of a species with the drugs that are given and the procedures that are done.

    Parameters
    ----------
    species : str
        ``human`` or ``dog``; the models of mice and of discs in culture hold their drugs already and come as they are.
    drugs : sequence of str or Drug
        Names, synonyms or drugs; their order does not matter.
    readings : mapping of str to str, optional
        For a drug whose numbers can be read in two ways, which of its file's readings is meant.
    procedures : sequence of str or Procedure
        Names, synonyms, paths or procedures. One that takes nothing, as a sham, changes nothing.

    Returns
    -------
    Model
        Its ``text`` is the Antimony text it was read from. Cost: half a second, once for the same drugs.

    Raises
    ------
    RegimenError
        An unknown drug or procedure, one without numbers in that species, or one that does what the species has no
        input for.

    Examples
    --------
    >>> compose_model("mouse", ["navitoclax"]).name
    'mouse'
    """
    if model_of(species) not in shipped_models():
        raise RegimenError(f"there is no model of species '{species}'", where="compose_model",
                           remedy=suggest(species, shipped_models()))  # fmt: skip
    chosen = _chosen(drugs, readings or {})
    done = _done(species, procedures)
    if species not in COMPOSED or not (chosen or done):
        return load_model(species)
    return _composed(species, chosen, done, biology_texts())


def _done(species: str, procedures: Sequence[str | Procedure]) -> tuple[Procedure, ...]:
    """Return each procedure that takes something once, by name."""
    read = {item if isinstance(item, Procedure) else load_procedure(item, "compose_model") for item in procedures}
    for item in read:
        if species not in item.species:
            raise RegimenError(f"{item.name} has no data for species '{species}'", where=item.where("species"),
                               why=f"nothing says what it takes in the {species} model",
                               remedy=f"it has data for {', '.join(item.species)}")  # fmt: skip
        if species not in COMPOSED and item.effects.get(species):
            raise RegimenError(f"{item.name} cannot be done in the {species} model",
                               where=item.where("effects", species),
                               why="that model is written by hand and has no nerve to cut",
                               remedy=f"procedures are for {' and '.join(COMPOSED)}")  # fmt: skip
    return tuple(sorted((item for item in read if item.effects.get(species)), key=lambda item: item.name))


def _chosen(drugs: Sequence[str | Drug], readings: Mapping[str, str]) -> tuple[Drug, ...]:
    """Return each drug once, by name, in the reading that is meant."""
    found = {
        drug.name: drug
        for drug in (item if isinstance(item, Drug) else load_drug(item, "compose_model") for item in drugs)
    }
    names = {
        load_drug(name, "compose_model").name if name not in found else name: reading
        for name, reading in readings.items()
    }
    for name, reading in names.items():
        if name not in found:
            raise RegimenError(f"a reading of {name}, which is not among the drugs", where="compose_model",
                               remedy=suggest(name, found) if found else "name the drug too")  # fmt: skip
        found[name] = found[name].reading(reading)
    return tuple(found[name] for name in sorted(found))


@lru_cache(maxsize=16)
def _composed(
    species: str, drugs: tuple[Drug, ...], procedures: tuple[Procedure, ...], texts: tuple[bytes, ...]
) -> Model:
    """Return the composed model, written anew only where a drug or a file of the biology has changed."""
    path = BIOLOGY / f"{species}.ant"
    register_path, variables_path = tables_of(species)
    register, variables = read_register(register_path), read_variables(variables_path)
    spine = Spine(species, path.read_text(encoding="utf-8"), frozenset(register), BIOLOGY)
    parts = [*(drug_text(drug, spine) for drug in drugs), *(procedure_text(item, spine) for item in procedures)]
    rows: dict[str, Parameter] = {}
    described: list[Described] = [*drugs, *procedures]
    for drug, part in zip(described, parts, strict=True):
        _refuse_taken(drug, part, spine, rows)
        rows |= part.rows
    acted = joined_inputs(parts, spine)
    register = {name: row for name, row in register.items() if name not in acted} | rows
    model = model_from_text(_text(spine, described, parts, acted), path, register, variables)
    found = variables | drug_variables(model, drugs) | procedure_variables(species, procedures)
    return replace(model, variables=MappingProxyType(found))


def _text(spine: Spine, drugs: Sequence[Described], parts: Sequence[DrugText], acted: Mapping[str, str]) -> str:
    """Return the whole text: imports, the spine without what drugs replace, then the drugs."""
    uses_disc = any(part.uses_disc for part in parts)
    body = spine.text
    head, end, tail = body.rpartition("\nend")
    has_drugs = any(isinstance(drug, Drug) for drug in drugs)
    imports = ["drug_kinetics.ant", "drug_action.ant"] * has_drugs + ["disc_transport.ant"] * uses_disc
    lines = [f'import "{name}"' for name in imports if f'"{name}"' not in body]
    lines.append(head)
    what = "drugs and procedures" if any(isinstance(drug, Procedure) for drug in drugs) else "drugs"
    lines.append(f"\n  // {what}: {', '.join(drug.name for drug in drugs)}")
    units = {name for part in parts for name in part.unit_names}
    lines += [unit_line(name) for name in sorted(units) if not re.search(rf"^\s*unit\s+{name}\s*=", head, re.M)]
    for part in parts:
        lines += part.lines
    lines += [f"  {name} := {formula};" for name, formula in acted.items()]
    return "\n".join(lines) + end + tail


def _refuse_taken(drug: Described, part: DrugText, spine: Spine, rows: Mapping[str, Parameter]) -> None:
    taken = sorted(name for name in part.rows if name in spine.rows or name in rows)
    if not taken and not re.search(rf"\b{drug.symbol}\s*:", spine.text):
        return
    raise RegimenError(
        f"the symbol '{drug.symbol}' of {drug.name} is taken in the {spine.species} model"
        + (f": '{taken[0]}' is there already" if taken else ""),
        where=drug.where("symbol"),
        remedy="give it another symbol",
    )
