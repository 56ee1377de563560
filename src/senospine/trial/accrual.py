"""When patients come in: what a look can see, who is on the way by then, and how long a trial lasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.randomness import stream
from senospine.trial.design import Design
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """What there is at a look.

    Attributes
    ----------
    reached : ndarray of int, shape (n,)
        Visits each patient has come up to by the cut-off of the data.
    complete : int
        Patients who have come up to the primary endpoint.
    patients : int
        Randomised by the day of the decision.
    weeks : float
        From the first candidate to the decision; NaN where the design says nothing of accrual.
    """

    reached: Integers
    complete: int
    patients: int
    weeks: float


def weeks_of_randomisation(design: Design, data: TrialData, seed: int, trial: int, part: str = "") -> Array:
    """Return when each patient was randomised [week from the first candidate's week], shape (n,), rising.

    Candidates come one by one at the design's rate (a Poisson process); failing the criteria takes time.
    """
    plan = design.file.accrual
    assert plan is not None
    gaps = stream(seed, f"trial/{part}accrual", trial).exponential(1 / plan.screened_per_week, data.enrolled.screened)
    return np.asarray(gaps.cumsum()[data.enrolled.place])


def look(design: Design, data: TrialData, seed: int, trial: int, fraction: float) -> Look:
    """Return what a look sees that is taken when a fraction of the patients has come up to the primary endpoint.

    Without an accrual, those on the way count as not yet enrolled. With one, their visits so far enter, and enrolment
    goes on until the decision.
    """
    n, visits = len(data.enrolled.row), np.array(design.file.visits)
    complete = round(n * fraction)
    plan = design.file.accrual
    if plan is None:
        return Look(np.where(np.arange(n) < complete, len(visits), 0), complete, complete, np.nan)
    came = weeks_of_randomisation(design, data, seed, trial)
    last = visits[-1] if fraction == 1 else design.file.endpoints[design.hypotheses[0].endpoint].week
    cut = came[complete - 1] + last
    reached = np.searchsorted(visits, cut - came, side="right")
    reached[:complete] = np.maximum(reached[:complete], design.file.visits.index(last) + 1)  # rounding of the last one
    decision = cut + plan.readout_weeks
    return Look(reached, complete, int((came <= decision).sum()), float(decision))
