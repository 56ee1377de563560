"""What files of drugs and procedures are made of: names with sources, and numbers that become rows of a register."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

from senospine.errors import UnitError
from senospine.model import Parameter
from senospine.model.register import row_problems
from senospine.model.units import Unit, unit_of_text

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _number(value: object) -> object:
    """Return a number for a text that is one: YAML takes 5e-3 for a word."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[float, BeforeValidator(_number)]
# One word starting with a letter, so that a regimen's line can be cut at its spaces.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Path = tuple[str, ...]


class Part(BaseModel):
    """A section of a drug file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Row(Part):
    """A number with its unit, prior and source.

    Attributes
    ----------
    value : float
        In ``unit``.
    prior : str
        ``fixed``, or ``lognormal``, ``normal``, ``uniform`` with its central 90 % from ``low`` to ``high``.
    cv : float
        Coefficient of variation between patients or animals.
    source, doi, how_obtained, confidence, reason : str
        As in a register: a citation, or the word ``assumption`` with a reason.
    """

    value: Number
    unit: Text
    prior: Text = "fixed"
    low: Number | None = None
    high: Number | None = None
    cv: Number = 0.0
    meaning: str = ""
    source: Text
    doi: str = ""
    how_obtained: str = ""
    confidence: Text = "low"
    reason: str = ""

    @property
    def assumed(self) -> bool:
        """Whether the number rests on an assumption and not on a published number."""
        return self.source.lower() == "assumption"

    def problems(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield what no register would take, each with its remedy."""
        cells = {key: "" if value is None else str(value) for key, value in self.model_dump().items()}
        yield from row_problems({**cells, "name": name, "between_animal_cv": cells["cv"]})

    def factor(self, unit: str) -> float:
        """Return the factor that turns the row's unit into ``unit``.

        Raises
        ------
        UnitError
            The two have different dimensions.
        """
        own, wanted = unit_of_text(self.unit), unit_of_text(unit)
        if own.exponents != wanted.exponents:
            raise UnitError(
                f"'{self.unit}' cannot be turned into '{unit}'",
                why=f"the one is {_dimension(own)}, the other {_dimension(wanted)}",
                remedy=f"give the number in {unit}",
            )
        return own.factor / wanted.factor

    def parameter(self, name: str, unit: str, species: str, meaning: str, where: str) -> Parameter:
        """Return the row of the register of a composed model, in the model's unit."""
        factor = self.factor(unit)

        def turned(value: float | None) -> float | None:
            return None if value is None else value if factor == 1 else float(f"{value * factor:.12g}")

        return Parameter(
            name, turned(self.value) or 0.0, unit, species, self.prior, turned(self.low), turned(self.high), self.cv,
            self.meaning or meaning, self.source, self.doi, self.how_obtained, self.confidence, self.reason, where,
        )  # fmt: skip


class Source(Part):
    """A publication that data come from."""

    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")]
    citation: Text


class Described(Part):
    """What a file describes under a name: a drug, a procedure. It knows the line of each of its keys.

    Attributes
    ----------
    symbol : str
        What it is called in models; its name with underscores if the file does not say.
    """

    name: Word
    symbol: Symbol = ""
    synonyms: tuple[Word, ...] = Field(default=(), strict=False)  # YAML knows lists only
    source: tuple[Source, ...] = Field(min_length=1, strict=False)
    species: tuple[Word, ...] = Field(min_length=1, strict=False)
    gaps: tuple[Text, ...] = Field(default=(), strict=False)
    _places: dict[Path, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _symbol_from_name(cls, data: object) -> object:
        if isinstance(data, dict) and "symbol" not in data and isinstance(data.get("name"), str):
            return {**data, "symbol": data["name"].replace("-", "_").casefold()}
        return data

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def sha256(self) -> str:
        """Hash of everything the file says; comments and order do not change it."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    def located(self, places: Mapping[Path, str]) -> Self:
        """Return the same with the ``file:line`` of each of its keys."""
        copy = self.model_copy()
        copy._places = dict(places)
        return copy

    def where(self, *key: str) -> str:
        """Return ``file:line`` of a key path, or of its nearest parent that stands in the file."""
        for length in range(len(key), -1, -1):
            if key[:length] in self._places:
                return self._places[key[:length]]
        return f"{type(self).__name__.lower()} {self.name}"


def _dimension(unit: Unit) -> str:
    return str(Unit(unit.exponents, 1.0))
