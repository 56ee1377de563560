"""What Python and the machine code agree on: the job table, and the number that says which code is emitted."""

from __future__ import annotations

from enum import IntEnum

#: counts as part of the cache key; raise it with every change of what is emitted
EMITTER = 2


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
