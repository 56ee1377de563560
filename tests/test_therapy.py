"""The regimen's two forms, the doses they become, and everything that is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from senospine.errors import FileError, RegimenError, SenospineError, UnitError
from senospine.therapy import Drug, Regimen, dose_table, drug_names, load_drug, parse_regimen, read_drug
from senospine.yaml_files import parse_yaml

PAN = "navitoclax 50 mg/kg oral daily for 7 days every 21 days, 2 cycles, from week 4 after surgery"
PAN_MAPPING = {
    "drug": "navitoclax",
    "dose": "50 mg/kg",
    "route": "oral",
    "every": "1 day",
    "for": "7 days",
    "cycles": 2,
    "cycle length": "21 days",
    "from": "week 4 after surgery",
}
ARM = {"birth": 0.0, "surgery": 91.3}
HEAD = "navitoclax 50 mg/kg oral"
START = "from week 4 after surgery"


def refusal(kind: type[SenospineError], *args: object, call=parse_regimen, **kwargs: object) -> SenospineError:
    with pytest.raises(SenospineError) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is kind, caught.value
    assert caught.value.where
    assert caught.value.remedy
    return caught.value


def attempt(text: str) -> Regimen | SenospineError:
    try:
        return parse_regimen(text)
    except (RegimenError, UnitError) as error:
        return error


# -- Round trips ------------------------------------------------------------------------------------------------


def lengths(smallest: float, largest: float) -> st.SearchStrategy[float]:
    """Lengths of time [day] of every kind: whole minutes, hours, days, weeks, months, and any other."""
    units = (1 / 1440, 1 / 24, 1.0, 7.0, 30.4375)
    whole = st.sampled_from(units).flatmap(
        lambda unit: st.integers(math.ceil(smallest / unit), math.floor(largest / unit)).map(lambda n: n * unit)
    )
    return (whole | st.floats(smallest, largest)).filter(lambda days: smallest <= days <= largest)


@st.composite
def regimens(draw: st.DrawFn) -> Regimen:
    fields: dict[str, object] = {
        "drug": draw(st.sampled_from(["navitoclax", "ABT-263", "abt263"])),
        "dose": draw(st.floats(1e-12, 999_999.0)),
        "unit": "mg/kg",
        "route": "oral",
        "start_days": draw(lengths(0.0, 9000.0)),
        "anchor": draw(st.sampled_from(["birth", "surgery", "first dose"])),
    }
    if draw(st.booleans()):
        interval = draw(lengths(1 / 1440, 100.0))
        duration = interval * draw(st.integers(1, 50))
        fields |= {"interval_days": interval, "duration_days": duration}
        if draw(st.booleans()):
            fields |= {"cycles": draw(st.integers(1, 9)), "cycle_days": draw(lengths(duration, 10_000.0))}
    return Regimen(**fields)


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


# -- What can be said -------------------------------------------------------------------------------------------


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


# -- What is refused --------------------------------------------------------------------------------------------


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
        (f"50 mg/kg navitoclax oral once {START}", "unknown drug '50'", "known: ABT-263, ABT263, navitoclax"),
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
        (f"{HEAD} daily for 7 days from week 4 after", "unknown anchor ''", "known: birth, first dose, surgery"),
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


# -- Doses ------------------------------------------------------------------------------------------------------


def test_pan_2024_gives_fourteen_doses() -> None:
    """Pan 2024, 10.7554/eLife.92889: 7 days on, 2 weeks off, 7 days on, 700 mg/kg, from week 4 after surgery."""
    table = dose_table([parse_regimen(PAN)], {"birth": -91.0, "surgery": 0.0})
    assert table.columns.tolist() == ["time", "drug", "route", "target", "amount", "unit", "regimen", "dose"]
    assert table["time"].tolist() == [float(day) for day in (*range(28, 35), *range(49, 56))]
    assert table["dose"].tolist() == list(range(1, 15))
    assert table["amount"].sum() == 700.0
    assert table[["drug", "route", "target", "unit", "regimen"]].drop_duplicates().to_numpy().tolist() == [
        ["navitoclax", "oral", "navitoclax_gut", "mg/kg", 0]
    ]


def test_doses_stand_on_the_clock_of_the_arm() -> None:
    aged = parse_regimen("navitoclax 50 mg/kg oral daily for 7 days from 23 months after birth")
    assert dose_table([aged], {"birth": 2.0})["time"].tolist() == [702.0625 + day for day in range(7)]


def test_dose_times_do_not_add_up_rounding() -> None:
    regimen = parse_regimen(f"{HEAD} every 8 hours for 1000 days from day 1 after birth")
    times = dose_table([regimen], ARM)["time"].tolist()
    assert len(times) == 3000
    assert times == [1.0 + k * (1 / 3) for k in range(3000)]
    assert times[2997] == 1000.0


def test_courses_are_half_open() -> None:
    first = parse_regimen(f"{HEAD} daily for 7 days from week 4 after surgery")
    second = parse_regimen("navitoclax 25 mg/kg oral daily for 7 days from week 5 after surgery")
    last = parse_regimen("navitoclax 10 mg/kg oral once at day 42 after surgery")
    for surgery in (0.0, 91.3, 1 / 3):
        table = dose_table([last, second, first], {"surgery": surgery})
        assert table["time"].tolist() == pytest.approx([surgery + day for day in (*range(28, 43),)], abs=1e-12)
        assert table["amount"].tolist() == [50.0] * 7 + [25.0] * 7 + [10.0]


@pytest.mark.parametrize(
    "second",
    [
        "daily for 7 days from day 34 after surgery",
        "daily for 1 day from day 28 after surgery",
        "weekly for 7 days from day 34.5 after surgery",
        "once at day 28 after surgery",
        "once at day 34.5 after surgery",
        "once at day 119.3 after birth",
        "daily for 7 days from day 49 after surgery",
        "daily for 70 days from day 0 after surgery",
        "once at day 3 after first dose",
    ],
)
def test_overlapping_courses_of_one_drug_are_refused(second: str) -> None:
    other = parse_regimen(f"navitoclax 25 mg/kg oral {second}")
    error = refusal(RegimenError, [parse_regimen(PAN), other], ARM, call=dose_table, where="study.yaml:12")
    assert "overlap" in error.what
    assert f"regimen 1, '{PAN}'" in error.what
    assert f"regimen 2, '{other.text()}'" in error.what
    assert "let one end before" in str(error.remedy)
    assert error.where == "study.yaml:12"


def test_a_course_may_stand_in_the_pause_of_another() -> None:
    pause = parse_regimen("navitoclax 25 mg/kg oral daily for 14 days from week 5 after surgery")
    assert dose_table([parse_regimen(PAN), pause], ARM)["dose"].size == 28


@pytest.fixture
def second_drug(monkeypatch: pytest.MonkeyPatch) -> Drug:
    """A made-up drug, dosed per person, so that two drugs and two species can be told apart."""
    from senospine.therapy import drug as room

    data = {
        "name": "imaginary",
        "class": "made up for this test",
        "source": [{"doi": "10.1000/none", "citation": "none"}],
        "species": ["mouse", "human"],
        "dose_units": {"mouse": "mg/kg", "human": "mg"},
        "routes": {"oral": {"target": "imaginary_gut"}, "intravenous": {"target": "imaginary_blood"}},
    }
    imaginary = Drug.model_validate(data)
    both = (load_drug("navitoclax"), imaginary)
    monkeypatch.setattr(room, "_drugs", lambda: both)
    room._catalogue.cache_clear()
    yield imaginary
    room._catalogue.cache_clear()


@pytest.mark.usefixtures("second_drug")
def test_simultaneous_doses_stand_in_the_stated_order() -> None:
    # 91.3 + 35 and 126.3 differ in their last bit or not; they are one time either way.
    one = parse_regimen("imaginary 1 mg/kg oral daily for 3 days from week 5 after surgery")
    two = parse_regimen("navitoclax 2 mg/kg oral daily for 3 days from day 126.3 after birth")
    for order in ([one, two], [two, one]):
        for surgery in (91.3, 91.3 + 3e-14, 91.3 - 3e-14):
            table = dose_table(order, {"birth": 0.0, "surgery": surgery})
            assert table["regimen"].tolist() == [0, 1, 0, 1, 0, 1]
            assert table["drug"].tolist() == [each.drug for each in order] * 3
            assert table["time"].is_monotonic_increasing
            assert table["time"].nunique() == 3


@pytest.mark.usefixtures("second_drug")
def test_routes_share_the_drug_and_units_follow_the_species() -> None:
    oral = parse_regimen("imaginary 1 mg/kg oral daily for 3 days from day 0 after birth")
    blood = parse_regimen("imaginary 1 mg/kg intravenous once at day 1 after birth")
    assert "overlap" in refusal(RegimenError, [oral, blood], ARM, call=dose_table).what
    assert dose_table([blood], ARM)["target"].tolist() == ["imaginary_blood"]
    person = parse_regimen("imaginary 0.15 g oral once at day 1 after birth")
    assert (person.dose, person.unit) == (150.0, "mg")
    assert dose_table([person], ARM, species="human")["amount"].tolist() == [150.0]
    error = refusal(UnitError, [person], ARM, call=dose_table)
    assert "dosed in mg/kg in mouse, not in mg" in error.what


@pytest.mark.usefixtures("second_drug")
def test_first_dose_is_the_earliest_of_the_regimens_with_another_anchor() -> None:
    late = parse_regimen("imaginary 1 mg/kg oral once at day 60 after surgery")
    follows = parse_regimen("imaginary 1 mg/kg oral once at day 2 after first dose")
    table = dose_table([follows, late, parse_regimen(PAN)], {"surgery": 10.0})
    assert table.loc[table["regimen"] == 0, "time"].tolist() == [40.0]
    error = refusal(RegimenError, [follows], ARM, call=dose_table)
    assert "every regimen counts from the first dose" in error.what
    assert "birth or surgery" in str(error.remedy)
    assert "is given as an anchor" in refusal(RegimenError, [late], ARM | {"first dose": 1.0}, call=dose_table).what


def test_anchors_an_arm_does_not_have_are_refused() -> None:
    error = refusal(RegimenError, [parse_regimen(PAN)], {"birth": 0.0}, call=dose_table)
    assert "counts from surgery, which this arm does not have" in error.what
    assert "an anchor of this arm: birth" in str(error.remedy)
    assert "it has none" in str(refusal(RegimenError, [parse_regimen(PAN)], {}, call=dose_table).remedy)
    assert "not a time" in refusal(RegimenError, [parse_regimen(PAN)], {"surgery": math.nan}, call=dose_table).what


def test_doses_before_birth_are_refused() -> None:
    error = refusal(RegimenError, [parse_regimen(PAN)], {"birth": 100.0, "surgery": 0.0}, call=dose_table)
    assert "first dose on day 28, before birth on day 100" in error.what


def test_species_without_data_are_refused() -> None:
    error = refusal(RegimenError, [parse_regimen(PAN)], ARM, call=dose_table, species="human")
    assert "navitoclax has no data for species 'human'" in error.what
    assert "mouse" in str(error.remedy)


def test_too_many_doses_in_one_arm_are_refused() -> None:
    first = parse_regimen(f"{HEAD} every minute for 69 days from day 0 after birth")
    second = parse_regimen(f"{HEAD} every minute for 69 days from day 69 after birth")
    assert "more than 100,000 doses" in refusal(RegimenError, [first, second], ARM, call=dose_table).what


def test_an_arm_without_regimens_has_an_empty_table_of_the_same_form() -> None:
    empty, full = dose_table([], ARM), dose_table([parse_regimen(PAN)], ARM)
    assert len(empty) == 0
    assert empty.dtypes.tolist() == full.dtypes.tolist()
    assert empty.columns.tolist() == full.columns.tolist()


# -- Drugs ------------------------------------------------------------------------------------------------------

DRUG_FILE = """\
name: other
class: made up
source:
  - {doi: 10.1000/none, citation: none}
species: [mouse]
dose_units: {mouse: mg/kg}
routes:
  oral: {target: other_gut}
"""


def test_navitoclax_has_a_source_and_a_target() -> None:
    drug = load_drug("abt-263")
    assert drug is load_drug("navitoclax")
    assert drug_names() == ("navitoclax",)
    assert drug.routes["oral"].target == "navitoclax_gut"
    assert drug.dose_units == {"mouse": "mg/kg"}
    assert "10.7554/eLife.92889" in [source.doi for source in drug.source]
    assert "did you mean 'navitoclax'" in str(refusal(RegimenError, "navitoclas", "x", call=load_drug).remedy)


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "remedy"),
    [
        ("species:", "speceis:", 5, "unknown key 'speceis'", "did you mean 'species'"),
        ("{target: other_gut}", "{taget: other_gut}", 8, "unknown key 'taget'", "did you mean 'target'"),
        ("{doi: 10.1000/none, citation: none}", "{citation: none}", 4, "'source.0.doi' is missing", "'doi'"),
        ("10.1000/none", "somewhere", 4, "'source.0.doi' is not accepted", "navitoclax"),
        ("class: made up\n", "", 1, "'class' is missing", "'class'"),
        ("name: other", "name: two words", 1, "'name' is not accepted", "navitoclax"),
        ("{mouse: mg/kg}", "{human: mg}", 1, "must name the same species", "navitoclax"),
    ],
)
def test_refused_drug_files(tmp_path: Path, old: str, new: str, line: int, what: str, remedy: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(DRUG_FILE, encoding="utf-8")
    assert read_drug(path).routes["oral"].target == "other_gut"
    path.write_text(DRUG_FILE.replace(old, new), encoding="utf-8")
    error = refusal(RegimenError, path, call=read_drug)
    assert what in error.what
    assert remedy in str(error.remedy)
    assert error.where == f"{path}:{line}"


def test_a_missing_drug_file_is_a_file_error(tmp_path: Path) -> None:
    assert "cannot read" in refusal(FileError, tmp_path / "none.yaml", call=read_drug).what


def test_a_name_of_two_drugs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from senospine.therapy import drug as room

    navitoclax = load_drug("navitoclax")
    monkeypatch.setattr(room, "_drugs", lambda: (navitoclax, navitoclax.model_copy(update={"name": "other"})))
    room._catalogue.cache_clear()
    with pytest.raises(RegimenError, match="belongs to two drugs"):
        load_drug("other")
    room._catalogue.cache_clear()
