"""Drugs as data: a file for each, with the units, species and routes it has a source for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from senospine.errors import Finding, RegimenError, suggest
from senospine.therapy.possible import drug_findings
from senospine.therapy.procedure import procedure_words
from senospine.therapy.refusals import refusals
from senospine.therapy.rows import Part, Row, Source
from senospine.therapy.schema import Action, Drug, Route
from senospine.yaml_files import Document, read_yaml

__all__ = ["Drug", "Route", "Source", "check_drug", "drug_names", "known_drugs", "load_drug", "read_drug"]

#: drugs of a study's own files, known while that study is read
_OWN: ContextVar[tuple[Drug, ...]] = ContextVar("own drugs", default=())


def load_drug(name: str, where: str | None = None) -> Drug:
    """Return the drug called ``name``, by its name or a synonym, in any case.

    Raises
    ------
    RegimenError
        No drug of that name is known.

    Examples
    --------
    >>> load_drug("ABT-263").name
    'navitoclax'
    >>> load_drug("navitoclax").routes["oral"].target
    'navitoclax_gut'
    """
    catalogue = {**_catalogue(), **_by_word(_OWN.get())}
    drug = catalogue.get(name.casefold()) if isinstance(name, str) else None
    if drug is None:
        if str(name).casefold() in {word.casefold() for word in procedure_words()}:
            raise RegimenError(
                f"'{name}' is a procedure and no drug", where=where,
                why="it is done once, without dose or route, and people alone have the nerve it cuts",
                remedy=f"write '{name} once at day 0 after enrolment' as the therapy of a trial's arm",
            )  # fmt: skip
        raise RegimenError(
            f"unknown drug '{name}'",
            where=where,
            why="a drug needs a file that says its units, species and routes, with sources",
            remedy=suggest(str(name), known_words()),
        )
    return drug


def known_words() -> list[str]:
    """Return the names and synonyms of all drugs that are known here."""
    return [word for entry in (*_drugs(), *_OWN.get()) for word in (entry.name, *entry.synonyms)]


def drug_names() -> tuple[str, ...]:
    """Return the names of all shipped drugs, sorted.

    Examples
    --------
    >>> "navitoclax" in drug_names()
    True
    """
    return tuple(sorted(drug.name for drug in _drugs()))


@contextmanager
def known_drugs(
    drugs: Sequence[Drug], readings: Mapping[str, str] | None = None, where: str | None = None
) -> Iterator[None]:
    """Know ``drugs`` beside the shipped ones, and some drugs in another reading, inside a ``with`` block.

    Raises
    ------
    RegimenError
        A name, synonym or symbol belongs to two drugs, or a drug has no such reading.
    """
    _by_word((*_drugs(), *_OWN.get(), *drugs))
    token = _OWN.set((*_OWN.get(), *drugs))
    try:
        read = [load_drug(name, where).reading(reading) for name, reading in (readings or {}).items()]
        names = {drug.name for drug in read}
        _OWN.set((*[drug for drug in _OWN.get() if drug.name not in names], *read))
        yield
    finally:
        _OWN.reset(token)


def read_drug(path: str | Path) -> Drug:
    """Return the drug described by the file at ``path``.

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    RegimenError
        A key is missing, unknown or of the wrong form, or a number is impossible; the message names file and line.
    """
    drug = _validated(read_yaml(path))
    for finding in drug_findings(drug):
        if finding.severity == "error":
            raise RegimenError(f"drug file: {finding.what}", where=finding.where, remedy=finding.remedy)
    return drug


def check_drug(path: str | Path) -> list[Finding]:
    """Return everything that is wrong or doubtful in the drug file at ``path``; empty means clean.

    A number of the wrong form does not hide what is wrong with the others: it is told and left out of the rest.

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    """
    document = read_yaml(path)
    try:
        return list(drug_findings(_located(document, document.data)))
    except ValidationError as error:
        refusals = _refusals(document, error)
        found = [Finding("error", item.where or "", item.what, item.remedy or "") for item in refusals]
        without = _without(document.data, [tuple(map(str, entry["loc"])) for entry in error.errors()])
    try:
        told = {str(item.where) for item in refusals}
        rest = drug_findings(_located(document, without)) if without is not None else ()
        return found + [item for item in rest if item.where not in told and " is missing: " not in item.what]
    except ValidationError:
        return found


def _located(document: Document, data: object) -> Drug:
    places = {tuple(str(part) for part in key): document.where(*key) for key in document.lines}
    return Drug.model_validate(data).located(places)


def _validated(document: Document) -> Drug:
    try:
        return _located(document, document.data)
    except ValidationError as error:
        raise _refusals(document, error)[0] from None


def _without(data: object, places: Sequence[tuple[str, ...]]) -> object:
    """Return a file's data without the numbers, actions and readings in which ``places`` lie; None if more is wrong."""
    depth = {"kinetics": 3, "disc": 3, "actions": 3, "readings": 2}
    if not isinstance(data, dict) or any(len(place) < depth.get("".join(place[:1]), 99) for place in places):
        return None
    copy = deepcopy(data)
    for place in places:
        parent, key = copy, place[: depth[place[0]]]
        for word in key[:-1]:
            parent = parent.get(word, {})
        parent.pop(key[-1], None)
    return copy


def _refusals(document: Document, error: ValidationError) -> list[RegimenError]:
    return refusals(document, error, _known_keys, "drug", "navitoclax")


def _known_keys(parent: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[Part]] = {"source": Source, "routes": Route, "kinetics": Row, "disc": Row, "readings": Row}
    part: type[Part] = Drug
    if parent:
        action = Action if len(parent) == 3 else Row
        part = parts.get(str(parent[0]), action if parent[0] == "actions" else Drug)
    return [field.alias or name for name, field in part.model_fields.items()]


@cache
def _drugs() -> tuple[Drug, ...]:
    folder = files("senospine.therapy").joinpath("drugs")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            with as_file(entry) as path:
                found.append(read_drug(path))
    return tuple(found)


@cache
def _catalogue() -> MappingProxyType[str, Drug]:
    return MappingProxyType(_by_word(_drugs()))


def _by_word(drugs: Sequence[Drug]) -> dict[str, Drug]:
    """Return each drug by its names, and refuse a name or a symbol of two."""
    catalogue: dict[str, Drug] = {}
    symbols: dict[str, Drug] = {}
    for drug in drugs:
        for word in (drug.name, *drug.synonyms):
            other = catalogue.setdefault(word.casefold(), drug)
            if other is not drug:
                raise _two(f"the name '{word}'", other, drug)
        if symbols.setdefault(drug.symbol, drug) is not drug:
            raise _two(f"the symbol '{drug.symbol}'", symbols[drug.symbol], drug)
    return catalogue


def _two(what: str, one: Drug, other: Drug) -> RegimenError:
    return RegimenError(
        f"{what} belongs to two drugs, {one.name} and {other.name}",
        where=other.where("name"),
        why="a regimen or a model with that name would be ambiguous",
        remedy="change it in one of the two files",
    )
