"""What a trial's own analysis would say: estimands, models and tests, over many trials at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.stats.imputation import STRATEGIES, Completed
from senospine.stats.mmrm import ManyContrasts, ancova_many
from senospine.stats.risks import risk_difference
from senospine.trial.design import Design, Hypothesis
from senospine.trial.imputing import completed_trials
from senospine.trial.models import model_contrasts
from senospine.trial.simulate import TrialData
from senospine.trial.subgroups import subgroup_rows

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


def analysed(design: Design, data: TrialData, measure: str) -> Array:
    """Return what enters the analysis, shape (n, n_visits): intercurrent events treated as the estimands say."""
    values = _composite(design, data, measure, data.observed[measure])
    visits = np.arange(values.shape[1])
    gone = np.isnan(values)
    if design.file.estimand.stopping == "hypothetical":
        gone = gone | (visits >= data.stopped[:, None])
    if design.file.estimand.rescue == "hypothetical":
        gone = gone | (visits >= data.rescued[:, None])
    return np.where(gone, np.nan, values)


def in_truth(design: Design, data: TrialData, measure: str) -> Array:
    """Return what would have entered with nobody missing, under the same estimands."""
    return _composite(design, data, measure, data.ideal[measure])


def _composite(design: Design, data: TrialData, measure: str, values: Array) -> Array:
    if design.file.estimand.rescue != "composite":
        return values
    taken = np.arange(values.shape[1]) >= data.rescued[:, None]  # rescue counts as no improvement
    return np.where(taken & np.isfinite(values), data.baseline[measure][:, None], values)


def analyse(
    design: Design,
    trials: Sequence[TrialData],
    numbers: Sequence[int],
    seed: int,
    *,
    reached: Sequence[Integers] | None = None,
) -> pd.DataFrame:
    """Return one row a trial, hypothesis and method.

    Parameters
    ----------
    trials : sequence of TrialData
        Of equal size.
    numbers : sequence of int
        Their numbers, which name the noise of imputation.
    seed : int
    reached : sequence of ndarray of int, shape (n,), optional
        How many visits each patient has come up to by a look, one array a trial; all by default. The mixed model and
        analysis of covariance take what there is; responders and imputations those who have come up to the endpoint.

    Returns
    -------
    pandas.DataFrame
        Columns trial, hypothesis, method, estimate, se, df, p, lower, upper, used, true; ``true`` is the same contrast
        had nobody been missing, by analysis of covariance, of all who were planned, also where a look sees fewer. With
        a tipping point declared also ``tips_at``, with subgroups ``interaction_p``; NaN in the other rows.
    """
    n, visits = len(trials[0].enrolled.row), len(design.visit_days)
    reach = np.full((len(trials), n), visits) if reached is None else np.stack(list(reached))
    tables = []
    for hypothesis in design.hypotheses:
        endpoint = design.file.endpoints[hypothesis.endpoint]
        visit = design.visit_of(endpoint)
        belongs = np.stack([_belongs(hypothesis, data) for data in trials])
        come = belongs[..., None] & (np.arange(visit + 1) < reach[..., None])
        y = np.where(
            come, np.stack([analysed(design, data, endpoint.measure)[:, : visit + 1] for data in trials]), np.nan
        )
        whole = np.stack([in_truth(design, data, endpoint.measure)[:, visit] for data in trials])
        whole = np.where(belongs, whole, np.nan)  # of all planned, since a stop chooses among truths too
        if endpoint.responder is not None:
            found, true = _responders(design, trials, hypothesis, y[..., -1], whole, come[..., -1], endpoint.responder)
            tables.append(_table(numbers, hypothesis.name, "responder", found, true))
            continue
        x, contrast = covariates(design, trials, hypothesis)
        true = ancova_many(whole, x, contrast).estimate
        tables += _means(design, trials, numbers, seed, hypothesis, y, x, contrast, come[..., -1], true)
        if hypothesis == design.hypotheses[0] and design.file.analysis.subgroups:
            for name, found, real, p in subgroup_rows(design, trials, hypothesis, y, whole, x):
                table = _table(numbers, f"{hypothesis.name}, {name[0]}", name[1], found, real)
                tables.append(table.assign(interaction_p=p))
    return pd.concat(tables, ignore_index=True)


def _means(
    design: Design,
    trials: Sequence[TrialData],
    numbers: Sequence[int],
    seed: int,
    hypothesis: Hypothesis,
    y: Array,
    x: Array,
    contrast: Array,
    done: Mask,
    true: Array,
) -> list[pd.DataFrame]:
    """Return the tables of all methods of a hypothesis about means."""
    plan = design.file.analysis
    imputed: dict[str, Completed] = {}

    def completed(strategy: str) -> Completed:
        if strategy not in imputed:
            imputed[strategy] = completed_trials(
                design, trials, numbers, seed, hypothesis, strategy, np.where(done[..., None], y, np.nan), x, done
            )
        return imputed[strategy]

    tables = []
    for method in dict.fromkeys([plan.method, *plan.sensitivity]):
        found = completed(method).contrasts() if method in STRATEGIES else model_contrasts(plan, method, y, x, contrast)
        tables.append(_table(numbers, hypothesis.name, method, found, true))
    if plan.tipping is not None:
        sets = completed(plan.tipping.strategy)
        tips = sets.tipping_point(plan.tipping.up_to, alpha=plan.alpha)
        for delta in plan.tipping.deltas:
            table = _table(numbers, hypothesis.name, plan.tipping.method(delta), sets.contrasts(delta), true)
            tables.append(table.assign(tips_at=tips) if delta == 0 else table)
    return tables


def _belongs(hypothesis: Hypothesis, data: TrialData) -> Mask:
    if not hypothesis.positive:
        return np.ones(len(data.enrolled.row), bool)
    return np.asarray(data.enrolled.recorded["positive"] > 0)


def covariates(design: Design, trials: Sequence[TrialData], hypothesis: Hypothesis) -> tuple[Array, Array]:
    """Return design rows (n_trials, n, k), all crossed with the visit, and the contrast (k,) of a hypothesis.

    One, an indicator of each arm but the first, baseline, strata (without the marker's where only positives count).
    """
    measure = design.file.endpoints[hypothesis.endpoint].measure
    tables = []
    for data in trials:
        arms = (data.enrolled.arm[:, None] == np.arange(1, len(design.arms))).astype(float)
        strata = data.enrolled.strata[:, : -1 if hypothesis.positive else None]
        tables.append(np.column_stack([np.ones(len(arms)), arms, data.baseline[measure], strata]))
    x = np.stack(tables)
    contrast = np.zeros(x.shape[2])
    for name, weight in ((hypothesis.treated, 1.0), (hypothesis.control, -1.0)):
        index = design.arms.index(name)
        if index:
            contrast[index] = weight
    return x, contrast


def long_frame(
    design: Design, data: TrialData, hypothesis: Hypothesis, values: Array
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a patient and visit as `mmrm` takes it, and the fixed effects of the design's model."""
    n, visits = values.shape
    measure = design.file.endpoints[hypothesis.endpoint].measure
    frame = pd.DataFrame(
        {
            "USUBJID": np.repeat(np.arange(n), visits),
            "AVISITN": np.tile(design.file.visits[:visits], n),
            "TRT01P": pd.Categorical(np.repeat(np.array(design.arms)[data.enrolled.arm], visits), list(design.arms)),
            "BASE": np.repeat(data.baseline[measure], visits),
            "AVAL": values.ravel(),
        }
    )
    fixed = ["TRT01P*AVISITN", "BASE*AVISITN"]
    for index in range(data.enrolled.strata.shape[1] - hypothesis.positive):
        column = data.enrolled.strata[:, index]
        if np.ptp(column) > 0:
            frame[f"STRAT{index + 1}"] = np.repeat(column, visits)
            fixed.append(f"STRAT{index + 1}*AVISITN")
    return frame, fixed


def _responders(
    design: Design, trials: Sequence[TrialData], hypothesis: Hypothesis, y: Array, whole: Array, here: Mask, cut: float
) -> tuple[ManyContrasts, Array]:
    """Return differences of shares of responders; who is missing is no responder."""
    measure = design.file.endpoints[hypothesis.endpoint].measure
    rows, true, used = [], [], []
    for data, seen, full, mine in zip(trials, y, whole, here, strict=True):
        needed = data.baseline[measure] * (1 - cut)
        groups = [
            mine & (data.enrolled.arm == design.arms.index(name)) for name in (hypothesis.treated, hypothesis.control)
        ]
        with np.errstate(invalid="ignore"):
            counts = [(int((seen[group] <= needed[group]).sum()), int(group.sum())) for group in groups]
            everyone = [
                np.isfinite(full) & (data.enrolled.arm == design.arms.index(name))
                for name in (hypothesis.treated, hypothesis.control)
            ]
            shares = [float((full[group] <= needed[group]).mean()) for group in everyone]
        effect = risk_difference(*counts[0], *counts[1])
        se = (effect.upper - effect.lower) / (2 * 1.959963984540054)
        rows.append([effect.estimate, se, np.inf, effect.p, effect.lower, effect.upper])
        true.append(shares[0] - shares[1])
        used.append(int(mine.sum()))
    estimate, se, df, p, lower, upper = np.array(rows).T
    return ManyContrasts(estimate, se, df, p, lower, upper, np.array(used)), np.array(true)


def _table(numbers: Sequence[int], hypothesis: str, method: str, found: ManyContrasts, true: Array) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": np.asarray(numbers), "hypothesis": hypothesis, "method": method,
            "estimate": found.estimate, "se": found.se, "df": found.df, "p": found.p, "lower": found.lower,
            "upper": found.upper, "used": found.used, "true": true,
        }
    )  # fmt: skip
