"""A person whose spine has aged untreated until enrolment, and the doses that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from senospine.engine import Entry
from senospine.errors import RegimenError
from senospine.model import Model
from senospine.therapy import Regimen, dose_table, load_drug, parse_regimen

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Patient:
    """Who is treated.

    Parameters
    ----------
    age : float
        At enrolment [years].
    degeneration : float
        What the disc's degeneration nears, 0 none, 1 severe.
    """

    age: float = 60.0
    degeneration: float = 0.5

    def __post_init__(self) -> None:
        if not 18 <= self.age <= 100:
            raise RegimenError(f"a patient of {self.age:g} years", remedy="give an age from 18 to 100 years")
        if not 0 <= self.degeneration <= 2:
            raise RegimenError(
                f"a degeneration of {self.degeneration:g}", remedy="give a number from 0 (none) over 1 (severe) to 2"
            )

    @property
    def enrolled(self) -> float:
        """The day of life of enrolment."""
        return self.age * DAYS_PER_YEAR

    @property
    def parameters(self) -> dict[str, float]:
        """What of the human model says who it is."""
        return {"degeneration_load": self.degeneration}


def regimen_of(drug: str, text: str) -> Regimen:
    """Return a regimen written with or without the drug's name, and from enrolment where it does not say from when.

    Raises
    ------
    RegimenError, UnitError
        As :func:`senospine.therapy.parse_regimen`.

    Examples
    --------
    >>> regimen_of("navitoclax", "150 mg oral daily for 7 days").text()
    'navitoclax 150 mg oral daily for 7 days from day 0 after enrolment'
    """
    known = load_drug(drug)
    words = text.strip()
    if words.split(" ")[0].casefold() not in {name.casefold() for name in (known.name, *known.synonyms)}:
        words = f"{known.name} {words}"
    if not {"from", "at"} & set(words.casefold().split()):
        words += " from day 0 after enrolment"
    regimen = parse_regimen(words)
    if load_drug(regimen.drug).name != known.name:
        raise RegimenError(f"the regimen is of {regimen.drug}, not of {known.name}", remedy="name one drug")
    return regimen


def entries_of(regimens: Sequence[Regimen], patient: Patient, species: str = "human") -> list[Entry]:
    """Return the doses as entries of a schedule that counts days of life."""
    table = dose_table(regimens, {"birth": 0.0, "enrolment": patient.enrolled}, species=species)
    return [
        Entry(float(time), "bolus", str(target), float(amount))
        for time, target, amount in zip(table["time"], table["target"], table["amount"], strict=True)
    ]


def refuse_volume(model: Model, patient: Patient, litres: float, drug: str) -> None:
    """Raise a RegimenError if more is injected than the disc holds, pi r^2 h of the patient's narrowed disc."""
    import numpy as np

    from senospine.engine import compile_model

    if not litres > 0:
        raise RegimenError(f"an injected volume of {litres * 1e3:g} mL", remedy="give more than nothing")
    name = "disc_geometry_disc_volume"
    kernel = compile_model(model, [name])
    times = np.array([patient.enrolled])
    held = float(kernel.solve(patient.parameters, times=times, n_subjects=1)[name][0, 0])
    if litres > held:
        raise RegimenError(
            f"{litres * 1e3:.3g} mL of {drug} into a disc of {held * 1e3:.3g} mL",
            where="injected volume",
            why="the disc is pi times its radius squared times its height; no more can be put into it than it holds",
            remedy="discs are injected with 0.2 to 2 mL",
        )
