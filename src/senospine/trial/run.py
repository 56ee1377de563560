"""Many trials of one design: blocks over processes into a folder that can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from senospine.errors import FileError, TrialError
from senospine.runs import OutcomeFolder, check_parts, read_manifest, run_blocks, sha256_of
from senospine.trial.adaptive import two_stage
from senospine.trial.bank import PatientBank, bank_folder, read_bank
from senospine.trial.design import Design
from senospine.trial.looks import sequential
from senospine.trial.simulate import Reason, TrialData, simulate_trial

BLOCK = 50
DEFAULT_SEED = 20240913


@dataclass(frozen=True)
class TrialRun:
    """Simulated trials of one design.

    Attributes
    ----------
    path : Path
    design : Design
    trials : int
    manifest : dict
    """

    path: Path
    design: Design
    trials: int
    manifest: dict[str, Any]

    @cached_property
    def analyses(self) -> pd.DataFrame:
        """One row a trial, hypothesis and method; see :func:`senospine.trial.analyse.analyse`."""
        return self._read("analyses")

    @cached_property
    def conduct(self) -> pd.DataFrame:
        """One row a trial: screened, failures by criterion, arms' sizes, leavers by reason, adverse events."""
        return self._read("conduct").fillna(0)

    def _read(self, kind: str) -> pd.DataFrame:
        names = [_name(kind, start, stop) for start, stop in blocks(self.trials)]
        return pd.concat(
            [pd.read_parquet(self.path / "parts" / f"{name}.parquet") for name in names], ignore_index=True
        )


def run_trials(
    design: Design,
    bank: str | Path,
    out: str | Path,
    *,
    trials: int,
    seed: int = DEFAULT_SEED,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrialRun:
    """Simulate and analyse many trials of a design.

    Parameters
    ----------
    design : Design
    bank : str or Path
        Folder of a :class:`PatientBank`.
    out : str or Path
        Folder of the run.
    trials : int
    seed : int
    workers : int, optional
        Processes; all processors by default. The bytes do not depend on it.
    resume : bool
        Go on from the trials that stand in the folder; a run that was longer or shorter serves as well.
    overwrite : bool
        Replace an older run of this design.
    on_progress : callable, optional
        Called with trials done and trials in all.

    Raises
    ------
    TrialError
        The design asks for what the bank does not hold, or enrols too few.
    FileError
        The bank is damaged, or the folder holds another run, or an earlier one and neither ``resume`` nor
        ``overwrite`` was said; it is left as it is.
    """
    if trials < 1:
        raise TrialError(f"need at least one trial, got {trials}")
    if not isinstance(design, Design):
        raise TrialError(f"a Design is wanted, not {design!r:.60}", remedy="load_design(name or path) makes one")
    patients = bank_in(str(bank_folder(bank)))
    design.check_bank(patients)
    simulate_trial(design, patients, seed, 0)  # criteria that enrol no one are told before anything is written
    out = Path(out)
    refuse_standing(out, resume=resume, overwrite=overwrite)
    inputs = {
        "study": f"trial {design.name}", "design": design.sha256, "bank": patients.sha256, "seed": seed, "block": BLOCK,
    }  # fmt: skip
    with OutcomeFolder(out, inputs, overwrite=overwrite) as folder:
        wanted = [
            (start, stop)
            for start, stop in blocks(trials)
            if not all(folder.has(_name(kind, start, stop)) for kind in ("analyses", "conduct"))
        ]
        done = trials - sum(stop - start for start, stop in wanted)

        def on_result(key: tuple[int, int], result: tuple[Any, Any]) -> None:
            nonlocal done
            for kind, table in zip(("analyses", "conduct"), result, strict=True):
                folder.write_part(_name(kind, *key), table, {"trials": key[1] - key[0]})
            done += key[1] - key[0]
            if on_progress is not None:
                on_progress(done, trials)

        source = (design, str(bank), patients.sha256, seed)
        tasks = ((key, (*source, *key)) for key in wanted)
        run_blocks(simulated_tables, tasks, on_result, workers=workers)
        folder.write_manifest("complete")
    return open_trials(out, design, trials)


def refuse_standing(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds trials, unless it was said what shall become of them.

    Raises
    ------
    FileError
        It holds some and neither ``resume`` nor ``overwrite`` was said.
    """
    if not (resume or overwrite) and (read_manifest(folder) or {}).get("parts"):
        raise FileError(
            "the folder holds trials already",
            where=str(folder),
            remedy="go on from them with --resume, replace them with --overwrite, or choose another folder",
        )


def standing(folder: Path, trials: int) -> int:
    """Return how many of the first so many trials stand in a folder."""
    parts = folder / "parts"
    return sum(
        stop - start
        for start, stop in blocks(trials)
        if all((parts / f"{_name(kind, start, stop)}.parquet").is_file() for kind in ("analyses", "conduct"))
    )


def open_trials(path: str | Path, design: Design, trials: int) -> TrialRun:
    """Return a run that stands in a folder, after checking its parts.

    Raises
    ------
    FileError
        There is none, it is of another design, or a part is damaged.
    """
    path = Path(path)
    manifest = read_manifest(path)
    if manifest is not None and standing(path, trials) < trials:
        raise FileError(
            f"of {trials:,} trials {standing(path, trials):,} stand here",
            where=str(path),
            remedy="run the others first",
        )
    if manifest is None or manifest["inputs"].get("design") != design.sha256:
        raise FileError("here are no trials of this design", where=str(path), remedy="run them first")
    check_parts(path, manifest)
    return TrialRun(path, design, trials, manifest)


def blocks(trials: int) -> Iterator[tuple[int, int]]:
    """Yield the blocks of so many trials, as first and after the last."""
    for start in range(0, trials, BLOCK):
        yield start, min(start + BLOCK, trials)


def _name(kind: str, start: int, stop: int) -> str:
    return f"{kind}-{start:06d}-{stop:06d}"


def bank_in(folder: str) -> PatientBank:
    """Return the bank in a folder; read once in each process, and again when it was written anew."""
    manifest = Path(folder) / "manifest.json"
    return _bank_as_of(folder, sha256_of(manifest) if manifest.is_file() else "")


@lru_cache(maxsize=2)
def _bank_as_of(folder: str, manifest: str) -> PatientBank:
    """Return the bank in a folder whose manifest has this hash."""
    return read_bank(folder)


def simulated_tables(design: Design, bank: str, digest: str, seed: int, start: int, stop: int) -> tuple[Any, Any]:
    """Return tables of analyses and conduct of trials ``start`` to ``stop``; pure, for any process."""
    import pyarrow as pa

    people = bank_in(bank)
    if people.sha256 != digest:
        raise TrialError("the bank changed while trials ran", remedy="run them again")
    analyses, conduct = simulate_block(design, people, seed, range(start, stop))
    return pa.Table.from_pandas(analyses, preserve_index=False), pa.Table.from_pandas(conduct, preserve_index=False)


def simulate_block(
    design: Design, bank: PatientBank, seed: int, numbers: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return analyses and conduct of some trials, simulated here and now."""
    numbers = list(numbers)
    design.check_bank(bank)
    if design.file.population.kind == "two-stage":
        analyses, stages = two_stage(design, bank, numbers, seed)
    else:
        trials = [simulate_trial(design, bank, seed, number) for number in numbers]
        analyses, stages = sequential(design, trials, numbers, seed), [[trial] for trial in trials]
    rows = [conduct_of(design, number, parts) for number, parts in zip(numbers, stages, strict=True)]
    return analyses, pd.DataFrame(rows)


def conduct_of(design: Design, number: int, parts: Sequence[TrialData]) -> dict[str, float]:
    """Return the counts of one trial, over its stages."""
    row: dict[str, float] = {"trial": number, "draw": parts[0].enrolled.draw, "screened": 0}
    for part in parts:
        row["screened"] += part.enrolled.screened
        for name, count in part.enrolled.failures.items():
            row[f"failed/{name}"] = row.get(f"failed/{name}", 0) + count
        visits = part.events.shape[1]
        for index, arm in enumerate(design.arms):
            mine = part.enrolled.arm == index
            counts = {
                "randomised": mine, "left": mine & (part.left < visits), "stopped": mine & (part.stopped < visits),
                "rescued": mine & (part.rescued < visits), "held": mine & part.held.any(axis=1),
                "adverse": mine & part.events.any(axis=1), "missed": mine & part.missed.any(axis=1),
                **{reason.name.lower(): mine & (part.reason == reason) for reason in Reason if reason},
            }  # fmt: skip
            for name, who in counts.items():
                row[f"{name}/{arm}"] = row.get(f"{name}/{arm}", 0) + int(np.count_nonzero(who))
    return row
