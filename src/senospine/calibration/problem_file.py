"""Problems by name or from a file: which studies and evidence, what is held fixed, what is taken for granted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from senospine.calibration.likelihood import can_judge
from senospine.calibration.problem import DEFAULT_ANIMALS, DEFAULT_SEED, Assumptions, Problem
from senospine.errors import CalibrationError, suggest
from senospine.evidence import Fact, load_evidence
from senospine.model import load_model
from senospine.study import load_study, published_studies
from senospine.yaml_files import read_yaml

#: what the shipped posterior takes for granted: laboratories differ in effects by a quarter (assumption)
PUBLISHED = Assumptions(laboratory_sd=0.25)
PROBLEMS = ("mouse",)

Spread = Annotated[float, Field(ge=0, le=3)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Assumptions(_Section):
    selection: bool = PUBLISHED.selection
    tempered: bool = PUBLISHED.tempered
    laboratory_sd: Spread = PUBLISHED.laboratory_sd
    assay_sd: Spread = PUBLISHED.assay_sd
    between_animals_sd: Spread = PUBLISHED.between_animals_sd


class _File(_Section):
    problem: str
    species: str = "mouse"
    studies: Annotated[list[str], Field(min_length=1)]
    evidence: list[str] = []
    fixed: dict[str, float] = {}
    width: Annotated[float, Field(gt=0, le=10)] = 1.0
    assumptions: _Assumptions = _Assumptions()


def load_problem(
    name: str | Path = "mouse", *, animals: int = DEFAULT_ANIMALS, seed: int = DEFAULT_SEED, threads: int | None = None
) -> Problem:
    """Return a published problem by name, or one from a YAML file.

    A file names ``studies`` (shipped ones, which bring their evidence, or YAML files beside it) and tables of
    ``evidence`` on them; ``fixed`` holds parameters at other values, ``width`` and ``assumptions`` are those of
    :class:`Problem`. Of a study of one's own the roles stand in the table alone.

    Raises
    ------
    CalibrationError
        An unknown problem, an unknown key, or evidence that calibrates nothing.
    EvidenceError, StudyError, FileError
        A file that cannot stand, with its line.

    Examples
    --------
    >>> load_problem("mouse").assumptions.laboratory_sd
    0.25
    """
    if str(name) in PROBLEMS:
        problem = Problem.published(str(name), animals=animals, seed=seed, threads=threads)
        return replace(problem, assumptions=PUBLISHED)
    path = Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise CalibrationError(
            f"'{name}' is neither a published problem nor a YAML file",
            remedy=f"{suggest(str(name), PROBLEMS)}; or give a path that ends in .yaml",
        )
    document = read_yaml(path)
    try:
        file = _File.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        known = _Assumptions.model_fields if first["loc"][:1] == ("assumptions",) else _File.model_fields
        key = ".".join(str(part) for part in first["loc"])
        extra = first["type"] == "extra_forbidden"
        raise CalibrationError(
            f"unknown key '{key}'" if extra else f"'{key}': {first['msg'].lower()}",
            where=document.where(*first["loc"]),
            remedy=suggest(str(first["loc"][-1]), known) if extra else "see docs/calibration.md for an example",
        ) from None
    studies = {}
    for index, entry in enumerate(file.studies):
        study = load_study(entry if entry in published_studies() else path.parent / entry)
        if study.name in studies:
            raise CalibrationError(
                f"study '{study.name}' is named twice", where=document.where("studies", index), remedy="name it once"
            )
        studies[study.name] = study
    own = [studies[name] for name in studies if name not in published_studies()]
    rows = [row for row in load_evidence() if row.study in studies and row.study in published_studies()]
    for entry in file.evidence:
        rows += load_evidence(path.parent / entry, studies=own)
    seen: dict[str, Fact] = {}
    for row in rows:
        if seen.setdefault(row.id, row) is not row:
            raise CalibrationError(
                f"evidence '{row.id}' stands twice", where=row.where, why=f"the other is at {seen[row.id].where}",
                remedy="one finding counts once; keep one",
            )  # fmt: skip
    facts = [row for row in rows if row.role == "calibration" and can_judge(row)]
    if not facts:
        raise CalibrationError(
            "no fact calibrates", where=document.where("evidence"),
            why="only facts of role calibration whose read-outs are simulated do",
            remedy="name tables under 'evidence', or shipped studies under 'studies'",
        )  # fmt: skip
    return Problem(
        load_model(file.species), tuple(facts), {row.study: studies[row.study] for row in facts}, animals, seed,
        threads, width=file.width, fixed=file.fixed, assumptions=Assumptions(**file.assumptions.model_dump()),
    )  # fmt: skip
