"""Response surfaces of two drugs: what no interaction looks like, and how far a surface lies from it."""

from senospine.stats.surfaces.curves import DoseResponse, Hill, Tabulated, fit_hill
from senospine.stats.surfaces.hazards import additive_hazards, null_disagreement
from senospine.stats.surfaces.indices import fraction_affected, interaction_indices, surface_indices
from senospine.stats.surfaces.musyc import MuSyC, fit_musyc
from senospine.stats.surfaces.nulls import bliss, highest_single_agent, interaction_index, loewe

__all__ = [
    "DoseResponse",
    "Hill",
    "MuSyC",
    "Tabulated",
    "additive_hazards",
    "bliss",
    "fit_hill",
    "fit_musyc",
    "fraction_affected",
    "highest_single_agent",
    "interaction_index",
    "interaction_indices",
    "loewe",
    "null_disagreement",
    "surface_indices",
]
