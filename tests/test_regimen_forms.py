"""A regimen as a line and as a mapping: both read back, and what can be said in them."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import assume, given, settings
from therapy_helpers import ARM, HEAD, PAN, PAN_MAPPING, START, regimens

from senospine.errors import RegimenError
from senospine.therapy import Regimen, dose_table, parse_regimen
from senospine.yaml_files import parse_yaml


@settings(deadline=None)
@given(regimens())
def test_text_reads_back_to_the_same_regimen(regimen: Regimen) -> None:
    assert parse_regimen(regimen.text()) == regimen


@settings(deadline=None)
@given(regimens())
def test_text_is_a_fixed_point_and_takes_any_case_and_space(regimen: Regimen) -> None:
    text = regimen.text()
    assert parse_regimen(text).text() == text
    shouted = text.upper().replace("MG/KG", "mg/kg").replace(" ", "  ")  # units keep their case
    assert parse_regimen(f"  {shouted}\n") == regimen


@settings(deadline=None)
@given(regimens())
def test_mapping_reads_back_to_the_same_regimen(regimen: Regimen) -> None:
    assert Regimen.from_mapping(regimen.to_mapping()) == regimen


@settings(deadline=None)
@given(regimens())
def test_yaml_text_reads_back_to_the_same_regimen(regimen: Regimen) -> None:
    text = yaml.safe_dump(regimen.to_mapping(), sort_keys=False)
    assert Regimen.from_mapping(parse_yaml(text).data) == regimen


@settings(max_examples=25, deadline=None)
@given(regimens())
def test_both_forms_give_the_same_doses(regimen: Regimen) -> None:
    others = []
    if regimen.anchor == "first dose":  # then another regimen has to give it
        assume(regimen.start_days > 0.001)
        others = [parse_regimen("navitoclax 1 mg/kg oral once at day 0 after birth")]
    expected = dose_table([regimen, *others], ARM)
    assert len(expected) == regimen.doses_per_course * regimen.cycles + len(others)
    for form in (parse_regimen(regimen.text()), Regimen.from_mapping(regimen.to_mapping())):
        assert dose_table([form, *others], ARM).equals(expected)


def test_canonical_line_of_the_study_file_is_kept_word_for_word() -> None:
    regimen = parse_regimen(PAN)
    assert regimen.text() == PAN
    assert regimen.to_mapping() == PAN_MAPPING
    assert regimen == Regimen(
        drug="navitoclax",
        dose=50.0,
        unit="mg/kg",
        route="oral",
        interval_days=1.0,
        duration_days=7.0,
        cycle_days=21.0,
        cycles=2,
        start_days=28.0,
        anchor="surgery",
    )


@pytest.mark.parametrize(
    ("said", "interval", "duration"),
    [
        ("daily for 7 days", 1.0, 7.0),
        ("once daily for 7 days", 1.0, 7.0),
        ("once a day for 1 week", 1.0, 7.0),
        ("every day for 7d", 1.0, 7.0),
        ("every 12 hours for 5 days", 0.5, 5.0),
        ("every 12h for 120 hours", 0.5, 5.0),
        ("twice daily for 5 days", 0.5, 5.0),
        ("twice a day for 5 days", 0.5, 5.0),
        ("3 times daily for 5 days", 1 / 3, 5.0),
        ("every 8 hours for 5 days", 1 / 3, 5.0),
        ("weekly for 8 weeks", 7.0, 56.0),
        ("every week for 56 days", 7.0, 56.0),
        ("every other day for 20 days", 2.0, 20.0),
        ("every 3 days for 21 days", 3.0, 21.0),
        ("monthly for 6 months", 30.4375, 182.625),
        ("monthly for 0.5 years", 30.4375, 182.625),
    ],
)
def test_frequency_and_duration(said: str, interval: float, duration: float) -> None:
    regimen = parse_regimen(f"{HEAD} {said} {START}")
    assert (regimen.interval_days, regimen.duration_days, regimen.cycles) == (interval, duration, 1)
    assert parse_regimen(regimen.text()) == regimen


@pytest.mark.parametrize(
    ("said", "days", "anchor"),
    [
        ("from week 4 after surgery", 28.0, "surgery"),
        ("from 4 weeks after surgery", 28.0, "surgery"),
        ("from week 0 after surgery", 0.0, "surgery"),
        ("from day 1 after surgery", 1.0, "surgery"),
        ("at hour 12 after surgery", 0.5, "surgery"),
        ("from 23 months after birth", 23 * 30.4375, "birth"),
        ("from month 23 after birth", 23 * 30.4375, "birth"),
        ("from 2 years after birth", 730.5, "birth"),
        ("from day 2 after the first dose", 2.0, "first dose"),
    ],
)
def test_start(said: str, days: float, anchor: str) -> None:
    regimen = parse_regimen(f"{HEAD} daily for 7 days {said}")
    assert (regimen.start_days, regimen.anchor) == (days, anchor)


@pytest.mark.parametrize(
    "line",
    [
        f"{HEAD} daily {START} for 7 days, 2 cycles every 21 days",
        f"{HEAD} daily for 7 days every 3 weeks for 2 cycles {START}",
        f"ABT-263 50mg/kg ORAL Daily for 7 days every 21 days 2 cycles {START}",
        f"abt263 0.05 g/kg oral once daily for 1 week every 21 days, 2 cycles, {START}",
    ],
)
def test_other_words_for_the_same_regimen(line: str) -> None:
    assert parse_regimen(line) == parse_regimen(PAN)


@pytest.mark.parametrize(
    "dose", ["50 mg/kg", "50000 ug/kg", "50000 µg/kg", "50000 μg/kg", "0.05 g/kg", "5e1 mg / kg", "50 mg per kg"]
)
def test_doses_become_the_unit_of_the_drug(dose: str) -> None:
    regimen = parse_regimen(f"navitoclax {dose} oral once at day 3 after surgery")
    assert (regimen.dose, regimen.unit) == (50.0, "mg/kg")
    assert regimen.text() == "navitoclax 50 mg/kg oral once at day 3 after surgery"


def test_a_regimen_built_in_python_is_checked_and_normalised_too() -> None:
    given_in_grams = Regimen(
        drug="ABT263", dose=0.05, unit="g/kg", route="oral", start_days=-0.0, anchor="surgery", interval_days=None
    )
    assert given_in_grams == parse_regimen(f"{HEAD} once at day 0 after surgery")
    assert str(given_in_grams.start_days) == "0.0"
    fields = {"drug": "navitoclax", "dose": 1.0, "unit": "mg/kg", "route": "oral", "start_days": 0.0, "anchor": "birth"}
    for name, value, what in [
        ("start_days", math.nan, "not finite"),
        ("start_days", "4", "not a number"),
        ("dose", True, "not a number"),
        ("interval_days", -1.0, "not positive"),
        ("cycles", 1.5, "not a whole number"),
        ("cycles", 2, "a single dose in cycles"),
        ("duration_days", 7.0, "a duration without a frequency"),
        ("anchor", "sergery", "unknown anchor"),
        ("route", "nasal", "route 'nasal'"),
    ]:
        with pytest.raises(RegimenError, match=what) as caught:
            Regimen(**fields | {name: value})
        assert caught.value.remedy
