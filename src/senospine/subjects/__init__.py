"""Subjects: species, animal models, and the differences between one animal and the next."""

from senospine.subjects.animals import AnimalModel, Switch, animal_model, animal_models, draw_parameters, draw_traits

__all__ = ["AnimalModel", "Switch", "animal_model", "animal_models", "draw_parameters", "draw_traits"]
