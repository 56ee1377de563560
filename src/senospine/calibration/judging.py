"""How probable one published fact is: as its laboratory sees the arms, over the therapies that may have been given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.calibration import likelihood, signs
from senospine.calibration.groups import Measured, Place
from senospine.calibration.likelihood import Group, log_probability
from senospine.evidence import Association, Bound, Fact, Rate, Value
from senospine.study import Arm

Array = NDArray[np.float64]
#: places and groups of one possible therapy; no groups of facts that means and spreads do not decide
Seen = tuple[dict[str, Place], Mapping[str, Group] | None]


def readouts_of(row: Fact) -> tuple[str, ...]:
    """Return the one or two read-outs a fact is about."""
    return (row.readout, row.with_readout) if isinstance(row, Association) else (row.readout,)


def seen(
    row: Fact, possible: Sequence[Mapping[str, Arm]], measured: Measured, values: Mapping[str, Array]
) -> list[Seen]:
    """Return places and groups as a fact's laboratory sees them, once for each possible therapy."""
    found: list[Seen] = []
    for chosen in possible:
        places = {name: (row.study, arm.name, row.at) for name, arm in chosen.items()}
        if isinstance(row, Rate | Association):
            found.append((places, None))
            continue
        groups = {name: measured.group(place, row.readout) for name, place in places.items()}
        found.append((places, _shared(row, groups, values)))
    return found


def judge(row: Fact, ways: Sequence[Seen], measured: Measured, *, selection: bool) -> Array:
    """Return a fact's log probability, shape (n_candidates,): one of the ways it is :func:`seen` in was given."""
    found = []
    for places, groups in ways:
        if isinstance(row, Rate):
            found.append(likelihood.rate(row, measured.share(places[row.arm], row.readout, row.low, row.high)))
        elif isinstance(row, Association):
            correlation = measured.correlation(places[row.arm], row.readout, row.with_readout)
            found.append(signs.association(row, correlation, selection=selection))
        else:
            assert groups is not None  # of every other kind
            found.append(log_probability(row, groups, selection=selection))
    return np.asarray(np.logaddexp.reduce(found, axis=0) - math.log(len(found)))


def _shared(row: Fact, groups: Mapping[str, Group], values: Mapping[str, Array]) -> Mapping[str, Group]:
    """Return groups as this laboratory with this assay sees them: log folds stretched, or levels multiplied."""
    factors = [values[name] for name in (f"laboratory/{row.study}", f"assay/{row.readout}") if name in values]
    if not factors:
        return groups
    factor = np.prod(factors, axis=0)
    if not row.versus or (isinstance(row, Value | Bound) and row.scale == "absolute"):
        return {name: group.times(factor) for name, group in groups.items()}
    base = np.maximum(groups[row.versus].mean, 1e-9)
    return {
        name: group if name == row.versus else group.times((np.maximum(group.mean, 1e-9) / base) ** (factor - 1))
        for name, group in groups.items()
    }
