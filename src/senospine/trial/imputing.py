"""Imputation in the trials of a design: all at once where those who leave stay away, one trial at a time elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.randomness import stream
from senospine.stats.imputation import Completed, impute, impute_many
from senospine.stats.imputation.completed import reduced, together
from senospine.trial.design import Design, Hypothesis
from senospine.trial.models import comes_back
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
    slow = comes_back(y)
    parts, order = [], np.argsort(np.concatenate([np.flatnonzero(~slow), np.flatnonzero(slow)]))
    if not slow.all():
        kept = [generators[index] for index in np.flatnonzero(~slow)]
        parts.append(impute_many(y[~slow], both[~slow], 1, kept, strategy=strategy, n_imputations=count))
    parts += [_one(y[i], both[i], pair[i], generators[i], strategy, count) for i in np.flatnonzero(slow)]
    return together(parts, order)


def _one(y: Array, x: Array, mine: Mask, generator: np.random.Generator, strategy: str, count: int) -> Completed:
    """Return one trial imputed from the large-sample posterior of its mixed model."""
    y, x = y[mine], x[mine]
    kept = [k for k in range(2, x.shape[1]) if np.ptp(x[:, k]) > 0]
    n, visits = y.shape
    names = [f"x{k}" for k in kept]
    frame = pd.DataFrame(
        {
            "patient": np.repeat(np.arange(n), visits), "visit": np.tile(np.arange(visits), n),
            "arm": np.repeat(np.where(x[:, 1] > 0, "treated", "control"), visits), "y": y.ravel(),
            **{name: np.repeat(x[:, k], visits) for name, k in zip(names, kept, strict=True)},
        }
    )  # fmt: skip
    made = impute(
        frame, outcome="y", subject="patient", visit="visit", arm="arm", reference="control", covariates=names,
        strategy=strategy, n_imputations=count, seed=int(generator.integers(2**31)),
    )  # fmt: skip
    return reduced(made.completed[:, None, :, -1], x[None][..., [0, 1, *kept]], 1, np.isnan(y[None, :, -1]))
