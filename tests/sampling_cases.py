"""A posterior with a closed form, and a run of it in a process of its own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from senospine.calibration import Posterior, sample
from senospine.calibration.priors import Prior, Priors

EDGE = 1.6448536269514722  # a standard normal's 95 % quantile


@dataclass(frozen=True)
class Straight:
    """Normal data about straight functions of normal parameters."""

    parameters: int = 12
    seed: int = 0
    spread: float = 0.5
    width: float = 1.0
    hashes: str = "0"

    @property
    def matrix(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((4, self.parameters))

    @property
    def data(self) -> np.ndarray:
        return 2 * np.random.default_rng(self.seed + 1).standard_normal(4)

    @property
    def priors(self) -> Priors:
        rows = (Prior(f"x{i}", "normal", 0.0, -EDGE, EDGE, "fold") for i in range(self.parameters))
        return Priors(tuple(rows), self.width)

    @property
    def facts(self) -> Any:
        return tuple(SimpleNamespace(id=f"fact{i}", study=f"study{i // 2}", where=f"made:{i}") for i in range(4))

    @property
    def weights(self) -> np.ndarray:
        return np.ones(4)

    @property
    def identity(self) -> dict[str, Any]:
        return {"hashes": {"model": self.hashes}, "width": self.width}

    def log_likelihoods(self, normal: np.ndarray) -> np.ndarray:
        misses = (self.width * np.atleast_2d(normal) @ self.matrix.T - self.data) / self.spread
        return -0.5 * misses**2 - np.log(self.spread * np.sqrt(2 * np.pi))

    def exact(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return mean, covariance and log evidence."""
        matrix = self.width * self.matrix
        covariance = np.linalg.inv(np.eye(self.parameters) + matrix.T @ matrix / self.spread**2)
        mean = covariance @ matrix.T @ self.data / self.spread**2
        scatter = matrix @ matrix.T + self.spread**2 * np.eye(4)
        evidence = -0.5 * self.data @ np.linalg.solve(scatter, self.data)
        return mean, covariance, float(evidence - 0.5 * np.linalg.slogdet(2 * np.pi * scatter)[1])


def run(folder: str, **options: Any) -> Posterior:
    """Return the posterior of the case, sampled in a folder."""
    return sample(Straight(), folder=folder, walkers=128, draws=500, rounds=20, **options)


if __name__ == "__main__":
    run(sys.argv[1], on_progress=lambda told: os.write(1, f"{told.round}\n".encode()))
