"""The engine's door: a model compiled to a kernel, a kernel solved for many subjects, a solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.schedule import Schedule
from senospine.engine.status import Failure
from senospine.errors import ModelError, suggest
from senospine.model import Model

Array = NDArray[np.float64]
Engine = Literal["lanes", "scipy"]


@dataclass(frozen=True)
class Solution:
    """What came out: one array per output, one status per subject.

    Attributes
    ----------
    times : ndarray, shape (n_times,) or (n_subjects, n_times)
    values : mapping of str to ndarray, shape (n_subjects, n_times)
        In the model's units; all of a failed subject's times from the failure on are NaN.
    status : ndarray of Status, shape (n_subjects,)
    failures : tuple of Failure
    method : str
        The code path: solver, tolerance, precision, and for lanes their number.
    steps : ndarray, shape (n_subjects, 2), optional
        Steps accepted and rejected, where the kernel counts them.
    """

    times: Array
    values: Mapping[str, Array]
    status: NDArray[np.int64]
    failures: tuple[Failure, ...]
    method: str
    steps: NDArray[np.int64] | None = None

    def __getitem__(self, output: str) -> Array:
        if output not in self.values:
            raise ModelError(f"'{output}' was not asked for", remedy=suggest(output, self.values))
        return self.values[output]


@dataclass(frozen=True)
class Kernel:
    """A model compiled for solving; made by :func:`compile_model`."""

    model: Model
    outputs: tuple[str, ...]

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs and the tolerance."""
        raise NotImplementedError

    def solve(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        schedule: Schedule | None = None,
        times: ArrayLike = (),
        *,
        start: float = 0.0,
        initial: Mapping[str, ArrayLike] | None = None,
        n_subjects: int | None = None,
        rtol: float | None = None,
        max_steps: int = 100_000,
        threads: int | None = None,
    ) -> Solution:
        """Return the solution of every subject.

        Parameters
        ----------
        parameters : mapping of str to scalar or array (n_subjects,)
            Replaces the model's values by name.
        schedule : Schedule, optional
            Doses, infusions and switches; every one is hit exactly.
        times : array, shape (n_times,) or (n_subjects, n_times)
            Increasing; the solver's steps do not depend on them.
        start : float
            The moment of the initial values, in the model's time.
        initial : mapping of str to scalar or array (n_subjects,), optional
            Replaces initial values.
        n_subjects : int, optional
            Needed only where no argument tells it.
        rtol : float
            Relative tolerance; absolute tolerances are ``rtol`` times each state's declared scale. By default
            the kernel's own: 1e-5 for lanes, 1e-6 for SciPy.
        max_steps : int
            Lanes: for a subject in all. SciPy: between two outputs.
        threads : int, optional
            By default one for each core; they change nothing but the time. SciPy uses one.

        Raises
        ------
        ModelError
            An unknown name, a value that is not finite, or arrays of different lengths.
        ScheduleError
            A schedule or output times that cannot be honoured.

        Notes
        -----
        A subject that fails costs only itself: see ``status`` and ``failures``.
        """
        raise NotImplementedError


def compile_model(
    model: Model, outputs: Sequence[str] | None = None, *, engine: Engine = "lanes", **options: Any
) -> Kernel:
    """Return a kernel that solves ``model``.

    Parameters
    ----------
    model : Model
    outputs : sequence of str, optional
        States and assigned variables to record; all by default.
    engine : {'lanes', 'scipy'}
        Many subjects at once in machine code made for the model, or SciPy's LSODA, one by one: slow, well known,
        the oracle.
    **options
        Of the lanes, see :class:`~senospine.engine.lanes.LaneKernel`: ``norm``, ``hit_outputs``, ``width``, ``cache``.

    Raises
    ------
    ModelError
        An output the model does not have.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"), outputs=["sensitisation"])
    >>> solution = kernel.solve(times=[90.0, 120.0])
    >>> solution["sensitisation"].shape
    (1, 2)
    """
    chosen = tuple(outputs) if outputs is not None else model.outputs
    for name in chosen:
        if name not in model.outputs:
            raise ModelError(f"the model has no output '{name}'", remedy=suggest(name, model.outputs))
    if not model.states:
        raise ModelError("the model has no states: nothing changes with time", where=str(model.path))
    if engine == "lanes":
        from senospine.engine.lanes import OPTIONS, LaneKernel

        for name in options:
            if name not in OPTIONS:
                raise ModelError(f"the lanes have no option '{name}'", remedy=suggest(name, OPTIONS))
        return LaneKernel(model, chosen, **options)
    if engine == "scipy" and not options:
        from senospine.engine.scipy_kernel import ScipyKernel

        return ScipyKernel(model, chosen)
    raise ModelError(
        f"no engine '{engine}' with options {sorted(options)}", remedy="choose 'lanes', or 'scipy' without options"
    )
