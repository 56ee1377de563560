"""The engine: a model in, arrays out. It knows no biology and touches no files."""

from senospine.engine.decisions import Decided, Decision
from senospine.engine.kernel import Kernel, Solution, compile_model
from senospine.engine.reductions import (
    Area,
    At,
    End,
    Maximum,
    Mean,
    Minimum,
    Reduction,
    TimeAbove,
    TimeBelow,
    TimeOfMaximum,
    TimeOfMinimum,
    visit_means,
)
from senospine.engine.schedule import Entry, Schedule
from senospine.engine.sensitivity import Sensitivities, sensitivities
from senospine.engine.status import Failure, Status
from senospine.engine.steady import SteadyState, steady_state

__all__ = [
    "Area",
    "At",
    "Decided",
    "Decision",
    "End",
    "Entry",
    "Failure",
    "Kernel",
    "Maximum",
    "Mean",
    "Minimum",
    "Reduction",
    "Schedule",
    "Sensitivities",
    "Solution",
    "Status",
    "SteadyState",
    "TimeAbove",
    "TimeBelow",
    "TimeOfMaximum",
    "TimeOfMinimum",
    "compile_model",
    "sensitivities",
    "steady_state",
    "visit_means",
]
