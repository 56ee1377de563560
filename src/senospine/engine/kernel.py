"""The engine's door: a model compiled to a kernel, a kernel solved for many subjects, a solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.decisions import Decided
from senospine.engine.inputs import Asked, columns_of, count_subjects, output_times, refuse_settings
from senospine.engine.reductions import Reduction, ReductionPlan
from senospine.engine.schedule import Schedule
from senospine.engine.start import start_values
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
        In the model's units; all of a failed subject's times from the failure on are NaN. An assigned output whose own
        formula has no value, as a logarithm below zero, is NaN there although the subject is solved: ``status``
        speaks of the states.
    status : ndarray of Status, shape (n_subjects,)
    failures : tuple of Failure
    method : str
        The code path: solver, tolerance, precision, and for lanes their number.
    steps : ndarray, shape (n_subjects, 2), optional
        Steps accepted and rejected, where the kernel counts them.
    reductions : mapping of str to ndarray, shape (n_subjects,)
        By their names; NaN for a failed subject.
    decided : Decided, optional
        What the schedule's decisions came to: doses given, visits.
    """

    times: Array
    values: Mapping[str, Array]
    status: NDArray[np.int64]
    failures: tuple[Failure, ...]
    method: str
    steps: NDArray[np.int64] | None = None
    reductions: Mapping[str, Array] = field(default_factory=dict)
    decided: Decided | None = None

    def __getitem__(self, asked: str | Reduction) -> Array:
        """Return an output, (n_subjects, n_times), or a reduction, (n_subjects,), by itself or its name."""
        name = asked.label if isinstance(asked, Reduction) else asked
        if isinstance(asked, str) and name in self.values:
            return self.values[name]
        if name not in self.reductions:
            raise ModelError(f"'{name}' was not asked for", remedy=suggest(name, [*self.values, *self.reductions]))
        return self.reductions[name]


@dataclass(frozen=True)
class Kernel:
    """A model compiled for solving; made by :func:`compile_model`."""

    model: Model
    outputs: tuple[str, ...]
    reduce: tuple[Reduction, ...] = ()

    @cached_property
    def reductions(self) -> ReductionPlan | None:
        """What is gathered for the reductions asked for, None without."""
        return ReductionPlan.of(self.reduce) if self.reduce else None

    def _times(self, times: ArrayLike, start: float) -> tuple[Array, Array, Array]:
        """Return the output times asked for, those to solve for, and the edges of the reductions' windows."""
        if self.reductions is None:
            asked = output_times(times, start)
            return asked, asked, np.zeros((1, 0, 2))
        given = np.asarray(times, dtype=object)
        asked = output_times(times, start) if given.size else np.zeros(0)
        reaching = self.reductions.horizon(asked)
        edges = self.reductions.edges(asked, start)
        return asked, np.ascontiguousarray(reaching), edges

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs and the tolerance."""
        raise NotImplementedError

    @property
    def screening(self) -> bool:
        """Whether what the kernel solves is for screening only, not to be reported."""
        return False

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
            Replaces the model's values by name; what the model derives from them at the start follows, unless it is
            replaced by name too.
        schedule : Schedule, optional
            Doses, infusions, switches and decisions; every one is hit exactly.
        times : array, shape (n_times,) or (n_subjects, n_times)
            Increasing; the solver's steps do not depend on them. May be left out where every reduction says its end.
        start : float
            The moment of the initial values, in the model's time.
        initial : mapping of str to scalar or array (n_subjects,), optional
            Replaces initial values of states.
        n_subjects : int, optional
            Needed only where no argument tells it.
        rtol : float
            Relative tolerance; absolute tolerances are ``rtol`` times each state's declared scale. By default
            the kernel's own: 1e-5 for lanes, 1e-6 for SciPy.
        max_steps : int
            Lanes: for a subject in all. SciPy: between two entries of its schedule.
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
        A subject that fails costs only itself: see ``status`` and ``failures``. Cost with SciPy: about 3 ms a mouse
        of two years.
        """
        rtol = self._usual_rtol if rtol is None else float(rtol)
        refuse_settings(start, rtol, max_steps, n_subjects)
        outputs_at, reaching, edges = self._times(times, start)
        given, begun = columns_of(parameters or {}, "parameter"), columns_of(initial or {}, "initial value of")
        n = count_subjects(given, schedule, reaching, begun, n_subjects)
        first, constants = start_values(self.model, given, begun, start, n)
        return self._solve(
            Asked(first, constants, outputs_at, reaching, edges, schedule, start, rtol, max_steps, threads)
        )

    @property
    def _usual_rtol(self) -> float:
        """The relative tolerance where none is asked for."""
        raise NotImplementedError

    def _solve(self, asked: Asked) -> Solution:
        """Solve what was checked."""
        raise NotImplementedError

    def constants(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        *,
        initial: Mapping[str, ArrayLike] | None = None,
        start: float = 0.0,
        n_subjects: int | None = None,
    ) -> dict[str, Array]:
        """Return every subject's constants, with those the model derives at the start, each (n_subjects,)."""
        given, begun = columns_of(parameters or {}, "parameter"), columns_of(initial or {}, "initial value of")
        n = count_subjects(given, None, np.zeros(1), begun, n_subjects)
        matrix = start_values(self.model, given, begun, start, n)[1]
        return dict(zip(self.model.constants, matrix.T, strict=True))


def compile_model(
    model: Model, outputs: Sequence[str] | None = None, *, reduce: Sequence[Reduction] = (),
    engine: Engine | None = None, **options: Any,
) -> Kernel:  # fmt: skip
    """Return a kernel that solves ``model``.

    Parameters
    ----------
    model : Model
    outputs : sequence of str, optional
        What to record: states and assigned variables (by default all, or none where reductions are asked for), and
        of each species ``S`` of a reaction model also ``S__amount`` and ``S__concentration``.
    reduce : sequence of Reduction, optional
        What to keep of each subject in one number, see :mod:`senospine.engine.reductions`; no trajectory is stored
        for it.
    engine : {'lanes', 'scipy'}, optional
        Many subjects at once in machine code made for the model, or SciPy's LSODA, one by one: slow, well known,
        the oracle. By default lanes, and SciPy for what lanes do not run: models without a state, and a
        few rare functions.
    **options
        Of the lanes, see :class:`~senospine.engine.lanes.LaneKernel`: ``norm``, ``hit_outputs``, ``width``, ``cache``,
        ``precision`` ("single" for screening).
        Of SciPy, see :class:`~senospine.engine.scipy_kernel.ScipyKernel`: ``jit``.

    Raises
    ------
    ModelError
        An output the model does not have, no output at all, or a model that the engine asked for cannot run.

    Examples
    --------
    >>> import senospine
    >>> kernel = senospine.compile_model(senospine.load_model("mouse"), outputs=["sensitisation"])
    >>> solution = kernel.solve(times=[90.0, 120.0])
    >>> solution["sensitisation"].shape
    (1, 2)
    """
    from senospine.engine.lanes import LaneKernel, refusal
    from senospine.engine.scipy_kernel import ScipyKernel

    reduce = tuple(reduce)
    chosen = tuple(outputs) if outputs is not None else () if reduce else model.outputs
    _refuse_same(reduce, chosen)
    for name in (*chosen, *(item.output for item in reduce)):
        if name not in model.outputs and name not in model.readable:
            raise ModelError(f"the model has no output '{name}'", remedy=suggest(name, model.outputs))
    if outputs is None and not model.outputs:
        raise ModelError("the model has no states: nothing changes with time", where=str(model.path))
    why_not = refusal(model)
    engine = engine or ("scipy" if why_not or "jit" in options else "lanes")
    kinds: dict[str, type[Kernel]] = {"lanes": LaneKernel, "scipy": ScipyKernel}
    if engine not in kinds:
        raise ModelError(f"unknown engine '{engine}'", remedy=suggest(engine, kinds))
    if engine == "lanes" and why_not:
        raise ModelError(f"lanes do not run this model: {why_not}", where=str(model.path), remedy="use engine='scipy'")
    known = {item.name for item in fields(kinds[engine]) if not item.name.startswith("_")} - {
        "model",
        "outputs",
        "reduce",
    }
    for name in options:
        if name not in known:
            raise ModelError(f"engine '{engine}' has no option '{name}'", remedy=suggest(name, known))
    return kinds[engine](model, chosen, reduce, **options)


def _refuse_same(reduce: Sequence[Reduction], outputs: Sequence[str]) -> None:
    """Refuse two things of one name."""
    labels = [item.label for item in reduce]
    for label in labels:
        if labels.count(label) > 1 or label in outputs:
            raise ModelError(f"two things are called '{label}'", remedy="give one of them another name=")


def refuse_screening(kernel: object, purpose: str) -> None:
    """Raise a ModelError if the kernel is for screening only: what is reported is solved in double precision."""
    if getattr(kernel, "screening", False):
        raise ModelError(
            f"{purpose} cannot rest on a kernel in single precision, which is for screening only",
            remedy="compile the model with precision='double', the default",
        )
