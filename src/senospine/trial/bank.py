"""A bank of virtual patients: who they are, and how each would fare untreated and under every therapy.

A bank is simulated once; trials draw patients from it and add fresh noise. The mechanism's truth is in here and nowhere
else: what a trial records of it is the assays' business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.errors import FileError, TrialError, suggest
from senospine.randomness import stream
from senospine.runs import NOTICE, sha256_of, write_then_rename
from senospine.trial.measures import FINDINGS, FOLLOWED_STATES
from senospine.trial.stopping import Stops, outputs_in, table_of

Array = NDArray[np.float64]
Single = NDArray[np.float32]

UNTREATED = "untreated"
#: columns of ``baseline``; a further one, ``draw``, numbers the draw of the parameters a patient was made with
BASELINE = (
    "patient", "weight", "age", "sex", "body_weight", "endplate_senescence", "disc_senescence", "degeneration",
    "endplate_defect", "modic", "other_pain", "sensitisation", "platelets", "neutrophils",
)  # fmt: skip
COURSES = ("pain", "platelets", "neutrophils", "gut_exposure")


@dataclass(frozen=True)
class PatientBank:
    """Virtual patients and their courses.

    Attributes
    ----------
    baseline : pandas.DataFrame
        One row a patient, with the columns of ``BASELINE``: ``weight`` is how often such a patient occurs; age [year],
        sex (female, male), body_weight [kg], senescent cells and sensitisation [fold of a healthy young adult],
        degeneration [0-1], endplate_defect [0 or 1], modic [type 0-3], other_pain [points], blood counts [1e9/L].
    days : ndarray, shape (n_days,)
        Rising from 0, the day of the first treatment.
    courses : mapping of therapy to mapping of output to ndarray, shape (n_patients, n_days)
        ``untreated`` and every therapy; outputs are those of ``COURSES``: pain [points of 0-10], platelets and
        neutrophils [1e9/L], gut_exposure [fold]. Any of ``FOLLOWED_STATES`` may follow, alike under all: what markers
        come from when they are measured at visits, in the units of ``baseline``.
    made_by : mapping
        What it was made with: hashes, seed, command.
    stops : mapping of therapy to Stops
        Courses of those who stop it for good; without, a trial lets the effect fade by the design's ``offset_days``.
    """

    baseline: pd.DataFrame
    days: Array
    courses: Mapping[str, Mapping[str, Single]]
    made_by: Mapping[str, Any]
    stops: Mapping[str, Stops] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [name for name in BASELINE if name not in self.baseline.columns]
        if missing:
            raise TrialError(f"the bank has no column '{missing[0]}'", remedy=f"it needs {', '.join(BASELINE)}")
        if UNTREATED not in self.courses:
            raise TrialError(f"the bank has no course '{UNTREATED}'", remedy="no trial can be run without a control")
        if self.days[0] != 0 or (np.diff(self.days) <= 0).any():
            raise TrialError("the bank's days must rise from 0")
        weight = self.baseline["weight"].to_numpy(float)
        if not (np.isfinite(weight) & (weight >= 0)).all() or weight.sum() <= 0:
            raise TrialError("the bank's weights must not be negative, and some must be above zero")
        shape = (len(self.baseline), len(self.days))
        for therapy, outputs in self.courses.items():
            for name in (*COURSES, *self.followed):
                if name not in outputs or outputs[name].shape != shape or not np.isfinite(outputs[name]).all():
                    raise TrialError(
                        f"the bank's course '{name}' under '{therapy}' is not {shape[0]} patients by {shape[1]} days",
                        why="each patient needs a finite value on every day",
                    )
        for therapy, stops in self.stops.items():
            if therapy not in self.courses:
                raise TrialError(f"the bank has those who stop '{therapy}', and not those who go on")
            stops.check(therapy, (*COURSES, *self.followed), len(self.baseline), self.days)

    @property
    def followed(self) -> tuple[str, ...]:
        """States followed over time, for markers at visits."""
        return tuple(name for name in FOLLOWED_STATES if any(name in outputs for outputs in self.courses.values()))

    def course(
        self, therapy: str, where: str | None = None, *, stopped: float | None = None
    ) -> Mapping[str, NDArray[Any]]:
        """Return the courses under a therapy.

        Parameters
        ----------
        therapy : str
        where : str, optional
            What a message points at.
        stopped : float, optional
            Day from which on no dose is given: until then the course is that of the treated, then it lies between
            those of the two stop days around it.

        Raises
        ------
        TrialError
            The bank was not made with it, or with nobody who stops it.
        """
        if therapy not in self.courses:
            raise TrialError(
                f"the bank holds no patients under '{therapy}'", where=where, remedy=suggest(therapy, self.courses)
            )
        if stopped is None or therapy == UNTREATED:
            return self.courses[therapy]
        if therapy not in self.stops:
            raise TrialError(
                f"the bank holds nobody who stops '{therapy}'", where=where, remedy="make a bank with stop days"
            )
        return self.stops[therapy].course(stopped, self.days, self.courses[UNTREATED], self.courses[therapy])

    @cached_property
    def numbers(self) -> Mapping[str, Array]:
        """Baseline columns as numbers, each of shape (n_patients,); sex is 1 for female."""
        plain = self.baseline.assign(sex=(self.baseline["sex"] == "female").astype(float))
        return {name: plain[name].to_numpy(float) for name in BASELINE}

    @cached_property
    def sha256(self) -> str:
        """Hash of all that is in the bank."""
        digest = hashlib.sha256(self.baseline.to_csv(index=False).encode())
        digest.update(self.days.tobytes())
        for therapy in sorted(self.courses):
            for name in (*COURSES, *self.followed):
                values = np.ascontiguousarray(self.courses[therapy][name], np.float32)
                digest.update(f"{therapy}/{name}".encode() + values.tobytes())
        for therapy in sorted(self.stops):
            self.stops[therapy].update(digest, therapy)
        return digest.hexdigest()

    @cached_property
    def draws(self) -> NDArray[np.int64]:
        """The draws of the parameters the patients were made with, each once; one where the bank knows of none."""
        return np.unique(self.draw_of)

    @cached_property
    def draw_of(self) -> NDArray[np.int64]:
        """The draw each patient was made with, shape (n_patients,); 0 where the bank knows of none."""
        if "draw" not in self.baseline:
            return np.zeros(len(self.baseline), np.int64)
        return self.baseline["draw"].to_numpy(np.int64)

    @cached_property
    def chances(self) -> Mapping[int, Array]:
        """For each draw, cumulated weights of the patients, shape (n_patients,)."""
        weight = self.baseline["weight"].to_numpy(float)
        found = {}
        for draw in self.draws:
            mine = weight * (self.draw_of == draw)
            if mine.sum() <= 0:
                raise TrialError(f"no patient of draw {draw} has a weight above zero")
            found[int(draw)] = np.cumsum(mine) / mine.sum()
        return found

    def sample(self, count: int, draw: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return patients by weight, with replacement, as rows of ``baseline``."""
        chance = self.chances[draw]
        found = np.searchsorted(chance, generator.random(count), side="right")
        return np.minimum(found, len(chance) - 1).astype(np.int64)

    def write(self, folder: str | Path) -> Path:
        """Write the bank: a Parquet table of patients, one of each therapy, and a manifest with hashes.

        Raises
        ------
        FileError
            The folder cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as parquet

        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make the folder: {error.strerror}", where=str(folder)) from None
        tables = {"patients.parquet": pa.Table.from_pandas(self.baseline, preserve_index=False)}
        files, stops = {}, {}
        for index, therapy in enumerate(sorted(self.courses)):
            files[therapy] = f"course-{index:03d}.parquet"
            outputs = (*COURSES, *self.followed)
            tables[files[therapy]] = table_of({name: self.courses[therapy][name] for name in outputs})
            if therapy in self.stops:
                stops[therapy], more = self.stops[therapy].tables(f"course-{index:03d}")
                tables |= more
        hashes = {}
        for name, table in tables.items():
            marked = table.replace_schema_metadata({**(table.schema.metadata or {}), b"notice": NOTICE.encode()})
            write_then_rename(folder / name, partial(parquet.write_table, marked))
            hashes[name] = sha256_of(folder / name)
        content = {
            "notice": NOTICE, "bank": self.sha256, "days": self.days.tolist(), "therapies": files, "files": hashes,
            "made_by": dict(self.made_by), **({"stops": stops} if stops else {}),
        }  # fmt: skip
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        write_then_rename(folder / "manifest.json", text)
        return folder


def bank_folder(bank: object) -> Path:
    """Return the folder of a bank, which processes read it from.

    Raises
    ------
    TrialError
        A bank itself was given, or something else that is no folder's name.
    """
    if not isinstance(bank, str | Path):
        what = "the bank itself" if isinstance(bank, PatientBank) else f"{bank!r:.60}"
        raise TrialError(
            f"the folder of a bank is wanted, not {what}", why="several processes read it from there",
            remedy="folder = bank.write('my-bank'), and give that folder",
        )  # fmt: skip
    return Path(bank)


def read_bank(folder: str | Path) -> PatientBank:
    """Return a bank that was written; every file is checked against its hash.

    Raises
    ------
    FileError
        There is no bank, or a file of it is not what was written.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files, days = dict(manifest["files"]), np.asarray(manifest["days"], float)
        therapies, made_by = dict(manifest["therapies"]), dict(manifest["made_by"])
        stops = dict(manifest.get("stops", {}))  # banks made before had none
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            "here is no bank of patients", where=str(folder), why=f"its manifest cannot be read: {error}",
            remedy="give the folder that PatientBank.write made",
        ) from None  # fmt: skip
    for name, digest in files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise FileError(
                f"'{name}' of the bank is missing or not what was written", where=str(folder), remedy="make it anew"
            )
    courses = {therapy: outputs_in(folder / name) for therapy, name in therapies.items()}
    stopped = {therapy: Stops.read(folder, record) for therapy, record in stops.items()}
    return PatientBank(pd.read_parquet(folder / "patients.parquet"), days, courses, made_by, stopped)


def synthetic_bank(
    effects: Mapping[str, float],
    *,
    patients: int = 2000,
    days: ArrayLike = tuple(range(0, 85, 7)),
    onset_days: float = 28.0,
    platelet_fall: Mapping[str, float] | None = None,
    only_with_defect: bool = False,
    cleared: Mapping[str, float] | None = None,
    seed: int = 1,
) -> PatientBank:
    """Return a made-up bank with chosen effects: no mechanism, only closed forms, to try designs and to test.

    Parameters
    ----------
    effects : mapping of therapy to points
        How much it lowers pain in the end, in points of 0-10; 0 is a placebo by another name.
    patients : int
    days : array_like
    onset_days : float
        Time constant of the effect.
    platelet_fall : mapping of therapy to share, optional
        How far platelets fall on treatment.
    only_with_defect : bool
        Whether only patients with an endplate defect respond (twice as much, so that half of them keep the mean).
    cleared : mapping of therapy to share, optional
        How much of the senescent cells of endplate and disc it clears in the end, and how many findings of MRI go with
        them; given, however empty, the bank follows what markers at visits come from.
    seed : int

    Examples
    --------
    >>> sorted(synthetic_bank({"drug": 1.0}, patients=50).courses)
    ['drug', 'untreated']
    """
    generator = stream(seed, "trial/synthetic-bank")
    grid = np.asarray(days, float)
    age = generator.uniform(20, 90, patients)
    log_cells = 1 + 0.02 * (age - 55) + 0.5 * generator.standard_normal(patients)
    degeneration = np.clip(0.2 + 0.006 * (age - 20) + 0.15 * generator.standard_normal(patients), 0, 1)
    defect = (generator.random(patients) < 0.5).astype(float)
    modic = np.where(generator.random(patients) < 0.43, np.where(generator.random(patients) < 0.9, 2.0, 1.0), 0.0)
    level = np.clip(5 + 1.2 * generator.standard_normal(patients), 0.5, 9.5)
    platelets = 250 * np.exp(0.22 * generator.standard_normal(patients))
    neutrophils = 4 * np.exp(0.3 * generator.standard_normal(patients))
    baseline = pd.DataFrame(
        {
            "patient": np.arange(patients), "weight": 1.0, "age": age,
            "sex": np.where(generator.random(patients) < 0.55, "female", "male"),
            "body_weight": 78 + 14 * generator.standard_normal(patients),
            "endplate_senescence": np.exp(log_cells), "disc_senescence": np.exp(log_cells - 0.2),
            "degeneration": degeneration, "endplate_defect": defect, "modic": modic,
            "other_pain": 0.4 * level, "sensitisation": 1 + 0.1 * level, "platelets": platelets,
            "neutrophils": neutrophils,
        }
    )  # fmt: skip
    rise = -np.expm1(-grid / onset_days)
    flat = np.ones_like(grid)
    falls = platelet_fall or {}
    courses = {}
    for therapy, effect in {UNTREATED: 0.0, **effects}.items():
        own = effect * (2 * defect if only_with_defect else np.ones(patients))
        left = 1 - falls.get(therapy, 0.0) * -np.expm1(-grid / 4.0)
        courses[therapy] = {
            "pain": np.maximum(level[:, None] - own[:, None] * rise, 0).astype(np.float32),
            "platelets": (platelets[:, None] * left).astype(np.float32),
            "neutrophils": (neutrophils[:, None] * flat).astype(np.float32),
            "gut_exposure": np.full((patients, len(grid)), 0.0 if therapy == UNTREATED else 1.0, np.float32),
        }
        if cleared is not None:
            gone = cleared.get(therapy, 0.0) * rise
            own_threshold = stream(seed, "trial/synthetic-findings").random((patients, 1))
            stays = {name: own_threshold >= gone if name in FINDINGS else 1 - gone for name in FOLLOWED_STATES}
            stays["degeneration"] = flat
            courses[therapy] |= {
                name: (baseline[name].to_numpy()[:, None] * stays[name]).astype(np.float32) for name in FOLLOWED_STATES
            }
    return PatientBank(
        baseline, grid, courses, {"how": "synthetic_bank: closed forms, no mechanism", "seed": seed, **dict(effects)}
    )
