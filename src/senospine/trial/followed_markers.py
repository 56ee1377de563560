"""Markers over the visits of the first trials of a run, arm by arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senospine.trial.design import Design
from senospine.trial.measures import measure_of
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MarkerCourse:
    """One marker at entry and at the visits that measure it.

    Attributes
    ----------
    key : str
        As tables of a trial call it.
    weeks : tuple of float
        From 0, which is entry.
    level : ndarray, shape (n_trials, n_arms, n_weeks)
        Of who came: the geometric mean of ratios to entry, the share with the finding, or the mean grade.
    example : ndarray, shape (3, n_arms, n_weeks)
        Of trial 0: the same, and the ends of its 95 % interval (t on the scale of the analysis, patients).
    """

    key: str
    weeks: tuple[float, ...]
    level: Array
    example: Array


def levels(design: Design, trials: Sequence[TrialData]) -> dict[str, Array]:
    """Return levels of every marker, shape (n_trials, n_arms, n_weeks)."""
    return {key: np.stack([_interval(design, data, key)[0] for data in trials]) for key in design.marker_weeks}


def marker_courses(design: Design, example: TrialData, parts: Sequence[dict[str, Array]]) -> tuple[MarkerCourse, ...]:
    """Return the courses of all markers from the levels of blocks of trials."""
    return tuple(
        MarkerCourse(
            key, (0.0, *weeks), np.concatenate([part[key] for part in parts]), np.stack(_interval(design, example, key))
        )
        for key, weeks in design.marker_weeks.items()
    )


def _interval(design: Design, data: TrialData, key: str) -> tuple[Array, Array, Array]:
    """Return means with the ends of 95 % intervals, each of shape (n_arms, n_weeks)."""
    item, visits = measure_of(key), [design.file.visits.index(week) for week in design.marker_weeks[key]]
    values = item.analysed(np.column_stack([data.baseline[key], data.observed[key][:, visits]]))
    if item.scale == "ratio":
        values = values - values[:, :1]
    arms = np.arange(len(design.arms))[:, None] == data.enrolled.arm
    here = arms[..., None] & np.isfinite(values)
    count = here.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(here, values, 0.0).sum(axis=1) / count
        square = np.where(here, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
        half = special.stdtrit(np.maximum(count - 1, 1), 0.975) * np.sqrt(square / (count - 1) / count)
    ends = mean, mean - half, mean + half
    return tuple(np.exp(end) for end in ends) if item.scale == "ratio" else ends
