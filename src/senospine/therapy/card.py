"""A drug's card: every number with where it comes from, what follows from them, and what rests on assumptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from senospine.errors import RegimenError, suggest
from senospine.model import Parameter
from senospine.model.loading import BIOLOGY
from senospine.model.register import read_register
from senospine.therapy.derived import Derived, derived_numbers, derived_of_register
from senospine.therapy.rows import Row
from senospine.therapy.schema import Action, Drug
from senospine.therapy.terms import COMPOSED, DISC, KINETICS, action_terms

#: numbers that scale a body and say nothing of a drug's exposure in a body of reference weight
_SCALES = frozenset({"reference_weight", "molar_mass", "clearance_exponent", "volume_exponent"})


@dataclass(frozen=True)
class CardRow:
    """One number of a card; ``section`` is kinetics, disc, register, or the action it belongs to."""

    section: str
    name: str
    row: Row
    meaning: str
    where: str


@dataclass(frozen=True)
class Conclusion:
    """What a drug does, and how much of what decides its size is assumed.

    Attributes
    ----------
    action : str
        The input of the spine that moves.
    reads : str
        ``total`` or ``free`` plasma, or free drug in the ``disc``.
    numbers : int
        How many numbers decide it: of the dose's way to where it is read, and of the action itself.
    assumed : tuple of str
        Those that rest on an assumption.
    """

    action: str
    reads: str
    numbers: int
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """All there is to know of a drug in a species.

    Attributes
    ----------
    reading : str or None
        Which of the file's readings the numbers are of; None is the file's own.
    dose, every : float
        Dose [mg] and interval [day] that ``derived`` tells peak and average of.
    """

    drug: Drug
    species: str
    reading: str | None
    dose: float
    every: float
    rows: tuple[CardRow, ...]
    derived: tuple[Derived, ...]
    conclusions: tuple[Conclusion, ...]

    @property
    def assumed(self) -> int:
        """How many of the numbers are assumptions."""
        return sum(item.row.assumed for item in self.rows)


def drug_card(
    drug: Drug, species: str | None = None, *, dose: float | None = None, every: float | None = None,
    reading: str | None = None,
) -> Card:  # fmt: skip
    """Return the card of a drug in a species.

    Parameters
    ----------
    species : str, optional
        The human if the drug's file has kinetics there, else the first species it names.
    dose, every : float, optional
        Dose [mg] and interval [day]; 100 mg a day by mouth, 10 mg in 56 days under the skin.
    reading : str, optional
        A reading of the file to take the numbers of.

    Raises
    ------
    RegimenError
        The file does not name that species or reading.

    Examples
    --------
    >>> from senospine.therapy import load_drug
    >>> card = drug_card(load_drug("tanezumab"))
    >>> card.species, card.derived[0].name
    ('human', 'half-life')
    """
    chosen = species or ("human" if "human" in drug.kinetics else drug.species[0])
    if chosen not in drug.species:
        raise RegimenError(
            f"{drug.name} has no numbers in species '{chosen}'",
            where=drug.where("species"),
            remedy=suggest(chosen, drug.species),
        )
    shown = drug.reading(reading) if reading else drug
    if chosen not in COMPOSED:
        rows = tuple(_of_register(drug, chosen))
        return Card(drug, chosen, reading, dose or 0.0, every or 0.0, rows, derived_of_register(drug.symbol, {
            item.name: item.row for item in rows}), ())  # fmt: skip
    by_mouth = "absorption_rate" in shown.kinetics.get(chosen, {})
    dose, every = dose or (100.0 if by_mouth else 10.0), every or (1.0 if by_mouth else 56.0)
    return Card(
        shown, chosen, reading, dose, every, tuple(_of_file(shown, chosen)),
        derived_numbers(shown, chosen, dose, every), tuple(_conclusions(shown, chosen)),
    )  # fmt: skip


def _of_register(drug: Drug, species: str) -> Iterator[CardRow]:
    """Yield the rows of a hand-written model's register that carry the drug's symbol."""
    for name, entry in read_register(BIOLOGY / "parameters.csv").items():
        if name.startswith(f"{drug.symbol}_") and entry.species == species:
            yield CardRow("register", name, _row(entry), entry.meaning, entry.where)


def _row(entry: Parameter) -> Row:
    return Row(
        value=entry.value, unit=entry.unit, prior=entry.prior, low=entry.low, high=entry.high,
        cv=entry.between_animal_cv, source=entry.source, doi=entry.doi, how_obtained=entry.how_obtained,
        confidence=entry.confidence, reason=entry.reason,
    )  # fmt: skip


def _of_file(drug: Drug, species: str) -> Iterator[CardRow]:
    for section, terms in (("kinetics", KINETICS), ("disc", DISC)):
        rows = getattr(drug, section).get(species, {})
        for name in (name for name in terms if name in rows):
            yield CardRow(section, name, rows[name], terms[name].meaning, drug.where(section, species, name))
    for action, entry in drug.actions.get(species, {}).items():
        terms = action_terms(action)
        for name, row in _numbers(entry).items():
            yield CardRow(action, name, row, terms[name].meaning, drug.where("actions", species, action, name))


def _numbers(action: Action) -> dict[str, Row]:
    return {"max": action.max, "half": action.half, "hill": action.hill}


def _conclusions(drug: Drug, species: str) -> Iterator[Conclusion]:
    kinetics = {name: row for name, row in drug.kinetics.get(species, {}).items() if name not in _SCALES}
    for name, action in drug.actions.get(species, {}).items():
        way = {key: row for key, row in kinetics.items() if action.reads != "total" or key != "unbound_fraction"}
        if action.reads == "disc":
            way |= drug.disc.get(species, {})
        deciding = {**way, **_numbers(action)}
        yield Conclusion(name, action.reads, len(deciding), tuple(key for key, row in deciding.items() if row.assumed))
