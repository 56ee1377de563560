"""Animals: everything measured of an animal becomes one row, and groups are compared with animals as n."""

from senospine.measure.animals.analysis import Analysis, analyse, with_group
from senospine.measure.animals.beside import beside_plot, beside_simulated
from senospine.measure.animals.compare import compare
from senospine.measure.animals.conversions import Conversion, as_readouts, conversion, conversions
from senospine.measure.animals.describe import describe
from senospine.measure.animals.figures import estimation_plot, superplot
from senospine.measure.animals.observations import Observation, to_observations
from senospine.measure.animals.summarise import summarise

__all__ = [
    "Analysis",
    "Conversion",
    "Observation",
    "analyse",
    "as_readouts",
    "beside_plot",
    "beside_simulated",
    "compare",
    "conversion",
    "conversions",
    "describe",
    "estimation_plot",
    "summarise",
    "superplot",
    "to_observations",
    "with_group",
]
