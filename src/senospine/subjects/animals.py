"""Animals: what was done to them, and how they differ from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
class AnimalModel:
    """A way to make an animal ill, or a control for it."""

    name: str
    species: str
    meaning: str
    surgery: bool
    switches: tuple[Switch, ...]


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
            )
            for name, row in _data().get(species, {}).items()
        }
    )


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(Path(__file__).parent / "animal_models.yaml").data
    return data


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
    model: Model, subjects: int, seed: int, first: int = 0, centres: Mapping[str, float] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the parameters in which animals differ, each of shape (subjects,), and those that ``centres`` replaces.

    Log-normal around the register's value, or that of ``centres``, as median, with the register's between-animal
    coefficient of variation. Animal ``i`` is the same animal in every arm, so arms are counterfactuals of one another.
    """
    varied = [
        name
        for name in sorted(model.parameters)
        if name in model.register and model.register[name].between_animal_cv > 0
    ]
    z = standard_normals(seed, "animal parameters", subjects, len(varied), first)
    values = {**model.parameters, **(centres or {})}
    replaced = {name: np.full(subjects, float(value)) for name, value in (centres or {}).items()}
    return replaced | {
        name: values[name] * np.exp(np.sqrt(np.log1p(model.register[name].between_animal_cv ** 2)) * z[:, index])
        for index, name in enumerate(varied)
    }


def draw_traits(names: Sequence[str], subjects: int, seed: int, first: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return standard normals per trait, shape (subjects,): lasting differences that assays act on."""
    z = standard_normals(seed, "animal traits", subjects, len(names), first)
    return {name: z[:, index] for index, name in enumerate(names)}
