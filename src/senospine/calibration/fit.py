"""Maximum a posteriori from many starts; what was found is a small file that knows what it was made from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from senospine.calibration.problem import Problem
from senospine.calibration.sampling import refuse_impossible
from senospine.errors import CalibrationError, FileError
from senospine.model import Model, load_model
from senospine.model.links import CARRIED
from senospine.randomness import stream
from senospine.runs import write_then_rename

Array = NDArray[np.float64]

SHIPPED = Path(__file__).parent / "mouse.json"
#: step of the forward differences on the normal scale, and how far from the prior's centre a fit may go
STEP, FARTHEST = 0.05, 3.0
DEFAULT_STARTS, DEFAULT_ITERATIONS = 4, 40


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


def calibrate(
    problem: Problem,
    folder: str | Path,
    *,
    starts: int = DEFAULT_STARTS,
    iterations: int = DEFAULT_ITERATIONS,
    command: str = "",
    on_progress: Callable[[int, int, float], None] | None = None,
) -> Fit:
    """Return the maximum a posteriori of a problem, climbed to from several starts.

    The first start is the register, the others are drawn from half the priors' width. A start that is finished is
    kept in ``folder``; the same call goes on with the next, however the last one ended.

    Parameters
    ----------
    problem : Problem
    folder : path
    starts : int
    iterations : int
        Of one climb, at most.
    command : str
        Kept with the fit.
    on_progress : callable, optional
        Called with (start, iteration, tempered log posterior).

    Raises
    ------
    CalibrationError
        The likelihood is not finite at the register's values, or the folder holds starts of another problem.

    Notes
    -----
    L-BFGS-B with forward differences: a gradient costs as many candidates as there are free parameters, plus one, all
    solved at once. Cost: tens of minutes.
    """
    folder = Path(folder)
    refuse_impossible(problem)
    _claim(folder, problem)
    done: list[Start] = []
    for number in range(starts):
        path = folder / f"start-{number}.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            done.append(Start(**{**kept, "normal": tuple(kept["normal"])}))
            continue
        done.append(_climb(problem, number, iterations, on_progress))
        text = json.dumps(asdict(done[-1]), indent=1) + "\n"
        write_then_rename(path, text)
    return _best(problem, tuple(done), command)


def _claim(folder: Path, problem: Problem) -> None:
    path = folder / "problem.json"
    mine = problem.identity
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and json.loads(path.read_text(encoding="utf-8")) != mine:
            raise CalibrationError(
                "the folder holds starts of another problem", where=str(folder),
                why="model, evidence, studies, assays, animals, seed or assumptions differ; so do heights",
                remedy="choose another folder with --out",
            )  # fmt: skip
        text = json.dumps(mine, indent=1) + "\n"
        write_then_rename(path, text)
    except (OSError, json.JSONDecodeError) as error:
        raise FileError(f"cannot use this folder: {error}", where=str(folder), remedy="choose another") from None


def _begin(problem: Problem, number: int) -> Array:
    centre = problem.priors.centre
    if number == 0:
        return centre
    drawn = stream(problem.seed, f"calibration/start/{number}").standard_normal(len(centre))
    return np.asarray(np.clip(centre + 0.5 * drawn, -FARTHEST, FARTHEST))


def _climb(
    problem: Problem, number: int, iterations: int, on_progress: Callable[[int, int, float], None] | None
) -> Start:
    count = len(problem.priors.names)
    begun, best, steps = math.nan, -math.inf, 0

    def downhill(normal: Array) -> tuple[float, Array]:
        nonlocal begun, best
        heights = problem.log_posterior(normal + np.vstack([np.zeros(count), STEP * np.eye(count)]))
        floor = np.where(np.isfinite(heights), heights, -1e6)
        begun = float(floor[0]) if math.isnan(begun) else begun
        best = max(best, float(floor[0]))
        return -float(floor[0]), -(floor[1:] - floor[0]) / STEP

    def told(_: Array) -> None:
        nonlocal steps
        steps += 1
        if on_progress:
            on_progress(number, steps, best)

    found = minimize(
        downhill, _begin(problem, number), jac=True, method="L-BFGS-B", bounds=[(-FARTHEST, FARTHEST)] * count,
        callback=told, options={"maxiter": iterations, "ftol": 1e-4, "maxls": 8},
    )  # fmt: skip
    normal = tuple(round(float(u), 6) for u in found.x)
    return Start(number, begun, -float(found.fun), int(found.nit), int(found.nfev), str(found.message), normal)


def _best(problem: Problem, starts: tuple[Start, ...], command: str) -> Fit:
    best = max(starts, key=lambda item: item.reached)
    normal, centre = np.array(best.normal), problem.priors.centre
    likelihood = (problem.log_likelihoods(np.vstack([centre, normal])) @ problem.weights).tolist()
    prior = [-0.5 * float((u**2).sum()) for u in (centre, normal)]
    values = problem.priors.values(normal)
    names = problem.priors.names
    ends = ("register", "fit")
    return Fit(
        values={name: float(f"{float(value):.6g}") for name, value in values.items()},
        centres={row.name: row.value for row in problem.priors.rows},
        shift={name: round(float(u), 3) for name, u in zip(names, normal, strict=True)},
        register_shift={name: round(float(u), 3) for name, u in zip(names, centre, strict=True)},
        log_posterior=dict(zip(ends, (a + b for a, b in zip(likelihood, prior, strict=True)), strict=True)),
        log_likelihood=dict(zip(ends, likelihood, strict=True)),
        starts=starts,
        hashes=problem.hashes,
        command=command,
        animals=problem.animals,
        seed=problem.seed,
    )


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
