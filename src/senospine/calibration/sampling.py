"""How sure the fit is: draws from the tempered posterior, from chains that begin at the fit and in the prior.

Preconditioned Crank-Nicolson (Cotter 2013, doi 10.1214/13-STS421): on the scale where the prior is a standard normal a
proposal keeps the prior by itself, so only the likelihood is weighed and 98 parameters are no more to it than two. All
chains take a step in one batch of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.fit import Fit
from senospine.calibration.problem import Problem
from senospine.errors import CalibrationError, FileError
from senospine.model import Model
from senospine.randomness import stream
from senospine.runs import write_then_rename

Array = NDArray[np.float64]

SHIPPED_DRAWS = Path(__file__).parent / "mouse-draws.json"
#: share of proposals to accept, and how far a step may go
_WANTED, _LONGEST = 0.3, 0.7


@dataclass(frozen=True)
class Draws:
    """Draws from a posterior.

    Attributes
    ----------
    names : tuple of str
    normal : tuple of tuple of float
        Coordinates on the scale where priors are standard normals, (n_draws, n_parameters).
    log_likelihood : tuple of float
        Tempered, of each draw.
    hashes : mapping
        What the draws were made from, as of the fit.
    chains, steps, warm_up, seed, animals : int
    acceptance, step : float
        Share of proposals accepted after the warm-up, and the step then.
    r_hat : mapping of str to float
        Chains begun at the fit against those begun in the prior, after the warm-up: of the log likelihood, and the
        largest and the median over the parameters. Near 1 they forgot where they began (Gelman and Rubin 1992,
        doi 10.1214/ss/1177011136).
    """

    names: tuple[str, ...]
    normal: tuple[tuple[float, ...], ...]
    log_likelihood: tuple[float, ...]
    hashes: Mapping[str, str]
    chains: int
    steps: int
    warm_up: int
    seed: int
    animals: int
    acceptance: float
    step: float
    r_hat: Mapping[str, float]

    def of(self, model: Model) -> Array:
        """Return the coordinates for a model, shape (n_draws, n_parameters).

        Raises
        ------
        CalibrationError
            The model has another register or other equations than the draws were made with.
        """
        if self.hashes["model"] != model.sha256:
            raise CalibrationError(
                "the draws around the fit are stale: the model has changed since",
                remedy="take --parameters prior, or draw again as docs/combinations.md says",
            )
        return np.array(self.normal)


def sample_posterior(
    problem: Problem, fit: Fit, *, chains: int = 40, steps: int = 240, warm_up: int = 120, keep: int = 2,
    seed: int = 1, on_progress: Callable[[int, int], None] | None = None,
) -> Draws:  # fmt: skip
    """Return draws from the tempered posterior: ``keep`` of each chain, evenly spaced after the warm-up.

    Half the chains begin at the fit, half in the prior.

    Notes
    -----
    Cost: ``chains * steps`` candidates, each all arms of all calibrating studies: ten minutes with the defaults.
    """
    centre = problem.priors.normal(fit.values)
    own = stream(seed, "calibration/sampling")
    u = own.standard_normal((chains, len(centre)))
    u[::2] = centre
    height = problem.log_likelihoods(u) @ problem.weights
    step, accepted, trail, heights = 0.2, [], [], []
    for number in range(steps):
        proposed = np.sqrt(1 - step**2) * u + step * own.standard_normal(u.shape)
        reached = problem.log_likelihoods(proposed) @ problem.weights
        gain = np.where(np.isfinite(reached), reached, -np.inf) - height
        gain = np.where(np.isnan(gain), 0.0, gain)  # both impossible: wander on
        move = np.log(own.random(chains)) < gain
        u, height = np.where(move[:, None], proposed, u), np.where(move, reached, height)
        if number < warm_up:
            step = float(np.clip(step * np.exp(0.3 * (move.mean() - _WANTED)), 0.02, _LONGEST))
        else:
            accepted.append(float(move.mean()))
            trail.append(u.copy())
            heights.append(height.copy())
        if on_progress:
            on_progress(number + 1, steps)
    places = np.linspace(len(trail) - 1, 0, keep, endpoint=False).round().astype(int)[::-1]
    ratios = [_r_hat(np.array(trail)[:, :, index]) for index in range(len(centre))]
    return Draws(
        tuple(problem.priors.names),
        tuple(tuple(round(float(x), 3) for x in row) for place in places for row in trail[place]),
        tuple(round(float(x), 3) for place in places for x in heights[place]),
        problem.hashes, chains, steps, warm_up, seed, problem.animals, round(float(np.mean(accepted)), 3),
        round(step, 3),
        {"log likelihood": round(_r_hat(np.array(heights)), 3), "largest": round(max(ratios), 3),
         "median": round(float(np.median(ratios)), 3)},
    )  # fmt: skip


def _r_hat(values: Array) -> float:
    """Return the potential scale reduction of two groups of chains, shape (steps, chains): begun here, begun there."""
    groups = np.stack([values[:, ::2].ravel(), values[:, 1::2].ravel()])
    within = float(groups.var(axis=1, ddof=1).mean())
    return float(np.sqrt(1 + groups.mean(axis=1).var(ddof=1) / within)) if within > 0 else float("inf")


def write_draws(draws: Draws, path: str | Path) -> None:
    """Write draws as JSON."""
    text = json.dumps(asdict(draws)) + "\n"
    write_then_rename(Path(path), lambda place: place.write_text(text, encoding="utf-8"))


def load_draws(path: str | Path = SHIPPED_DRAWS) -> Draws:
    """Return the draws in a file; the shipped ones by default.

    Raises
    ------
    FileError
        The file cannot be read, or holds no draws.
    """
    try:
        plain: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        plain["names"] = tuple(plain["names"])
        plain["normal"] = tuple(tuple(row) for row in plain["normal"])
        plain["log_likelihood"] = tuple(plain["log_likelihood"])
        return Draws(**plain)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise FileError(f"cannot read draws: {error}", where=str(path), remedy="draw again") from None
