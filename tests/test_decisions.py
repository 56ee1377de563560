"""Dosing rules against hand-made courses, the oracle, and a run without them."""

from __future__ import annotations

import numpy as np
import pytest
from lanes_models import BATEMAN, model_of

from senospine.bench.reference_model import reference_model
from senospine.engine import Area, Decision, Entry, Kernel, Schedule, compile_model, sensitivities, steady_state
from senospine.engine.breakpoints import BreakPoints
from senospine.errors import ScheduleError

VISITS = [2.0, 4.0, 6.0, 8.0]
#: counts fall at 1, half recover at 3, recover at 5, fall again at 7
COUNTS = [Entry(time, "bolus", "count", amount) for time, amount in ((1, -60), (3, 20), (5, 20), (7, -40))]
DOSES = [Entry(float(time), "bolus", "taken", 1.0) for time in range(10)]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENOSPINE_CACHE", str(tmp_path_factory.getbasetemp() / "lanes"))
        yield


@pytest.fixture(scope="module")
def kernel(engine: str) -> Kernel:
    text = "k = 1; count' = 0; taken' = 0; count = 100; taken = 0; seen := k*count;"
    return compile_model(model_of(text), outputs=["taken"], engine=engine)


def rule(**options) -> Decision:
    given = {"times": VISITS, "output": "seen", "target": "taken", "below": 50.0, "until_above": 75.0}
    return Decision(**{**given, **options})


def taken(kernel: Kernel, *rules: Decision, entries=DOSES) -> float:
    schedule = Schedule.shared([*COUNTS, *entries], rules)
    solution = kernel.solve(schedule=schedule, times=[12.0])
    if rules:
        assert solution["taken"][0, 0] == pytest.approx(solution.decided.total_given("taken")[0], rel=1e-12)
    return float(solution["taken"][0, 0])


def test_courses_that_can_be_counted(kernel) -> None:
    """Counts are 40 at visit 2, 60 at 4, 80 at 6, 40 at 8: doses 2 to 5, 8 and 9 fall while the rule is on."""
    assert taken(kernel) == 10
    assert taken(kernel, rule()) == 4
    assert taken(kernel, rule(until_above=None)) == 10 - 2 - 2  # 60 is recovery enough at visit 4
    assert taken(kernel, rule(action="reduce", factor=0.5)) == 4 + 6 * 0.5
    assert taken(kernel, rule(action="step down", factor=0.5)) == 2 + 6 * 0.5 + 2 * 0.25
    assert taken(kernel, rule(action="stop")) == 2
    assert taken(kernel, rule(below=40.0)) == 10  # 40 is not below 40
    assert taken(kernel, rule(times=[1.0, 7.0])) == 10  # a visit at 1 sees what is before the bolus at 1
    assert taken(kernel, rule(below=None, until_above=None, above=50.0, until_below=50.0, times=[2.0, 4.0])) == 4


def test_rules_on_one_target_multiply(kernel) -> None:
    half, third = rule(action="reduce", factor=0.5), rule(action="reduce", factor=0.25, times=[4.0, 6.0], below=70.0)
    assert taken(kernel, half, third) == 2 + 2 * 0.5 + 2 * 0.125 + 2 * 1 + 2 * 0.5
    other = Decision([2.0], "count", "count", below=50.0)  # holds the counts' own boluses; later visits see 40
    assert taken(kernel, other, rule()) == 2
    assert taken(kernel, rule(), Decision([2.0], "count", "count", below=10.0)) == 4


def test_a_switch_at_the_visit_is_seen_and_a_dose_there_follows(kernel) -> None:
    more = [*DOSES, Entry(2.0, "switch", "k", 2.0)]  # 2 * 40 is not below 50, nor are later ones
    assert taken(kernel, rule(), entries=more) == 10
    less = [*DOSES, Entry(0.0, "switch", "k", 0.4)]
    assert taken(kernel, rule(times=[0.0]), entries=less) == 0


def test_infusions_end_as_they_began(kernel) -> None:
    running = Entry(1.5, "infusion", "taken", 3.0, 4.0)  # begins before the hold and runs on
    held = Entry(2.0, "infusion", "taken", 5.0, 5.0)  # would begin at the visit; its end comes after recovery
    late = Entry(6.0, "infusion", "taken", 7.0, 3.0)
    assert taken(kernel, rule(), entries=[running, held, late]) == pytest.approx(10.0, rel=1e-12)
    reduced = taken(kernel, rule(action="reduce", factor=0.5), entries=[running, held, late])
    assert reduced == pytest.approx(12.5, rel=1e-12)


def test_what_was_decided_can_be_read(kernel) -> None:
    infusion = Entry(3.0, "infusion", "taken", 4.0, 1.0)
    schedule = Schedule.shared(
        [*DOSES, infusion, Entry(11.0, "switch", "k", 2.0), *COUNTS], [rule(), rule(times=[20.0])]
    )
    decided = kernel.solve(schedule=schedule, times=[8.5]).decided
    doses = decided.doses(0)
    assert [item.given for item in doses[:9]] == [1, 1, 0, 0, 0, 0, 1, 1, 0]
    assert np.isnan(doses[9].given)  # at 9, after the last output
    assert (doses[10].kind, doses[10].planned, doses[10].given) == ("infusion", 4.0, 0.0)
    visits = decided.visits(0)
    assert [(item.time, item.rule, item.observed, item.factor) for item in visits[:4]] == [
        (2.0, 0, 40.0, 0.0), (4.0, 0, 60.0, 0.0), (6.0, 0, 80.0, 1.0), (8.0, 0, 40.0, 0.0)
    ]  # fmt: skip
    assert np.isnan(visits[4].observed)
    assert kernel.solve(schedule=Schedule.shared(DOSES), times=[8.5]).decided is None


def reference_course(count: int) -> tuple[Kernel, dict, list, float]:
    reference = reference_model()
    population = reference.population(count)
    entries = [reference.schedule(population).of(i) for i in range(count)]
    return reference, population, entries, 1500.0


WEEKLY = [168.0 * week for week in range(1, 9)]


@pytest.mark.parametrize("rtol", [1e-4, 1e-6])
def test_a_rule_that_never_triggers_changes_no_byte(rtol) -> None:
    reference, population, entries, end = reference_course(19)
    never = [Decision(WEEKLY, "PLT", "GC", below=1.0), Decision(WEEKLY, "u1", "GA", above=1e9, action="stop")]
    kernel = compile_model(reference.model, outputs=["PLT", "PAIN"], reduce=[Area("PAIN")])
    plain, ruled = (
        # a visit is a break point, so a switch that says what is so makes one without the rules too
        kernel.solve(population, Schedule.each([[*own, *stops] for own in entries], rules), [500.0, end], rtol=rtol)
        for stops, rules in (
            ([Entry(time, "bolus", "GB", 0.0) for time in WEEKLY], []),
            ([Entry(time, "bolus", "GB", 0.0) for time in WEEKLY], never),
        )
    )
    for name in ("PLT", "PAIN"):
        assert (plain[name] == ruled[name]).all()
    assert (plain["area under PAIN"] == ruled["area under PAIN"]).all()
    assert (plain.steps == ruled.steps).all()


def test_platelets_hold_a_drug_as_the_oracle_says_and_bits_hang_on_nothing_else() -> None:
    reference, population, entries, end = reference_course(11)
    limits = np.linspace(60.0, 160.0, 11)
    rules = [
        Decision(WEEKLY, "PLT", "GC", below=limits, until_above=limits + 20),
        Decision(WEEKLY[1:], "PLT", "GA", below=120.0, action="step down", factor=0.7),
    ]
    kernel = compile_model(reference.model, outputs=["PLT", "PAIN"])
    times = [400.0, 1000.0, end]
    found = kernel.solve(population, Schedule.each(entries, rules), times, rtol=1e-8, threads=1)
    factors = np.array(found.decided.factors)
    assert (factors == 0).any()
    assert ((factors > 0) & (factors < 1)).any()
    again = kernel.solve(population, Schedule.each(entries, rules), [end], rtol=1e-8, threads=3)
    assert (again["PLT"][:, 0] == found["PLT"][:, 2]).all()
    some = np.array([7, 2, 9])
    part = kernel.solve(
        {name: item[some] for name, item in population.items()},
        Schedule.each([entries[i] for i in some], [Decision(WEEKLY, "PLT", "GC", below=limits[some],
                      until_above=limits[some] + 20), rules[1]]), times, rtol=1e-8,
    )  # fmt: skip
    assert (part["PLT"] == found["PLT"][some]).all()
    assert all(
        (a == found.decided.factors[i])[~np.isnan(a)].all() for a, i in zip(part.decided.factors, some, strict=True)
    )
    oracle = compile_model(reference.model, outputs=["PLT", "PAIN"], engine="scipy").solve(
        {name: item[some] for name, item in population.items()},
        Schedule.each([entries[i] for i in some], [Decision(WEEKLY, "PLT", "GC", below=limits[some],
                      until_above=limits[some] + 20), rules[1]]), times, rtol=1e-9,
    )  # fmt: skip
    np.testing.assert_allclose(oracle["PLT"], part["PLT"], rtol=1e-5)
    for ours, theirs in zip(part.decided.factors, oracle.decided.factors, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(part.decided.seen, oracle.decided.seen, rtol=1e-5)


def test_a_failed_subject_keeps_what_was_given() -> None:
    kernel = compile_model(model_of("k = 0; y' = k*y^2; y = 1; d' = 0; d = 0;"))
    schedule = Schedule.shared(
        [Entry(t, "bolus", "d", 1.0) for t in (0.5, 3.0)], [Decision([0.2], "y", "d", below=0.5)]
    )
    found = kernel.solve({"k": [0.0, 0.5]}, schedule, times=[5.0])
    assert found.status.astype(bool).tolist() == [False, True]
    assert found.decided.total_given("d").tolist() == [2.0, 1.0]


def test_schedules_carry_their_rules_through_every_door_and_verb(kernel) -> None:
    """Two subjects, of which only the first has a threshold that the counts of 40 fall below."""
    own = rule(below=np.array([50.0, 30.0]), until_above=75.0)
    whole = Schedule.shared([*COUNTS, *DOSES], [own])
    columns = {
        field: [getattr(entry, field) for entry in whole.of(0)] for field in ("time", "kind", "target", "amount")
    }
    pattern = Schedule.from_columns(**{**columns, "amount": [columns["amount"]] * 2}, decisions=[own])
    each = Schedule.each([whole.of(0)] * 2, [own])

    def given(schedule, count=2):
        solution = kernel.solve(schedule=schedule, times=[30.0], n_subjects=count)
        np.testing.assert_allclose(solution["taken"][:, 0], solution.decided.total_given("taken"), rtol=1e-12)
        return solution["taken"][:, 0].tolist()

    assert pattern.patterned
    for schedule in (whole, pattern, each):
        assert given(schedule) == [4, 10]
        assert given(schedule.only([1, 0, 0]), 3) == [10, 4, 4]
        assert given(schedule.only(np.array([False, True])), 1) == [10]
        kept = np.array([[entry.time != 9.0 for entry in whole.of(0)]] * 2)
        assert given(schedule.keep(kept)) == [4, 9]
        assert given(schedule.missed(0.0, 1, n_subjects=2)) == [4, 10]
        assert given(schedule.shift(2.5)) == [4, 10]
        late = np.array([[2.5 * (entry.target == "taken") for entry in whole.of(0)]] * 2)
        assert given(schedule.shift(late)) == [2, 10]  # of 2.5 to 11.5 only 6.5 and 7.5 lie between rules that stay
        assert given(schedule + schedule.keep(~kept)) == [4, 11]  # the rule of both is one rule
        # counts begin the repeat at 40: visit 12 sees -20, and none after it sees recovery
        assert given(schedule.repeated(10.0, 2)) == [4, 10 + 2]
    assert given(whole + Schedule.shared([], [rule(action="reduce", factor=0.5)])) == [4, 4 + 6 * 0.5]


def test_overlapping_infusions_without_a_rule_of_their_own_end_at_zero(kernel) -> None:
    parts = [Entry(0.0, "infusion", "taken", 0.1, 1.0), Entry(0.5, "infusion", "taken", 0.2, 1.0)]
    other = [rule(target="count", times=[0.1])]
    table = BreakPoints.of(Schedule.shared(parts, other), kernel.model.states, ["k"], 0.0, 1)
    assert np.cumsum(table.value)[-1] == 0.0
    scaled = BreakPoints.of(Schedule.shared(parts, [rule()]), kernel.model.states, ["k"], 0.0, 1)
    ends = scaled.partner >= 0
    assert (scaled.value[ends] == -scaled.value[scaled.partner[ends]]).all()


def test_amounts_of_each_subject_make_the_same_visits_and_pairs_as_entries_of_each(kernel) -> None:
    pattern = Schedule.from_columns(time=[0.0, 0.5, 2.0], kind="infusion", target="taken", duration=[3.0, 1.0, 1.0],
                                    amount=[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], decisions=[rule()])  # fmt: skip
    each = Schedule.each(pattern.entries, [rule()])
    ours, theirs = (BreakPoints.of(item, kernel.model.states, ["k"], 0.0, 2) for item in (pattern, each))
    for name in vars(ours):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    assert (ours.partner >= 0).sum() == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"below": float("nan")}, "not finite"),
        ({"below": None}, "needs one threshold"),
        ({"above": 3.0}, "needs one threshold"),
        ({"until_above": 40.0}, "overlap"),
        ({"below": None, "above": 3.0}, "other side"),
        ({"times": []}, "no visits"),
        ({"times": [float("inf")]}, "not finite"),
        ({"action": "hol"}, "did you mean 'hold'"),
        ({"action": "reduce"}, "do not go together"),
        ({"factor": 0.5}, "do not go together"),
        ({"action": "reduce", "factor": 1.5}, "not between 0 and 1"),
    ],
)
def test_impossible_rules_are_refused(options, words) -> None:
    with pytest.raises(ScheduleError, match=f"(?s){words}"):
        rule(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": "sen"}, "did you mean 'seen'"),
        ({"target": "takn"}, "did you mean 'taken'"),
        ({"target": "seen"}, "no state 'seen'"),
        ({"times": [-1.0, 3.0]}, "visit at -1 lies before the start at 0"),
        ({"below": [1.0, 2.0, 3.0]}, "3 thresholds .* for 2 subjects"),
    ],
)
def test_rules_that_do_not_fit_the_model_are_refused(kernel, options, words) -> None:
    with pytest.raises(ScheduleError, match=f"(?s){words}"):
        kernel.solve(schedule=Schedule.shared(DOSES, [rule(**options)]), times=[3.0], n_subjects=2)


def test_sensitivities_do_not_look_past_a_threshold(engine) -> None:
    kernel = compile_model(model_of(BATEMAN), engine=engine)
    schedule = Schedule.shared([Entry(3.0, "bolus", "gut", 1.0)], [Decision([2.0], "plasma", "gut", below=0.1)])
    with pytest.raises(ScheduleError, match="has decisions"):
        sensitivities(kernel, ["ka"], schedule=schedule, times=[5.0])


def test_a_cycle_with_decisions_has_no_steady_state(engine) -> None:
    kernel = compile_model(model_of(BATEMAN), engine=engine)
    cycle = Schedule.shared([Entry(0.0, "bolus", "gut", 1.0)], [Decision([0.0], "plasma", "gut", below=0.1)])
    with pytest.raises(ScheduleError, match="cycle has decisions"):
        steady_state(kernel, cycle, 1.0)
