"""The driver as LLVM code: every lane solves a subject of its own and takes the next one when it is done.

Steps are limited by break points (doses, infusions, switches) only; outputs between are interpolated, so steps do not
depend on them. Which lane or thread a subject falls to is decided by an atomic counter and changes no number of it.
"""

from __future__ import annotations

import math
import sys

from senospine.engine.layout import Flag, Job
from senospine.engine.service import Service
from senospine.engine.status import Status
from senospine.engine.system import System
from senospine.engine.tableaus import METHODS
from senospine.engine.vectors import POINTER, REAL, WHOLE, Value, number, whole

SAFETY, SHRINK, GROW = 0.9, 0.1, 6.0


def write_driver(system: System, width: int) -> str:
    """Return the LLVM text of ``run(job, workspace)`` for a system."""
    return _Driver(system, width).text()


class _Driver(Service):
    def __init__(self, system: System, width: int) -> None:
        super().__init__(system, width)
        self.control = self._write_control()
        self._write_run()
        self._write_size()

    def text(self) -> str:
        return str(self.lanes.module)

    def _limit_step(self) -> None:
        """Set each lane's step: the proposed one, or what is left to the next stop, never leaving a sliver."""
        lanes, layout = self.lanes, self.layout
        stop = self.vector(layout.stop)
        early = lanes.spread(self.lanes.here.sitofp(self.entry(Job.HIT_OUTPUTS), REAL))
        early = lanes.compare("!=", early, lanes.real(0.0))
        stop = lanes.choose(early, lanes.least(stop, self.vector(layout.due)), stop)
        self.set_vector(stop, layout.limit)
        left = lanes.subtract(stop, self.vector(layout.time))
        proposed = self.vector(layout.proposed)
        half = lanes.multiply(left, lanes.real(0.5))
        step = lanes.choose(lanes.compare(">", proposed, half), half, proposed)
        step = lanes.choose(lanes.compare(">=", proposed, lanes.multiply(left, lanes.real(0.999))), left, step)
        self.set_vector(step, layout.step)

    def _write_control(self) -> Value:
        """Write ``control() -> 1 if any lane needs attention``: accept or refuse, and propose the next step."""
        lanes, layout = self.lanes, self.layout

        def body() -> None:
            here, one, zero = lanes.here, lanes.real(1.0), lanes.real(0.0)
            active, error = self.is_active(), self.vector(layout.error)
            accepted = here.and_(active, lanes.compare("<=", error, one))
            exponent = lanes.multiply(self.vector(layout.exponent), lanes.real(-0.5))
            factor = self.code.functions.power(lanes.add(error, lanes.real(1e-30)), exponent)
            factor = lanes.multiply(factor, lanes.real(SAFETY))
            factor = lanes.least(lanes.greatest(factor, lanes.real(SHRINK)), lanes.real(GROW))  # NaN shrinks
            refused = lanes.compare("!=", self.vector(layout.refused), zero)
            factor = lanes.choose(here.and_(accepted, refused), lanes.least(factor, one), factor)
            factor = lanes.choose(accepted, factor, lanes.least(factor, lanes.real(SAFETY)))
            step, before, limit = (self.vector(place) for place in (layout.step, layout.time, layout.limit))
            following = lanes.multiply(step, factor)
            proposed = self.vector(layout.proposed)
            cut = here.and_(accepted, lanes.compare("<", step, proposed))
            following = lanes.choose(cut, lanes.greatest(following, proposed), following)
            self.set_vector(following, layout.proposed)
            arrives = lanes.compare(">=", step, lanes.subtract(limit, before))
            now = lanes.choose(arrives, limit, lanes.add(before, step))
            now = lanes.least(now, lanes.real(sys.float_info.max))  # infinite is the time of what never comes
            now = lanes.choose(accepted, now, before)
            self.set_vector(before, layout.before)
            self.set_vector(now, layout.time)
            self.set_vector(lanes.choose(accepted, zero, one), layout.refused)
            for place, condition in ((layout.accepted, accepted), (layout.rejected, here.not_(accepted))):
                self.set_vector(lanes.add(self.vector(place), lanes.choose(condition, one, zero)), place)
            due = here.and_(accepted, lanes.compare("<=", self.vector(layout.due), now))
            with here.if_then(lanes.any(due)):
                self.call(self.record)

            def commit(index: Value) -> None:
                place = here.add(index, whole(layout.state))
                value = lanes.load(self.workspace, here.add(index, whole(layout.trial)))
                value = lanes.choose(accepted, value, lanes.load(self.workspace, place))
                lanes.store(value, self.workspace, place)

            lanes.loop(self.system.states, commit)
            least = lanes.multiply(lanes.intrinsic("fabs", now), lanes.real(16 * 2.0**-52))
            least = lanes.greatest(least, lanes.spread(self.entry(Job.SMALLEST_STEP, REAL)))
            ended = lanes.compare("==", self.vector(layout.due), lanes.real(math.inf))
            going = here.and_(active, here.not_(here.or_(ended, here.and_(accepted, arrives))))
            stuck = here.and_(going, lanes.compare("<", following, least))
            with here.if_then(lanes.any(stuck), likely=False):
                self._fail_stuck(lanes.choose(stuck, one, zero))
            spent = lanes.add(self.vector(layout.accepted), self.vector(layout.rejected))
            most = lanes.spread(here.sitofp(self.entry(Job.MAX_STEPS), REAL))
            at_stop = lanes.compare("==", self.vector(layout.time), self.vector(layout.stop))
            wanted = here.or_(here.or_(ended, at_stop), lanes.compare(">=", spent, most))
            # a lane that has just failed is not active any more, but has to be filled again
            wanted = here.or_(here.and_(wanted, active), stuck)
            here.ret(here.zext(lanes.any(wanted), WHOLE))

        return self.function("control", 0, body, WHOLE)

    def _fail_stuck(self, stuck: Value) -> None:
        """Fail the lanes whose next step would not move their time."""
        lanes, layout = self.lanes, self.layout
        self.set_vector(stuck, layout.stage_time)

        def look(lane: Value) -> None:
            here = lanes.here
            with here.if_then(here.fcmp_ordered("!=", self.of_lane(layout.stage_time, lane), number(0.0))):
                error = self.of_lane(layout.error, lane)
                unknown = here.fcmp_unordered("uno", error, error)
                status = here.select(unknown, whole(Status.NOT_FINITE), whole(Status.STEP_TOO_SMALL))
                self.call(self.fail, lane, status)

        lanes.loop(lanes.width, look)

    def _prepare_once(self) -> None:
        lanes = self.lanes
        self._spread(Job.RTOL, self.layout.rtol)
        orders = [lanes.real(1 / method.order) for method in METHODS]
        first = lanes.here.icmp_signed("==", self.entry(Job.METHOD), whole(0))
        self.set_vector(lanes.here.select(first, *orders), self.layout.exponent)
        for place in (self.layout.due, self.layout.stop):
            self.set_vector(lanes.real(math.inf), place)
        for place in (self.layout.step, self.layout.proposed):
            self.set_vector(lanes.real(1.0), place)

        def spread(index: Value) -> None:
            value = lanes.spread(self.array(Job.ATOL, index))
            lanes.store(value, self.workspace, lanes.here.add(index, whole(self.layout.atol)))

        lanes.loop(self.system.states, spread)

    def _spread(self, source: Job, place: int) -> None:
        self.set_vector(self.lanes.spread(self.entry(source, REAL)), place)

    def _refresh(self) -> None:
        """Compute what depends on parameters again, if any lane's changed."""
        here = self.lanes.here
        with here.if_then(here.icmp_signed("!=", self.flag(Flag.DIRTY), whole(0))):
            here.call(self.code.prepare, [self.workspace])
            self.set_flag(Flag.DIRTY, 0)

    def _write_run(self) -> None:
        lanes, layout = self.lanes, self.layout
        with lanes.function("run", [POINTER, POINTER], public=True) as function:
            self.job, self.workspace = function.args
            here = lanes.here
            self._prepare_once()
            serve, step, leave = (here.append_basic_block(name) for name in ("serve", "step", "leave"))
            here.branch(serve)
            here.position_at_end(serve)
            filled = self.call(self.load)
            with here.if_then(here.icmp_signed("!=", filled, whole(0))):
                self._refresh()
                self.call(self.record)
            freed = self.call(self.settle)
            left = here.icmp_signed("<", self.entry(Job.NEXT_SUBJECT), self.entry(Job.SUBJECTS))
            again = here.and_(here.icmp_signed("!=", freed, whole(0)), left)
            ready = here.append_basic_block("ready")
            here.cbranch(again, serve, ready)
            here.position_at_end(ready)
            begin = here.append_basic_block("begin")
            here.cbranch(lanes.any(self.is_active()), begin, leave)
            here.position_at_end(begin)
            self._refresh()
            fresh = lanes.compare("!=", self.vector(layout.fresh), lanes.real(0.0))
            with here.if_then(lanes.any(fresh)):
                here.call(self.start, [self.workspace])
            here.branch(step)
            here.position_at_end(step)
            self._limit_step()
            self.by_method(self.methods[0].step, self.methods[1].step, self.entry(Job.NORM))
            attention = self.call(self.control)
            here.cbranch(here.icmp_signed("!=", attention, whole(0)), serve, step)
            here.position_at_end(leave)
            here.ret_void()

    def _write_size(self) -> None:
        """Write ``size() -> doubles of a workspace``, so that code from the cache says it itself."""
        with self.lanes.function("size", [], WHOLE, public=True):
            self.lanes.here.ret(whole(self.layout.size * self.lanes.width))
