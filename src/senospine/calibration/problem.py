"""What is fitted to what: free parameters, arms that calibration rows speak of, and their joint probability."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import assay_register, readout
from senospine.calibration import judging, likelihood, signs
from senospine.calibration.animals import Animals
from senospine.calibration.arms import AskedArms
from senospine.calibration.groups import Measured, Place
from senospine.calibration.likelihood import can_judge
from senospine.calibration.lives import Lives
from senospine.calibration.noise import NoiseTable
from senospine.calibration.priors import Prior, Priors
from senospine.errors import CalibrationError, suggest
from senospine.evidence import Association, Fact, load_evidence
from senospine.evidence.judging import ALPHA
from senospine.model import Model, load_model
from senospine.study import Study, load_study

Array = NDArray[np.float64]

DEFAULT_ANIMALS = 24
DEFAULT_SEED = 20240913
#: solver's relative tolerance; differences of the probability are taken over steps far larger than it
RTOL = 1e-5
#: the same where many candidates are drawn: the mouse's log posterior is wrong by 0.002 at most
RTOL_SAMPLING = 1e-3
#: evenly spread animals that do for sampling; see :meth:`Animals.even`
EVEN_ANIMALS = 8
#: name of the factor on all between-animal CVs
BETWEEN_ANIMALS = "between_animals"


@dataclass(frozen=True)
class Assumptions:
    """What the likelihood takes for granted, to be varied.

    Attributes
    ----------
    selection : bool
        Contrasts without a star are reported less often than starred ones.
    tempered : bool
        The m rows of one comparison, read off the same animals, count as the square root of m.
    laboratory_sd, assay_sd : float
        SD of a factor that a study's, and a read-out's, log folds share over all their facts (and of absolute levels,
        a factor on the level), on the log scale; zero leaves it out. Sampled with the parameters.
    between_animals_sd : float
        SD of the logarithm of one factor on all CVs between animals; zero takes the register's.
    """

    selection: bool = True
    tempered: bool = True
    laboratory_sd: float = 0.0
    assay_sd: float = 0.0
    between_animals_sd: float = 0.0


@dataclass(frozen=True)
class Problem:
    """A model, the facts that calibrate it, and the animals it is judged by.

    Attributes
    ----------
    facts : tuple of Fact
        Of role calibration only.
    animals : int
        Virtual animals per arm; the same ones for every candidate.
    even : bool
        Animals spread evenly, their traits integrated, instead of independent draws.
    rtol : float
        Of the solver.
    width : float
        Factor on the SDs of the priors, see :class:`Priors`.
    fixed : mapping of str to float
        Parameters held at other values than the register's, for instance the switch of a rival mechanism.
    assumptions : Assumptions
    """

    model: Model
    facts: tuple[Fact, ...]
    studies: Mapping[str, Study]
    animals: int = DEFAULT_ANIMALS
    seed: int = DEFAULT_SEED
    threads: int | None = None
    even: bool = False
    rtol: float = RTOL
    width: float = 1.0
    fixed: Mapping[str, float] = field(default_factory=dict)
    assumptions: Assumptions = Assumptions()

    def __post_init__(self) -> None:
        if self.animals < 2:
            raise CalibrationError(
                f"{self.animals} animals have no spread", remedy=f"take two or more; {DEFAULT_ANIMALS} is the default"
            )
        if not (math.isfinite(self.width) and self.width > 0):
            raise CalibrationError(f"a prior width of {self.width} leaves nothing free", remedy="take 0.5, 1 or 2")
        for name in self.fixed:
            if name not in self.model.parameters:
                raise CalibrationError(
                    f"the model has no parameter '{name}' to fix", remedy=suggest(name, self.model.parameters)
                )

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
        return cls(load_model(species), facts, studies, animals, seed, threads)

    def for_sampling(self, animals: int = EVEN_ANIMALS, rtol: float = RTOL_SAMPLING) -> Problem:
        """Return the same problem at a fraction of the cost: few animals, evenly spread, and a looser solver."""
        return replace(self, animals=animals, even=True, rtol=rtol)

    def without_factors(self) -> Problem:
        """Return the same problem with the factors of laboratories, assays and animals held at one."""
        plain = replace(self.assumptions, laboratory_sd=0.0, assay_sd=0.0, between_animals_sd=0.0)
        return replace(self, assumptions=plain)

    def with_facts(self, facts: Iterable[Fact]) -> Problem:
        """Return the same problem with other facts on the same arms and read-outs; what was solved for is shared."""
        found = replace(self, facts=tuple(facts))
        found.__dict__.update({name: getattr(self, name) for name in ("arms", "_lives", "_animals", "_noise")})
        return found

    @cached_property
    def priors(self) -> Priors:
        """The free parameters."""
        given = self.assumptions
        factors = [Prior.factor(BETWEEN_ANIMALS, given.between_animals_sd)] if given.between_animals_sd else []
        if given.laboratory_sd:
            studies = dict.fromkeys(row.study for row in self.facts)
            factors += [Prior.factor(f"laboratory/{name}", given.laboratory_sd) for name in studies]
        if given.assay_sd:
            assays = dict.fromkeys(row.readout for row in self.facts if not isinstance(row, Association))
            factors += [Prior.factor(f"assay/{name}", given.assay_sd) for name in assays]
        return Priors.of(self.model, width=self.width, fixed=self.fixed, factors=factors)

    @cached_property
    def weights(self) -> Array:
        """Weight of each fact, shape (n_facts,).

        Rows of one comparison are read off the same animals and are not so many witnesses: ``m`` of them count as
        the square root of ``m`` (assumption).
        """
        if not self.assumptions.tempered:
            return np.ones(len(self.facts))
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
                for study, arm, moments in sorted(self.arms.measured, key=lambda item: (item[0], item[1].name))
                for moment in moments
            ]
        )
        texts = {"evidence": facts, "assays": register, "arms": arms}
        return {"model": self.model.sha256} | {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()
        }

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides a log posterior's value, as plain data."""
        return {
            "hashes": self.hashes, "animals": self.animals, "seed": self.seed, "even": self.even, "rtol": self.rtol,
            "width": self.width, "fixed": dict(sorted(self.fixed.items())), "assumptions": asdict(self.assumptions),
            "constants": {"alpha": ALPHA, "reported": signs.REPORTED, "least": signs.LEAST,
                          "misfit": likelihood.MISFIT},
        }  # fmt: skip

    @cached_property
    def arms(self) -> AskedArms:
        """The arms that facts speak of."""
        return AskedArms(self.facts, self.studies)

    @cached_property
    def _lives(self) -> Lives:
        names = {name for row in self.facts for name in judging.readouts_of(row)}
        needed = {output for name in names for output in readout(name).needs}
        return Lives(self.model, tuple(sorted(needed)), self.arms.measured, self.rtol, self.threads)

    @cached_property
    def _animals(self) -> Animals:
        return (Animals.even if self.even else Animals.random)(self.model, self.animals, self.seed)

    @cached_property
    def _noise(self) -> dict[str, NoiseTable]:
        """Each read-out's noise, about what the register's values give: no candidate decides it."""
        register = Measured(self.solve(self.priors.values(self.priors.centre[None])), self._animals, {})
        tables: dict[str, NoiseTable] = {}
        for row in self.facts:
            for name in judging.readouts_of(row):
                if name not in tables:
                    arm = next(iter(self.arms.possible(row)[0].values()))
                    middle = float(np.nanmean(register.expected((row.study, arm.name, row.at), name)))
                    tables[name] = NoiseTable.around(readout(name), middle, self.seed)
        return tables

    def solve(self, values: Mapping[str, Array]) -> dict[Place, dict[str, Array]]:
        """Return outputs of every arm at its moments, each of shape (n_candidates, animals); NaN where one failed."""
        count, animals = len(next(iter(values.values()))), self._animals
        stretch = values.get(BETWEEN_ANIMALS, np.ones(count))[:, None]
        parameters = {name: np.full((count, self.animals), value) for name, value in sorted(self.fixed.items())}
        for name in sorted({*values, *animals.logs} & set(self.model.parameters)):
            centre = values[name] if name in values else self.fixed.get(name, self.model.parameters[name])
            column = np.broadcast_to(np.reshape(centre, (-1, 1)), (count, self.animals))
            parameters[name] = column * np.exp(stretch * animals.logs[name]) if name in animals.logs else column
        flat = {name: np.ascontiguousarray(column).reshape(-1) for name, column in parameters.items()}
        found = self._lives.solve(flat, count * self.animals)
        return {
            place: {name: column.reshape(count, self.animals) for name, column in columns.items()}
            for place, columns in found.items()
        }

    def log_likelihoods(self, normal: Array) -> Array:
        """Return each fact's log probability for candidates of shape (n_candidates, n_parameters).

        Returns
        -------
        ndarray, shape (n_candidates, n_facts)
            Minus infinity where an animal could not be solved.
        """
        return self.judged(self.priors.values(np.atleast_2d(normal)))

    def judged(self, values: Mapping[str, Array]) -> Array:
        """Return each fact's log probability for candidates given by values, of any parameters of the model.

        Parameters
        ----------
        values : mapping of parameter to array, shape (n_candidates,)
            In the register's units; factors of the likelihood that are missing are one.

        Returns
        -------
        ndarray, shape (n_candidates, n_facts)
        """
        measured = self.measured(values)
        with np.errstate(invalid="ignore", over="ignore"):  # of animals that could not be solved
            columns = [self.judge(row, measured, values) for row in self.facts]
        return np.where(np.isfinite(columns), columns, -math.inf).T

    def measured(self, values: Mapping[str, Array]) -> Measured:
        """Return what a laboratory would measure of candidates given by values."""
        return Measured(self.solve(values), self._animals, self._noise)

    def seen(self, row: Fact, measured: Measured, values: Mapping[str, Array]) -> list[judging.Seen]:
        """Return places and groups as a fact's laboratory sees them, once for each possible therapy."""
        return judging.seen(row, self.arms.possible(row), measured, values)

    def judge(self, row: Fact, measured: Measured, values: Mapping[str, Array]) -> Array:
        """Return one fact's log probability, shape (n_candidates,)."""
        return judging.judge(row, self.seen(row, measured, values), measured, selection=self.assumptions.selection)

    def log_posterior(self, normal: Array) -> Array:
        """Return the tempered log posterior of candidates, shape (n_candidates,), up to a constant."""
        normal = np.atleast_2d(normal)
        return np.asarray(self.log_likelihoods(normal) @ self.weights - 0.5 * (normal**2).sum(axis=1))
