"""Therapy: drugs as data, the models they are composed into, regimens as one line of text, and their dose tables.

>>> from senospine.therapy import dose_table, parse_regimen
>>> regimen = parse_regimen("navitoclax 50 mg/kg oral daily for 3 days from week 4 after surgery")
>>> dose_table([regimen], {"birth": 0.0, "surgery": 91.0})["time"].tolist()
[119.0, 120.0, 121.0]
"""

from senospine.therapy.compose import compose_model
from senospine.therapy.drug import check_drug, drug_names, known_drugs, load_drug, read_drug
from senospine.therapy.grammar import parse_regimen
from senospine.therapy.regimen import Regimen
from senospine.therapy.rows import Row
from senospine.therapy.schema import Action, Drug, Route, Source
from senospine.therapy.table import dose_table
from senospine.therapy.terms import COMPOSED
from senospine.therapy.times import parse_moment, parse_span

__all__ = [
    "COMPOSED",
    "Action",
    "Drug",
    "Regimen",
    "Route",
    "Row",
    "Source",
    "check_drug",
    "compose_model",
    "dose_table",
    "drug_names",
    "known_drugs",
    "load_drug",
    "parse_moment",
    "parse_regimen",
    "parse_span",
    "read_drug",
]
