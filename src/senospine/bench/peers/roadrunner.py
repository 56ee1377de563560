"""libRoadRunner: SBML compiled with LLVM, CVODE with a dense Jacobian by differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import roadrunner

from .statement import ABSOLUTE, Array, Setting, Statement


def version() -> str:
    """Return the version."""
    return str(roadrunner.__version__)


class RoadRunner:
    """Doses as SBML events found by CVODE's roots, or stretch by stretch with a restart at each dose."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.settings: list[Setting] = [
            {"way": way, "atol": atol} for way in ("restart at doses", "SBML events") for atol in ABSOLUTE
        ]
        self.models: dict[str, Any] = {}
        for way, text in (("restart at doses", statement.sbml), ("SBML events", statement.sbml_with_events)):
            runner = roadrunner.RoadRunner(text)
            runner.integrator.setValue("stiff", True)
            runner.integrator.setValue("maximum_num_steps", 1_000_000)
            runner.timeCourseSelections = list(statement.outputs)
            names = list(runner.model.getGlobalParameterIds())
            states = [names.index(name) for name in statement.states]
            self.models[way] = (runner, [names.index(name) for name in statement.parameters], states)
        self.segments = statement.segments()
        self.columns = statement.columns()

    def prepare(self, first: int, count: int) -> Any:
        """Return parameters and initial values."""
        return self.statement.values[first : first + count], self.statement.initial[first : first + count]

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return the outputs."""
        runner, parameters, states = self.models[setting["way"]]
        runner.integrator.relative_tolerance = rtol
        runner.integrator.absolute_tolerance = rtol * setting["atol"]
        one = self._restart if setting["way"] == "restart at doses" else self._events
        rows = []
        for values, initial in zip(*block, strict=True):
            runner.reset(roadrunner.SelectionRecord.TIME)
            runner.model.setGlobalParameterValues(parameters, values)
            runner.model.setGlobalParameterValues(states, initial)
            rows.append(one(runner, values, parameters, states))
        return np.array(rows)

    def _events(self, runner: Any, values: Array, parameters: list[int], states: list[int]) -> Array:
        table = runner.simulate(times=[self.statement.start, *self.statement.times])
        return np.array(table)[1:]

    def _restart(self, runner: Any, values: Array, parameters: list[int], states: list[int]) -> Array:
        model, integrator, this, rows = runner.model, runner.integrator, self.statement, []
        for begin, end, events, times in self.segments:
            for event in events:
                where = states if event.kind == "bolus" else parameters
                index = (this.states if event.kind == "bolus" else this.parameters).index(event.target)
                before = model.getGlobalParameterValues([where[index]])[0] if event.kind == "bolus" else 0.0
                model.setGlobalParameterValues([where[index]], [before + this.amount(event, values)])
            integrator.restart(begin)
            now = begin
            for time in times:
                integrator.integrate(now, time - now)
                rows.append(model.getGlobalParameterValues(states)[self.columns])
                now = time
            if now < end:
                integrator.integrate(now, end - now)
        return np.array(rows)


def load(statement: Statement, folder: Path) -> RoadRunner:
    """Return the compiled model."""
    return RoadRunner(statement)
