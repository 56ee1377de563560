"""The model's own events as code on lanes: values read when one is triggered, states set when it is carried out."""

from __future__ import annotations

import math

from senospine.engine.deciding import Deciding
from senospine.engine.layout import Job
from senospine.engine.system import EventNodes, System
from senospine.engine.vectors import WHOLE, Value, number, whole

#: an output due at a moment waits, so long, for the events at that moment; finite in single precision too
WAITS = 1e38


class Happening(Deciding):
    """Writes what carries out events; for a system without, nothing."""

    def __init__(self, system: System, width: int, *, single: bool = False) -> None:
        super().__init__(system, width, single=single)
        self.happens = bool(system.events)
        self._values = [self._write_values(number, event) for number, event in enumerate(system.events)]

    def _write_values(self, which: int, event: EventNodes) -> Value:
        """Write ``event()``: what it assigns, then by what that is multiplied, at each lane's time and state."""
        lanes, layout = self.lanes, self.layout

        def body() -> None:
            place = lanes.place
            scribe = self.code._scribe(
                self.workspace, place(self.workspace, layout.time), place(self.workspace, layout.state)
            )
            nodes = [*event.values, *event.factors]
            scribe.write(nodes, lambda index, value: self.set_vector(value, layout.event + index))

        return self.function(f"event_{which}", 0, body)

    def _stored(self, lane: Value, slot: Value) -> Value:
        """Return the place of what a firing keeps from its trigger on."""
        here = self.lanes.here
        subject = self.of_lane(self.layout.subject, lane, WHOLE)
        return here.add(here.mul(subject, self.entry(Job.EVENT_STRIDE)), slot)

    def trigger(self, lane: Value, which: Value, slot: Value) -> None:
        """Keep what an event assigns, if it is read at the trigger."""
        here = self.lanes.here
        for index, event in enumerate(self.system.events):
            if event.values_at_trigger:
                with here.if_then(here.icmp_signed("==", which, whole(index))):
                    self.refresh()
                    self.call(self._values[index])
                    first = self._stored(lane, slot)
                    for item in range(len(event.states)):
                        value = self.of_lane(self.layout.event + item, lane)
                        self.set_array(Job.EVENT_STORE, here.add(first, whole(item)), value)

    def execute(self, lane: Value, which: Value, slot: Value) -> None:
        """Set the states that an event assigns; where it resizes a compartment, amounts stay."""
        here, layout = self.lanes.here, self.layout
        for index, event in enumerate(self.system.events):
            with here.if_then(here.icmp_signed("==", which, whole(index))):
                self.refresh()
                self.call(self._values[index])
                first, count = self._stored(lane, slot), len(event.states)
                sizes = [self.of_lane(layout.state + size, lane) for _, size in event.diluted]
                for item, state in enumerate(event.states):
                    if event.values_at_trigger:
                        value = self.array(Job.EVENT_STORE, here.add(first, whole(item)))
                    else:
                        value = self.of_lane(layout.event + item, lane)
                    factor = self.of_lane(layout.event + count + item, lane)
                    self.set_lane(here.fmul(value, factor), layout.state + state, lane)
                for (state, size), before in zip(event.diluted, sizes, strict=True):
                    ratio = here.fdiv(before, self.of_lane(layout.state + size, lane))
                    self.set_lane(
                        here.fmul(self.of_lane(layout.state + state, lane), ratio), layout.state + state, lane
                    )

    def wait_for_events(self, lane: Value) -> None:
        """Let an output that is due when events happen be recorded after them."""
        if not self.happens:
            return
        here, layout = self.lanes.here, self.layout
        row, last = (self.of_lane(place, lane, WHOLE) for place in (layout.row, layout.last_row))
        with here.if_then(here.icmp_signed("<", row, last)):
            early = here.icmp_signed("!=", self.array(Job.ROW_EARLY, row, WHOLE), whole(0))
            moment = self.held(self.since(self.array(Job.ROW_TIME, row), lane))
            same = here.fcmp_ordered("==", moment, self.of_lane(layout.due, lane))
            with here.if_then(here.and_(early, same)):
                self.set_lane(number(WAITS), layout.due, lane)

    def is_finished(self, lane: Value) -> Value:
        """Return whether the lane has recorded its last output."""
        return self.lanes.here.fcmp_ordered("==", self.of_lane(self.layout.due, lane), number(math.inf))
