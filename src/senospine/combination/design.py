"""From two names to a factorial experiment: doses, route, schedule, animals, and the moment of reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import Readout, readout
from senospine.engine import Schedule
from senospine.errors import SenospineError, StudyError, suggest
from senospine.model import Model, load_model
from senospine.study import load_study, published_studies
from senospine.subjects import AnimalModel, animal_model
from senospine.therapy import dose_table, load_drug, parse_moment, parse_regimen, parse_span

Array = NDArray[np.float64]

#: what is done where nothing is said: animal, healthy control, route, schedule, moment of reading
USUAL = {
    ("mouse", "sparc-null"): ("young", "oral", "weekly for 8 weeks from month 7 after birth", "day 270 after birth"),
    ("mouse", "lsi"): (
        "sham", "oral", "daily for 7 days every 21 days, 2 cycles, from week 4 after surgery", "week 8 after surgery",
    ),
    ("mouse", "aged"): (
        "young", "oral", "daily for 7 days every 21 days, 2 cycles, from month 23 after birth", "month 24 after birth",
    ),
    ("human_disc", "whole-disc"): ("", "intradiscal", "once at day 5 after birth", "day 33 after birth"),
}  # fmt: skip
FIRST_ANIMAL = {"mouse": "sparc-null", "human_disc": "whole-disc"}
AGE_AT_SURGERY = "3 months"


@dataclass(frozen=True)
class Design:
    """A factorial experiment of two drugs.

    Attributes
    ----------
    drugs : tuple of str
    doses_a, doses_b : ndarray
        Levels of the grid, rising from zero [``units``].
    more_a, more_b : ndarray
        Further doses of each drug alone, for the inverse of its curve.
    animal, healthy : AnimalModel, AnimalModel or None
    times : tuple of ndarray
        Of each drug's doses [day].
    targets : tuple of str
        The states that receive them.
    anchors : mapping of str to float
    """

    species: str
    model: Model
    readout: Readout
    drugs: tuple[str, str]
    units: tuple[str, str]
    doses_a: Array
    doses_b: Array
    more_a: Array
    more_b: Array
    animal: AnimalModel
    healthy: AnimalModel | None
    times: tuple[Array, Array]
    targets: tuple[str, str]
    anchors: dict[str, float]
    measure_day: float
    schedule: str
    measure_at: str

    def cells(self) -> Array:
        """Return every pair of doses: the grid row by row, then each drug alone at more doses, shape (n, 2)."""
        a, b = np.meshgrid(self.doses_a, self.doses_b, indexing="ij")
        grid = np.stack([a.ravel(), b.ravel()], axis=1)
        alone = [np.column_stack([self.more_a, 0 * self.more_a]), np.column_stack([0 * self.more_b, self.more_b])]
        return np.vstack([grid, *alone])

    def entries(self, doses: Array, ill: NDArray[np.bool_]) -> Schedule:
        """Return the schedule of subjects with ``doses`` (n, 2), of which some are ill and some healthy."""
        columns: list[tuple[float, str, str, Array]] = []
        for model, mine in ((self.animal, ill), (self.healthy, ~ill)):
            for switch in model.switches if model else ():
                before = self.model.parameters[switch.parameter]
                amount = np.where(mine, switch.to, before)
                columns.append((self.anchors[switch.at], "switch", switch.parameter, amount))
        for drug in (0, 1):
            columns += [(float(t), "bolus", self.targets[drug], doses[:, drug]) for t in self.times[drug]]
        if not columns:
            return Schedule.shared([])
        return Schedule.from_columns(
            time=[c[0] for c in columns], kind=[c[1] for c in columns], target=[c[2] for c in columns],
            amount=np.stack([np.asarray(c[3], dtype=float) for c in columns], axis=1),
        )  # fmt: skip


def plan(
    drug_a: str, drug_b: str, measured: str, *, species: str = "mouse", animal: str | None = None,
    schedule: str | None = None, measure_at: str | None = None, top_a: str | None = None, top_b: str | None = None,
    levels: int = 5, model: Model | None = None,
) -> Design:  # fmt: skip
    """Return the factorial experiment of two drugs on one read-out.

    Parameters
    ----------
    drug_a, drug_b : str
        Names or synonyms; the same twice is a sham combination.
    measured : str
        A read-out.
    species, animal, schedule, measure_at : str, optional
        As in a study file; of an animal in :data:`USUAL` the rest may be left out.
    top_a, top_b : str, optional
        Largest dose with its unit; the largest that a shipped study gives, by default.
    levels : int
        Of each drug, without zero: even steps up to the top.
    model : Model, optional
        In place of the species' own, for instance one composed with the two drugs.

    Raises
    ------
    RegimenError, StudyError, UnitError
        An unknown drug, read-out, animal or species, a schedule that cannot be read, fewer than three levels.
    """
    drugs = tuple(load_drug(name) for name in (drug_a, drug_b))
    assay = readout(measured)
    if species not in FIRST_ANIMAL and model is None:
        raise StudyError(f"no combinations in species '{species}'", remedy=suggest(species, FIRST_ANIMAL))
    model = load_model(species) if model is None else model
    missing = [name for name in assay.needs if name not in model.outputs]
    if missing:
        raise StudyError(
            f"read-out '{measured}' needs '{missing[0]}', which {species} has not", remedy="choose another"
        )
    named = animal or FIRST_ANIMAL.get(species)
    ill = animal_model(named, species) if named else AnimalModel("untouched", species, "as it is", False, ())
    usual = USUAL.get((species, ill.name))
    if usual is None and (schedule is None or measure_at is None):
        raise StudyError(
            f"nothing is usual for animals '{ill.name}'", remedy="give --schedule and --measure-at as in a study file"
        )
    healthy, route, given, moment = usual or ("young" if species == "mouse" else "", "oral", "", "")
    given, moment = schedule or given, measure_at or moment
    if levels < 3:
        raise StudyError(
            f"{levels} levels of each drug are no surface", remedy="ask for three or more; 5 is the default"
        )
    tops = [top or _largest(drug.name, species) for drug, top in zip(drugs, (top_a, top_b), strict=True)]
    regimens = [parse_regimen(f"{drug.name} {top} {route} {given}") for drug, top in zip(drugs, tops, strict=True)]
    anchors = {"birth": 0.0, "surgery": parse_span(AGE_AT_SURGERY, "age")} if ill.surgery else {"birth": 0.0}
    tables = [dose_table([regimen], anchors, species=species) for regimen in regimens]
    days, anchor = parse_moment(moment)
    if anchor not in anchors:
        raise StudyError(f"animals '{ill.name}' have no {anchor}", remedy=f"count from: {', '.join(anchors)}")
    last = max(float(table["time"].max()) for table in tables)
    if anchors[anchor] + days <= last:
        raise StudyError("the reading is not after the last dose", remedy="read later, or dose earlier")
    steps = np.linspace(0, 1, levels + 1)
    more = np.concatenate([np.arange(levels + 1, 2 * levels + 1) / levels, [3, 4, 6, 8]])
    amounts = [float(table["amount"].iloc[0]) for table in tables]
    return Design(
        species, model, assay, (drugs[0].name, drugs[1].name), tuple(str(t["unit"].iloc[0]) for t in tables),  # type: ignore[arg-type]
        amounts[0] * steps, amounts[1] * steps, amounts[0] * more, amounts[1] * more, ill,
        animal_model(healthy, species) if healthy else None,
        tuple(table["time"].to_numpy() for table in tables),  # type: ignore[arg-type]
        tuple(str(table["target"].iloc[0]) for table in tables), anchors, anchors[anchor] + days, given, moment,  # type: ignore[arg-type]
    )  # fmt: skip


def _largest(drug: str, species: str) -> str:
    """Return the largest dose of a drug in the shipped studies of a species, with its unit."""
    found: Sequence[tuple[float, str]] = [
        (regimen.dose, regimen.unit)
        for name in published_studies()
        for study in [load_study(name)]
        if study.species == species
        for arm in study.arms
        for regimen in arm.regimens
        if regimen.drug == drug
    ]
    if not found:
        raise _no_dose(drug, species)
    dose, unit = max(found)
    return f"{dose:g} {unit}"


def _no_dose(drug: str, species: str) -> SenospineError:
    return StudyError(
        f"no shipped study gives {drug} to species '{species}'", remedy="say the largest dose: --top-a or --top-b"
    )
