"""How a subject's solve ended: each member is a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """Outcome of one subject's solve; ``str(status)`` is a sentence.

    Examples
    --------
    >>> str(Status.STEP_LIMIT)
    'the solver took more steps than it may'
    """

    OK = 0
    STEP_LIMIT = 1
    STEP_TOO_SMALL = 2
    NOT_FINITE = 3
    TOLERANCE_TOO_TIGHT = 4

    def __str__(self) -> str:
        return _SENTENCES[self]

    @property
    def advice(self) -> str:
        """What the user can do about it."""
        return _ADVICE[self]


_SENTENCES = {
    Status.OK: "solved",
    Status.STEP_LIMIT: "the solver took more steps than it may",
    Status.STEP_TOO_SMALL: "the error could not be held even with the smallest step",
    Status.NOT_FINITE: "a state or rate stopped being a finite number",
    Status.TOLERANCE_TOO_TIGHT: "the tolerance asked for is beyond double precision",
}
_ADVICE = {
    Status.OK: "",
    Status.STEP_LIMIT: "look at this subject's parameters; allow more steps with max_steps",
    Status.STEP_TOO_SMALL: "look for a discontinuity or a blow-up near this time",
    Status.NOT_FINITE: "look for a logarithm or power of a negative number, or a division by zero, near this time",
    Status.TOLERANCE_TOO_TIGHT: "ask for rtol of 1e-12 or more",
}


@dataclass(frozen=True)
class Failure:
    """A subject that could not be solved: who, when, in which state, why."""

    subject: int
    status: Status
    time: float
    state: str

    def __str__(self) -> str:
        return f"subject {self.subject}: {self.status} at time {self.time:g} ({self.state}); {self.status.advice}"
