"""People who stop a therapy: their course goes on from the state the treated had on that day, without further doses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.engine import Entry, Kernel, Schedule, Solution

Array = NDArray[np.float64]


def untreated_from(
    day: float, kernel: Kernel, solution: Solution, parameters: Mapping[str, Array], entries: Sequence[Entry], *,
    rtol: float,
) -> dict[str, Array]:  # fmt: skip
    """Return outputs at the times of a treated solution for people who are given nothing from ``day`` on.

    Parameters
    ----------
    day : float
        One of the solution's times.
    kernel : Kernel
        Of the treated's model, with the outputs to return.
    solution : Solution
        Of the treated, with every state, at times that all share.
    parameters : mapping of str to ndarray, shape (n,)
    entries : sequence of Entry
        What the treated were given; switches of the model still happen after ``day``, doses do not.

    Returns
    -------
    dict of output to ndarray, shape (n, n_times)
        Until ``day`` the treated's; NaN for those whom the treated solution had lost by then.

    Notes
    -----
    Cost: without doses the steps are long, so a rest of ten months takes about 1/15 of a treated year in pulses.
    """
    times = solution.times
    now, after = int(np.searchsorted(times, day)), times > day
    found = {name: np.where(after, np.nan, solution[name]) for name in kernel.outputs}
    alive = np.all([np.isfinite(solution[name][:, now]) for name in kernel.model.states], axis=0)
    if alive.any() and after.any():
        switches = [entry for entry in entries if entry.kind == "switch" and entry.time >= day]
        rest = kernel.solve(
            {name: np.broadcast_to(value, alive.shape)[alive] for name, value in parameters.items()},
            Schedule.shared(switches), times[after], start=day,
            initial={name: solution[name][alive, now] for name in kernel.model.states},
            n_subjects=int(alive.sum()), rtol=rtol, threads=1,
        )  # fmt: skip
        for name in kernel.outputs:
            found[name][np.ix_(alive, after)] = rest[name]
    return found
