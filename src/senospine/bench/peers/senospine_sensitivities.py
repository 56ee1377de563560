"""Derivatives by this package, and the tight differences that judge them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import senospine
from senospine.engine import Entry, Kernel, Schedule, compile_model, sensitivities
from senospine.engine.start import start_values

from .senospine_lanes import read_model
from .statement import Array, Setting, Statement

#: sixth-order differences over this part of each parameter, at the tightest tolerance: what all are judged by
TRUTH, TIGHT = 0.02, 1e-12
OFFSETS = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
WEIGHTS = np.array([-1.0, 9.0, -45.0, 45.0, -9.0, 1.0]) / 60.0
#: SciPy is slow: it checks the truth on these many parameters, at this tolerance
FEW, LSODA = 4, 1e-11


def version() -> str:
    """Return the version."""
    return senospine.__version__


class Ours:
    """Kernels with either norm; derivatives are per relative change of the parameter, with errors stated or without."""

    def __init__(self, statement: Statement, folder: Path) -> None:
        self.statement, self.model = statement, read_model(statement, folder)
        self.kernels: dict[str, Kernel] = {
            norm: compile_model(self.model, statement.outputs, norm=norm) for norm in ("rms", "max")
        }
        for kernel in self.kernels.values():
            kernel.in_step.build()  # type: ignore[attr-defined]
        self.settings: list[Setting] = [{"norm": norm, "errors": "stated"} for norm in self.kernels]
        entries = [Entry(event.time, event.kind, event.target, float(event.amount)) for event in statement.events]  # type: ignore[arg-type]
        self.schedule = Schedule.shared(entries)

    def prepare(self, first: int, count: int) -> Any:
        """Return parameters, and the initial values that no formula tells."""
        this = self.statement
        values, initial = this.values[first : first + count], this.initial[first : first + count]
        parameters = dict(zip(this.parameters, values.T, strict=True))
        formulas, _ = start_values(self.model, parameters, {}, this.start, count)
        told = (initial != formulas).any(axis=0)
        return parameters, {name: initial[:, i] for i, name in enumerate(this.states) if told[i]}

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return derivatives, output by output and of each parameter by parameter."""
        parameters, initial = block
        if "way" in setting:
            return self._differences(parameters, initial, setting["way"])
        found = sensitivities(
            self.kernels[setting["norm"]], self.statement.parameters, parameters, self.schedule, self.statement.times,
            start=self.statement.start, initial=initial, rtol=rtol, threads=setting.get("threads", 1),
            check=setting["errors"] == "stated",
        )  # fmt: skip
        slopes = [found[output] * found.at[:, None, :] for output in self.statement.outputs]
        return np.concatenate(slopes, axis=2)

    def _differences(self, parameters: dict[str, Array], initial: dict[str, Array], way: str) -> Array:
        """Return differences of sixth order; of SciPy only those with respect to the first few parameters."""
        this, lsoda = self.statement, way == "LSODA"
        kernel = compile_model(self.model, this.outputs, engine="scipy") if lsoda else self.kernels["rms"]
        names, rows = this.parameters[: FEW if lsoda else None], []
        for subject in range(len(next(iter(parameters.values())))):
            at = {name: float(value[subject]) for name, value in parameters.items()}
            columns: dict[str, Any] = dict(at)
            for index, name in enumerate(names):
                column = np.full((len(names), len(OFFSETS)), at[name])
                column[index] *= 1.0 + TRUTH * OFFSETS
                columns[name] = column.ravel()
            first = {name: float(value[subject]) for name, value in initial.items()}
            solution = kernel.solve(
                columns, self.schedule, this.times, start=this.start, initial=first, rtol=LSODA if lsoda else TIGHT
            )
            slopes = np.full((len(this.times), len(this.outputs), len(this.parameters)), np.nan)
            for column_, output in enumerate(this.outputs):
                paths = solution[output].reshape(len(names), len(OFFSETS), -1)
                slopes[:, column_, : len(names)] = np.einsum("kot,o->tk", paths, WEIGHTS) / TRUTH
            rows.append(slopes.reshape(len(this.times), -1))
        return np.array(rows)


def load(statement: Statement, folder: Path) -> Ours:
    """Return the kernels, compiled."""
    return Ours(statement, folder)
