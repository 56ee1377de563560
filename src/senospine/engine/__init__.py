"""The engine: a model in, arrays out. It knows no biology and touches no files."""

from senospine.engine.kernel import Kernel, Solution, compile_model
from senospine.engine.schedule import Entry, Schedule
from senospine.engine.sensitivity import Sensitivities, sensitivities
from senospine.engine.status import Failure, Status
from senospine.engine.steady import SteadyState, steady_state

__all__ = [
    "Entry",
    "Failure",
    "Kernel",
    "Schedule",
    "Sensitivities",
    "Solution",
    "Status",
    "SteadyState",
    "compile_model",
    "sensitivities",
    "steady_state",
]
