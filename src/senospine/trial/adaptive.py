"""Two stages with a choice of population: after the first, the second enrols all-comers or only the marker-positive.

Stage-wise one-sided p values are combined by inverse normals with weights fixed beforehand, and closed testing with
Simes' intersection holds the family-wise error whatever was chosen (Jenkins, Stone and Jennison 2011, doi
10.1002/pst.472; Lehmacher and Wassmer 1999, doi 10.1111/j.0006-341X.1999.01286.x).

The positive are chosen where the effect in the negative less that in the positive is above ``select_difference``: their
first estimate then lay below a limit that the negative set (:mod:`senospine.stats.selection`). All-comers, chosen
otherwise, need no adjustment: with one residual variance the pooled estimate is the efficient one, so it has the same
covariance with both groups' own estimates, and none with their difference, by which the choice was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from senospine.stats.mmrm import ancova_many
from senospine.stats.selection import after_selection, pooled_df
from senospine.trial.accrual import weeks_of_randomisation
from senospine.trial.analyse import analysed, covariates, in_truth
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design, Hypothesis
from senospine.trial.looks import ADJUSTED
from senospine.trial.models import model_contrasts
from senospine.trial.simulate import TrialData, simulate_trial

Array = NDArray[np.float64]
GROUPS = ("all", "positive", "negative")
Found = dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class _Stages:
    """Both stages of a trial: what was chosen, and for each method estimate, standard error and df by population."""

    number: int
    chosen: str
    data: tuple[TrialData, TrialData]
    early: dict[str, Found]
    late: dict[str, Found]


def two_stage(
    design: Design, bank: PatientBank, numbers: Sequence[int], seed: int, *, tables: bool = False
) -> tuple[pd.DataFrame, list[list[TrialData]]]:
    """Return rows of each trial and population, and the stages' data.

    The row of the population that was not carried on has the first stage's estimate and is never rejected on its own.
    Estimates and intervals that pool both stages are as if nothing had been chosen: they are not adjusted. Further rows
    have the population that was chosen, by the design's own method: ``unbiased`` and ``adjusted`` (median-unbiased) use
    both stages and know of the choice, with the interval that holds given it (``se``: its half-width over its normal
    quantile); ``second stage`` has the second alone, whose patients had no part in the choice. Sensitivity analyses are
    combined in the same way, in the population that the design's own method chose.
    """
    plan = design.file
    methods = tuple(dict.fromkeys([plan.analysis.method, *plan.analysis.sensitivity]))
    first_size = round(plan.patients * plan.population.first_stage)
    trials = []
    for number in numbers:
        one = simulate_trial(design, bank, seed, number, patients=first_size, part="stage 1/", tables=tables)
        early = {name: {group: _estimate(design, one, group, name) for group in GROUPS} for name in methods}
        effects = early[plan.analysis.method]
        gain = effects["negative"][0] - effects["positive"][0]  # how much more the positive improve
        chosen = "positive" if gain > plan.population.select_difference else "all"
        two = simulate_trial(
            design, bank, seed, number, patients=plan.patients - first_size, only_positive=chosen == "positive",
            part="stage 2/", tables=tables,
        )  # fmt: skip
        late = {name: {group: _estimate(design, two, group, name) for group in GROUPS[:2]} for name in methods}
        trials.append(_Stages(number, chosen, (one, two), early, late))
    closed = [[_close(design, trial, name) for name in methods] for trial in trials]
    own = pd.DataFrame([rows[0][item.chosen == "positive"] for item, rows in zip(trials, closed, strict=True)])
    pooled = pd.DataFrame([row for rows in closed for pair in rows for row in pair])
    rows = pd.concat([pooled, _of_chosen(design, trials, own)], ignore_index=True)
    rows = rows.sort_values("trial", kind="stable", ignore_index=True)
    if plan.accrual is not None:
        weeks = {item.number: _weeks(design, item.data, seed, item.number) for item in trials}
        rows["weeks"] = rows["trial"].map(weeks)
    return rows, [list(item.data) for item in trials]


def _weeks(design: Design, stages: Sequence[TrialData], seed: int, number: int) -> float:
    """Return how long both stages last; nobody is enrolled between the last of the first and the choice."""
    plan = design.file
    assert plan.accrual is not None
    ends = (plan.endpoints[design.hypotheses[0].endpoint].week, plan.visits[-1])
    came = [
        weeks_of_randomisation(design, data, seed, number, f"stage {stage}/")[-1]
        for stage, data in enumerate(stages, start=1)
    ]
    return float(sum(came) + sum(ends) + 2 * plan.accrual.readout_weeks)


def _close(design: Design, trial: _Stages, method: str) -> list[dict[str, object]]:
    """Return the closed test of both populations by one method."""
    share = design.file.population.first_stage
    weights = np.sqrt([share, 1 - share])
    early, late = trial.early[method], trial.late[method]
    p1 = {name: _one_sided(*early[name]) for name in GROUPS[:2]}
    if trial.chosen == "positive":  # the second stage says nothing of all-comers
        p2 = {"positive": _one_sided(*late["positive"]), "all": 1.0}
        p2["both"] = p2["positive"]
    else:
        p2 = {name: _one_sided(*late[name]) for name in GROUPS[:2]}
        p2["both"] = _simes(p2["all"], p2["positive"])
    p1["both"] = _simes(p1["all"], p1["positive"])
    alpha = design.file.analysis.alpha / 2
    combined = {name: float(special.ndtr(-(weights @ -special.ndtri(_inside(p1[name], p2[name]))))) for name in p1}
    hypothesis = design.hypotheses[0]
    rows: list[dict[str, object]] = []
    for name in GROUPS[:2]:
        both = max(combined[name], combined["both"])
        sizes = [len(data.enrolled.row) for data in trial.data]
        stages = [(early[name], sizes[0]), (late[name], sizes[1])]
        used = stages if (trial.chosen == "all" or name == "positive") else stages[:1]
        precision = np.array([1 / item[0][1] ** 2 for item in used])
        estimate = float(precision @ [item[0][0] for item in used] / precision.sum())
        se = float(precision.sum() ** -0.5)
        half = -float(special.ndtri(alpha)) * se
        rows.append(
            {
                "trial": trial.number, "hypothesis": Hypothesis(hypothesis.endpoint, hypothesis.treated,
                                                                hypothesis.control, name == "positive").name,
                "method": method, "estimate": estimate, "se": se, "df": np.inf,
                "p": min(2 * both, 1.0), "lower": estimate - half, "upper": estimate + half,
                "used": sum(item[1] for item in used), "true": _true(design, trial.data[0], name),
                "look": 2, "patients": design.file.patients, "rejected": both <= alpha, "chosen": trial.chosen,
            }
        )  # fmt: skip
    return rows


def _of_chosen(design: Design, trials: Sequence[_Stages], own: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that know of the choice; ``own`` has the pooled row of each trial's chosen population."""
    method, alpha = design.file.analysis.method, design.file.analysis.alpha
    early, late = (
        np.array([getattr(item, stage)[method][item.chosen] for item in trials]).T for stage in ("early", "late")
    )
    rival = np.array([item.early[method]["negative"][0] for item in trials])
    positive = np.array([item.chosen == "positive" for item in trials])
    limit = np.where(positive, rival - design.file.population.select_difference, np.inf)
    limit = np.maximum(limit, np.nextafter(early[0], np.inf))  # a difference may round to the other side
    df = pooled_df(early[1], early[2], late[1], late[2])
    found = after_selection(early[0], early[1], late[0], late[1], below=limit, df=df, level=1 - alpha)
    quantile = -special.ndtri(alpha / 2)
    known = own.assign(se=(found.upper - found.lower) / (2 * quantile), p=found.p, lower=found.lower,
                       upper=found.upper, df=df, rejected=found.p <= alpha)  # fmt: skip
    estimate, se, df = late
    half = -special.stdtrit(df, alpha / 2) * se
    p = 2 * special.stdtr(df, -np.abs(estimate) / se)
    alone = own.assign(
        method=f"{method}, second stage", estimate=estimate, se=se, df=df, p=p, lower=estimate - half,
        upper=estimate + half, used=[len(item.data[1].enrolled.row) for item in trials], rejected=p <= alpha,
        true=[_true(design, item.data[1], item.chosen) for item in trials],
    )  # fmt: skip
    return pd.concat(
        [
            known.assign(method=f"{method}, {ADJUSTED}", estimate=found.median),
            known.assign(method=f"{method}, unbiased", estimate=found.unbiased),
            alone,
        ]
    )


def _estimate(design: Design, data: TrialData, group: str, method: str) -> tuple[float, float, float]:
    """Return estimate, standard error and degrees of freedom in all, the marker-positive or the marker-negative."""
    hypothesis = design.hypotheses[0]
    endpoint = design.file.endpoints[hypothesis.endpoint]
    belongs = data.enrolled.recorded["positive"] > 0
    mine = {"all": np.ones(len(belongs), bool), "positive": belongs, "negative": ~belongs}[group]
    y = analysed(design, data, endpoint.measure)[:, : design.visit_of(endpoint) + 1]
    y = np.where(mine[:, None], y, np.nan)[None]
    x, contrast = _columns(design, data, hypothesis, group)
    plan = design.file.analysis
    found = model_contrasts(plan, method, y, x, contrast)
    return float(found.estimate[0]), float(found.se[0]), float(found.df[0])


def _columns(design: Design, data: TrialData, hypothesis: Hypothesis, group: str) -> tuple[Array, Array]:
    """Return covariates without those that are constant in the group."""
    x, contrast = covariates(design, [data], hypothesis)
    belongs = data.enrolled.recorded["positive"] > 0
    mine = {"all": np.ones(len(belongs), bool), "positive": belongs, "negative": ~belongs}[group]
    varies = np.ptp(x[0, mine], axis=0) > 0
    varies[0] = True
    return x[..., varies], contrast[varies]


def _true(design: Design, data: TrialData, group: str) -> float:
    """Return the contrast had nobody been missing; a first stage is of all-comers, so both populations are there."""
    hypothesis = design.hypotheses[0]
    endpoint = design.file.endpoints[hypothesis.endpoint]
    mine = np.ones(len(data.enrolled.row), bool) if group == "all" else data.enrolled.recorded["positive"] > 0
    y = np.where(mine, in_truth(design, data, endpoint.measure)[:, design.visit_of(endpoint)], np.nan)
    x, contrast = _columns(design, data, hypothesis, group)
    return float(ancova_many(y[None], x, contrast).estimate[0])


def _one_sided(estimate: float, se: float, df: float) -> float:
    """Return the p value of no benefit; pain that falls is a benefit."""
    return float(special.stdtr(df, estimate / se))


def _simes(first: float, second: float) -> float:
    return min(2 * min(first, second), max(first, second))


def _inside(*values: float) -> Array:
    return np.clip(values, 1e-300, 1 - 1e-16)
