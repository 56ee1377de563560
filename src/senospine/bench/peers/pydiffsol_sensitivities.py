"""pydiffsol's forward sensitivities: stretch by stretch, joined by the chain rule through the state between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydiffsol

from .pydiffsol import Diffsol, version
from .statement import Array, Setting, Statement

__all__ = ["load", "version"]


class DiffsolSensitivities(Diffsol):
    """The compiled problems; errors of sensitivities are held to the tolerance, or left to those of the states."""

    def __init__(self, statement: Statement, slopes: Array) -> None:
        super().__init__(statement)
        if any(event.kind == "switch" for event in statement.events):
            raise ValueError("switched parameters have no derivative here")
        self.slopes = slopes
        self.settings: list[Setting] = [
            {"matrix": matrix, "method": method, "sensitivities": held}
            for held in ("free", "held")
            for method in ("bdf", "esdirk34")
            for matrix in self.problems
        ]

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return derivatives per relative change, output by output and of each parameter by parameter."""
        problem = self.problems[setting["matrix"]]
        problem.ode_solver = getattr(pydiffsol, setting["method"])
        problem.rtol, problem.atol = rtol, rtol * 1e-2
        held = setting["sensitivities"] == "held"
        problem.sens_rtol, problem.sens_atol = (rtol, rtol * 1e-2) if held else (None, None)
        return np.array(
            [self._derivatives(problem, values, initial.copy()) for values, initial in zip(*block, strict=True)]
        )

    def _derivatives(self, problem: Any, values: Array, state: Array) -> Array:
        this, rows, slopes = self.statement, [], self.slopes
        count, states = len(this.parameters), len(this.states)
        for begin, end, events, times in self.segments:
            for event in events:
                state[this.states.index(event.target)] += this.amount(event, values)
            stops = np.array(times if times and times[-1] == end else [*times, end]) - begin
            answer = problem.solve_fwd_sens(np.concatenate([values, state, [begin]]), stops)
            by_input = np.array(answer.sens)  # inputs, states, stops
            before = np.tensordot(slopes, by_input[count : count + states], axes=(0, 0))
            all_slopes = by_input[:count] + before  # parameters, states, stops
            if times:
                found = all_slopes[:, self.columns, : len(times)] * values[:, None, None]
                rows.append(found.transpose(2, 1, 0).reshape(len(times), -1))
            state, slopes = np.array(answer.ys[:, -1]), all_slopes[:, :, -1].T
        return np.concatenate(rows)


def load(statement: Statement, folder: Path) -> DiffsolSensitivities:
    """Return the compiled problems."""
    return DiffsolSensitivities(statement, np.load(folder / "initial_slopes.npy"))
