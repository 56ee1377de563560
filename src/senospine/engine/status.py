"""How a subject's solve ended: each member is a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self


class Told(IntEnum):
    """An outcome that says in a sentence what happened, and what the user can do about it."""

    advice: str
    _sentence: str

    def __new__(cls, number: int, sentence: str = "", advice: str = "") -> Self:
        """Return a member that is its number and carries its words."""
        member = int.__new__(cls, number)
        member._value_, member._sentence, member.advice = number, sentence, advice
        return member

    def __str__(self) -> str:
        return self._sentence


class Status(Told):
    """Outcome of one subject's solve; ``str(status)`` is a sentence.

    Examples
    --------
    >>> str(Status.STEP_LIMIT)
    'the solver took more steps than it may'
    """

    OK = 0, "solved", ""
    STEP_LIMIT = (
        1,
        "the solver took more steps than it may",
        "look at this subject's parameters; allow more steps with max_steps",
    )
    STEP_TOO_SMALL = (
        2,
        "the error could not be held even with the smallest step",
        "look for a discontinuity or a blow-up near this time",
    )
    NOT_FINITE = (
        3,
        "a state or rate stopped being a finite number",
        "look for a logarithm or power of a negative number, or a division by zero, near this time",
    )
    TOLERANCE_TOO_TIGHT = (
        4,
        "the tolerance asked for is beyond double precision",
        "ask for rtol of 1e-12 or more",
    )


@dataclass(frozen=True)
class Failure:
    """A subject that could not be solved: who, when, in which state, why."""

    subject: int
    status: Status
    time: float
    state: str

    def __str__(self) -> str:
        return f"subject {self.subject}: {self.status} at time {self.time:g} ({self.state}); {self.status.advice}"
