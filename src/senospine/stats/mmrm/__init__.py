"""Mixed models for repeated measures and analysis of covariance: data frames in, results out."""

from senospine.stats.mmrm.ancova import Ancova, ancova
from senospine.stats.mmrm.fit import mmrm
from senospine.stats.mmrm.model import MixedModel
from senospine.stats.mmrm.optimise import Convergence
from senospine.stats.mmrm.structures import STRUCTURES

__all__ = ["STRUCTURES", "Ancova", "Convergence", "MixedModel", "ancova", "mmrm"]
