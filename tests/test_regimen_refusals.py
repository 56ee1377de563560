"""Regimens that are ambiguous, impossible or misspelt: refused, with what, where and a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from therapy_helpers import HEAD, PAN, PAN_MAPPING, START, attempt, refusal

from senospine.errors import RegimenError, SenospineError, UnitError
from senospine.therapy import Regimen, parse_regimen


@pytest.mark.parametrize(
    ("dose", "what", "remedy"),
    [
        ("50", "'50' has no unit", "'50 mg/kg'"),
        ("50 mg", "unit 'mg' in '50 mg' cannot be turned into 'mg/kg'", "write the dose in 'mg/kg'"),
        ("50 percent", "unit 'percent'", "write the dose in 'mg/kg'"),
        ("50%", "unit '%'", "write the dose in 'mg/kg'"),
        ("50 ppm", "unit 'ppm'", "write the dose in 'mg/kg'"),
        ("50 dimensionless", "unit 'dimensionless'", "write the dose in 'mg/kg'"),
        ("50 kg/mg", "weighs as much as the animal", "check number and unit"),
        ("50 mg/mL", "unit 'mg/mL'", "write the dose in 'mg/kg'"),
        ("50 mol/kg", "unit 'mol/kg'", "write the dose in 'mg/kg'"),
        ("50 mg/mouse", "unit 'mg/mouse'", "write the dose in 'mg/kg'"),
        ("50 mg/kg^2", "unit 'mg/kg^2'", "write the dose in 'mg/kg'"),
        ("50 mg/kg/day", "'50 mg/kg/day' is a rate", "'50 mg/kg', and how often"),
        ("50 mg/kg per day", "'50 mg/kg/day' is a rate", "'50 mg/kg', and how often"),
        ("50 mg/day", "'50 mg/day' is a rate", "the amount of one dose"),
        ("50 Mg/kg", "unit 'Mg/kg'", "write the dose in 'mg/kg'"),
        ("50 MG/KG", "unit 'MG/KG'", "write the dose in 'mg/kg'"),
    ],
)
def test_refused_dose_units(dose: str, what: str, remedy: str) -> None:
    kind = RegimenError if "weighs" in what else UnitError
    error = refusal(kind, f"navitoclax {dose} oral daily for 7 days {START}", "study.yaml:12")
    assert what in error.what
    assert remedy in str(error.remedy)
    assert str(error.where).startswith("study.yaml:12: 'navitoclax")


@pytest.mark.parametrize(
    ("dose", "what", "remedy"),
    [
        ("0 mg/kg", "a dose of zero", "vehicle arm without therapy"),
        ("-0 mg/kg", "a dose of zero", "vehicle arm without therapy"),
        ("-50 mg/kg", "'-50 mg/kg' is negative", "positive, finite"),
        ("nan mg/kg", "not finite", "positive, finite"),
        ("inf mg/kg", "not finite", "positive, finite"),
        ("-inf mg/kg", "not finite", "positive, finite"),
        ("1e999 mg/kg", "not finite", "positive, finite"),
        ("1e300 g/kg", "weighs as much as the animal", "check number and unit"),
        ("1e-323 ug/kg", "beyond what a number can hold", "check number and unit"),
        ("1000 g/kg", "weighs as much as the animal", "check number and unit"),
        ("1,000 ug/kg", "a comma between digits", "decimals with a point"),
        ("0,5 mg/kg", "a comma between digits", "decimals with a point"),
        ("fifty mg/kg", "'fifty' is not a number", "drug, dose and route in this order"),
        ("５０ mg/kg", "'５０' is not a number", "drug, dose and route in this order"),
        ("1.2.3 mg/kg", "'1.2.3' is not a number", "drug, dose and route in this order"),
    ],
)
def test_refused_dose_numbers(dose: str, what: str, remedy: str) -> None:
    error = refusal(RegimenError, f"navitoclax {dose} oral daily for 7 days {START}")
    assert what in error.what
    assert remedy in str(error.remedy)


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        # drug and route
        (f"navitoclacs 50 mg/kg oral once {START}", "unknown drug 'navitoclacs'", "did you mean 'navitoclax'"),
        (f"50 mg/kg navitoclax oral once {START}", "unknown drug '50'", "known: ABT-263, ABT263,"),
        (f"navitoclax 50 mg/kg orall daily for 7 days {START}", "route 'orall'", "did you mean 'oral'"),
        (f"navitoclax 50 mg/kg intravenous once {START}", "route 'intravenous' is not one of nav", "known: oral"),
        (f"navitoclax 50 mg/kg daily for 7 days {START}", "no route", "navitoclax has: oral"),
        ("navitoclax 50 mg/kg", "no route", "navitoclax has: oral"),
        # frequency
        (f"{HEAD} for 7 days {START}", "no frequency", "'daily'"),
        (f"{HEAD} {START}", "no frequency", "'once'"),
        (HEAD, "no frequency", "'once'"),
        (f"{HEAD} dialy for 7 days {START}", "unknown word 'dialy'", "did you mean 'daily'"),
        (f"{HEAD} twice weekly for 8 weeks {START}", "2 doses a week, but on which days?", "'every 3 days'"),
        (f"{HEAD} 3 times a week for 8 weeks {START}", "3 doses a week, but on which days?", "'every 3 days'"),
        (f"{HEAD} twice for 7 days {START}", "2 doses in which time?", "'twice daily'"),
        (f"{HEAD} 1.5 times daily for 7 days {START}", "not a whole count", "'3 times daily'"),
        (f"{HEAD} daily weekly for 7 days {START}", "two frequencies: 'daily' and 'weekly'", "keep one"),
        (f"{HEAD} daily every 12 hours for 7 days {START}", "two frequencies: 'daily' and 'every'", "keep one"),
        (f"{HEAD} daily for 7 days weekly {START}", "two frequencies: 'daily' and 'weekly'", "keep one"),
        (f"{HEAD} every 0 days for 7 days {START}", "interval: 0.0 days is not positive", "positive"),
        (f"{HEAD} every -1 days for 7 days {START}", "interval: -1.0 days is not positive", "positive"),
        (f"{HEAD} every nan days for 7 days {START}", "interval: 'nan' is not finite", "finite number"),
        (f"{HEAD} every 0.5 minutes for 1 hour {START}", "shorter than a minute", "fewer and larger"),
        # duration
        (f"{HEAD} daily {START}", "but for how long?", "'for 7 days'"),
        (
            f"{HEAD} every 3 days for 7 days {START}",
            "7 days is not a whole number of intervals of 3 days",
            "'for 6 days'",
        ),
        (f"{HEAD} weekly for 3 days {START}", "3 days is not a whole number of intervals of 7 days", "'for 7 days'"),
        (f"{HEAD} daily for 0 days {START}", "duration: 0.0 days is not positive", "positive"),
        (f"{HEAD} daily for seven days {START}", "'seven' is not a number", "'7 days'"),
        (f"{HEAD} daily for 7 days for 8 days {START}", "'for' stands twice", "keep one"),
        (f"{HEAD} once for 7 days {START}", "a duration without a frequency", "add how often"),
        # cycles
        (f"{HEAD} daily for 7 days every 21 days {START}", "every 21 days, without a number of cycles", "'2 cycles'"),
        (f"{HEAD} daily for 7 days, 2 cycles, {START}", "2 cycles without a period", "'every 21 days, 2 cycles'"),
        (f"{HEAD} daily for 7 days every 6 days, 2 cycles, {START}", "6 days is shorter than its", "at least 7 days"),
        (f"{HEAD} daily for 7 days every 21 days, 0 cycles, {START}", "cycles: 0 is not", "'2 cycles'"),
        (f"{HEAD} daily for 7 days every 21 days, 2.5 cycles, {START}", "'2.5 cycles' is not", "'2 cycles'"),
        (f"{HEAD} daily for 7 days every 21 days, -2 cycles, {START}", "'-2 cycles' is not", "'2 cycles'"),
        (f"{HEAD} once, 2 cycles, {START}", "a single dose in cycles", "'every 21 days for 42 days'"),
        # start
        (f"{HEAD} daily for 7 days", "no start", "'from week 4 after surgery'"),
        (f"{HEAD} daily for 7 days from week 4", "the time has no anchor", "'after surgery'"),
        (f"{HEAD} daily from week 4 for 7 days", "the time has no anchor", "'after surgery'"),
        (f"{HEAD} daily for 7 days from surgery", "'surgery' where a time should stand", "'from week 4 after surgery'"),
        (f"{HEAD} daily for 7 days from day -1 after surgery", "-1.0 days lies before", "earlier anchor"),
        (f"{HEAD} daily for 7 days from week 1 before surgery", "a time before its anchor", "earlier anchor"),
        (f"{HEAD} daily for 7 days from week 4 after sugery", "unknown anchor 'sugery'", "did you mean 'surgery'"),
        (
            f"{HEAD} daily for 7 days from week 4 after",
            "unknown anchor ''",
            "known: birth, enrolment, first dose, surgery",
        ),
        (f"{HEAD} daily for 7 days {START} {START}", "'from' stands twice", "keep one"),
        # words and counts
        (f"{HEAD} daily form 7 days {START}", "unknown word 'form'", "known:"),
        (f"{HEAD} daily for 7 days {START} please", "unknown word 'please'", "known:"),
        (f"{HEAD} every minute for 100 days {START}", "more than 100,000 doses", "check interval"),
        (f"{HEAD} every minute for 1e308 days {START}", "more than 100,000 doses", "check interval"),
        (f"{HEAD} daily for 1 day every 1 day, 999999999 cycles, {START}", "more than 100,000 doses", "check interval"),
        (f"{HEAD} once at day 1e300 after surgery", "ends 1e+300 days after its anchor", "check the start"),
        (f"{HEAD} once at day 1e-999999999 after surgeri", "unknown anchor", "did you mean 'surgery'"),
        (f"{HEAD} daily for 7 days {START}" + " x" * 600, "more than 1000", "one regimen a line"),
        ("", "the text is empty", "write one line"),
        (" , \n ", "the text is empty", "write one line"),
        (None, "None is not a line of text", "write one line"),
        (50, "50 is not a line of text", "write one line"),
        (["navitoclax"], "is not a line of text", "write one line"),
    ],
)
def test_refused_lines(line: object, what: str, remedy: str) -> None:
    error = refusal(RegimenError, line)
    assert what in error.what
    assert remedy in str(error.remedy)
    assert "regimen" in str(error.where)


@pytest.mark.parametrize(
    ("said", "what", "remedy"),
    [
        ("daily for 7 from week 4 after surgery", "duration: '7' has no unit of time", "'7 days'"),
        ("every 12 for 7 days from week 4 after surgery", "interval: '12' has no unit of time", "'12 days'"),
        ("daily for 7 days from 4 after surgery", "start: '4' has no unit of time", "'4 days'"),
        ("daily for 7 dayz from week 4 after surgery", "unknown unit of time 'dayz'", "did you mean 'day'"),
        ("daily for 7 mg from week 4 after surgery", "unknown unit of time 'mg'", "known: day"),
    ],
)
def test_refused_units_of_time(said: str, what: str, remedy: str) -> None:
    error = refusal(UnitError, f"{HEAD} {said}")
    assert what in error.what
    assert remedy in str(error.remedy)


def test_a_refusal_points_at_the_character() -> None:
    line = f"{HEAD} dialy for 7 days {START}"
    error = refusal(RegimenError, line, "study.yaml:12")
    assert error.where == f"study.yaml:12: '{line}', character {line.index('dialy') + 1}"


@settings(deadline=None)
@given(st.lists(st.sampled_from([*PAN.replace(",", "").split(), "once", "twice", "nan", "-1", "/", "%", ",", "per"])))
def test_any_shuffle_of_words_parses_or_is_refused_with_advice(words: list[str]) -> None:
    outcome = attempt(" ".join(words))
    if isinstance(outcome, Regimen):
        assert parse_regimen(outcome.text()) == outcome
    else:
        assert outcome.remedy
        assert outcome.where


@pytest.mark.parametrize(
    ("change", "kind", "what", "remedy"),
    [
        ({"evry": "1 day"}, RegimenError, "unknown key 'evry'", "did you mean 'every'"),
        ({"drug": None}, RegimenError, "'drug': None is not a word", "as text"),
        ({"drug": "navitoclacs"}, RegimenError, "unknown drug", "did you mean 'navitoclax'"),
        ({"dose": 50}, UnitError, "'dose': 50 has no unit", "'50 mg/kg'"),
        ({"dose": "50"}, UnitError, "'50' has no unit", "'50 mg/kg'"),
        ({"dose": "50 mg"}, UnitError, "unit 'mg'", "'mg/kg'"),
        ({"dose": "50 mg/kg oral"}, RegimenError, "'oral' stands after its end", "remove 'oral'"),
        ({"dose": True}, RegimenError, "True is not a line of text", "write one line"),
        ({"route": "nasal"}, RegimenError, "route 'nasal'", "known: oral"),
        ({"every": 1}, UnitError, "'every': 1 has no unit", "'7 days'"),
        ({"every": "1"}, UnitError, "every: '1' has no unit of time", "'1 days'"),
        ({"every": "daily"}, RegimenError, "every: 'daily' is not a number", "'7 days'"),
        ({"for": "7.5 days"}, RegimenError, "not a whole number of intervals", "'for 8 days'"),
        ({"cycles": None}, RegimenError, "without a number of cycles", "'2 cycles'"),
        ({"cycles": "2"}, RegimenError, "cycles: '2' is not a whole number", "'2 cycles'"),
        ({"cycles": True}, RegimenError, "cycles: True is not a whole number", "'2 cycles'"),
        ({"cycles": 10**400}, RegimenError, "more than 100,000 doses", "check interval"),
        ({"cycle length": "6 days"}, RegimenError, "shorter than its course", "at least 7 days"),
        ({"from": "week 4"}, RegimenError, "no anchor", "'after surgery'"),
        ({"from": 28}, UnitError, "'from': 28 has no unit", "number and unit"),
        ({"at": "day 3 after surgery"}, RegimenError, "both 'at' and 'from'", "single dose"),
    ],
)
def test_refused_mappings(change: dict[str, object], kind: type[SenospineError], what: str, remedy: str) -> None:
    error = refusal(kind, PAN_MAPPING | change, "study.yaml:9", call=Regimen.from_mapping)
    assert what in error.what
    assert remedy in str(error.remedy)
    assert str(error.where).startswith("study.yaml:9")


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ("drug", "'drug' is missing"),
        ("dose", "'dose' is missing"),
        ("route", "'route' is missing"),
        ("every", "no frequency"),
        ("for", "but for how long?"),
        ("cycle length", "2 cycles without a period"),
        ("from", "no start"),
    ],
)
def test_refused_mappings_with_a_key_missing(missing: str, what: str) -> None:
    mapping = {key: value for key, value in PAN_MAPPING.items() if key != missing}
    assert what in refusal(RegimenError, mapping, call=Regimen.from_mapping).what


def test_a_single_dose_in_a_mapping_cannot_repeat() -> None:
    single = parse_regimen(f"{HEAD} once at day 3 after surgery").to_mapping()
    assert single == {"drug": "navitoclax", "dose": "50 mg/kg", "route": "oral", "at": "day 3 after surgery"}
    error = refusal(RegimenError, single | {"for": "7 days"}, call=Regimen.from_mapping)
    assert "'at' is a single dose, 'for' repeats it" in error.what
    assert "not a mapping" in refusal(RegimenError, [PAN], call=Regimen.from_mapping).what
