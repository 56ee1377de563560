"""Markers of patients: from the true state to what a reader or an assay writes down.

``oracle`` is the state itself on the recorded scale; ``clinic`` adds what stands between: what MRI shows of it, the
reader, the tie of blood to tissue, the assay. A reader of grades sees the truth with probability ``a`` and otherwise
writes down any grade as often as it occurs; two such readers have a kappa of ``a**2``, whatever its weights.
What stands between is drawn as deviates, of which a share lasts: a person measured again differs by the rest alone
(:mod:`senospine.assays.repeated`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from senospine.assays.readout import Array, log_sd, value_of
from senospine.assays.repeated import Copied, Deviates, Normals, same_reader
from senospine.errors import SenospineError, suggest

MODES = ("oracle", "clinic")
Latent = Mapping[str, Array]
Truth = Callable[[Latent], Array]
Record = Callable[[Latent, Array], Array]


@dataclass(frozen=True)
class Marker:
    """One marker.

    Attributes
    ----------
    name, label, unit : str
    needs : tuple of str
        True states it comes from.
    oracle : callable
        From the true states to the true value.
    clinic : callable
        From the true states and deviates, shape (n_deviates, n_patients), to the recorded value.
    deviates : Deviates
        What stands between, and how much of it is the same when the same person is measured again.
    """

    name: str
    label: str
    unit: str
    needs: tuple[str, ...]
    oracle: Truth
    clinic: Record
    deviates: Deviates


def record_marker(name: str, latent: Latent, generator: np.random.Generator, mode: str = "clinic") -> Array:
    """Return one recorded value of each patient, shape (n_patients,).

    Parameters
    ----------
    name : str
        A key of ``MARKERS``.
    latent : mapping of state to ndarray, shape (n_patients,)
    generator : numpy.random.Generator
    mode : "oracle" or "clinic"

    Raises
    ------
    SenospineError
        Another marker or mode, or a state that is not there.

    Examples
    --------
    >>> record_marker("modic", {"modic": np.array([0.0, 2.0])}, np.random.default_rng(1), "oracle").tolist()
    [0.0, 2.0]
    """
    if mode not in MODES:
        raise SenospineError(f"no mode is called '{mode}'", remedy=suggest(mode, MODES))
    marker = marker_of(name, latent)
    if mode == "oracle":
        return marker.oracle(latent)
    return marker.clinic(latent, marker.deviates.draw(len(latent[marker.needs[0]]), generator))


def marker_of(name: str, latent: Latent) -> Marker:
    """Return a marker by name, all of whose states are there.

    Raises
    ------
    SenospineError
        Another marker, or a state that is not there.
    """
    if name not in MARKERS:
        raise SenospineError(f"no marker is called '{name}'", remedy=suggest(name, MARKERS))
    marker = MARKERS[name]
    for state in marker.needs:
        if state not in latent:
            raise SenospineError(f"marker '{name}' needs the state '{state}'", remedy=suggest(state, latent))
    return marker


def _read(grades: Array, true: Array, shares: Array, kappa: float, chance: Array) -> Array:
    """Return a reader's grades: the truth, or with probability 1 - sqrt(kappa) any grade as often as it occurs."""
    guess = grades[np.searchsorted(np.cumsum(shares)[:-1], chance[0], side="right")]
    return np.asarray(np.where(chance[1] < np.sqrt(kappa), true, guess), float)


def modic_shares() -> Array:
    """Return how often patients have no Modic change, type 1, 2 and 3."""
    none, one, two = (value_of(f"modic_{name}") / 100 for name in ("none", "type_1", "type_2"))
    return np.array([none, (1 - none) * one, (1 - none) * two, (1 - none) * (1 - one - two)])


def pfirrmann_shares() -> Array:
    """Return how often discs read in patients have grades 1 to 5."""
    upper = np.array([value_of(f"pfirrmann_{grade}") / 100 for grade in (2, 3, 4, 5)])
    return np.concatenate([[1 - upper.sum()], upper])


def _modic(y: Latent, chance: Array) -> Array:
    return _read(np.arange(4.0), np.rint(y["modic"]), modic_shares(), value_of("modic_kappa"), chance)


def _pfirrmann_true(y: Latent) -> Array:
    return np.asarray(1 + np.rint(4 * np.clip(y["degeneration"], 0, 1)))


def _pfirrmann(y: Latent, chance: Array) -> Array:
    grades = np.arange(1.0, 6.0)
    return _read(grades, _pfirrmann_true(y), pfirrmann_shares(), value_of("pfirrmann_kappa"), chance)


def _defect_true(y: Latent) -> Array:
    return np.asarray(y["endplate_defect"] >= 0.5, float)


def _defect(y: Latent, chance: Array) -> Array:
    """MRI shows some defects and invents others; readers share that, and err by themselves on top."""
    sensitivity, specificity, prevalence = (
        value_of(f"endplate_defect_{name}") / 100 for name in ("sensitivity", "specificity", "prevalence")
    )
    called = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    # two readers disagree in 2 e (1 - e), by chance in 2 q (1 - q): kappa is one less their ratio
    slip = (1 - np.sqrt(1 - 4 * (1 - value_of("endplate_defect_kappa")) * called * (1 - called))) / 2
    shown = np.where(_defect_true(y) > 0, sensitivity - slip, 1 - specificity - slip) / (1 - 2 * slip)
    visible = (y["image"] if "image" in y else chance[0]) < shown  # a second reading of one image hands its chance in
    return np.asarray(visible ^ (chance[1] < slip), float)


def _plasma(name: str, at_50: str | None, tissues: tuple[str, ...]) -> tuple[Truth, Record, Deviates]:
    """Return a log-normal level that follows age and, weakly, senescent cells of tissues; and its assay."""

    def expected(y: Latent) -> Array:
        z = np.mean([np.log(np.maximum(y[tissue], 1e-6)) for tissue in tissues], axis=0)
        z = (z - value_of("senescence_log_mean")) / value_of("senescence_log_sd")
        slope = value_of(f"{name}_tie") * value_of(f"{name}_sd")
        level = np.exp(value_of(f"{name}_per_year") * (y["age"] - 50) + slope * z)
        return np.asarray((value_of(at_50) if at_50 else 1.0) * level)

    def clinic(y: Latent, noise: Array) -> Array:
        own = value_of(f"{name}_sd") * np.sqrt(1 - value_of(f"{name}_tie") ** 2)
        return np.asarray(expected(y) * np.exp(own * noise[0] + log_sd("plasma_assay_cv") * noise[1]))

    return expected, clinic, Normals(lambda: (_lasting(name), 0.0))


def _lasting(name: str) -> float:
    """Return the share of the variance of people's own deviations that is the same at every visit."""
    own = value_of(f"{name}_sd") ** 2 * (1 - value_of(f"{name}_tie") ** 2)
    return 1 - log_sd(f"{name}_within_cv") ** 2 / own


def _count(name: str) -> tuple[Truth, Record, Deviates]:
    def clinic(y: Latent, noise: Array) -> Array:
        return np.asarray(y[name] * np.exp(log_sd("human_blood_count_cv") * noise[0]))

    return lambda y: y[name], clinic, Normals(lambda: (0.0,))


_BOTH = ("endplate_senescence", "disc_senescence")
_ENDPLATE = ("endplate_senescence",)
MARKERS: Mapping[str, Marker] = MappingProxyType(
    {
        marker.name: marker
        for marker in (
            Marker("modic", "Modic change", "type 0-3", ("modic",), lambda y: np.rint(y["modic"]), _modic,
                   same_reader("modic")),
            Marker("endplate_defect", "endplate defect", "0 or 1", ("endplate_defect",), _defect_true, _defect,
                   Copied(lambda: (1.0, 0.0))),
            Marker("pfirrmann", "Pfirrmann grade", "grade 1-5", ("degeneration",), _pfirrmann_true, _pfirrmann,
                   same_reader("pfirrmann")),
            Marker("gdf15", "plasma GDF-15", "pg/mL", ("age", *_ENDPLATE), *_plasma("gdf15", "gdf15_at_50", _ENDPLATE)),
            Marker("tcell_p16", "p16 mRNA of T cells", "fold", ("age", *_ENDPLATE), *_plasma("p16", None, _ENDPLATE)),
            Marker("plasma_il6", "plasma IL-6", "fold", ("age", *_BOTH), *_plasma("sasp", None, _BOTH)),
            Marker("plasma_mmp3", "plasma MMP-3", "fold", ("age", *_BOTH), *_plasma("sasp", None, _BOTH)),
            Marker("platelets", "platelet count", "1e9/L", ("platelets",), *_count("platelets")),
            Marker("neutrophils", "neutrophil count", "1e9/L", ("neutrophils",), *_count("neutrophils")),
        )
    }
)  # fmt: skip
