"""What papers could have taught: data simulated from known parameters through their designs, and fitted again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.journal import Journal
from senospine.calibration.problem import Problem
from senospine.calibration.ranks import Ranks, rank
from senospine.calibration.sampling import sample
from senospine.calibration.simulated import simulate, untempered
from senospine.evidence import Fact, Value
from senospine.randomness import stream

Array = NDArray[np.float64]

#: what is simulated: facts as they were published, nearly all of them stars; or every contrast with its mean instead
DESIGNS = ("stars", "means")
#: animals an arm, of the laboratory that is simulated and of the fit alike
ANIMALS = 2


class Fitted(Protocol):
    """How a simulated data set is fitted."""

    def __call__(self, problem: Problem, seed: int) -> Array:
        """Return posterior draws, shape (n_draws, n_parameters)."""


@dataclass(frozen=True)
class Recovery:
    """Fits of simulated data whose truth is known, on the scale where priors are standard normals.

    Attributes
    ----------
    names : tuple of str
    design : str
        One of :data:`DESIGNS`.
    truths, means, sds : ndarray, shape (n_replicates, n_parameters)
        True coordinates; means and SDs of the posterior draws.
    ranks : ndarray of int, shape (n_replicates, n_parameters)
    draws : int
        Of each posterior.
    """

    names: tuple[str, ...]
    design: str
    truths: Array
    means: Array
    sds: Array
    ranks: NDArray[np.int64]
    draws: int

    def contraction(self) -> Array:
        """Return the share of the prior's variance that data take away, mean over replicates, (n_parameters,)."""
        return np.asarray(1 - (self.sds**2).mean(axis=0))

    def error(self) -> Array:
        """Return the root mean square error of posterior means in prior SDs, (n_parameters,); the prior's is 1."""
        return np.asarray(np.sqrt(((self.means - self.truths) ** 2).mean(axis=0)))

    def explained(self) -> float:
        """Return the share of the truths' spread that posterior means explain, over all parameters and replicates."""
        return float(1 - ((self.means - self.truths) ** 2).sum() / (self.truths**2).sum())

    def coverage(self, level: float) -> float:
        """Return the share of true values in the central interval of this level."""
        place = (self.ranks + 0.5) / (self.draws + 1)
        return float((abs(place - 0.5) <= level / 2).mean())

    def as_ranks(self) -> Ranks:
        """Return them as simulation-based calibration."""
        return Ranks(self.names, self.ranks, self.draws)

    def summary(self) -> dict[str, Any]:
        """Return the figures, as plain numbers."""
        contraction = self.contraction()
        order = np.argsort(-contraction)
        return {
            "design": self.design, "replicates": len(self.truths), "parameters": len(self.names),
            "explained": self.explained(), "mean_contraction": float(contraction.mean()),
            "over_a_tenth": int((contraction > 0.1).sum()), "over_a_half": int((contraction > 0.5).sum()),
            "coverage_50": self.coverage(0.5), "coverage_90": self.coverage(0.9),
            "most": {self.names[i]: round(float(contraction[i]), 3) for i in order[:12]},
        }  # fmt: skip


def shortly(problem: Problem, seed: int) -> Array:
    """Return draws of a short run: 128 walkers that adapt half as long as in a long one, and eight rounds kept.

    Walkers that were only tempered are no posterior in a hundred dimensions: they descend from few and stand too
    close. So long a run does for the mouse's stars; with means in place of stars its intervals are still too narrow
    (docs/uncertainty.md). Cost: with :data:`ANIMALS` animals less than a minute of processor time.
    """
    with tempfile.TemporaryDirectory() as folder:
        return sample(problem, folder=folder, draws=512, walkers=128, seed=seed, rounds=8, adapting=6).draws


def recover(
    problem: Problem,
    folder: str | Path,
    *,
    replicates: int,
    designs: tuple[str, ...] = DESIGNS,
    seed: int = 1,
    fitted: Fitted = shortly,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Recovery]:
    """Return what is recovered from data simulated from draws of the prior, by design.

    Rows count once each (see :func:`untempered`), and arms have :data:`ANIMALS` evenly spread animals. Every fit is
    kept in ``folder``; the same call goes on.

    Raises
    ------
    CalibrationError
        The folder holds another problem.
    """
    problem = untempered(problem.for_sampling(animals=ANIMALS))
    names = tuple(problem.priors.names)
    journal = Journal.claim(folder, problem.identity | {"recovery": {"seed": seed, "designs": list(designs)}})
    found: dict[str, list[dict[str, Array]]] = {design: [] for design in designs}
    for number in range(replicates):
        truth = stream(seed, "calibration/recovery/truth", number).standard_normal(len(names))
        for index, design in enumerate(designs):
            key = number * len(designs) + index
            if not journal.has(key):
                facts = _simulated(problem, truth, seed, number, design)
                draws = fitted(problem.with_facts(facts), seed * 1000 + key)
                ties = stream(seed, "calibration/recovery/ties", key)
                journal.keep(key, {"truth": truth, "mean": draws.mean(axis=0), "sd": draws.std(axis=0, ddof=1),
                                   "rank": rank(truth, draws, ties), "draws": np.array(len(draws))})  # fmt: skip
            found[design].append(journal.read(key))
            if on_progress is not None:
                on_progress(key + 1, replicates * len(designs))
    return {design: _joined(names, design, rows) for design, rows in found.items()}


def _joined(names: tuple[str, ...], design: str, rows: list[dict[str, Array]]) -> Recovery:
    truths, means, sds, ranks = (np.array([row[name] for row in rows]) for name in ("truth", "mean", "sd", "rank"))
    return Recovery(names, design, truths, means, sds, ranks, int(rows[0]["draws"]))


def _simulated(problem: Problem, truth: Array, seed: int, number: int, design: str) -> tuple[Fact, ...]:
    generator = stream(seed, f"calibration/recovery/{design}", number)
    rows = simulate(problem, truth[None], generator, means=design == "means")[0]
    if design == "stars":
        return rows
    told = {row.id.removesuffix("/mean") for row in rows if row.id.endswith("/mean")}
    return tuple(row for row in rows if isinstance(row, Value) or row.id not in told)
