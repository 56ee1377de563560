"""What makes a drug's numbers impossible or doubtful, and where in its file that stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log

import numpy as np

from senospine.errors import Finding, UnitError, suggest
from senospine.quantities import conversion
from senospine.therapy.rows import Described, Row
from senospine.therapy.schema import Drug
from senospine.therapy.terms import ACTIONS, COMPOSED, DISC, KINETICS, Term, action_terms
from senospine.therapy.two_compartments import terminal_half_life, with_intrinsic

SHORTEST_DAYS = 1 / 86400  # a second
LONGEST_DAYS = 3652.5  # ten years


def drug_findings(drug: Drug) -> Iterator[Finding]:
    """Yield everything that is impossible or doubtful in a drug's file, in the order of the file's sections."""
    found = list(_one_reading(drug))
    yield from found
    if any(finding.severity == "error" for finding in found):
        return
    for name in drug.readings:
        yield from _reading(drug, name)


def _one_reading(drug: Drug) -> Iterator[Finding]:
    for section in ("kinetics", "actions", "disc"):
        for species in getattr(drug, section):
            if species not in COMPOSED:
                yield error_at(
                    drug, (section, species), f"'{section}' of species '{species}'",
                    f"{suggest(species, COMPOSED)}; the mouse's numbers stand in its register",
                )  # fmt: skip
            elif species not in drug.species:
                yield error_at(
                    drug, (section, species), f"'{section}' of {species}, which 'species' does not name",
                    f"add {species} to 'species' and 'dose_units'",
                )  # fmt: skip
    for species, rows in drug.kinetics.items():
        problems = list(row_findings(drug, ("kinetics", species), rows, KINETICS))
        yield from problems or _kinetics(drug, species, rows)
    for species, rows in drug.disc.items():
        yield from row_findings(drug, ("disc", species), rows, DISC)
    yield from _actions(drug)
    for species in drug.dose_units.keys() & set(COMPOSED):
        if factor_to_mg(drug.dose_units[species]) is None:
            yield error_at(
                drug, ("dose_units", species), f"dose unit '{drug.dose_units[species]}' of {species} is no mass",
                "write mg, or mg/kg",
            )  # fmt: skip


def row_findings(
    drug: Described, place: tuple[str, ...], rows: Mapping[str, Row], terms: Mapping[str, Term]
) -> Iterator[Finding]:
    """Yield what is impossible in the numbers at a place of a file, and which are unknown or missing."""
    for name in rows:
        if name not in terms:
            yield error_at(drug, (*place, name), f"unknown number '{name}'", suggest(name, terms))
    for name, term in terms.items():
        if name in rows:
            yield from _row(drug, (*place, name), rows[name], term)
        elif term.neutral is None:
            yield error_at(
                drug, place, f"'{'.'.join((*place, name))}' is missing: {term.meaning}",
                f"add it in {term.unit}, with a source or as an assumption with its reason",
            )  # fmt: skip


def _row(drug: Described, place: tuple[str, ...], row: Row, term: Term) -> Iterator[Finding]:
    label = ".".join(place)
    for what, remedy in row.problems(place[-1]):
        yield error_at(drug, place, what, remedy)
    try:
        factor = row.factor(term.unit)
    except UnitError as error:
        yield error_at(drug, (*place, "unit"), f"'{label}': {error.what}" + (f"; {error.why}" if error.why else ""),
                     error.remedy or "")  # fmt: skip
        return
    for end, value in (("value", row.value), ("low", row.low), ("high", row.high)):
        if value is None:
            continue
        number = value * factor
        if number > term.most or number < term.least or (number == term.least and not term.zero):
            least = f"{'at least' if term.zero else 'above'} {term.least:g}"
            most = "" if term.most == float("inf") else f" and at most {term.most:g}"
            yield error_at(
                drug, (*place, end), f"'{label}': {end} of {value:g} {row.unit} is impossible",
                f"{term.meaning} is {least}{most} {term.unit}",
            )  # fmt: skip


def _kinetics(drug: Drug, species: str, rows: Mapping[str, Row]) -> Iterator[Finding]:
    value = {name: rows[name].value * rows[name].factor(term.unit) if name in rows else term.neutral or 0.0
             for name, term in KINETICS.items()}  # fmt: skip
    saturable = value["saturable_elimination_max"] / (value["saturable_half_concentration"] * value["molar_mass"])
    if value["clearance"] + saturable <= 0:
        yield error_at(
            drug, ("kinetics", species), f"{drug.name} is never eliminated in {species}",
            "give a clearance, or saturable_elimination_max and saturable_half_concentration",
        )  # fmt: skip
        return
    days = float(terminal_half_life(with_intrinsic({name: np.asarray(each) for name, each in value.items()})))
    first = (
        log(2) * value["volume_central"] / (value["clearance"] + saturable)
    )  # before anything comes back from tissue
    days = first if first < SHORTEST_DAYS else days
    if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        told = f"{days * 86400:.2g} seconds" if days < 1 else f"{days / 365.25:.3g} years"
        yield error_at(
            drug, ("kinetics", species), f"the numbers give a half-life of {told}, which is impossible",
            "check the units of volumes and clearances: believable is from a second to ten years",
        )  # fmt: skip
    together = value["bioavailability"] * value["food_effect"]
    if together > 1 and value["bioavailability"] != 1:  # 1 says that clearance and volumes are apparent ones
        yield Finding(
            "warning", drug.where("kinetics", species, "food_effect"),
            f"bioavailability times food effect is {together:.3g}: with food more is taken up than was swallowed",
            "lower one of them, or give the bioavailability of the fed and a food effect below 1",
        )  # fmt: skip
    if value["volume_peripheral"] != 1.0 and value["intercompartmental_clearance"] == 0:
        yield Finding(
            "warning", drug.where("kinetics", species, "volume_peripheral"),
            "a peripheral volume that nothing flows into", "give intercompartmental_clearance too, or neither",
        )  # fmt: skip


def _actions(drug: Drug) -> Iterator[Finding]:
    for species, actions in drug.actions.items():
        if actions and species not in drug.kinetics:
            yield error_at(drug, ("actions", species), f"actions of {species}, but no kinetics: nothing to read",
                         f"add kinetics of {species}")  # fmt: skip
        for name, action in actions.items():
            place = ("actions", species, name)
            if name not in ACTIONS:
                yield error_at(drug, place, f"unknown action '{name}'", suggest(name, ACTIONS))
                continue
            if action.reads == "disc" and species not in drug.disc:
                yield error_at(
                    drug, (*place, "reads"), f"'{name}' reads the disc, but 'disc' has no transport of {species}",
                    "add the numbers of transport in the disc, or read free or total plasma",
                )  # fmt: skip
            rows = {"max": action.max, "half": action.half, "hill": action.hill}
            yield from row_findings(drug, place, rows, action_terms(name))
        both = [name for name in actions if name != "disc_kill" and name.startswith("disc_kill")]
        if "disc_kill" in actions and both:
            yield error_at(drug, ("actions", species, both[0]), f"'{both[0]}' and 'disc_kill' both kill there",
                         "disc_kill stands for all four zones: keep one of the two")  # fmt: skip


def _reading(drug: Drug, name: str) -> Iterator[Finding]:
    for text, row in drug.readings[name].items():
        path = tuple(text.split("."))
        known = (path[0] in {"kinetics", "disc"} and len(path) == 3) or (path[0] == "actions" and len(path) == 4)
        parts = getattr(drug, path[0]).get(path[1], {}) if known else {}
        parents = {"actions": path[2:3]}.get(path[0], ())
        if not known or (path[0] == "actions" and parents[0] not in parts):
            yield error_at(
                drug, ("readings", name, text), f"reading '{name}': '{text}' is no number of this file",
                "write for instance kinetics.human.clearance or actions.human.endplate_kill.half",
            )  # fmt: skip
            return
        if isinstance(row, str) != (path[-1] == "reads"):
            yield error_at(drug, ("readings", name, text), f"reading '{name}': '{text}' has the wrong form",
                         "give a word for 'reads', and value, unit and source for a number")  # fmt: skip
            return
    try:
        changed = drug.reading(name)
    except ValueError as error:
        yield error_at(
            drug, ("readings", name), f"reading '{name}' cannot be read: {error}", "compare with the main rows"
        )
        return
    before = {(finding.where, finding.what) for finding in _one_reading(drug)}
    yield from (finding for finding in _one_reading(changed) if (finding.where, finding.what) not in before)


def factor_to_mg(unit: str) -> float | None:
    """Return the factor from a dose unit, of mass or of mass per kg, to mg or mg/kg; None if it is neither."""
    mass, *rest = unit.split("/")
    if mass == "mg" and rest in ([], ["kg"]):
        return 1.0  # the usual case, without loading the library of units
    try:
        return conversion(mass, "mg", what="dose") if rest in ([], ["kg"]) else None
    except UnitError:
        return None


def error_at(drug: Described, key: tuple[str, ...], what: str, remedy: str) -> Finding:
    """Return an error at a key of a file."""
    return Finding("error", drug.where(*key), what, remedy)
