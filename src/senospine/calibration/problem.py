"""What is fitted to what: free parameters, arms that calibration rows speak of, and their joint probability."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from senospine.assays import TRAITS, assay_register, readout
from senospine.calibration.likelihood import Group, can_judge, log_probability
from senospine.calibration.noise import NoiseTable
from senospine.calibration.priors import Priors
from senospine.engine import Kernel, Schedule, compile_model
from senospine.errors import CalibrationError
from senospine.evidence import Fact, load_evidence
from senospine.model import Model, load_model
from senospine.study import Arm, Study, load_study
from senospine.subjects import draw_parameters, draw_traits

Array = NDArray[np.float64]
Place = tuple[str, str, str]  # study, arm, moment

DEFAULT_ANIMALS = 24
DEFAULT_SEED = 20240913
#: solver's relative tolerance; differences of the probability are taken over steps far larger than it
RTOL = 1e-5


@dataclass(frozen=True)
class Problem:
    """A model, the facts that calibrate it, and the animals it is judged by.

    Attributes
    ----------
    facts : tuple of Fact
        Of role calibration only.
    animals : int
        Virtual animals per arm; the same ones for every candidate.
    """

    model: Model
    facts: tuple[Fact, ...]
    studies: Mapping[str, Study]
    animals: int = DEFAULT_ANIMALS
    seed: int = DEFAULT_SEED
    threads: int | None = None

    @classmethod
    def published(
        cls, species: str = "mouse", *, evidence: Iterable[Fact] | None = None, animals: int = DEFAULT_ANIMALS,
        seed: int = DEFAULT_SEED, threads: int | None = None,
    ) -> Problem:  # fmt: skip
        """Return the problem of the shipped evidence, or of some of it.

        Raises
        ------
        CalibrationError
            No fact of role calibration that can be judged, or fewer than two animals.
        """
        rows = load_evidence() if evidence is None else tuple(evidence)
        facts = tuple(row for row in rows if row.role == "calibration" and can_judge(row))
        studies = {name: load_study(name) for name in dict.fromkeys(row.study for row in facts)}
        studies = {name: study for name, study in studies.items() if study.species == species}
        facts = tuple(row for row in facts if row.study in studies)
        if not facts:
            raise CalibrationError(
                f"no fact calibrates the {species}",
                why="only facts of role calibration whose read-outs are simulated do",
                remedy="declare roles in roles.csv, or leave the evidence out to take all shipped rows",
            )  # fmt: skip
        if animals < 2:
            raise CalibrationError(f"{animals} animals have no spread", remedy="take two or more; 24 is the default")
        return cls(load_model(species), facts, studies, animals, seed, threads)

    @cached_property
    def priors(self) -> Priors:
        """The free parameters."""
        return Priors.of(self.model)

    @cached_property
    def weights(self) -> Array:
        """Weight of each fact, shape (n_facts,).

        Rows of one comparison are read off the same animals and are not so many witnesses: ``m`` of them count as
        the square root of ``m`` (assumption).
        """
        keys = [(row.study, row.arm, row.versus) for row in self.facts]
        return np.array([1 / math.sqrt(keys.count(key)) for key in keys])

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of everything the fit depends on."""
        facts = json.dumps([row.to_dict() for row in self.facts], sort_keys=True)
        register = repr(sorted((name, row.value) for name, row in assay_register().items()))
        arms = json.dumps(
            [
                [study, arm.name, arm.day_of(moment), [astuple(entry) for entry in arm.entries]]
                for study, arm, moments in sorted(self._arms, key=lambda item: (item[0], item[1].name))
                for moment in moments
            ]
        )
        texts = {"evidence": facts, "assays": register, "arms": arms}
        return {"model": self.model.sha256} | {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()
        }

    @cached_property
    def _arms(self) -> list[tuple[str, Arm, tuple[str, ...]]]:
        """Every arm that a fact speaks of, with the moments it is measured at."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in self.facts:
            for group in row.drawn:
                wanted.setdefault((row.study, group), set()).add(row.at)
        return [
            (name, arm, tuple(sorted(wanted[name, arm.stands_for])))
            for name, study in self.studies.items()
            for arm in study.arms
            if (name, arm.stands_for) in wanted
        ]

    @cached_property
    def _kernel(self) -> Kernel:
        needed = {output for row in self.facts for output in readout(row.readout).needs}
        return compile_model(self.model, outputs=sorted(needed))

    @cached_property
    def _animals(self) -> dict[str, Array]:
        """Each animal's factor on every parameter in which animals differ."""
        drawn = draw_parameters(self.model, self.animals, self.seed)
        return {name: values / self.model.parameters[name] for name, values in drawn.items()}

    @cached_property
    def _traits(self) -> dict[str, Array]:
        return draw_traits(TRAITS, self.animals, self.seed)

    @cached_property
    def _noise(self) -> dict[str, NoiseTable]:
        """Each read-out's noise, about what the register's values give: no candidate decides it."""
        states = self.solve(self.priors.values(self.priors.centre[None]))
        tables: dict[str, NoiseTable] = {}
        for row in self.facts:
            if row.readout not in tables:
                expected = self._expected(row, next(iter(self._chosen(row)[0].values())), states)
                tables[row.readout] = NoiseTable.around(readout(row.readout), float(np.nanmean(expected[0])), self.seed)
        return tables

    def solve(self, values: Mapping[str, Array]) -> dict[Place, dict[str, Array]]:
        """Return outputs of every arm at its moments, each of shape (n_candidates, animals); NaN where one failed."""
        count = len(next(iter(values.values())))
        parameters = {
            name: np.repeat(values[name], self.animals) if name in values else np.full(
                count * self.animals, self.model.parameters[name]
            )
            for name in {*values, *self._animals}
        }  # fmt: skip
        for name, factors in self._animals.items():
            parameters[name] = parameters[name] * np.tile(factors, count)
        found = {}
        for study, arm, moments in self._arms:
            days = np.unique([arm.day_of(moment) for moment in moments])
            solution = self._kernel.solve(
                parameters, Schedule.shared(arm.entries), days, rtol=RTOL, threads=self.threads
            )
            for moment in moments:
                column = int(np.searchsorted(days, arm.day_of(moment)))
                found[study, arm.name, moment] = {
                    name: solution[name][:, column].reshape(count, self.animals) for name in self._kernel.outputs
                }
        return found

    def log_likelihoods(self, normal: Array) -> Array:
        """Return each fact's log probability for candidates of shape (n_candidates, n_parameters).

        Returns
        -------
        ndarray, shape (n_candidates, n_facts)
            Minus infinity where an animal could not be solved.
        """
        states = self.solve(self.priors.values(np.atleast_2d(normal)))
        groups: dict[tuple[str, ...], Group] = {}
        columns = [self._judge(row, states, groups) for row in self.facts]
        return np.where(np.isfinite(columns), columns, -math.inf).T

    def _judge(self, row: Fact, states: dict[Place, dict[str, Array]], known: dict[tuple[str, ...], Group]) -> Array:
        found = []
        for chosen in self._chosen(row):  # of several possible doses one was given: their probabilities are averaged
            groups = {name: self._group(row, arm, states, known) for name, arm in chosen.items()}
            found.append(log_probability(row, groups))
        return np.asarray(np.logaddexp.reduce(found, axis=0) - math.log(len(found)))

    def _chosen(self, row: Fact) -> list[dict[str, Arm]]:
        """Return the arms a fact speaks of, by group, once for each possible therapy."""
        arms = [arm for arm in self.studies[row.study].arms if arm.stands_for in row.drawn]
        choices = sorted({arm.name.removeprefix(f"{arm.group}.") for arm in arms if arm.group})
        return [
            {arm.stands_for: arm for arm in arms if not arm.group or arm.name == f"{arm.group}.{choice}"}
            for choice in choices or [""]
        ]

    def _group(
        self, row: Fact, arm: Arm, states: dict[Place, dict[str, Array]], known: dict[tuple[str, ...], Group]
    ) -> Group:
        key = (row.study, arm.name, row.at, row.readout)
        if key not in known:
            mean, variance = self._noise[row.readout].moments(self._expected(row, arm, states))
            spread = np.sqrt(mean.var(axis=1, ddof=1) + variance.mean(axis=1))
            known[key] = Group(mean.mean(axis=1), spread)
        return known[key]

    def _expected(self, row: Fact, arm: Arm, states: dict[Place, dict[str, Array]]) -> Array:
        """Return each animal's true read-out, shape (n_candidates, animals)."""
        return readout(row.readout).expected(states[row.study, arm.name, row.at], self._traits)

    def log_posterior(self, normal: Array) -> Array:
        """Return the tempered log posterior of candidates, shape (n_candidates,), up to a constant."""
        normal = np.atleast_2d(normal)
        return np.asarray(self.log_likelihoods(normal) @ self.weights - 0.5 * (normal**2).sum(axis=1))
