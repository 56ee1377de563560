"""Errors say what, where, why and what to do, and survive the way back from a worker."""

from __future__ import annotations

import pickle

import pytest

from senospine import errors
from senospine.errors import Finding, SenospineError, UnitError, suggest

KINDS = [SenospineError, *SenospineError.__subclasses__()]


def test_message_holds_what_where_why_and_remedy_in_this_order():
    error = UnitError("dose has no unit", where="study.yaml:12", why="50 of what?", remedy="write '50 mg/kg'")
    assert str(error) == "study.yaml:12: dose has no unit\n  why: 50 of what?\n  what to do: write '50 mg/kg'"


def test_message_leaves_out_what_is_not_known():
    assert str(SenospineError("broken")) == "broken"
    assert str(SenospineError("broken", remedy="mend it")) == "broken\n  what to do: mend it"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_errors_survive_pickling_with_type_and_fields(kind):
    error = pickle.loads(pickle.dumps(kind("what", where="where:1", why="why", remedy="remedy")))
    assert type(error) is kind
    assert (error.what, error.where, error.why, error.remedy) == ("what", "where:1", "why", "remedy")
    assert str(error) == str(kind("what", where="where:1", why="why", remedy="remedy"))


def test_every_error_of_the_room_has_one_base():
    public = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert all(issubclass(item, SenospineError) for item in public)
    assert len(public) == len(KINDS)


def test_suggest_names_the_near_miss_then_all():
    assert suggest("gat", ["plasma", "gut"]) == "did you mean 'gut'? known: gut, plasma"


def test_suggest_does_not_guess_wildly():
    assert suggest("xyz", ["plasma", "gut"]) == "known: gut, plasma"


def test_finding_reads_as_one_line_and_its_remedy():
    assert str(Finding("error", "m.ant:3", "'k' has no unit", "declare it")) == (
        "error: m.ant:3: 'k' has no unit\n  what to do: declare it"
    )
    assert str(Finding("warning", "m.ant", "odd")) == "warning: m.ant: odd"
