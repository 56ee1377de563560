"""Draws of parameters: what a posterior leaves open, handed to a simulation as a number of possible worlds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import ModelError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ParameterDraws:
    """Equally likely sets of parameter values; each set is one world in which subjects differ.

    Attributes
    ----------
    values : mapping of str to array, shape (worlds,)
        In the register's units; the i-th values of all parameters belong together.
    source : str
        Where they come from, in words.

    Raises
    ------
    ModelError
        No parameter, fewer than two sets, columns of unequal length, or a value that is not finite.

    Examples
    --------
    >>> draws = ParameterDraws({"k": [1.0, 2.0, 3.0]}, "three guesses")
    >>> draws.worlds, draws.centres, draws.of(first=2, count=3)["k"].tolist()
    (3, {'k': 2.0}, [3.0, 1.0, 2.0])
    """

    values: Mapping[str, ArrayLike]
    source: str

    def __post_init__(self) -> None:
        columns = {name: np.asarray(self.values[name], dtype=float) for name in sorted(self.values)}
        shapes = {column.shape for column in columns.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1 or next(iter(shapes))[0] < 2:
            raise ModelError(
                "draws of parameters are columns of equal length, of two values or more",
                remedy="give one column a parameter, one row a draw",
            )
        for name, column in columns.items():
            if not np.isfinite(column).all():
                raise ModelError(f"a draw of parameter '{name}' is not finite", remedy="leave that draw out")
        object.__setattr__(self, "values", MappingProxyType(columns))

    @property
    def names(self) -> list[str]:
        """Names of the parameters, sorted."""
        return list(self.values)

    @property
    def columns(self) -> dict[str, Array]:
        """A plain copy of the values, each of shape (worlds,)."""
        return {name: np.asarray(column, dtype=float) for name, column in self.values.items()}

    @property
    def worlds(self) -> int:
        """Number of sets."""
        return int(np.size(next(iter(self.values.values()))))

    @property
    def centres(self) -> dict[str, float]:
        """Each parameter's median over the sets."""
        return {name: float(np.median(column)) for name, column in self.columns.items()}

    @cached_property
    def sha256(self) -> str:
        """Hash of names and values."""
        digest = hashlib.sha256()
        for name, column in self.columns.items():
            digest.update(name.encode() + b"\0" + np.ascontiguousarray(column, dtype="<f8").tobytes())
        return digest.hexdigest()

    def first(self, worlds: int) -> ParameterDraws:
        """Return the first sets only."""
        return ParameterDraws({name: column[:worlds] for name, column in self.columns.items()}, self.source)

    def of(self, first: int, count: int) -> dict[str, Array]:
        """Return what subjects from ``first`` on carry, each of shape (count,): subject i has set i modulo worlds."""
        return take(self.columns, first, count)


def take(values: Mapping[str, ArrayLike], first: int, count: int) -> dict[str, Array]:
    """Return values of subjects from ``first`` on, each of shape (count,); scalars are the same for all."""
    found = {}
    for name, value in values.items():
        column = np.atleast_1d(np.asarray(value, dtype=float))
        found[name] = column[(first + np.arange(count)) % len(column)]
    return found
