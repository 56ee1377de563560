"""Free parameters and their priors, on a scale where every prior is a standard normal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from senospine.model import Model, Parameter

Array = NDArray[np.float64]

#: the registers' ``low`` and ``high`` hold the central 90 %
_EDGE = float(ndtri(0.95))
#: how near to an end of its uniform prior a value stands there, as a share of the width
_END = 1e-9


@dataclass(frozen=True)
class Priors:
    """The free parameters of a model.

    Attributes
    ----------
    rows : tuple of Parameter
    """

    rows: tuple[Parameter, ...]

    @classmethod
    def of(cls, model: Model) -> Priors:
        """Return the parameters that a fit may move.

        Those with a prior that is not fixed; but not what is off, a uniform prior's value of zero or at its end: it
        stands for a rival mechanism, which is compared and not fitted.
        """
        rows = [row for name, row in sorted(model.register.items()) if name in model.parameters and _free(row)]
        return cls(tuple(rows))

    @property
    def names(self) -> list[str]:
        """Their names, in the order of all arrays."""
        return [row.name for row in self.rows]

    @property
    def centre(self) -> Array:
        """The register's values on the normal scale, shape (n_parameters,)."""
        return self.normal({row.name: row.value for row in self.rows})

    def values(self, normal: Array) -> dict[str, Array]:
        """Return values by name from coordinates of shape (..., n_parameters)."""
        result = {}
        for index, row in enumerate(self.rows):
            u = normal[..., index]
            low, high = _ends(row)
            if row.prior == "lognormal":
                middle, spread = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / (2 * _EDGE)
                result[row.name] = np.exp(middle + spread * u)
            elif row.prior == "normal":
                result[row.name] = (low + high) / 2 + (high - low) / (2 * _EDGE) * u
            else:
                result[row.name] = low + (high - low) * ndtr(u)
        return result

    def normal(self, values: Mapping[str, float]) -> Array:
        """Return coordinates of values given by name, shape (n_parameters,)."""
        result = np.empty(len(self.rows))
        for index, row in enumerate(self.rows):
            x, (low, high) = values[row.name], _ends(row)
            if row.prior == "lognormal":
                middle, spread = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / (2 * _EDGE)
                result[index] = (np.log(x) - middle) / spread
            elif row.prior == "normal":
                result[index] = (x - (low + high) / 2) / ((high - low) / (2 * _EDGE))
            else:
                result[index] = ndtri(np.clip((x - low) / (high - low), _END, 1 - _END))
        return result


def _ends(row: Parameter) -> tuple[float, float]:
    assert row.low is not None
    assert row.high is not None  # the register refuses a prior without them
    return row.low, row.high


def _free(row: Parameter) -> bool:
    if row.prior == "fixed":
        return False
    low, high = _ends(row)
    at_end = min(row.value - low, high - row.value) <= _END * (high - low)
    return not (row.prior == "uniform" and (at_end or row.value == 0))
