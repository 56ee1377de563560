"""Draws for a prediction: what the posterior leaves open in mice, and what stays open when it is carried over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from senospine.calibration.fit import chosen_parameters
from senospine.calibration.posterior import SHIPPED_POSTERIOR, Posterior, shipped_posterior
from senospine.calibration.priors import Priors
from senospine.errors import CalibrationError, suggest
from senospine.model import Model, ParameterDraws, load_model
from senospine.model.links import CARRIED, TRANSLATION
from senospine.randomness import stream
from senospine.subjects import animal_models, draw_translation

Doubt = Literal["gains", "translation", "priors"]
#: what is drawn anew in each world: the posterior's gains, how they carry over to people, the priors of the rest
DOUBTS: tuple[Doubt, ...] = ("gains", "translation", "priors")
DEFAULT_WORLDS = 50
#: animals that a world needs, so that differences between them can be told
IN_A_WORLD = 10


def worlds_for(animals: int, worlds: int = DEFAULT_WORLDS, in_a_world: int = IN_A_WORLD) -> int:
    """Return how many worlds so many animals can fill: as asked for, or fewer; two at least."""
    return max(2, min(worlds, animals // in_a_world))


def posterior_draws(
    posterior: Posterior, model: Model, worlds: int = DEFAULT_WORLDS, *, seed: int,
    doubt: Collection[Doubt] = DOUBTS,
) -> ParameterDraws:  # fmt: skip
    """Return draws of a model's parameters for predictions, each set one possible world.

    Parameters
    ----------
    posterior : Posterior
        Of the mouse.
    model : Model
        The mouse's, which takes the posterior as it is. A model of people takes from it the gains that it carries over
        (``mouse_*``), the multipliers that carry them over from their priors, and all else that is not fixed from the
        priors of its own register. Any other species has its priors alone: nothing was fitted to it.
    worlds, seed : int
    doubt : collection of {'gains', 'translation', 'priors'}
        What is drawn: what is left out stays at its middle, gains at the posterior's medians, multipliers at one, the
        rest at the register's values. Of the mouse only the gains count.

    Raises
    ------
    CalibrationError
        The posterior was made with another model, or nothing is left to draw.
    """
    mouse = model if model.name == "mouse" else load_model("mouse")
    posterior.refuse_stale(mouse)
    for word in doubt:
        if word not in DOUBTS:
            raise CalibrationError(f"unknown kind of doubt '{word}'", remedy=suggest(word, DOUBTS))
    gains = posterior.parameter_draws(worlds, seed)
    if "gains" not in doubt:
        middle = posterior.parameter_draws(len(posterior.draws), seed)
        gains = {name: np.full(worlds, np.median(column)) for name, column in middle.items()}
    if model is mouse:
        found, source = gains, "posterior"
    else:
        found = {CARRIED + name: column for name, column in gains.items() if CARRIED + name in model.parameters}
        if found:
            found |= draw_translation(model, worlds, seed, translation="translation" in doubt)
        if "priors" in doubt:
            found |= _priors(model, worlds, seed)
        source = "posterior of the mouse, carried over; priors of the rest" if "priors" in doubt else "posterior"
        source = source if any(name.startswith(CARRIED) for name in found) else "priors"
    if all(np.ptp(column) == 0 for column in found.values()):
        raise CalibrationError(
            f"nothing is left to draw for model '{model.name}'",
            remedy="name more of gains, translation, priors; or take --parameters fit",
        )
    return ParameterDraws(found, source)


def _priors(model: Model, worlds: int, seed: int) -> dict[str, np.ndarray]:
    """Return draws from the register's priors of what is neither carried over nor given by whom a trial takes."""
    given = {trait.parameter for kind in animal_models(model.name).values() for trait in kind.traits}
    left = [name for name in model.parameters if name.startswith((CARRIED, TRANSLATION)) or name in given]
    priors = Priors.of(model, fixed=left)
    return priors.values(stream(seed, f"priors/{model.name}").standard_normal((worlds, len(priors.rows))))


def chosen_values(
    choice: str, model: Model, worlds: int = DEFAULT_WORLDS, *, seed: int, doubt: Collection[Doubt] = DOUBTS
) -> ParameterDraws | Mapping[str, float]:
    """Return what a word chooses: ``posterior``, ``fit``, ``register``, or the file of a fit or a posterior.

    Raises
    ------
    CalibrationError
        It was made with another model.
    FileError
        The file holds neither a fit nor a posterior.
    """
    if choice == "posterior":
        return posterior_draws(shipped_posterior(), model, worlds, seed=seed, doubt=doubt)
    if Path(choice).suffix == ".npz":
        return posterior_draws(Posterior.load(choice), model, worlds, seed=seed, doubt=doubt)
    return chosen_parameters(choice, model)


def default_choice() -> str:
    """Return the word for what predictions take when nothing is said: the posterior, where one is shipped."""
    return "posterior" if SHIPPED_POSTERIOR.exists() else "fit"
