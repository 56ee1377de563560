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
from senospine.calibration.fit import Fit, calibrate, chosen_parameters, load_fit, shipped_fit, write_fit
from senospine.calibration.fokker_planck import Densities, edges_to, solve_density
from senospine.calibration.problem import Problem
from senospine.calibration.sampling import Draws, load_draws, sample_posterior, write_draws

__all__ = [
    "READINGS",
    "Core",
    "CoreComparison",
    "CoreFit",
    "Datum",
    "Densities",
    "Draws",
    "Fit",
    "Predicted",
    "Problem",
    "calibrate",
    "chosen_parameters",
    "compare_cores",
    "cores",
    "edges_to",
    "load_draws",
    "load_fit",
    "predict",
    "removal_data",
    "sample_posterior",
    "shipped_fit",
    "solve_density",
    "write_draws",
    "write_fit",
]
