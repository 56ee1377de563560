"""People who stop a therapy: their course goes on from the state the treated had on that day, without further doses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from senospine.engine import Kernel, Solution

Array = NDArray[np.float64]


def untreated_from(
    day: float, kernel: Kernel, solution: Solution, begin: Mapping[str, Array], parameters: Mapping[str, Array], *,
    rtol: float,
) -> dict[str, Array]:  # fmt: skip
    """Return outputs at the times of a treated solution for people who are given nothing from ``day`` on.

    Parameters
    ----------
    day : float
    kernel : Kernel
        Of the treated's model, with the outputs to return.
    solution : Solution
        Of the treated, at times that all share.
    begin : mapping of state to ndarray, shape (n,)
        Of the treated on that day, before its doses.
    parameters : mapping of str to ndarray, shape (n,)

    Returns
    -------
    dict of output to ndarray, shape (n, n_times)
        Until ``day`` the treated's; NaN for those whom the treated solution had lost by then.

    Notes
    -----
    Cost: about 0.1 ms of a processor for a person, half of it to hand over: without doses the steps are long.
    """
    after = int(np.searchsorted(solution.times, day, side="right"))
    found = {name: np.full(solution[name].shape, np.nan) for name in kernel.outputs}
    alive = np.flatnonzero(np.all([np.isfinite(values) for values in begin.values()], axis=0))
    for name, values in found.items():
        values[:, :after] = solution[name][:, :after]
    if len(alive) and after < len(solution.times):
        rest = kernel.solve(
            {name: np.asarray(value)[alive] for name, value in parameters.items()}, times=solution.times[after:],
            start=day, initial={name: values[alive] for name, values in begin.items()}, n_subjects=len(alive),
            rtol=rtol, threads=1,
        )  # fmt: skip
        for name, values in found.items():
            values[alive, after:] = rest[name]
    return found
