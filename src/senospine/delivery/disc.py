"""A disc by itself, of a species, beside a plasma that is held; and draws from the priors of its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from senospine.delivery.layers import transport_text
from senospine.errors import ModelError, suggest
from senospine.model import Model, Parameter, read_register
from senospine.model.loading import BIOLOGY, model_from_text, tables_of
from senospine.randomness import standard_normals

Array = NDArray[np.float64]
HERE = Path(__file__).parent
GEOMETRY = "disc_geometry_"
#: the registers' ``low`` and ``high`` hold the central 90 %
_EDGE = float(ndtri(0.95))


def disc_species() -> tuple[str, ...]:
    """Return the species whose discs are described."""
    return ("human", "mouse")


@lru_cache(maxsize=16)
def disc_model(species: str = "human", split: int = 1) -> Model:
    """Return the model of a disc beside plasma of concentration 1 umol/L, every layer cut into ``split``.

    Raises
    ------
    ModelError
        A species whose disc is not described.

    Examples
    --------
    >>> len(disc_model("mouse").states)
    15
    """
    if species not in disc_species():
        raise ModelError(f"the disc of species '{species}' is not described", remedy=suggest(species, disc_species()))
    path = BIOLOGY / "disc_alone.ant"
    own = read_register(tables_of("human")[0] if species == "human" else HERE / f"disc-{species}.csv")
    rows = read_register(HERE / "solute.csv") | {name: row for name, row in own.items() if name.startswith(GEOMETRY)}
    text = path.read_text(encoding="utf-8")
    if split > 1:
        text = transport_text(split) + text.replace('import "disc_transport.ant"\n', "")
    return model_from_text(text, path, rows, {})


def drawn(rows: Iterable[Parameter], draws: int, seed: int, purpose: str) -> dict[str, Array]:
    """Return draws from the priors of rows, each (draws,): the same for a name in any company.

    Left out are rows that are fixed, and rival mechanisms that are off: a uniform prior's value of 0 at its end.
    """
    values = {}
    for row in rows:
        if row.prior == "fixed" or row.low is None or row.high is None:
            continue
        if row.prior == "uniform" and row.value == 0 and row.value in {row.low, row.high}:
            continue
        u = standard_normals(seed, f"{purpose}/{row.name}", 1, draws)[0]
        if row.prior == "uniform":
            values[row.name] = row.low + (row.high - row.low) * ndtr(u)
        elif row.prior == "lognormal":
            low, high = np.log(row.low), np.log(row.high)
            values[row.name] = np.exp((low + high) / 2 + (high - low) / (2 * _EDGE) * u)
        else:
            values[row.name] = (row.low + row.high) / 2 + (row.high - row.low) / (2 * _EDGE) * u
    return values
