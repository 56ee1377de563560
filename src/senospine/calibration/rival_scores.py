"""How rival mechanisms do: evidence under several prior widths, predictive scores, and a verdict by rule."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from senospine.calibration.diagnostics import smoothed
from senospine.calibration.posterior import Posterior
from senospine.calibration.problem import Problem
from senospine.calibration.rivals import Rival, RivalProblem
from senospine.calibration.sampling import sample
from senospine.calibration.tempering import Tempered, temper
from senospine.calibration.witnesses import lift, with_validation

Array = NDArray[np.float64]

#: a difference below this, in nats, tells nothing: odds of less than 2.7 to 1
LEAST_NATS = 1.0
#: a difference must be this many times its error
ERRORS = 2.0
#: log weights within so narrow a range have no tail to fear, whatever its shape
BOUNDED = 1.0
#: above this shape weights cannot be trusted (Vehtari et al. 2024, arXiv:1507.02646)
LARGEST_K = 0.7

CANNOT_TELL = "the data cannot tell"


@dataclass(frozen=True)
class Difference:
    """A score of a rival less the model's.

    Attributes
    ----------
    nats, error : float
    how : str
        ``weights``: draws of the model's posterior reweighted; ``tempered``: the rival brought from the prior itself;
        ``rows``: over rows.
    pareto_k : float
        Of the weights; NaN where there are none.
    """

    nats: float
    error: float
    how: str = "rows"
    pareto_k: float = math.nan

    @property
    def sign(self) -> int:
        """1 or -1 where the difference is told, 0 where it is below one nat or within twice its error."""
        told = math.isfinite(self.nats) and abs(self.nats) > max(LEAST_NATS, ERRORS * self.error)
        return int(np.sign(self.nats)) if told else 0


@dataclass(frozen=True)
class RivalScore:
    """What data say of a rival against the model.

    Attributes
    ----------
    rival : Rival
    evidence : mapping of prior width to Difference
        Of the log evidence.
    left_out : Difference
        Of the log score of calibration rows, each predicted from the others.
    validation : Difference
        Of the log score of validation rows.
    """

    rival: Rival
    evidence: Mapping[float, Difference]
    left_out: Difference
    validation: Difference

    @property
    def verdict(self) -> str:
        """By rule: evidence has to point one way, told, under every prior width; else the data cannot tell."""
        signs = {item.sign for item in self.evidence.values()}
        if len(signs) != 1 or 0 in signs:
            return CANNOT_TELL
        nats = min((abs(item.nats) for item in self.evidence.values()), default=0.0)
        word = "more" if 1 in signs else "less"
        return f"{word} likely than the model, {math.exp(min(nats, 30)):.0f} to 1 or beyond"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "question": self.rival.question, "model": self.rival.model, "rival": self.rival.name,
            "evidence": {f"{width:g}": asdict(item) for width, item in self.evidence.items()},
            "left_out": asdict(self.left_out), "validation": asdict(self.validation), "verdict": self.verdict,
        }  # fmt: skip


@dataclass(frozen=True)
class Base:
    """Draws of the model's posterior under one prior width, with everything that rivals are held against.

    Attributes
    ----------
    problem : Problem
        The calibration rows alone.
    joint : Problem
        Those and the validation rows.
    normal : ndarray, shape (n, n_parameters)
        Coordinates of ``joint``.
    facts : ndarray, shape (n, n_facts)
        Log-likelihoods of all facts of ``joint``.
    log_evidence : ndarray, shape (islands,)
    """

    problem: Problem
    joint: Problem
    normal: Array
    facts: Array
    log_evidence: Array

    @classmethod
    def of(
        cls, problem: Problem, found: Posterior | Tempered, draws: int, seed: int, *, validation: bool = True
    ) -> Base:
        """Return the base of a posterior, or of tempered walkers, from ``draws`` of them."""
        normal = found.draws if isinstance(found, Posterior) else found.normal
        chosen = normal[np.linspace(0, len(normal) - 1, min(draws, len(normal))).round().astype(int)]
        joint = with_validation(problem) if validation else problem
        lifted = lift(problem, joint, chosen, seed)
        return cls(problem, joint, lifted, joint.log_likelihoods(lifted), np.asarray(found.log_evidence))

    @property
    def calibrating(self) -> slice:
        """Columns of the calibration rows."""
        return slice(0, len(self.problem.facts))

    @property
    def validating(self) -> slice:
        """Columns of the validation rows."""
        return slice(len(self.problem.facts), None)


def rival_scores(
    rivals: Sequence[Rival],
    bases: Mapping[float, Base],
    *,
    seed: int = 20240913,
    walkers: int = 128,
    retemper: bool = True,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> list[RivalScore]:
    """Return the scores of rivals.

    Parameters
    ----------
    rivals : sequence of Rival
    bases : mapping of prior width to Base
        Predictive scores are those of width 1, or the first.
    seed : int
    walkers : int
        Of rivals that have to be tempered from the prior, because weights fail.
    retemper : bool
        Otherwise their weights stay, with the Pareto k that condemns them, and count as not told.

    Notes
    -----
    A rival has the model's own coordinates, so its evidence over the model's is the posterior mean of the ratio of
    likelihoods. Cost: one likelihood for each draw, width and rival; 30 s of processor time where it is tempered.
    """
    main = 1.0 if 1.0 in bases else next(iter(bases))
    own = _predicted(bases[main], np.zeros(len(bases[main].facts)), bases[main].facts)
    found = []
    for number, rival in enumerate(rivals):
        evidence, scores = {}, None
        for width, base in bases.items():
            if on_progress is not None:
                on_progress(f"{rival.name}, width {width:g}", number, len(rivals))
            difference, logs, facts = _weighed(rival, base, seed)
            if difference.pareto_k > LARGEST_K and retemper:
                difference, logs, facts = _tempered(rival, base, seed, walkers)
            evidence[width] = difference
            if width == main:
                scores = _gains(own, _predicted(base, logs, facts))
        assert scores is not None  # the main width is one of them
        found.append(RivalScore(rival, evidence, *scores))
    return found


def _weighed(rival: Rival, base: Base, seed: int) -> tuple[Difference, Array, Array]:
    """Return the difference of log evidence, log weights of the draws, and facts, by importance."""
    other = rival.of(base.joint)
    facts = other.log_likelihoods(other.extended(base.normal, seed))
    rows = base.calibrating
    raw = (facts[:, rows] - base.facts[:, rows]) @ base.problem.weights
    raw = np.where(np.isfinite(raw), raw, -np.inf)
    smooth, shape = smoothed(raw) if np.ptp(raw) > BOUNDED else (raw, 0.0)
    weights = np.exp(raw - raw.max())
    mean = weights.mean()
    error = float(weights.std(ddof=1) / mean / math.sqrt(len(weights)))
    nats = float(np.log(mean) + raw.max())
    return Difference(nats, error if shape <= LARGEST_K else math.inf, "weights", shape), smooth, facts


def _tempered(rival: Rival, base: Base, seed: int, walkers: int) -> tuple[Difference, Array, Array]:
    """The same with the rival brought from the prior by itself."""
    own = rival.of(base.problem)
    found = temper(own, walkers=walkers, seed=seed)
    islands = [np.asarray(item) for item in (found.log_evidence, base.log_evidence)]
    means = [float(logsumexp(item) - math.log(len(item))) for item in islands]
    error = math.sqrt(sum(item.var(ddof=1) / len(item) for item in islands))
    plain = len(base.problem.priors.names)
    lifted = lift(base.problem, base.joint, found.normal[:, :plain], seed)
    whole = np.column_stack([lifted, found.normal[:, plain:]])
    facts = found.facts if base.joint is base.problem else rival.of(base.joint).log_likelihoods(whole)
    even = np.full(len(facts), -math.log(len(facts)))
    return Difference(means[0] - means[1], error, "tempered"), even, facts


def _predicted(base: Base, logs: Array, facts: Array) -> tuple[Array, Array]:
    """Return log scores of calibration rows, each left out, and of validation rows."""
    rows, others = base.calibrating, base.validating
    return log_scores(logs, facts[:, rows], base.problem.weights), log_scores(logs, facts[:, others])


def _gains(own: tuple[Array, Array], theirs: tuple[Array, Array]) -> tuple[Difference, Difference]:
    found = []
    for mine, other in zip(own, theirs, strict=True):
        gain = other - mine
        error = float(gain.std(ddof=1) * math.sqrt(len(gain))) if len(gain) > 1 else math.nan
        found.append(Difference(float(gain.sum()), error))
    return found[0], found[1]


def log_scores(logs: Array, facts: Array, left_out: Array | None = None) -> Array:
    """Return each row's log predictive probability, shape (n_rows,).

    Parameters
    ----------
    logs : ndarray, shape (n,)
        Log weights of the draws.
    facts : ndarray, shape (n, n_rows)
    left_out : ndarray, shape (n_rows,), optional
        What a row counted for in the posterior: each is then predicted without itself, by smoothed weights.
    """
    found = np.empty(facts.shape[1])
    for index, column in enumerate(facts.T):
        mine = logs if left_out is None else smoothed(logs - left_out[index] * np.maximum(column, -1e3))[0]
        found[index] = logsumexp(mine + column) - logsumexp(mine)
    return found


def base_of_width(problem: Problem, width: float, *, draws: int, seed: int, walkers: int = 256) -> Base:
    """Return the base under another prior width, from a short run; for the mouse four minutes of processor time."""
    wide = replace(problem, width=width)
    with tempfile.TemporaryDirectory() as folder:
        found = sample(wide, folder=folder, draws=draws, walkers=walkers, seed=seed, rounds=6)
    return Base.of(wide, found, draws, seed, validation=False)


__all__ = ["CANNOT_TELL", "Base", "Difference", "RivalProblem", "RivalScore", "base_of_width", "log_scores",
           "rival_scores"]  # fmt: skip
