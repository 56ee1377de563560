"""Thousands of trials at once: mixed models and analysis of covariance over a leading axis."""

from senospine.stats.mmrm.many.ancova import ancova_many
from senospine.stats.mmrm.many.fit import mmrm_many
from senospine.stats.mmrm.many.results import ManyContrasts

__all__ = ["ManyContrasts", "ancova_many", "mmrm_many"]
