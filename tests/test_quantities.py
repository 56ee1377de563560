"""Quantities are converted once at the door; definitions: BIPM SI brochure, Julian year of 365.25 days."""

from __future__ import annotations

import pytest

from senospine.errors import UnitError
from senospine.quantities import DAYS_PER_MONTH, conversion, quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1 month", "day", 30.4375),
        ("3 months", "day", 91.3125),
        ("1 year", "day", 365.25),
        ("2 weeks", "day", 14.0),
        ("36 h", "day", 1.5),
        ("50 mg/kg", "mg/kg", 50.0),
        ("0.05 g/kg", "mg/kg", 50.0),
        (".5 mg/kg", "mg/kg", 0.5),
        ("-1.5e1 day", "day", -15.0),
        ("  7day ", "day", 7.0),
        ("2 uM", "umol/L", 2.0),
        ("0.673 mL/min/kg", "L/day/kg", 0.673 * 1.44),  # Choo 2014: 1440 minutes a day, a thousand mL a litre
        ("60 %", "dimensionless", 0.6),
        ("2 m**2", "mm^2", 2e6),
        ("37 degC", "degC", 37.0),
    ],
)
def test_conversions(text, unit, value):
    assert quantity(text, unit, what="x") == pytest.approx(value, rel=1e-14)


def test_a_month_is_a_twelfth_of_a_julian_year():
    assert DAYS_PER_MONTH == 365.25 / 12 == conversion("month", "day", what="x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (50, "bare number has no unit"),
        (None, "is not a quantity"),
        ("soon", "is not a quantity"),
        ("", "is not a quantity"),
        ("nan day", "is not a quantity"),
        ("7", "has no unit"),
        ("1e999 day", "is not finite"),
        ("7 dya", "unknown unit 'dya'"),
        ("7 mg/kg", "cannot be turned into 'day'"),
        ("7 7 day", "unknown unit '7 day'"),
        ("7 ((", "unknown unit"),
        ("7 day/0", "unknown unit"),
        ("7 __import__('os')", "unknown unit"),
        ("1,5 day", "unknown unit"),
    ],
)
def test_refusals(given, words):
    with pytest.raises(UnitError) as caught:
        quantity(given, "day", what="duration", where="study.yaml:3")
    assert words in str(caught.value)
    assert caught.value.where == "study.yaml:3"
    assert caught.value.what.startswith("duration: ")
    assert caught.value.remedy


def test_a_wrong_dimension_names_both():
    with pytest.raises(UnitError, match=r"'mg' has dimension \[mass\], 'day' has \[time\]"):
        quantity("5 mg", "day", what="duration")


@pytest.mark.parametrize(("text", "unit"), [("10 degC", "kelvin"), ("10 kelvin", "degC"), ("3 dB", "dimensionless")])
def test_scales_that_no_factor_joins_are_refused(text, unit):
    """Ten degrees Celsius are 283.15 K, not ten times 274.15 K."""
    with pytest.raises(UnitError, match="by a factor"):
        quantity(text, unit, what="temperature")


@pytest.mark.parametrize("unit", ["day**9**9**9", "day ** (9**9)", "day^999999", "day**-9**9**9", "day**9e9"])
def test_a_unit_cannot_keep_the_machine_busy(unit):
    """9**9**9 has 369 million digits and would be worked out."""
    with pytest.raises(UnitError, match="unknown unit"):
        quantity(f"5 {unit}", "day", what="duration")
