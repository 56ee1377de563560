"""Derivatives of outputs with respect to parameters: differences between neighbours of each subject, errors stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.differences import (
    DOUBLE,
    OFFSETS,
    SINGLE,
    SINGLE_AGAIN,
    derivatives_with_errors,
    slopes_with_errors,
)
from senospine.engine.neighbours import INITIAL, SensitivityFailure, Solver, neighbourhood
from senospine.engine.schedule import Schedule
from senospine.errors import ModelError, suggest
from senospine.model import Model

if TYPE_CHECKING:
    from senospine.engine.lanes import LaneKernel

Array = NDArray[np.float64]

#: bytes of trajectories held at a time, where ``block`` is not given
MEMORY = 2**28
#: how much looser neighbours in step are solved again; thirty times costs 0.6 times as much
LOOSER = 30.0


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
    check: bool = True,
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
        Relative accuracy aimed at; what was reached is in ``error``. Lanes are asked for 0.03 of it, SciPy for 1e-4,
        and both for 1e-12 at the tightest.
    relative_step : float, optional
        One step over the parameter's magnitude. By default 5e-7 for lanes, 1e-5 where ``rtol`` is below 1e-4; for SciPy
        half the cube root of ``rtol``, and 1e-3 at least. A zero has the magnitude of the larger end of its declared
        range, or of its state's declared scale, or 1.
    block : int, optional
        Subjects in one call of the kernel, each with its neighbours; by default as many as keep trajectories below
        256 MiB. It changes no bit of the result.
    check : bool
        Solve a second time to state errors. Without, ``error`` is NaN, and 0.4 of the time is saved.

    Raises
    ------
    ModelError
        An unknown or repeated name, a value that is not finite, or arrays of different lengths.
    ScheduleError
        A schedule or output times that cannot be honoured.

    Notes
    -----
    Cost: on 8 lanes ``8 / 7 * n_wrt`` solves a subject at 0.03 ``rtol``, twice as many where it is below 1e-4, and 0.6
    as much again for the errors. On SciPy ``2 + 8 * n_wrt`` solves, far tighter. Memory: 16 bytes a subject, output,
    time and name for the answer, and the block's trajectories.

    Lanes solve neighbours in step with their subject (:mod:`senospine.engine.following`): a tiny distance up, or both
    ways below an ``rtol`` of 1e-4. SciPy's neighbours choose their own steps and lie far away: central differences over
    one step and over two, extrapolated (Richardson 1911). Where a stencil would leave the declared range, and at zero
    unless the register says the parameter may be negative, the neighbours lie to one side.
    All is done again with other moves and a tolerance 30 times as large, or 10 for SciPy; the error stated is three
    times the change, plus three times what two neighbours (fourth differences) show of kinks and noise and of rounding.
    It is an estimate, no bound: the true error of one in twenty may be larger. Where a kink in time moves with a
    parameter neighbours in step see it less well than their tolerance says, and the error tells.

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
    _refuse(kernel.model, wrt, rtol, relative_step, block)
    from senospine.engine.lanes import LaneKernel

    way = _in_step(kernel, len(wrt), rtol) if isinstance(kernel, LaneKernel) else _own_steps(kernel, len(wrt), rtol)
    neighbours = neighbourhood(
        way.kernel, wrt, parameters, initial, schedule, times, start, n_subjects, relative_step or way.step, threads,
        way.variants, way.places,
    )  # fmt: skip
    n, n_times = len(neighbours.at), neighbours.times.shape[-1]
    block = block or max(1, MEMORY // (8 * way.variants * len(kernel.outputs) * n_times))
    base = {output: np.empty((n, n_times)) for output in kernel.outputs}
    values = {output: np.empty((n, n_times, len(wrt))) for output in kernel.outputs}
    error = {output: np.empty((n, n_times, len(wrt))) for output in kernel.outputs}
    failures: dict[tuple[int, int], SensitivityFailure] = {}
    method = ""
    for low in range(0, n, block):
        rows = slice(low, min(low + block, n))
        near, moves, failed = neighbours.solve(rows, way.near, way.tolerance)
        again = neighbours.solve(rows, way.far, way.looser * way.tolerance) if check else (near, moves, [])
        far, moves_far, failed_too = again
        for key, failure in [*failed, *failed_too]:
            if key not in failures or failure.time < failures[key].time:
                failures[key] = failure
        for output in kernel.outputs:
            paths, others = (found[output].reshape(-1, way.variants, n_times) for found in (near, far))
            base[output][rows] = paths[:, 0]
            if way.near is OFFSETS:
                steps, stencils = neighbours.steps[rows], neighbours.stencils[rows]
                found = derivatives_with_errors(paths, others, steps, stencils, way.tolerance)
            else:
                found = slopes_with_errors(paths, others, way.places, moves, moves_far, way.tolerance)
            values[output][rows], error[output][rows] = found
            if not check:
                error[output][rows] = np.nan
        method = near.method
    ordered = tuple(failures[key] for key in sorted(failures))
    text = f"{way.words}; {method}"
    return Sensitivities(neighbours.times, wrt, neighbours.at, neighbours.steps, base, values, error, ordered, text)


@dataclass(frozen=True)
class _Way:
    """How neighbours are placed and solved: ``far`` with ``looser`` times the tolerance of ``near``."""

    kernel: Solver
    variants: int
    places: NDArray[np.int64]
    near: Array
    far: Array
    step: float
    tolerance: float
    looser: float
    words: str


def _in_step(kernel: LaneKernel, count: int, rtol: float) -> _Way:
    """Return one neighbour a name that takes its subject's steps, or two where more digits are wanted."""
    double = rtol < 1e-4
    near, far, step = (DOUBLE, 2.0 * DOUBLE, 1e-5) if double else (SINGLE, SINGLE_AGAIN, 5e-7)
    variants, places = _group(count * near.shape[1], kernel.lanes)
    words = f"differences of {'two neighbours' if double else 'one neighbour'} in step with their subject, checked with"
    words += f" others at {LOOSER:g} times the tolerance"
    tolerance = max(0.03 * rtol, 1e-12)
    return _Way(kernel.in_step, variants, places.reshape(count, -1), near, far, step, tolerance, LOOSER, words)


def _group(neighbours: int, lanes: int) -> tuple[int, NDArray[np.int64]]:
    """Return how many subjects the groups of so many neighbours have, and the place of each neighbour.

    The first of each group is the subject itself, and so are those that nobody needs.
    """
    groups, number = -(-neighbours // (lanes - 1)), np.arange(neighbours)
    return groups * lanes, number // (lanes - 1) * lanes + number % (lanes - 1) + 1


def _own_steps(kernel: Solver, count: int, rtol: float) -> _Way:
    """Return four neighbours a name, so far away that the choice of their own steps matters little."""
    places = 1 + np.arange(4 * count).reshape(count, 4)
    words = "differences of five neighbours, checked with twice the step and ten times the tolerance"
    step, tolerance = max(0.5 * rtol ** (1 / 3), 1e-3), max(1e-4 * rtol, 1e-12)
    return _Way(kernel, 1 + 4 * count, places, OFFSETS, 2.0 * OFFSETS, step, tolerance, 10.0, words)


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
