"""What patients report: pain on 0-10 day by day, disability, and the response to being treated at all.

A rating is ``latent + fluctuation - course - context + noise of the day``, rounded and held to 0-10. The latent pain is
the mechanism's; the patient's slow fluctuation, lasting change and contextual response are added here. Nothing adds
regression to the mean: it comes out of entering a trial on a noisy, fluctuating rating. Every number is a row of
``parameters-human.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from senospine.assays.readout import Array, value_of
from senospine.errors import SenospineError, suggest

#: what a control is, from nothing at all to a sham procedure
CONTROLS = ("none", "usual care", "pill", "infusion", "injection", "sham procedure")
_EXTRA = {"infusion": "context_infusion_extra", "injection": "context_injection_extra",
          "sham procedure": "context_sham_extra"}  # fmt: skip
DISABILITY = ("odi", "rmdq")


def day_noise_sd() -> float:
    """Return the noise of one daily rating, in points of 0-10."""
    return value_of("nrs_day_sd") * float(np.sqrt(1 - value_of("nrs_day_reliability")))


def contextual_response(control: str, days: ArrayLike) -> Array:
    """Return the mean improvement by context alone, beyond no treatment, shape (n_days,), in points of 0-10.

    Parameters
    ----------
    control : str
        How treatment is given or pretended; one of ``CONTROLS``.
    days : array_like, shape (n_days,)
        Since the first treatment; before it there is none.

    Raises
    ------
    SenospineError
        Another kind of control.

    Examples
    --------
    >>> contextual_response("pill", [0, 28, 364]).round(2).tolist()
    [0.0, 0.65, 0.57]
    """
    if control not in CONTROLS:
        raise SenospineError(f"no control is called '{control}'", remedy=suggest(control, CONTROLS))
    t = np.maximum(np.asarray(days, float), 0.0)
    if control == "none":
        return np.zeros_like(t)
    full = value_of("context_usual_care") if control == "usual care" else value_of("context_pill")
    full += value_of(_EXTRA[control]) if control in _EXTRA else 0.0
    left = value_of("context_fading")
    fading = left + (1 - left) * np.exp(-t / value_of("context_fading_days"))
    return np.asarray(full * fading * -np.expm1(-t / value_of("context_rise_days")))


@dataclass(frozen=True)
class PainReports:
    """Daily pain of patients.

    Attributes
    ----------
    felt, ratings : ndarray, shape (n_patients, n_days)
        What they feel, and what they write down; points of 0-10.
    fluctuation : ndarray, shape (n_patients,)
        Where the slow fluctuation stood on the last day, to go on from.
    """

    felt: Array
    ratings: Array
    fluctuation: Array


def report_pain(
    latent: Array,
    days: ArrayLike,
    generator: np.random.Generator,
    *,
    relief: Array | float = 0.0,
    course: Array | None = None,
    fluctuation: Array | None = None,
    since: float = 0.0,
    whole_numbers: bool = True,
) -> PainReports:
    """Return what patients feel and write down on given days.

    Parameters
    ----------
    latent : ndarray, shape (n_patients, n_days)
        Pain by the mechanism, points of 0-10.
    days : array_like, shape (n_days,)
        Rising; the first treatment is on day 0.
    generator : numpy.random.Generator
    relief : ndarray broadcast to (n_patients, n_days)
        Contextual response and rescue, points of 0-10.
    course : ndarray, shape (n_patients,), optional
        Each patient's own lasting change in the end, as :func:`lasting_change` draws it; none where left out.
    fluctuation : ndarray, shape (n_patients,), optional
        Where an earlier call left off, on day ``since``; otherwise it begins in its stationary state.
    since : float
    whole_numbers : bool
        Whether ratings are whole numbers from 0 to 10, as on paper; otherwise neither rounded nor held.
    """
    moments = np.asarray(days, float)
    patients = len(latent)
    sd, constant = value_of("fluctuation_sd"), value_of("fluctuation_days")
    noise = generator.standard_normal((patients, len(moments), 2))  # a patient's do not depend on who follows
    slow = np.empty((patients, len(moments)))
    before, at = fluctuation, since
    for index, day in enumerate(moments):
        kept = 0.0 if before is None else float(np.exp(-(day - at) / constant))
        before = (0.0 if before is None else kept * before) + np.sqrt(1 - kept**2) * sd * noise[:, index, 0]
        slow[:, index], at = before, day
    felt = latent + slow - relief
    if course is not None:
        felt = felt - course[:, None] * -np.expm1(-np.maximum(moments, 0.0) / value_of("course_days"))
    ratings = felt + day_noise_sd() * noise[..., 1]
    if whole_numbers:
        felt = np.clip(felt, 0.0, 10.0)
        ratings = np.clip(np.rint(ratings), 0.0, 10.0)
    return PainReports(felt, ratings, slow[:, -1])


def lasting_change(patients: int, generator: np.random.Generator) -> Array:
    """Return each patient's own lasting improvement without treatment, shape (n_patients,), points of 0-10."""
    return np.asarray(
        value_of("course_improvement") + value_of("course_sd") * generator.standard_normal(patients), float
    )


def report_disability(scale: str, felt: Array, lasting: Array, generator: np.random.Generator) -> Array:
    """Return one questionnaire of each patient.

    Parameters
    ----------
    scale : "odi" or "rmdq"
        Oswestry index in per cent, or Roland-Morris points of 24.
    felt : ndarray, shape (n_patients,)
        Mean pain of the week, points of 0-10.
    lasting : ndarray, shape (n_patients,)
        The patient's own standard normal, the same at every visit.
    generator : numpy.random.Generator

    Raises
    ------
    SenospineError
        Another scale.
    """
    if scale not in DISABILITY:
        raise SenospineError(f"no scale is called '{scale}'", remedy=suggest(scale, DISABILITY))
    own = value_of(f"{scale}_lasting_sd") * lasting + value_of(f"{scale}_visit_sd") * generator.standard_normal(
        len(felt)
    )
    score = value_of(f"{scale}_per_point") * felt + own
    if scale == "odi":
        return np.asarray(np.clip(2 * np.rint((value_of("odi_at_no_pain") + score) / 2), 0, 100))  # ten items, 0-5
    return np.asarray(np.clip(np.rint(score), 0, 24))


def regression_to_the_mean(cut: float, mean: float, sd: float, reliability: float) -> float:
    """Return the expected fall of a second rating in those whose first was at least ``cut``.

    (1 - r) SD phi(a) / (1 - Phi(a)), a = (cut - mean) / SD, for normal ratings.

    Examples
    --------
    >>> round(regression_to_the_mean(5, 5, 2, 0.65), 2)
    0.56
    """
    from scipy.special import ndtr

    a = (cut - mean) / sd
    return float((1 - reliability) * sd * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi) / ndtr(-a))
