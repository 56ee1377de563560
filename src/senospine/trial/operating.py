"""Operating characteristics of a design, each with its Monte-Carlo error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from senospine.errors import TrialError
from senospine.stats.performance import (
    Measure,
    SampleSize,
    mean_of,
    monte_carlo_interval,
    performance,
    search_size,
    share,
)
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design
from senospine.trial.family import own_rows, rejected_together, tested, true_nulls
from senospine.trial.measures import MEASURES
from senospine.trial.run import TrialRun, simulate_block

#: what is counted in each arm; what never happened is not shown
BY_ARM = ("left", "stopped", "adverse", "held", "rescued", "missed")
SHOWN = (
    "truth", "bias", "below_truth", "coverage", "rejected", "rejected_together", "estimable", "interaction",
    "bias_if_chosen", "coverage_if_chosen",
)  # fmt: skip


@dataclass(frozen=True)
class OperatingCharacteristics:
    """What a design does in the long run.

    Attributes
    ----------
    methods : pandas.DataFrame
        One row a hypothesis, method and measure: value, error (Monte Carlo), trials. ``truth`` is the mean contrast
        had nobody been missing; the rest is judged against it, or against that of the trial's own draw of the
        parameters where the bank holds more than one. Subgroups also have ``interaction``, how often its test
        is below alpha; two stages have ``bias_if_chosen`` and ``coverage_if_chosen``, over the trials that carried on
        with that population, against the truth of all trials. Designs with looks or two stages have ``below_truth``,
        how often the estimate is below the truth: one half for a median-unbiased one. Where several hypotheses share
        alpha, ``rejected_together`` is how often this one is rejected as the design says, ``rejected`` how often by
        itself.
    design : dict of str to Measure
        success (primary hypothesis rejected in the direction of benefit), right_decision, patients, screened,
        screen_failures, and for each arm the shares that left, stopped, had adverse events, were held, were rescued.
        ``family_wise_error`` where several hypotheses are tested and some compare a therapy with itself in one context:
        how often any of those is rejected as the design says. ``assurance`` where the bank
        holds more than one draw of the parameters; ``overrun`` and ``weeks`` where the design has an accrual;
        ``tipping_point`` (mean over the trials that show a benefit in that analysis, at most the largest shift) and
        ``never_tips`` where it asks for one.
    null : bool
        Whether the primary hypothesis compares two arms with the same therapy.
    trials : int
    """

    methods: pd.DataFrame
    design: dict[str, Measure]
    null: bool
    trials: int

    def summary(self) -> str:
        """Return the result as text that can go into a report."""
        rejected = "type I error" if self.null else "power, two-sided"
        low, high = monte_carlo_interval(0.05, self.trials)
        shown = self.methods.reset_index()
        shown = shown[shown["measure"].isin(SHOWN)].copy()
        shown["measure"] = shown["measure"].replace({"rejected": rejected})
        shown["value"] = [
            f"{value:.4f} ± {error:.4f}" for value, error in zip(shown["value"], shown["error"], strict=True)
        ]
        wide = shown.pivot_table(
            index=["hypothesis", "method"], columns="measure", values="value", aggfunc="first", sort=False
        )
        wide.columns.name = None
        told = {name: item for name, item in self.design.items() if item.value or not name.startswith(BY_ARM)}
        width = max(len(name) for name in told)
        lines = ["Operating characteristics (simulated; ± Monte-Carlo standard error)"]
        for name, item in told.items():
            lines.append(f"{name.replace('_', ' '):>{width}} = {item.value:.4f} ± {item.error:.4f}")
        lines += ["---", wide.to_string(), "---"]
        lines.append(f"{self.trials} trials; a true 5 % shows as {low:.2%} to {high:.2%} in 95 % of such simulations")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, object]:
        """Return the result as plain data."""
        methods = self.methods.reset_index()
        design = {name: {"value": item.value, "error": item.error} for name, item in self.design.items()}
        return {"trials": self.trials, "null": self.null, "design": design, "methods": methods.to_dict("records")}


def operating_characteristics(run: TrialRun) -> OperatingCharacteristics:
    """Return the operating characteristics of a run.

    Raises
    ------
    TrialError
        Fewer than two trials.
    """
    return characteristics(run.design, run.analyses, run.conduct)


def characteristics(design: Design, analyses: pd.DataFrame, conduct: pd.DataFrame) -> OperatingCharacteristics:
    """Return the operating characteristics of tables as :func:`simulate_block` makes them."""
    if len(conduct) < 2:
        raise TrialError("operating characteristics need at least two trials")
    draws = conduct.set_index("trial")["draw"]
    parts, together = [], rejected_together(design, analyses)
    for (hypothesis, method), rows in analyses.groupby(["hypothesis", "method"], sort=False):
        everyone = analyses[analyses["hypothesis"] == hypothesis].drop_duplicates("trial")  # whatever was chosen
        table = _of_method(design, rows, everyone, draws)
        if len(together.columns) > 1 and hypothesis in together and len(own_rows(design, rows)):
            table.loc["rejected_together"] = _row(share(together[hypothesis]))
        table.insert(0, "method", str(method))
        table.insert(0, "hypothesis", str(hypothesis))
        parts.append(table.reset_index().set_index(["hypothesis", "method", "measure"]))
    first = design.hypotheses[0]
    therapies = dict(zip(design.arms, design.therapies, strict=True))
    return OperatingCharacteristics(
        pd.concat(parts), _of_design(design, analyses, conduct, together),
        therapies[first.treated] == therapies[first.control],
        len(conduct),
    )  # fmt: skip


def _of_method(design: Design, rows: pd.DataFrame, everyone: pd.DataFrame, draws: pd.Series) -> pd.DataFrame:
    """Return the measures of one method of one hypothesis; ``everyone`` has a row of it for each trial."""
    estimable = np.isfinite(rows["p"].to_numpy())
    if estimable.sum() < 2:
        return pd.DataFrame(
            [_row(share(estimable))], index=["estimable"], columns=["value", "error", "trials"]
        ).rename_axis("measure")
    truth = mean_of(everyone["true"].dropna())
    away = _away(rows, everyone, draws, truth.value)
    table = performance(
        rows["estimate"] - away, rows["se"], rows["lower"] - away, rows["upper"] - away, rows["p"], truth=truth.value,
        alpha=design.file.analysis.alpha,
    )  # fmt: skip
    table.loc["rejected"] = _row(share(rows["rejected"] & np.isfinite(rows["estimate"])))
    good = np.isfinite(rows["estimate"])
    if "chosen" in rows:
        # noise of the first stage made the choice and is in that stage's own truth: judge by that of all trials
        real = rows["trial"].map(draws).map(everyone.groupby(everyone["trial"].map(draws))["true"].mean())
        table.loc["bias"] = _row(_off(rows["estimate"][good] - real[good], truth))
    else:
        real = truth.value + away
        # the same noise makes estimate and truth of one trial, so their difference is surer than the mean
        table.loc["bias"] = _row(mean_of((rows["estimate"] - rows["true"])[good].dropna()))
    if "chosen" in rows or design.file.interim is not None:
        table.loc["below_truth"] = _row(share((rows["estimate"] < real)[good]))
    table.loc["truth"] = _row(truth)
    if "interaction_p" in rows and rows["interaction_p"].notna().any():
        table.loc["interaction"] = _row(share(rows["interaction_p"].dropna() <= design.file.analysis.alpha))
    if "chosen" in rows:
        wanted = "positive" if rows["hypothesis"].iloc[0].endswith("marker-positive") else "all"
        carried = good & (rows["chosen"] == wanted)
        if carried.sum() > 1:
            table.loc["bias_if_chosen"] = _row(_off((rows["estimate"] - real)[carried], truth))
            inside = (rows["lower"] <= real) & (real <= rows["upper"])
            table.loc["coverage_if_chosen"] = _row(share(inside[carried]))
    return table


def _off(gap: pd.Series, truth: Measure) -> Measure:
    """Return a mean distance from a truth that is itself a mean over trials."""
    found = mean_of(gap)
    return replace(found, error=float(np.hypot(found.error, truth.error)))


def _away(rows: pd.DataFrame, everyone: pd.DataFrame, draws: pd.Series, truth: float) -> pd.Series:
    """Return how far the truth of each trial's draw of the parameters is from that of all draws; 0 for one draw."""
    if draws.nunique() < 2:
        return pd.Series(0.0, index=rows.index)
    return rows["trial"].map(draws).map(everyone.groupby(everyone["trial"].map(draws))["true"].mean()) - truth


def _row(item: Measure) -> list[float]:
    return [item.value, item.error, item.n]


def successes(design: Design, analyses: pd.DataFrame, together: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row a trial: whether any primary hypothesis was rejected in the direction of benefit, and the truth.

    Several hypotheses share alpha as the design says (``together``, of :func:`rejected_together`, is made where it is
    not given). ``judged`` is the hypothesis whose truth counts: the primary, or with two stages that of the population
    which was carried on.
    """
    good = rejected_together(design, analyses) if together is None else together
    rows, listed = own_rows(design, analyses), tested(design)
    names, two_stage = list(good.columns), design.file.population.kind == "two-stage"
    wide = {
        name: rows.pivot_table(index="trial", columns="hypothesis", values=name, aggfunc="first").reindex(
            index=good.index, columns=names
        )
        for name in ("estimate", "true")
    }
    direction = np.array([design.file.endpoints[item.endpoint].benefit for item in listed])
    benefit = good & (wide["estimate"] * direction > 0)
    mine = [item.name for item in listed if item.endpoint == listed[0].endpoint]
    table = pd.DataFrame({"success": benefit[mine].any(axis=1), "true": wide["true"][names[0]] * direction[0]})
    table["judged"] = names[0]
    if two_stage:
        positive = rows.groupby("trial")["chosen"].first().reindex(table.index) == "positive"
        table["judged"] = np.where(positive, names[1], names[0])
        table["true"] = np.where(positive, wide["true"][names[1]], wide["true"][names[0]]) * direction[0]
    return table


def _of_design(
    design: Design, analyses: pd.DataFrame, conduct: pd.DataFrame, together: pd.DataFrame
) -> dict[str, Measure]:
    table = successes(design, analyses, together).join(conduct.set_index("trial")[["draw"]])
    found = {"success": share(table["success"])}
    nulls = true_nulls(design)
    if len(nulls) > 1 and nulls.any():
        found["family_wise_error"] = share(together.loc[:, nulls].any(axis=1))
    primary = design.file.endpoints[design.hypotheses[0].endpoint]
    if primary.responder is None and MEASURES[primary.measure].reported:  # worthwhile is in points
        main = analyses[analyses["method"] == design.file.analysis.method]
        real = -main.assign(draw=main["trial"].map(table["draw"])).groupby(["draw", "hypothesis"])["true"].mean()
        truth = real.reindex(pd.MultiIndex.from_frame(table[["draw", "judged"]])).to_numpy()
        found["right_decision"] = share(table["success"] == (truth >= design.file.worthwhile))
    by_draw = table.groupby("draw")["success"].mean()
    if len(by_draw) > 1:
        found["assurance"] = mean_of(by_draw)
    size = analyses.groupby("trial")["patients"].first()
    found["patients"] = mean_of(size)
    screened = conduct["screened"].to_numpy() * size.to_numpy() / design.file.patients
    failed = conduct[[name for name in conduct.columns if str(name).startswith("failed/")]].sum(axis=1).to_numpy()
    found["screened"] = mean_of(screened)
    found["screen_failures"] = mean_of(failed / conduct["screened"].to_numpy())
    for name in ("overrun", "weeks"):
        if name in analyses:
            found[name] = mean_of(analyses.groupby("trial")[name].first())
    tipping = design.file.analysis.tipping
    if tipping is not None:
        rows = analyses[analyses["hypothesis"] == design.hypotheses[0].name]
        tips = rows.loc[rows["method"] == tipping.method(0.0), "tips_at"].dropna()
        if len(tips) > 1:
            found["tipping_point"] = mean_of(tips.clip(upper=tipping.up_to))
            found["never_tips"] = share(np.isinf(tips))
    for arm in design.arms:
        for name in BY_ARM:
            found[f"{name}_{arm}"] = mean_of(conduct[f"{name}/{arm}"] / conduct[f"randomised/{arm}"])
    return found


def smallest(design: Design) -> int:
    """Return the fewest patients with whom every analysis of the design can be estimated."""
    plan = design.file
    least = 9.0 + len(plan.arms) + len(plan.stratify) + len(plan.visits)
    if plan.interim is not None:
        least /= min(plan.interim.at)
    if plan.population.kind == "two-stage":
        least /= min(plan.population.first_stage, 1 - plan.population.first_stage)
    if plan.population.kind in {"stratified", "two-stage"}:
        least *= 4  # subgroups are analysed too
    return int(np.ceil(least))


def find_size(
    design: Design,
    bank: PatientBank,
    *,
    power: float,
    low: int,
    high: int,
    trials: int = 400,
    seed: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> SampleSize:
    """Return the smallest number of patients with which the design succeeds often enough.

    Trials of all sizes share their noise: the smaller is the beginning of the larger.

    Parameters
    ----------
    power : float
    low, high : int
        Sizes to look at, in steps of the design's block.
    trials, seed : int

    Raises
    ------
    AnalysisError
        Even the largest is not enough.
    TrialError
        The bank cannot serve the design, or the smallest size cannot be analysed.
    """
    design.check_bank(bank)
    least = smallest(design)
    if low < least:
        raise TrialError(
            f"{low} patients are too few for this design's analysis", remedy=f"begin the search at {least} or more"
        )

    def succeeded(size: int) -> pd.Series:
        if on_progress is not None:
            on_progress(size)
        sized = design.with_patients(size)
        analyses, _ = simulate_block(sized, bank, seed, range(trials))
        return successes(sized, analyses)["success"].astype(float)

    return search_size(succeeded, target=power, low=low, high=high, step=design.file.block)
