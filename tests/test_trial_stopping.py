"""Those who stop treatment: their courses are the mechanism's, whatever the day, and trials follow them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from trial_helpers import bank, design

from senospine.errors import FileError, TrialError
from senospine.trial import (
    COURSES,
    UNTREATED,
    PatientBank,
    Stops,
    lasting_benefit,
    make_bank,
    read_bank,
    read_therapy,
    simulate_trial,
    stop_days,
    stopping_text,
)
from senospine.trial.patients import Plan, simulate_people, until
from senospine.trial.taking import Taking

PULSED = "navitoclax 250 mg oral daily for 7 days every 28 days, 3 cycles, from day 0 after enrolment"
KEY = read_therapy(PULSED).text
WEEKLY = tuple(float(day) for day in range(0, 85, 7))
LASTING = 90.0  # half-life of the effect in the bank of `stopping_bank` [days]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> PatientBank:
    """People in three pulses who stop after each pulse, or on its fourth day."""
    place = tmp_path_factory.mktemp("stops")
    return make_bank(
        place, [PULSED], patients=150, draws=1, weeks=12, uncertainty="none", stops=[4, 28, 32, 56, 60], workers=1
    )


def stopping_bank() -> PatientBank:
    """Return 1,500 people whose relief grows on a drug that takes their platelets, and halves slowly once they stop."""
    plain = bank(2.0, fall=0.95)
    days, untreated, drug = plain.days, plain.courses[UNTREATED], plain.courses["drug"]

    def after(stop: float) -> dict[str, np.ndarray]:
        later, at = days[days > stop], int(np.searchsorted(days, stop))
        left = {"pain": 0.5 ** ((later - stop) / LASTING), "platelets": np.exp(-(later - stop) / 5)}
        return {
            name: (
                untreated[name][:, days > stop]
                + (drug[name] - untreated[name])[:, [at]] * left.get(name, np.zeros_like(later))
            ).astype(np.float32)
            for name in COURSES
        }

    stops = (14.0, 28.0, 56.0)
    held = Stops(stops, tuple(np.arange(84.0)), tuple(after(stop) for stop in stops))
    return replace(plain, stops={"drug": held})


@pytest.mark.parametrize(
    ("day", "given"),
    [
        (28.0, PULSED.replace("3 cycles", "1 cycles")),
        (31.0, f"{PULSED.replace('3 cycles', '1 cycles')} + "
               f"{PULSED.split(' every')[0].replace('7 days', '3 days')} from day 28 after enrolment"),
    ],
)  # fmt: skip
def test_going_on_from_the_stop_is_a_life_with_the_regimen_cut_short(day: float, given: str) -> None:
    plan = Plan((read_therapy(PULSED),), WEEKLY, 4, stops=(day,))
    short = Plan((read_therapy(given),), WEEKLY, 4)
    gone_on = simulate_people(plan, 1, 0, 8).courses[until(KEY, day)]
    scratch = simulate_people(short, 1, 0, 8).courses[read_therapy(given).text]
    width = sum(item > day for item in WEEKLY)
    for name, rtol, atol in (("spinal_pain", 2e-3, 0), ("platelets", 1e-3, 0), ("neutrophils", 1e-3, 0),
                             ("gut_exposure", 1e-3, 1e-6)):  # fmt: skip
        assert gone_on[name].shape == (8, width)
        np.testing.assert_allclose(gone_on[name], scratch[name][:, -width:], rtol=rtol, atol=atol, err_msg=name)
    treated = simulate_people(plan, 1, 0, 8).courses[KEY]
    assert (np.abs(treated["platelets"][:, -width:] / gone_on["platelets"] - 1)).max() > 0.2  # and no other life


def test_who_never_stops_is_who_they_were_to_the_last_bit() -> None:
    with_stops, without = (
        simulate_people(Plan((read_therapy(PULSED),), WEEKLY, 4, stops=stops), 0, 0, 8) for stops in ((20.0, 28.0), ())
    )
    assert set(without.courses) == {UNTREATED, KEY}
    assert set(with_stops.courses) == {UNTREATED, KEY, until(KEY, 20.0)}  # by day 28 nobody has had more
    for key, outputs in without.courses.items():
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, with_stops.courses[key][name])
    for name, column in without.people.items():
        np.testing.assert_array_equal(column, with_stops.people[name])


def test_stopping_at_once_is_no_treatment_and_after_the_end_all_of_it(people: PatientBank) -> None:
    assert people.stops[KEY].days == (4, 28, 32, 56, 60)
    for name in COURSES:
        untreated, treated = people.course(UNTREATED)[name], people.course(KEY)[name]
        np.testing.assert_array_equal(people.course(KEY, stopped=0.0)[name], untreated)
        np.testing.assert_array_equal(people.course(KEY, stopped=63.5)[name], treated)  # had every dose
        cut = people.course(KEY, stopped=28.0)[name]
        np.testing.assert_array_equal(cut[:, :5], treated[:, :5])
        np.testing.assert_array_equal(cut[:, 5:], people.stops[KEY].courses[1][name])
        np.testing.assert_array_equal(people.course(KEY, stopped=14.0)[name][:, 5:], cut[:, 5:])  # between pulses
        np.testing.assert_array_equal(people.course(UNTREATED, stopped=14.0)[name], untreated)
    relief = people.course(UNTREATED)["pain"] - people.course(KEY, stopped=28.0)["pain"]
    hit = relief[:, 4] > 0.1
    assert hit.any()
    # a week later more is left than 14 days' half-life would leave
    assert np.median(relief[hit, 5] / relief[hit, 4]) > 0.5**0.5


def test_who_stops_between_stop_days_lies_between_their_courses_by_doses(people: PatientBank) -> None:
    """Left out of the grid, the exact course of who stopped amid a pulse is met closely, and better than by fading."""
    whole = people.stops[KEY]
    kept = [place for place, day in enumerate(whole.days) if day in {28, 56}]
    coarse = replace(
        people,
        stops={KEY: Stops((28, 56), whole.doses, tuple(whole.courses[place] for place in kept))},
    )
    for day in (32.0, 60.0):
        later = people.days > day
        exact = people.course(KEY, stopped=day)
        met = coarse.course(KEY, stopped=day)
        untreated, treated = people.course(UNTREATED), people.course(KEY)
        fading = untreated["pain"] + 0.5 ** (np.maximum(people.days - day, 0) / 14) * (
            treated["pain"] - untreated["pain"]
        )
        error = {name: np.abs(met[name] - exact[name])[:, later].mean() for name in ("pain", "platelets")}
        assert error["pain"] < 0.02
        assert error["pain"] < 0.3 * np.abs(fading - exact["pain"])[:, later].mean()
        assert error["platelets"] < 0.1 * people.baseline["platelets"].mean()
        assert error["pain"] > 0  # it is an approximation


def test_weights_place_a_stop_by_the_doses_before_it() -> None:
    empty = [dict.fromkeys(COURSES, np.zeros((2, 1), np.float32))] * 2
    stops = Stops((7.0, 14.0), (0.0, 1.0, 7.0, 8.0, 9.0, 10.0, 14.0, 15.0), tuple(empty))
    np.testing.assert_allclose(
        stops.weights([0, 0.5, 3, 7, 9, 12, 14, 14.5, 99]),
        [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 1, 0],
         [0, 0, 0.5, 0.5], [0, 0, 0, 1]],
    )  # fmt: skip
    once = Stops((), (2.0,), ())
    np.testing.assert_array_equal(once.weights([1, 2, 3]), [[1, 0], [1, 0], [0, 1]])
    for days in ((7.0, 3.0), (7.0, 7.5, 14.0), (0.0, 7.0), (7.0, 16.0)):
        with pytest.raises(TrialError, match="more doses than the one before"):
            Stops(days, stops.doses, tuple(empty))
    assert stop_days(84, [14, 28, 84]) == (14, 28, 56)


def test_a_trial_shows_the_fading_of_the_mechanism_and_not_of_a_half_life() -> None:
    """Everyone on the drug stops at the first visit, for platelets; context is left out."""
    plan = design(
        ("{control: pill}", "{control: none}"), ("rate: 20 %", "rate: 0 %"),
        more="dose_holds: stop below 25\nestimand: {stopping: hypothetical}\n",
    )  # fmt: skip
    people = stopping_bank()
    lost: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for number in range(12):
        for lasting, patients in ((True, people), (False, replace(people, stops={}))):
            data = simulate_trial(plan, patients, 5, number)
            out = (data.enrolled.arm == 1) & (data.day_stopped == 14)
            lost[lasting].append((data.complete["pain"] - data.ideal["pain"])[out])
    assert len(lost[True][0]) > 30
    week = np.array([14.0, 28.0, 56.0, 84.0])[:, None] - np.arange(7)
    at = np.maximum(week // 7 * 7, 14)  # the bank's day before each day of the week that is rated
    rise, first = 2 * -np.expm1(-at / 28), 2 * -np.expm1(-0.5)
    mechanism, faded = (np.concatenate(lost[key]).mean(axis=0) for key in (True, False))
    lasting = (rise - first * 0.5 ** ((at - 14) / LASTING)).mean(axis=1)
    np.testing.assert_allclose(mechanism, lasting, rtol=0.12)  # ends of 0-10 take a part of any difference
    gone = 1 - 0.5 ** ((np.array([14.0, 28.0, 56.0, 84.0]) - 14) / 14)
    np.testing.assert_allclose(faded, (rise * gone[:, None]).mean(axis=1), rtol=0.12)
    assert faded[-1] > mechanism[-1] + 0.4


def test_treatment_ends_between_visits_when_its_event_came() -> None:
    """Days of stopping are those of a constant hazard, and the patients' own; those who stay are left as they were."""
    plan = design(
        ("rate: 20 %, mechanism: at random, log_hazard_per_point: 0.3", "rate: 60 %, mechanism: completely at random")
    )
    trials = [simulate_trial(plan, bank(), 7, number) for number in range(20)]
    visits = np.array([0.0, 14.0, 28.0, 56.0, 84.0])
    days = np.concatenate([data.day_stopped for data in trials])
    stopped = np.concatenate([data.stopped for data in trials])
    np.testing.assert_array_equal(np.isnan(days), stopped == 4)
    gone = stopped < 4
    assert (days[gone] <= visits[stopped[gone] + 1]).all()
    assert (days[gone] >= visits[stopped[gone]]).all()
    rate = -np.log(0.4) / 84
    assert stats.kstest(days[gone], lambda t: np.expm1(-rate * t) / np.expm1(-rate * 84)).pvalue > 0.001
    nobody = simulate_trial(design(("rate: 20 %", "rate: 0 %")), bank(), 7, 0)
    stayed = trials[0].stopped == 4
    np.testing.assert_array_equal(trials[0].complete["pain"][stayed], nobody.complete["pain"][stayed])


def test_a_pause_takes_away_what_its_doses_did(people: PatientBank) -> None:
    """The bank's own courses: stopped at the hold, plus treated, minus stopped at its end."""
    plan = design(("{therapy: drug}", f"{{therapy: '{PULSED}'}}"), ("{at_least: 4, days: 7}", "{days: 7}"))
    enrolled = simulate_trial(plan, people, 1, 0).enrolled
    n = len(enrolled.row)
    everyone, nobody = np.ones(n, bool), np.zeros(n, bool)
    taking = Taking(plan, people, enrolled, np.full(n, 0.5))
    drug = enrolled.arm == 1
    rows = enrolled.row[drug]

    def pain(day: float) -> np.ndarray:
        return taking.courses("pain", np.array([day]))[1][drug, 0]

    def of(stopped: float, day: float) -> np.ndarray:
        place = people.days == day
        untreated = people.course(UNTREATED)["pain"][rows][:, place][:, 0].astype(float)
        return np.asarray(
            untreated + 0.5 * (people.course(KEY, stopped=stopped)["pain"][rows][:, place][:, 0] - untreated)
        )

    taking.advance(28)
    taking.hold(everyone, 28)
    np.testing.assert_allclose(pain(56), of(28, 56), rtol=1e-6)
    taking.hold(everyone, 42)  # held again: nothing changes
    taking.advance(28)
    taking.hold(nobody, 56)
    np.testing.assert_allclose(pain(84), of(28, 84) + of(99, 84) - of(56, 84), rtol=1e-6)
    taking.end(everyone, np.full(n, 60.0), 84)
    np.testing.assert_allclose(pain(84), of(28, 84) + of(60, 84) - of(56, 84), rtol=1e-6)
    assert not taking.receiving.any()
    taking.hold(nobody, 84)  # who has stopped does not begin again
    np.testing.assert_allclose(pain(84), of(28, 84) + of(60, 84) - of(56, 84), rtol=1e-6)
    held = Taking(plan, people, enrolled, np.full(n, 0.5))
    held.hold(everyone, 28)
    held.end(everyone, np.full(n, 40.0), 56)  # stops while doses are held
    taking = held
    np.testing.assert_allclose(pain(84), of(28, 84), rtol=1e-6)


def test_exposure_between_visits_makes_adverse_events() -> None:
    """A pulse is over by the visit; what the gut had since the last counts."""
    plain = bank()
    gut = plain.courses["drug"]["gut_exposure"].copy()
    gut[:, np.isin(plain.days, [14, 28, 56, 84])] = 0
    pulses = replace(plain, courses={**plain.courses, "drug": {**plain.courses["drug"], "gut_exposure": gut}})
    plan = design(("rate: 20 %", "rate: 0 %"), more="adverse_events: {per_gut_exposure: 40 %}\n")
    events = np.array([
        [data.events.any(axis=1)[data.enrolled.arm == arm].mean() for arm in (0, 1)]
        for data in (simulate_trial(plan, pulses, 7, number) for number in range(30))
    ]).mean(axis=0)  # fmt: skip
    # half of the days of the first two spans, three of four of the others
    np.testing.assert_allclose(events, [0, 1 - 0.6 ** ((28 * 0.5 + 56 * 0.75) / 84)], atol=0.05)


def test_stops_come_back_as_they_were_written_and_damage_is_found(people: PatientBank, tmp_path: Path) -> None:
    people.write(tmp_path)
    again = read_bank(tmp_path)
    assert again.sha256 == people.sha256 != replace(people, stops={}).sha256
    assert again.stops[KEY].days == people.stops[KEY].days
    for one, other in zip(again.stops[KEY].courses, people.stops[KEY].courses, strict=True):
        for name in COURSES:
            np.testing.assert_array_equal(one[name], other[name])
    file = next(iter(sorted(tmp_path.glob("*-stop-001.parquet"))))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(FileError, match=r"-stop-001\.parquet' of the bank"):
        read_bank(tmp_path)
    short = replace(people.stops[KEY], courses=people.stops[KEY].courses[::-1])
    with pytest.raises(TrialError, match=r"who stop .* on day 4 is not"):
        replace(people, stops={KEY: short})
    with pytest.raises(TrialError, match="not those who go on"):
        replace(people, stops={"another": people.stops[KEY]})


def test_banks_without_stops_fade_by_the_designs_half_life_and_say_so(tmp_path: Path) -> None:
    plain = bank()
    plain.write(tmp_path)
    assert "stops" not in json.loads((tmp_path / "manifest.json").read_text())
    again = read_bank(tmp_path)
    assert not again.stops
    with pytest.raises(TrialError, match="holds nobody who stops 'drug'"):
        again.course("drug", stopped=28.0)
    told = stopping_text(design(), again)
    assert "nobody who stops drug" in told
    assert "a stand-in" in told
    assert "14 days" in told
    assert "stand-in" not in stopping_text(design(), stopping_bank())
    assert lasting_benefit(design(), again) == []


def test_how_long_a_benefit_lasts_is_its_half_life() -> None:
    (found,) = lasting_benefit(design(), stopping_bank(), 14.0)
    assert np.isinf(found.median)  # 90 days are more than the bank has left
    assert found.kept == pytest.approx(1)
    assert "more than 70" in found.text()
    assert found.to_dict()["median_days"] is None
    people = stopping_bank()
    longer = np.concatenate([people.days, people.days[1:] + 84])
    grown = {
        therapy: {name: np.concatenate([values, np.repeat(values[:, -1:], 12, axis=1)], axis=1)
                  for name, values in outputs.items()}
        for therapy, outputs in people.courses.items()
    }  # fmt: skip
    stop = people.stops["drug"].courses[0]
    untreated, relief = grown[UNTREATED]["pain"], grown[UNTREATED]["pain"] - grown["drug"]["pain"]
    left = 0.5 ** ((longer[longer > 14] - 14) / LASTING)
    after = {name: np.concatenate([values, np.repeat(values[:, -1:], 12, axis=1)], axis=1)
             for name, values in stop.items()}  # fmt: skip
    after["pain"] = (untreated[:, 3:] - relief[:, [2]] * left).astype(np.float32)
    held = replace(
        people, days=longer, courses=grown, stops={"drug": Stops((14.0,), people.stops["drug"].doses, (after,))}
    )
    (found,) = lasting_benefit(design(), held, 14.0)
    np.testing.assert_allclose(found.median, LASTING, atol=0.1)
    assert found.kept == 0
    assert "after 90 days" in found.text()
