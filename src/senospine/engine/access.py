"""Access to the job table and the workspace from code under construction."""

from __future__ import annotations

from collections.abc import Callable

from senospine.engine.emit import SystemCode
from senospine.engine.layout import Job
from senospine.engine.steps import StepCode, write_start
from senospine.engine.system import System
from senospine.engine.tableaus import RODAS5P
from senospine.engine.vectors import POINTER, REAL, WHOLE, Lanes, Value, number, whole


class Access:
    """A module with the code of a system and its method, and the words to write what drives them.

    ``job`` and ``workspace`` are the arguments of the function being written.
    """

    def __init__(self, system: System, width: int, *, single: bool = False) -> None:
        self.lanes = Lanes(width, single=single)
        self.system = system
        self.code = SystemCode(self.lanes, system)
        self.layout = self.code.layout
        self.method = StepCode(self.code, RODAS5P)
        self.start = write_start(self.code, RODAS5P.order)
        self.job: Value = None
        self.workspace: Value = None

    def entry(self, place: Job, kind: Value = WHOLE) -> Value:
        """Return an entry of the job table."""
        return self.lanes.scalar(self.job, whole(place), kind)

    def array(self, place: Job, index: Value, kind: Value = REAL) -> Value:
        """Return element ``index`` of an array that the job table points to."""
        return self.lanes.scalar(self.entry(place, POINTER), index, kind)

    def set_array(self, place: Job, index: Value, value: Value) -> None:
        """Write element ``index`` of an array that the job table points to."""
        self.lanes.set_scalar(value, self.entry(place, POINTER), index)

    def vector(self, place: int) -> Value:
        """Return a vector of the workspace."""
        return self.lanes.load(self.workspace, place)

    def set_vector(self, value: Value, place: int) -> None:
        """Write a vector of the workspace."""
        self.lanes.store(value, self.workspace, place)

    def of_lane(self, place: int, lane: Value, kind: Value = REAL) -> Value:
        """Return one lane of a vector."""
        return self._taken(self.lanes.place(self.workspace, place), lane, kind)

    def _taken(self, base: Value, lane: Value, kind: Value = REAL) -> Value:
        if kind == REAL:
            return self.lanes.widened(self.lanes.scalar(base, lane, self.lanes.element))
        return self.lanes.scalar(base, lane, kind)

    def _put(self, value: Value, base: Value, lane: Value) -> None:
        self.lanes.set_scalar(self.lanes.narrowed(value) if value.type == REAL else value, base, lane)

    def set_lane(self, value: Value, place: int, lane: Value) -> None:
        """Write one lane of a vector."""
        self._put(value, self.lanes.place(self.workspace, place), lane)

    def element(self, place: int, index: Value, lane: Value) -> Value:
        """Return lane ``lane`` of vector ``place + index``."""
        base = self.lanes.place(self.workspace, self.lanes.here.add(index, whole(place)))
        return self._taken(base, lane)

    def set_element(self, value: Value, place: int, index: Value, lane: Value) -> None:
        """Write lane ``lane`` of vector ``place + index``."""
        base = self.lanes.place(self.workspace, self.lanes.here.add(index, whole(place)))
        self._put(value, base, lane)

    def begin(self, lane: Value) -> Value:
        """Return the moment that a lane counts its time from: zero in double precision."""
        if not self.lanes.single:
            return number(0.0)
        return self.lanes.scalar(self.lanes.place(self.workspace, self.layout.begin_exact), lane)

    def since(self, moment: Value, lane: Value) -> Value:
        """Return a moment as the lane counts it."""
        return self.lanes.here.fsub(moment, self.begin(lane)) if self.lanes.single else moment

    def held(self, number: Value) -> Value:
        """Return a double as it comes back from a lane."""
        return self.lanes.widened(self.lanes.narrowed(number))

    def set_begin(self, moment: Value, lane: Value) -> None:
        """Count a lane's time from a moment."""
        self.lanes.set_scalar(moment, self.lanes.place(self.workspace, self.layout.begin_exact), lane)
        self.set_lane(moment, self.layout.begin, lane)

    def flag(self, which: int) -> Value:
        """Return a flag that concerns all lanes."""
        return self.of_lane(self.layout.flags, whole(which), WHOLE)

    def set_flag(self, which: int, value: int) -> None:
        """Write a flag that concerns all lanes."""
        self.set_lane(whole(value), self.layout.flags, whole(which))

    def function(self, name: str, arguments: int, body: Callable[..., None], result: Value = None) -> Value:
        """Write an inner function of job, workspace and whole numbers."""
        kinds = [POINTER, POINTER, *[WHOLE] * arguments]
        with self.lanes.function(name, kinds, result) as function:
            before = self.job, self.workspace
            self.job, self.workspace = function.args[:2]
            body(*function.args[2:])
            self.job, self.workspace = before
        return function

    def call(self, function: Value, *items: Value) -> Value:
        """Call a function of job, workspace and whole numbers."""
        return self.lanes.here.call(function, [self.job, self.workspace, *items])

    def is_active(self) -> Value:
        """Return which lanes have a subject."""
        return self.lanes.compare("!=", self.vector(self.layout.active), self.lanes.real(0.0))

    def if_active(self, lane: Value, body: Callable[[], None]) -> None:
        """Do ``body`` if the lane has a subject."""
        active = self.of_lane(self.layout.active, lane)
        with self.lanes.here.if_then(self.lanes.here.fcmp_ordered("!=", active, number(0.0))):
            body()
