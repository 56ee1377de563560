"""Free parameters and their priors, on a scale where every prior is a standard normal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
class Prior:
    """What is believed of one number before the data: ``low`` and ``high`` hold 90 %, of a uniform prior all.

    ``of_likelihood`` marks what is no parameter of the model: a factor of laboratories, assays or animals.
    """

    name: str
    prior: str
    value: float
    low: float
    high: float
    unit: str
    of_likelihood: bool = False

    @classmethod
    def of(cls, row: Parameter) -> Prior:
        """Return the prior of a register's row."""
        assert row.low is not None
        assert row.high is not None  # the register refuses a prior without them
        return cls(row.name, row.prior, row.value, row.low, row.high, row.unit)

    @classmethod
    def factor(cls, name: str, log_sd: float) -> Prior:
        """Return the prior of a factor about one, log-normal with this SD of the natural logarithm."""
        end = float(np.exp(_EDGE * log_sd))
        return cls(name, "lognormal", 1.0, 1 / end, end, "fold", True)


@dataclass(frozen=True)
class Priors:
    """The free parameters of a model.

    Attributes
    ----------
    rows : tuple of Prior
    width : float
        Factor on the SDs of log-normal and normal priors. Uniform ones stay: their ends are ends of what can be.
    """

    rows: tuple[Prior, ...]
    width: float = 1.0

    @classmethod
    def of(
        cls, model: Model, *, width: float = 1.0, fixed: Collection[str] = (), factors: Iterable[Prior] = ()
    ) -> Priors:
        """Return the parameters that a fit may move.

        Those with a prior that is not fixed; but not what is off, a uniform prior's value of zero or at its end: it
        stands for a rival mechanism, which is compared and not fitted. ``fixed`` names more to be left alone,
        ``factors`` come behind the model's own.
        """
        rows = [
            Prior.of(row)
            for name, row in sorted(model.register.items())
            if name in model.parameters and name not in fixed and _free(row)
        ]
        return cls((*rows, *factors), width)

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
            if row.prior == "uniform":
                result[row.name] = row.low + (row.high - row.low) * ndtr(u)
            else:
                middle, spread = self._scale(row)
                straight = middle + spread * u
                result[row.name] = np.exp(straight) if row.prior == "lognormal" else straight
        return result

    def normal(self, values: Mapping[str, float]) -> Array:
        """Return coordinates of values given by name, shape (n_parameters,)."""
        result = np.empty(len(self.rows))
        for index, row in enumerate(self.rows):
            x = values[row.name]
            if row.prior == "uniform":
                result[index] = ndtri(np.clip((x - row.low) / (row.high - row.low), _END, 1 - _END))
            else:
                middle, spread = self._scale(row)
                result[index] = ((np.log(x) if row.prior == "lognormal" else x) - middle) / spread
        return result

    def _scale(self, row: Prior) -> tuple[float, float]:
        """Return middle and SD on the scale where the prior is normal."""
        low, high = (np.log(row.low), np.log(row.high)) if row.prior == "lognormal" else (row.low, row.high)
        return float(low + high) / 2, self.width * float(high - low) / (2 * _EDGE)


def _free(row: Parameter) -> bool:
    if row.prior == "fixed":
        return False
    prior = Prior.of(row)
    at_end = min(row.value - prior.low, prior.high - row.value) <= _END * (prior.high - prior.low)
    return not (row.prior == "uniform" and (at_end or row.value == 0))
