"""The virtual laboratory: an experiment repeated many times, with its own n and its own test.

Each repeat draws animals from the simulated pool without replacement, so no animal stands in two arms; draws
the group size from what the paper allows; measures with noise; and runs the paper's test. The score of a
published fact is how often the repeats find what the paper found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import readout
from senospine.errors import EvidenceError
from senospine.evidence.facts import Association, Fact
from senospine.evidence.judging import Repeats, judge
from senospine.randomness import stream
from senospine.study import Arm, Outcome, Study

Array = NDArray[np.float64]


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

    Notes
    -----
    Where animals carry draws of the parameters, all animals of a repeat live in one world, and repeats go through the
    worlds in turn: shares are averages over worlds. A world with too few solved animals is left out.
    """

    def __init__(self, outcome: Outcome, repeats: int = 1000, largest: int = 12) -> None:
        self.outcome, self.repeats, self.largest = outcome, repeats, largest
        arms = outcome.study.arms
        groups = list(dict.fromkeys(arm.stands_for for arm in arms))
        needed = largest * len(groups)
        solved = np.flatnonzero(
            np.all([np.isfinite(v) for arm in arms for v in outcome.at_measurement(arm).values()], axis=0)
        )
        if len(solved) < needed:
            raise EvidenceError(
                f"{len(solved)} solved animals, but one repeat of '{outcome.study.name}' needs {needed}",
                remedy="simulate more animals",
            )
        generator = stream(outcome.seed, f"laboratory/{outcome.study.name}/animals")
        keys = generator.random((repeats, len(solved)))
        if outcome.worlds > 1:
            keys += _elsewhere(outcome, solved, repeats, needed)
        chosen = solved[keys.argpartition(needed - 1, axis=1)[:, :needed]]
        generator.permuted(chosen, axis=1, out=chosen)
        self.animals = {name: chosen[:, i * largest : (i + 1) * largest] for i, name in enumerate(groups)}
        self._measured: dict[tuple[str, str], Draws] = {}

    def measure(self, name: str, moment: str = "") -> Draws:
        """Return one read-out measured once in every drawn animal of every arm that is measured at the moment.

        The same animals for every read-out. Where an arm's dose is not known, each repeat has one of the possible.
        """
        if (name, moment) not in self._measured:
            study, assay = self.outcome.study, readout(name)
            place = f"laboratory/{study.name}/{name}" + (f"/{moment}" if moment else "")
            generator = stream(self.outcome.seed, place)
            values = {}
            for group, animals in self.animals.items():
                arms = [arm for arm in study.arms if arm.stands_for == group]
                if moment and any(moment not in dict(arm.moments) for arm in arms):
                    continue
                expected = np.stack([self.outcome.expected(assay, arm, moment) for arm in arms])
                values[group] = assay.measure(expected[self._choices(group, arms), animals], generator)
            self._measured[name, moment] = Draws(values)
        return self._measured[name, moment]

    def _choices(self, group: str, arms: Sequence[Arm]) -> NDArray[np.int64]:
        """Return which of an arm's therapies each repeat has, (repeats, 1), or of a mixture each animal of a repeat.

        Arms with the same possibilities agree. A mixture has its declared numbers in every repeat.
        """
        repeats = len(self.animals[group])
        names = [arm.name.removeprefix(f"{group}.") for arm in arms]
        if len(names) == 1:
            return np.zeros((repeats, 1), dtype=np.int64)
        generator = stream(self.outcome.seed, f"laboratory/{self.outcome.study.name}/therapy/{'|'.join(names)}")
        shares = [arm.share for arm in arms]
        if not any(shares):
            return generator.integers(0, len(names), size=repeats)[:, None]
        declared = np.resize(np.repeat(np.arange(len(names)), shares), max(self.largest, sum(shares)))
        return generator.permuted(np.tile(declared, (repeats, 1)), axis=1)[:, : self.largest]

    def group_sizes(self, fact: Fact) -> NDArray[np.int64]:
        """Return animals per group, one per repeat: even over what the paper allows, alike within a panel."""
        generator = stream(self.outcome.seed, f"laboratory/{fact.study}/n/{fact.panel}")
        return generator.integers(fact.n_low, fact.n_high, endpoint=True, size=self.repeats)

    def groups(self, fact: Fact, name: str) -> dict[str, Array]:
        """Return each drawn arm's values of a read-out, shape (repeats, animals); NaN beyond the group's size.

        Raises
        ------
        EvidenceError
            The fact may need more animals per group than were drawn.
        """
        if fact.n_high > self.largest:
            raise EvidenceError(
                f"up to {fact.n_high} animals per group, but only {self.largest} are drawn per repeat",
                where=fact.where,
                remedy=f"draw {fact.n_high} animals per arm and repeat",
            )
        draws = self.measure(name, fact.at).values
        absent = np.arange(self.largest) >= self.group_sizes(fact)[:, None]
        return {arm: np.where(absent, np.nan, draws[arm]) for arm in fact.drawn}

    def repeat(self, fact: Fact) -> Repeats:
        """Return what the repeats find for one fact; see :meth:`groups` for errors."""
        return judge(fact, {name: self.groups(fact, name) for name in needed_readouts(fact)})


def _elsewhere(outcome: Outcome, solved: NDArray[np.int64], repeats: int, needed: int) -> Array:
    """Return one for animals that live in another world than a repeat, else zero, shape (repeats, animals)."""
    worlds = solved % outcome.worlds
    filled = np.flatnonzero(np.bincount(worlds, minlength=outcome.worlds) >= needed)
    if not len(filled):
        raise EvidenceError(
            f"one repeat of '{outcome.study.name}' needs {needed} animals of one world, and no world has as many",
            why=f"{len(solved)} solved animals live in {outcome.worlds} worlds",
            remedy="simulate more animals, or take fewer draws of the parameters",
        )
    own = filled[np.arange(repeats) % len(filled)]
    return np.asarray(worlds[None, :] != own[:, None], dtype=float)


def needed_readouts(fact: Fact) -> tuple[str, ...]:
    """Return the read-outs that a fact speaks of."""
    return (fact.readout, fact.with_readout) if isinstance(fact, Association) else (fact.readout,)


def group_size(study: Study, evidence: Sequence[Fact]) -> int:
    """Return the largest group that any fact of a study, or the study itself, may need."""
    sizes = [row.n_high for row in evidence if row.testable and row.study == study.name]
    return max([*sizes, *(arm.n for arm in study.arms)])


def run_laboratory(
    outcomes: Sequence[Outcome],
    evidence: Sequence[Fact],
    *,
    repeats: int = 1000,
    on_progress: Callable[[int, int], Any] | None = None,
) -> tuple[dict[str, Repeats], dict[str, Laboratory]]:
    """Repeat every testable fact of the studies given.

    Returns
    -------
    findings : dict of fact id to Repeats
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
