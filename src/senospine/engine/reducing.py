"""Reductions as code on lanes: after every accepted step, what each subject's numbers gain from it.

A step is cut into pieces at the edges of the windows, so that a window holds a piece or does not; most steps are one
piece, and one outside all windows costs nothing but the look. On a piece the outputs are sampled at five points: three
are Gauss's for areas, all five make a quartic for extremes and crossings. Its Bernstein coefficients bound it, so roots
are looked for only where there may be any.
"""

from __future__ import annotations

import itertools
import math

from senospine.engine.access import Access
from senospine.engine.layout import Job
from senospine.engine.quartics import NODES, WEIGHTS, Quartics, from_samples
from senospine.engine.reductions import Cell
from senospine.engine.system import System
from senospine.engine.vectors import WHOLE, Value, number, whole

#: what an extreme between samples must add, in roundings of the output, before it is looked for
SLACK = 450
_NOTHING = {"at": math.nan, "area": 0.0, "above": 0.0, "greatest": -math.inf}


class Reducing(Access):
    """Writes what gathers reductions; with none, nothing.

    Attributes
    ----------
    reduce : ``()``
        Takes in the last step of the lanes that accepted it.
    reduce_start : ``()``
        Takes in the first moment of lanes just filled.
    """

    def __init__(self, system: System, width: int, *, single: bool = False) -> None:
        super().__init__(system, width, single=single)
        plan = system.reductions
        self.plan = plan
        self.reduce = self.reduce_start = None
        if plan is None:
            return
        self.quartics = Quartics(self.lanes)
        self.dense = self._write_dense()
        self.sample = self._write_sample()
        self.reduce = self._write_reduce()
        self.reduce_start = self._write_start()

    # ------------------------------------------------------- one lane's begin and end

    def begin_reductions(self, lane: Value) -> None:
        """Set a lane's windows and levels, and nothing gathered."""
        if self.plan is None:
            return
        layout = self.layout

        def copy_level(index: Value) -> None:
            self.set_element(self.array(Job.LEVELS, index), layout.levels, index, lane)

        self.set_edges(lane)
        self.lanes.loop(len(self.plan.cells), copy_level)
        for cell in self.plan.cells:
            nothing = number(_NOTHING[cell.kind])
            self.set_lane(nothing, layout.gathered + cell.slot, lane)
            if cell.kind == "greatest":
                self.set_lane(number(math.nan), layout.gathered + cell.slot + 1, lane)
            if self.lanes.single:
                self.set_array(Job.GATHERED, self._slot_of(lane, cell.slot), nothing)
        self.set_lane(number(0.0), layout.begun, lane)

    def set_edges(self, lane: Value) -> None:
        """Set the edges of a lane's windows, as the lane counts time."""
        if self.plan is None:
            return
        here = self.lanes.here
        first = here.mul(self.of_lane(self.layout.subject, lane, WHOLE), self.entry(Job.EDGES_STRIDE))

        def copy(index: Value) -> None:
            edge = self.since(self.array(Job.EDGES, here.add(first, index)), lane)
            self.set_element(edge, self.layout.edges, index, lane)

        self.lanes.loop(2 * len(self.plan.windows), copy)

    def _slot_of(self, lane: Value, slot: int) -> Value:
        """Return the place of what is handed over."""
        here = self.lanes.here
        subject = self.of_lane(self.layout.subject, lane, WHOLE)
        return here.add(here.mul(subject, whole(self.plan.slots if self.plan else 0)), whole(slot))

    def bank_reductions(self, lane: Value) -> None:
        """Hand over what single precision would spoil later: moments, before the lane counts time anew, and sums."""
        if self.plan is None:
            return
        here, gathered = self.lanes.here, self.layout.gathered
        for cell in self.plan.cells:
            if cell.kind in {"area", "above"}:
                place = self._slot_of(lane, cell.slot)
                total = here.fadd(self.array(Job.GATHERED, place), self.of_lane(gathered + cell.slot, lane))
                self.set_array(Job.GATHERED, place, total)
                self.set_lane(number(0.0), gathered + cell.slot, lane)
            elif cell.kind == "greatest":
                moment = self.of_lane(gathered + cell.slot + 1, lane)
                with here.if_then(here.fcmp_ordered("ord", moment, moment)):
                    place = self._slot_of(lane, cell.slot + 1)
                    self.set_array(Job.GATHERED, place, here.fadd(self.begin(lane), moment))
                self.set_lane(number(math.nan), gathered + cell.slot + 1, lane)

    def finish_reductions(self, lane: Value) -> None:
        """Hand over what a lane gathered."""
        if self.plan is None:
            return
        if self.lanes.single:
            self.bank_reductions(lane)
        for cell in self.plan.cells:
            banked = self.lanes.single and cell.kind in {"area", "above"}
            slots = [] if banked else [cell.slot]
            if cell.kind == "greatest" and not self.lanes.single:
                slots.append(cell.slot + 1)
            for slot in slots:
                self.set_array(Job.GATHERED, self._slot_of(lane, slot), self.of_lane(self.layout.gathered + slot, lane))

    # ---------------------------------------------------------------- samples

    def _write_dense(self) -> Value:
        """Write ``dense()``: the interpolant's coefficients of the states that reduced outputs read."""
        dense = [self.method._row(row) for row in self.method.method.dense]

        def body() -> None:
            for place, state in enumerate(self.system.watched):
                for row, weights in enumerate(dense):
                    value = self.method._combined(self.workspace, weights, whole(state))
                    self.set_vector(value, self.layout.dense + len(dense) * place + row)

        return self.function("dense", 0, body)

    def _write_sample(self) -> Value:
        """Write ``sample(slot)``: reduced outputs at the workspace's moment and fraction of the step."""
        lanes, layout, count = self.lanes, self.layout, len(self.method.method.dense)

        def body(slot: Value) -> None:
            right = self.vector(layout.fraction)
            left = lanes.subtract(lanes.real(1.0), right)
            at_end = lanes.compare(">=", right, lanes.real(1.0))
            for place, state in enumerate(self.system.watched):
                rows = [self.vector(layout.dense + count * place + row) for row in range(count)]
                inner = rows[-1]
                for row in reversed(rows[:-1]):
                    inner = lanes.add(row, lanes.multiply(right, inner))
                after = self.vector(layout.trial + state)
                inner = lanes.multiply(right, lanes.add(after, lanes.multiply(left, inner)))
                value = lanes.add(lanes.multiply(left, self.vector(layout.state + state)), inner)
                self.set_vector(lanes.choose(at_end, after, value), layout.weight + state)
            scribe = self.code._scribe(self.workspace, lanes.place(self.workspace, layout.moment),
                                      lanes.place(self.workspace, layout.weight))  # fmt: skip
            base = lanes.here.add(lanes.here.mul(slot, whole(len(self.system.reduced))), whole(layout.samples))

            def keep(index: int, value: Value) -> None:
                lanes.store(value, self.workspace, lanes.here.add(base, whole(index)))

            scribe.write(self.system.reduced, keep)

        return self.function("sample", 1, body)

    def _sample_at(self, slot: int, moment: Value) -> None:
        """Sample at a moment within the last step."""
        lanes, layout = self.lanes, self.layout
        at_end = lanes.compare(">=", moment, self.vector(layout.time))
        length = lanes.divide(lanes.subtract(moment, self.vector(layout.before)), self.vector(layout.step))
        self.set_vector(lanes.choose(at_end, lanes.real(1.0), length), layout.fraction)
        self.set_vector(moment, layout.moment)
        self.call(self.sample, whole(slot))

    def _sampled(self, slot: int, output: int) -> Value:
        return self.vector(self.layout.samples + slot * len(self.system.reduced) + output)

    # ----------------------------------------------------------------- a step

    def _edge(self, window: int, side: int) -> Value:
        return self.vector(self.layout.edges + 2 * window + side)

    def _write_reduce(self) -> Value:
        lanes, layout, plan = self.lanes, self.layout, self.plan
        assert plan is not None

        def left_over() -> Value:
            return lanes.compare("<", self.vector(layout.piece), self.vector(layout.time))

        def piece(_: Value) -> None:
            begin, end = self.vector(layout.piece), self.vector(layout.time)
            for window in range(len(plan.windows)):
                for side in (0, 1) if not plan.windows[window].point else (1,):
                    edge = self._edge(window, side)
                    nearer = lanes.here.and_(lanes.compare(">", edge, begin), lanes.compare("<", edge, end))
                    end = lanes.choose(nearer, edge, end)
            going = left_over()
            self.set_vector(end, layout.piece_end)
            none = lanes.compare("!=", begin, begin)
            ends, holds = none, none
            for window, item in enumerate(plan.windows):
                if item.point:
                    ends = lanes.here.or_(ends, lanes.compare("==", end, self._edge(window, 1)))
                else:
                    holds = lanes.here.or_(holds, self._holds(window, begin, end))
            with lanes.here.if_then(lanes.any(lanes.here.and_(going, lanes.here.or_(ends, holds)))):
                self.call(self.dense)
                self._sample_at(4, end)
                with lanes.here.if_then(lanes.any(lanes.here.and_(going, ends))):
                    self._take_points(going)
                with lanes.here.if_then(lanes.any(lanes.here.and_(going, holds))):
                    self._take_piece(going)
            self.set_vector(lanes.choose(going, self.vector(layout.piece_end), begin), layout.piece)

        def body() -> None:
            accepted = lanes.here.and_(
                self.is_active(), lanes.compare("==", self.vector(layout.refused), lanes.real(0.0))
            )
            begin = lanes.choose(accepted, self.vector(layout.before), self.vector(layout.time))
            self.set_vector(begin, layout.piece)
            lanes.repeat(whole(0), lambda _: lanes.any(left_over()), piece)

        return self.function("reduce", 0, body)

    def _holds(self, window: int, begin: Value, end: Value) -> Value:
        """Return whether a window holds the piece."""
        lanes = self.lanes
        return lanes.here.and_(
            lanes.compare("<=", self._edge(window, 0), begin), lanes.compare(">=", self._edge(window, 1), end)
        )

    def _take_points(self, going: Value) -> None:
        """Keep the values at points in time where the piece ends."""
        assert self.plan is not None
        lanes, layout = self.lanes, self.layout
        for cell in (cell for cell in self.plan.cells if cell.kind == "at"):
            there = lanes.compare("==", self.vector(layout.piece_end), self._edge(cell.window, 1))
            self._gather(lanes.here.and_(going, there), cell.slot, self._sampled(4, cell.output))

    def _gather(self, where: Value, slot: int, value: Value) -> None:
        place = self.layout.gathered + slot
        self.set_vector(self.lanes.choose(where, value, self.vector(place)), place)

    def _take_piece(self, going: Value) -> None:
        assert self.plan is not None
        lanes, layout = self.lanes, self.layout
        shaped = any(cell.kind in {"greatest", "above"} for cell in self.plan.cells)
        begin, end = self.vector(layout.piece), self.vector(layout.piece_end)
        length = lanes.subtract(end, begin)
        for slot in (0, 1, 2, 3) if shaped else (1, 2, 3):
            self._sample_at(slot, lanes.add(begin, lanes.multiply(length, lanes.real(NODES[slot]))))
        for cell in self.plan.cells:
            if cell.kind != "at":
                begin, end = self.vector(layout.piece), self.vector(layout.piece_end)
                where = lanes.here.and_(going, self._holds(cell.window, begin, end))
                if cell.kind == "area":
                    self._take_area(cell, where, lanes.subtract(end, begin))
                elif cell.kind == "greatest":
                    self._take_greatest(cell, where)
                else:
                    self._take_above(cell, where, lanes.subtract(end, begin))

    def _take_area(self, cell: Cell, where: Value, length: Value) -> None:
        lanes, total = self.lanes, self.lanes.real(0.0)
        for slot, weight in enumerate(WEIGHTS, start=1):
            total = lanes.add(total, lanes.multiply(self._sampled(slot, cell.output), lanes.real(weight)))
        before = self.vector(self.layout.gathered + cell.slot)
        self._gather(where, cell.slot, lanes.add(before, lanes.multiply(length, total)))

    def _signed(self, cell: Cell, slot: int) -> Value:
        value = self._sampled(slot, cell.output)
        return value if cell.sign > 0 else self.lanes.negative(value)

    def _better(self, cell: Cell, where: Value, value: Value, moment: Value) -> None:
        """Keep a greater value and its moment; what is not a number stays."""
        lanes = self.lanes
        greater = lanes.compare(">", value, self.vector(self.layout.gathered + cell.slot))
        greater = lanes.here.or_(greater, lanes.here.fcmp_unordered("uno", value, value))
        greater = lanes.here.and_(where, greater)
        self._gather(greater, cell.slot, value)
        self._gather(greater, cell.slot + 1, moment)

    def _take_greatest(self, cell: Cell, where: Value) -> None:
        lanes, layout = self.lanes, self.layout
        samples = [self._signed(cell, slot) for slot in range(5)]
        self._better(cell, where, samples[0], self.vector(layout.piece))
        to_bernstein, to_powers = from_samples()
        inner = [self.quartics.combine(row, samples) for row in to_bernstein[1:4]]
        bound = lanes.greatest(lanes.greatest(inner[0], inner[1]), inner[2])
        best = lanes.greatest(self.vector(layout.gathered + cell.slot), samples[4])
        slack = lanes.multiply(lanes.intrinsic("fabs", bound), lanes.real(SLACK * lanes.rounding))
        may = lanes.here.and_(where, lanes.compare(">", lanes.subtract(bound, best), slack))
        with lanes.here.if_then(lanes.any(may)):
            samples = [self._signed(cell, slot) for slot in range(5)]
            powers = [self.quartics.combine(row, samples) for row in to_powers]
            scratch = lanes.place(self.workspace, layout.scratch)
            lanes.here.call(self.quartics.turns, [*powers, scratch])
            best_at, best = lanes.real(1.0), self.quartics.value(powers, lanes.real(1.0))
            for index in range(3):
                at = self.vector(layout.scratch + index)
                value = self.quartics.value(powers, at)
                greater = lanes.compare(">", value, best)
                best_at, best = lanes.choose(greater, at, best_at), lanes.choose(greater, value, best)
            begin, end = self.vector(layout.piece), self.vector(layout.piece_end)
            moment = lanes.add(begin, lanes.multiply(lanes.subtract(end, begin), best_at))
            self.set_vector(moment, layout.scratch)
            self._sample_at(5, moment)
            self._better(cell, may, self._signed(cell, 5), self.vector(layout.scratch))
        self._better(cell, where, self._signed(cell, 4), self.vector(layout.piece_end))

    def _take_above(self, cell: Cell, where: Value, length: Value) -> None:
        lanes, layout = self.lanes, self.layout
        to_bernstein, to_powers = from_samples()
        samples = [self._less_level(cell, slot) for slot in range(5)]
        bounds = [samples[0], *(self.quartics.combine(row, samples) for row in to_bernstein[1:4]), samples[4]]
        low = high = bounds[0]
        for item in bounds[1:]:
            low, high = lanes.least(low, item), lanes.greatest(high, item)
        zero, one = lanes.real(0.0), lanes.real(1.0)
        always, never = lanes.compare(">", low, zero), lanes.compare("<=", high, zero)
        self.set_vector(lanes.choose(always, one, zero), layout.scratch)
        mixed = lanes.here.and_(where, lanes.here.not_(lanes.here.or_(always, never)))
        with lanes.here.if_then(lanes.any(mixed)):
            part = self._positive_part(cell, [self.quartics.combine(row, samples) for row in to_powers])
            self.set_vector(lanes.choose(mixed, part, self.vector(layout.scratch)), layout.scratch)
        poison = lanes.real(0.0)
        for item in samples:
            poison = lanes.add(poison, lanes.multiply(item, zero))
        part = lanes.add(self.vector(layout.scratch), poison)  # what is not a number stays none
        before = self.vector(layout.gathered + cell.slot)
        self._gather(where, cell.slot, lanes.add(before, lanes.multiply(length, part)))

    def _positive_part(self, cell: Cell, powers: list[Value]) -> Value:
        """Return the part of the piece on which a quartic of the cell's output, less its level, is positive."""
        lanes, layout, here = self.lanes, self.layout, self.lanes.here
        zero, places = lanes.real(0.0), layout.scratch + 1
        here.call(self.quartics.crossings, [*powers, lanes.place(self.workspace, places)])
        points = [zero, *(self.vector(places + index) for index in range(3)), lanes.real(1.0)]
        signs = [lanes.compare(">", self.quartics.value(powers, point), zero) for point in points]
        slope = [lanes.multiply(powers[i], lanes.real(float(i))) for i in range(1, 5)]
        total = zero
        for index, (left, right) in enumerate(itertools.pairwise(points)):
            crossing = self.vector(places + 3 + index)
            if self.system.graph.operators[self.system.reduced[cell.output]] != "state":
                begin, end = self.vector(layout.piece), self.vector(layout.piece_end)
                self._sample_at(5, lanes.add(begin, lanes.multiply(lanes.subtract(end, begin), crossing)))
                value = self._less_level(cell, 5)  # the quartic is near the output, so one step of Newton is enough
                better = lanes.subtract(crossing, lanes.divide(value, self.quartics.value(slope, crossing)))
                better = lanes.greatest(lanes.least(better, right), left)
                crossing = lanes.choose(lanes.compare("==", better, better), better, crossing)
            before, after = signs[index], signs[index + 1]
            length = lanes.subtract(lanes.choose(after, right, crossing), lanes.choose(before, left, crossing))
            total = lanes.add(total, lanes.choose(here.or_(before, after), length, zero))
        return total

    def _less_level(self, cell: Cell, slot: int) -> Value:
        """Return the sampled output less the cell's level, with its sign."""
        assert self.plan is not None
        level = self.vector(self.layout.levels + self.plan.cells.index(cell))
        value = self.lanes.subtract(self._sampled(slot, cell.output), level)
        return value if cell.sign > 0 else self.lanes.negative(value)

    def _write_start(self) -> Value:
        """Write ``reduce_start()``: values at the first moment, before anything happens there."""
        lanes, layout, plan = self.lanes, self.layout, self.plan
        assert plan is not None

        def body() -> None:
            one = lanes.real(1.0)
            self.set_vector(one, layout.fraction)
            self.set_vector(self.vector(layout.time), layout.moment)
            self.call(self.sample, whole(4))
            fresh = lanes.compare("==", self.vector(layout.begun), lanes.real(0.0))
            fresh = lanes.here.and_(fresh, self.is_active())
            for cell in (cell for cell in plan.cells if cell.kind == "at"):
                there = lanes.compare("==", self.vector(layout.time), self._edge(cell.window, 1))
                self._gather(lanes.here.and_(fresh, there), cell.slot, self._sampled(4, cell.output))
            self.set_vector(one, layout.begun)

        return self.function("reduce_start", 0, body)
