"""Models with provenance: Antimony or SBML in, units and dimensions checked, every number with its source."""

from senospine.model.draws import ParameterDraws
from senospine.model.expressions import Expression, evaluate
from senospine.model.links import Link, extrapolation_map
from senospine.model.loading import load_model, shipped_models
from senospine.model.model import Model
from senospine.model.register import Parameter, Variable, check_register, read_register, read_rows
from senospine.model.units import Unit

__all__ = [
    "Expression",
    "Link",
    "Model",
    "Parameter",
    "ParameterDraws",
    "Unit",
    "Variable",
    "check_register",
    "evaluate",
    "extrapolation_map",
    "load_model",
    "read_register",
    "read_rows",
    "shipped_models",
]
