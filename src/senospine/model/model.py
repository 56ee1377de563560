"""A model: equations, values, units and where each number comes from."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from senospine.errors import Finding, ModelError
from senospine.model.checks import check_provenance, check_units
from senospine.model.events import TimedEvent
from senospine.model.expressions import Expression, evaluate, names
from senospine.model.raw import Species
from senospine.model.register import Parameter, Variable
from senospine.model.units import Unit

_SMALLEST_SCALE = 1e-18


@dataclass(frozen=True)
class Model:
    """A system of ordinary differential equations with provenance.

    Attributes
    ----------
    states : tuple of str
        In the order of the state vector.
    rates, assignments, initial : mapping of str to Expression
        Time derivatives; assigned variables, in an order in which they can be computed; initial values.
    parameters : mapping of str to float
        Constants, in the units of ``units``.
    register : mapping of str to Parameter
        Provenance; empty for a model that came without a register.
    variables : mapping of str to Variable
        Labels, groups and scales, as far as declared.
    time_unit : Unit
    sbml : str
        The flat SBML it was read from, without the register's values; :meth:`to_sbml` puts them in.
    derived : mapping of str to Expression
        Constants computed once per subject, at the start, from parameters and initial values: change a parameter
        and they follow.
    events : tuple of TimedEvent
        What happens at known times.
    species : mapping of str to Species
        Formulas for the amount and the concentration of each species, whichever of the two its name means.
    text : str
        The Antimony text of a model that was composed; empty for one read from a file.
    """

    name: str
    path: Path
    states: tuple[str, ...]
    rates: Mapping[str, Expression]
    assignments: Mapping[str, Expression]
    initial: Mapping[str, Expression]
    parameters: Mapping[str, float]
    units: Mapping[str, Unit]
    time_unit: Unit
    register: Mapping[str, Parameter]
    variables: Mapping[str, Variable]
    sbml: str
    derived: Mapping[str, Expression] = field(default_factory=dict)
    events: tuple[TimedEvent, ...] = ()
    species: Mapping[str, Species] = field(default_factory=dict)
    text: str = ""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Everything that changes with time: states, then assigned variables."""
        return (*self.states, *self.assignments)

    @property
    def constants(self) -> tuple[str, ...]:
        """Everything that keeps its value: parameters, then what is derived from them at the start."""
        return (*self.parameters, *self.derived)

    @cached_property
    def readable(self) -> Mapping[str, Expression]:
        """What can be asked for beside :attr:`outputs`: of each species its ``S__amount`` and ``S__concentration``."""
        asked: dict[str, Expression] = {}
        for name, species in self.species.items():
            asked.setdefault(f"{name}__amount", species.amount)
            asked.setdefault(f"{name}__concentration", species.concentration)
        return MappingProxyType({name: formula for name, formula in asked.items() if name not in self.outputs})

    @cached_property
    def start(self) -> Mapping[str, Expression]:
        """Formulas of all values at the start that are no parameters, each after those it reads."""
        formulas = {**self.assignments, **self.derived, **self.initial}
        wanted = [*self.derived, *self.initial]
        return MappingProxyType(_ordered(formulas, wanted, self.path))

    @cached_property
    def sha256(self) -> str:
        """Hash of the equations, initial values and parameter values; labels and comments do not change it."""
        content: dict[str, object] = {
            "rates": {key: repr(value) for key, value in sorted(self.rates.items())},
            "assignments": {key: repr(value) for key, value in sorted(self.assignments.items())},
            "initial": {key: repr(value) for key, value in sorted(self.initial.items())},
            "parameters": dict(sorted(self.parameters.items())),
            "time_unit": str(self.time_unit),
        }
        if self.derived:
            content["derived"] = {key: repr(value) for key, value in sorted(self.derived.items())}
        if self.events:
            content["events"] = [repr(event) for event in self.events]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def scale(self, name: str) -> float:
        """Return the declared typical size of a variable; of an undeclared state what its initial value suggests."""
        return self.variables[name].scale if name in self.variables else self._suggested_scales.get(name, 1.0)

    @cached_property
    def _suggested_scales(self) -> Mapping[str, float]:
        """Sizes of states at the start, at most 1; of one that starts at 0 that of the smallest other state.

        Amounts in moles may be a millionth: an absolute tolerance made for 1 would hide them.
        """
        values: dict[str, Any] = dict(self.parameters)
        with np.errstate(all="ignore"):
            for name, formula in self.start.items():
                try:
                    values[name] = float(evaluate(formula, values))
                except (ArithmeticError, ValueError):
                    values[name] = math.nan
        sizes = {name: abs(values[name]) for name in self.states if math.isfinite(values[name]) and values[name]}
        smallest = min((size for size in sizes.values() if size >= _SMALLEST_SCALE), default=1.0)
        return {name: min(1.0, max(sizes.get(name, smallest), _SMALLEST_SCALE)) for name in self.states}

    def label(self, name: str) -> str:
        """Return what people call a variable."""
        return self.variables[name].label if name in self.variables else name.replace("_", " ")

    def where(self, name: str) -> str:
        """Return ``file:line`` of the text that defines ``name``, as far as it can be found."""
        for file, text in self._texts():
            lines = text.splitlines()
            words = name.split("_")
            for start in range(len(words)):  # a module's own name for it lacks the instance's prefix
                pattern = re.compile(rf"^\s*{re.escape('_'.join(words[start:]))}\s*('|:=|=|has)")
                for number, line in enumerate(lines, 1):
                    if pattern.match(line):
                        return f"{file}:{number}"
        return str(self.path)

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield names and texts of the model's own file and of what it imports, its composed text first."""
        if self.text:
            yield f"{self.name} (composed)", self.text
        for file in _files(self.path, self.text):
            yield str(file), file.read_text(encoding="utf-8")

    def check(self) -> list[Finding]:
        """Return everything that is wrong with units, sources and names; empty means clean."""
        return [*check_units(self), *check_provenance(self)]

    def to_sbml(self) -> str:
        """Return SBML Level 3 with every value put in and every source as a note."""
        import libsbml

        document = libsbml.readSBMLFromString(self.sbml)
        model = document.getModel()
        for name, value in self.parameters.items():
            element = _set_value(model, name, value)
            if element is None:
                continue
            if name in self.register:
                row = self.register[name]
                note = f"{row.meaning} Source: {row.source} {row.doi}. Confidence: {row.confidence}. {row.reason}"
                element.setNotes(f"<p xmlns='http://www.w3.org/1999/xhtml'>{_escape(note)}</p>")
        return str(libsbml.writeSBMLToString(document))


def _ordered(formulas: Mapping[str, Expression], wanted: list[str], path: Path) -> dict[str, Expression]:
    """Return ``wanted`` and all they read, each after what it reads."""
    ordered: dict[str, Expression] = {}
    open_: dict[str, list[str]] = {}
    for root in wanted:
        pending = [root]
        while pending:
            name = pending[-1]
            if name in ordered or name not in formulas:
                pending.pop()
                continue
            if name not in open_:
                open_[name] = sorted(names(formulas[name]) & formulas.keys())
            waiting = [item for item in open_[name] if item not in ordered]
            if not waiting:
                ordered[name] = formulas[name]
                pending.pop()
            elif waiting[0] in pending:
                circle = ", ".join(sorted(pending[pending.index(waiting[0]) :]))
                raise ModelError(
                    f"initial values of {circle} depend on each other",
                    where=str(path),
                    remedy="give one of them a number",
                )
            else:
                pending.append(waiting[0])
    return ordered


def _set_value(model: Any, name: str, value: float) -> Any:
    """Put a value into the SBML element that holds it; None for a local parameter of a reaction."""
    element = model.getElementBySId(name)
    if element is None:
        return None
    kind = element.getElementName()
    if kind == "species":
        (element.setInitialAmount if element.getHasOnlySubstanceUnits() else element.setInitialConcentration)(value)
    elif kind == "compartment":
        element.setSize(value)
    elif kind == "speciesReference":
        element.setStoichiometry(value)
    else:
        element.setValue(value)
    return element


def _files(path: Path, text: str = "") -> Iterator[Path]:
    """Yield a model file and what it, or the text composed from it, imports."""
    if path.suffix.lower() in {".xml", ".sbml"} or not path.is_file():
        return
    yield path
    for name in re.findall(r'^\s*import\s+"([^"]+)"', text or path.read_text(encoding="utf-8"), re.M):
        imported = path.parent / name
        if imported.is_file() and imported != path:
            yield imported


def _escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
