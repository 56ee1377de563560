"""Drugs in plasma: a read-out for each drug a model was composed with, under the drug's name in models."""

from __future__ import annotations

import numpy as np

from senospine.assays.readout import Readout, no_noise

PLASMA = "plasma_concentration:"


def plasma_readout(name: str) -> Readout | None:
    """Return the read-out of a name such as ``plasma_concentration:rg7112``; None for any other name.

    Total concentration, bound and free; the error of the chemical assay is left out.
    """
    symbol = name.removeprefix(PLASMA)
    if symbol == name or not symbol.isidentifier():
        return None
    output = f"{symbol}_concentration"
    return Readout(
        name, f"{symbol} in plasma", "umol/L", "plasma-total-concentration", (output,), "up", False,
        lambda y, z: np.asarray(y[output]), no_noise,
    )  # fmt: skip
