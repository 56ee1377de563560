"""The engine of this package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

import senospine
from senospine.engine import Kernel, Schedule, compile_model
from senospine.model import Model, load_model
from senospine.model.register import Variable

from .statement import Array, Setting, Statement


def version() -> str:
    """Return the version."""
    return senospine.__version__


class Ours:
    """A kernel, one for each of its ways to run."""

    def __init__(self, statement: Statement, kernels: dict[str, Kernel], settings: list[Setting]) -> None:
        self.statement, self.kernels, self.settings = statement, kernels, settings

    def prepare(self, first: int, count: int) -> Any:
        """Return parameters, initial values and doses, as arrays."""
        this = self.statement
        values, initial = this.values[first : first + count], this.initial[first : first + count]
        own = any(isinstance(event.amount, str) for event in this.events)
        amounts = np.array(
            [[this.amount(event, row) for event in this.events] for row in (values if own else values[:1])]
        )
        entries = {
            "time": np.array([event.time for event in this.events]),
            "kind": [event.kind for event in this.events],
            "target": [event.target for event in this.events],
            "amount": amounts if own else amounts[0],
        }
        return (
            dict(zip(this.parameters, values.T, strict=True)),
            entries,
            dict(zip(this.states, initial.T, strict=True)),
        )

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return the outputs; the doses are read here, so that reading them is timed."""
        parameters, entries, initial = block
        kernel = self.kernels[setting["way"]]
        solution = kernel.solve(
            parameters, Schedule.from_columns(**entries), self.statement.times, start=self.statement.start,
            initial=initial, rtol=rtol, threads=setting.get("threads", 1),
        )  # fmt: skip
        return np.stack([solution[name] for name in self.statement.outputs], axis=-1)


def read_model(statement: Statement, folder: Path) -> Model:
    """Return the model from its SBML, with the scales of its states."""
    path = folder / "model.xml"
    path.write_text(statement.sbml, encoding="utf-8")
    sizes = zip(statement.states, statement.scales, strict=True)
    scales = {name: Variable(name, name, "", "state", "", scale) for name, scale in sizes}
    return replace(load_model(path), variables=MappingProxyType(scales))


def load(statement: Statement, folder: Path) -> Ours:
    """Return kernels that interpolate outputs or stop at them, and look at the mean error or at the largest."""
    model = read_model(statement, folder)
    kernels: dict[str, Kernel] = {
        f"{way}, {norm} norm": compile_model(model, statement.outputs, norm=norm, hit_outputs=way == "stop at outputs")
        for way in ("interpolate", "stop at outputs")
        for norm in ("rms", "max")
    }
    for kernel in kernels.values():
        kernel.build()  # type: ignore[attr-defined]
    return Ours(statement, kernels, [{"way": way} for way in kernels])
