"""What is done to single lanes, seldom: take a subject, record outputs, act at break points, end."""

from __future__ import annotations

import math

from senospine.engine.breakpoints import DECIDE, EXECUTE, TRIGGER
from senospine.engine.happening import Happening
from senospine.engine.layout import Flag, Job
from senospine.engine.status import Status
from senospine.engine.system import System
from senospine.engine.tableaus import RODAS5P
from senospine.engine.vectors import REAL, WHOLE, Value, number, whole


class Service(Happening):
    """Writes the functions of job and workspace that serve lanes.

    Attributes
    ----------
    record : ``()``
        Writes all outputs up to each lane's time.
    fail : ``(lane, status)``
        Ends a subject that cannot go on, and says where and in which state.
    load : ``() -> lanes filled``
    settle : ``() -> lanes freed``
    """

    def __init__(self, system: System, width: int, *, single: bool = False) -> None:
        super().__init__(system, width, single=single)
        self.record = self._write_record()
        self.fail = self._write_fail()
        self.load = self._write_load()
        self.settle = self._write_settle()

    def _next_due(self, lane: Value) -> None:
        """Set the lane's next output time, infinite after the last."""
        here, layout = self.lanes.here, self.layout
        column, count = self.of_lane(layout.column, lane, WHOLE), self.entry(Job.TIMES_COUNT)
        self.set_lane(number(math.inf), layout.due, lane)
        with here.if_then(here.icmp_signed("<", column, count)):
            subject = self.of_lane(layout.subject, lane, WHOLE)
            index = here.add(here.mul(subject, self.entry(Job.TIMES_STRIDE)), column)
            self.set_lane(self.since(self.array(Job.TIMES, index), lane), layout.due, lane)
        self.wait_for_events(lane)

    def _next_stop(self, lane: Value) -> None:
        """Set the lane's next break point, infinite after the last."""
        here, layout = self.lanes.here, self.layout
        row, last = (self.of_lane(place, lane, WHOLE) for place in (layout.row, layout.last_row))
        self.set_lane(number(math.inf), layout.stop, lane)
        with here.if_then(here.icmp_signed("<", row, last)):
            self.set_lane(self.since(self.array(Job.ROW_TIME, row), lane), layout.stop, lane)
        self.wait_for_events(lane)

    def _write_record(self) -> Value:
        lanes, layout = self.lanes, self.layout

        def pending() -> Value:
            reached = lanes.compare("<=", self.vector(layout.due), self.vector(layout.time))
            return lanes.here.and_(self.is_active(), reached)

        def scatter(lane: Value) -> None:
            here, outputs = lanes.here, whole(len(self.system.outputs))
            due, now = self.of_lane(layout.due, lane), self.of_lane(layout.time, lane)

            def write() -> None:
                with here.if_then(here.fcmp_ordered("<=", due, now)):
                    subject, column = (self.of_lane(place, lane, WHOLE) for place in (layout.subject, layout.column))
                    row = here.add(here.mul(subject, self.entry(Job.TIMES_COUNT)), column)
                    first = here.mul(row, outputs)

                    def copy(index: Value) -> None:
                        value = self.element(layout.outputs, index, lane)
                        self.set_array(Job.RESULT, here.add(first, index), value)

                    lanes.loop(outputs, copy)
                    self.set_lane(here.add(column, whole(1)), layout.column, lane)
                    self._next_due(lane)

            self.if_active(lane, write)

        def body() -> None:
            def one_round(_: Value) -> None:
                due, now, one = self.vector(layout.due), self.vector(layout.time), lanes.real(1.0)
                inside = lanes.here.and_(pending(), lanes.compare("<", due, now))
                length = lanes.divide(lanes.subtract(due, self.vector(layout.before)), self.vector(layout.step))
                self.set_vector(lanes.choose(inside, length, one), layout.fraction)
                self.set_vector(lanes.choose(inside, due, now), layout.moment)
                lanes.here.call(self.method.between, [self.workspace])
                state = lanes.place(self.workspace, layout.weight)
                lanes.here.call(self.code.outputs, [self.workspace, state])
                lanes.loop(lanes.width, scatter)

            lanes.repeat(whole(0), lambda _: lanes.any(pending()), one_round)

        return self.function("record", 0, body)

    def _release(self, lane: Value, status: Value) -> None:
        """Report a subject's end and free its lane."""
        here, layout = self.lanes.here, self.layout
        subject = self.of_lane(layout.subject, lane, WHOLE)
        self.set_array(Job.STATUS, subject, status)
        for offset, place in enumerate((layout.accepted, layout.rejected)):
            count = here.fptosi(self.of_lane(place, lane), WHOLE)
            index = here.add(here.mul(subject, whole(2)), whole(offset))
            self.set_array(Job.STEPS, index, count)
        self.finish_reductions(lane)
        for place, value in ((layout.active, 0.0), (layout.due, math.inf), (layout.stop, math.inf), (layout.step, 1.0)):
            self.set_lane(number(value), place, lane)

    def _write_fail(self) -> Value:
        """Write ``fail(lane, status)``: where and in which state the subject failed, then its end."""
        lanes, layout, n = self.lanes, self.layout, self.system.states

        def body(lane: Value, status: Value) -> None:
            here = lanes.here
            here.call(self.code.change, [self.workspace])
            worst, culprit, size = (
                here.alloca(REAL),
                here.alloca(WHOLE),
                self.lanes.outside("llvm.fabs.f64", REAL, [REAL]),
            )
            here.store(number(-1.0), worst)
            here.store(whole(0), culprit)
            last = layout.stages + (RODAS5P.stages - 1) * n

            def look(index: Value) -> None:
                rate = here.call(size, [self.element(layout.rate, index, lane)])
                state = here.call(size, [self.element(layout.state, index, lane)])
                error = here.call(size, [self.element(last, index, lane)])
                atol = self.element(layout.atol, index, lane)
                scale = here.fadd(atol, here.fmul(self.of_lane(layout.rtol, lane), state))
                scaled = here.fdiv(error, scale)
                unknown = here.fcmp_unordered("uno", scaled, scaled)
                scaled = here.select(unknown, number(1e300), scaled)
                finite = here.fcmp_ordered("<", here.fadd(rate, state), number(math.inf))
                scaled = here.select(finite, scaled, number(math.inf))  # a rate or state that is not finite comes first
                with here.if_then(here.fcmp_ordered(">", scaled, here.load(worst, typ=REAL))):
                    here.store(scaled, worst)
                    here.store(index, culprit)

            lanes.loop(n, look)
            subject = self.of_lane(layout.subject, lane, WHOLE)
            failed = here.fadd(self.begin(lane), self.of_lane(layout.time, lane))
            self.set_array(Job.FAILED_TIME, subject, failed)
            self.set_array(Job.FAILED_STATE, subject, here.load(culprit, typ=WHOLE))
            self._release(lane, status)

        return self.function("fail", 2, body)

    def _write_load(self) -> Value:
        """Write ``load() -> number of lanes filled``: gives each free lane the next subject of the queue."""
        lanes, layout, n = self.lanes, self.layout, self.system.states

        def fill(lane: Value, subject: Value) -> None:
            here = lanes.here

            def copy_state(index: Value) -> None:
                value = self.array(Job.INITIAL, here.add(here.mul(subject, whole(n)), index))
                self.set_element(value, layout.state, index, lane)
                self.set_element(value, layout.trial, index, lane)
                self.set_element(number(0.0), layout.extra, index, lane)

            def copy_parameter(index: Value) -> None:
                first = here.mul(subject, whole(self.system.parameters))
                self.set_element(self.array(Job.PARAMETERS, here.add(first, index)), layout.parameters, index, lane)

            lanes.loop(n, copy_state)
            lanes.loop(self.system.parameters, copy_parameter)
            start = self.entry(Job.START, REAL)
            if lanes.single:
                self.set_begin(start, lane)
                start = number(0.0)
            for place, value in (
                (layout.time, start), (layout.before, start), (layout.step, number(1.0)),
                (layout.proposed, number(1.0)), (layout.active, number(1.0)), (layout.fresh, number(1.0)),
                (layout.refused, number(0.0)), (layout.accepted, number(0.0)), (layout.rejected, number(0.0)),
            ):  # fmt: skip
                self.set_lane(value, place, lane)
            table = self.array(Job.TABLE, subject, WHOLE)
            self.set_lane(subject, layout.subject, lane)
            self.set_lane(self.array(Job.ROW_START, table, WHOLE), layout.row, lane)
            self.set_lane(self.array(Job.ROW_START, here.add(table, whole(1)), WHOLE), layout.last_row, lane)
            self.set_lane(whole(0), layout.column, lane)
            self._next_due(lane)
            self._next_stop(lane)
            self.begin_reductions(lane)
            self.set_flag(Flag.DIRTY, 1)

        def body() -> None:
            here = lanes.here
            filled = here.alloca(WHOLE)
            here.store(whole(0), filled)

            def look(lane: Value) -> None:
                free = here.fcmp_ordered("==", self.of_lane(layout.active, lane), number(0.0))
                left = here.icmp_signed("<", self.entry(Job.NEXT_SUBJECT), self.entry(Job.SUBJECTS))
                with here.if_then(here.and_(free, left)):
                    subject = here.atomic_rmw("add", self.job, whole(1), "monotonic")
                    with here.if_then(here.icmp_signed("<", subject, self.entry(Job.SUBJECTS))):
                        fill(lane, subject)
                        here.store(here.add(here.load(filled, typ=WHOLE), whole(1)), filled)

            lanes.loop(lanes.width, look)
            here.ret(here.load(filled, typ=WHOLE))

        return self.function("load", 0, body, WHOLE)

    def _act(self, lane: Value) -> None:
        """Do the actions of the lane's break point, in their order, and go on to the next."""
        lanes, here, layout = self.lanes, self.lanes.here, self.layout
        row = self.of_lane(layout.row, lane, WHOLE)
        last = self.array(Job.ACTION_START, here.add(row, whole(1)), WHOLE)

        def act(number: Value) -> None:
            kind, index = (self.array(place, number, WHOLE) for place in (Job.ACTION_KIND, Job.ACTION_INDEX))
            value = self.array(Job.ACTION_VALUE, number)
            with here.if_then(here.icmp_signed("==", kind, whole(0))):
                dose = self.dosed(lane, number, index, value)
                total = here.fadd(dose, self.element(layout.state, index, lane))
                self.set_element(total, layout.state, index, lane)
            with here.if_then(here.icmp_signed("==", kind, whole(1))):
                self.set_element(value, layout.parameters, index, lane)
                self.set_flag(Flag.DIRTY, 1)
            with here.if_then(here.icmp_signed("==", kind, whole(2))):
                rate = self.dosed(lane, number, index, value)
                total = here.fadd(rate, self.element(layout.extra, index, lane))
                self.set_element(total, layout.extra, index, lane)
                self.set_flag(Flag.INFUSING, 1)
            if self.decides:
                with here.if_then(here.icmp_signed("==", kind, whole(DECIDE))):
                    self.call(self.decide, lane, index, number)
            if self.happens:
                with here.if_then(here.icmp_signed("==", kind, whole(TRIGGER))):
                    self.trigger(lane, index, here.fptosi(value, WHOLE))
                with here.if_then(here.icmp_signed("==", kind, whole(EXECUTE))):
                    self.execute(lane, index, here.fptosi(value, WHOLE))

        first = self.array(Job.ACTION_START, row, WHOLE)
        lanes.repeat(first, lambda number: here.icmp_signed("<", number, last), act)
        self.set_lane(here.add(row, whole(1)), layout.row, lane)
        if lanes.single:
            self.bank_reductions(lane)
            self.set_begin(self.array(Job.ROW_TIME, row), lane)
            self.set_edges(lane)
            self.set_lane(number(0.0), layout.time, lane)
            self._next_due(lane)
        self._next_stop(lane)
        self.set_lane(number(1.0), layout.fresh, lane)
        self.set_lane(number(0.0), layout.refused, lane)
        if self.happens:
            with here.if_then(here.icmp_signed("!=", self.array(Job.ROW_EARLY, row, WHOLE), whole(0))):
                self._record_after(lane)

    def _act_all(self, lane: Value) -> None:
        """Act at all rows of this moment, until the last output is recorded."""
        here, layout = self.lanes.here, self.layout

        def more(_: Value) -> Value:
            there = here.fcmp_ordered("==", self.of_lane(layout.time, lane), self.of_lane(layout.stop, lane))
            return here.and_(there, here.not_(self.is_finished(lane)))

        self.lanes.repeat(whole(0), more, lambda _: self._act(lane))

    def _record_after(self, lane: Value) -> None:
        """Record what was due at this moment and waited for the events at it."""
        layout = self.layout

        def copy(index: Value) -> None:
            self.set_element(self.element(layout.state, index, lane), layout.trial, index, lane)

        self.lanes.loop(self.system.states, copy)
        self._next_due(lane)
        self.refresh()
        self.call(self.record)
        if self.reduce_start is not None:
            self.set_lane(number(0.0), layout.begun, lane)
            self.call(self.reduce_start)

    def _write_settle(self) -> Value:
        """Write ``settle() -> lanes freed``: ends subjects that are done or out of steps, and does what is due."""
        lanes, layout = self.lanes, self.layout

        def body() -> None:
            here = lanes.here
            freed = here.alloca(WHOLE)
            here.store(whole(0), freed)

            def count() -> None:
                here.store(here.add(here.load(freed, typ=WHOLE), whole(1)), freed)

            def look(lane: Value) -> None:
                def go_on() -> None:
                    steps = here.fadd(self.of_lane(layout.accepted, lane), self.of_lane(layout.rejected, lane))
                    spent = here.fcmp_ordered(">=", steps, here.sitofp(self.entry(Job.MAX_STEPS), REAL))
                    with here.if_else(spent) as (yes, no):
                        with yes:
                            self.call(self.fail, lane, whole(Status.STEP_LIMIT))
                            count()
                        with no:
                            now, stop = self.of_lane(layout.time, lane), self.of_lane(layout.stop, lane)
                            if not self.happens:
                                with here.if_then(here.fcmp_ordered("==", now, stop)):
                                    self._act(lane)
                                return
                            # events at a moment, then outputs, then all else: two rows at one time
                            self._act_all(lane)
                            with here.if_then(self.is_finished(lane)):
                                self._release(lane, whole(Status.OK))
                                count()

                def inside() -> None:
                    done = here.fcmp_ordered("==", self.of_lane(layout.due, lane), number(math.inf))
                    with here.if_else(done) as (yes, no):
                        with yes:
                            self._release(lane, whole(Status.OK))
                            count()
                        with no:
                            go_on()

                self.if_active(lane, inside)

            lanes.loop(lanes.width, look)
            here.ret(here.load(freed, typ=WHOLE))

        return self.function("settle", 0, body, WHOLE)
