"""A system of equations, prepared for compiling: rates, outputs, Jacobian, what is hoisted, and the plan to factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from senospine.engine.derivatives import TIME, Derivatives
from senospine.engine.graph import Graph
from senospine.engine.lu import Factorisation, factorise
from senospine.engine.reader import Reader
from senospine.engine.reductions import ReductionPlan
from senospine.model.events import TimedEvent
from senospine.model.expressions import Expression


@dataclass(frozen=True)
class EventNodes:
    """An event of the model's own: which states it sets to which nodes, each times a factor."""

    states: tuple[int, ...]
    values: tuple[int, ...]
    factors: tuple[int, ...]
    values_at_trigger: bool
    diluted: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class System:
    """What the emitter writes.

    Attributes
    ----------
    states, parameters : int
        How many there are.
    rates, outputs : tuple of int
        Nodes of ``graph``.
    jacobian : dict of (row, column) to node
    by_time : dict of row to node
        Partial derivatives of rates by time.
    hoisted : tuple of int
        Nodes that depend on parameters only.
    recorded : tuple of int
        States that outputs depend on.
    reductions : ReductionPlan or None
    reduced : tuple of int
        Nodes of the outputs that are reduced.
    watched : tuple of int
        States that these depend on.
    observed : tuple of int
        Nodes of the outputs that decisions look at.
    events : tuple of EventNodes
    """

    graph: Graph
    states: int
    parameters: int
    rates: tuple[int, ...]
    outputs: tuple[int, ...]
    jacobian: dict[tuple[int, int], int]
    by_time: dict[int, int]
    hoisted: tuple[int, ...]
    recorded: tuple[int, ...]
    plan: Factorisation
    reductions: ReductionPlan | None = None
    reduced: tuple[int, ...] = ()
    watched: tuple[int, ...] = ()
    observed: tuple[int, ...] = ()
    events: tuple[EventNodes, ...] = ()


def read_system(
    states: Sequence[str],
    parameters: Sequence[str],
    assignments: Mapping[str, Expression],
    rates: Mapping[str, Expression],
    outputs: Sequence[str],
    reductions: ReductionPlan | None = None,
    observed: Sequence[str] = (),
    events: Sequence[TimedEvent] = (),
) -> System:
    """Return the system of a model's formulas.

    Raises
    ------
    ModelError
        An operator that cannot be compiled.
    """
    graph = Graph()
    slots = {name: graph.leaf("state", index) for index, name in enumerate(states)}
    slots |= {name: graph.leaf("parameter", index) for index, name in enumerate(parameters)}
    reader = Reader(graph, slots)
    for name, expression in assignments.items():
        reader.slots[name] = reader.read(expression)
    roots = tuple(reader.read(rates[name]) for name in states)
    recorded = tuple(reader.slots[name] for name in outputs)
    reduced = () if reductions is None else tuple(reader.slots[name] for name in reductions.outputs)
    seen = tuple(reader.slots[name] for name in observed)
    happening = tuple(_event_nodes(reader, event, states) for event in events)
    derivatives = Derivatives(graph)
    jacobian: dict[tuple[int, int], int] = {}
    by_time: dict[int, int] = {}
    for row, root in enumerate(roots):
        for column, node in sorted(derivatives.of(root).items()):
            if graph.operators[node] == "number" and graph.values[node] == 0.0:
                continue
            if column == TIME:
                by_time[row] = node
            else:
                jacobian[row, column] = node
    everything = (*roots, *recorded, *jacobian.values(), *by_time.values(), *reduced, *seen,
                  *(node for event in happening for node in (*event.values, *event.factors)))  # fmt: skip
    plan = factorise(len(roots), jacobian)
    return System(
        graph, len(roots), len(parameters), roots, recorded, jacobian, by_time, tuple(graph.hoisted(everything)),
        _states_in(graph, recorded), plan, reductions, reduced, _states_in(graph, reduced), seen, happening,
    )  # fmt: skip


def _states_in(graph: Graph, roots: Sequence[int]) -> tuple[int, ...]:
    """Return the states that nodes depend on."""
    return tuple(sorted({int(graph.values[i]) for i in graph.ordered(roots) if graph.operators[i] == "state"}))


def _event_nodes(reader: Reader, event: TimedEvent, states: Sequence[str]) -> EventNodes:
    places = {name: index for index, name in enumerate(states)}
    one = reader.graph.number(1.0)
    return EventNodes(
        tuple(places[item.state] for item in event.assigned),
        tuple(reader.read(item.value) for item in event.assigned),
        tuple(one if item.factor is None else reader.read(item.factor) for item in event.assigned),
        event.values_at_trigger,
        tuple((places[state], places[size]) for state, size in event.diluted),
    )
