"""From published values to parameters: which mechanism, and which values of it, the data allow."""

from senospine.calibration.core_comparison import READINGS, CoreComparison, CoreFit, Datum, removal_data
from senospine.calibration.core_search import compare_cores
from senospine.calibration.cores import Core, Predicted, cores, predict
from senospine.calibration.fit import Fit, chosen_parameters, load_fit, shipped_fit, write_fit
from senospine.calibration.fokker_planck import Densities, edges_to, solve_density
from senospine.calibration.posterior import Posterior, shipped_posterior
from senospine.calibration.posterior_mode import calibrate
from senospine.calibration.problem import Assumptions, Problem
from senospine.calibration.problem_file import load_problem
from senospine.calibration.sampling import Progress, sample
from senospine.calibration.worlds import DOUBTS, chosen_values, default_choice, posterior_draws, worlds_for

__all__ = [
    "DOUBTS",
    "READINGS",
    "Assumptions",
    "Core",
    "CoreComparison",
    "CoreFit",
    "Datum",
    "Densities",
    "Fit",
    "Posterior",
    "Predicted",
    "Problem",
    "Progress",
    "calibrate",
    "chosen_parameters",
    "chosen_values",
    "compare_cores",
    "cores",
    "default_choice",
    "edges_to",
    "load_fit",
    "load_problem",
    "posterior_draws",
    "predict",
    "removal_data",
    "sample",
    "shipped_fit",
    "shipped_posterior",
    "solve_density",
    "worlds_for",
    "write_fit",
]
