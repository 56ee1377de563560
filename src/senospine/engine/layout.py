"""What Python and the machine code agree on: the job table, the workspace, and the number of the code emitted."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from senospine.engine.tableaus import RODAS5P

if TYPE_CHECKING:
    from senospine.engine.system import System

#: counts as part of the cache key; raise it with every change of what is emitted (5 to 8 stood for parts of what 9 has
#: together, in copies that may still have caches)
EMITTER = 9


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
    ACTION_KIND = 18  # 0 add to state, 1 set parameter, 2 add to rate, 3 decide, 4 trigger, 5 execute an event
    ACTION_INDEX = 19
    ACTION_VALUE = 20
    ATOL = 21
    RESULT = 22  # address of doubles (subjects, times, outputs)
    STATUS = 23
    STEPS = 24  # address of whole numbers (subjects, 2): accepted, rejected
    FAILED_TIME = 25
    FAILED_STATE = 26
    MAX_STEPS = 27
    NORM = 29
    HIT_OUTPUTS = 30
    RTOL = 31  # bits of a double, as the next two
    START = 32
    SMALLEST_STEP = 33
    EDGES = 34  # address of doubles (1 or subjects, windows, 2)
    EDGES_STRIDE = 35  # 0 if all subjects share them
    LEVELS = 36  # address of doubles, one a cell
    GATHERED = 37  # address of doubles (subjects, slots)
    PARTNER = 38  # address of whole numbers: of an infusion's end the action that started it
    RECORD = 39  # address of doubles (subjects, stride, 2): the factor of each action, and what a visit saw
    RECORD_STRIDE = 40  # actions of the longest table
    RULES = 41  # how many
    RULE_OUTPUT = 42  # address: which of the observed outputs
    RULE_TARGET = 43
    RULE_STEPS = 44  # address: 1 for what steps down for good
    RULE_NUMBERS = 45  # address of doubles (1 or subjects, rules, 4): sign, threshold, recovery, factor
    RULE_STRIDE = 46  # 0 if all subjects share them
    RULE_STATE = 47  # address of doubles (subjects, rules, 2): whether on, and the factor in force
    ROW_EARLY = 48  # address of whole numbers: 1 for rows before outputs are recorded
    EVENT_STORE = 49  # address of doubles (subjects, stride): what events keep from their triggers
    EVENT_STRIDE = 50
    SIZE = 64


class Layout:
    """Where each quantity stands in the workspace, counted in vectors."""

    def __init__(self, system: System, *, single: bool = False) -> None:
        self.size = 0
        eight = 2 if single else 1  # vectors that hold 64 bits for each lane
        n, stages = system.states, RODAS5P.stages
        # one vector each; subject, row, last_row and column hold whole numbers
        self.subject, self.row, self.last_row, self.column = (self._take(eight) for _ in range(4))
        # single precision counts each lane's time from its last break point: that moment as doubles, and in lanes
        self.begin_exact, self.begin = self._take(eight), self._take(1)
        self.flags = self._take(1)  # whole numbers that concern all lanes, see Flag
        self.time, self.before, self.step, self.proposed = (self._take(1) for _ in range(4))
        self.stop, self.limit, self.due = (self._take(1) for _ in range(3))
        self.active, self.refused, self.fresh, self.accepted, self.rejected = (self._take(1) for _ in range(5))
        self.error, self.fraction, self.moment, self.stage_time = (self._take(1) for _ in range(4))
        self.pivot, self.sound = (self._take(1) for _ in range(2))
        self.rtol = self._take(1)
        self.atol = self._take(n)
        self.state, self.trial, self.rate, self.extra = (self._take(n) for _ in range(4))
        self.weight, self.by_time = (self._take(n) for _ in range(2))
        self.parameters = self._take(system.parameters)
        self.hoisted = self._take(len(system.hoisted))
        self.factors = self._take(len(system.plan.slots))
        self.stages = self._take(n * stages)
        self.outputs = self._take(len(system.outputs))
        self.observed = self._take(len(system.observed))
        self.event = self._take(max((2 * len(event.states) for event in system.events), default=0))
        plan = system.reductions
        if plan is not None:
            self.edges, self.levels = self._take(2 * len(plan.windows)), self._take(len(plan.cells))
            self.gathered, self.begun = self._take(plan.slots), self._take(1)
            self.piece, self.piece_end, self.scratch = self._take(1), self._take(1), self._take(8)
            self.dense = self._take(len(RODAS5P.dense) * len(system.watched))
            self.samples = self._take(6 * len(system.reduced))

    def _take(self, count: int) -> int:
        start = self.size
        self.size += count
        return start


class Flag:
    """Places in the vector of flags (a workspace has at least two lanes, so at least two)."""

    DIRTY, INFUSING = 0, 1
