"""Assays: from the mechanism's outputs to what a laboratory writes down, unit, definition and noise included."""

from senospine.assays.generators import (
    DEVIATES,
    Generators,
    case_definitions,
    course_of,
    findings,
    generators,
)
from senospine.assays.marker import MARKERS, Marker, record_marker
from senospine.assays.patient import (
    CONTROLS,
    PainReports,
    contextual_response,
    lasting_change,
    regression_to_the_mean,
    report_disability,
    report_pain,
)
from senospine.assays.reach import DEFAULT_REACH, REACHES, reach_of
from senospine.assays.readout import TRAITS, Readout, assay_register, human_assay_register
from senospine.assays.readouts import NOT_SIMULATED, readout, readouts

__all__ = [
    "CONTROLS",
    "DEFAULT_REACH",
    "DEVIATES",
    "MARKERS",
    "NOT_SIMULATED",
    "REACHES",
    "TRAITS",
    "Generators",
    "Marker",
    "PainReports",
    "Readout",
    "assay_register",
    "case_definitions",
    "contextual_response",
    "course_of",
    "findings",
    "generators",
    "human_assay_register",
    "lasting_change",
    "reach_of",
    "readout",
    "readouts",
    "record_marker",
    "regression_to_the_mean",
    "report_disability",
    "report_pain",
]
