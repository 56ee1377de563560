"""What a model file says, before values and provenance are joined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from senospine.model.events import TimedEvent
from senospine.model.expressions import Expression, Number
from senospine.model.units import DIMENSIONLESS, Unit


@dataclass(frozen=True)
class Species:
    """The two ways to ask for a species: ``amount`` and ``concentration``, as formulas of the model's names."""

    amount: Expression
    concentration: Expression


@dataclass
class RawModel:
    """What an SBML file says; every quantity of it stands in exactly one of the first five mappings.

    Attributes
    ----------
    parameters : dict of str to float or None
        Constants with a number; None where the file gives none.
    derived : dict of str to Expression
        Constants that are computed once, at the start.
    assignments, rates, initial : dict of str to Expression
        Assigned variables; derivatives and initial values of states.
    optional : set of str
        Parameters that may lack a value as long as nothing reads them.
    given : dict of str to Expression
        The file's initial assignments.
    jumping : set of str
        Variables that events assign.
    named_rates : set of str
        Assigned variables that stand for the rate of a state.
    """

    name: str
    where: str
    text: str
    document: Any
    parameters: dict[str, float | None] = field(default_factory=dict)
    derived: dict[str, Expression] = field(default_factory=dict)
    assignments: dict[str, Expression] = field(default_factory=dict)
    rates: dict[str, Expression] = field(default_factory=dict)
    initial: dict[str, Expression] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    time_unit: Unit = DIMENSIONLESS
    species: dict[str, Species] = field(default_factory=dict)
    events: tuple[TimedEvent, ...] = ()
    optional: set[str] = field(default_factory=set)
    given: dict[str, Expression] = field(default_factory=dict)
    jumping: set[str] = field(default_factory=set)
    named_rates: set[str] = field(default_factory=set)

    def place(self, name: str, number: float | None, unit: Unit | None = None) -> None:
        """Put a quantity where it belongs: assigned, a state, computed at the start, or a plain constant."""
        if unit is not None:
            self.units[name] = unit
        start = self.given.get(name)
        if name in self.assignments:
            return
        if name in self.rates or name in self.jumping:
            self.state(name, start if start is not None or number is None else Number(number))
        elif start is not None:
            self.derived[name] = start
        else:
            self.parameters[name] = number

    def state(self, name: str, start: Expression | None) -> None:
        """Make ``name`` a state, at rest unless a rate is known."""
        self.rates.setdefault(name, Number(0.0))
        if start is not None:
            self.initial[name] = start

    def constant(self, name: str) -> bool:
        """Return whether ``name`` keeps its value."""
        return name in self.parameters or name in self.derived

    def free_name(self, wanted: str) -> str:
        """Return ``wanted``, lengthened until the file does not use it."""
        while wanted in self.text:
            wanted += "_"
        return wanted
