"""What a read-out is, and the shapes that many share.

An assay has two parts. ``expected`` is the animal's own true value: a function of the mechanism's outputs and
of lasting traits of the animal. ``measure`` adds the noise of measuring once. Traits are standard normals that
belong to the animal, so the read-outs of one animal are drawn jointly. All noise is fixed beforehand in
``parameters.csv``, with sources; nothing here is fitted to a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senospine.errors import RegisterError
from senospine.model import Parameter, read_register

Array = NDArray[np.float64]
States = Mapping[str, Array]
Traits = Mapping[str, Array]
Expected = Callable[[States, Traits], Array]
Noise = Callable[[Array, np.random.Generator], Array]

#: lasting differences between animals; one standard normal each
TRAITS = (
    "cells", "bone", "stain", "mrna", "protein", "touch", "heat", "running", "disc", "cold", "axial", "cord", "blood",
    "score",
)  # fmt: skip


@dataclass(frozen=True)
class Readout:
    """One thing that is measured.

    Attributes
    ----------
    name, label, unit : str
    definition : str
        Definition id: what exactly is measured, so that values of different definitions are never mixed.
    needs : tuple of str
        Model outputs it is computed from.
    worse : {'up', 'down'}
        Which way disease moves it, for the naive rule.
    as_fold : bool
        Reported as fold of the control group's mean.
    species : tuple of str
        Whose: an outcome of another species cannot be read with it.
    course : bool
        Read over a course of treatment and not at one moment: outputs come as (subjects, times), with their ``time``
        [day since the first dose, (times,)] among them; the first is the moment before it.
    """

    name: str
    label: str
    unit: str
    definition: str
    needs: tuple[str, ...]
    worse: Literal["up", "down"]
    as_fold: bool
    _expected: Expected
    _noise: Noise
    species: tuple[str, ...] = ("mouse",)
    course: bool = False

    def expected(self, states: States, traits: Traits) -> Array:
        """Return each animal's true value, in ``unit``; arrays broadcast."""
        return self._expected(states, traits)

    def measure(self, expected: Array, generator: np.random.Generator) -> Array:
        """Return one measurement of each animal, in ``unit``."""
        return self._noise(expected, generator)


@cache
def assay_register() -> Mapping[str, Parameter]:
    """Return the register of assay parameters."""
    return MappingProxyType(read_register(Path(__file__).parent / "parameters.csv"))


@cache
def human_assay_register() -> Mapping[str, Parameter]:
    """Return the register of assays in people, apart from the mouse's so that neither makes the other stale."""
    register = read_register(Path(__file__).parent / "parameters-human.csv")
    for name in register:
        if name in assay_register():
            raise RegisterError(f"'{name}' is also a parameter of the mouse's assays", where=register[name].where)
    return MappingProxyType(register)


def value_of(name: str) -> float:
    """Return a registered value, of the mouse's assays or of people's."""
    mouse = assay_register()
    return mouse[name].value if name in mouse else human_assay_register()[name].value


def log_sd(name: str) -> float:
    """Return the log-normal SD of a registered coefficient of variation."""
    return float(np.sqrt(np.log1p(value_of(name) ** 2)))


def lasting(trait: str, cv: str, share: float = 1.0) -> Callable[[Traits], Array]:
    """Return the animal's own factor, log-normal with a registered CV of which it carries a share."""
    return lambda z: np.asarray(np.exp(share * log_sd(cv) * z[trait]))


def log_normal_noise(cv: str) -> Noise:
    """Return the noise of a value measured with a registered CV."""
    return lambda expected, generator: expected * np.exp(log_sd(cv) * generator.standard_normal(expected.shape))


def no_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Add nothing: what is published was derived from many measurements, not from one."""
    return expected


def stain(output: str, trait: str = "stain") -> Expected:
    """Return a mean staining intensity, of which a share is background in the young."""
    own = lasting(trait, "stain_trait_cv")

    def expected(y: States, z: Traits) -> Array:
        background = value_of("stain_background")
        return np.asarray((background + (1 - background) * y[output]) * own(z))

    return expected


def level(output: str, trait: str) -> Expected:
    """Return a level that follows an output, with the animal's own factor."""
    return lambda y, z: np.asarray(y[output] * lasting(trait, f"{trait}_trait_cv")(z))


def percent_of_odds(odds: Array) -> Array:
    """Return odds in per cent: what acts on odds never leaves 0 to 100 %."""
    return np.asarray(100 * odds / (1 + odds))


def graded(highest: str, sd: str) -> Noise:
    """Return the noise of a grader: the score seen with a registered SD, rounded to a grade between 0 and the top."""

    def noise(expected: Array, generator: np.random.Generator) -> Array:
        seen = expected + value_of(sd) * generator.standard_normal(expected.shape)
        return np.clip(np.round(seen), 0, value_of(highest))

    return noise
