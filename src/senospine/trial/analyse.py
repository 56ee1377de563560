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
from senospine.trial.estimable import estimable
from senospine.trial.imputing import completed_trials
from senospine.trial.measures import measure_of
from senospine.trial.models import model_contrasts
from senospine.trial.simulate import TrialData
from senospine.trial.subgroups import subgroup_rows

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


def analysed(design: Design, data: TrialData, measure: str) -> Array:
    """Return what enters the analysis, shape (n, n_visits): intercurrent events treated as the estimands say.

    Rescue changes what patients report and no marker, so its strategies leave markers as they are.
    """
    item = measure_of(measure)
    values = _composite(design, data, measure, data.observed[measure])
    visits = np.arange(values.shape[1])
    gone = np.isnan(values)
    if design.file.estimand.stopping == "hypothetical":
        gone = gone | (visits >= data.stopped[:, None])
    if design.file.estimand.rescue == "hypothetical" and item.reported:
        gone = gone | (visits >= data.rescued[:, None])
    return item.analysed(np.where(gone, np.nan, values))


def baseline_of(data: TrialData, measure: str) -> Array:
    """Return values at entry on the scale of the analysis, shape (n,)."""
    return measure_of(measure).analysed(data.baseline[measure])


def in_truth(design: Design, data: TrialData, measure: str) -> Array:
    """Return what would have entered with nobody missing, under the same estimands."""
    return measure_of(measure).analysed(_composite(design, data, measure, data.ideal[measure]))


def _composite(design: Design, data: TrialData, measure: str, values: Array) -> Array:
    if design.file.estimand.rescue != "composite" or not measure_of(measure).reported:
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
    tables: list[pd.DataFrame] = []
    for hypothesis in design.hypotheses:
        known = np.array([_baseline_known(design, data, hypothesis) for data in trials])
        for group in (np.flatnonzero(~known).tolist(), np.flatnonzero(known).tolist()):
            if group:  # a model without baseline has a column less
                some = [trials[index] for index in group], [numbers[index] for index in group]
                tables += _tables(design, *some, seed, hypothesis, reach[group])
    return pd.concat(tables, ignore_index=True)


def _baseline_known(design: Design, data: TrialData, hypothesis: Hypothesis) -> bool:
    """Return whether a marker at entry follows from the strata, as a finding does that was a criterion or a stratum."""
    key = design.file.endpoints[hypothesis.endpoint].key
    if measure_of(key).reported:
        return False
    mine = _belongs(hypothesis, data)
    values = baseline_of(data, key)[mine]
    x = np.column_stack([np.ones(len(values)), data.enrolled.strata[mine]])
    left = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    return bool(np.abs(left).max(initial=0.0) < 1e-9)


def _tables(
    design: Design, trials: Sequence[TrialData], numbers: Sequence[int], seed: int, hypothesis: Hypothesis,
    reach: Integers,
) -> list[pd.DataFrame]:  # fmt: skip
    """Return the tables of a hypothesis."""
    endpoint = design.file.endpoints[hypothesis.endpoint]
    visits_in = design.visits_of(endpoint)
    belongs = np.stack([_belongs(hypothesis, data) for data in trials])
    come = belongs[..., None] & (np.array(visits_in) < reach[..., None])
    y = np.where(come, np.stack([analysed(design, data, endpoint.key)[:, visits_in] for data in trials]), np.nan)
    whole = np.stack([in_truth(design, data, endpoint.key)[:, visits_in[-1]] for data in trials])
    whole = np.where(belongs, whole, np.nan)  # of all planned, since a stop chooses among truths too
    if endpoint.responder is not None:
        found, true = _responders(design, trials, hypothesis, y[..., -1], whole, come[..., -1], endpoint.responder)
        return [_table(numbers, hypothesis.name, "responder", found, true)]
    x, contrast = covariates(design, trials, hypothesis)
    true = ancova_many(whole, x, contrast).estimate
    tables = _means(design, trials, numbers, seed, hypothesis, y, x, contrast, come[..., -1], true)
    if hypothesis == design.hypotheses[0] and design.file.analysis.subgroups:
        for name, found, real, p in subgroup_rows(design, trials, hypothesis, y, whole, x):
            table = _table(numbers, f"{hypothesis.name}, {name[0]}", name[1], found, real)
            tables.append(table.assign(interaction_p=p))
    return tables


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
    marker = not measure_of(design.file.endpoints[hypothesis.endpoint].key).reported
    # what is imputed and shifted is what patients report; of a marker the two models say all
    sensitivity = [name for name in plan.sensitivity if not marker or name not in STRATEGIES]
    for method in dict.fromkeys([plan.method, *sensitivity]):
        model = "ancova" if marker and y.shape[2] == 1 else method  # which is what a mixed model of one visit is
        found = completed(method).contrasts() if method in STRATEGIES else model_contrasts(plan, model, y, x, contrast)
        found = estimable(found, y[..., -1]) if marker else found
        tables.append(_table(numbers, hypothesis.name, method, found, true))
    if plan.tipping is not None and not marker:
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

    One, an indicator of each arm but the first, baseline, strata (without the marker's where only positives count);
    no baseline of a marker where the strata tell it in every trial.
    """
    measure = design.file.endpoints[hypothesis.endpoint].key
    tables = []
    for data in trials:
        arms = (data.enrolled.arm[:, None] == np.arange(1, len(design.arms))).astype(float)
        strata = data.enrolled.strata[:, : -1 if hypothesis.positive else None]
        tables.append(np.column_stack([np.ones(len(arms)), arms, baseline_of(data, measure), strata]))
    x = np.stack(tables)
    if all(_baseline_known(design, data, hypothesis) for data in trials):
        x = np.delete(x, len(design.arms), axis=2)
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
    endpoint = design.file.endpoints[hypothesis.endpoint]
    weeks = [design.file.visits[index] for index in design.visits_of(endpoint)]
    frame = pd.DataFrame(
        {
            "USUBJID": np.repeat(np.arange(n), visits),
            "AVISITN": np.tile(weeks, n),
            "TRT01P": pd.Categorical(np.repeat(np.array(design.arms)[data.enrolled.arm], visits), list(design.arms)),
            "BASE": np.repeat(baseline_of(data, endpoint.key), visits),
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
    measure = design.file.endpoints[hypothesis.endpoint].key
    rows, true, used = [], [], []
    for data, seen, full, mine in zip(trials, y, whole, here, strict=True):
        needed = measure_of(measure).analysed(data.baseline[measure] * (1 - cut))
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
