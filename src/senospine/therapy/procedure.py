"""Procedures as data: what is done to a patient at once and takes a share of something, such as a nerve's fibres."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from pydantic import Field, ValidationError

from senospine.errors import Finding, RegimenError, suggest
from senospine.therapy.possible import error_at, row_findings
from senospine.therapy.refusals import refusals
from senospine.therapy.rows import Described, Part, Row, Source, Text, Word
from senospine.therapy.terms import PROCEDURE, SHARES
from senospine.yaml_files import Document, read_yaml


class Procedure(Described):
    """One procedure: what it is called, what it looks like to the patient, and by species what it takes.

    Attributes
    ----------
    name, symbol, synonyms, source, species
        As of all that is :class:`~senospine.therapy.rows.Described`.
    given_as : str
        The kind of control whose contextual response it has, for instance ``sham procedure``.
    effects : mapping of species to mapping of an input of the spine to mapping of name to Row
        ``share``, ``technical_success`` and ``regrowth_half_time``; of a sham, none.
    gaps : tuple of str
        What was looked for and not found, or left out.
    """

    procedure_class: Text = Field(alias="class")
    given_as: Text
    effects: dict[Word, dict[Word, dict[Word, Row]]]

    def state(self, effect: str) -> str:
        """Return the state of a composed model that the procedure makes a jump in."""
        return f"{self.symbol}_{effect}_taken"

    def row_name(self, effect: str, number: str) -> str:
        """Return what a number of an effect is called in the register of a composed model."""
        return f"{self.symbol}_{effect}_{number}"


def procedure_findings(procedure: Procedure) -> list[Finding]:
    """Return everything that is impossible in a procedure's file."""
    found: list[Finding] = []
    for species, effects in procedure.effects.items():
        if species not in procedure.species:
            found.append(
                error_at(procedure, ("effects", species), f"'effects' of {species}, which 'species' does not name",
                         f"add {species} to 'species'")
            )  # fmt: skip
        for name, rows in effects.items():
            place = ("effects", species, name)
            if name not in SHARES:
                found.append(error_at(procedure, place, f"'{name}' is nothing that a procedure can take a share of",
                                      suggest(name, SHARES)))  # fmt: skip
                continue
            found += row_findings(procedure, place, rows, PROCEDURE)
            found += [
                error_at(
                    procedure, (*place, number, "cv"), f"'{number}' has a cv between patients of {rows[number].cv:g}",
                    "leave the cv out: patients differ by whether the procedure succeeds; doubt goes into the prior",
                )
                for number in ("share", "technical_success") if number in rows and rows[number].cv
            ]  # fmt: skip
    return found


def load_procedure(word: str, where: str | None = None) -> Procedure:
    """Return the procedure of that name or synonym, in any case, or the one in the file ``word`` (.yaml).

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    RegimenError
        No procedure of that name is known, or its file is wrong.

    Examples
    --------
    >>> load_procedure("BVNA").name
    'basivertebral-nerve-ablation'
    """
    if word.casefold().endswith((".yaml", ".yml")):
        return read_procedure(word)
    if not is_procedure(word):
        raise RegimenError(
            f"unknown procedure '{word}'", where=where,
            why="a procedure needs a file that says what it takes, with sources",
            remedy=suggest(word, procedure_words()),
        )  # fmt: skip
    return _catalogue()[word.casefold()]


def is_procedure(word: str) -> bool:
    """Return whether a word is the name or a synonym of a shipped procedure, or the name of a file."""
    return word.casefold() in _catalogue() or word.casefold().endswith((".yaml", ".yml"))


def procedure_names() -> tuple[str, ...]:
    """Return the names of all shipped procedures, sorted.

    Examples
    --------
    >>> procedure_names()
    ('basivertebral-nerve-ablation', 'sham-procedure')
    """
    return tuple(sorted({procedure.name for procedure in _catalogue().values()}))


def procedure_words() -> tuple[str, ...]:
    """Return the names and synonyms of all shipped procedures."""
    return tuple(word for name in procedure_names() for word in (name, *load_procedure(name).synonyms))


def read_procedure(path: str | Path) -> Procedure:
    """Return the procedure described by the file at ``path``.

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    RegimenError
        A key is missing, unknown or of the wrong form, or a number is impossible; the message names file and line.
    """
    document = read_yaml(path)
    try:
        procedure = _located(document)
    except ValidationError as error:
        raise _refusals(document, error)[0] from None
    for finding in procedure_findings(procedure):
        raise RegimenError(f"procedure file: {finding.what}", where=finding.where, remedy=finding.remedy)
    return procedure


def check_procedure(path: str | Path) -> list[Finding]:
    """Return everything that is wrong in the procedure file at ``path``; empty means clean.

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    """
    document = read_yaml(path)
    try:
        return procedure_findings(_located(document))
    except ValidationError as error:
        return [Finding("error", item.where or "", item.what, item.remedy or "") for item in _refusals(document, error)]


def is_procedure_file(path: str | Path) -> bool:
    """Return whether a file says what a procedure takes, and so is none of a drug."""
    data = read_yaml(path).data
    return isinstance(data, dict) and "effects" in data and "routes" not in data


def _located(document: Document) -> Procedure:
    places = {tuple(str(part) for part in key): document.where(*key) for key in document.lines}
    return Procedure.model_validate(document.data).located(places)


def _refusals(document: Document, error: ValidationError) -> list[RegimenError]:
    return refusals(document, error, _known_keys, "procedure", "basivertebral-nerve-ablation")


def _known_keys(parent: tuple[int | str, ...]) -> list[str]:
    part: type[Part] = Row
    if not parent or parent[0] == "source":
        part = Source if parent else Procedure
    return [field.alias or name for name, field in part.model_fields.items()]


@cache
def _catalogue() -> MappingProxyType[str, Procedure]:
    folder = files("senospine.therapy").joinpath("procedures")
    found: dict[str, Procedure] = {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            with as_file(entry) as path:
                procedure = read_procedure(path)
            found |= {word.casefold(): procedure for word in (procedure.name, *procedure.synonyms)}
    return MappingProxyType(found)
