"""What a trial's own analysis would say: estimands, models and tests, over many trials at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError
from senospine.randomness import stream
from senospine.stats.imputation import STRATEGIES, impute_many
from senospine.stats.mmrm import ManyContrasts, ancova_many, mmrm, mmrm_many
from senospine.stats.mmrm.many import MANY_METHODS
from senospine.stats.risks import risk_difference
from senospine.trial.design import Design, Hypothesis
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]
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
    design: Design, trials: Sequence[TrialData], numbers: Sequence[int], seed: int, *, fraction: float = 1.0
) -> pd.DataFrame:
    """Return one row a trial, hypothesis and method.

    Parameters
    ----------
    trials : sequence of TrialData
        Of equal size.
    numbers : sequence of int
        Their numbers, which name the noise of imputation.
    seed : int
    fraction : float
        How many of the patients, in order of randomisation, have been seen to the end.

    Returns
    -------
    pandas.DataFrame
        Columns trial, hypothesis, method, estimate, se, df, p, lower, upper, used, true; ``true`` is the same contrast
        had nobody been missing, by analysis of covariance.
    """
    size = len(trials[0].enrolled.row)
    kept = np.arange(size) < round(size * fraction)
    methods = [design.file.analysis.method, *design.file.analysis.sensitivity]
    tables = []
    for hypothesis in design.hypotheses:
        endpoint = design.file.endpoints[hypothesis.endpoint]
        visit = design.visit_of(endpoint)
        y = np.stack([analysed(design, data, endpoint.measure) for data in trials])[..., : visit + 1]
        whole = np.stack([in_truth(design, data, endpoint.measure) for data in trials])[..., visit]
        here = np.stack([kept & _belongs(hypothesis, data) for data in trials])
        y, whole = np.where(here[..., None], y, np.nan), np.where(here, whole, np.nan)
        for method in dict.fromkeys(methods):
            if endpoint.responder is not None:
                if method != methods[0]:
                    continue
                found, true = _responders(design, trials, hypothesis, y[..., -1], whole, here, endpoint.responder)
            else:
                x, contrast = covariates(design, trials, hypothesis)
                true = ancova_many(whole, x, contrast).estimate
                found = _contrasts(design, trials, numbers, seed, hypothesis, method, y, here)
            tables.append(_table(numbers, hypothesis, "responder" if endpoint.responder else method, found, true))
    return pd.concat(tables, ignore_index=True)


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


def _contrasts(
    design: Design,
    trials: Sequence[TrialData],
    numbers: Sequence[int],
    seed: int,
    hypothesis: Hypothesis,
    method: str,
    y: Array,
    here: Mask,
) -> ManyContrasts:
    plan = design.file.analysis
    x, contrast = covariates(design, trials, hypothesis)
    if method == "ancova":
        return ancova_many(y[..., -1], x, contrast)
    if method in STRATEGIES:
        first, second = (design.arms.index(name) for name in (hypothesis.treated, hypothesis.control))
        arm = np.stack([data.enrolled.arm for data in trials])
        pair = here & ((arm == first) | (arm == second))
        k = len(design.arms)
        both = np.concatenate([x[..., :1], (arm == first)[..., None], x[..., k:]], axis=2) * pair[..., None]
        name = f"trial/imputation/{method}/{hypothesis.name}"
        generators = [stream(seed, name, number) for number in numbers]
        return impute_many(
            np.where(pair[..., None], y, np.nan), both, 1, generators, strategy=method, n_imputations=plan.imputations
        )
    if plan.covariance == "unstructured" and plan.df in MANY_METHODS:
        return mmrm_many(y, x, contrast, df=plan.df)
    return _one_by_one(design, trials, hypothesis, y)


def _one_by_one(design: Design, trials: Sequence[TrialData], hypothesis: Hypothesis, y: Array) -> ManyContrasts:
    """Return what `mmrm` says of each trial, for other structures and degrees of freedom."""
    rows = []
    for data, values in zip(trials, y, strict=True):
        frame, fixed = long_frame(design, data, hypothesis, values)
        try:
            fit = mmrm(
                frame, outcome="AVAL", subject="USUBJID", visit="AVISITN", fixed=fixed,
                covariance=design.file.analysis.covariance, df=design.file.analysis.df,
            )  # fmt: skip
            found = fit.differences("TRT01P", by="AVISITN", reference=hypothesis.control)
            row = found.loc[(f"{hypothesis.treated} - {hypothesis.control}", frame["AVISITN"].max())]
            good = fit.convergence.ok
        except AnalysisError:
            good = False
        rows.append(
            [*(float(row[name]) for name in ("estimate", "se", "df", "p", "lower", "upper"))] if good else [np.nan] * 6
        )
    estimate, se, df, p, lower, upper = np.array(rows).T
    return ManyContrasts(estimate, se, df, p, lower, upper, np.isfinite(y).any(axis=2).sum(axis=1))


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
            shares = [float((full[group] <= needed[group]).mean()) for group in groups]
        effect = risk_difference(*counts[0], *counts[1])
        se = (effect.upper - effect.lower) / (2 * 1.959963984540054)
        rows.append([effect.estimate, se, np.inf, effect.p, effect.lower, effect.upper])
        true.append(shares[0] - shares[1])
        used.append(int(mine.sum()))
    estimate, se, df, p, lower, upper = np.array(rows).T
    return ManyContrasts(estimate, se, df, p, lower, upper, np.array(used)), np.array(true)


def _table(
    numbers: Sequence[int], hypothesis: Hypothesis, method: str, found: ManyContrasts, true: Array
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": np.asarray(numbers), "hypothesis": hypothesis.name, "method": method,
            "estimate": found.estimate, "se": found.se, "df": found.df, "p": found.p, "lower": found.lower,
            "upper": found.upper, "used": found.used, "true": true,
        }
    )  # fmt: skip
