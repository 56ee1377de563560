"""Statistics: arrays in, results out; usable alone, and ignorant of biology."""

from senospine.stats.agreement import VarianceSplit, intraclass_correlation, variance_split, weighted_kappa
from senospine.stats.censored import CensoredFit, fit_censored, gehan_scores, kaplan_meier_median
from senospine.stats.groups import Estimate, hedges_g, hedges_g_interval, permutation_p, welch
from senospine.stats.intervals import wilson_interval
from senospine.stats.mixed import RandomIntercept, bootstrap_p, fit_random_intercept
from senospine.stats.moments import ExactMoments
from senospine.stats.ordinal import CumulativeLogit, fit_cumulative_logit
from senospine.stats.proportions import BetaBinomial, compare_proportions, compare_rates, fit_beta_binomial
from senospine.stats.sketch import QuantileSketch
from senospine.stats.tests import Comparison, pooled_t
from senospine.stats.worlds import Worlds, split_worlds

__all__ = [
    "BetaBinomial",
    "CensoredFit",
    "Comparison",
    "CumulativeLogit",
    "Estimate",
    "ExactMoments",
    "QuantileSketch",
    "RandomIntercept",
    "VarianceSplit",
    "Worlds",
    "bootstrap_p",
    "compare_proportions",
    "compare_rates",
    "fit_beta_binomial",
    "fit_censored",
    "fit_cumulative_logit",
    "fit_random_intercept",
    "gehan_scores",
    "hedges_g",
    "hedges_g_interval",
    "intraclass_correlation",
    "kaplan_meier_median",
    "permutation_p",
    "pooled_t",
    "split_worlds",
    "variance_split",
    "weighted_kappa",
    "welch",
    "wilson_interval",
]
