"""Imputation in the trials of a design."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.randomness import stream
from senospine.stats.imputation import Completed, impute_many
from senospine.trial.design import Design, Hypothesis
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def completed_trials(
    design: Design,
    trials: Sequence[TrialData],
    numbers: Sequence[int],
    seed: int,
    hypothesis: Hypothesis,
    strategy: str,
    y: Array,
    x: Array,
    here: Mask,
) -> Completed:
    """Return the trials imputed under a strategy; the control of the hypothesis is the reference.

    Parameters
    ----------
    y : ndarray, shape (n_trials, n_patients, n_visits)
    x : ndarray, shape (n_trials, n_patients, n_covariates)
        As of :func:`senospine.trial.analyse.covariates`.
    here : ndarray of bool, shape (n_trials, n_patients)
        Who belongs to the comparison.
    """
    first, second = (design.arms.index(name) for name in (hypothesis.treated, hypothesis.control))
    arm = np.stack([data.enrolled.arm for data in trials])
    pair = here & ((arm == first) | (arm == second))
    k = len(design.arms)
    both = np.concatenate([x[..., :1], (arm == first)[..., None], x[..., k:]], axis=2) * pair[..., None]
    y = np.where(pair[..., None], y, np.nan)
    count = design.file.analysis.imputations
    name = f"trial/imputation/{strategy}/{hypothesis.name}"
    generators = [stream(seed, name, number) for number in numbers]
    return impute_many(y, both, 1, generators, strategy=strategy, n_imputations=count)
