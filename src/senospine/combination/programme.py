"""A study's two drugs against the better one alone: how probable, on what, and how much of that is prior."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from senospine.assays import TRAITS, Readout
from senospine.combination.draws import INTERACTION, Candidates
from senospine.engine import Kernel, Schedule, compile_model
from senospine.errors import StudyError
from senospine.model import load_model
from senospine.randomness import stream
from senospine.study import Arm, Study
from senospine.subjects import draw_parameters, draw_traits

Array = NDArray[np.float64]

#: animals by which a parameter set is judged, and experiments drawn of each
ANIMALS, EXPERIMENTS = 24, 200
#: an advantage of less than this share of one measured animal's SD is called none
_LEAST = 0.1
RTOL = 1e-6


@dataclass(frozen=True)
class Beaten:
    """Two drugs against the better single one, on one read-out.

    Attributes
    ----------
    arm : str
        The combination; ``singles`` are the arms of its drugs alone.
    better : float
        Probability, over parameter sets, that its true mean is better than both.
    by_a_tenth : float
        That it is better by a tenth of the SD of one measured animal or more.
    advantage : tuple of float
        In such SDs: median and central 90 % over parameter sets.
    seen : float
        That an experiment of ``n`` a group finds its mean better than both.
    significant : float
        That it also finds it significantly better than the better one, t test, two-sided 5 %.
    sets : int
    """

    study: str
    arm: str
    singles: tuple[str, str]
    readout: str
    parameters: str
    interaction: bool
    n: int
    better: float
    by_a_tenth: float
    advantage: tuple[float, float, float]
    seen: float
    significant: float
    sets: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return vars(self)


def beats_better(
    study: Study, chosen: Candidates, *, drugs: Collection[str] | None = None, seed: int = 20240913,
    threads: int | None = None,
) -> list[Beaten]:  # fmt: skip
    """Return, for every arm of two drugs whose single drugs have arms, how probably it beats the better one.

    Where it is not known which doses were given, each parameter set has one of the possible.

    Parameters
    ----------
    study : Study
    chosen : Candidates
        Sets of parameters, with the interaction of hazards or without.
    drugs : collection of str, optional
        Only arms of these two drugs.

    Raises
    ------
    StudyError
        The study has no arm of two drugs with both drugs alone.

    Notes
    -----
    Cost: 24 animals an arm and parameter set.
    """
    trios = [trio for trio in _trios(study) if drugs is None or _drugs(trio[0]) == frozenset(drugs)]
    if not trios:
        raise StudyError(
            f"study '{study.name}' has no arm of both drugs with an arm of each alone",
            remedy="name two drugs that it combines, or add the missing arms",
        )
    model = load_model(study.species)
    kernel = compile_model(model, outputs=sorted({name for item in study.readouts for name in item.needs}))
    runs = _Runs(kernel, study, chosen, seed, threads)
    return [
        runs.judge(readout, [arm for arm, *_ in group], [one for _, one, _ in group], [two for *_, two in group])
        for group in _grouped(trios)
        for readout in study.readouts
    ]


def _drugs(arm: Arm) -> frozenset[str]:
    return frozenset(regimen.drug for regimen in arm.regimens)


def _trios(study: Study) -> Iterator[tuple[Arm, Arm, Arm]]:
    for arm in study.arms:
        if len(_drugs(arm)) != 2:
            continue
        choice = arm.name.removeprefix(f"{arm.group}.") if arm.group else ""
        singles = []
        for drug in sorted(_drugs(arm)):
            alone = [
                other
                for other in study.arms
                if _drugs(other) == {drug}
                and other.animal_model == arm.animal_model
                and (not other.group or other.name == f"{other.group}.{choice}")
            ]
            singles += alone[:1]
        if len(singles) == 2:
            yield arm, singles[0], singles[1]


def _grouped(trios: Sequence[tuple[Arm, Arm, Arm]]) -> list[list[tuple[Arm, Arm, Arm]]]:
    names = dict.fromkeys(arm.stands_for for arm, *_ in trios)
    return [[trio for trio in trios if trio[0].stands_for == name] for name in names]


class _Runs:
    """Arms of a study, each with those parameter sets whose turn it is; solved when first asked for."""

    def __init__(self, kernel: Kernel, study: Study, chosen: Candidates, seed: int, threads: int | None) -> None:
        self.kernel, self.study, self.chosen, self.seed, self.threads = kernel, study, chosen, seed, threads
        self.traits = draw_traits(TRAITS, ANIMALS, seed)
        model = kernel.model
        drawn = draw_parameters(model, ANIMALS, seed)
        self.factors = {name: values / model.parameters[name] for name, values in drawn.items()}
        self._solved: dict[tuple[str, int, int], dict[str, Array]] = {}

    def _states(self, arm: Arm, place: int, of: int) -> dict[str, Array]:
        """Return an arm's outputs for every ``of``-th set from ``place`` on, each of shape (sets, animals)."""
        key = (arm.name, place, of)
        if key not in self._solved:
            mine = slice(place, None, of)
            strength, model = self.chosen.interaction[mine], self.kernel.model
            sets = {name: values[mine] for name, values in self.chosen.values.items()}
            if INTERACTION in model.parameters:
                sets[INTERACTION] = strength
            parameters = {
                name: np.repeat(sets.get(name, np.full(len(strength), model.parameters[name])), ANIMALS)
                * np.tile(self.factors.get(name, np.ones(ANIMALS)), len(strength))
                for name in sorted({*sets, *self.factors})
            }
            solution = self.kernel.solve(
                parameters, Schedule.shared(arm.entries), [arm.measure_day], n_subjects=len(strength) * ANIMALS,
                rtol=RTOL, threads=self.threads,
            )  # fmt: skip
            shape = (len(strength), ANIMALS)
            self._solved[key] = {name: solution[name][:, 0].reshape(shape) for name in self.kernel.outputs}
        return self._solved[key]

    def judge(self, item: Readout, both: Sequence[Arm], ones: Sequence[Arm], twos: Sequence[Arm]) -> Beaten:
        """Return what all parameter sets say; the possible doses take turns."""
        found = []
        for place in range(len(both)):
            trio = [self._states(arms[place], place, len(both)) for arms in (both, ones, twos)]
            found.append([item.expected(states, self.traits) for states in trio])
        true = [np.concatenate([part[k] for part in found]) for k in range(3)]
        sign = -1.0 if item.worse == "up" else 1.0
        noise = stream(self.seed, f"combination/programme/{item.name}")
        usable = np.isfinite(true).all(axis=(0, 2))
        true = [values[usable] for values in true]
        measured = [item.measure(values, noise) for values in true]
        mean = sign * np.array([values.mean(axis=1) for values in true])
        sd = np.maximum(np.array([values.std(axis=1, ddof=1) for values in measured]), 1e-12)
        gain = (mean[0] - np.maximum(mean[1], mean[2])) / sd[0]
        n = both[0].n
        seen, star = _experiments(mean, sd, n, noise)
        return Beaten(
            self.study.name, both[0].stands_for, (ones[0].stands_for, twos[0].stands_for), item.name, self.chosen.kind,
            bool(self.chosen.interaction.any()), n, float((gain > 1e-9).mean()), float((gain > _LEAST).mean()),
            tuple(float(q) for q in np.quantile(gain, [0.5, 0.05, 0.95])), seen, star, int(usable.sum()),  # type: ignore[arg-type]
        )  # fmt: skip


def _experiments(mean: Array, sd: Array, n: int, generator: np.random.Generator) -> tuple[float, float]:
    """Return the shares of experiments whose mean of both is better than either, and significantly than the better.

    Group means and SDs as of normal animals.
    """
    shape = (EXPERIMENTS, *mean.shape)
    means = mean + sd / np.sqrt(n) * generator.standard_normal(shape)
    spread = sd * np.sqrt(generator.chisquare(n - 1, shape) / (n - 1))
    best = means[:, 1:].argmax(axis=1)
    rival = np.take_along_axis(means[:, 1:], best[:, None], axis=1)[:, 0]
    rival_sd = np.take_along_axis(spread[:, 1:], best[:, None], axis=1)[:, 0]
    t = (means[:, 0] - rival) / np.sqrt((spread[:, 0] ** 2 + rival_sd**2) / n)
    return float((means[:, 0] > rival).mean()), float((t > stdtrit(2 * n - 2, 0.975)).mean())
