"""What a laboratory measures of an animal, and with how much noise.

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

from senospine.errors import StudyError, suggest
from senospine.model import Parameter, read_register

Array = NDArray[np.float64]
States = Mapping[str, Array]
Traits = Mapping[str, Array]

#: lasting differences between animals; one standard normal each
TRAITS = ("cells", "bone", "stain", "mrna", "protein", "touch", "heat", "running")


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
    """

    name: str
    label: str
    unit: str
    definition: str
    needs: tuple[str, ...]
    worse: Literal["up", "down"]
    as_fold: bool
    _expected: Callable[[States, Traits], Array]
    _noise: Callable[[Array, np.random.Generator], Array]

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


def _value(name: str) -> float:
    return assay_register()[name].value


def _log_sd(name: str) -> float:
    """Return the log-normal SD of a registered coefficient of variation."""
    return float(np.sqrt(np.log1p(_value(name) ** 2)))


def _log_normal_noise(cv: str) -> Callable[[Array, np.random.Generator], Array]:
    return lambda expected, generator: expected * np.exp(_log_sd(cv) * generator.standard_normal(expected.shape))


def _count_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Cells are counted: Poisson over the area looked at."""
    area = _value("count_area")
    return generator.poisson(expected * area) / area


def _cell_density(cells: Callable[[States], Array]) -> Callable[[States, Traits], Array]:
    return lambda y, z: (
        _value("trap_density") * np.maximum(cells(y), 0.0) * np.exp(_log_sd("count_trait_cv") * z["cells"])
    )


def _senescent_osteoclasts(y: States) -> Array:
    return y["trap_osteoclasts"] - y["osteoclasts"] + _value("snoc_background")


def _porosity(y: States, z: Traits) -> Array:
    """The fold acts on the odds, so that a porosity never exceeds 100 %."""
    young = _value("porosity_young") / 100
    odds = young / (1 - young) * y["endplate_porosity"] * np.exp(_log_sd("bone_trait_cv") * z["bone"])
    return np.asarray(100 * odds / (1 + odds))


def _porosity_noise(expected: Array, generator: np.random.Generator) -> Array:
    odds = (
        expected / (100 - expected) * np.exp(_log_sd("porosity_noise_cv") * generator.standard_normal(expected.shape))
    )
    return np.asarray(100 * odds / (1 + odds))


def _trabecular_separation(y: States, z: Traits) -> Array:
    fold = y["endplate_porosity"] ** _value("tbsp_exponent")
    return np.asarray(_value("tbsp_young") * fold * np.exp(_log_sd("bone_trait_cv") * z["bone"]))


def _stain(output: str) -> Callable[[States, Traits], Array]:
    def expected(y: States, z: Traits) -> Array:
        background = _value("stain_background")
        return np.asarray((background + (1 - background) * y[output]) * np.exp(_log_sd("stain_trait_cv") * z["stain"]))

    return expected


def _level(output: str, kind: Literal["mrna", "protein"]) -> Callable[[States, Traits], Array]:
    return lambda y, z: np.asarray(y[output] * np.exp(_log_sd(f"{kind}_trait_cv") * z[kind]))


def _withdrawals(young: str) -> Callable[[States, Traits], Array]:
    def expected(y: States, z: Traits) -> Array:
        p = _value(young)
        logit = np.log(p / (1 - p)) + _value("withdrawal_slope") * np.log(y["mechanical_pain"])
        return np.asarray(10 / (1 + np.exp(-(logit + _value("withdrawal_trait_sd") * z["touch"]))))

    return expected


def _withdrawal_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Ten touches, three times over, averaged: each touch answers or not."""
    replicates = int(_value("withdrawal_replicates"))
    return generator.binomial(10 * replicates, np.clip(expected / 10, 0, 1)) / replicates


def _heat(y: States, z: Traits) -> Array:
    return np.asarray(_value("heat_young") / y["heat_pain"] * np.exp(_log_sd("heat_trait_cv") * z["heat"]))


def _heat_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Each trial stops at the cut-off; what is recorded is the mean of the trials, censored ones included."""
    trials = int(_value("heat_trials"))
    spread = _log_sd("heat_noise_cv")
    single = expected[..., None] * np.exp(spread * generator.standard_normal((*expected.shape, trials)))
    return np.asarray(np.minimum(single, _value("heat_cutoff")).mean(axis=-1))


def _running(kind: str, share: float = 1.0) -> Callable[[States, Traits], Array]:
    def expected(y: States, z: Traits) -> Array:
        years = np.maximum(y["age"] - _value("running_age_onset"), 0.0)
        ageing = np.exp(-_value(f"{kind}_age_rate") * years)  # old animals run less without any pain
        pain = y["movement_pain"] ** -_value(f"{kind}_pain_exponent")
        trait = np.exp(share * _log_sd("running_trait_cv") * z["running"])
        return np.asarray(_value(f"{kind}_young") * ageing * pain * trait)

    return expected


@cache
def readouts() -> Mapping[str, Readout]:
    """Return every read-out that can be measured in a mouse, by name."""
    stain = "mean intensity per mm2, fold of control, batch shared"
    rows = [
        Readout("snoc_density", "p16+TRAP+ cells", "1/mm2", "N(p16+TRAP+)/T.Ar, endplate section",
                ("trap_osteoclasts", "osteoclasts"), "up", False, _cell_density(_senescent_osteoclasts), _count_noise),
        Readout("osteoclast_density", "TRAP+ cells", "1/mm2", "N(TRAP+)/T.Ar, endplate section",
                ("trap_osteoclasts",), "up", False, _cell_density(lambda y: y["trap_osteoclasts"]), _count_noise),
        Readout("endplate_porosity", "endplate porosity", "percent", "Po(tot), caudal endplate L4-L5, micro-CT",
                ("endplate_porosity",), "up", False, _porosity, _porosity_noise),
        Readout("trabecular_separation", "Tb.Sp", "mm", "Tb.Sp, caudal endplate L4-L5, micro-CT",
                ("endplate_porosity",), "up", False, _trabecular_separation, _log_normal_noise("tbsp_noise_cv")),
        Readout("cgrp_fibres", "CGRP+ fibres", "fold", f"CGRP {stain}",
                ("sensory_innervation",), "up", True, _stain("sensory_innervation"),
                _log_normal_noise("stain_noise_cv")),
        Readout("pgp95_fibres", "PGP9.5+ fibres", "fold", f"PGP9.5 {stain}",
                ("neuronal_fibres",), "up", True, _stain("neuronal_fibres"), _log_normal_noise("stain_noise_cv")),
        Readout("cd31_vessels", "CD31", "fold", f"CD31 {stain}",
                ("h_vessels",), "up", True, _stain("h_vessels"), _log_normal_noise("stain_noise_cv")),
        Readout("emcn_vessels", "endomucin", "fold", f"Emcn {stain}",
                ("h_vessels",), "up", True, _stain("h_vessels"), _log_normal_noise("stain_noise_cv")),
        Readout("netrin1_mrna", "Ntn1 mRNA", "fold", "2^-ddCt of Ntn1 over Gapdh, whole endplate, fold of control",
                ("netrin1",), "up", True, _level("netrin1", "mrna"), _log_normal_noise("mrna_noise_cv")),
        Readout("ngf_mrna", "Ngf mRNA", "fold", "2^-ddCt of Ngf over Gapdh, whole endplate, fold of control",
                ("ngf",), "up", True, _level("ngf", "mrna"), _log_normal_noise("mrna_noise_cv")),
        Readout("netrin1_protein", "netrin-1 protein", "fold", "Ntn1 by ELISA, whole endplates L3-L5, fold of control",
                ("netrin1",), "up", True, _level("netrin1", "protein"), _log_normal_noise("protein_noise_cv")),
        Readout("ngf_protein", "NGF protein", "fold", "NGF by ELISA, whole endplates L3-L5, fold of control",
                ("ngf",), "up", True, _level("ngf", "protein"), _log_normal_noise("protein_noise_cv")),
        Readout("withdrawal_frequency_0.07g", "withdrawals, 0.07 g", "of 10", "withdrawals of 10, 0.07 g, mean of 3",
                ("mechanical_pain",), "up", False, _withdrawals("withdrawal_0_07g"), _withdrawal_noise),
        Readout("withdrawal_frequency_0.4g", "withdrawals, 0.4 g", "of 10", "withdrawals of 10, 0.4 g, mean of 3",
                ("mechanical_pain",), "up", False, _withdrawals("withdrawal_0_4g"), _withdrawal_noise),
        Readout("heat_latency", "heat latency", "s", "heat response time, mean of 3 trials, censored at the cut-off",
                ("heat_pain",), "down", False, _heat, _heat_noise),
        Readout("wheel_distance", "wheel distance", "km", "distance over 48 h, voluntary wheel",
                ("movement_pain", "age"), "down", False, _running("distance"), _log_normal_noise("distance_noise_cv")),
        Readout("wheel_active_time", "wheel active time", "h", "active time over 48 h, voluntary wheel",
                ("movement_pain", "age"), "down", False, _running("active_time", _value("active_time_share")),
                _log_normal_noise("active_time_noise_cv")),
        Readout("wheel_max_speed", "wheel maximum speed", "m/min", "largest speed over 48 h, voluntary wheel",
                ("movement_pain", "age"), "down", False, _running("max_speed", _value("max_speed_share")),
                _log_normal_noise("max_speed_noise_cv")),
    ]  # fmt: skip
    return MappingProxyType({row.name: row for row in rows})


#: measured in papers, and not simulated yet: evidence may name them, and is then "not testable"
NOT_SIMULATED: Mapping[str, str] = MappingProxyType(
    {
        "sa_beta_gal_density": "SA-beta-Gal+ cells",
        "hmgb1_trap_density": "HMGB1+TRAP+ cells",
        "endplate_score": "endplate score",
        "mmp13_intensity": "MMP13",
        "colx_intensity": "collagen X",
    }
)


def readout(name: str, where: str | None = None) -> Readout:
    """Return one read-out.

    Raises
    ------
    StudyError
        There is no such read-out.

    Examples
    --------
    >>> readout("heat_latency").unit
    's'
    """
    if name in NOT_SIMULATED:
        raise StudyError(f"read-out '{name}' is not simulated yet", where=where, remedy="leave it out of the study")
    if name not in readouts():
        raise StudyError(f"unknown read-out '{name}'", where=where, remedy=suggest(name, readouts()))
    return readouts()[name]
