"""What Python and the machine code agree on: the job table, the workspace, and the number of the code emitted."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from senospine.engine.tableaus import METHODS

if TYPE_CHECKING:
    from senospine.engine.system import System

#: counts as part of the cache key; raise it with every change of what is emitted
EMITTER = 5


class Job(IntEnum):
    """Places in the job table, an array of 64-bit numbers and addresses that all threads share."""

    NEXT_SUBJECT = 0  # the queue; on a cache line of its own
    SUBJECTS = 8
    TIMES_COUNT = 9
    TIMES = 10  # address of doubles
    TIMES_STRIDE = 11  # 0 if all subjects share their times
    INITIAL = 12
    PARAMETERS = 13
    TABLE = 14  # address of each subject's table number
    ROW_START = 15  # address: first row of each table, and the end of the last
    ROW_TIME = 16
    ACTION_START = 17  # address: first action of each row, and the end of the last
    ACTION_KIND = 18  # 0 add to state, 1 set parameter, 2 add to rate
    ACTION_INDEX = 19
    ACTION_VALUE = 20
    ATOL = 21
    RESULT = 22  # address of doubles (subjects, times, outputs)
    STATUS = 23
    STEPS = 24  # address of whole numbers (subjects, 2): accepted, rejected
    FAILED_TIME = 25
    FAILED_STATE = 26
    MAX_STEPS = 27
    METHOD = 28
    NORM = 29
    HIT_OUTPUTS = 30
    RTOL = 31  # bits of a double, as the next two
    START = 32
    SMALLEST_STEP = 33
    SIZE = 40


class Layout:
    """Where each quantity stands in the workspace, counted in vectors."""

    def __init__(self, system: System) -> None:
        self.size = 0
        n, stages = system.states, max(method.stages for method in METHODS)
        # one vector each; subject, row, last_row and column hold whole numbers
        self.subject, self.row, self.last_row, self.column = (self._take(1) for _ in range(4))
        self.flags = self._take(1)  # whole numbers that concern all lanes, see Flag
        self.time, self.before, self.step, self.proposed = (self._take(1) for _ in range(4))
        self.stop, self.limit, self.due = (self._take(1) for _ in range(3))
        self.active, self.refused, self.fresh, self.accepted, self.rejected = (self._take(1) for _ in range(5))
        self.error, self.fraction, self.moment, self.stage_time = (self._take(1) for _ in range(4))
        self.pivot, self.sound = (self._take(1) for _ in range(2))
        self.rtol, self.exponent = (self._take(1) for _ in range(2))
        self.atol = self._take(n)
        self.state, self.trial, self.rate, self.extra = (self._take(n) for _ in range(4))
        self.first_weight, self.weight, self.by_time = (self._take(n) for _ in range(3))
        self.parameters = self._take(system.parameters)
        self.hoisted = self._take(len(system.hoisted))
        self.factors = self._take(len(system.plan.slots))
        self.stages = self._take(n * stages)
        self.outputs = self._take(len(system.outputs))

    def _take(self, count: int) -> int:
        start = self.size
        self.size += count
        return start


class Flag:
    """Places in the vector of flags (a workspace has at least two lanes, so at least two)."""

    DIRTY, INFUSING = 0, 1
