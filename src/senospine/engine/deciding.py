"""Decisions as code on lanes: a visit looks at an output, and doses that begin are multiplied by what it decided."""

from __future__ import annotations

from senospine.engine.layout import Flag, Job
from senospine.engine.reducing import Reducing
from senospine.engine.system import System
from senospine.engine.vectors import REAL, WHOLE, Value, number, whole


class Deciding(Reducing):
    """Writes what follows decisions; for a system that observes nothing, nothing.

    Attributes
    ----------
    decide : ``(lane, rule, action)``
        Follows a rule for a lane at its moment.
    factor : ``(lane, state) -> double``
        What a dose into a state is multiplied by.
    """

    def __init__(self, system: System, width: int, *, single: bool = False) -> None:
        super().__init__(system, width, single=single)
        self.decides = bool(system.observed)
        if self.decides:
            self.observe = self._write_observe()
            self.decide = self._write_decide()
            self.factor = self._write_factor()

    def _write_observe(self) -> Value:
        """Write ``observe()``: the outputs that rules look at, at each lane's time and state."""
        lanes, layout = self.lanes, self.layout

        def body() -> None:
            place = lanes.place
            scribe = self.code._scribe(
                self.workspace, place(self.workspace, layout.time), place(self.workspace, layout.state)
            )
            scribe.write(self.system.observed, lambda index, value: self.set_vector(value, layout.observed + index))

        return self.function("observe", 0, body)

    def refresh(self) -> None:
        """Compute what depends on parameters again, if any lane's changed; the flag stays for the others."""
        here = self.lanes.here
        with here.if_then(here.icmp_signed("!=", self.flag(Flag.DIRTY), whole(0))):
            here.call(self.code.prepare, [self.workspace])

    def _state_of(self, lane: Value, rule: Value) -> Value:
        """Return the place of a rule's state: whether on; the factor follows."""
        here = self.lanes.here
        subject = self.of_lane(self.layout.subject, lane, WHOLE)
        return here.mul(here.add(here.mul(subject, self.entry(Job.RULES)), rule), whole(2))

    def _record_of(self, lane: Value, action: Value) -> Value:
        """Return the place of what is recorded of an action."""
        here = self.lanes.here
        subject = self.of_lane(self.layout.subject, lane, WHOLE)
        table = self.array(Job.TABLE, subject, WHOLE)
        first = self.array(Job.ACTION_START, self.array(Job.ROW_START, table, WHOLE), WHOLE)
        place = here.add(here.mul(subject, self.entry(Job.RECORD_STRIDE)), here.sub(action, first))
        return here.mul(place, whole(2))

    def _write_decide(self) -> Value:
        lanes, layout = self.lanes, self.layout

        def body(lane: Value, rule: Value, action: Value) -> None:
            here = lanes.here
            self.refresh()
            self.call(self.observe)
            seen = self.element(layout.observed, self.array(Job.RULE_OUTPUT, rule, WHOLE), lane)
            subject = self.of_lane(layout.subject, lane, WHOLE)
            first = here.add(here.mul(subject, self.entry(Job.RULE_STRIDE)), here.mul(rule, whole(4)))
            sign, limit, recovery, factor = (
                self.array(Job.RULE_NUMBERS, here.add(first, whole(part))) for part in range(4)
            )
            place = self._state_of(lane, rule)
            after = here.add(place, whole(1))
            was = here.fcmp_ordered("!=", self.array(Job.RULE_STATE, place), number(0.0))
            value = here.fmul(sign, seen)
            low = here.fcmp_ordered("<", value, here.fmul(sign, limit))
            stays = here.fcmp_unordered("ule", value, here.fmul(sign, recovery))
            on = here.select(was, stays, low)
            before = self.array(Job.RULE_STATE, after)
            turned = here.and_(on, here.not_(was))
            stepped = here.select(turned, here.fmul(before, factor), before)
            steps = here.icmp_signed("!=", self.array(Job.RULE_STEPS, rule, WHOLE), whole(0))
            result = here.select(steps, stepped, here.select(on, factor, number(1.0)))
            self.set_array(Job.RULE_STATE, place, here.select(on, number(1.0), number(0.0)))
            self.set_array(Job.RULE_STATE, after, result)
            kept = self._record_of(lane, action)
            self.set_array(Job.RECORD, kept, result)
            self.set_array(Job.RECORD, here.add(kept, whole(1)), seen)

        return self.function("decide", 3, body)

    def _write_factor(self) -> Value:
        lanes = self.lanes

        def body(lane: Value, state: Value) -> None:
            here = lanes.here
            product = here.alloca(REAL)
            here.store(number(1.0), product)

            def look(rule: Value) -> None:
                mine = here.icmp_signed("==", self.array(Job.RULE_TARGET, rule, WHOLE), state)
                with here.if_then(mine):
                    own = self.array(Job.RULE_STATE, here.add(self._state_of(lane, rule), whole(1)))
                    here.store(here.fmul(here.load(product, typ=REAL), own), product)

            lanes.loop(self.entry(Job.RULES), look)
            here.ret(here.load(product, typ=REAL))

        return self.function("factor", 2, body, REAL)

    def dosed(self, lane: Value, action: Value, state: Value, value: Value) -> Value:
        """Return a bolus, or the rate of an infusion that begins or ends, as decided; what begins is recorded."""
        if not self.decides:
            return value
        here = self.lanes.here
        partner = self.array(Job.PARTNER, action, WHOLE)
        with here.if_else(here.icmp_signed("<", partner, whole(0))) as (begins, ends):
            with begins:
                factor = self.call(self.factor, lane, state)
                self.set_array(Job.RECORD, self._record_of(lane, action), factor)
                first = factor, here.block
            with ends:
                second = self.array(Job.RECORD, self._record_of(lane, partner)), here.block
        chosen = here.phi(REAL)
        chosen.add_incoming(*first)
        chosen.add_incoming(*second)
        return here.fmul(value, chosen)
