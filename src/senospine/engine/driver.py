"""The driver as LLVM code: every lane solves a subject of its own and takes the next one when it is done.

Steps are limited by break points (doses, infusions, switches) only; outputs between are interpolated, so steps do not
depend on them. Which lane or thread a subject falls to is decided by an atomic counter and changes no number of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from senospine.engine.emit import Flag, SystemCode
from senospine.engine.layout import Job
from senospine.engine.status import Status
from senospine.engine.steps import StepCode, write_start
from senospine.engine.system import System
from senospine.engine.tableaus import METHODS
from senospine.engine.vectors import POINTER, REAL, WHOLE, Lanes, Value, number, whole

SAFETY, SHRINK, GROW = 0.9, 0.1, 6.0


def write_driver(system: System, width: int) -> str:
    """Return the LLVM text of ``run(job, workspace)`` for a system."""
    return _Driver(system, width).text()


class _Driver:
    def __init__(self, system: System, width: int) -> None:
        self.lanes = Lanes(width)
        self.code = SystemCode(self.lanes, system)
        self.layout, self.system = self.code.layout, system
        self.methods = [StepCode(self.code, method) for method in METHODS]
        self.start = write_start(self.code)
        self.job: Value = None
        self.workspace: Value = None
        self.record = self._write_record()
        self.fail = self._write_fail()
        self.load = self._write_load()
        self.settle = self._write_settle()
        self.control = self._write_control()
        self._write_run()
        self._write_size()

    def text(self) -> str:
        return str(self.lanes.module)

    # --------------------------------------------------------------- accessors

    def _entry(self, place: Job, kind: Value = WHOLE) -> Value:
        return self.lanes.scalar(self.job, whole(place), kind)

    def _array(self, place: Job, index: Value, kind: Value = REAL) -> Value:
        """Return element ``index`` of an array that the job table points to."""
        return self.lanes.scalar(self._entry(place, POINTER), index, kind)

    def _set_array(self, place: Job, index: Value, value: Value) -> None:
        self.lanes.set_scalar(value, self._entry(place, POINTER), index)

    def _vector(self, place: int) -> Value:
        return self.lanes.load(self.workspace, place)

    def _set_vector(self, value: Value, place: int) -> None:
        self.lanes.store(value, self.workspace, place)

    def _of_lane(self, place: int, lane: Value, kind: Value = REAL) -> Value:
        return self.lanes.scalar(self.lanes.place(self.workspace, place), lane, kind)

    def _set_lane(self, value: Value, place: int, lane: Value) -> None:
        self.lanes.set_scalar(value, self.lanes.place(self.workspace, place), lane)

    def _element(self, place: int, index: Value, lane: Value) -> Value:
        """Return lane ``lane`` of vector ``place + index``."""
        base = self.lanes.place(self.workspace, self.lanes.here.add(index, whole(place)))
        return self.lanes.scalar(base, lane)

    def _set_element(self, value: Value, place: int, index: Value, lane: Value) -> None:
        base = self.lanes.place(self.workspace, self.lanes.here.add(index, whole(place)))
        self.lanes.set_scalar(value, base, lane)

    def _flag(self, which: int) -> Value:
        return self._of_lane(self.layout.flags, whole(which), WHOLE)

    def _set_flag(self, which: int, value: int) -> None:
        self._set_lane(whole(value), self.layout.flags, whole(which))

    def _function(self, name: str, arguments: int, body: Callable[..., None], result: Value = None) -> Value:
        """Write an inner function of job, workspace and whole numbers."""
        kinds = [POINTER, POINTER, *[WHOLE] * arguments]
        with self.lanes.function(name, kinds, result) as function:
            before = self.job, self.workspace
            self.job, self.workspace = function.args[:2]
            body(*function.args[2:])
            self.job, self.workspace = before
        return function

    def _call(self, function: Value, *items: Value) -> Value:
        return self.lanes.here.call(function, [self.job, self.workspace, *items])

    def _by_method(self, first: Value, second: Value, *items: Value) -> None:
        here = self.lanes.here
        with here.if_else(here.icmp_signed("==", self._entry(Job.METHOD), whole(0))) as (yes, no):
            with yes:
                here.call(first, [self.workspace, *items])
            with no:
                here.call(second, [self.workspace, *items])

    def _is_active(self) -> Value:
        return self.lanes.compare("!=", self._vector(self.layout.active), self.lanes.real(0.0))

    def _if_active(self, lane: Value, body: Callable[[], None]) -> None:
        active = self._of_lane(self.layout.active, lane)
        with self.lanes.here.if_then(self.lanes.here.fcmp_ordered("!=", active, number(0.0))):
            body()

    # ------------------------------------------------------------------- parts

    def _next_due(self, lane: Value) -> None:
        """Set the lane's next output time, infinite after the last."""
        here, layout = self.lanes.here, self.layout
        column, count = self._of_lane(layout.column, lane, WHOLE), self._entry(Job.TIMES_COUNT)
        self._set_lane(number(math.inf), layout.due, lane)
        with here.if_then(here.icmp_signed("<", column, count)):
            subject = self._of_lane(layout.subject, lane, WHOLE)
            index = here.add(here.mul(subject, self._entry(Job.TIMES_STRIDE)), column)
            self._set_lane(self._array(Job.TIMES, index), layout.due, lane)

    def _next_stop(self, lane: Value) -> None:
        """Set the lane's next break point, infinite after the last."""
        here, layout = self.lanes.here, self.layout
        row, last = (self._of_lane(place, lane, WHOLE) for place in (layout.row, layout.last_row))
        self._set_lane(number(math.inf), layout.stop, lane)
        with here.if_then(here.icmp_signed("<", row, last)):
            self._set_lane(self._array(Job.ROW_TIME, row), layout.stop, lane)

    def _write_record(self) -> Value:
        lanes, layout = self.lanes, self.layout

        def pending() -> Value:
            reached = lanes.compare("<=", self._vector(layout.due), self._vector(layout.time))
            return lanes.here.and_(self._is_active(), reached)

        def scatter(lane: Value) -> None:
            here, outputs = lanes.here, whole(len(self.system.outputs))
            due, now = self._of_lane(layout.due, lane), self._of_lane(layout.time, lane)

            def write() -> None:
                with here.if_then(here.fcmp_ordered("<=", due, now)):
                    subject, column = (self._of_lane(place, lane, WHOLE) for place in (layout.subject, layout.column))
                    row = here.add(here.mul(subject, self._entry(Job.TIMES_COUNT)), column)
                    first = here.mul(row, outputs)

                    def copy(index: Value) -> None:
                        value = self._element(layout.outputs, index, lane)
                        self._set_array(Job.RESULT, here.add(first, index), value)

                    lanes.loop(outputs, copy)
                    self._set_lane(here.add(column, whole(1)), layout.column, lane)
                    self._next_due(lane)

            self._if_active(lane, write)

        def body() -> None:
            def one_round(_: Value) -> None:
                due, now, one = self._vector(layout.due), self._vector(layout.time), lanes.real(1.0)
                inside = lanes.here.and_(pending(), lanes.compare("<", due, now))
                length = lanes.divide(lanes.subtract(due, self._vector(layout.before)), self._vector(layout.step))
                self._set_vector(lanes.choose(inside, length, one), layout.fraction)
                self._set_vector(lanes.choose(inside, due, now), layout.moment)
                self._by_method(self.methods[0].between, self.methods[1].between)
                state = lanes.place(self.workspace, layout.weight)
                lanes.here.call(self.code.outputs, [self.workspace, state])
                lanes.loop(lanes.width, scatter)

            lanes.repeat(whole(0), lambda _: lanes.any(pending()), one_round)

        return self._function("record", 0, body)

    def _release(self, lane: Value, status: Value) -> None:
        """Report a subject's end and free its lane."""
        here, layout = self.lanes.here, self.layout
        subject = self._of_lane(layout.subject, lane, WHOLE)
        self._set_array(Job.STATUS, subject, status)
        for offset, place in enumerate((layout.accepted, layout.rejected)):
            count = here.fptosi(self._of_lane(place, lane), WHOLE)
            index = here.add(here.mul(subject, whole(2)), whole(offset))
            self._set_array(Job.STEPS, index, count)
        for place, value in ((layout.active, 0.0), (layout.due, math.inf), (layout.stop, math.inf), (layout.step, 1.0)):
            self._set_lane(number(value), place, lane)

    def _write_fail(self) -> Value:
        """Write ``fail(lane, status)``: where and in which state the subject failed, then its end."""
        lanes, layout, n = self.lanes, self.layout, self.system.states

        def body(lane: Value, status: Value) -> None:
            here = lanes.here
            places = [lanes.place(self.workspace, place) for place in (layout.time, layout.state, layout.rate)]
            here.call(self.code.rates, [self.workspace, *places])
            worst, culprit, size = (
                here.alloca(REAL),
                here.alloca(WHOLE),
                self.lanes.outside("llvm.fabs.f64", REAL, [REAL]),
            )
            here.store(number(-1.0), worst)
            here.store(whole(0), culprit)
            last = here.select(
                here.icmp_signed("==", self._entry(Job.METHOD), whole(0)),
                *(whole(layout.stages + (method.stages - 1) * n) for method in METHODS),
            )

            def look(index: Value) -> None:
                rate = here.call(size, [self._element(layout.rate, index, lane)])
                state = here.call(size, [self._element(layout.state, index, lane)])
                base = lanes.place(self.workspace, here.add(index, last))
                error = here.call(size, [lanes.scalar(base, lane)])
                atol = self._element(layout.atol, index, lane)
                scale = here.fadd(atol, here.fmul(self._of_lane(layout.rtol, lane), state))
                scaled = here.fdiv(error, scale)
                unknown = here.fcmp_unordered("uno", scaled, scaled)
                scaled = here.select(unknown, number(1e300), scaled)
                finite = here.fcmp_ordered("<", here.fadd(rate, state), number(math.inf))
                scaled = here.select(finite, scaled, number(math.inf))  # a rate or state that is not finite comes first
                with here.if_then(here.fcmp_ordered(">", scaled, here.load(worst, typ=REAL))):
                    here.store(scaled, worst)
                    here.store(index, culprit)

            lanes.loop(n, look)
            subject = self._of_lane(layout.subject, lane, WHOLE)
            self._set_array(Job.FAILED_TIME, subject, self._of_lane(layout.time, lane))
            self._set_array(Job.FAILED_STATE, subject, here.load(culprit, typ=WHOLE))
            self._release(lane, status)

        return self._function("fail", 2, body)

    def _write_load(self) -> Value:
        """Write ``load() -> number of lanes filled``: gives each free lane the next subject of the queue."""
        lanes, layout, n = self.lanes, self.layout, self.system.states

        def fill(lane: Value, subject: Value) -> None:
            here = lanes.here

            def copy_state(index: Value) -> None:
                value = self._array(Job.INITIAL, here.add(here.mul(subject, whole(n)), index))
                self._set_element(value, layout.state, index, lane)
                self._set_element(value, layout.trial, index, lane)
                self._set_element(number(0.0), layout.extra, index, lane)

            def copy_parameter(index: Value) -> None:
                first = here.mul(subject, whole(self.system.parameters))
                self._set_element(self._array(Job.PARAMETERS, here.add(first, index)), layout.parameters, index, lane)

            lanes.loop(n, copy_state)
            lanes.loop(self.system.parameters, copy_parameter)
            start = self._entry(Job.START, REAL)
            for place, value in (
                (layout.time, start), (layout.before, start), (layout.step, number(1.0)),
                (layout.proposed, number(1.0)), (layout.active, number(1.0)), (layout.fresh, number(1.0)),
                (layout.refused, number(0.0)), (layout.accepted, number(0.0)), (layout.rejected, number(0.0)),
            ):  # fmt: skip
                self._set_lane(value, place, lane)
            table = self._array(Job.TABLE, subject, WHOLE)
            self._set_lane(subject, layout.subject, lane)
            self._set_lane(self._array(Job.ROW_START, table, WHOLE), layout.row, lane)
            self._set_lane(self._array(Job.ROW_START, here.add(table, whole(1)), WHOLE), layout.last_row, lane)
            self._set_lane(whole(0), layout.column, lane)
            self._next_due(lane)
            self._next_stop(lane)
            self._set_flag(Flag.DIRTY, 1)

        def body() -> None:
            here = lanes.here
            filled = here.alloca(WHOLE)
            here.store(whole(0), filled)

            def look(lane: Value) -> None:
                free = here.fcmp_ordered("==", self._of_lane(layout.active, lane), number(0.0))
                left = here.icmp_signed("<", self._entry(Job.NEXT_SUBJECT), self._entry(Job.SUBJECTS))
                with here.if_then(here.and_(free, left)):
                    subject = here.atomic_rmw("add", self.job, whole(1), "monotonic")
                    with here.if_then(here.icmp_signed("<", subject, self._entry(Job.SUBJECTS))):
                        fill(lane, subject)
                        here.store(here.add(here.load(filled, typ=WHOLE), whole(1)), filled)

            lanes.loop(lanes.width, look)
            here.ret(here.load(filled, typ=WHOLE))

        return self._function("load", 0, body, WHOLE)

    def _act(self, lane: Value) -> None:
        """Do the actions of the lane's break point, in their order, and go on to the next."""
        lanes, here, layout = self.lanes, self.lanes.here, self.layout
        row = self._of_lane(layout.row, lane, WHOLE)
        last = self._array(Job.ACTION_START, here.add(row, whole(1)), WHOLE)

        def act(number: Value) -> None:
            kind, index = (self._array(place, number, WHOLE) for place in (Job.ACTION_KIND, Job.ACTION_INDEX))
            value = self._array(Job.ACTION_VALUE, number)
            with here.if_then(here.icmp_signed("==", kind, whole(0))):
                total = here.fadd(value, self._element(layout.state, index, lane))
                self._set_element(total, layout.state, index, lane)
            with here.if_then(here.icmp_signed("==", kind, whole(1))):
                self._set_element(value, layout.parameters, index, lane)
                self._set_flag(Flag.DIRTY, 1)
            with here.if_then(here.icmp_signed("==", kind, whole(2))):
                total = here.fadd(value, self._element(layout.extra, index, lane))
                self._set_element(total, layout.extra, index, lane)
                self._set_flag(Flag.INFUSING, 1)

        first = self._array(Job.ACTION_START, row, WHOLE)
        lanes.repeat(first, lambda number: here.icmp_signed("<", number, last), act)
        self._set_lane(here.add(row, whole(1)), layout.row, lane)
        self._next_stop(lane)
        self._set_lane(number(1.0), layout.fresh, lane)
        self._set_lane(number(0.0), layout.refused, lane)

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
                    steps = here.fadd(self._of_lane(layout.accepted, lane), self._of_lane(layout.rejected, lane))
                    spent = here.fcmp_ordered(">=", steps, here.sitofp(self._entry(Job.MAX_STEPS), REAL))
                    with here.if_else(spent) as (yes, no):
                        with yes:
                            self._call(self.fail, lane, whole(Status.STEP_LIMIT))
                            count()
                        with no:
                            now, stop = self._of_lane(layout.time, lane), self._of_lane(layout.stop, lane)
                            with here.if_then(here.fcmp_ordered("==", now, stop)):
                                self._act(lane)

                def inside() -> None:
                    done = here.fcmp_ordered("==", self._of_lane(layout.due, lane), number(math.inf))
                    with here.if_else(done) as (yes, no):
                        with yes:
                            self._release(lane, whole(Status.OK))
                            count()
                        with no:
                            go_on()

                self._if_active(lane, inside)

            lanes.loop(lanes.width, look)
            here.ret(here.load(freed, typ=WHOLE))

        return self._function("settle", 0, body, WHOLE)

    def _limit_step(self) -> None:
        """Set each lane's step: the proposed one, or what is left to the next stop, never leaving a sliver."""
        lanes, layout = self.lanes, self.layout
        stop = self._vector(layout.stop)
        early = lanes.spread(self.lanes.here.sitofp(self._entry(Job.HIT_OUTPUTS), REAL))
        early = lanes.compare("!=", early, lanes.real(0.0))
        stop = lanes.choose(early, lanes.least(stop, self._vector(layout.due)), stop)
        self._set_vector(stop, layout.limit)
        left = lanes.subtract(stop, self._vector(layout.time))
        proposed = self._vector(layout.proposed)
        half = lanes.multiply(left, lanes.real(0.5))
        step = lanes.choose(lanes.compare(">", proposed, half), half, proposed)
        step = lanes.choose(lanes.compare(">=", proposed, lanes.multiply(left, lanes.real(0.999))), left, step)
        self._set_vector(step, layout.step)

    def _write_control(self) -> Value:
        """Write ``control() -> 1 if any lane needs attention``: accept or refuse, and propose the next step."""
        lanes, layout = self.lanes, self.layout

        def body() -> None:
            here, one, zero = lanes.here, lanes.real(1.0), lanes.real(0.0)
            active, error = self._is_active(), self._vector(layout.error)
            accepted = here.and_(active, lanes.compare("<=", error, one))
            exponent = lanes.multiply(self._vector(layout.exponent), lanes.real(-0.5))
            factor = self.code.functions.power(lanes.add(error, lanes.real(1e-30)), exponent)
            factor = lanes.multiply(factor, lanes.real(SAFETY))
            factor = lanes.least(lanes.greatest(factor, lanes.real(SHRINK)), lanes.real(GROW))  # NaN shrinks
            refused = lanes.compare("!=", self._vector(layout.refused), zero)
            factor = lanes.choose(here.and_(accepted, refused), lanes.least(factor, one), factor)
            factor = lanes.choose(accepted, factor, lanes.least(factor, lanes.real(SAFETY)))
            step, before, limit = (self._vector(place) for place in (layout.step, layout.time, layout.limit))
            following = lanes.multiply(step, factor)
            proposed = self._vector(layout.proposed)
            cut = here.and_(accepted, lanes.compare("<", step, proposed))
            following = lanes.choose(cut, lanes.greatest(following, proposed), following)
            self._set_vector(following, layout.proposed)
            arrives = lanes.compare(">=", step, lanes.subtract(limit, before))
            now = lanes.choose(arrives, limit, lanes.add(before, step))
            now = lanes.choose(accepted, now, before)
            self._set_vector(before, layout.before)
            self._set_vector(now, layout.time)
            self._set_vector(lanes.choose(accepted, zero, one), layout.refused)
            for place, condition in ((layout.accepted, accepted), (layout.rejected, here.not_(accepted))):
                self._set_vector(lanes.add(self._vector(place), lanes.choose(condition, one, zero)), place)
            due = here.and_(accepted, lanes.compare("<=", self._vector(layout.due), now))
            with here.if_then(lanes.any(due)):
                self._call(self.record)

            def commit(index: Value) -> None:
                place = here.add(index, whole(layout.state))
                value = lanes.load(self.workspace, here.add(index, whole(layout.trial)))
                value = lanes.choose(accepted, value, lanes.load(self.workspace, place))
                lanes.store(value, self.workspace, place)

            lanes.loop(self.system.states, commit)
            least = lanes.multiply(lanes.intrinsic("fabs", now), lanes.real(16 * 2.0**-52))
            least = lanes.greatest(least, lanes.spread(self._entry(Job.SMALLEST_STEP, REAL)))
            stuck = here.and_(here.and_(active, here.not_(accepted)), lanes.compare("<", following, least))
            with here.if_then(lanes.any(stuck), likely=False):
                self._fail_stuck(least)
            spent = lanes.add(self._vector(layout.accepted), self._vector(layout.rejected))
            most = lanes.spread(here.sitofp(self._entry(Job.MAX_STEPS), REAL))
            ended = lanes.compare("==", self._vector(layout.due), lanes.real(math.inf))
            at_stop = lanes.compare("==", self._vector(layout.time), self._vector(layout.stop))
            wanted = here.or_(here.or_(ended, at_stop), lanes.compare(">=", spent, most))
            # a lane that has just failed is not active any more, but has to be filled again
            wanted = here.or_(here.and_(wanted, active), stuck)
            here.ret(here.zext(lanes.any(wanted), WHOLE))

        return self._function("control", 0, body, WHOLE)

    def _fail_stuck(self, least: Value) -> None:
        lanes, layout = self.lanes, self.layout
        self._set_vector(least, layout.stage_time)

        def look(lane: Value) -> None:
            def inside() -> None:
                here = lanes.here
                refused = here.fcmp_ordered("!=", self._of_lane(layout.refused, lane), number(0.0))
                small = here.fcmp_ordered(
                    "<", self._of_lane(layout.proposed, lane), self._of_lane(layout.stage_time, lane)
                )
                with here.if_then(here.and_(refused, small)):
                    error = self._of_lane(layout.error, lane)
                    unknown = here.fcmp_unordered("uno", error, error)
                    status = here.select(unknown, whole(Status.NOT_FINITE), whole(Status.STEP_TOO_SMALL))
                    self._call(self.fail, lane, status)

            self._if_active(lane, inside)

        lanes.loop(lanes.width, look)

    # --------------------------------------------------------------------- run

    def _prepare_once(self) -> None:
        lanes = self.lanes
        self._spread(Job.RTOL, self.layout.rtol)
        orders = [lanes.real(1 / method.order) for method in METHODS]
        first = lanes.here.icmp_signed("==", self._entry(Job.METHOD), whole(0))
        self._set_vector(lanes.here.select(first, *orders), self.layout.exponent)
        for place in (self.layout.due, self.layout.stop):
            self._set_vector(lanes.real(math.inf), place)
        for place in (self.layout.step, self.layout.proposed):
            self._set_vector(lanes.real(1.0), place)

        def spread(index: Value) -> None:
            value = lanes.spread(self._array(Job.ATOL, index))
            lanes.store(value, self.workspace, lanes.here.add(index, whole(self.layout.atol)))

        lanes.loop(self.system.states, spread)

    def _spread(self, source: Job, place: int) -> None:
        self._set_vector(self.lanes.spread(self._entry(source, REAL)), place)

    def _refresh(self) -> None:
        """Compute what depends on parameters again, if any lane's changed."""
        here = self.lanes.here
        with here.if_then(here.icmp_signed("!=", self._flag(Flag.DIRTY), whole(0))):
            here.call(self.code.prepare, [self.workspace])
            self._set_flag(Flag.DIRTY, 0)

    def _write_run(self) -> None:
        lanes, layout = self.lanes, self.layout
        with lanes.function("run", [POINTER, POINTER], public=True) as function:
            self.job, self.workspace = function.args
            here = lanes.here
            self._prepare_once()
            serve, step, leave = (here.append_basic_block(name) for name in ("serve", "step", "leave"))
            here.branch(serve)
            here.position_at_end(serve)
            filled = self._call(self.load)
            with here.if_then(here.icmp_signed("!=", filled, whole(0))):
                self._refresh()
                self._call(self.record)
            freed = self._call(self.settle)
            left = here.icmp_signed("<", self._entry(Job.NEXT_SUBJECT), self._entry(Job.SUBJECTS))
            again = here.and_(here.icmp_signed("!=", freed, whole(0)), left)
            ready = here.append_basic_block("ready")
            here.cbranch(again, serve, ready)
            here.position_at_end(ready)
            begin = here.append_basic_block("begin")
            here.cbranch(lanes.any(self._is_active()), begin, leave)
            here.position_at_end(begin)
            self._refresh()
            fresh = lanes.compare("!=", self._vector(layout.fresh), lanes.real(0.0))
            with here.if_then(lanes.any(fresh)):
                here.call(self.start, [self.workspace])
            here.branch(step)
            here.position_at_end(step)
            self._limit_step()
            self._by_method(self.methods[0].step, self.methods[1].step, self._entry(Job.NORM))
            attention = self._call(self.control)
            here.cbranch(here.icmp_signed("!=", attention, whole(0)), serve, step)
            here.position_at_end(leave)
            here.ret_void()

    def _write_size(self) -> None:
        """Write ``size() -> doubles of a workspace``, so that code from the cache says it itself."""
        with self.lanes.function("size", [], WHOLE, public=True):
            self.lanes.here.ret(whole(self.layout.size * self.lanes.width))
