"""Run every published study and score it: the whole road from mechanism to scoreboard."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senospine.errors import EvidenceError, FileError
from senospine.evidence.facts import Fact
from senospine.evidence.laboratory import Laboratory, group_size, run_laboratory
from senospine.evidence.rows import load_evidence
from senospine.evidence.scoreboard import Score, Total, scoreboard, totals, totals_by_species
from senospine.model import ParameterDraws
from senospine.model.links import CARRIED
from senospine.runs import NOTICE, is_temporary_of, sweep_temporaries, write_then_rename
from senospine.study import DEFAULT_ANIMALS, DEFAULT_SEED, Outcome, Study, load_study, published_studies, run_studies
from senospine.therapy import compose_model

DEFAULT_REPEATS = 1000
_FILES = ("scoreboard.json", "scoreboard.csv", "report.html")


@dataclass(frozen=True)
class Reproduction:
    """Every published study, run and scored."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    laboratories: dict[str, Laboratory]
    scores: tuple[Score, ...]
    totals: tuple[Total, ...]
    repeats: int

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Animals that could not be solved, over all studies."""
        return [{"study": outcome.study.name, **row} for outcome in self.outcomes for row in outcome.failures]

    @property
    def solves(self) -> int:
        """Number of animals solved or tried, over all arms and studies."""
        return sum(outcome.animals * len(outcome.study.arms) for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "notice": NOTICE,
            "folder": str(self.folder),
            "repeats": self.repeats,
            "animals_per_arm": self.outcomes[0].animals,
            "seed": self.outcomes[0].seed,
            "solves": self.solves,
            "failures": self.failures,
            "totals": [total.to_dict() for total in self.totals],
            "totals_by_species": [total.to_dict() for total in totals_by_species(self.scores)],
            "scores": [score.to_dict() for score in self.scores],
        }


def reproduce(
    folder: str | Path,
    *,
    animals: int = DEFAULT_ANIMALS,
    repeats: int = DEFAULT_REPEATS,
    seed: int = DEFAULT_SEED,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    parameters: Mapping[str, float] | Callable[[Study, int], ParameterDraws | Mapping[str, float]] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Reproduction:
    """Run all published studies, repeat their experiments and score them.

    Writes ``folder/STUDY/`` (an outcome each), ``scoreboard.json`` and ``scoreboard.csv``.

    Parameters
    ----------
    folder : path
        New, empty, or of an earlier call; a call that was stopped goes on where it was.
    animals : int
        Virtual animals per arm.
    repeats : int
        Virtual experiments per contrast.
    workers : int, optional
        Processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead.
    parameters : mapping of str to float, or callable, optional
        Values in place of the mouse's register's, such as a fit's; people take the gains that are carried over. Or
        what returns a study's values or draws, called with the study and how many worlds its animals can fill: every
        repeat takes all its animals from one world.
    on_progress : callable, optional
        Called with (what, done, of).

    Raises
    ------
    FileError
        The folder holds something else, or an earlier call with other inputs and ``overwrite`` is False.
    """
    folder = Path(folder)
    evidence = load_evidence()  # before anything is written: a faulty table must stop here
    studies = [load_study(name) for name in published_studies()]
    _refuse_too_few(animals, studies, evidence)
    _refuse_foreign(folder)

    def values(study: Study) -> ParameterDraws | Mapping[str, float]:
        if not callable(parameters):
            return _values_of(study, parameters)
        return parameters(study, max(2, animals // (group_size(study, evidence) * len(study.groups))))

    outcomes = run_studies(
        [(study, folder / study.name, values(study)) for study in studies],
        animals=animals, seed=seed, workers=workers, scheduler=scheduler, overwrite=overwrite,
        on_progress=(lambda name, done, of: on_progress(f"simulate {name}", done, of)) if on_progress else None,
    )  # fmt: skip
    repeated, laboratories = run_laboratory(
        outcomes,
        evidence,
        repeats=repeats,
        on_progress=(lambda done, of: on_progress("repeat experiments", done, of)) if on_progress else None,
    )
    scores = scoreboard(evidence, repeated, {study.name: study.species for study in studies})
    result = Reproduction(folder, tuple(outcomes), laboratories, tuple(scores), tuple(totals(scores)), repeats)
    text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False) + "\n"
    write_then_rename(folder / "scoreboard.json", text)
    write_then_rename(folder / "scoreboard.csv", _csv(scores))
    return result


def _values_of(study: Study, parameters: Mapping[str, float] | None) -> dict[str, float]:
    """Return what a study's model takes of values of the mouse: all, or in other species the gains carried over."""
    parameters = parameters or {}
    if study.species == "mouse":
        return dict(parameters)
    known = compose_model(study.species, study.drugs).parameters
    return {f"{CARRIED}{name}": value for name, value in parameters.items() if f"{CARRIED}{name}" in known}


def _refuse_too_few(animals: int, studies: Sequence[Study], evidence: Sequence[Fact]) -> None:
    """Refuse before hours of work what one repeat could not be drawn from."""
    for study in studies:
        needed = group_size(study, evidence) * len(study.groups)
        if animals < needed:
            raise EvidenceError(
                f"{animals} animals per arm, but one repeat of '{study.name}' draws {needed} different ones",
                remedy=f"simulate at least {needed}; 1,000 is the default",
            )


def _csv(scores: list[Score]) -> str:
    rows = []
    for score in scores:
        plain = score.to_dict()
        repeats = plain.pop("repeats") or {}
        plain["groups"] = "|".join(plain.get("groups", ()))
        rows.append({**plain, **{f"repeats_{name}": value for name, value in repeats.items()}})
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    buffer.write(f"# {NOTICE}\n")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _refuse_foreign(folder: Path) -> None:
    known = {*published_studies(), *_FILES}
    try:
        if folder.exists():
            sweep_temporaries(folder, known.__contains__, locked=False)
        foreign = sorted(
            item.name
            for item in (folder.iterdir() if folder.exists() else ())
            if item.name not in known and not is_temporary_of(item, known)
        )
    except OSError as error:
        raise FileError(
            f"cannot use this folder: {error.strerror}", where=str(folder), remedy="choose another"
        ) from None
    if foreign:
        raise FileError(
            f"the folder holds '{foreign[0]}', which no reproduction wrote",
            where=str(folder),
            why="writing here could lose it",
            remedy="choose another or an empty folder with --out",
        )
