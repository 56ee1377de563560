"""Rival cores of senescence: what each says about removal in young and old mice and about the rise between them.

All count the burden in units of the half-saturation constant kappa. ``rate`` is beta/kappa, ``critical_age`` is
beta/eta of Karin 2019 (10.1038/s41467-019-13192-4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.fokker_planck import edges_to, solve_density

Array = NDArray[np.float64]

#: ages of the two pulses [day], months of 30.4375 days
AGES = (3 * 30.4375, 22 * 30.4375)
#: critical ages that fit survival: males 468 d, females 874 d (Raz 2026, 10.1038/s43587-026-01138-7)
SURVIVAL_RANGE = (468.0, 874.0)
#: death threshold over kappa, 17 / 1.1 (Karin 2019)
DEADLY_BURDEN = 17 / 1.1
#: far above any burden of the cores that do not die
_HIGHEST = 600.0


@dataclass(frozen=True)
class Core:
    """One hypothesis on how a burden is bounded.

    Attributes
    ----------
    ranges : mapping of parameter to (low, high)
        What the parameter may be; log-uniform, ``background`` uniform.
    meaning : str
        What bounds the burden of an old mouse.
    noise, deadly : bool
        Whether the burden diffuses; whether animals at :data:`DEADLY_BURDEN` die and are not measured.
    """

    name: str
    meaning: str
    ranges: Mapping[str, tuple[float, float]]
    noise: bool = False
    deadly: bool = False


@dataclass(frozen=True)
class Predicted:
    """What a core says of the two ages; each of shape (n_subjects,).

    Attributes
    ----------
    removal_young, removal_old : numpy.ndarray
        Mean over animals alive of the removal rate per senescent cell, beta/(kappa + X) [1/day].
    relaxation_young, relaxation_old : numpy.ndarray
        Mean over animals alive of the rate at which a small excess over the burden goes, minus the slope of
        production less removal [1/day]; the other way to read a pulse.
    young, old : numpy.ndarray
        Mean burden [kappa].
    alive : numpy.ndarray
        Share alive at the older age.
    """

    removal_young: Array
    removal_old: Array
    relaxation_young: Array
    relaxation_old: Array
    young: Array
    old: Array
    alive: Array

    def rise(self, background: Array | float) -> Array:
        """Return the rise a stain shows that has ``background`` [kappa] in animals of any age."""
        return (self.old + background) / (self.young + background)


_RATE, _NOISE = (0.05, 1.0), (0.03, 0.5)
_BASE = {"rate": _RATE, "critical_age": SURVIVAL_RANGE}


def cores() -> Mapping[str, Core]:
    """Return the rival cores by name."""
    rows = [
        Core("unbounded", "nothing: no noise, no cap, critical age as survival allows", _BASE),
        Core("shifted", "a critical age beyond what survival allows", {"rate": _RATE, "critical_age": (874.0, 2500.0)}),
        Core("noise", "noise", {**_BASE, "diffusion": _NOISE}, noise=True),
        Core("noise and death", "noise, and death of animals with the most", {**_BASE, "diffusion": _NOISE},
             noise=True, deadly=True),
        Core("capped", "a capacity of 10-40 kappa", {**_BASE, "capacity": (10.0, 40.0)}),
        Core("capped, immunity ages", "a capacity; removal falls with age by itself as well",
             {**_BASE, "capacity": (10.0, 40.0), "immune_decline": (1e-4, 3.5e-3)}),
    ]  # fmt: skip
    return MappingProxyType({row.name: row for row in rows})


def predict(core: Core, parameters: Mapping[str, Array]) -> Predicted:
    """Return what ``core`` says for each set of ``parameters``, each of shape (n_subjects,).

    Examples
    --------
    >>> said = predict(cores()["capped"], {"rate": np.array([0.245]), "critical_age": np.array([800.0]),
    ...                                    "capacity": np.array([20.0])})
    >>> said.removal_young.round(2), said.removal_old.round(2)
    (array([0.22]), array([0.07]))
    """
    return _noisy(core, parameters) if core.noise else _noise_free(parameters)


def _noise_free(parameters: Mapping[str, Array]) -> Predicted:
    from scipy.integrate import solve_ivp

    rate, critical = parameters["rate"], parameters["critical_age"]
    capacity = parameters.get("capacity", np.full_like(rate, np.inf))
    decline = parameters.get("immune_decline", np.zeros_like(rate))

    def clearing(age: float) -> Array:
        return np.asarray(rate * np.exp(-decline * max(age - AGES[0], 0.0)))

    def change(age: float, burden: Array) -> Array:
        production = rate * age / critical * (1 - burden / capacity)
        return np.asarray(production - clearing(age) * burden / (1 + burden))

    found = solve_ivp(change, (0, AGES[1]), np.zeros_like(rate), "RK45", AGES, rtol=1e-6, atol=1e-9).y.T
    removal = [clearing(age) / (1 + burden) for age, burden in zip(AGES, found, strict=True)]
    relaxation = [
        clearing(age) / (1 + burden) ** 2 + rate * age / critical / capacity
        for age, burden in zip(AGES, found, strict=True)
    ]
    return Predicted(
        removal[0], removal[1], relaxation[0], relaxation[1], found[0], found[1], np.ones_like(rate)
    )  # fmt: skip


def _noisy(core: Core, parameters: Mapping[str, Array]) -> Predicted:
    rate, critical = parameters["rate"][:, None], parameters["critical_age"][:, None]
    edges = edges_to(DEADLY_BURDEN if core.deadly else _HIGHEST)

    def drift(age: float, burden: Array) -> Array:
        return np.asarray(rate * (age / critical - burden / (1 + burden)))

    young, old = solve_density(drift, parameters["diffusion"], edges, np.array(AGES), deadly=core.deadly)
    share = 1 / (1 + young.centres)
    removal = [parameters["rate"] * density.mean(share) for density in (young, old)]
    relaxation = [parameters["rate"] * density.mean(share**2) for density in (young, old)]
    return Predicted(
        removal[0], removal[1], relaxation[0], relaxation[1],
        young.mean(young.centres), old.mean(old.centres), old.alive,
    )  # fmt: skip
