"""A model in the terminal: its equations, then its parameters with their sources."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from senospine.model import Model
from senospine.model.events import TimedEvent
from senospine.model.expressions import text
from senospine.report.tables import new_table


def model_dict(model: Model) -> dict[str, Any]:
    """Return equations, values and provenance of a model as plain data."""
    return {
        "model": model.name,
        "sha256": model.sha256,
        "time_unit": str(model.time_unit),
        "states": {
            name: {"initial": text(model.initial[name]), "rate": text(model.rates[name])} for name in model.states
        },
        "assignments": {name: text(formula) for name, formula in model.assignments.items()},
        "derived": {name: text(formula) for name, formula in model.derived.items()},
        "events": {event.id: _event_dict(event) for event in model.events},
        "parameters": {
            name: {"value": value, **_provenance(model, name)} for name, value in sorted(model.parameters.items())
        },
        "sourced": sum(not row.assumed for row in model.register.values()),
        "assumed": sum(row.assumed for row in model.register.values()),
        **({"text": model.text} if model.text else {}),
    }


def _event_dict(event: TimedEvent) -> dict[str, Any]:
    return {
        "trigger": text(event.trigger),
        "delay": text(event.delay),
        "assigned": {item.state: text(item.value) for item in event.assigned},
    }


def _provenance(model: Model, name: str) -> dict[str, Any]:
    row = model.register.get(name)
    if row is None:
        return {"unit": str(model.units.get(name, "")), "source": None}
    keys = ("unit", "prior", "low", "high", "between_animal_cv", "source", "doi", "confidence", "reason", "meaning")
    return {key: getattr(row, key) for key in keys}


def print_model(console: Console, model: Model) -> None:
    """Print equations, then parameters with their sources."""
    plain = model_dict(model)
    console.print(f"model '{model.name}'", style="bold", end="")
    console.print(f"  {len(model.states)} states, {len(model.parameters)} parameters, hash {model.sha256[:12]}")
    for name, row in plain["states"].items():
        console.print(f"  d {name}/dt = {row['rate']}", highlight=False, soft_wrap=True)
    for name, formula in plain["assignments"].items():
        console.print(f"  {name} = {formula}", highlight=False, soft_wrap=True)
    table = new_table("Parameters", "parameter", ">value", "unit", "source", "confidence")
    for name, row in plain["parameters"].items():
        source = row["source"] or "none given"
        table.add_row(name, f"{row['value']:g}", row["unit"], source, row.get("confidence", ""))
    console.print(table)
    if model.register:
        console.print(f"{plain['sourced']} parameters with a source, {plain['assumed']} assumptions")
    if model.text:
        console.print("\nThe text it was composed into:")
        console.print(model.text, markup=False, highlight=False, soft_wrap=True)
