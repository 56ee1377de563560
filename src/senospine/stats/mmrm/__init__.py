"""Mixed models for repeated measures and analysis of covariance: data frames in, results out."""

from senospine.stats.mmrm.ancova import Ancova, ancova
from senospine.stats.mmrm.fit import mmrm
from senospine.stats.mmrm.many import ManyContrasts, ancova_many, mmrm_many
from senospine.stats.mmrm.model import MixedModel
from senospine.stats.mmrm.optimise import Convergence
from senospine.stats.mmrm.structures import STRUCTURES

__all__ = [
    "STRUCTURES", "Ancova", "Convergence", "ManyContrasts", "MixedModel", "ancova", "ancova_many", "mmrm", "mmrm_many",
]  # fmt: skip
