"""Measure: a laboratory's own behaviour tables, scans and sections, read into read-outs with an honest n."""

from senospine.measure.measured import Measured, Picture
from senospine.measure.reading import HIERARCHY, Definition, Reading, definition, definitions, readings_table

__all__ = ["HIERARCHY", "Definition", "Measured", "Picture", "Reading", "definition", "definitions", "readings_table"]
