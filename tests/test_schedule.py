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
