"""Subjects: species, animal models, people, and the differences between one and the next."""

from senospine.subjects.animals import AnimalModel, Switch, animal_model, animal_models, draw_parameters, draw_traits
from senospine.subjects.people import People, draw_people, draw_translation, sex_parameters, untreated_life

__all__ = [
    "AnimalModel",
    "People",
    "Switch",
    "animal_model",
    "animal_models",
    "draw_parameters",
    "draw_people",
    "draw_traits",
    "draw_translation",
    "sex_parameters",
    "untreated_life",
]
