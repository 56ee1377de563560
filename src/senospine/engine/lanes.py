"""The kernel of lanes: many subjects at once, in machine code made for the model."""

from __future__ import annotations

import ctypes
import json
import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.engine.breakpoints import BreakPoints
from senospine.engine.cache import Code, default_folder, load_code, this_machine
from senospine.engine.inputs import columns_of, count_subjects, output_times, refuse_settings
from senospine.engine.kernel import Kernel, Solution
from senospine.engine.layout import EMITTER, Job
from senospine.engine.problem import Problem, Run
from senospine.engine.reader import OFFERED
from senospine.engine.schedule import Schedule
from senospine.engine.start import start_values
from senospine.engine.status import Failure, Status
from senospine.engine.tableaus import METHODS, RODAS5P
from senospine.errors import ModelError
from senospine.model import Expression, Model
from senospine.model.expressions import Call, walk

Array = NDArray[np.float64]

DEFAULT_RTOL = 1e-5
#: at this tolerance and below the method of order five needs less time
TIGHT = 5e-5
#: in the model's time, at time zero; later it is 16 roundings of the time
SMALLEST_STEP = 1e-25
#: below this, rounding decides what is accepted
TIGHTEST = 1e-13


@dataclass(frozen=True)
class LaneKernel(Kernel):
    """A kernel that solves several subjects in each core's vector registers.

    A subject's numbers are the same bits whatever other subjects are solved, in whatever order, on however many
    threads; they differ in the last digits between lane widths and between processors.

    Parameters
    ----------
    norm : {'rms', 'max'}
        A step is accepted if the root mean square of the states' scaled errors is at most one, or the largest is.
    hit_outputs : bool
        Stop at every output instead of interpolating. Then values depend (within the tolerance) on the output grid.
    width : int, optional
        Number of lanes: 2, 4 or 8; by default what the processor's registers hold, or ``SENOSPINE_LANES``.
    cache : path or False, optional
        Folder for machine code; by default ``SENOSPINE_CACHE``, else the user's cache folder. False: none.

    Notes
    -----
    Rodas4 above a tolerance of 5e-5, Rodas5P at it and below, with analytic Jacobian and factors unrolled for
    the model's pattern. A subject that fails for another reason than its number of steps is tried once more with
    Rodas5P and a hundredth of the tolerance before it is reported.
    Cost: a second or two to compile a model of 50 states, milliseconds from the cache.
    """

    norm: Literal["rms", "max"] = "rms"
    hit_outputs: bool = False
    width: int | None = None
    cache: str | Path | Literal[False] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _recent: dict[str, tuple[Schedule | None, tuple[float, int], BreakPoints]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.norm not in {"rms", "max"}:
            raise ModelError(f"no norm '{self.norm}'", remedy="choose 'rms' or 'max'")
        if self.lanes not in {2, 4, 8}:
            raise ModelError(f"{self.lanes} lanes are not offered", remedy="choose 2, 4 or 8")

    @cached_property
    def lanes(self) -> int:
        """Number of lanes."""
        given = os.environ.get("SENOSPINE_LANES")
        return self.width or (int(given) if given and given.isdigit() else this_machine().width)

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs."""
        return f"lanes {self.lanes}, emitter {EMITTER}, {this_machine().name}, float64"

    @cached_property
    def key(self) -> str:
        """Everything that decides the machine code: equations and names, no values."""
        model = self.model
        content = [
            EMITTER, self.lanes, "float64", list(model.states), list(model.constants), list(self.outputs),
            [[name, repr(item)] for name, item in self._assignments.items()],
            [repr(model.rates[name]) for name in model.states],
        ]  # fmt: skip
        return json.dumps(content)

    @property
    def _assignments(self) -> dict[str, Expression]:
        """What is computed from states and constants, with the species asked for by amount or concentration."""
        asked = {name: self.model.readable[name] for name in self.outputs if name in self.model.readable}
        return {**self.model.assignments, **asked}

    @cached_property
    def in_step(self) -> LaneKernel:
        """The same kernel with lanes that keep the steps of the first of their group."""
        from senospine.engine.following import FollowingKernel

        return FollowingKernel(self.model, self.outputs, self.norm, self.hit_outputs, self.lanes, self.cache)

    def build(self) -> bool:
        """Compile the model now, not at the first solve; return whether the cache held it."""
        return self._code.from_cache

    @property
    def _code(self) -> Code:
        with self._lock:
            return self._loaded

    @cached_property
    def _loaded(self) -> Code:
        folder = None if self.cache is False else Path(self.cache) if self.cache is not None else default_folder()
        return load_code(self.key, self.write, ("run", "size"), folder)

    def write(self) -> str:
        """Return the model's code as LLVM text; seldom needed, for the machine code is cached."""
        from senospine.engine.driver import write_driver
        from senospine.engine.system import read_system

        model = self.model
        names = list(model.constants)
        system = read_system(model.states, names, self._assignments, model.rates, self.outputs)
        return write_driver(system, self.lanes)

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
        """Return the solution of every subject; see :meth:`Kernel.solve`."""
        rtol = DEFAULT_RTOL if rtol is None else float(rtol)
        refuse_settings(start, rtol, max_steps, n_subjects)
        times = output_times(times, start)
        given, begun = columns_of(parameters or {}, "parameter"), columns_of(initial or {}, "initial value of")
        n = count_subjects(given, schedule, times, begun, n_subjects)
        first, values = start_values(self.model, given, begun, start, n)
        table = self._break_points(schedule, start, n)
        problem = Problem(
            np.ascontiguousarray(first), np.ascontiguousarray(values), times, table, start, max_steps, threads
        )
        method = 1 if rtol <= TIGHT else 0
        if rtol < TIGHTEST:
            run = Run.refused(problem, len(self.outputs))
        else:
            run = self._run(problem, rtol, method)
            again = np.flatnonzero((run.status == Status.STEP_TOO_SMALL) | (run.status == Status.NOT_FINITE))
            if again.size:
                tighter = max(rtol / 100, 10 * TIGHTEST)
                run.take(again, self._run(problem.only(again), tighter, METHODS.index(RODAS5P)))
        failures = tuple(self._failure(run, int(subject)) for subject in np.flatnonzero(run.status))
        for failure in failures:
            own = times if times.ndim == 1 else times[failure.subject]
            run.values[failure.subject, own >= failure.time] = math.nan
        columns = {name: run.values[:, :, index] for index, name in enumerate(self.outputs)}
        words = f"{METHODS[method].name}, {self.code_path}, rtol {rtol:g}, {self.norm} norm"
        return Solution(times, columns, run.status, failures, words, run.steps)

    def _break_points(self, schedule: Schedule | None, start: float, n: int) -> BreakPoints:
        """Return the break points, from the last solve if it had the same schedule."""
        recent = self._recent.get("table")
        if recent is None or recent[0] is not schedule or recent[1] != (start, n):
            table = BreakPoints.of(schedule, self.model.states, list(self.model.constants), start, n)
            recent = self._recent["table"] = (schedule, (start, n), table)
        return recent[2]

    def _failure(self, run: Run, subject: int) -> Failure:
        state = self.model.states[int(run.failed_state[subject])]
        return Failure(subject, Status(int(run.status[subject])), float(run.failed_time[subject]), state)

    def _run(self, problem: Problem, rtol: float, method: int) -> Run:
        """Solve a problem with one method and tolerance."""
        code = self._code
        n, times, table = problem.count, problem.times, problem.table
        run = Run.empty(n, times.shape[-1], len(self.outputs))
        scales = rtol * np.array([self.model.scale(name) for name in self.model.states])
        job = _aligned(Job.SIZE).view(np.int64)  # the queue has a cache line of its own
        arrays: dict[Job, NDArray[Any]] = {
            Job.TIMES: times, Job.INITIAL: problem.first, Job.PARAMETERS: problem.values, Job.TABLE: table.of_subject,
            Job.ROW_START: table.row_start, Job.ROW_TIME: table.row_time, Job.ACTION_START: table.action_start,
            Job.ACTION_KIND: table.kind, Job.ACTION_INDEX: table.index, Job.ACTION_VALUE: table.value,
            Job.ATOL: scales, Job.RESULT: run.values, Job.STATUS: run.status, Job.STEPS: run.steps,
            Job.FAILED_TIME: run.failed_time, Job.FAILED_STATE: run.failed_state,
        }  # fmt: skip
        for place, array in arrays.items():
            job[place] = array.ctypes.data
        job[Job.SUBJECTS], job[Job.TIMES_COUNT] = n, times.shape[-1]
        job[Job.TIMES_STRIDE] = 0 if times.ndim == 1 else times.shape[-1]
        job[Job.MAX_STEPS], job[Job.METHOD] = problem.max_steps, method
        job[Job.NORM], job[Job.HIT_OUTPUTS] = int(self.norm == "max"), int(self.hit_outputs)
        numbers = job.view(np.float64)
        numbers[Job.RTOL], numbers[Job.START] = rtol, problem.start
        numbers[Job.SMALLEST_STEP] = SMALLEST_STEP
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(code.addresses["run"])
        size = ctypes.CFUNCTYPE(ctypes.c_int64)(code.addresses["size"])()

        def work() -> None:
            workspace = _aligned(size)
            function(job.ctypes.data, workspace.ctypes.data)

        workers = min(problem.threads or _cores(), -(-n // self.lanes))
        if workers <= 1 and n <= 8 * self.lanes:
            work()
            return run
        helpers = [threading.Thread(target=work) for _ in range(workers)]
        for helper in helpers:
            helper.start()
        try:
            for helper in helpers:
                helper.join()
        except BaseException:
            job[Job.NEXT_SUBJECT] = n  # interrupted: the queue is empty, what is begun comes to its end
            for helper in helpers:
                helper.join()
            raise
        return run


def refusal(model: Model) -> str:
    """Return why the lanes do not run a model, or nothing."""
    if model.events:
        return f"it has events of its own, '{model.events[0].id}' first"
    if not model.states:
        return "it has no states"
    formulas = [*model.rates.values(), *model.assignments.values(), *(item for item in model.readable.values())]
    used = {node.operator for formula in formulas for node in walk(formula) if isinstance(node, Call)}
    unknown = sorted(used - OFFERED)
    return f"it uses '{unknown[0]}'" if unknown else ""


def _aligned(count: int) -> Array:
    """Return zeros that begin on a cache line."""
    raw = np.zeros(count + 8)
    return raw[(-raw.ctypes.data % 64) // 8 :][:count]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
