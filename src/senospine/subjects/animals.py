"""Animals: what was done to them, and how they differ from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import StudyError, suggest
from senospine.model import Model
from senospine.randomness import standard_normals
from senospine.yaml_files import read_yaml


@dataclass(frozen=True)
class Switch:
    """A parameter of the model set ``to`` a value, from birth, surgery or enrolment on."""

    parameter: str
    to: float
    at: Literal["birth", "surgery", "enrolment"]


@dataclass(frozen=True)
class Trait:
    """A parameter that is distributed otherwise in these subjects than the register says: log-normal, cut off below.

    Attributes
    ----------
    parameter : str
    median, at_least : float
        In the parameter's unit, of those before the cut-off; ``at_least`` is whom a trial lets in.
    cv : float
        Coefficient of variation before the cut-off.
    source, reason : str
        A citation or the word ``assumption``, and why these numbers.
    """

    parameter: str
    median: float
    cv: float
    at_least: float
    source: str
    reason: str


@dataclass(frozen=True)
class AnimalModel:
    """A way to make an animal ill, or a control for it; of people, whom a trial takes."""

    name: str
    species: str
    meaning: str
    surgery: bool
    switches: tuple[Switch, ...]
    traits: tuple[Trait, ...] = ()


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(Path(__file__).parent / "animal_models.yaml").data
    return data


@cache
def animal_models(species: str) -> Mapping[str, AnimalModel]:
    """Return the animal models of a species; empty if there are none."""
    return MappingProxyType(
        {
            name: AnimalModel(
                name,
                species,
                row["meaning"],
                row["surgery"],
                tuple(Switch(item["parameter"], float(item["to"]), item["at"]) for item in row["switches"]),
                tuple(Trait(**item) for item in row.get("traits", ())),
            )
            for name, row in _data().get(species, {}).items()
        }
    )


def animal_model(name: str, species: str, where: str | None = None) -> AnimalModel:
    """Return one animal model.

    Raises
    ------
    StudyError
        The species has no such model.
    """
    known = animal_models(species)
    if not known:
        raise StudyError(
            f"there are no animal models of species '{species}'",
            where=where,
            remedy=f"known species: {', '.join(_data())}",
        )
    if name not in known:
        raise StudyError(f"species '{species}' has no animal model '{name}'", where=where, remedy=suggest(name, known))
    return known[name]


def draw_parameters(
    model: Model, subjects: int, seed: int, first: int = 0, centres: Mapping[str, ArrayLike] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the parameters in which animals differ, each of shape (subjects,), and those that ``centres`` replaces.

    Log-normal around the register's value, or that of ``centres``, as median, with the register's between-animal
    coefficient of variation. Animal ``i`` is the same animal in every arm, so arms are counterfactuals of one another.
    A centre of shape (subjects,) gives each animal one of its own: that of the world it lives in.
    """
    varied = [
        name
        for name in sorted(model.parameters)
        if name in model.register and model.register[name].between_animal_cv > 0
    ]
    z = standard_normals(seed, "animal parameters", subjects, len(varied), first)
    values = {**model.parameters, **(centres or {})}
    replaced = {
        name: np.array(np.broadcast_to(np.asarray(value, dtype=float), (subjects,)))
        for name, value in (centres or {}).items()
    }
    return replaced | {
        name: values[name] * np.exp(np.sqrt(np.log1p(model.register[name].between_animal_cv ** 2)) * z[:, index])
        for index, name in enumerate(varied)
    }


def own_traits(
    model: Model, kind: AnimalModel, drawn: Mapping[str, NDArray[np.float64]],
    centres: Mapping[str, ArrayLike] | None = None,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return the parameters in which subjects of this kind are distributed otherwise, each of shape (subjects,).

    Subject ``i`` keeps its place: who stands at a tenth of all under the register stands at a tenth of those let in.

    Parameters
    ----------
    drawn : mapping
        What :func:`draw_parameters` returned.
    centres : mapping, optional
        What it drew around, in place of the register's values.
    """
    from scipy.special import ndtr, ndtri  # slow to import

    found = {}
    for trait in kind.traits:
        row = model.register[trait.parameter]
        middle = np.asarray((centres or {}).get(trait.parameter, row.value))
        place = ndtr(np.log(drawn[trait.parameter] / middle) / np.sqrt(np.log1p(row.between_animal_cv**2)))
        spread = float(np.sqrt(np.log1p(trait.cv**2)))
        turned_away = ndtr(np.log(trait.at_least / trait.median) / spread) if trait.at_least > 0 else 0.0
        own = trait.median * np.exp(spread * ndtri(turned_away + (1 - turned_away) * place))
        found[trait.parameter] = np.asarray(np.maximum(own, trait.at_least))
    return found


def draw_traits(names: Sequence[str], subjects: int, seed: int, first: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return standard normals per trait, shape (subjects,): lasting differences that assays act on."""
    z = standard_normals(seed, "animal traits", subjects, len(names), first)
    return {name: z[:, index] for index, name in enumerate(names)}
