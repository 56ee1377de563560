"""AMICI's forward sensitivities: CVODES beside the states, doses as events at fixed times."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from amici.sim import sundials

from .amici import Amici, _build, version
from .statement import Array, Setting, Statement

METHODS = ("simultaneous", "staggered", "staggered1")

__all__ = ["load", "version"]


class AmiciSensitivities(Amici):
    """The compiled model with its derivatives; tolerances of states and of sensitivities can differ."""

    def __init__(self, statement: Statement, model: Any, slopes: Array) -> None:
        super().__init__(statement, {"exact": model})
        way = self.ways["exact"]
        way.solver.set_sensitivity_order(sundials.SensitivityOrder.first)
        way.solver.set_sensitivity_method(sundials.SensitivityMethod.forward)
        self.first_slopes = slopes[way.states][:, way.free].T.ravel().tolist()
        self.settings: list[Setting] = [
            {"method": method, "linear": linear, "atol": atol, "sensitivities": factor}
            for linear, atol, factor in (
                ("KLU", 1e-2, 1.0),
                ("KLU", 1e-1, 1.0),
                ("KLU", 1e-2, 10.0),
                ("dense", 1e-2, 1.0),
            )
            for method in (METHODS if linear == "KLU" else METHODS[:1])
        ]

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return derivatives per relative change, output by output and of each parameter by parameter."""
        way, this = self.ways["exact"], self.statement
        solver = way.solver
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(rtol * setting["atol"])
        solver.set_relative_tolerance_fsa(rtol * setting["sensitivities"])
        solver.set_absolute_tolerance_fsa(rtol * setting["atol"] * setting["sensitivities"])
        solver.set_linear_solver(getattr(sundials.LinearSolver, setting["linear"]))
        method = f"InternalSensitivityMethod_{setting['method']}"
        solver.set_internal_sensitivity_method(getattr(sundials, method))
        rows = []
        for values, initial in zip(*block["exact"], strict=True):
            way.model.set_free_parameters(values)
            way.model.set_initial_state(initial)
            way.model.set_initial_state_sensitivities(self.first_slopes)
            answer = sundials.run_simulation(way.model, solver)
            if answer["status"] != 0:
                raise RuntimeError(f"status {answer['status']} at time {answer['t_last']:g}")
            slopes = np.array(answer["sy"])  # times, parameters, outputs
            ordered = np.zeros((len(this.times), len(this.outputs), len(this.parameters)))
            ordered[:, :, way.free] = (slopes * np.array(values)[:, None]).transpose(0, 2, 1)
            rows.append(ordered.reshape(len(this.times), -1))
        return np.array(rows)


def load(statement: Statement, folder: Path) -> AmiciSensitivities:
    """Return the model; its C++ is compiled once and kept beside the statement."""
    os.environ.setdefault("AMICI_CXXFLAGS", "-march=native")
    model = _build(statement.sbml_with_events, statement.outputs, folder.parent, derivatives=True)
    return AmiciSensitivities(statement, model, np.load(folder / "initial_slopes.npy"))
