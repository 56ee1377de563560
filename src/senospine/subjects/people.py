"""People: women and men of any age, what was carried over from the mouse, and the untreated life before a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from senospine.engine import compile_model
from senospine.errors import ModelError, StudyError, suggest
from senospine.model import Model, Parameter
from senospine.model.links import CARRIED, TRANSLATION
from senospine.quantities import DAYS_PER_MONTH
from senospine.randomness import standard_normals, stream
from senospine.subjects.animals import animal_model, draw_parameters, own_traits
from senospine.yaml_files import read_yaml

Array = NDArray[np.float64]

DAYS_PER_YEAR = 12 * DAYS_PER_MONTH
#: the register's ``low`` and ``high`` hold the central 90 %
_EDGE = float(ndtri(0.95))
#: beginnings of names of parameters in which patients differ from one another, and of switches of a question
TRAITS_OF_PEOPLE = (
    "age_at_start", "body_weight", "degeneration_", "loading", "disc_geometry_", "platelets_baseline",
    "neutrophils_baseline", "lymphocytes_baseline", "senescence_critical_age", "drug_interaction",
)  # fmt: skip


@dataclass(frozen=True)
class People:
    """Drawn patients.

    Attributes
    ----------
    kind : str
        Their name among the models of species human.
    female : array of bool, shape (n_subjects,)
    parameters : mapping of str to array (n_subjects,)
        What differs between them, ``age_at_start`` [day] among it.
    """

    kind: str
    female: NDArray[np.bool_]
    parameters: Mapping[str, Array]

    @property
    def ages(self) -> Array:
        """Their ages at the start [day], shape (n_subjects,)."""
        return self.parameters["age_at_start"]


def sex_parameters(sex: str) -> Mapping[str, float]:
    """Return what the human model has for one sex in place of the register's values.

    Raises
    ------
    StudyError
        A sex of which nothing is known.

    Examples
    --------
    >>> sex_parameters("female")["senescence_critical_age"]
    40773.0
    """
    sexes = _data()["sexes"]
    if sex not in sexes:
        raise StudyError(f"unknown sex '{sex}'", remedy=suggest(sex, sexes))
    return MappingProxyType({name: float(value) for name, value in sexes[sex].items()})


def draw_people(
    model: Model, subjects: int, seed: int, kind: str = "healthy", *, ages: tuple[float, float] | None = None,
    women: float = 0.5, first: int = 0, centres: Mapping[str, ArrayLike] | None = None,
) -> People:  # fmt: skip
    """Return patients who differ as the register says, with sex and age.

    Patient ``i`` is the same person whatever the kind, so kinds are counterfactuals of one another.

    Parameters
    ----------
    model : Model
        The human model, or one composed from it.
    subjects, seed, first : int
        How many, the seed, and the number of the first.
    kind : str
        Among the models of species human: ``healthy``, ``degenerated``, ...
    ages : (float, float), optional
        Youngest and oldest [year], all ages between equally likely; 20 to 90 by default.
    women : float
        Share of women, 0 to 1.
    centres : mapping of str to float or array (subjects,), optional
        Medians in place of the register's values. What women and men differ in keeps their ratio to the register.

    Raises
    ------
    StudyError
        An unknown kind, ages that are no range, or a share outside 0 to 1.
    """
    youngest, oldest = ages or _data()["ages"]
    if not 0 <= youngest <= oldest <= 120:
        raise StudyError(f"ages {youngest:g} to {oldest:g} years", remedy="give two ages between 0 and 120, rising")
    if not 0 <= women <= 1:
        raise StudyError(f"a share of women of {women:g}", remedy="give a share from 0 to 1")
    uniform = np.array([stream(seed, "people", first + index).random(2) for index in range(subjects)]).reshape(-1, 2)
    female = uniform[:, 0] < women
    parameters = draw_parameters(model, subjects, seed, first, centres)
    for name in sex_parameters("female"):
        by_sex = np.where(female, sex_parameters("female")[name], sex_parameters("male")[name])
        parameters[name] = parameters.get(name, model.parameters[name]) / model.parameters[name] * by_sex
    parameters |= own_traits(model, animal_model(kind, "human"), parameters, centres)
    for switch in animal_model(kind, "human").switches:
        parameters[switch.parameter] = np.full(subjects, switch.to)
    parameters["age_at_start"] = DAYS_PER_YEAR * (youngest + (oldest - youngest) * uniform[:, 1])
    return People(kind, female, MappingProxyType(parameters))


def draw_translation(
    model: Model, draws: int, seed: int, *, translation: bool = True, first: int = 0
) -> dict[str, Array]:
    """Return the multipliers that carry gains over from the mouse, each of shape (draws,).

    Drawn from the register's log-normal priors, one draw for a whole population: they are doubt about people, not
    differences between them. With ``translation=False`` all are 1: the mouse's gains as they are.
    """
    names = sorted(name for name in model.parameters if name.startswith(TRANSLATION))
    if not translation:
        return {name: np.ones(draws) for name in names}
    normal = standard_normals(seed, "translation", draws, len(names), first)
    return {name: _from_prior(model.register[name], normal[:, index]) for index, name in enumerate(names)}


def draw_doubt(model: Model, draws: int, seed: int, *, first: int = 0) -> dict[str, Array]:
    """Return what else is doubted about people and their drugs, each of shape (draws,): one draw for a population.

    Every parameter with a prior, of the spine and of the drugs a model is composed with, but for what patients bring
    along (``TRAITS_OF_PEOPLE``), what was carried over from the mouse, and the multipliers that
    :func:`draw_translation` draws. A parameter's draw depends on its name only, whatever it is composed with.
    """
    found = {}
    for name in sorted(model.parameters):
        row = model.register.get(name)
        if row is None or name.startswith((TRANSLATION, CARRIED, *TRAITS_OF_PEOPLE)):
            continue
        if row.low is not None and row.high is not None and row.prior != "fixed":
            found[name] = _from_prior(row, standard_normals(seed, f"doubt/{name}", draws, 1, first)[:, 0])
    return found


def _from_prior(row: Parameter, normal: Array) -> Array:
    """Return draws from a register's prior: what a standard normal's places in the central 90 % say."""
    if row.low is None or row.high is None:  # fixed
        return np.full(len(normal), row.value)
    if row.prior == "uniform":
        return np.asarray(row.low + (row.high - row.low) * ndtr(normal))
    low, high = (np.log(row.low), np.log(row.high)) if row.prior == "lognormal" else (row.low, row.high)
    drawn = (low + high) / 2 + (high - low) / (2 * _EDGE) * normal
    return np.asarray(np.exp(drawn) if row.prior == "lognormal" else drawn)


def untreated_life(
    model: Model, parameters: Mapping[str, ArrayLike], ages: ArrayLike, *, rtol: float | None = None,
    threads: int | None = None,
) -> dict[str, Array]:  # fmt: skip
    """Return the state of people at their ages, from one solution of their untreated lives.

    Start a trial with them: ``kernel.solve({**parameters, "age_at_start": ages}, ..., initial=untreated_life(...))``.

    Parameters
    ----------
    model : Model
        The human model, or one composed from it: drugs are absent before a trial.
    parameters : mapping of str to scalar or array (n_subjects,)
        ``age_at_start`` among them is not read: lives start at birth.
    ages : float or array (n_subjects,)
        Age at which each life is read [day].
    rtol, threads
        As for :meth:`~senospine.engine.Kernel.solve`.

    Returns
    -------
    dict of str to array (n_subjects,)
        One for each state.

    Raises
    ------
    ModelError
        An age that is not positive, or a life that could not be solved.

    Examples
    --------
    >>> from senospine.model import load_model
    >>> model = load_model("human")
    >>> young, old = untreated_life(model, {"degeneration_load": 1.0}, [20 * 365.25, 80 * 365.25])["endplate_porosity"]
    >>> bool(young < old)
    True
    """
    ages = np.atleast_1d(np.asarray(ages, dtype=float))
    if ages.ndim != 1 or not (np.isfinite(ages) & (ages > 0)).all():
        raise ModelError("an age is not a positive number of days", remedy="give one age for each person, in days")
    subjects = max([len(ages), *(np.size(value) for value in parameters.values())])
    kernel = compile_model(model, outputs=list(model.states))
    solution = kernel.solve(
        {**parameters, "age_at_start": 0.0}, times=np.broadcast_to(ages, (subjects,))[:, None], rtol=rtol,
        threads=threads,
    )  # fmt: skip
    if solution.failures:
        raise ModelError(
            f"the untreated lives of {len(solution.failures)} of {subjects} people could not be solved",
            why=str(solution.failures[0]),
            remedy="look at the parameters of those people",
        )
    return {name: np.ascontiguousarray(solution[name][:, 0]) for name in model.states}


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(Path(__file__).parent / "people.yaml").data
    return data
