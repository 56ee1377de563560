"""The virtual laboratory: an experiment repeated many times, with its own n and its own test.

Each repeat draws animals from the simulated pool without replacement, so no animal stands in two arms; draws
the group size from what the paper allows; measures with noise; and runs the paper's test. The score of a
published contrast is how often the repeats find what the paper found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import readout
from senospine.errors import EvidenceError
from senospine.evidence.rows import Contrast
from senospine.randomness import stream
from senospine.stats import pooled_t
from senospine.study import Outcome, Study

Array = NDArray[np.float64]

#: significance level of every published test
ALPHA = 0.05


@dataclass(frozen=True)
class Repeats:
    """What the repeats found for one contrast.

    Attributes
    ----------
    up_star, up, down, down_star : float
        Shares of repeats, which sum to one: significant rise, rise, fall, significant fall. A difference of exactly
        zero counts half and half.
    ratio : float
        Median over repeats of the arms' mean ratio, arm over versus.
    ratio_low, ratio_high : float
        Its central 90 % over repeats.
    repeats : int
    without_ratio : float
        Share of repeats in which the control group's mean is zero; they have no ratio and are left out of it.
    """

    up_star: float
    up: float
    down: float
    down_star: float
    ratio: float
    ratio_low: float
    ratio_high: float
    repeats: int
    without_ratio: float = 0.0

    @property
    def rise(self) -> float:
        """Share of repeats with a rise, significant or not."""
        return self.up_star + self.up

    @property
    def star(self) -> float:
        """Share of repeats that are significant, either way."""
        return self.up_star + self.down_star


@dataclass(frozen=True)
class Draws:
    """Measured values of one repeated experiment: arm -> array (repeats, animals)."""

    values: dict[str, Array]

    def first(self, repeat: int, n: int) -> dict[str, Array]:
        """Return one repeat's first ``n`` animals per arm, as a paper would show them."""
        return {arm: values[repeat, :n] for arm, values in self.values.items()}


class Laboratory:
    """Repeats one study's experiment.

    Parameters
    ----------
    outcome : Outcome
        The pool: at least as many animals as all arms of one repeat together need.
    repeats : int
    largest : int
        Animals per arm and repeat; a contrast may use fewer.

    Raises
    ------
    EvidenceError
        The pool holds too few animals that were solved.
    """

    def __init__(self, outcome: Outcome, repeats: int = 1000, largest: int = 12) -> None:
        self.outcome, self.repeats, self.largest = outcome, repeats, largest
        arms = outcome.study.arms
        states = {arm.name: outcome.at_measurement(arm) for arm in arms}
        solved = np.flatnonzero(
            np.all([np.isfinite(values) for by_name in states.values() for values in by_name.values()], axis=0)
        )
        if len(solved) < largest * len(arms):
            raise EvidenceError(
                f"{len(solved)} solved animals, but one repeat of '{outcome.study.name}' needs {largest * len(arms)}",
                remedy="simulate more animals",
            )
        generator = stream(outcome.seed, f"laboratory/{outcome.study.name}/animals")
        order = generator.random((repeats, len(solved))).argpartition(largest * len(arms) - 1, axis=1)
        chosen = solved[order[:, : largest * len(arms)]]
        generator.permuted(chosen, axis=1, out=chosen)
        self.animals = {arm.name: chosen[:, i * largest : (i + 1) * largest] for i, arm in enumerate(arms)}
        self._measured: dict[str, Draws] = {}

    def measure(self, name: str) -> Draws:
        """Return one read-out measured once in every drawn animal; the same animals for every read-out."""
        if name not in self._measured:
            assay = readout(name)
            generator = stream(self.outcome.seed, f"laboratory/{self.outcome.study.name}/{name}")
            values = {}
            for arm in self.outcome.study.arms:
                expected = self.outcome.expected(assay, arm)
                values[arm.name] = assay.measure(expected[self.animals[arm.name]], generator)
            self._measured[name] = Draws(values)
        return self._measured[name]

    def group_sizes(self, contrast: Contrast) -> NDArray[np.int64]:
        """Return animals per group, one per repeat: even over what the paper allows, alike within a panel."""
        generator = stream(self.outcome.seed, f"laboratory/{contrast.study}/n/{contrast.panel}")
        return generator.integers(contrast.n_low, contrast.n_high, endpoint=True, size=self.repeats)

    def repeat(self, contrast: Contrast) -> Repeats:
        """Return what the repeats find for one contrast.

        Raises
        ------
        EvidenceError
            The contrast may need more animals per group than were drawn.
        """
        if contrast.n_high > self.largest:
            raise EvidenceError(
                f"up to {contrast.n_high} animals per group, but only {self.largest} are drawn per repeat",
                where=contrast.where,
                remedy=f"draw {contrast.n_high} animals per arm and repeat",
            )
        draws = self.measure(contrast.readout).values
        absent = np.arange(self.largest) >= self.group_sizes(contrast)[:, None]
        groups = {arm: np.where(absent, np.nan, draws[arm]) for arm in contrast.groups}
        others = [groups[arm] for arm in contrast.groups if arm not in {contrast.arm, contrast.versus}]
        test = pooled_t(groups[contrast.arm], groups[contrast.versus], others, comparisons=contrast.comparisons)
        star, zero = test.p < ALPHA, test.difference == 0
        up = np.where(zero, 0.5, test.difference > 0)
        means = [np.nanmean(groups[arm], axis=1) for arm in (contrast.arm, contrast.versus)]
        known = means[1] > 0
        ratios = means[0][known] / means[1][known]
        low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95]) if ratios.size else (np.nan,) * 3
        return Repeats(
            up_star=float((up * star).mean()),
            up=float((up * ~star).mean()),
            down=float(((1 - up) * ~star).mean()),
            down_star=float(((1 - up) * star).mean()),
            ratio=float(middle),
            ratio_low=float(low),
            ratio_high=float(high),
            repeats=self.repeats,
            without_ratio=float(1 - known.mean()),
        )


def group_size(study: Study, evidence: Sequence[Contrast]) -> int:
    """Return the largest group that any contrast of a study, or the study itself, may need."""
    sizes = [row.n_high for row in evidence if row.testable and row.study == study.name]
    return max([*sizes, *(arm.n for arm in study.arms)])


def run_laboratory(
    outcomes: Sequence[Outcome],
    evidence: Sequence[Contrast],
    *,
    repeats: int = 1000,
    on_progress: Callable[[int, int], Any] | None = None,
) -> tuple[dict[str, Repeats], dict[str, Laboratory]]:
    """Repeat every testable contrast of the studies given.

    Returns
    -------
    findings : dict of contrast id to Repeats
    laboratories : dict of study name to Laboratory
    """
    mine = [row for row in evidence if row.testable and row.study in {outcome.study.name for outcome in outcomes}]
    laboratories = {}
    for outcome in outcomes:
        laboratories[outcome.study.name] = Laboratory(outcome, repeats, group_size(outcome.study, evidence))
    findings = {}
    for index, row in enumerate(mine, 1):
        findings[row.id] = laboratories[row.study].repeat(row)
        if on_progress:
            on_progress(index, len(mine))
    return findings, laboratories
