"""Does treatment do more in some: declared subgroups of a design, each with its own effect and with it shrunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.stats.mmrm import ManyContrasts, ancova_many
from senospine.stats.shrinkage import shrink_many
from senospine.trial.design import Design, Hypothesis
from senospine.trial.models import model_contrasts
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]
METHODS = ("subgroup", "subgroup, shrunk")


def subgroup_rows(
    design: Design, trials: Sequence[TrialData], hypothesis: Hypothesis, y: Array, whole: Array, x: Array
) -> Iterator[tuple[tuple[str, str], ManyContrasts, Array, Array]]:
    """Yield subgroup and method, contrasts, truth (n_trials,) and p of the interaction (n_trials,).

    Parameters
    ----------
    y : ndarray, shape (n_trials, n_patients, n_visits)
    whole : ndarray, shape (n_trials, n_patients)
        Outcomes had nobody been missing.
    x : ndarray, shape (n_trials, n_patients, n_covariates)
        As of :func:`senospine.trial.analyse.covariates`.

    Notes
    -----
    The design's own model with the subgroup and its product with every arm added, all crossed with the visit. The
    interaction is the contrast of the two effects, with that model's degrees of freedom.
    """
    plan = design.file.analysis
    k = len(design.arms)
    sign = np.zeros(k)
    sign[design.arms.index(hypothesis.treated)] = 1.0
    sign[design.arms.index(hypothesis.control)] = -1.0
    for number, (name, cut) in enumerate(plan.subgroups.items()):
        group = np.stack([data.enrolled.subgroups[:, number] for data in trials])
        own = [] if (x == group[..., None]).all(axis=(0, 1)).any() else [group[..., None]]  # it may be a stratum
        wide = np.concatenate([x, *own, x[..., 1:k] * group[..., None]], axis=2)
        low = np.concatenate([[0.0], sign[1:], np.zeros(wide.shape[2] - k)])
        step = np.concatenate([np.zeros(wide.shape[2] - k + 1), sign[1:]])
        below, above, gap = (model_contrasts(plan, plan.method, y, wide, c) for c in (low, low + step, step))
        shared = (below.se**2 + above.se**2 - gap.se**2) / 2
        covariance = np.stack([[below.se**2, shared], [shared, above.se**2]]).transpose(2, 0, 1)
        estimates = np.stack([below.estimate, above.estimate], axis=1)
        shrunk = shrink_many(estimates, covariance, scale=plan.subgroup_scale or design.file.worthwhile)
        contrast = np.concatenate([[0.0], sign[1:], np.zeros(x.shape[2] - k)])
        seen = np.isfinite(y).any(axis=2)
        for index, (label, found) in enumerate(((f"{name} < {cut:g}", below), (f"{name} >= {cut:g}", above))):
            mine = group == index
            varies = [j for j in range(x.shape[2]) if j < k or not (x[..., j : j + 1] == group[..., None]).all()]
            true = ancova_many(np.where(mine, whole, np.nan), x[..., varies], contrast[varies]).estimate
            used = (seen & mine).sum(axis=1)
            yield (label, METHODS[0]), replace(found, used=used), true, gap.p
            yield (label, METHODS[1]), replace(shrunk[index], used=used), true, gap.p
