"""A made-up drug whose every number is at hand, and the folders it is tried in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from senospine.therapy import Drug, read_drug

#: kinetics by name: value and unit, all different from one another so that none can stand for another
KINETICS = {
    "reference_weight": (10.0, "kg"), "molar_mass": (0.5, "mg/umol"), "unbound_fraction": (0.02, "fold"),
    "absorption_rate": (11.0, "1/day"), "transit_rate": (7.0, "1/day"), "bioavailability": (0.4, "fold"),
    "depot_absorption_rate": (0.9, "1/day"), "depot_bioavailability": (0.8, "fold"), "clearance": (12.0, "L/day"),
    "volume_central": (5.0, "L"), "volume_peripheral": (9.0, "L"), "intercompartmental_clearance": (6.0, "L/day"),
    "clearance_exponent": (0.75, "fold"), "volume_exponent": (1.0, "fold"), "food_effect": (1.5, "fold"),
}  # fmt: skip
ACTION = {"max": (0.9, "1/day"), "half": (0.3, "umol/L"), "hill": (1.7, "fold")}


def row(value: float, unit: str, **more: Any) -> dict[str, Any]:
    """Return a row of a drug file."""
    return {"value": value, "unit": unit, "source": "assumption", "reason": "made up for a test", **more}


def rows(numbers: Mapping[str, tuple[float, str]]) -> dict[str, Any]:
    """Return rows of a drug file."""
    return {name: row(value, unit) for name, (value, unit) in numbers.items()}


def drug_data(name: str = "imaginary", species: str = "dog", **changes: Any) -> dict[str, Any]:
    """Return what a drug's file says; ``changes`` replace kinetics by name, None takes one out."""
    numbers = {key: value for key, value in {**KINETICS, **changes}.items() if value is not None}
    return {
        "name": name,
        "class": "made up for a test",
        "source": [{"doi": "10.1000/none", "citation": "none"}],
        "species": [species],
        "dose_units": {species: "mg"},
        "routes": {"oral": {}, "intravenous": {}, "subcutaneous": {}},
        "kinetics": {species: rows(numbers)},
    }


def write_drug(folder: Path, data: Mapping[str, Any]) -> Path:
    """Write a drug's file."""
    path = folder / f"{data['name']}.yaml"
    path.write_text(yaml.safe_dump(dict(data), sort_keys=False), encoding="utf-8")
    return path


def made_drug(folder: Path, name: str = "imaginary", species: str = "dog", **changes: Any) -> Drug:
    """Return a drug read from a file in ``folder``."""
    return read_drug(write_drug(folder, drug_data(name, species, **changes)))


def acting_drug(folder: Path, name: str, actions: Mapping[str, Mapping[str, Any]]) -> Drug:
    """Return a drug of people that does ``actions``: by name, what is read and what differs from :data:`ACTION`."""
    data = drug_data(name, "human")
    data["actions"] = {
        "human": {
            action: {"reads": given.get("reads", "free"), **rows({**ACTION, **given.get("numbers", {})})}
            for action, given in actions.items()
        }
    }
    return read_drug(write_drug(folder, data))
