"""Assays: from the mechanism's outputs to what a laboratory writes down, unit, definition and noise included."""

from senospine.assays.readout import TRAITS, Readout, assay_register
from senospine.assays.readouts import NOT_SIMULATED, readout, readouts

__all__ = ["NOT_SIMULATED", "TRAITS", "Readout", "assay_register", "readout", "readouts"]
