"""Statistics: arrays in, results out; usable alone, and ignorant of biology."""

from senospine.stats.intervals import wilson_interval
from senospine.stats.moments import ExactMoments
from senospine.stats.sketch import QuantileSketch
from senospine.stats.tests import Comparison, pooled_t

__all__ = ["Comparison", "ExactMoments", "QuantileSketch", "pooled_t", "wilson_interval"]
