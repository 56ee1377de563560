"""The first trials of a run, visit by visit: what one trial would show, and what many show together.

A run keeps each trial's answer, not its patients. The same seed and numbers give the same patients again, so the first
trials are simulated once more and compared with the answers that were kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from senospine.assays.blood import cut_offs
from senospine.errors import TrialError
from senospine.stats.mmrm import ancova_many
from senospine.trial.adaptive import two_stage
from senospine.trial.analyse import analysed, covariates, in_truth
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design, Hypothesis
from senospine.trial.family import tested
from senospine.trial.followed_markers import MarkerCourse, levels, marker_courses
from senospine.trial.measures import measure_of
from senospine.trial.models import model_contrasts
from senospine.trial.run import BLOCK, TrialRun, conduct_of
from senospine.trial.simulate import TrialData, simulate_trial

Array = NDArray[np.float64]
#: improvements for which responders are counted [% of baseline]
IMPROVEMENTS = np.arange(0.0, 101.0, 5.0)
MOST = 200


@dataclass(frozen=True)
class Followed:
    """What the first trials of a run show.

    Attributes
    ----------
    example : TrialData
        Trial 0; the stages of a two-stage design pooled.
    trials, reproduced : int
        Simulated again, and how many of them gave every count and the truth that the run had kept, to the last bit.
    draws : ndarray of int, shape (n_trials,)
    change : ndarray, shape (n_trials, n_arms, n_weeks)
        Mean change from baseline of what was seen, in the primary endpoint's measure on the scale of its analysis.
    example_change : ndarray, shape (3, n_arms, n_weeks)
        Of trial 0: mean, and the ends of its 95 % interval (t, patients).
    contrasts : pandas.DataFrame
        One row a trial, comparison and visit: estimate, lower, upper of the design's method; ``true`` had nobody been
        missing. Of two stages the patients are pooled as if nothing had been chosen; where the second enrolled the
        marker-positive only, all-comers are those of the first.
    responders : ndarray, shape (n_trials, n_arms, n_improvements)
        Share improved by at least so much at the primary endpoint's visit; the missing are no responders.
    analysed : ndarray of int, shape (n_trials, n_arms)
        Patients with at least one value in the primary analysis.
    platelets : ndarray, shape (5, n_arms, 1 + n_visits)
        Percentiles 5, 25, 50, 75, 95 over patients of all these trials, at baseline and each visit [1e9/L].
    grades : ndarray, shape (n_trials, n_arms, 4)
        Share of patients whose worst count after baseline reached CTCAE grade 1, 2, 3, 4.
    held : ndarray, shape (n_trials, n_arms, n_visits)
        Share with doses held at the visit.
    markers : tuple of MarkerCourse
        Markers measured at visits.
    prescribed : ndarray, shape (2, n_arms, n_days)
        Percentiles 5 and 50 of platelets in truth on every day of the bank's grid up to the last visit, in the same
        patients had they taken all that was prescribed [1e9/L].
    prescribed_days : ndarray, shape (n_days,)
    prescribed_grades : ndarray, shape (n_trials, n_arms, 4)
        Share whose lowest count among those days reached each CTCAE grade.
    """

    design: Design
    example: TrialData
    trials: int
    reproduced: int
    draws: NDArray[np.int64]
    change: Array
    example_change: Array
    contrasts: pd.DataFrame
    responders: Array
    analysed: NDArray[np.int64]
    platelets: Array
    grades: Array
    held: Array
    prescribed: Array
    prescribed_days: Array
    prescribed_grades: Array
    markers: tuple[MarkerCourse, ...] = ()

    @property
    def measure(self) -> str:
        """The primary endpoint's measure."""
        return self.design.file.endpoints[self.design.hypotheses[0].endpoint].key

    @property
    def weeks(self) -> tuple[float, ...]:
        """When the primary endpoint's measure is taken."""
        return tuple(self.design.file.visits[visit] for visit in _visits(self.design))


def follow(run: TrialRun, bank: PatientBank, *, most: int = MOST) -> Followed:
    """Return what the first trials of a run show, at most so many.

    Raises
    ------
    TrialError
        The bank is not the one the run was made from.

    Notes
    -----
    Cost: 5 to 20 ms a trial.
    """
    run.design.check_bank(bank)
    if bank.sha256 != run.manifest["inputs"]["bank"]:
        raise TrialError("the bank is not the one these trials were made from", remedy="give the same --bank")
    seed, numbers = int(run.manifest["inputs"]["seed"]), list(range(min(run.trials, most)))
    courses = _prescribed_courses(run.design, bank)
    parts = [
        _part(run.design, _simulated(run.design, bank, seed, numbers[start : start + BLOCK]),
              numbers[start : start + BLOCK], courses)
        for start in range(0, len(numbers), BLOCK)  # in the same company, so that sums round alike
    ]  # fmt: skip
    counts = np.concatenate([part["counts"] for part in parts], axis=0)
    arms = np.concatenate([part["arms"] for part in parts])
    rows = np.concatenate([part["rows"] for part in parts])
    truth = [np.percentile(courses[k][rows[arms == k]], [5, 50], axis=0) for k in range(_arms(run))]
    platelets = np.stack(
        [np.nanpercentile(counts[arms == k], [5, 25, 50, 75, 95], axis=0) for k in range(_arms(run))], 1
    )
    contrasts = pd.concat([part["contrasts"] for part in parts], ignore_index=True)
    joined = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("draws", "change", "responders", "analysed", "grades", "held", "prescribed_grades")
    }
    example: TrialData = parts[0]["example"]
    markers = marker_courses(run.design, example, [part["markers"] for part in parts])
    return Followed(
        design=run.design, example=example, trials=len(numbers), reproduced=_reproduced(run, parts),
        example_change=_interval(run.design, example), contrasts=contrasts, platelets=platelets, markers=markers,
        prescribed=np.stack(truth, 1), prescribed_days=bank.days[: courses[0].shape[1]], **joined,
    )  # fmt: skip


def comparisons(design: Design) -> list[Hypothesis]:
    """Return the comparisons of arms at the primary endpoint: in all patients, then where tested in the positive."""
    primary = design.hypotheses[0].endpoint
    return [item for item in tested(design) if item.endpoint == primary]


def _arms(run: TrialRun) -> int:
    return len(run.design.arms)


def _prescribed_courses(design: Design, bank: PatientBank) -> list[Array]:
    """Return platelets of the whole bank under each arm's therapy, each of shape (n_bank, n_days)."""
    days = int(np.searchsorted(bank.days, design.visit_days[-1], side="right"))
    return [bank.course(therapy)["platelets"][:, :days].astype(float) for therapy in design.therapies]


def _simulated(design: Design, bank: PatientBank, seed: int, numbers: Sequence[int]) -> list[TrialData]:
    if design.file.population.kind == "two-stage":
        return [_pooled(stages) for stages in two_stage(design, bank, numbers, seed, tables=True)[1]]
    return [simulate_trial(design, bank, seed, number, tables=True) for number in numbers]


def _pooled(stages: Sequence[TrialData]) -> TrialData:
    """Return the patients of all stages as one trial."""
    first = stages[0]
    found = {item.name: _joined([getattr(part, item.name) for part in stages]) for item in fields(TrialData)[1:]}
    kept = {"screened", "failures", "draw"}
    people = {
        item.name: _joined([getattr(part.enrolled, item.name) for part in stages])
        for item in fields(first.enrolled)
        if item.name not in kept
    }
    failures = {
        name: sum(part.enrolled.failures.get(name, 0) for part in stages)
        for name in dict.fromkeys(name for part in stages for name in part.enrolled.failures)
    }
    screened = sum(part.enrolled.screened for part in stages)
    return replace(first, **found, enrolled=replace(first.enrolled, **people, screened=screened, failures=failures))


def _joined(parts: Sequence[Any]) -> Any:
    if parts[0] is None:  # not recorded in this design
        return None
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(each) for each in zip(*parts, strict=True))
    return np.concatenate([np.asarray(part) for part in parts])


def _visits(design: Design) -> list[int]:
    """Return the visits at which the primary endpoint's measure is taken."""
    key, visits = design.file.endpoints[design.hypotheses[0].endpoint].key, design.file.visits
    weeks = design.marker_weeks.get(key, tuple(visits))
    return [index for index, week in enumerate(visits) if week in weeks]


def _part(
    design: Design, trials: Sequence[TrialData], numbers: Sequence[int], courses: Sequence[Array]
) -> dict[str, Any]:
    primary = design.file.endpoints[design.hypotheses[0].endpoint]
    visit, measure, scale = design.visit_of(primary), primary.key, measure_of(primary.key).analysed
    arm = np.stack([data.enrolled.arm for data in trials])
    mine = (arm[:, None, :] == np.arange(len(design.arms))[:, None]).astype(float)  # (trials, arms, patients)
    size = mine.sum(axis=2)
    seen = np.stack([data.observed[measure] for data in trials])
    base = np.stack([data.baseline[measure] for data in trials])
    enters = np.stack([analysed(design, data, measure) for data in trials])
    with np.errstate(invalid="ignore", divide="ignore"):  # who begins at 0 has no share to improve by
        better = 100 * (1 - seen[..., visit] / base)[..., None] >= IMPROVEMENTS - 1e-9
    counts = np.stack([np.column_stack([d.enrolled.recorded["platelets"], d.counts["platelets"]]) for d in trials])
    worst = np.min(np.where(np.isnan(counts[..., 1:]), np.inf, counts[..., 1:]), axis=2)
    row = np.stack([data.enrolled.row for data in trials])
    lowest = np.stack([course.min(axis=1) for course in courses])[arm, row]  # of everyone under the own arm's therapy
    return {
        "example": trials[0],
        "draws": np.array([data.enrolled.draw for data in trials]),
        "change": _means((scale(seen) - scale(base)[..., None])[..., _visits(design)], mine),
        "markers": levels(design, trials),
        "responders": np.einsum("tap,tpc->tac", mine, better) / size[..., None],
        "analysed": np.einsum("tap,tp->ta", mine, np.isfinite(enters[..., : visit + 1]).any(axis=2)).astype(int),
        "grades": np.einsum("tap,tpc->tac", mine, worst[..., None] < cut_offs("platelets")) / size[..., None],
        "held": np.einsum("tap,tpv->tav", mine, np.stack([data.held for data in trials])) / size[..., None],
        "counts": counts.reshape(-1, counts.shape[-1]),
        "prescribed_grades": np.einsum("tap,tpc->tac", mine, lowest[..., None] < cut_offs("platelets"))
        / size[..., None],
        "arms": arm.ravel(),
        "rows": row.ravel(),
        "contrasts": _contrasts(design, trials, numbers, enters),
        "conduct": [conduct_of(design, number, [data]) for number, data in zip(numbers, trials, strict=True)],
    }


def _means(values: Array, mine: Array) -> Array:
    """Return means over patients of each arm of what is finite."""
    here = np.isfinite(values)
    total = np.einsum("tap,tpv->tav", mine, np.where(here, values, 0.0))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.einsum("tap,tpv->tav", mine, here.astype(float)))


def _interval(design: Design, data: TrialData) -> Array:
    """Return mean change with the ends of its 95 % interval by arm and visit, shape (3, n_arms, n_visits)."""
    measure = design.file.endpoints[design.hypotheses[0].endpoint].key
    scale = measure_of(measure).analysed
    change = (scale(data.observed[measure]) - scale(data.baseline[measure])[:, None])[:, _visits(design)]
    found = np.full((3, len(design.arms), change.shape[1]), np.nan)
    for arm in range(len(design.arms)):
        for visit in range(change.shape[1]):
            values = change[data.enrolled.arm == arm, visit]
            values = values[np.isfinite(values)]
            if len(values) > 1:
                half = special.stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
                found[:, arm, visit] = values.mean() + half * np.array([0, -1, 1])
    return found


def _contrasts(design: Design, trials: Sequence[TrialData], numbers: Sequence[int], y: Array) -> pd.DataFrame:
    """Return every comparison as if its endpoint were at each visit."""
    primary, plan = design.file.endpoints[design.hypotheses[0].endpoint], design.file.analysis
    measure = primary.key
    whole = np.stack([in_truth(design, data, measure) for data in trials])
    tables = []
    for hypothesis in comparisons(design):
        x, contrast = covariates(design, trials, hypothesis)
        mine = np.stack([_counts(design, hypothesis, data) for data in trials])[..., None]
        for visit in _visits(design):
            week = design.file.visits[visit]
            here = design.visits_of(primary.model_copy(update={"week": week}))
            model = plan.method if measure_of(measure).reported or len(here) > 1 else "ancova"
            found = model_contrasts(plan, model, np.where(mine, y[..., here], np.nan), x, contrast)
            tables.append(
                pd.DataFrame(
                    {
                        "trial": np.asarray(numbers), "hypothesis": hypothesis.name, "week": week,
                        "estimate": found.estimate, "lower": found.lower, "upper": found.upper,
                        "true": ancova_many(np.where(mine, whole, np.nan)[..., visit], x, contrast).estimate,
                    }
                )
            )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _counts(design: Design, hypothesis: Hypothesis, data: TrialData) -> NDArray[np.bool_]:
    """Return who belongs to a comparison."""
    if hypothesis.positive:
        return np.asarray(data.enrolled.recorded["positive"] > 0)
    belongs = np.ones(len(data.enrolled.row), bool)
    if design.file.population.kind == "two-stage":
        first = round(design.file.patients * design.file.population.first_stage)
        if (data.enrolled.recorded["positive"][first:] > 0).all():
            belongs[first:] = False
    return belongs


def _reproduced(run: TrialRun, parts: Sequence[dict[str, Any]]) -> int:
    """Return in how many of these trials every count and the first comparison's truth are what was kept."""
    again = pd.DataFrame([row for part in parts for row in part["conduct"]]).fillna(0).set_index("trial")
    kept = run.conduct.set_index("trial").loc[again.index]
    same = (again == kept[again.columns]).all(axis=1)
    first = comparisons(run.design)[0]
    endpoint = run.design.file.endpoints[first.endpoint]
    plan = run.design.file  # looks analyse trials in other company, so that sums may round otherwise
    if endpoint.responder is None and plan.population.kind != "two-stage" and plan.interim is None:
        true = pd.concat([part["contrasts"] for part in parts], ignore_index=True)
        true = true[(true["hypothesis"] == first.name) & (true["week"] == endpoint.week)].set_index("trial")["true"]
        rows = run.analyses[run.analyses["hypothesis"] == first.name]
        same &= true == rows.groupby("trial")["true"].first().loc[true.index]
    return int(same.sum())
