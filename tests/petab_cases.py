"""PEtab's own test suite as a judge: cases of version 1 in SBML, read from the package ``petabtests`` and simulated.

Source: PEtab test suite (doi 10.5281/zenodo.3940103); the format: Schmiester et al. 2021, doi
10.1371/journal.pcbi.1008646. What a case needs and this package does not offer is refused by name.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import libsbml
import numpy as np
import pandas as pd
import yaml

from senospine.engine import compile_model
from senospine.errors import ModelError, SenospineError
from senospine.model import Model, evaluate, load_model
from senospine.model.mathml import MathReader

#: when a preequilibration is over: nothing may change any more between these moments
STEADY, LATER = 1e5, 2e5
UNCHANGED = 1e-8


def cases() -> list[Path]:
    """Return the folders of all cases; the package is found and not imported, for it would import half of PEtab."""
    spec = importlib.util.find_spec("petabtests")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "cases" / "v1.0.0" / "sbml"
    return sorted(path.parent for path in folder.glob("*/_model.xml"))


@dataclass(frozen=True)
class Case:
    """One problem: its tables, its model, and the species of the model as libSBML tells them."""

    model: Model
    species: dict[str, tuple[str, bool]]
    conditions: pd.DataFrame
    observables: pd.DataFrame
    measurements: pd.DataFrame
    nominal: dict[str, float]
    expected: np.ndarray
    tolerance: float

    @classmethod
    def read(cls, folder: Path) -> Case:
        """Return the case in a folder."""
        problem = yaml.safe_load((folder / f"_{folder.name}.yaml").read_text(encoding="utf-8"))
        solution = yaml.safe_load((folder / f"_{folder.name}_solution.yaml").read_text(encoding="utf-8"))
        (files,) = problem["problems"]
        tables = {
            kind: pd.read_csv(folder / files[f"{kind}_files"][0], sep="\t")
            for kind in ("condition", "measurement", "observable")
        }
        parameters = pd.read_csv(folder / problem["parameter_file"], sep="\t")
        path = folder / files["sbml_files"][0]
        document = libsbml.readSBML(str(path))
        species = {
            item.getId(): (item.getCompartment(), item.getHasOnlySubstanceUnits())
            for item in document.getModel().getListOfSpecies()
        }
        return cls(
            load_model(path), species, tables["condition"].set_index("conditionId"),
            tables["observable"].set_index("observableId"), tables["measurement"],
            dict(zip(parameters["parameterId"], parameters["nominalValue"], strict=True)),
            pd.read_csv(folder / solution["simulation_files"][0], sep="\t")["simulation"].to_numpy(),
            float(solution["tol_simulations"]),
        )  # fmt: skip

    def simulate(self) -> np.ndarray:
        """Return the simulated value of each row of the measurement table."""
        values = np.full(len(self.measurements), math.nan)
        before = self.measurements.get("preequilibrationConditionId", pd.Series("", self.measurements.index)).fillna("")
        groups = self.measurements.groupby([before, self.measurements["simulationConditionId"]])
        for (first, condition), rows in groups:
            initial = self._steady(first) if first else {}
            times = np.unique(rows["time"])
            if not np.isfinite(times).all():
                raise ModelError("a measurement of the steady state, at an infinite time")
            state, names = self._solve(condition, initial, times)
            for index, row in rows.iterrows():
                at = int(np.searchsorted(times, row["time"]))
                values[index] = self._observe(row, {name: path[at] for name, path in state.items()} | names)
        return values

    def _steady(self, condition: str) -> dict[str, float]:
        """Return the states after a long time under a condition, or refuse if they still change."""
        state, _ = self._solve(condition, {}, np.array([STEADY, LATER]))
        for name in self.model.states:
            early, late = state[name]
            if not abs(late - early) <= UNCHANGED * max(abs(late), 1.0):
                raise ModelError(f"'{name}' does not come to rest before time {STEADY:g}")
        return {name: float(state[name][1]) for name in self.model.states}

    def _solve(
        self, condition: str, initial: dict[str, float], times: np.ndarray
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Return all variables at the times, and all names that have one value: parameters of model and tables."""
        names, first = dict(self.nominal), dict(initial)
        row = self.conditions.loc[condition].drop("conditionName", errors="ignore")
        species = {}
        for name, given in row.items():
            value = self.nominal[given] if isinstance(given, str) and given in self.nominal else float(given)
            if math.isnan(value):
                continue
            (species if name in self.species or name in self.model.states else names)[str(name)] = value
        parameters = {name: value for name, value in names.items() if name in self.model.parameters}
        for name, value in species.items():
            if name in self.model.states:
                first[name] = value
            elif f"{name}__amount" in self.model.states:
                home, amount = self.species[name]
                size = 1.0 if amount else parameters.get(home, self.model.parameters[home])
                first[f"{name}__amount"] = value * size
            else:
                raise ModelError(f"'{name}' of the condition table is no state of this model")
        solution = compile_model(self.model).solve(parameters, times=times, initial=first, rtol=1e-10)
        if solution.failures:
            raise ModelError(str(solution.failures[0]))
        return {name: solution[name][0] for name in self.model.outputs}, self.model.parameters | names

    def _observe(self, row: pd.Series, values: dict[str, float]) -> float:
        """Return the observable of a row of the measurement table, its own parameters put in."""
        name = row["observableId"]
        overrides = str(row["observableParameters"]).split(";") if "observableParameters" in row else []
        for number, word in enumerate(overrides, 1):
            value = self.nominal[word] if word in self.nominal else float(word)
            values = values | {f"observableParameter{number}_{name}": value}
        formula = libsbml.parseL3Formula(str(self.observables.loc[name, "observableFormula"]))
        return float(evaluate(MathReader({}).read(formula, f"observable '{name}'"), values, row["time"]))


def judge(folder: Path) -> tuple[str, str]:
    """Return how a case ended, ``passed``, ``refused`` or ``wrong``, and why."""
    try:
        case = Case.read(folder)
        found = case.simulate()
    except SenospineError as error:
        return "refused", str(error)
    off = np.abs(found - case.expected)
    return ("passed" if (off <= case.tolerance).all() else "wrong"), f"off by at most {off.max():.1e}"
