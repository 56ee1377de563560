"""Subjects: species, animal models, and the differences between one animal and the next."""

from senospine.subjects.animals import AnimalModel, animal_model, animal_models, draw_parameters, draw_traits

__all__ = ["AnimalModel", "animal_model", "animal_models", "draw_parameters", "draw_traits"]
