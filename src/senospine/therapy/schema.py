"""What a drug file holds: names, doses and routes; by species kinetics, actions and transport; readings and gaps."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from senospine.errors import RegimenError, suggest
from senospine.therapy.rows import Described, Part, Row, Text, Word
from senospine.therapy.terms import COMPOSED

RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
DoseUnit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(/[A-Za-z]+)?$")]
Compartment = Literal["gut", "depot", "central", "intradiscal"]

#: where a dose goes if its route does not say
USUAL: dict[str, Compartment] = {
    "oral": "gut", "intravenous": "central", "subcutaneous": "depot", "intramuscular": "depot",
    "intradiscal": "intradiscal",
}  # fmt: skip


class Route(Part):
    """A way into the body: the state of a hand-written model, the compartment of a composed one that gets the dose."""

    target: Word | None = None
    into: Compartment | None = None


class Action(Part):
    """What a concentration does: the largest effect, the concentration of half of it, the steepness."""

    reads: Literal["free", "total", "disc"]
    max: Row
    half: Row
    hill: Row


class Drug(Described):
    """One drug: what it is called, how it is given, and by species what the body does with it and it with the body.

    Attributes
    ----------
    name, symbol, synonyms, source, species
        As of all that is :class:`~senospine.therapy.rows.Described`.
    kinetics, disc : mapping of species to mapping of name to Row
    actions : mapping of species to mapping of an input of the spine to Action
    readings : mapping of name to mapping of a row's path to Row
        Sets of values where the literature can be read in two ways; the path ``actions.human.endplate_kill.reads``
        takes a word in place of a row.
    gaps : tuple of str
        What was looked for and not found.
    """

    drug_class: Text = Field(alias="class")
    dose_units: dict[Word, DoseUnit]
    routes: dict[RouteName, Route] = Field(min_length=1)
    kinetics: dict[Word, dict[Word, Row]] = Field(default_factory=dict)
    actions: dict[Word, dict[Word, Action]] = Field(default_factory=dict)
    disc: dict[Word, dict[Word, Row]] = Field(default_factory=dict)
    readings: dict[Word, dict[Text, Row | str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_species_has_a_unit(self) -> Self:
        if set(self.species) != set(self.dose_units):
            raise ValueError("'species' and 'dose_units' must name the same species")
        return self

    def compartment(self, route: str) -> Compartment | None:
        """Return the compartment of the drug's own kinetics that a dose by ``route`` goes into; None if it is none."""
        return self.routes[route].into or USUAL.get(route)

    def target(self, route: str, species: str) -> str:
        """Return the state of a species' model that a dose by ``route`` goes into.

        Raises
        ------
        RegimenError
            The drug's file does not say which.
        """
        entry = self.routes[route]
        if species not in COMPOSED:
            if entry.target is None:
                raise RegimenError(
                    f"route '{route}' of {self.name} names no state of the {species} model",
                    where=self.where("routes", route),
                    remedy="add 'target: <state>' to the route",
                )
            return entry.target
        place = self.compartment(route)
        if place is None:
            raise RegimenError(
                f"route '{route}' of {self.name} does not say which compartment gets the dose",
                where=self.where("routes", route),
                remedy="add 'into: gut', 'into: depot', 'into: central' or 'into: intradiscal' to the route",
            )
        return f"{self.symbol}_{place}"

    def reading(self, name: str) -> Drug:
        """Return the drug as one of its readings has it.

        Raises
        ------
        RegimenError
            The file knows no such reading.
        """
        if name not in self.readings:
            raise RegimenError(
                f"{self.name} has no reading '{name}'",
                where=self.where("readings"),
                remedy=suggest(name, self.readings)
                if self.readings
                else "its file gives one reading only: leave it out",
            )
        data = self.model_dump(by_alias=True)
        places = dict(self._places)
        own = ("readings", name)
        for text, row in self.readings[name].items():
            path = tuple(text.split("."))
            parent = data
            for word in path[:-1]:
                parent = parent.setdefault(word, {})
            parent[path[-1]] = row if isinstance(row, str) else row.model_dump()
            places = {key: place for key, place in places.items() if key[: len(path)] != path}
            places[path] = self.where(*own, text)
            places |= {(*path, *key[3:]): place for key, place in self._places.items() if key[:3] == (*own, text)}
        return Drug.model_validate(data).located(places)
