"""Rival mechanisms as data: switches, pathways left alone, equations replaced."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import ndtri

from senospine.calibration.priors import Prior, Priors
from senospine.calibration.problem import Problem
from senospine.errors import CalibrationError, suggest
from senospine.model import Model, load_model
from senospine.model.loading import BIOLOGY
from senospine.randomness import stream
from senospine.yaml_files import read_yaml

Array = NDArray[np.float64]

SHIPPED_RIVALS = Path(__file__).parent / "rivals.yaml"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    set: dict[str, float] = Field(default_factory=dict)
    free: list[str] = Field(default_factory=list)
    times: dict[str, float] = Field(default_factory=dict)
    rules: dict[str, dict[str, str]] = Field(default_factory=dict)


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: str
    model: str
    answers: dict[str, _Answer]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rivals: list[_Question]


@dataclass(frozen=True)
class Rival:
    """One answer to a question of mechanism.

    Attributes
    ----------
    question, name : str
    model : str
        What the model says by itself.
    held : mapping of parameter to value
    freed : tuple of str
        Parameters that are off in the model, here under the register's own prior.
    times : mapping of parameter to factor
    rules : mapping of module file to variable to formula
    """

    question: str
    name: str
    model: str
    held: Mapping[str, float]
    freed: tuple[str, ...]
    times: Mapping[str, float]
    rules: Mapping[str, Mapping[str, str]]

    def of(self, problem: Problem) -> RivalProblem:
        """Return the problem under this mechanism."""
        return RivalProblem(problem, self)


@dataclass(frozen=True)
class RivalProblem:
    """A problem under a rival mechanism; its coordinates are the problem's own, then those of what is freed.

    Coordinates that a rival holds stay, without effect: so draws from the model's posterior are candidates here too.
    """

    base: Problem
    rival: Rival

    @cached_property
    def problem(self) -> Problem:
        """The problem with the rival's equations."""
        return replace(self.base, model=_with_rules(self.rival.rules)) if self.rival.rules else self.base

    @property
    def facts(self) -> Any:
        """See :class:`Problem`."""
        return self.base.facts

    @property
    def weights(self) -> Array:
        """See :class:`Problem`."""
        return self.base.weights

    @cached_property
    def priors(self) -> Priors:
        """Those of the problem, then of what is freed."""
        own = [Prior.of(self.base.model.register[name]) for name in self.rival.freed]
        return Priors((*self.base.priors.rows, *own), self.base.priors.width)

    @property
    def identity(self) -> dict[str, Any]:
        """See :class:`Problem`."""
        rules = {file: dict(lines) for file, lines in self.rival.rules.items()}
        changes = {"held": dict(self.rival.held), "freed": list(self.rival.freed), "times": dict(self.rival.times)}
        return self.base.identity | {"rival": changes | {"rules": rules}}

    def values(self, normal: Array) -> dict[str, Array]:
        """Return values by name from coordinates of shape (n, n_parameters)."""
        found = self.priors.values(np.atleast_2d(normal))
        found |= {name: found[name] * factor for name, factor in self.rival.times.items()}
        return found | {name: np.full(len(np.atleast_2d(normal)), value) for name, value in self.rival.held.items()}

    def log_likelihoods(self, normal: Array) -> Array:
        """See :class:`Problem`."""
        return self.problem.judged(self.values(normal))

    def extended(self, normal: Array, seed: int) -> Array:
        """Return draws of the problem's coordinates with what is freed drawn beside, evenly over its prior."""
        count = len(normal)
        columns = [
            ndtri((stream(seed, f"calibration/rivals/{name}").permutation(count) + 0.5) / count)
            for name in self.rival.freed
        ]
        return np.column_stack([normal, *columns])


def _with_rules(rules: Mapping[str, Mapping[str, str]]) -> Model:
    """Return the mouse with assignments of its modules replaced."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for path in BIOLOGY.iterdir():
            if path.suffix in {".ant", ".csv"}:
                shutil.copyfile(path, place / path.name)
        for file, lines in rules.items():
            text = (place / file).read_text(encoding="utf-8").splitlines()
            for name, formula in lines.items():
                at = [i for i, line in enumerate(text) if line.strip().startswith(f"{name} :=")]
                if len(at) != 1:
                    raise CalibrationError(f"'{file}' assigns '{name}' {len(at)} times", remedy="name an assignment")
                text[at[0]] = f"  {name} := {formula};"
            (place / file).write_text("\n".join(text) + "\n", encoding="utf-8")
        return load_model(place / "mouse.ant", place / "parameters.csv")


def load_rivals(path: str | Path = SHIPPED_RIVALS) -> tuple[Rival, ...]:
    """Return rival mechanisms from a YAML file; see the shipped one for its form.

    Raises
    ------
    CalibrationError
        An unknown key, parameter or module, or two answers of one name.
    """
    document = read_yaml(Path(path))
    try:
        file = _File.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        raise CalibrationError(
            f"'{'.'.join(str(part) for part in first['loc'])}': {first['msg'].lower()}",
            where=document.where(*first["loc"]), remedy="known: question, model, answers; set, free, times, rules",
        ) from None  # fmt: skip
    found, model = [], load_model("mouse")
    for index, item in enumerate(file.rivals):
        for name, answer in item.answers.items():
            where = document.where("rivals", index, "answers", name)
            for parameter in (*answer.set, *answer.free, *answer.times):
                if parameter not in model.parameters:
                    raise CalibrationError(
                        f"the model has no parameter '{parameter}'", where=where,
                        remedy=suggest(parameter, model.parameters),
                    )  # fmt: skip
            for parameter in answer.free:
                if model.register[parameter].prior == "fixed":
                    raise CalibrationError(f"'{parameter}' has no prior to be drawn from", where=where,
                                           remedy="use 'set'")  # fmt: skip
            for module in answer.rules:
                if not (BIOLOGY / module).is_file():
                    raise CalibrationError(f"no module '{module}'", where=where, remedy="for instance pain.ant")
            found.append(
                Rival(item.question, name, item.model, answer.set, tuple(answer.free), answer.times, answer.rules)
            )
    return tuple(found)
