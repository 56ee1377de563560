"""Subjects: species, animal models, people, and the differences between one and the next."""

from senospine.subjects.animals import (
    AnimalModel,
    Switch,
    Trait,
    animal_model,
    animal_models,
    draw_parameters,
    draw_traits,
    own_traits,
)
from senospine.subjects.people import People, draw_doubt, draw_people, draw_translation, sex_parameters, untreated_life

__all__ = [
    "AnimalModel",
    "People",
    "Switch",
    "Trait",
    "animal_model",
    "animal_models",
    "draw_doubt",
    "draw_parameters",
    "draw_people",
    "draw_traits",
    "draw_translation",
    "own_traits",
    "sex_parameters",
    "untreated_life",
]
