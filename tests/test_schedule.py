"""Schedules become sorted break points; what no solver can honour is refused by name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from senospine.engine import Entry, Schedule
from senospine.engine.breakpoints import Action, BreakPoints
from senospine.engine.schedule import check_times
from senospine.errors import ScheduleError

STATES, PARAMETERS = ("gut", "plasma"), ("ka", "ke")
ADD, SET, RATE = 0, 1, 2
AT_ONE = (
    Entry(0.5, "infusion", "plasma", 2.0, 0.5),  # ends at 1
    Entry(1.0, "switch", "ke", 0.1),
    Entry(1.0, "bolus", "gut", 7.0),
    Entry(1.0, "infusion", "gut", 3.0, 2.0),  # starts at 1
)


def compile_entries(entries, states, parameters):
    return BreakPoints.of(Schedule.shared(entries), states, parameters, 0.0, 1).points(0)


@pytest.mark.parametrize("entries", list(itertools.permutations(AT_ONE)))
def test_one_moment_has_one_order_however_it_was_written(entries):
    assert compile_entries(entries, STATES, PARAMETERS) == [
        (0.5, [Action(RATE, 1, 4.0)]),
        (1.0, [Action(RATE, 1, -4.0), Action(SET, 1, 0.1), Action(ADD, 0, 7.0),
               Action(RATE, 0, 1.5)]),
        (3.0, [Action(RATE, 0, -1.5)]),
    ]  # fmt: skip


def test_nothing_given_is_nothing_done():
    assert compile_entries([], STATES, PARAMETERS) == []
    assert compile_entries([Entry(1.0, "infusion", "gut", 0.0, 2.0)], STATES, PARAMETERS) == []


def test_schedules_are_shared_or_one_a_subject():
    assert Schedule.shared(AT_ONE).of(0) == Schedule.shared(AT_ONE).of(41) == AT_ONE
    each = Schedule.each([AT_ONE[:1], []])
    assert (each.of(0), each.of(1)) == (AT_ONE[:1], ())


def test_every_door_gives_the_same_entries():
    each = Schedule.each([AT_ONE, (), AT_ONE[1:3]])
    flat = [(subject, item) for subject in (0, 2) for item in each.of(subject)]
    shuffled = [flat[place] for place in (4, 0, 5, 1, 2, 3)]
    columns = Schedule.from_columns(
        subject=[subject for subject, _ in shuffled],
        **{field: [getattr(item, field) for _, item in shuffled] for field in ("time", "kind", "target", "amount")},
        duration=[item.duration for _, item in shuffled],
    )
    assert columns.entries == each.entries
    assert columns.n_subjects == 3
    shared = Schedule.from_columns(time=[1, 2], kind="bolus", target="gut", amount=5)
    assert shared.entries == Schedule.shared([Entry(1.0, "bolus", "gut", 5.0), Entry(2.0, "bolus", "gut", 5.0)]).entries
    assert not shared.per_subject
    late = Schedule.from_columns(subject=[1], time=1.0, kind="bolus", target="gut", amount=5.0, n_subjects=4)
    assert [len(late.of(i)) for i in range(4)] == [0, 1, 0, 0]


def test_arrays_of_the_caller_are_neither_kept_nor_changed():
    time = np.array([2.0, 1.0])
    made = Schedule.from_columns(time=time, kind="bolus", target="gut", amount=1.0)
    time[0] = 9.0
    assert made.time.tolist() == [2.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        made.time[0] = 0.0


@pytest.mark.parametrize("zero", [False, True])
def test_amounts_of_each_subject_make_the_same_break_points_as_entries_of_each(zero):
    rng = np.random.default_rng(1)
    time = rng.integers(0, 5, 12) / 2
    kind = np.array(["bolus", "infusion", "switch"])[np.arange(12) % 3]
    target = np.where(kind == "switch", np.array(PARAMETERS * 6)[np.argsort(time)], np.array(STATES * 6))
    time[kind == "switch"] = np.arange(4)
    amount, duration = rng.random((5, 12)), rng.uniform(0.1, 3.0, 12)
    amount[2, 4] *= not zero  # an infusion of nothing
    amount[3] *= 1.0 - zero * (kind != "switch")
    pattern = Schedule.from_columns(time=time, kind=kind, target=target, amount=amount, duration=duration)
    each = Schedule.each([pattern.of(i) for i in range(5)])
    assert pattern.patterned
    assert not each.patterned
    assert len(each.of(0)) == 12
    tables = [BreakPoints.of(item, STATES, PARAMETERS, 0.0, 5) for item in (pattern, each)]
    for subject in range(5):
        alone = compile_entries(pattern.of(subject), STATES, PARAMETERS)
        assert tables[0].points(subject) == tables[1].points(subject) == alone
    own_times = Schedule.from_columns(
        time=np.tile(time, (5, 1)), kind=kind, target=target, amount=amount, duration=duration
    )
    assert own_times.entries == each.entries


def test_overlapping_infusions_end_at_zero_rate():
    """0.1 + 0.2 - 0.1 - 0.2 is 2.8e-17: such a rest would drip for ever."""
    parts = [Entry(0.0, "infusion", "gut", 0.1, 1.0), Entry(0.5, "infusion", "gut", 0.2, 1.0)]
    later = [Entry(time, kind, target, amount, 0.0) for time, kind, target, amount in
             ((0.2, "bolus", "gut", 3.0), (0.7, "switch", "ke", 1.0))]  # fmt: skip
    other = [Entry(0.1, "infusion", "plasma", 0.3, 7.0), Entry(3.0, "infusion", "gut", 0.7, 1.0)]
    points = compile_entries([*parts, *later, *other], STATES, PARAMETERS)
    for index in (0, 1):
        rate, rates = 0.0, []
        for _, actions in points:
            for action in actions:
                if (action.operation, action.index) == (RATE, index):
                    rate += action.value
                    rates.append(rate)
        assert rates[-1] == 0.0
        if index == 0:
            assert rates == [0.1, 0.1 + 0.2, 0.1 + 0.2 - 0.1, 0.0, 0.7, 0.0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"time": [1.0, 2.0], "amount": [1.0, 2.0, 3.0]}, r"differ in length: time \(2,\), amount \(3,\)"),
        ({"amount": "much"}, "amount is not an array of numbers"),
        ({"amount": np.zeros((2, 2, 2))}, r"amount has shape \(2, 2, 2\)"),
        ({"amount": [[1.0], [2.0]], "subject": 0}, r"amount has shape \(2, 1\)"),
        ({"kind": "bolos"}, "(?s)unknown kind of entry 'bolos'.*did you mean 'bolus'"),
        ({"subject": -1}, "belongs to subject -1"),
        ({"subject": 0.5}, "not whole numbers"),
        ({"subject": 3, "n_subjects": 3}, "subject 3 of 3"),
        ({"amount": [[1.0], [2.0]], "n_subjects": 3}, "n_subjects is 3"),
    ],
)
def test_impossible_columns_are_refused(columns, words):
    with pytest.raises(ScheduleError, match=words):
        Schedule.from_columns(**{"time": 1.0, "kind": "bolus", "target": "gut", "amount": 1.0, **columns})


def test_an_entry_that_is_no_number_is_named():
    with pytest.raises(ScheduleError, match=r"amount 'much' of Entry\(time=3.0.*is not a number"):
        Schedule.shared([Entry(1.0, "bolus", "gut", 1.0), Entry(3.0, "bolus", "gut", "much")])


@pytest.mark.parametrize("door", ["each", "pattern"])
def test_a_refusal_names_subject_entry_and_time(door):
    amount = np.ones((3, 4))
    amount[1, 2] = np.nan
    pattern = Schedule.from_columns(time=np.arange(4.0), kind="bolus", target="gut", amount=amount)
    given = pattern if door == "pattern" else Schedule.each([pattern.of(i) for i in range(3)])
    with pytest.raises(ScheduleError, match="subject 1, entry 2: amount nan of the bolus into 'gut' at time 2 is not"):
        BreakPoints.of(given, STATES, PARAMETERS, 0.0, 3)


def test_subjects_can_be_chosen_and_repeated():
    each = Schedule.each([AT_ONE, (), AT_ONE[1:3]])
    assert each.only([2, 0, 0]).entries == (AT_ONE[1:3], AT_ONE, AT_ONE)
    pattern = Schedule.from_columns(time=[1.0, 2.0], kind="bolus", target="gut", amount=[[1.0], [2.0], [3.0]])
    assert pattern.only(np.array([False, True, True])).entries == (pattern.of(1), pattern.of(2))
    shared = Schedule.shared(AT_ONE)
    assert shared.only([5]) is shared


def doors():
    pattern = Schedule.from_columns(time=[1.0, 2.0, 4.0], kind="bolus", target="gut", amount=[[1.0], [2.0]])
    return [pattern, Schedule.each([pattern.of(0), pattern.of(1)]), Schedule.shared(pattern.of(0))]


@pytest.mark.parametrize("given", doors())
def test_missed_and_late_entries_are_those_told(given):
    kept = given.keep(np.array([[True, False, True], [False, False, True]]))
    assert kept.entries == tuple(
        tuple(given.of(i)[place] for place in places) for i, places in enumerate(((0, 2), (2,)))
    )
    late = given.shift(np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 9.0]]))
    assert [[entry.time for entry in late.of(i)] for i in (0, 1)] == [[1.0, 2.5, 4.0], [1.0, 2.0, 13.0]]
    assert [entry.amount for entry in late.of(1)] == [entry.amount for entry in given.of(1)]
    assert [entry.time for entry in given.shift(0.25).of(1)] == [1.25, 2.25, 4.25]
    with pytest.raises(ScheduleError, match="do not fit"):
        given.keep(np.ones((2, 2), dtype=bool))
    with pytest.raises(ScheduleError, match="do not fit"):
        given.shift(np.zeros(4))
    with pytest.raises(ScheduleError, match="true and false"):
        given.keep(np.zeros(3))


def test_an_entry_all_miss_leaves_the_schedule_shared():
    shared = Schedule.shared(AT_ONE).keep(np.array([True, False, True, False]))
    assert shared.entries == ((AT_ONE[0], AT_ONE[2]),)
    assert not shared.per_subject


def test_doses_missed_at_random_do_not_depend_on_the_block_and_spare_switches():
    plan = [Entry(float(i), "bolus", "gut", 1.0) for i in range(200)] + [Entry(3.5, "switch", "ke", 1.0)]
    chance = np.array([0.0, 0.2, 0.2, 1.0])
    whole = Schedule.shared(plan).missed(chance, 7)
    counts = [len(whole.of(i)) for i in range(4)]
    assert counts[0] == 201
    assert whole.of(3) == (plan[-1],)
    assert 201 - 70 < counts[1] < 201 - 15  # 40 of 200, within 5 standard deviations
    assert whole.of(1) != whole.of(2)
    parts = Schedule.each([plan] * 4).only([1, 2]).missed(chance[1:3], 7, first=1)
    assert parts.entries == whole.entries[1:3]
    assert Schedule.shared(plan).missed(0.2, 8, n_subjects=3).of(1) != whole.of(1)
    for give, words in (({"probability": 0.2}, "give n_subjects"), ({"probability": 1.2}, "between 0 and 1"),
                        ({"probability": [0.1, 0.1], "n_subjects": 3}, "one length")):  # fmt: skip
        with pytest.raises(ScheduleError, match=words):
            Schedule.shared(plan).missed(seed=1, **give)


@pytest.mark.parametrize("given", doors())
def test_repeats_and_sums(given):
    thrice = given.repeated(10.0, 3)
    assert [entry.time for entry in thrice.of(0)] == [t + 10.0 * i for i in range(3) for t in (1.0, 2.0, 4.0)]
    assert given.repeated(10.0, 1).entries == given.entries
    both = given + Schedule.shared(AT_ONE)
    assert both.of(1 if given.per_subject else 0) == (*given.of(1 if given.per_subject else 0), *AT_ONE)
    assert both.per_subject == given.per_subject
    assert len((given + Schedule.each([[], AT_ONE])).of(1)) == 7
    with pytest.raises(ScheduleError, match="no repetition"):
        given.repeated(0.0, 2)
    with pytest.raises(ScheduleError, match="of 2 and of 3 subjects"):
        Schedule.each([[]] * 2) + Schedule.each([[]] * 3)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Entry(1.0, "bolus", "gat", 1.0), "no state 'gat'.*did you mean 'gut'"),
        (Entry(1.0, "bolus", "ke", 1.0), "no state 'ke'"),
        (Entry(1.0, "switch", "kee", 1.0), "no parameter 'kee'.*did you mean 'ke'"),
        (Entry(1.0, "switch", "gut", 1.0), "no parameter 'gut'"),
        (Entry(1.0, "bolos", "gut", 1.0), "unknown kind of entry 'bolos'.*did you mean 'bolus'"),
        (Entry(float("nan"), "bolus", "gut", 1.0), "time nan"),
        (Entry(1.0, "bolus", "gut", float("inf")), "amount inf"),
        (Entry(1.0, "infusion", "gut", 1.0, float("nan")), "duration nan"),
        (Entry(1.0, "infusion", "gut", 1.0), "has duration 0"),
        (Entry(1.0, "infusion", "gut", 1.0, -2.0), "has duration -2"),
        (Entry(1.0, "infusion", "gut", 0.0, -2.0), "has duration -2"),
        (Entry(700.0, "infusion", "gut", 1.0, 1e-15), "too short"),  # ends where it starts: the dose would be lost
        (Entry(0.0, "infusion", "gut", 1.0, 1e-320), "too short"),  # its rate would be infinite
    ],
)
def test_impossible_entries_are_refused(entry, words):
    with pytest.raises(ScheduleError, match=f"(?s){words}"):
        compile_entries([entry], STATES, PARAMETERS)


def test_two_switches_of_one_parameter_at_one_moment_are_refused():
    twice = [Entry(1.0, "switch", "ke", 0.1), Entry(1.0, "switch", "ke", 0.2)]
    with pytest.raises(ScheduleError, match="'ke' is switched twice at time 1"):
        compile_entries(twice, STATES, PARAMETERS)
    assert len(compile_entries([twice[0], Entry(2.0, "switch", "ke", 0.2)], STATES, PARAMETERS)) == 2
    assert len(compile_entries([twice[0], Entry(1.0, "switch", "ka", 0.2)], STATES, PARAMETERS)) == 1


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([], "have shape"),
        (np.zeros((2, 0)), "have shape"),
        (np.zeros((2, 2, 2)), "have shape"),
        ([1.0, float("nan")], "not a finite number"),
        ([1.0, float("inf")], "not a finite number"),
        ([1.0, 1.0], "do not increase"),
        ([2.0, 1.0], "do not increase"),
        ([[1.0, 2.0], [2.0, 1.0]], "do not increase"),
    ],
)
def test_impossible_output_times_are_refused(times, words):
    with pytest.raises(ScheduleError, match=words):
        check_times(np.asarray(times, dtype=float))
