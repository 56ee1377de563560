"""On which days a design's therapy is taken or done."""

from __future__ import annotations

from senospine.errors import SenospineError, TrialError
from senospine.therapy import dose_table
from senospine.trial.design import Design
from senospine.trial.patients import read_therapy


def dosing_days(therapy: str, days: float) -> list[tuple[float, float]] | None:
    """Return spans of days with doses, as start and end [day from the first treatment]; None where it is no regimen.

    Examples
    --------
    >>> dosing_days("navitoclax 250 mg oral daily for 7 days every 28 days, 2 cycles, from day 0 after enrolment", 84)
    [(0.0, 7.0), (28.0, 35.0)]
    >>> dosing_days("drug", 84) is None
    True
    """
    try:
        read = read_therapy(therapy)
        table = dose_table(read.regimens, {"enrolment": 0.0, "birth": -40_000.0}, species="human")
    except SenospineError:
        return None
    spans: list[tuple[float, float]] = []
    given = [*table["given"], *(item.start_days for item in read.performed)]
    for day in sorted({float(int(value)) for value in given if 0 <= value < days}):
        if spans and day <= spans[-1][1]:
            spans[-1] = (spans[-1][0], day + 1)
        else:
            spans.append((day, day + 1))
    return spans


def check_therapies(design: Design) -> None:
    """Refuse a design whose patients cannot be made: a therapy that is no regimen.

    Raises
    ------
    TrialError
        With file and line.
    """
    for name, arm in design.file.arms.items():
        try:
            if arm.therapy is not None:
                read_therapy(arm.therapy)
        except SenospineError as error:
            raise TrialError(
                error.what, where=design.document.where("arms", name, "therapy"), why=error.why, remedy=error.remedy
            ) from None
