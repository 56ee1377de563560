"""Procedures in virtual patients: in whom they succeed, and what they do to each one's states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.assays import CONTROLS
from senospine.engine import Schedule
from senospine.errors import SenospineError, TrialError, suggest
from senospine.model import Model
from senospine.randomness import stream
from senospine.therapy import Performed, Procedure, jumps, parse_treatment

Array = NDArray[np.float64]


def given_as(therapy: str) -> str | None:
    """Return the kind of control whose contextual response a therapy's procedures have; None if it has none.

    Raises
    ------
    TrialError
        A procedure's file names a kind of control there is not.

    Examples
    --------
    >>> given_as("basivertebral-nerve-ablation once at day 0 after enrolment")
    'sham procedure'
    >>> given_as("navitoclax 250 mg oral once at day 0 after enrolment") is None
    True
    """
    found = [item.procedure for item in performed_in(therapy)]
    for item in found:
        if item.given_as not in CONTROLS:
            raise TrialError(f"no control is called '{item.given_as}', as which {item.name} is given",
                             where=item.where("given_as"), remedy=suggest(item.given_as, CONTROLS))  # fmt: skip
    return max((item.given_as for item in found), key=CONTROLS.index, default=None)  # the most impressive comes last


def performed_in(therapy: str) -> list[Performed]:
    """Return the procedures of a therapy's text; of a text that is none, as a bank's own name, there are none."""
    found = []
    for part in therapy.split(";")[0].split(" + "):
        try:
            read = parse_treatment(part.strip())
        except SenospineError:
            continue
        if isinstance(read, Performed):
            found.append(read)
    return found


def only_procedures(therapy: str) -> bool:
    """Return whether a therapy is procedures and nothing else: done once, it cannot be stopped or taken irregularly."""
    return len(performed_in(therapy)) == len(therapy.split(";")[0].split(" + "))


def lucks(procedure: Procedure, seed: int, count: int, first: int) -> Array:
    """Return a number from 0 to 1 of each person, shape (count,): the same whatever else is done, and in every draw."""
    purpose = f"procedure/{procedure.symbol}"
    return np.array([stream(seed, purpose, first + index).random() for index in range(count)])


def jumps_of(
    performed: Sequence[Performed], model: Model, parameters: Mapping[str, Array], seed: int, first: int, end: float
) -> Schedule | None:
    """Return what procedures add to the states of a block of people before day ``end``; None if it is nothing.

    Raises
    ------
    RegimenError
        A procedure that does not count from enrolment.
    """
    count = len(parameters["age_at_start"])
    found = [
        jump
        for jump in jumps(
            performed, {"enrolment": 0.0}, "human",
            lambda name: np.broadcast_to(parameters.get(name, model.parameters[name]), (count,)),
            lambda procedure: lucks(procedure, seed, count, first),
        )
        if jump.time < end
    ]  # fmt: skip
    if not found:
        return None
    amounts = np.stack([jump.amount for jump in found], axis=1)
    return Schedule.from_columns(
        time=[jump.time for jump in found], kind="bolus", target=[jump.state for jump in found], amount=amounts
    )
