"""Trials that look before the end: group-sequential stops, and two stages with a choice of population.

Two stages: after the first, the second enrols all-comers or only the marker-positive. Stage-wise one-sided p values are
combined by inverse normals with weights fixed beforehand, and closed testing with Simes' intersection holds the
family-wise error whatever was chosen (Jenkins, Stone and Jennison 2011, doi 10.1002/pst.472; Lehmacher and Wassmer
1999, doi 10.1111/j.0006-341X.1999.01286.x).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from senospine.stats.mmrm import ancova_many
from senospine.stats.sequential import spending_boundaries
from senospine.trial.accrual import look, weeks_of_randomisation
from senospine.trial.analyse import analyse, analysed, covariates, in_truth
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design, Hypothesis
from senospine.trial.models import model_contrasts
from senospine.trial.simulate import TrialData, simulate_trial

Array = NDArray[np.float64]


def sequential(design: Design, trials: Sequence[TrialData], numbers: Sequence[int], seed: int) -> pd.DataFrame:
    """Return the rows of :func:`analyse` as each trial ended, with ``look``, ``patients`` and ``rejected``.

    A trial stops for success (or harm) where |Z| of the primary hypothesis reaches the boundary, and for futility where
    Z in the direction of benefit is below ``futility_z``. With an accrual there are also ``overrun``, the patients
    randomised by the decision who had not come up to the endpoint, and ``weeks`` from the first candidate to the
    decision; without one, patients still on the way at a look count as not yet enrolled.
    """
    plan = design.file.interim
    fractions = [*plan.at, 1.0] if plan else [1.0]
    alpha = design.file.analysis.alpha
    if plan is None or plan.success == "none":
        bars = np.array([np.inf] * (len(fractions) - 1) + [-special.ndtri(alpha / 2)])
    else:
        bars = spending_boundaries(fractions, alpha=alpha, spending=plan.success).critical
    primary = design.hypotheses[0].name
    ended = np.zeros(len(trials), bool)
    parts = []
    for number, (fraction, bar) in enumerate(zip(fractions, bars, strict=True), start=1):
        going = [int(i) for i in np.flatnonzero(~ended)]
        if len(going) == 0:
            break
        views = {numbers[i]: look(design, trials[i], seed, numbers[i], fraction) for i in going}
        reached = [view.reached for view in views.values()]
        table = analyse(design, [trials[i] for i in going], list(views), seed, reached=reached)
        main = table[(table["hypothesis"] == primary) & (table["method"] == _main(design))]
        z = -np.sign(main["estimate"].to_numpy()) * -special.ndtri(np.maximum(main["p"].to_numpy() / 2, 1e-300))
        stop = np.full(len(going), number == len(fractions)) | (np.abs(z) >= bar)
        if plan is not None and plan.futility_z is not None:
            stop |= z < plan.futility_z
        stop |= ~np.isfinite(z)
        over = {numbers[i] for i, out in zip(going, stop, strict=True) if out}
        rejected = dict(zip(main["trial"], np.abs(z) >= bar, strict=True))
        part = table[table["trial"].isin(over)].copy()
        part["look"], part["patients"] = number, part["trial"].map({key: view.patients for key, view in views.items()})
        if design.file.accrual is not None:
            part["overrun"] = part["patients"] - part["trial"].map({key: view.complete for key, view in views.items()})
            part["weeks"] = part["trial"].map({key: view.weeks for key, view in views.items()})
        first = (part["hypothesis"] == primary) & (part["method"] == _main(design))
        part["rejected"] = np.where(first, part["trial"].map(rejected), part["p"] <= alpha).astype(bool)
        parts.append(part)
        ended[np.array(going)[stop]] = True
    return pd.concat(parts, ignore_index=True)


def _main(design: Design) -> str:
    endpoint = design.file.endpoints[design.hypotheses[0].endpoint]
    return "responder" if endpoint.responder is not None else design.file.analysis.method


def two_stage(
    design: Design, bank: PatientBank, numbers: Sequence[int], seed: int, *, tables: bool = False
) -> tuple[pd.DataFrame, list[list[TrialData]]]:
    """Return rows of each trial and population, and the stages' data.

    The row of the population that was not carried on has the first stage's estimate and is never rejected on its own.
    Estimates and intervals that pool both stages are as if nothing had been chosen: they are not adjusted. A further
    row, ``second stage``, has the population that was chosen estimated from the second stage alone, whose patients had
    no part in the choice: given the choice it is unbiased, and its interval holds its level.
    """
    plan = design.file
    first_size = round(plan.patients * plan.population.first_stage)
    stages, rows = [], []
    for number in numbers:
        one = simulate_trial(design, bank, seed, number, patients=first_size, part="stage 1/", tables=tables)
        effects = {group: _estimate(design, one, group) for group in ("all", "positive", "negative")}
        gain = effects["negative"][0] - effects["positive"][0]  # how much more the positive improve
        chosen = "positive" if gain > plan.population.select_difference else "all"
        two = simulate_trial(
            design, bank, seed, number, patients=plan.patients - first_size, only_positive=chosen == "positive",
            part="stage 2/", tables=tables,
        )  # fmt: skip
        stages.append([one, two])
        weeks = {} if plan.accrual is None else {"weeks": _weeks(design, (one, two), seed, number)}
        rows += [{**row, **weeks} for row in _close(design, number, chosen, one, two)]
    return pd.DataFrame(rows), stages


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


def _close(design: Design, number: int, chosen: str, one: TrialData, two: TrialData) -> list[dict[str, object]]:
    """Return the closed test of both populations."""
    share = design.file.population.first_stage
    weights = np.sqrt([share, 1 - share])
    early = {name: _estimate(design, one, name) for name in ("all", "positive")}
    late = {name: _estimate(design, two, name) for name in ("all", "positive")}
    p1 = {name: _one_sided(*early[name][:2], early[name][2]) for name in early}
    if chosen == "positive":  # the second stage says nothing of all-comers
        p2 = {"positive": _one_sided(*late["positive"]), "all": 1.0}
        p2["both"] = p2["positive"]
    else:
        p2 = {name: _one_sided(*late[name]) for name in late}
        p2["both"] = _simes(p2["all"], p2["positive"])
    p1["both"] = _simes(p1["all"], p1["positive"])
    alpha = design.file.analysis.alpha / 2
    combined = {name: float(special.ndtr(-(weights @ -special.ndtri(_inside(p1[name], p2[name]))))) for name in p1}
    hypothesis = design.hypotheses[0]
    rows = []
    for name in ("all", "positive"):
        both = max(combined[name], combined["both"])
        stages = [(early[name], len(one.enrolled.row)), (late[name], len(two.enrolled.row))]
        used = stages if (chosen == "all" or name == "positive") else stages[:1]
        precision = np.array([1 / item[0][1] ** 2 for item in used])
        estimate = float(precision @ [item[0][0] for item in used] / precision.sum())
        se = float(precision.sum() ** -0.5)
        half = -float(special.ndtri(alpha)) * se
        rows.append(
            {
                "trial": number, "hypothesis": Hypothesis(hypothesis.endpoint, hypothesis.treated, hypothesis.control,
                                                           name == "positive").name,
                "method": design.file.analysis.method, "estimate": estimate, "se": se, "df": np.inf,
                "p": min(2 * both, 1.0), "lower": estimate - half, "upper": estimate + half,
                "used": sum(item[1] for item in used), "true": _true(design, [one, two], name),
                "look": 2, "patients": design.file.patients, "rejected": both <= alpha, "chosen": chosen,
            }
        )  # fmt: skip
    mine = rows[chosen == "positive"]
    estimate, se, df = late[chosen]
    half = -float(special.stdtrit(df, alpha)) * se
    p = float(2 * special.stdtr(df, -abs(estimate) / se))
    rows.append(
        {
            **mine, "method": f"{design.file.analysis.method}, second stage", "estimate": estimate, "se": se, "df": df,
            "p": p, "lower": estimate - half, "upper": estimate + half, "used": len(two.enrolled.row),
            "rejected": p <= 2 * alpha, "true": _true(design, [two], chosen),
        }
    )  # fmt: skip
    return rows


def _estimate(design: Design, data: TrialData, group: str) -> tuple[float, float, float]:
    """Return estimate, standard error and degrees of freedom in all, the marker-positive or the marker-negative."""
    hypothesis = design.hypotheses[0]
    endpoint = design.file.endpoints[hypothesis.endpoint]
    belongs = data.enrolled.recorded["positive"] > 0
    mine = {"all": np.ones(len(belongs), bool), "positive": belongs, "negative": ~belongs}[group]
    y = analysed(design, data, endpoint.key)[:, design.visits_of(endpoint)]
    y = np.where(mine[:, None], y, np.nan)[None]
    x, contrast = _columns(design, data, hypothesis, group)
    plan = design.file.analysis
    found = model_contrasts(plan, plan.method, y, x, contrast)
    return float(found.estimate[0]), float(found.se[0]), float(found.df[0])


def _columns(design: Design, data: TrialData, hypothesis: Hypothesis, group: str) -> tuple[Array, Array]:
    """Return covariates without those that are constant in the group."""
    x, contrast = covariates(design, [data], hypothesis)
    belongs = data.enrolled.recorded["positive"] > 0
    mine = {"all": np.ones(len(belongs), bool), "positive": belongs, "negative": ~belongs}[group]
    varies = np.ptp(x[0, mine], axis=0) > 0
    varies[0] = True
    return x[..., varies], contrast[varies]


def _true(design: Design, stages: Sequence[TrialData], group: str) -> float:
    """Return the contrast had nobody been missing, weighted by patients."""
    hypothesis = design.hypotheses[0]
    endpoint = design.file.endpoints[hypothesis.endpoint]
    data = stages[0]  # a first stage is of all-comers, so both populations can be told there
    mine = np.ones(len(data.enrolled.row), bool) if group == "all" else data.enrolled.recorded["positive"] > 0
    y = np.where(mine, in_truth(design, data, endpoint.key)[:, design.visit_of(endpoint)], np.nan)
    x, contrast = _columns(design, data, hypothesis, group)
    return float(ancova_many(y[None], x, contrast).estimate[0])


def _one_sided(estimate: float, se: float, df: float) -> float:
    """Return the p value of no benefit; pain that falls is a benefit."""
    return float(special.stdtr(df, estimate / se))


def _simes(first: float, second: float) -> float:
    return min(2 * min(first, second), max(first, second))


def _inside(*values: float) -> Array:
    return np.clip(values, 1e-300, 1 - 1e-16)
