"""Dosing rules: read from text and mapping, and followed by the engine as written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blood_helpers import person
from hypothesis import given
from hypothesis import strategies as st

from senospine.engine import Entry, Kernel, Schedule, compile_model
from senospine.errors import RegimenError, UnitError
from senospine.therapy import DosingRule, Prescribed, as_measured, load_rule, rule_names
from senospine.therapy.rule_steps import ACTIONS, RuleStep, read_step, read_visit

UNITS = {"platelets": "1e9/L"}


def doses(amount: float = 250.0, days: int = 21, first: float = 0.0, drug: str = "navitoclax") -> list[Prescribed]:
    """Return daily doses as a regimen makes them."""
    return [Prescribed(first + day, drug, "drug", amount, "mg") for day in range(days)]


def rule(*steps: str, visits: tuple[str, ...] = ("every 7 days",)) -> DosingRule:
    return DosingRule(
        "own", "navitoclax", "", (), tuple(map(read_visit, visits)), tuple(read_step(step) for step in steps)
    )


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return compile_model(person(), outputs=["platelets"])


def given_doses(kernel: Kernel, own: DosingRule, table: list[Prescribed], **parameters: object) -> np.ndarray:
    """Return what each subject was given, dose by dose."""
    entries = [
        Entry(dose.given, "bolus", "drug", amount) for dose, amount in zip(table, own.amounts(table), strict=True)
    ]
    schedule = Schedule.shared(entries, own.decisions(table, UNITS))
    found = kernel.solve(parameters, schedule=schedule, times=[30.0])
    decided = found.decided
    if decided is None:  # no decision: as written
        return np.array([[entry.amount for entry in entries]])
    return np.array([[dose.given for dose in decided.doses(subject)] for subject in range(len(found.status))])


@pytest.mark.parametrize("name", rule_names())
def test_shipped_rules_read_back_from_line_and_mapping_and_name_their_sources(name: str) -> None:
    own = load_rule(name)
    assert own.source
    for step in own.steps:
        assert read_step(step.text()) == step == read_step(step.to_mapping())


@given(
    action=st.sampled_from(ACTIONS[1:]),
    below=st.floats(0.1, 1e4),
    more=st.floats(0, 1e4),
    observe=st.sampled_from(["platelets", "neutrophils"]),
)
def test_any_step_reads_back_to_itself(action: str, below: float, more: float, observe: str) -> None:
    until = below + more if action == "hold" else below
    step = RuleStep(action, observe, below, until, "1e9/L")  # type: ignore[arg-type]
    assert read_step(step.text()) == step == read_step(step.to_mapping())


def test_nobody_below_the_entry_count_is_given_a_dose(kernel: Kernel) -> None:
    own = rule("start if platelets at least 100 1e9/L")
    taken = given_doses(kernel, own, doses(), platelets_baseline=np.array([99.0, 100.0]))
    assert taken[0].sum() == 0
    assert (taken[1] == 250).all()


def test_a_lead_in_is_given_and_left_only_with_a_count_that_allows_it(kernel: Kernel) -> None:
    """250 mg after 150 mg for a week where the count on day 7 is at least 50; else 150 mg until it is."""
    own = rule("lead in 150 mg for 7 days", "escalate if platelets at least 50 1e9/L")
    taken = given_doses(kernel, own, doses(), platelets_baseline=np.array([100.0, 49.0]))
    assert (taken[0] == [150.0] * 7 + [250.0] * 14).all()
    assert taken[1] == pytest.approx(np.full(21, 150.0))


def test_doses_below_the_lead_in_stay_what_they_are(kernel: Kernel) -> None:
    own = rule("lead in 150 mg for 7 days", "escalate if platelets at least 50 1e9/L")
    assert (given_doses(kernel, own, doses(100.0), platelets_baseline=np.array([40.0])) == 100).all()


def test_doses_are_held_below_and_resumed_above(kernel: Kernel) -> None:
    """A hold lasts from the visit that finds less than 50 to the visit that finds more than 75."""
    own = rule("hold if platelets below 50 1e9/L until above 75 1e9/L", visits=("every 2 days",))
    table = doses()
    kill = {"potency": 1.0 / 250, "platelets_baseline": np.array([110.0])}
    taken = given_doses(kernel, own, table, **kill)[0]
    assert set(taken) == {0.0, 250.0}
    # the count at each day of this course, from a run in which the doses given are simply written down
    written = Schedule.shared(
        [Entry(float(day), "bolus", "drug", amount) for day, amount in enumerate(taken) if amount]
    )
    count = kernel.solve(kill, schedule=written, times=[dose.given for dose in table], rtol=1e-7)["platelets"][0]
    held = False
    for day, amount in enumerate(taken):
        if day and day % 2 == 0:
            held = count[day] <= 75 if held else count[day] < 50
        assert amount == (0 if held else 250), day
    assert (np.diff(taken) > 0).any()  # it was resumed


def test_each_fall_to_grade_four_halves_what_follows_for_good_and_a_stop_ends_it(kernel: Kernel) -> None:
    kill = {"potency": 2.0 / 250, "platelets_baseline": np.array([100.0])}
    halved = given_doses(kernel, rule("halve if platelets below 25 1e9/L", visits=("day 3",)), doses(), **kill)[0]
    assert (halved == [250.0] * 3 + [125.0] * 18).all()
    stopped = given_doses(kernel, rule("stop if platelets below 25 1e9/L", visits=("day 3",)), doses(), **kill)[0]
    assert (stopped == [250.0] * 3 + [0.0] * 18).all()


def test_visits_follow_the_first_dose_and_end_with_the_last() -> None:
    own = rule("stop if platelets below 25 1e9/L", visits=("day 3", "every 7 days"))
    (decision,) = own.decisions(doses(first=100.0), UNITS)
    assert decision.times == (103.0, 107.0, 114.0)  # 121 lies after the last dose, on day 120
    (escalation,) = rule("lead in 150 mg for 7 days", "escalate if platelets at least 50 1e9/L").decisions(
        doses(first=100.0), UNITS
    )
    assert escalation.times == (107.0, 114.0)
    assert escalation.factor == pytest.approx(0.6)


def test_a_count_read_once_is_a_measured_one_and_noise_moves_it_as_it_should(kernel: Kernel) -> None:
    """At the entry count half of the patients are turned away, whatever block of a run they are in."""
    own = rule("start if platelets at least 100 1e9/L", "halve if platelets below 25 1e9/L", visits=("day 3",))
    start, halve = own.decisions(doses(), UNITS)
    measured = as_measured((start,), 0.05, 4000, seed=1)
    limits = np.asarray(measured[0].below)
    assert np.mean(limits > 100.0) == pytest.approx(0.5, abs=0.03)
    assert np.log(limits).std() == pytest.approx(np.sqrt(np.log1p(0.05**2)), rel=0.04)
    late = np.asarray(as_measured((start,), 0.05, 10, seed=1, first=200)[0].below)
    np.testing.assert_array_equal(late, limits[200:210])
    often = own.decisions(doses(), UNITS)[1]
    assert as_measured((halve,), 0.0, 3, seed=1)[0].below is not None
    assert often.times == (3.0,)
    repeated = rule("halve if platelets below 25 1e9/L").decisions(doses(), UNITS)
    assert as_measured(repeated, 0.05, 3, seed=1)[0] is repeated[0]  # looks often: the true count


def test_thresholds_are_turned_into_the_models_unit() -> None:
    (decision,) = rule("stop if platelets below 0.025 1e9/mL").decisions(doses(), UNITS)
    assert decision.below == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pause if platelets below 50 1e9/L", "unknown action 'pause'"),
        ("hold if platelets below 50 1e9/L", "where 'until' should stand"),
        ("hold if platelets below 50 1e9/L until above 40 1e9/L", "resumes below the count at which it holds"),
        ("halve if platelets below 25", "'25' has no unit"),
        ("halve if platelets below many 1e9/L", "'many' is not a count"),
        ("halve if platelets below -5 1e9/L", "no count lies below -5"),
        ("start if platelets below 100 1e9/L", "where 'at' should stand"),
        ("lead in 150 for 7 days", "'150' has no unit"),
        ("hold if platelets below 50 1e9/L until above 75 mg", "cannot be turned into"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_reason(line: str, message: str) -> None:
    with pytest.raises((RegimenError, UnitError), match=message):
        read_step(line, "rule.yaml:3")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"action": "rest"}, "action 'rest' is not known"),
        ({"action": "stop", "observe": "platelets", "below": 25}, "needs 'below' as text"),
        ({"action": "stop", "observe": "platelets", "at least": "25 1e9/L"}, "has no key 'at least'"),
    ],
)
def test_mappings_are_refused_alike(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(RegimenError, match=message):
        read_step(mapping)


def test_a_rule_of_another_drug_output_or_unit_is_refused() -> None:
    own = rule("stop if platelets below 25 1e9/L")
    with pytest.raises(RegimenError, match="is about navitoclax, of which no dose is given"):
        own.decisions(doses(drug="rg-7112"), UNITS)
    with pytest.raises(RegimenError, match="looks at 'platelets', which the model does not have"):
        own.decisions(doses(), {"neutrophils": "1e9/L"})
    with pytest.raises(UnitError, match="platelets in fold"):
        own.decisions(doses(), {"platelets": "fold"})
    with pytest.raises(RegimenError, match="leads in with mg"):
        rule("lead in 150 mg for 7 days").amounts([dose._replace(unit="mg/kg") for dose in doses()])
    mixed = [*doses(days=10), *doses(300.0, days=11, first=10.0)]
    with pytest.raises(RegimenError, match="escalates to one dose"):
        rule("lead in 150 mg for 7 days", "escalate if platelets at least 50 1e9/L").decisions(mixed, UNITS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drug: navitoclax\nvisits: [day 3]\nsteps: []", "steps"),
        ("drug: navitoclax\nvisits: [often]\nsteps: [stop if platelets below 25 1e9/L]", "visit 'often'"),
        ("drug: nobody\nvisits: [day 3]\nsteps: [stop if platelets below 25 1e9/L]", "nobody"),
        ("drug: navitoclax\nvisits: [day 3]\nsteps: [escalate if platelets at least 50 1e9/L]", "without a lead-in"),
        ("drug: navitoclax\nvisits: [day 3]\nvisit: day 3\nsteps: [stop if platelets below 25 1e9/L]", "'visit'"),
    ],
)
def test_a_rule_file_that_cannot_stand_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(f"rule: x\nmeaning: m\n{text}\n", encoding="utf-8")
    with pytest.raises(RegimenError, match=message) as caught:
        load_rule(path)
    assert "rule.yaml" in str(caught.value)


def test_an_unknown_rule_is_named_with_its_neighbours() -> None:
    with pytest.raises(RegimenError, match="did you mean 'navitoclax-platelets'"):
        load_rule("navitoclax-platelet")
