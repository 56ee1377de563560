"""The doses that regimens become on the clock of an arm."""

from __future__ import annotations

import math

import pytest
from drug_helpers import KINETICS, rows
from therapy_helpers import ARM, HEAD, PAN, refusal

from senospine.errors import RegimenError, UnitError
from senospine.therapy import Drug, dose_table, load_drug, parse_regimen


def test_pan_2024_gives_fourteen_doses() -> None:
    """Pan 2024, 10.7554/eLife.92889: 7 days on, 2 weeks off, 7 days on, 700 mg/kg, from week 4 after surgery."""
    table = dose_table([parse_regimen(PAN)], {"birth": -91.0, "surgery": 0.0})
    assert table.columns.tolist() == ["time", "drug", "route", "target", "amount", "unit", "regimen", "dose", "given"]
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
        "kinetics": {"human": rows(KINETICS)},
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
    table = dose_table([person], ARM, species="human")
    assert table[["target", "amount", "unit"]].iloc[0].tolist() == ["imaginary_gut", 150.0, "mg"]
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
