"""A fit as a small file: the best of many starts, and what it was made from; which values a word chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from senospine.calibration.problem import Problem
from senospine.errors import CalibrationError, FileError
from senospine.model import Model, load_model
from senospine.model.links import CARRIED
from senospine.runs import write_then_rename

SHIPPED = Path(__file__).parent / "mouse.json"


@dataclass(frozen=True)
class Start:
    """Where one climb began and ended, as tempered log posterior; coordinates are on the normal scale."""

    number: int
    begun: float
    reached: float
    iterations: int
    evaluations: int
    message: str
    normal: tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """The best of many starts.

    Attributes
    ----------
    values : mapping of parameter to value
        Of the free parameters, in the register's units.
    centres : mapping of parameter to value
        What the register holds.
    shift, register_shift : mapping of parameter to float
        Distance of fit and register from the prior's middle, in prior SDs.
    log_posterior, log_likelihood : mapping of {'register', 'fit'} to float
        Tempered.
    starts : tuple of Start
    hashes : mapping of str to str
        What it was made from.
    command : str
    """

    values: Mapping[str, float]
    centres: Mapping[str, float]
    shift: Mapping[str, float]
    register_shift: Mapping[str, float]
    log_posterior: Mapping[str, float]
    log_likelihood: Mapping[str, float]
    starts: tuple[Start, ...]
    hashes: Mapping[str, str]
    command: str
    animals: int
    seed: int

    def stale(self, problem: Problem) -> list[str]:
        """Return what has changed since the fit: names among the hashes."""
        return [name for name, value in problem.hashes.items() if self.hashes.get(name) != value]

    def moved(self, model: Model) -> dict[str, float]:
        """Return the values for a model.

        Raises
        ------
        CalibrationError
            The model has another register or other equations than the fit was made with.
        """
        if self.hashes["model"] != model.sha256:
            raise CalibrationError(
                "the fit is stale: the model has changed since",
                why=f"fitted to model {self.hashes['model'][:12]}, this one is {model.sha256[:12]}",
                remedy="run 'senospine calibrate', or go on with the register's values: --parameters register",
            )
        return dict(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def write_fit(fit: Fit, path: str | Path) -> None:
    """Write a fit as JSON."""
    text = json.dumps(fit.to_dict(), indent=1) + "\n"
    write_then_rename(Path(path), text)


def load_fit(path: str | Path) -> Fit:
    """Return the fit in a file.

    Raises
    ------
    FileError
        The file cannot be read, or holds no fit.
    """
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        starts = tuple(Start(**{**item, "normal": tuple(item["normal"])}) for item in plain.pop("starts"))
        return Fit(**plain, starts=starts)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise FileError(f"cannot read a fit: {error}", where=str(path), remedy="run 'senospine calibrate'") from None


def shipped_fit() -> Fit:
    """Return the fit that comes with the package."""
    return load_fit(SHIPPED)


def chosen_parameters(choice: str, model: Model) -> dict[str, float]:
    """Return the values that a word chooses: ``fit``, ``register``, or the file of a fit.

    A model of people takes from a fit to mice the gains that it carries over (parameters ``mouse_*``), and no others;
    nothing is fitted to another species, which has the register's values.

    Raises
    ------
    CalibrationError
        The fit was made with another model.
    FileError
        The file holds no fit.
    """
    carried = [name for name in model.parameters if name.startswith(CARRIED)]
    if choice == "register" or (choice == "fit" and model.name != "mouse" and not carried):
        return {}
    fit = shipped_fit() if choice == "fit" else load_fit(choice)
    if not carried:
        return fit.moved(model)
    moved = fit.moved(load_model("mouse"))
    return {name: moved[name.removeprefix(CARRIED)] for name in carried if name.removeprefix(CARRIED) in moved}
