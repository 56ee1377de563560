"""Small models for the tests of the lanes, as text."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from senospine.model import Model, load_model
from senospine.model.register import Variable

_NUMBERS = itertools.count()
_FOLDER = tempfile.TemporaryDirectory()

BATEMAN = "ka = 1.5; ke = 0.25; gut' = -ka*gut; plasma' = ka*gut - ke*plasma; gut = 1; plasma = 0;"
ROBERTSON = """a' = -0.04*a + 1e4*b*c; b' = 0.04*a - 1e4*b*c - 3e7*b*b; c' = 3e7*b*b; a = 1; b = 0; c = 0;"""


def model_of(text: str, scales: dict[str, float] | None = None) -> Model:
    """Return the model of a few Antimony lines."""
    path = Path(_FOLDER.name) / f"m{next(_NUMBERS)}.ant"
    path.write_text(f"model m()\n{text}\nend\n", encoding="utf-8")
    model = load_model(path)
    variables = {name: Variable(name, name, "", "state", "", scale) for name, scale in (scales or {}).items()}
    return replace(model, variables=MappingProxyType(variables))
