"""Derivatives of outputs with respect to parameters: differences between neighbours of each subject, errors stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.differences import derivatives_with_errors
from senospine.engine.kernel import refuse_screening
from senospine.engine.neighbours import INITIAL, SensitivityFailure, Solver, neighbourhood
from senospine.engine.schedule import Schedule
from senospine.errors import ModelError, suggest
from senospine.model import Model

Array = NDArray[np.float64]

#: bytes of trajectories held at a time, where ``block`` is not given
MEMORY = 2**28


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of every output, each with the error it may have.

    Attributes
    ----------
    times : ndarray, shape (n_times,) or (n_subjects, n_times)
    wrt : tuple of str
    at, steps : ndarray, shape (n_subjects, n_wrt)
        The values around which was differentiated, and the size of one step.
    base : mapping of str to ndarray, shape (n_subjects, n_times)
        The outputs themselves.
    values, error : mapping of str to ndarray, shape (n_subjects, n_times, n_wrt)
        In the output's unit over the parameter's; NaN from a failure on.
    failures : tuple of SensitivityFailure
        The earliest of each subject and parameter.
    method : str
    """

    times: Array
    wrt: tuple[str, ...]
    at: Array
    steps: Array
    base: Mapping[str, Array]
    values: Mapping[str, Array]
    error: Mapping[str, Array]
    failures: tuple[SensitivityFailure, ...]
    method: str

    def __getitem__(self, output: str) -> Array:
        if output not in self.values:
            raise ModelError(f"'{output}' was not asked for", remedy=suggest(output, self.values))
        return self.values[output]

    def elasticities(self) -> dict[str, Array]:
        """Return each output's relative change per relative change of each parameter; NaN where the output is 0."""
        result = {}
        for output, values in self.values.items():
            base = np.where(self.base[output] == 0.0, np.nan, self.base[output])
            result[output] = values * self.at[:, None, :] / base[:, :, None]
        return result


def sensitivities(
    kernel: Solver,
    wrt: Sequence[str],
    parameters: Mapping[str, ArrayLike] | None = None,
    schedule: Schedule | None = None,
    times: ArrayLike = (),
    *,
    start: float = 0.0,
    initial: Mapping[str, ArrayLike] | None = None,
    n_subjects: int | None = None,
    rtol: float = 1e-5,
    relative_step: float | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Sensitivities:
    """Return the derivative of every output of ``kernel`` with respect to ``wrt``, for each subject at all times.

    Parameters
    ----------
    kernel : Kernel
    wrt : sequence of str
        Parameters, and initial values of states as ``"initial:gut"``. A parameter that the schedule switches is
        moved until its first switch only.
    parameters, schedule, times, start, initial, n_subjects, threads
        As in :meth:`senospine.engine.Kernel.solve`.
    rtol : float
        Relative accuracy aimed at; what was reached is in ``error``. The kernel is asked for 1e-4 of it, and for
        1e-12 at the tightest.
    relative_step : float, optional
        One step over the parameter's magnitude; by default half the cube root of ``rtol``, and 1e-3 at least. A zero
        has the magnitude of the larger end of its declared range, or of its state's declared scale, or 1.
    block : int, optional
        Subjects in one call of the kernel, each with its neighbours; by default as many as keep trajectories below
        256 MiB. It changes no bit of the result.

    Raises
    ------
    ModelError
        An unknown or repeated name, a value that is not finite, arrays of different lengths, or a kernel for screening.
    ScheduleError
        A schedule or output times that cannot be honoured.

    Notes
    -----
    Cost: ``2 + 8 * n_wrt`` solves a subject, half of them at a tenfold tolerance. Memory: 16 bytes a subject, output,
    time and name for the answer, and the block's trajectories.

    Central differences over one step and over two are extrapolated (Richardson 1911). Where four steps would leave the
    declared range, and at zero unless the register says the parameter may be negative, the neighbours lie to one side.
    All is done again with twice the step and ten times the tolerance; the error stated is three times the change, plus
    three times what fourth differences show of noise and kinks. A thousandth of the
    tolerance over the step is the least. It is an estimate, no bound: the true error of one in twenty may be larger.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"), outputs=["navitoclax_gut"])
    >>> dose = {"navitoclax_gut": 50.0}
    >>> found = senospine.sensitivities(kernel, ["initial:navitoclax_gut"], times=[0.1], initial=dose)
    >>> print(f"{found['navitoclax_gut'][0, 0, 0]:.6f}")  # exp(-12 * 0.1)
    0.301194
    """
    wrt = tuple(wrt)
    refuse_screening(kernel, "sensitivities")
    _refuse(kernel.model, wrt, rtol, relative_step, block)
    neighbours = neighbourhood(
        kernel, wrt, parameters, initial, schedule, times, start, n_subjects,
        relative_step or max(0.5 * rtol ** (1 / 3), 1e-3), threads,
    )  # fmt: skip
    n, n_times = len(neighbours.at), neighbours.times.shape[-1]
    block = block or max(1, MEMORY // (8 * neighbours.variants * len(kernel.outputs) * n_times))
    base = {output: np.empty((n, n_times)) for output in kernel.outputs}
    values = {output: np.empty((n, n_times, len(wrt))) for output in kernel.outputs}
    error = {output: np.empty((n, n_times, len(wrt))) for output in kernel.outputs}
    failures: dict[tuple[int, int], SensitivityFailure] = {}
    tolerance, method = max(1e-4 * rtol, 1e-12), ""
    for low in range(0, n, block):
        rows = slice(low, min(low + block, n))
        steps, stencils = neighbours.steps[rows], neighbours.stencils[rows]
        near, failed = neighbours.solve(rows, 1.0, tolerance)
        far, failed_too = neighbours.solve(rows, 2.0, 10.0 * tolerance)
        for key, failure in [*failed, *failed_too]:
            if key not in failures or failure.time < failures[key].time:
                failures[key] = failure
        for output in kernel.outputs:
            paths, again = (found[output].reshape(-1, neighbours.variants, n_times) for found in (near, far))
            base[output][rows] = paths[:, 0]
            values[output][rows], error[output][rows] = derivatives_with_errors(
                paths, again, steps, stencils, tolerance
            )
        method = near.method
    ordered = tuple(failures[key] for key in sorted(failures))
    text = f"differences of five neighbours, checked with twice the step and ten times the tolerance; {method}"
    return Sensitivities(neighbours.times, wrt, neighbours.at, neighbours.steps, base, values, error, ordered, text)


def _refuse(model: Model, wrt: tuple[str, ...], rtol: float, relative_step: float | None, block: int | None) -> None:
    if not wrt:
        raise ModelError("no names to differentiate with respect to", remedy="give parameters, or 'initial:state'")
    for name in wrt:
        state = name.removeprefix(INITIAL)
        if state != name and state not in model.states:
            raise ModelError(f"the model has no state '{state}'", remedy=suggest(state, model.states))
        if state == name and name not in model.parameters:
            remedy = f"'{INITIAL}{name}' is its initial value" if name in model.states else None
            remedy = remedy or suggest(name, model.parameters)
            raise ModelError(f"the model has no parameter '{name}'", remedy=remedy)
        if wrt.count(name) > 1:
            raise ModelError(f"'{name}' is asked for twice")
    if not 0 < rtol < 1:
        raise ModelError(f"rtol {rtol} is not between 0 and 1", remedy="1e-5 suits most uses")
    if relative_step is not None and not 0 < relative_step < 0.2:
        raise ModelError(f"relative_step {relative_step} is not between 0 and 0.2", remedy="0.01 suits most uses")
    if block is not None and block < 1:
        raise ModelError(f"block {block} holds no subject")
