"""AMICI: SBML made into C++ with analytic sparse Jacobian, CVODES with KLU; doses as events at fixed times."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import amici
import numpy as np
from amici.importers.sbml import SbmlImporter
from amici.sim import sundials

from .statement import ABSOLUTE, Array, Setting, Statement


def version() -> str:
    """Return the version."""
    return str(amici.__version__)


class Amici:
    """Compiled models and their solvers; the outputs are the only observables, nothing else is computed."""

    def __init__(self, statement: Statement, models: dict[str, Any]) -> None:
        self.statement = statement
        self.ways = {name: _Way(statement, model) for name, model in models.items()}
        self.settings: list[Setting] = [
            {"choices": way, "linear": linear, "atol": atol}
            for way in self.ways
            for linear in ("KLU", "dense")
            for atol in ABSOLUTE
        ]

    def prepare(self, first: int, count: int) -> Any:
        """Return parameters and initial values in the order of each model."""
        values = self.statement.values[first : first + count]
        initial = self.statement.initial[first : first + count]
        return {name: way.prepare(values, initial) for name, way in self.ways.items()}

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return the outputs."""
        way = self.ways[setting["choices"]]
        way.solver.set_relative_tolerance(rtol)
        way.solver.set_absolute_tolerance(rtol * setting["atol"])
        way.solver.set_linear_solver(getattr(sundials.LinearSolver, setting["linear"]))
        rows = []
        for values, initial in zip(*block[setting["choices"]], strict=True):
            way.model.set_free_parameters(values)
            way.model.set_initial_state(initial)
            answer = sundials.run_simulation(way.model, way.solver)  # must outlive the copy
            rows.append(np.array(answer["y"]))
        return np.array(rows)


class _Way:
    """One compiled model; a parameter that is switched is a state here."""

    def __init__(self, statement: Statement, model: Any) -> None:
        self.model, self.solver = model, model.create_solver()
        self.solver.set_max_steps(10_000_000)
        self.solver.set_return_data_reporting_mode(sundials.RDataReporting.observables_likelihood)
        model.set_timepoints(list(statement.times))
        model.set_t0(statement.start)
        names = list(model.get_state_ids())
        self.states = [statement.states.index(name) if name in statement.states else -1 for name in names]
        self.switched = [-1 if name in statement.states else statement.parameters.index(name) for name in names]
        self.free = [statement.parameters.index(name) for name in model.get_free_parameter_ids()]

    def prepare(self, values: Array, initial: Array) -> Any:
        """Return parameters and initial values."""
        columns = [
            initial[:, state] if state >= 0 else values[:, parameter]
            for state, parameter in zip(self.states, self.switched, strict=True)
        ]
        return values[:, self.free].tolist(), np.column_stack(columns).tolist()


def load(statement: Statement, folder: Path) -> Amici:
    """Return the models; their C++ is compiled once and kept beside the statement."""
    os.environ.setdefault("AMICI_CXXFLAGS", "-march=native")
    texts = {"exact": statement.sbml_with_events} | ({"smooth": statement.sbml_smooth} if statement.sbml_smooth else {})
    return Amici(statement, {name: _build(text, statement.outputs, folder.parent) for name, text in texts.items()})


def _build(sbml: str, outputs: tuple[str, ...], folder: Path, *, derivatives: bool = False) -> Any:
    digest = hashlib.sha256(f"{sbml} {outputs} {derivatives} {amici.__version__}".encode()).hexdigest()[:16]
    home, name = folder / "amici_builds" / digest, f"bench_{digest}"
    if not (home / "built").exists():
        SbmlImporter(sbml, from_file=False).sbml2amici(
            name,
            home,
            observation_model=[amici.MeasurementChannel(id_=f"seen_{item}", formula=item) for item in outputs],
            compute_conservation_laws=False,
            generate_sensitivity_code=derivatives,
        )
        (home / "built").touch()
    return amici.import_model_module(name, home).get_model()
