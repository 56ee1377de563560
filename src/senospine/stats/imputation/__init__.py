"""Reference-based multiple imputation, Rubin's rules and the tipping point."""

from senospine.stats.imputation.analyse import TippingPoint, compare_at, tipping_point
from senospine.stats.imputation.completed import Completed
from senospine.stats.imputation.impute import STRATEGIES, Imputations, impute
from senospine.stats.imputation.many import impute_many
from senospine.stats.imputation.rubin import Pooled, pool

__all__ = [
    "STRATEGIES",
    "Completed",
    "Imputations",
    "Pooled",
    "TippingPoint",
    "compare_at",
    "impute",
    "impute_many",
    "pool",
    "tipping_point",
]
