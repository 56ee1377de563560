"""What an outcome says under draws of its parameters: each number twice uncertain, by animals and by worlds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senospine.assays import Readout
from senospine.stats import Worlds, split_worlds
from senospine.study.file import Arm
from senospine.study.run import Outcome

Array = NDArray[np.float64]
Scale = Literal["ratio", "difference"]


def readout_worlds(outcome: Outcome, readout: Readout, arm: Arm, moment: str = "") -> Worlds | None:
    """Return a read-out's parts between animals and between worlds; None where animals carry no draws."""
    if outcome.worlds < 2:
        return None
    return split_worlds(outcome.expected(readout, arm, moment), outcome.worlds)


def effect_worlds(outcome: Outcome, readout: Readout, arm: Arm, versus: Arm) -> tuple[Scale, Worlds] | None:
    """Return how an arm differs from another at their last measurement, split; None where animals carry no draws.

    Of a ratio of means the logarithm, of the rest the difference: a ratio where both means are above zero in every
    world. An animal's part is what it adds to its world's (delta method); the same animal stands in both arms, so only
    what the treatment does differently from animal to animal is left of their differences.
    """
    if outcome.worlds < 2:
        return None
    worlds = np.arange(outcome.animals) % outcome.worlds
    one, other = outcome.expected(readout, arm), outcome.expected(readout, versus)
    known = np.isfinite(one) & np.isfinite(other)
    a, b = (_means(values, known, worlds) for values in (one, other))
    if not ((a > 0) & (b > 0))[np.isfinite(a)].all():
        return "difference", split_worlds(np.where(known, one - other, np.nan), outcome.worlds)
    parts = np.log(a / b)[worlds] + one / a[worlds] - other / b[worlds]
    return "ratio", split_worlds(np.where(known, parts, np.nan), outcome.worlds)


def _means(values: Array, known: NDArray[np.bool_], worlds: NDArray[np.int64]) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(worlds, np.where(known, values, 0)) / np.bincount(worlds, known))
