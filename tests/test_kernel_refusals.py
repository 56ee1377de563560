"""Bad input to solve is refused at the door, by name, with what would be right."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with, model_of

from senospine.engine import Entry, Schedule
from senospine.errors import ModelError, ScheduleError

NAN = float("nan")
DOSE = Entry(1.0, "bolus", "gut", 5.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"parameters": {"kaa": 1.0}}, "no parameter 'kaa'.*did you mean 'ka'"),
        ({"parameters": {"gut": 1.0}}, "no parameter 'gut'"),
        ({"parameters": {"ke": NAN}}, "parameter 'ke' of subject 0 is not a finite number"),
        ({"parameters": {"ke": [1.0, NAN]}}, "parameter 'ke' of subject 1 is not"),
        ({"parameters": {"ke": np.inf}}, "not a finite number"),
        ({"parameters": {"ke": "fast"}}, "'ke' is not a number"),
        ({"parameters": {"ke": None}}, "'ke' of subject 0 is not a finite number|'ke' is not a number"),
        ({"parameters": {"ke": [[1.0, 2.0]]}}, r"'ke' has shape \(1, 2\)"),
        ({"parameters": {"ke": [1.0, 2.0], "ka": [1.0, 2.0, 3.0]}}, "different numbers of subjects.*ke: 2.*ka: 3"),
        ({"parameters": {"ke": [1.0, 2.0]}, "n_subjects": 3}, "different numbers of subjects"),
        ({"parameters": {"ke": [1.0]}, "initial": {"gut": [1.0, 2.0]}}, "different numbers of subjects"),
        ({"parameters": {"ke": [1.0, 2.0]}, "times": [[1.0]] * 3}, "different numbers of subjects.*times: 3"),
        ({"schedule": Schedule.each([[DOSE]] * 3), "n_subjects": 2}, "different numbers of subjects.*schedule: 3"),
        ({"initial": {"gat": 1.0}}, "no state 'gat'.*did you mean 'gut'"),
        ({"initial": {"ke": 1.0}}, "no state 'ke'"),
        ({"initial": {"gut": NAN}}, "initial value of 'gut' of subject 0 is not a finite"),
        ({"initial": {"gut": "full"}}, "'gut' is not a number"),
        ({"n_subjects": 0}, "n_subjects 0"),
        ({"rtol": 0.0}, "rtol 0.0"),
        ({"rtol": -1e-6}, "rtol"),
        ({"rtol": NAN}, "rtol nan"),
        ({"max_steps": 0}, "max_steps 0"),
    ],
)
def test_impossible_values_are_refused(oral, given, words):
    with pytest.raises(ModelError, match=f"(?s){words}"):
        oral.solve(**{"times": [1.0, 2.0], **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"times": ()}, "have shape"),
        ({"times": [2.0, 1.0]}, "do not increase"),
        ({"times": [1.0, NAN]}, "not a finite number"),
        ({"times": "soon"}, "not numbers"),
        ({"times": [1.0, 2.0], "start": 1.5}, "output at 1 lies before the start at 1.5"),
        ({"times": [1.0], "start": NAN}, "start nan"),
        ({"schedule": Schedule.shared([DOSE]), "times": [3.0], "start": 2.0}, "entry at 1 lies before the start at 2"),
        ({"schedule": Schedule.each([[], [DOSE]]), "times": [3.0], "start": 2.0}, "subject 1"),
        ({"schedule": Schedule.shared([Entry(1.0, "bolus", "gat", 1.0)])}, "did you mean 'gut'"),
        ({"schedule": Schedule.shared([Entry(1.0, "switch", "gut", 1.0)])}, "no parameter 'gut'"),
        ({"schedule": Schedule.shared([Entry(1.0, "infusion", "gut", 1.0, -1.0)])}, "duration -1"),
        ({"schedule": Schedule.shared([Entry(NAN, "bolus", "gut", 1.0)])}, "time nan"),
        ({"schedule": Schedule.shared([Entry(1.0, "switch", "ke", i) for i in (1.0, 2.0)])}, "switched twice"),
    ],
)
def test_impossible_times_and_schedules_are_refused(oral, given, words):
    with pytest.raises(ScheduleError, match=f"(?s){words}"):
        oral.solve(**{"times": [1.0, 2.0], **given})


def test_outputs_must_exist(engine, oral):
    with pytest.raises(ModelError, match=r"(?s)no output 'plasme'.*did you mean 'plasma'"):
        compile_with(engine, oral.model, outputs=["plasme"])
    with pytest.raises(ModelError, match="no output 'ke'"):
        compile_with(engine, oral.model, outputs=["ke"])
    only = compile_with(engine, oral.model, outputs=["gut"]).solve(times=[1.0])
    with pytest.raises(ModelError, match="'plasma' was not asked for"):
        only["plasma"]


def test_a_model_in_which_nothing_changes_is_refused(engine, tmp_path):
    with pytest.raises(ModelError, match="has no states"):
        compile_with(engine, model_of(tmp_path, "a = 2; k = 1;"))


def test_an_initial_formula_that_is_not_finite_is_refused(engine, tmp_path):
    kernel = compile_with(engine, model_of(tmp_path, "x' = -x; x = ln(k); k = 1;"))
    with pytest.raises(ModelError, match="initial value of 'x' of subject 1 is not a finite"):
        kernel.solve({"k": [1.0, -1.0]}, times=[1.0])


def test_what_is_given_is_not_changed(oral):
    ke, times, first = np.array([0.4, 0.7]), np.array([1.0, 2.0]), np.array([3.0, 4.0])
    plan = Schedule.shared([Entry(0.5, "switch", "ke", 9.0), DOSE])
    oral.solve({"ke": ke}, plan, times, initial={"gut": first})
    assert (ke.tolist(), times.tolist(), first.tolist()) == ([0.4, 0.7], [1.0, 2.0], [3.0, 4.0])
    assert oral.model.parameters["ke"] == 0.4
