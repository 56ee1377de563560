"""Therapy: drugs as data, regimens as one line of text, and the dose tables they become.

>>> from senospine.therapy import dose_table, parse_regimen
>>> regimen = parse_regimen("navitoclax 50 mg/kg oral daily for 3 days from week 4 after surgery")
>>> dose_table([regimen], {"birth": 0.0, "surgery": 91.0})["time"].tolist()
[119.0, 120.0, 121.0]
"""

from senospine.therapy.dosing_rule import DosingRule, as_measured, load_rule, rule_names
from senospine.therapy.drug import Drug, Route, Source, drug_names, load_drug, read_drug
from senospine.therapy.grammar import parse_regimen
from senospine.therapy.regimen import Regimen
from senospine.therapy.table import dose_table
from senospine.therapy.times import parse_moment, parse_span

__all__ = [
    "DosingRule",
    "Drug",
    "Regimen",
    "Route",
    "Source",
    "as_measured",
    "dose_table",
    "drug_names",
    "load_drug",
    "load_rule",
    "parse_moment",
    "parse_regimen",
    "parse_span",
    "read_drug",
    "rule_names",
]
