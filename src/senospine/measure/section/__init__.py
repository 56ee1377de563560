"""Stained sections: cells, fibres, vessels and co-localisation, with intervals, thresholds from controls, and truth."""

from senospine.measure.section.cells import Cells, count_cells, score_cells
from senospine.measure.section.colocalisation import Colocalisation, colocalise, costes_thresholds
from senospine.measure.section.controls import (
    Control,
    Threshold,
    classify,
    read_thresholds,
    threshold_from_controls,
    write_thresholds,
)
from senospine.measure.section.design import design_power
from senospine.measure.section.fibres import Fibres, double_positive, trace_fibres
from senospine.measure.section.image import Section
from senospine.measure.section.measure import Found, SectionResult, measure_file, measure_section, measure_section_file
from senospine.measure.section.objects import segment_nuclei
from senospine.measure.section.overlay import Overlay
from senospine.measure.section.prepare import bleed_through, find_tissue, separate_stains, subtract_background, unmix
from senospine.measure.section.protocol import Protocol, load_protocol
from senospine.measure.section.random_places import ObjectShare, object_share
from senospine.measure.section.read import read_section
from senospine.measure.section.setting import ControlImage, thresholds_from_images, thresholds_of_table
from senospine.measure.section.synthetic import Plan, Truth, draw_section, plan_of_animal, write_section

__all__ = [
    "Cells",
    "Colocalisation",
    "Control",
    "ControlImage",
    "Fibres",
    "Found",
    "ObjectShare",
    "Overlay",
    "Plan",
    "Protocol",
    "Section",
    "SectionResult",
    "Threshold",
    "Truth",
    "bleed_through",
    "classify",
    "colocalise",
    "costes_thresholds",
    "count_cells",
    "design_power",
    "double_positive",
    "draw_section",
    "find_tissue",
    "load_protocol",
    "measure_file",
    "measure_section",
    "measure_section_file",
    "object_share",
    "plan_of_animal",
    "read_section",
    "read_thresholds",
    "score_cells",
    "segment_nuclei",
    "separate_stains",
    "subtract_background",
    "threshold_from_controls",
    "thresholds_from_images",
    "thresholds_of_table",
    "trace_fibres",
    "unmix",
    "write_section",
    "write_thresholds",
]
