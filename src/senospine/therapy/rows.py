"""One number of a drug file: its value, unit, prior and source; it becomes a row of a model's register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

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


def _dimension(unit: Unit) -> str:
    return str(Unit(unit.exponents, 1.0))
