"""Run a study: every arm is the same animals, treated differently; the outcome is a folder of tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.assays import TRAITS, Readout
from senospine.assays.readout import value_of
from senospine.engine import Decision, Kernel, Schedule, compile_model
from senospine.errors import FileError, StudyError, suggest
from senospine.model import Model, ParameterDraws
from senospine.model.draws import take
from senospine.runs import NOTICE, OutcomeFolder, check_parts, read_manifest, run_blocks
from senospine.study.file import Arm, Study
from senospine.subjects import draw_parameters, draw_people, draw_traits, own_traits
from senospine.therapy import COMPOSED, Drug, as_measured, compose_model

Array = NDArray[np.float64]

DEFAULT_SEED = 20240913
DEFAULT_ANIMALS = 1000
BLOCK = 125


@dataclass(frozen=True)
class Outcome:
    """What came out of a study: an open folder, read as pandas.

    Attributes
    ----------
    path : Path
    study : Study
    manifest : dict
        Inputs with their hashes, parts with their counts, versions.
    """

    path: Path
    study: Study
    manifest: Mapping[str, Any]

    @property
    def animals(self) -> int:
        """Number of animals per arm."""
        return int(self.manifest["inputs"]["animals"])

    @property
    def worlds(self) -> int:
        """Number of draws of the parameters that the animals carry, animal ``i`` draw ``i`` modulo it; 1 without draws."""
        return int(self.manifest["inputs"].get("draws", {}).get("worlds", 1))

    @property
    def seed(self) -> int:
        """Seed of all draws."""
        return int(self.manifest["inputs"]["seed"])

    @property
    def model(self) -> Model:
        """The model of the study's species, with the drugs it gives."""
        return compose_model(self.study.species, self.study.drugs)

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """Animals that could not be solved: arm, animal, status, time, state, advice."""
        return [failure for part in self.manifest["parts"].values() for failure in part["failures"]]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All arms: columns ``arm``, ``animal``, ``time`` [day of life], then every model output in its unit."""
        names = sorted(self.manifest["parts"])
        frame = pd.concat(
            [pd.read_parquet(self.path / "parts" / f"{name}.parquet") for name in names], ignore_index=True
        )
        return frame.sort_values(["arm", "animal", "time"], kind="stable", ignore_index=True)

    @cached_property
    def traits(self) -> dict[str, Array]:
        """Lasting traits of each animal, each of shape (animals,)."""
        return draw_traits(TRAITS, self.animals, self.seed)

    def at_measurement(self, arm: Arm, moment: str = "") -> dict[str, Array]:
        """Return each animal's outputs at a moment of measurement, the last by default, each of shape (animals,)."""
        rows = self._of_arm[arm.name]
        rows = rows[rows["time"] == arm.day_of(moment)]
        return {name: rows[name].to_numpy() for name in rows.columns if name not in {"arm", "animal", "time"}}

    @cached_property
    def _of_arm(self) -> dict[str, pd.DataFrame]:
        return {str(name): rows for name, rows in self.frame.groupby("arm", observed=True)}

    def over_course(self, arm: Arm, moment: str = "") -> dict[str, Array]:
        """Return outputs from just before the first dose to a moment, each of shape (animals, times).

        Arms without doses are read from the first dose of any arm. ``time``, (times,), is days since the first dose.
        """
        rows = self._of_arm[arm.name]
        first = min((each.doses[0] for each in ([arm] if arm.doses else self.study.arms) if each.doses), default=0.0)
        rows = rows[(rows["time"] > first - 1e-5) & (rows["time"] <= arm.day_of(moment))]
        course = {
            name: rows[name].to_numpy().reshape(self.animals, -1)
            for name in rows.columns
            if name not in {"arm", "animal"}
        }
        return {**course, "time": course["time"][0] - first}

    def expected(self, readout: Readout, arm: Arm, moment: str = "") -> Array:
        """Return each animal's true read-out, shape (animals,), in the read-out's unit; a failed animal is NaN."""
        if not readout.course:
            return readout.expected(self.at_measurement(arm, moment), self.traits)
        course = self.over_course(arm, moment)
        failed = np.any([np.isnan(course[name]).any(axis=1) for name in readout.needs if name in course], axis=0)
        return np.where(failed, np.nan, readout.expected(course, self.traits))

    def to_xarray(self) -> Any:
        """Return the outputs as an xarray Dataset over arm, animal and time; NaN where an arm has no such day."""
        dataset = self.frame.astype({"arm": str}).set_index(["arm", "animal", "time"]).to_xarray()
        return dataset.assign_attrs(notice=NOTICE, study=self.study.name)


def output_times(study: Study, arm: Arm) -> Array:
    """Return the days on which an arm is recorded: a coarse grid over its life, daily around treatment.

    Arms that are measured on the same day share their days, so that they can be drawn over each other.
    """
    dosed = [other.doses for other in study.arms if other.doses and other.measure_day == arm.measure_day]
    begun = arm.surgery_day if arm.surgery_day is not None else arm.enrolment_day
    start = max(begun - 7, 0.0) if begun is not None else 0.0
    grid = [np.linspace(start, arm.measure_day, 40)]
    for doses in dosed:
        grid.append(np.arange(doses[0], arm.measure_day, 1.0))
        grid.append(np.array([doses[0] - 1e-6, doses[0] + 2 / 24, doses[0] + 6 / 24]))
    measured = np.array([day for _, day in arm.moments] or [arm.measure_day])
    times = np.unique(np.concatenate(grid))
    times = times[(times >= 0) & (times <= arm.measure_day)]
    times = times[np.concatenate((np.diff(times) > 1e-7, [True]))]  # of times a rounding apart one
    near = np.abs(times[:, None] - measured).min(axis=1) <= 1e-7  # a rounding from a day of measurement: that day
    return np.asarray(np.union1d(times[~near], measured))


@dataclass(frozen=True)
class Described:
    """What a worker composes the model of, and the hash that says whether it is the one that was meant."""

    species: str
    sex: str
    drugs: tuple[Drug, ...]
    model_hash: str


@lru_cache(maxsize=8)
def _kernel(described: Described) -> Kernel:
    model = compose_model(described.species, described.drugs)
    if model.sha256 != described.model_hash:
        raise StudyError("the model changed while the study ran", remedy="run it again")
    return compile_model(model, outputs=[name for name in model.outputs if name in model.variables])


def solve_block(
    described: Described,
    arm: Arm,
    times: Array,
    first: int,
    count: int,
    seed: int,
    rtol: float,
    parameters: Mapping[str, ArrayLike],
) -> tuple[Any, list[dict[str, Any]]]:
    """Return one block of one arm as a table, and its failures. Pure: the same arguments give the same bytes."""
    import pyarrow as pa

    kernel = _kernel(described)
    centres = take(parameters, first, count)
    drawn = drawn_subjects(kernel.model, described.species, described.sex, count, seed, first, centres)
    solution = kernel.solve(
        drawn | own_traits(kernel.model, arm.animal_model, drawn, centres),
        Schedule.shared(arm.entries, arm_decisions(arm, kernel.model, count, seed, first)),
        times,
        n_subjects=count,
        rtol=rtol,
        threads=1,  # blocks run side by side
    )
    columns: dict[str, Any] = {
        "arm": pa.array([arm.name] * (count * len(times))).dictionary_encode(),
        "animal": pa.array(np.repeat(np.arange(first, first + count), len(times))),
        "time": pa.array(np.tile(times, count)),
    }
    columns |= {name: pa.array(solution[name].reshape(-1)) for name in kernel.outputs}
    failures = [
        {
            "arm": arm.name,
            "animal": first + item.subject,
            "status": item.status.name,
            "sentence": str(item.status),
            "time": item.time,
            "state": item.state,
            "advice": item.status.advice,
        }
        for item in solution.failures
    ]
    return pa.table(columns), failures


def arm_decisions(arm: Arm, model: Model, count: int, seed: int, first: int) -> tuple[Decision, ...]:
    """Return the arm's dosing rule for a block of its subjects: a count that is read once is a measured one."""
    if arm.dosing_rule is None:
        return ()
    units = {name: row.unit for name, row in model.variables.items() if name in model.outputs}
    exact = arm.dosing_rule.decisions(arm.prescribed, units)
    return as_measured(exact, value_of("count_noise_cv"), count, seed, first)


def drawn_subjects(
    model: Model, species: str, sex: str, count: int, seed: int, first: int, centres: Mapping[str, ArrayLike]
) -> dict[str, Array]:
    """Return the parameters in which subjects differ; people differ by sex too, and live from birth here."""
    if species != "human":
        return draw_parameters(model, count, seed, first, centres)
    women = {"female": 1.0, "male": 0.0}.get(sex, 0.5)
    people = draw_people(model, count, seed, women=women, first=first, centres=centres).parameters
    return {name: values for name, values in people.items() if name != "age_at_start"}


def run_study(
    study: Study,
    folder: str | Path,
    *,
    animals: int = DEFAULT_ANIMALS,
    seed: int = DEFAULT_SEED,
    rtol: float = 1e-6,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    parameters: Mapping[str, float] | ParameterDraws | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run a study and return its outcome; a run that was stopped goes on where it was.

    Parameters
    ----------
    study : Study
    folder : path
        Where the parts and the manifest go.
    animals : int
        Virtual animals per arm; animal ``i`` is the same animal in every arm.
    seed : int
    rtol : float
        Relative tolerance of the solver.
    workers : int, optional
        Processes; they change nothing but the time.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead; they change nothing but the time either.
    overwrite : bool
        Replace an older run of this study in the folder.
    parameters : mapping of str to float, or ParameterDraws, optional
        Values in place of the register's, around which animals differ: a fit, or a question of one's own. Of draws
        animal ``i`` carries set ``i`` modulo their number, in every arm: as many worlds, each with its share of animals.
    on_progress : callable, optional
        Called with (animals solved, animals in all).

    Raises
    ------
    StudyError
        Fewer animals than the largest group of the study, or than worlds.
    FileError
        The folder is not ours to write, or cannot be written.
    RunError, ClusterError
        See :func:`senospine.runs.run_blocks`; what is finished stays.
    """
    largest = max(arm.n for arm in study.arms)
    if animals < largest:
        raise StudyError(
            f"{animals} animals per arm, but the study has groups of {largest}", remedy="simulate more animals"
        )
    model: Model = compose_model(study.species, study.drugs)
    drugs = study.drugs if study.species in COMPOSED else ()  # the mouse's model holds its drugs already
    described = Described(study.species, study.sex, drugs, model.sha256)
    _refuse_unread(study, model)
    worlds = parameters.worlds if isinstance(parameters, ParameterDraws) else 1
    if animals < worlds:
        raise StudyError(
            f"{animals} animals cannot carry {worlds} draws of the parameters",
            remedy="simulate more animals, or take fewer draws",
        )
    if isinstance(parameters, ParameterDraws):
        carried: Mapping[str, ArrayLike] = parameters.columns
        centres = parameters.centres
        drawn = {"draws": {"worlds": worlds, "sha256": parameters.sha256, "source": parameters.source}}
    else:
        carried = centres = {name: float(value) for name, value in sorted((parameters or {}).items())}
        drawn = {}
    for name in centres:
        if name not in model.parameters:
            raise StudyError(f"the model has no parameter '{name}'", remedy=suggest(name, model.parameters))
    inputs = {
        "study": study.name, "study_sha256": study.sha256,
        "arms_sha256": hashlib.sha256(repr(study.arms).encode()).hexdigest(),  # drugs and animal models included
        "model": model.name, "model_sha256": model.sha256, "animals": animals, "seed": seed, "rtol": rtol,
        "block": BLOCK, "code_path": _kernel(described).code_path,
        "parameters": centres, **drawn,
        "between_animal_cv": {name: row.between_animal_cv for name, row in sorted(model.register.items())},
        **({"drugs": {drug.name: drug.sha256 for drug in drugs}} if drugs else {}),
    }  # fmt: skip
    done, total = 0, animals * len(study.arms)
    with OutcomeFolder(Path(folder), inputs, overwrite=overwrite) as out:
        done = sum(count for name, _, _, count in _blocks(study, animals) if out.has(name))
        if on_progress:
            on_progress(done, total)

        def todo() -> Iterator[tuple[tuple[str, int], tuple[Any, ...]]]:
            times = {arm.name: output_times(study, arm) for arm in study.arms}
            for name, arm, first, count in _blocks(study, animals):
                if not out.has(name):
                    call = (described, arm, times[arm.name], first, count, seed, rtol, carried)
                    yield (name, count), call

        def keep(key: tuple[str, int], result: tuple[Any, list[dict[str, Any]]]) -> None:
            nonlocal done
            name, count = key
            out.write_part(name, result[0], {"animals": count, "failures": result[1]})
            done += count
            if on_progress:
                on_progress(done, total)

        run_blocks(solve_block, todo(), keep, workers=workers, scheduler=scheduler)
        out.write_manifest("complete")
    return _outcome(Path(folder), study)


def _refuse_unread(study: Study, model: Model) -> None:
    for readout in study.readouts:
        missing = sorted(set(readout.needs) - {*model.outputs})
        if missing:
            raise StudyError(
                f"read-out '{readout.name}' reads '{missing[0]}', which the {study.species} model does not have",
                where=str(study.path), remedy="leave it out, or ask for it in a species that has it",
            )  # fmt: skip


def _blocks(study: Study, animals: int) -> Iterator[tuple[str, Arm, int, int]]:
    """Yield every block: its name, its arm, its first animal and how many."""
    for arm in study.arms:
        for first in range(0, animals, BLOCK):
            yield f"{arm.name}-{first:06d}", arm, first, min(BLOCK, animals - first)


def open_outcome(folder: str | Path, study: Study) -> Outcome:
    """Return the outcome in a folder.

    Raises
    ------
    FileError
        No outcome of this study stands there, its run was not finished, or a part of it is gone or damaged.

    Notes
    -----
    Reads every part once to check it against its checksum (about 1 GB a second).
    """
    outcome = _outcome(Path(folder), study)
    check_parts(outcome.path, outcome.manifest)
    return outcome


def _outcome(path: Path, study: Study) -> Outcome:
    manifest = read_manifest(path)
    if manifest is None or manifest["inputs"].get("study") != study.name:
        raise FileError(f"no outcome of study '{study.name}'", where=str(path), remedy="run the study first")
    if manifest["inputs"].get("study_sha256") != study.sha256:
        raise FileError(
            f"the outcome belongs to another text of study '{study.name}'",
            where=str(path),
            why="its arms, times or read-outs may differ",
            remedy="open it with the study it was run with, or run the study again",
        )
    if manifest.get("state") != "complete":
        raise FileError("the run was not finished", where=str(path), remedy="run the study again: it goes on from here")
    return Outcome(path, study, manifest)
