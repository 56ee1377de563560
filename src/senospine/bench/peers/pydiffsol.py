"""pydiffsol: the Rust solver diffsol with DiffSL compiled by LLVM; stretch by stretch, a new start at each dose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydiffsol

from .statement import ABSOLUTE, Array, Setting, Statement

MATRICES = {"dense": ("nalgebra_dense", "default"), "sparse": ("faer_sparse", "lu"), "KLU": ("faer_sparse", "klu")}


def version() -> str:
    """Return the version."""
    return str(pydiffsol.version() if callable(pydiffsol.version) else pydiffsol.version)


class Diffsol:
    """One compiled problem for each kind of matrix."""

    def __init__(self, statement: Statement) -> None:
        if not statement.diffsl:
            raise ValueError("the model cannot be said in DiffSL")
        self.statement = statement
        self.problems: dict[str, Any] = {}
        for name, (matrix, linear) in MATRICES.items():
            if name == "KLU" and not pydiffsol.is_klu_available():
                continue
            self.problems[name] = pydiffsol.Ode(statement.diffsl, matrix_type=getattr(pydiffsol, matrix))
            self.problems[name].linear_solver = getattr(pydiffsol, linear)
        self.settings: list[Setting] = [
            {"matrix": matrix, "method": method, "atol": atol}
            for method in ("bdf", "esdirk34")
            for matrix in self.problems
            for atol in ABSOLUTE
        ]
        self.segments = statement.segments()
        self.columns = statement.columns()

    def prepare(self, first: int, count: int) -> Any:
        """Return parameters and initial values."""
        return self.statement.values[first : first + count], self.statement.initial[first : first + count]

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return the outputs."""
        problem = self.problems[setting["matrix"]]
        problem.ode_solver = getattr(pydiffsol, setting["method"])
        problem.rtol, problem.atol = rtol, rtol * setting["atol"]
        return np.array(
            [self._one(problem, values.copy(), initial.copy()) for values, initial in zip(*block, strict=True)]
        )

    def _one(self, problem: Any, values: Array, state: Array) -> Array:
        this, rows = self.statement, []
        for begin, end, events, times in self.segments:
            for event in events:
                if event.kind == "bolus":
                    state[this.states.index(event.target)] += this.amount(event, values)
                else:
                    values[this.parameters.index(event.target)] = this.amount(event, values)
            stops = np.array(times if times and times[-1] == end else [*times, end]) - begin
            path = problem.solve_dense(np.concatenate([values, state, [begin]]), stops).ys
            if times:
                rows.append(path[self.columns, : len(times)].T)
            state = np.array(path[:, -1])
        return np.concatenate(rows)


def load(statement: Statement, folder: Path) -> Diffsol:
    """Return the compiled problems."""
    return Diffsol(statement)
