"""Therapy: drugs and procedures as data, models composed of them, regimens as one line of text, and dose tables.

>>> from senospine.therapy import dose_table, parse_regimen
>>> regimen = parse_regimen("navitoclax 50 mg/kg oral daily for 3 days from week 4 after surgery")
>>> dose_table([regimen], {"birth": 0.0, "surgery": 91.0})["time"].tolist()
[119.0, 120.0, 121.0]
"""

from senospine.therapy.compose import compose_model
from senospine.therapy.dosing_rule import DosingRule, Prescribed, as_measured, load_rule, rule_names
from senospine.therapy.drug import check_drug, drug_names, known_drugs, load_drug, read_drug
from senospine.therapy.grammar import parse_regimen
from senospine.therapy.performed import Jump, Performed, jumps, parse_treatment
from senospine.therapy.procedure import (
    Procedure,
    check_procedure,
    is_procedure,
    is_procedure_file,
    load_procedure,
    procedure_names,
    read_procedure,
)
from senospine.therapy.regimen import Regimen
from senospine.therapy.rows import Row, Source
from senospine.therapy.schema import Action, Drug, Route
from senospine.therapy.table import dose_table
from senospine.therapy.terms import COMPOSED
from senospine.therapy.times import parse_moment, parse_span

__all__ = [
    "COMPOSED",
    "Action",
    "DosingRule",
    "Drug",
    "Jump",
    "Performed",
    "Prescribed",
    "Procedure",
    "Regimen",
    "Route",
    "Row",
    "Source",
    "as_measured",
    "check_drug",
    "check_procedure",
    "compose_model",
    "dose_table",
    "drug_names",
    "is_procedure",
    "is_procedure_file",
    "jumps",
    "known_drugs",
    "load_drug",
    "load_procedure",
    "load_rule",
    "parse_moment",
    "parse_regimen",
    "parse_span",
    "parse_treatment",
    "procedure_names",
    "read_drug",
    "read_procedure",
    "rule_names",
]
