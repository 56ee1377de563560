"""How a posterior does on rows, by role: log scores, prediction sets, other rules beside it, studies left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logsumexp

from senospine.assays import readouts
from senospine.calibration import signs
from senospine.calibration.likelihood import TAIL, fold_of, level
from senospine.calibration.lives import Lives
from senospine.calibration.posterior import Posterior
from senospine.calibration.problem import Problem
from senospine.calibration.simulated import outcomes
from senospine.calibration.tempering import temper
from senospine.calibration.witnesses import lift, with_validation
from senospine.evidence import Contrast, Fact, Value
from senospine.evidence.scoreboard import naive_probabilities

Array = NDArray[np.float64]

LEVELS = (0.5, 0.9)
#: above this shape weights cannot be trusted (Vehtari et al. 2024, arXiv:1507.02646)
LARGEST_K = 0.7
#: states whose sum is the one variable of the one-variable rule
BURDEN = ("senescent_osteoclasts", "senescent_disc_cells", "senescent_dorsal_horn")
#: slopes that rule may have: effect, in SDs of one animal, per e-fold of 1 + burden; even over this range (assumption)
SLOPES = np.linspace(0.0, 6.0, 121)


@dataclass(frozen=True)
class RowScore:
    """One row as a posterior predicts it.

    Attributes
    ----------
    fact : Fact
    log_score : float
        Natural log of the predictive probability of what was published, given that something was; of values a density
        on the log scale.
    covered : mapping of level to float
        1 if the prediction set or interval of this level holds what was published, 0 if not; at the outcome with which
        a set reaches its level, the share of that outcome that the set needs.
    naive, burden : float
        Log scores of the naive rule and of the one-variable rule; NaN where they are silent.
    """

    fact: Fact
    log_score: float
    covered: Mapping[float, float]
    naive: float
    burden: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "id": self.fact.id, "study": self.fact.study, "role": self.fact.role, "kind": self.fact.kind,
            "finding": self.fact.text, "log_score": self.log_score,
            "covered": {f"{key:g}": value for key, value in self.covered.items()},
            "naive": None if math.isnan(self.naive) else self.naive,
            "burden": None if math.isnan(self.burden) else self.burden,
        }  # fmt: skip


def row_scores(problem: Problem, posterior: Posterior, *, draws: int = 400, seed: int = 20240913) -> list[RowScore]:
    """Return scores of calibration and validation rows; those of calibration rows are of rows that were fitted.

    Parameters
    ----------
    problem : Problem
        That the posterior is of.
    posterior : Posterior
    draws : int
    seed : int
    """
    joint = with_validation(problem)
    chosen = posterior.draws[np.linspace(0, len(posterior.draws) - 1, draws).round().astype(int)]
    normal = lift(problem, joint, chosen, seed)
    values = joint.priors.values(normal)
    measured = joint.measured(values)
    naive = naive_probabilities(joint.facts)
    burden = _burden_scores(joint, normal)
    found = []
    for row in joint.facts:
        own = float(logsumexp(_finite(joint.judge(row, measured, values))) - math.log(draws))
        if isinstance(row, Value):
            x, spread = level(row, joint.seen(row, measured, values)[0][1] or {})
            place = float(stats.t.cdf((fold_of(row, row.value) - x) / spread, TAIL).mean())
            covered = {edge: float(abs(place - 0.5) <= edge / 2) for edge in LEVELS}
        elif options := outcomes(row):
            shares = _shares(np.array([joint.judge(item, measured, values) for item in options]))
            covered = _in_sets(shares, options.index(_plain(row, options)))
        else:
            covered = {}
        rule = naive.get(row.id)
        found.append(
            RowScore(row, own, covered, math.nan if rule is None else math.log(rule), burden.get(row.id, math.nan))
        )
    return found


def _finite(logs: Array) -> Array:
    """Return log probabilities; a draw whose animals cannot be solved gives nothing to any outcome."""
    return np.where(np.isfinite(logs), logs, -np.inf)


def _shares(logs: Array) -> Array:
    """Return the predictive probabilities of outcomes from logs (n_outcomes, n_draws), over draws that were solved."""
    solved = logs[:, np.isfinite(logs).all(axis=0)]
    return np.asarray(np.exp(solved - logsumexp(solved, axis=0)).mean(axis=1))


def _plain(row: Fact, options: Sequence[Fact]) -> Fact:
    """Return the option that is what was published."""
    if row in options:
        return row
    return next(item for item in options if replace(item, **{"significant": row.significant}) == row)  # type: ignore


def _in_sets(shares: Array, published: int) -> dict[float, float]:
    """Return whether the smallest sets of outcomes of each level hold the published one."""
    order = np.argsort(-shares, kind="stable")
    place = int(np.flatnonzero(order == published)[0])
    before = float(shares[order[:place]].sum())
    return {edge: float(np.clip((edge - before) / max(shares[published], 1e-12), 0, 1)) for edge in LEVELS}


def _burden_scores(joint: Problem, normal: Array) -> dict[str, float]:
    """Return log scores of contrasts by a rule in which one variable, senescent burden, drives every read-out.

    Its burden is the model's at the middle of the posterior; its only slope is learnt from calibration rows.
    """
    middle = np.median(normal, axis=0)[None]
    lives = joint.with_facts(joint.facts)
    lives.__dict__["_lives"] = Lives(joint.model, BURDEN, joint.arms.measured, joint.rtol, joint.threads)
    states = lives.solve(joint.priors.values(middle))
    burden = {place: float(np.log1p(np.sum([found[name] for name in BURDEN], axis=0)).mean())
              for place, found in states.items()}  # fmt: skip
    rows = [row for row in joint.facts if isinstance(row, Contrast)]
    table = {}
    for row in rows:
        worse = 1 if readouts()[row.readout].worse == "up" else -1
        logs = []
        for chosen in joint.arms.possible(row):
            arm, versus = ((row.study, chosen[name].name, row.at) for name in (row.arm, row.versus))
            logs.append(signs.contrast(row, worse * (burden[arm] - burden[versus]) * SLOPES,
                                       selection=joint.assumptions.selection))  # fmt: skip
        table[row.id] = np.logaddexp.reduce(logs, axis=0) - math.log(len(logs))
    calibrating = [row for row in rows if row.role == "calibration"]
    keys = [(row.study, row.arm, row.versus) for row in calibrating]
    learnt = sum(table[row.id] / math.sqrt(keys.count(key)) for row, key in zip(calibrating, keys, strict=True))
    logs = np.asarray(learnt) - logsumexp(learnt)
    return {name: float(logsumexp(logs + column)) for name, column in table.items()}


def by_role(scores: Sequence[RowScore]) -> dict[str, dict[str, Any]]:
    """Return sums of log scores, coverage and other rules, by role; comparisons over rows where the other speaks."""
    found: dict[str, dict[str, Any]] = {}
    for role in dict.fromkeys(item.fact.role for item in scores):
        mine = [item for item in scores if item.fact.role == role]
        plain: dict[str, Any] = {"rows": len(mine), "log_score": sum(item.log_score for item in mine)}
        for kind in ("signed", "values"):
            some = [item for item in mine if item.covered and isinstance(item.fact, Value) == (kind == "values")]
            plain[kind] = {
                "rows": len(some),
                **{f"coverage_{edge:g}": float(np.mean([item.covered[edge] for item in some])) if some else None
                   for edge in LEVELS},
            }  # fmt: skip
        for name in ("naive", "burden"):
            spoken = [item for item in mine if not math.isnan(getattr(item, name))]
            gains = np.array([item.log_score - getattr(item, name) for item in spoken])
            plain[name] = {
                "rows": len(spoken), "ours": sum(item.log_score for item in spoken),
                "theirs": float(sum(getattr(item, name) for item in spoken)), "gain": float(gains.sum()),
                "error": float(gains.std(ddof=1) * math.sqrt(len(gains))) if len(gains) > 1 else math.nan,
            }  # fmt: skip
        found[role] = plain
    return found


def calibration_curve(problem: Problem, posterior: Posterior, *, draws: int = 400, cells: int = 5) -> list[list[float]]:
    """Return, of validation rows' possible outcomes in cells of equal number: mean probability, share true, count."""
    joint = with_validation(problem)
    chosen = posterior.draws[np.linspace(0, len(posterior.draws) - 1, draws).round().astype(int)]
    values = joint.priors.values(lift(problem, joint, chosen, 1))
    measured = joint.measured(values)
    pairs = []
    for row in joint.facts:
        if row.role != "validation" or not (options := outcomes(row)):
            continue
        shares = _shares(np.array([joint.judge(item, measured, values) for item in options]))
        true = _plain(row, options)
        pairs += [(float(share), float(item == true)) for share, item in zip(shares, options, strict=True)]
    pairs.sort()
    return [[float(np.mean([a for a, _ in cell])), float(np.mean([b for _, b in cell])), len(cell)]
            for cell in np.array_split(np.array(pairs), cells)]  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    """A study predicted by the others.

    Attributes
    ----------
    study : str
    rows : int
    within, without : float
        Log score of its rows with it among the data, and without.
    pareto_k : float
    how : str
        ``weights``, or ``refitted`` where their Pareto k is above 0.7, or ``not told`` if that was not afforded.
    """

    study: str
    rows: int
    within: float
    without: float
    pareto_k: float
    how: str


def studies_left_out(
    problem: Problem, posterior: Posterior, *, refit: bool = True, walkers: int = 128, seed: int = 20240913,
    on_progress: Callable[[str], None] | None = None,
) -> list[LeftOut]:  # fmt: skip
    """Return each calibration study as the others predict it.

    The laboratory's own factor is then as its prior has it. Cost: a minute of processor time for each refit.
    """
    found = []
    names = np.array(posterior.studies)
    for study in dict.fromkeys(posterior.studies):
        mine = names == study
        facts = posterior.log_likelihoods
        weights, shape = posterior.without_study(study)
        even = np.full(len(facts), 1 / len(facts))
        how = "weights"
        within, without = (_total(facts[:, mine], item) for item in (even, weights))
        if shape > LARGEST_K:
            how, without = "not told", math.nan
            if refit:
                if on_progress is not None:
                    on_progress(study)
                rest = problem.with_facts(row for row in problem.facts if row.study != study)
                drawn = temper(rest, walkers=walkers, seed=seed).normal
                again = problem.log_likelihoods(lift(rest, problem, drawn, seed))[:, mine]
                how, without = "refitted", _total(again, np.full(len(again), 1 / len(again)))
        found.append(LeftOut(study, int(mine.sum()), within, without, shape, how))
    return found


def _total(facts: Array, weights: Array) -> float:
    return float((logsumexp(facts, axis=0, b=weights[:, None]) - math.log(weights.sum())).sum())
