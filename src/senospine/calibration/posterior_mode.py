"""The mode of a posterior, climbed to from many starts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from senospine.calibration.fit import Fit, Start
from senospine.calibration.journal import Journal
from senospine.calibration.problem import Problem
from senospine.calibration.tempering import refuse_impossible
from senospine.randomness import stream
from senospine.runs import write_then_rename

Array = NDArray[np.float64]

#: step of the forward differences on the normal scale, and how far from the prior's centre a fit may go
STEP, FARTHEST = 0.05, 3.0
DEFAULT_STARTS, DEFAULT_ITERATIONS = 4, 40


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
    Journal.claim(folder, problem.identity)
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
