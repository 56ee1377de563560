"""From published values to parameters: which mechanism, and which values of it, the data allow."""

from senospine.calibration.core_comparison import (
    READINGS,
    CoreComparison,
    CoreFit,
    Datum,
    compare_cores,
    removal_data,
)
from senospine.calibration.cores import Core, Predicted, cores, predict
from senospine.calibration.fokker_planck import Densities, edges_to, solve_density

__all__ = [
    "READINGS",
    "Core",
    "CoreComparison",
    "CoreFit",
    "Datum",
    "Densities",
    "Predicted",
    "compare_cores",
    "cores",
    "edges_to",
    "predict",
    "removal_data",
    "solve_density",
]
