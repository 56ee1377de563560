"""The kernel of lanes: many subjects at once, in machine code made for the model."""

from __future__ import annotations

import ctypes
import json
import math
import os
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from senospine.engine.breakpoints import BreakPoints
from senospine.engine.cache import Code, default_folder, load_code, this_machine
from senospine.engine.decisions import Rules, read_record
from senospine.engine.inputs import Asked
from senospine.engine.kernel import Kernel, Solution
from senospine.engine.layout import EMITTER, Job
from senospine.engine.problem import Problem, Run
from senospine.engine.reader import OFFERED
from senospine.engine.schedule import Schedule
from senospine.engine.status import Failure, Status
from senospine.engine.tableaus import RODAS5P
from senospine.engine.timetable import with_events
from senospine.errors import ModelError
from senospine.model import Expression, Model
from senospine.model.expressions import Call, walk

Array = NDArray[np.float64]

DEFAULT_RTOL = 1e-5
#: in the model's time, at time zero; later it is 16 roundings of the time
SMALLEST_STEP = 1e-25
#: below this, rounding decides what is accepted
TIGHTEST = 1e-13
#: states from which half the lanes are faster where registers are worked on in halves: less to keep in the cache
LARGE = 56
#: what single precision offers: its default, and below what its rounding decides
SINGLE_RTOL, SINGLE_TIGHTEST = 2e-4, 2e-5


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
        Number of lanes: 2, 4 or 8; by default ``SENOSPINE_LANES``, or what the processor's registers hold (on Zen 4
        half of it for models of 56 states and more, which is faster there). In single precision there are twice as
        many.
    cache : path or False, optional
        Folder for machine code; by default ``SENOSPINE_CACHE``, else the user's cache folder. False: none.

    precision : {'double', 'single'}
        Single precision is for screening: about twice as fast, and refused wherever results are reported. It offers
        tolerances of 2e-5 and more, 2e-4 by default. Time is counted from each subject's last break point, so a year
        of doses is no problem.

    Notes
    -----
    Rodas5P with analytic Jacobian and factors unrolled for the model's pattern. A subject that fails for another
    reason than its number of steps is tried once more with a hundredth of the tolerance before it is reported.
    Cost: a second or two to compile a model of 50 states, milliseconds from the cache.
    """

    norm: Literal["rms", "max"] = "rms"
    hit_outputs: bool = False
    width: int | None = None
    cache: str | Path | Literal[False] | None = None
    precision: Literal["double", "single"] = "double"
    _codes: dict[tuple[str, ...], Code] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)
    _recent: dict[str, tuple[Schedule | None, tuple[float, int], BreakPoints]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.norm not in {"rms", "max"}:
            raise ModelError(f"no norm '{self.norm}'", remedy="choose 'rms' or 'max'")
        if self.precision not in {"double", "single"}:
            raise ModelError(f"no precision '{self.precision}'", remedy="choose 'double', or 'single' for screening")
        if self._doubles not in {2, 4, 8}:
            raise ModelError(f"{self._doubles} lanes are not offered", remedy="choose 2, 4 or 8")

    @cached_property
    def _doubles(self) -> int:
        given = os.environ.get("SENOSPINE_LANES")
        machine = this_machine()
        fits = len(self.model.states) < LARGE or not machine.halves
        return self.width or (int(given) if given and given.isdigit() else machine.width // (1 if fits else 2))

    @property
    def _single(self) -> bool:
        return self.precision == "single"

    @property
    def lanes(self) -> int:
        """Number of lanes."""
        return self._doubles * (2 if self._single else 1)

    @property
    def screening(self) -> bool:
        """Whether what the kernel solves is for screening only."""
        return self._single

    @property
    def code_path(self) -> str:
        """What decides the bits of a result beside its inputs."""
        words = "float32, for screening only" if self._single else "float64"
        return f"lanes {self.lanes}, emitter {EMITTER}, {this_machine().name}, {words}"

    @cached_property
    def key(self) -> str:
        """Everything that decides the machine code: equations and names, no values."""
        model = self.model
        content = [
            EMITTER, self.lanes, self.precision, list(model.states), list(model.constants), list(self.outputs),
            [[name, repr(item)] for name, item in self._assignments.items()],
            [repr(model.rates[name]) for name in model.states],
            self.reductions and self.reductions.structure, [repr(event) for event in model.events],
        ]  # fmt: skip
        return json.dumps(content)

    @property
    def _assignments(self) -> dict[str, Expression]:
        """What is computed from states and constants, with the species asked for by amount or concentration."""
        wanted = (*self.outputs, *(self.reductions.outputs if self.reductions else ()))
        asked = {name: self.model.readable[name] for name in wanted if name in self.model.readable}
        return {**self.model.assignments, **asked}

    @cached_property
    def in_step(self) -> LaneKernel:
        """The same kernel with lanes that keep the steps of the first of their group, and without reductions."""
        from senospine.engine.following import FollowingKernel

        return FollowingKernel(self.model, self.outputs, (), self.norm, self.hit_outputs, self.lanes, self.cache)

    def build(self) -> bool:
        """Compile the model now, not at the first solve; return whether the cache held it."""
        return self._code().from_cache

    def _code(self, observed: tuple[str, ...] = ()) -> Code:
        """Return the code, and of decisions its variant that looks at what they observe."""
        with self._lock:
            if observed not in self._codes:
                folder = None if self.cache is False else Path(self.cache) if self.cache else default_folder()
                key = self.key if not observed else json.dumps([self.key, observed])
                self._codes[observed] = load_code(key, lambda: self.write(observed), ("run", "size"), folder)
            return self._codes[observed]

    def write(self, observed: tuple[str, ...] = ()) -> str:
        """Return the model's code as LLVM text; seldom needed, for the machine code is cached."""
        from senospine.engine.driver import write_driver
        from senospine.engine.system import read_system

        model = self.model
        names = list(model.constants)
        system = read_system(
            model.states, names, self._assignments, model.rates, self.outputs, self.reductions, observed,
            model.events,
        )  # fmt: skip
        return write_driver(system, self.lanes, single=self._single)

    @property
    def _usual_rtol(self) -> float:
        return SINGLE_RTOL if self._single else DEFAULT_RTOL

    def _solve(self, asked: Asked) -> Solution:
        rtol, times, schedule, start, n = asked.rtol, asked.times, asked.schedule, asked.start, asked.count
        if self._single and rtol < SINGLE_TIGHTEST:
            raise ModelError(
                f"rtol {rtol:g} is more than single precision can hold",
                remedy=f"ask for {SINGLE_TIGHTEST:g} or more, or compile with precision='double'",
            )
        table = self._break_points(schedule, start, n)
        stored = 0
        if self.model.events:
            table, stored = with_events(table, self.model.events, list(self.model.constants), asked.constants, start)
        problem = Problem(
            np.ascontiguousarray(asked.first), np.ascontiguousarray(asked.constants), times, table, start,
            asked.max_steps, asked.threads, asked.edges, self._rules(schedule, start, n), stored,
        )  # fmt: skip
        if rtol < TIGHTEST:
            run = Run.refused(problem, len(self.outputs), self._slots)
        else:
            run = self._run(problem, rtol)
            again = np.flatnonzero((run.status == Status.STEP_TOO_SMALL) | (run.status == Status.NOT_FINITE))
            if again.size:
                tighter = SINGLE_TIGHTEST if self._single else max(rtol / 100, 10 * TIGHTEST)
                run.take(again, self._run(problem.only(again), tighter))
        failures = tuple(self._failure(run, int(subject)) for subject in np.flatnonzero(run.status))
        for failure in failures:
            own = times if times.ndim == 1 else times[failure.subject]
            run.values[failure.subject, own >= failure.time] = math.nan
        columns = {name: run.values[:, : asked.outputs_at.shape[-1], index] for index, name in enumerate(self.outputs)}
        words = f"{RODAS5P.name}, {self.code_path}, rtol {rtol:g}, {self.norm} norm"
        run.gathered[run.status != Status.OK] = math.nan
        reduced = self.reductions.values(run.gathered, asked.edges) if self.reductions else {}
        decided = None if problem.rules is None or schedule is None else read_record(schedule, table, run.record)
        return Solution(asked.outputs_at, columns, run.status, failures, words, run.steps, reduced, decided)

    def _break_points(self, schedule: Schedule | None, start: float, n: int) -> BreakPoints:
        """Return the break points, from the last solve if it had the same schedule."""
        recent = self._recent.get("table")
        if recent is None or recent[0] is not schedule or recent[1] != (start, n):
            table = BreakPoints.of(schedule, self.model.states, list(self.model.constants), start, n)
            recent = self._recent["table"] = (schedule, (start, n), table)
        return recent[2]

    def _rules(self, schedule: Schedule | None, start: float, n: int) -> Rules | None:
        if schedule is None or not schedule.decisions:
            return None
        return Rules.of(schedule.decisions, self.model.states, self.model.outputs, start, n)

    @property
    def _slots(self) -> int:
        return self.reductions.slots if self.reductions else 0

    def _failure(self, run: Run, subject: int) -> Failure:
        state = self.model.states[int(run.failed_state[subject])]
        return Failure(subject, Status(int(run.status[subject])), float(run.failed_time[subject]), state)

    def _run(self, problem: Problem, rtol: float) -> Run:
        """Solve a problem with one tolerance."""
        rules = problem.rules
        code = self._code(rules.observed if rules else ())
        n, times, table = problem.count, problem.times, problem.table
        run = Run.empty(n, times.shape[-1], len(self.outputs), self._slots, table.longest if rules else 0)
        levels = np.array(self.reductions.levels if self.reductions else (), dtype=float)
        scales = rtol * np.array([self.model.scale(name) for name in self.model.states])
        job = _aligned(Job.SIZE).view(np.int64)  # the queue has a cache line of its own
        arrays: dict[Job, NDArray[Any]] = {
            Job.TIMES: times, Job.INITIAL: problem.first, Job.PARAMETERS: problem.values, Job.TABLE: table.of_subject,
            Job.ROW_START: table.row_start, Job.ROW_TIME: table.row_time, Job.ACTION_START: table.action_start,
            Job.ACTION_KIND: table.kind, Job.ACTION_INDEX: table.index, Job.ACTION_VALUE: table.value,
            Job.ATOL: scales, Job.RESULT: run.values, Job.STATUS: run.status, Job.STEPS: run.steps,
            Job.FAILED_TIME: run.failed_time, Job.FAILED_STATE: run.failed_state,
            Job.EDGES: problem.edges, Job.LEVELS: levels, Job.GATHERED: run.gathered,
        }  # fmt: skip
        store = np.full((n, problem.stored), math.nan)
        if self.model.events:
            arrays |= {Job.ROW_EARLY: table.early, Job.EVENT_STORE: store}
            job[Job.EVENT_STRIDE] = problem.stored
        if rules:
            states = np.tile([0.0, 1.0], (n, len(rules.target), 1))
            arrays |= {
                Job.PARTNER: np.ascontiguousarray(table.partner), Job.RECORD: run.record, Job.RULE_OUTPUT: rules.output,
                Job.RULE_TARGET: rules.target, Job.RULE_STEPS: rules.steps, Job.RULE_NUMBERS: rules.numbers,
                Job.RULE_STATE: states,
            }  # fmt: skip
            job[Job.RECORD_STRIDE], job[Job.RULES] = table.longest, len(rules.target)
            job[Job.RULE_STRIDE] = 0 if len(rules.numbers) == 1 else rules.numbers[0].size
        for place, array in arrays.items():
            job[place] = array.ctypes.data
        job[Job.SUBJECTS], job[Job.TIMES_COUNT] = n, times.shape[-1]
        job[Job.TIMES_STRIDE] = 0 if times.ndim == 1 else times.shape[-1]
        job[Job.EDGES_STRIDE] = 0 if len(problem.edges) == 1 else problem.edges[0].size
        job[Job.MAX_STEPS] = problem.max_steps
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
    if not model.states:
        return "it has no states"
    formulas = [*model.rates.values(), *model.assignments.values(), *(item for item in model.readable.values())]
    assigned = [item for event in model.events for item in event.assigned]
    formulas += [part for item in assigned for part in (item.value, item.factor) if part is not None]
    used = {node.operator for formula in formulas for node in walk(formula) if isinstance(node, Call)}
    unknown = sorted(used - OFFERED)
    return f"it uses '{unknown[0]}'" if unknown else ""


def _aligned(count: int) -> Array:
    """Return zeros that begin on a cache line."""
    raw = np.zeros(count + 8)
    return raw[(-raw.ctypes.data % 64) // 8 :][:count]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
