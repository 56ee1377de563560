"""Which parameters a combination is run with: draws from the prior, from the posterior, the register alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.posterior import shipped_posterior
from senospine.calibration.priors import Priors
from senospine.errors import CalibrationError, suggest
from senospine.model import Model
from senospine.randomness import standard_normals, stream

Array = NDArray[np.float64]

PARAMETERS = ("prior", "posterior", "register")
#: the interaction of hazards, which the mouse and the explanted disc have
INTERACTION = "drug_interaction"


@dataclass(frozen=True)
class Candidates:
    """Sets of parameter values.

    Attributes
    ----------
    kind : {'prior', 'posterior', 'register'}
    values : dict of name to ndarray, shape (count,)
    interaction : ndarray, shape (count,)
        Zero, or drawn evenly over the register's range.
    """

    kind: str
    values: dict[str, Array]
    interaction: Array

    @property
    def count(self) -> int:
        """How many sets."""
        return len(self.interaction)


def candidates(model: Model, kind: str, count: int, seed: int, *, interaction: bool = False) -> Candidates:
    """Return sets of parameter values.

    Parameters
    ----------
    kind : {'prior', 'posterior', 'register'}
        Draws from the register's priors; draws from the shipped posterior; the register's values once.
    count : int
        Draws.
    interaction : bool
        Draw the interaction of hazards too; otherwise it is zero, the null of hazards that add.

    Raises
    ------
    CalibrationError
        An unknown kind, or a model that no posterior was sampled for.
    """
    if kind not in PARAMETERS:
        raise CalibrationError(f"no parameters '{kind}'", remedy=suggest(kind, PARAMETERS))
    if kind == "posterior":
        posterior = shipped_posterior()
        posterior.refuse_stale(model)
        values = posterior.parameter_draws(count, seed)
    elif kind == "prior":
        priors = Priors.of(model)
        values = priors.values(standard_normals(seed, "combination/prior", count, len(priors.rows)))
    else:
        values = {}
    size = count if values else 1
    strength = np.zeros(size)
    row = model.register.get(INTERACTION)
    if interaction and row is not None and row.low is not None and row.high is not None:
        strength = row.low + (row.high - row.low) * stream(seed, "combination/interaction").random(size)
    return Candidates(kind, values, strength)
