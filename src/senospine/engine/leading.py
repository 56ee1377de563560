"""The driver with one change: the first lane's errors and steps are those of all lanes."""

from __future__ import annotations

from senospine.engine.driver import _Driver
from senospine.engine.system import System
from senospine.engine.vectors import Value, whole


def write_leading_driver(system: System, width: int) -> str:
    """Return the LLVM text of ``run(job, workspace)`` in which the first lane leads."""
    return _Leading(system, width).text()


class _Leading(_Driver):
    def _lead(self, place: int) -> None:
        self.set_vector(self.lanes.spread(self.of_lane(place, whole(0))), place)

    def by_method(self, first: Value, second: Value, *items: Value) -> None:
        super().by_method(first, second, *items)
        if items:  # a step, and not an interpolation: its error is known now
            self._lead(self.layout.error)

    def _limit_step(self) -> None:
        self._lead(self.layout.proposed)
        super()._limit_step()
