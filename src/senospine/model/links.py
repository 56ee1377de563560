"""The links of a mechanism, and how far each was measured in people: lights from sources and registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from senospine.errors import ModelError, RegisterError
from senospine.model.model import Model
from senospine.model.register import Parameter, read_rows

Light = Literal["human", "mouse", "assumed"]
#: from the best light to the worst
LIGHTS: tuple[Light, ...] = ("human", "mouse", "assumed")
#: parameters that carry a gain over from the mouse, and those that hold the mouse's value
TRANSLATION, CARRIED = "translation_", "mouse_"
_TABLE = Path(__file__).parent.parent / "biology" / "links.csv"


@dataclass(frozen=True)
class Evidence:
    """What was seen of a link, and where: a DOI, a PMC number, or a paper without either."""

    words: str
    reference: str

    def __bool__(self) -> bool:
        return bool(self.words)


@dataclass(frozen=True)
class Link:
    """One arrow of the mechanism with what supports it.

    Attributes
    ----------
    source, target : str
        Variables of the model.
    parameters : tuple of Parameter
        Register rows that set its size; a link without any is one by convention.
    in_people, in_mice, against : Evidence
        Empty where nothing was found.
    """

    source: str
    target: str
    parameters: tuple[Parameter, ...]
    in_people: Evidence
    in_mice: Evidence
    against: Evidence

    @property
    def light(self) -> Light:
        """Where the arrow itself was seen: in people, in mice, or nowhere."""
        return "human" if self.in_people else "mouse" if self.in_mice else "assumed"

    @property
    def size(self) -> Light:
        """Where its numbers come from: the weakest of its register rows, by their species and source."""
        return max((_light_of(row) for row in self._numbers), key=LIGHTS.index, default="assumed")

    @property
    def translation(self) -> Parameter | None:
        """The multiplier that carries it over from the mouse, if it is carried over."""
        return next((row for row in self.parameters if row.name.startswith(TRANSLATION)), None)

    @property
    def _numbers(self) -> list[Parameter]:
        return [row for row in self.parameters if not row.name.startswith(TRANSLATION)]

    def to_dict(self) -> dict[str, object]:
        """Return plain data."""
        multiplier = self.translation
        return {
            "source": self.source, "target": self.target, "light": self.light, "size": self.size,
            "parameters": [row.name for row in self.parameters],
            "translation": multiplier and {"name": multiplier.name, "low": multiplier.low, "high": multiplier.high},
            **{
                name: {"words": found.words, "reference": found.reference} if found else None
                for name, found in (("in_people", self.in_people), ("in_mice", self.in_mice), ("against", self.against))
            },
        }  # fmt: skip


def extrapolation_map(model: Model, table: str | Path = _TABLE) -> tuple[Link, ...]:
    """Return the links of ``model`` from mouse to human, in the order of the table.

    Parameters
    ----------
    model : Model
        The human model, or one composed from it.
    table : path, optional
        The table of links; the shipped one by default.

    Raises
    ------
    ModelError
        A model that carries no gain over from the mouse.
    RegisterError
        The table names a variable or parameter that the model does not have, or evidence without a reference.

    Examples
    --------
    >>> from senospine.model import load_model
    >>> links = extrapolation_map(load_model("human"))
    >>> next(link.light for link in links if (link.source, link.target) == ("ngf", "sensitisation"))
    'human'
    """
    if not any(name.startswith(TRANSLATION) for name in model.parameters):
        raise ModelError(
            f"model '{model.name}' carries nothing over from the mouse", remedy="map the human model: 'human'"
        )
    columns = [
        "source", "target", "parameters",
        *(name for kind in ("in_people", "in_mice", "against") for name in (kind, _reference(kind))),
    ]  # fmt: skip
    return tuple(_link(model, row, where) for row, where in read_rows(table, columns, RegisterError))


def _link(model: Model, row: dict[str, str], where: str) -> Link:
    for end in (row["source"], row["target"]):
        if end not in model.outputs and end not in model.parameters:
            raise RegisterError(f"the model has no variable '{end}'", where=where, remedy="correct the link's end")
    names = row["parameters"].split()
    for name in names:
        if name not in model.register or name not in model.parameters:
            raise RegisterError(f"the model has no registered parameter '{name}'", where=where, remedy="correct it")
    found = {}
    for kind in ("in_people", "in_mice", "against"):
        found[kind] = Evidence(row[kind], row[_reference(kind)])
        if bool(row[kind]) != bool(row[_reference(kind)]):
            raise RegisterError(
                f"'{row['source']}' to '{row['target']}': {kind} needs both words and a reference", where=where,
                remedy="say what was seen and where, or leave both empty",
            )  # fmt: skip
    return Link(row["source"], row["target"], tuple(model.register[name] for name in names), **found)


def _reference(kind: str) -> str:
    return f"{kind.removeprefix('in_')}_reference"


def _light_of(row: Parameter) -> Light:
    if row.assumed:
        return "assumed"
    return "human" if row.species == "human" else "mouse"


def counts(links: Sequence[Link]) -> dict[str, dict[Light, int]]:
    """Return how many links have which light, for the arrow itself and for its size."""
    return {
        "light": {light: sum(link.light == light for link in links) for light in LIGHTS},
        "size": {light: sum(link.size == light for link in links) for light in LIGHTS},
    }
