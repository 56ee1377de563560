"""What every solver is given: the same equations, subjects, doses and output times, as a folder of plain files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Setting = dict[str, Any]
#: absolute tolerances that are tried where a solver takes one for all states, as multiples of the relative one
ABSOLUTE = (1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Event:
    """A dose or a switch: ``amount`` is a number, or the name of the parameter that holds each subject's own.

    Attributes
    ----------
    kind : {'bolus', 'switch'}
        Add to a state, or set a parameter.
    """

    time: float
    kind: str
    target: str
    amount: float | str


@dataclass(frozen=True)
class Statement:
    """One problem. No output falls on an event, and whatever happens at the start is in ``initial`` already.

    Attributes
    ----------
    states, parameters : tuple of str
        In the order of the columns of ``initial`` and ``values``.
    outputs : tuple of str
        The states that are recorded.
    scales : tuple of float
        Typical size of each state.
    sbml, sbml_with_events, sbml_smooth, diffsl : str
        The equations in the languages of the solvers; ``sbml_smooth`` has steep steps in the place of choices, and is
        empty where there are none; ``diffsl`` is empty where the equations cannot be said in it.
    values, initial : ndarray, shape (n_subjects, n_parameters) and (n_subjects, n_states)
    """

    name: str
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    scales: tuple[float, ...]
    start: float
    times: tuple[float, ...]
    events: tuple[Event, ...]
    sbml: str
    sbml_with_events: str
    sbml_smooth: str
    diffsl: str
    values: Array = field(repr=False)
    initial: Array = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write the statement into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: value for name, value in vars(self).items() if name not in {"values", "initial", "events"}}
        plain["events"] = [asdict(event) for event in self.events]
        (folder / "statement.json").write_text(json.dumps(plain), encoding="utf-8")
        np.save(folder / "values.npy", self.values)
        np.save(folder / "initial.npy", self.initial)

    @classmethod
    def read(cls, folder: Path) -> Statement:
        """Return the statement in a folder."""
        plain = json.loads((folder / "statement.json").read_text(encoding="utf-8"))
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
        plain["events"] = tuple(Event(**event) for event in plain["events"])
        return cls(**plain, values=np.load(folder / "values.npy"), initial=np.load(folder / "initial.npy"))

    def columns(self) -> list[int]:
        """Return where the outputs stand among the states."""
        return [self.states.index(name) for name in self.outputs]

    def moments(self) -> list[tuple[float, list[Event]]]:
        """Return the events by moment, in order of time."""
        by_time: dict[float, list[Event]] = {}
        for event in self.events:
            by_time.setdefault(event.time, []).append(event)
        return sorted(by_time.items())

    def segments(self) -> list[tuple[float, float, list[Event], list[float]]]:
        """Return stretches without events: begin, end, the events at the begin, the outputs inside."""
        last = self.times[-1]
        moments = [(self.start, list[Event]()), *(item for item in self.moments() if item[0] < last)]
        ends = [time for time, _ in moments[1:]] + [last]
        return [
            (begin, end, events, [time for time in self.times if begin < time <= end])
            for (begin, events), end in zip(moments, ends, strict=True)
        ]

    def amount(self, event: Event, values: Array) -> float:
        """Return the amount of an event for the subject with these parameters."""
        if isinstance(event.amount, str):
            return float(values[self.parameters.index(event.amount)])
        return event.amount


class Peer(Protocol):
    """A solver, loaded with a statement.

    Attributes
    ----------
    settings : list of dict
        Ways to run it that are tried, each with the loosest tolerance that meets the target.
    """

    settings: list[Setting]

    def prepare(self, first: int, count: int) -> Any:
        """Return what the solver needs of these subjects; not timed."""

    def solve(self, block: Any, rtol: float, setting: Setting) -> Array:
        """Return the outputs, shape (n_subjects, n_times, n_outputs); timed."""
