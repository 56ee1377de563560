"""Drugs as data: a file for each, with the units, species and routes it has a source for."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from senospine.errors import RegimenError, suggest
from senospine.yaml_files import Document, read_yaml

# One word starting with a letter, so that a regimen's line can be cut at its spaces.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
DoseUnit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(/[A-Za-z]+)?$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(_Part):
    """A publication a drug's data come from."""

    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")]
    citation: Text


class Route(_Part):
    """A way into the body, and the model state that receives the dose."""

    target: Word


class Drug(_Part):
    """One drug: what it is called, how it may be given, and to whom."""

    name: Word
    synonyms: tuple[Word, ...] = Field(default=(), strict=False)  # YAML knows lists only
    drug_class: Text = Field(alias="class")
    source: tuple[Source, ...] = Field(min_length=1, strict=False)
    species: tuple[Word, ...] = Field(min_length=1, strict=False)
    dose_units: dict[Word, DoseUnit]
    routes: dict[RouteName, Route] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_species_has_a_unit(self) -> Self:
        if set(self.species) != set(self.dose_units):
            raise ValueError("'species' and 'dose_units' must name the same species")
        return self


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
    catalogue = _catalogue()
    drug = catalogue.get(name.casefold()) if isinstance(name, str) else None
    if drug is None:
        known = [word for entry in _drugs() for word in (entry.name, *entry.synonyms)]
        raise RegimenError(
            f"unknown drug '{name}'",
            where=where,
            why="a drug needs a file that says its units, species and routes, with sources",
            remedy=suggest(str(name), known),
        )
    return drug


def drug_names() -> tuple[str, ...]:
    """Return the names of all drugs, sorted.

    Examples
    --------
    >>> "navitoclax" in drug_names()
    True
    """
    return tuple(sorted(drug.name for drug in _drugs()))


def read_drug(path: str | Path) -> Drug:
    """Return the drug described by the file at ``path``.

    Raises
    ------
    FileError
        The file cannot be read as YAML.
    RegimenError
        A key is missing, unknown or of the wrong form; the message names file and line.
    """
    document = read_yaml(path)
    try:
        return Drug.model_validate(document.data)
    except ValidationError as error:
        # A misspelt key is unknown and missing at once: say the first, which knows the remedy.
        findings = sorted(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
        raise _refusal(document, findings[0]) from None


def _refusal(document: Document, finding: ErrorDetails) -> RegimenError:
    key = tuple(part for part in finding["loc"] if part != "[key]")
    label = ".".join(str(part) for part in key) or "the file"
    where = document.where(*key)
    if finding["type"] == "extra_forbidden":
        return RegimenError(
            f"drug file: unknown key '{key[-1]}'", where=where, remedy=suggest(str(key[-1]), _known_keys(key[:-1]))
        )
    if finding["type"] == "missing":
        return RegimenError(f"drug file: '{label}' is missing", where=where, remedy=f"add the key '{key[-1]}'")
    return RegimenError(
        f"drug file: '{label}' is not accepted: {finding['msg']}",
        where=where,
        remedy="compare with the file of navitoclax, which is complete",
    )


def _known_keys(parent: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[_Part]] = {"source": Source, "routes": Route}
    part = parts.get(str(parent[0]), Drug) if parent else Drug
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
    catalogue: dict[str, Drug] = {}
    for drug in _drugs():
        for word in (drug.name, *drug.synonyms):
            other = catalogue.setdefault(word.casefold(), drug)
            if other is not drug:
                raise RegimenError(
                    f"the name '{word}' belongs to two drugs, {other.name} and {drug.name}",
                    where=f"drugs/{drug.name}.yaml",
                    why="a regimen with that name would be ambiguous",
                    remedy="remove it from one of the two files",
                )
    return MappingProxyType(catalogue)
