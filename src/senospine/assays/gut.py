"""What a drug does to the gut of a patient: odds of diarrhoea and nausea that rise with exposure from a background.

The log-odds of an event of any grade are those of the background plus a slope times ``gut_exposure``, averaged over
the course with each moment weighted by its own exposure, so that days off the drug do not dilute it. An exposure of 1
is that of idasanutlin, 300 mg twice daily, in MIRROS, whose placebo arm makes the slope free of what cytarabine does.
Grade 3 and worse follow by proportional odds. Rates that trials print are pooled over doses: they say where the mean
lies, not how steep the rise is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from senospine.assays.readout import Array, Expected, Readout, States, Traits, value_of
from senospine.errors import StudyError, suggest

EVENTS = ("diarrhoea", "nausea")


def gut_event_probability(
    event: str, exposure: ArrayLike, *, background: float | None = None, severe: bool = False
) -> Array:
    """Return the probability that a patient has an event over a course of treatment.

    Parameters
    ----------
    event : {'diarrhoea', 'nausea'}
    exposure : array
        Mean of ``gut_exposure`` while exposed [fold of idasanutlin 300 mg twice daily].
    background : float, optional
        Probability without the drug, any grade; by default that of patients with back pain on placebo.
    severe : bool
        Of grade 3 or worse, instead of any grade.

    Raises
    ------
    StudyError
        An unknown event, or a background that is no probability.

    Examples
    --------
    >>> gut_event_probability("diarrhoea", [0.0, 1.0], background=0.329).round(3).tolist()
    [0.329, 0.87]
    """
    return np.asarray(1 / (1 + np.exp(-_log_odds(event, exposure, background, severe))))


def _log_odds(event: str, exposure: ArrayLike, background: float | None = None, severe: bool = False) -> Array:
    if event not in EVENTS:
        raise StudyError(f"unknown gut event '{event}'", remedy=suggest(event, EVENTS))
    share = value_of(f"{event}_background") if background is None else background
    if not 0 < share < 1:
        raise StudyError(f"a background of {share:g} is no probability", remedy="give a number between 0 and 1")
    shift = value_of("gut_severe_shift") if severe else 0.0
    slope = value_of(f"{event}_slope")
    return np.asarray(np.log(share / (1 - share)) + slope * np.maximum(exposure, 0.0) - shift)


def _expected(event: str) -> Expected:
    def expected(y: States, _: Traits) -> Array:
        """The log-odds: what is written down is drawn from them."""
        days = np.asarray(y["time"], dtype=float)
        exposure = np.maximum(y.get("gut_exposure", np.zeros(days.shape)), 0.0)
        sums = [np.trapezoid(exposure**power, days, axis=-1) for power in (1, 2)]
        return _log_odds(event, sums[1] / np.maximum(sums[0], 1e-12))

    return expected


def _drawn(log_odds: Array, generator: np.random.Generator) -> Array:
    """Return 0, 1 (grade 1 or 2) or 3 (grade 3 or worse): one logistic deviate a patient, two cut points."""
    deviate = generator.logistic(size=log_odds.shape)
    return np.where(deviate < log_odds - value_of("gut_severe_shift"), 3.0, np.where(deviate < log_odds, 1.0, 0.0))


def gut_readouts() -> list[Readout]:
    """Return the adverse events of the gut."""
    return [
        Readout(f"{event}_grade", event, "grade",
                f"{event} over the course: 0 none, 1 grade 1-2, 3 grade 3 or worse; expected as log-odds of any",
                ("gut_exposure",), "up", False, _expected(event), _drawn, ("human",), course=True)
        for event in EVENTS
    ]  # fmt: skip
