"""A posterior as a small file: draws, what they were made from, and how far they can be trusted."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.diagnostics import Diagnostics, smoothed
from senospine.calibration.priors import Prior, Priors
from senospine.errors import CalibrationError, FileError
from senospine.model import Model
from senospine.randomness import stream
from senospine.runs import write_then_rename

if TYPE_CHECKING:
    from senospine.calibration.tempering import Sampled

Array = NDArray[np.float64]

SHIPPED_POSTERIOR = Path(__file__).parent / "mouse-posterior.npz"
_FORMAT = "senospine posterior 1"


@dataclass(frozen=True, eq=False)
class Posterior:
    """Equally weighted draws from a posterior.

    Attributes
    ----------
    draws : ndarray, shape (n, n_parameters)
        On the scale where every prior is a standard normal; the columns are :attr:`names`.
    log_likelihoods : ndarray, shape (n, n_facts)
        Of each fact, before tempering; the columns are ``facts``.
    weights : ndarray, shape (n_facts,)
        What each fact's log-likelihood counts.
    priors : Priors
    facts : tuple of str
        Their ids.
    studies : tuple of str
        Of each fact.
    log_evidence : tuple of float
        Logarithm of the evidence as each island of walkers found it: their scatter is its error.
    diagnostics : mapping
        Worst R-hat, effective sizes and Pareto k over the parameters, of the whole run before thinning.
    by_parameter : mapping of str to mapping
        The same for every parameter.
    identity : mapping
        What it was made from: hashes of model, evidence, assays and arms, animals, tolerance, width, assumptions.
    run : mapping
        How it was sampled.
    command : str
    """

    draws: Array
    log_likelihoods: Array
    weights: Array
    priors: Priors
    facts: tuple[str, ...]
    studies: tuple[str, ...]
    log_evidence: tuple[float, ...]
    diagnostics: Mapping[str, float]
    by_parameter: Mapping[str, Mapping[str, float]]
    identity: Mapping[str, Any]
    run: Mapping[str, Any]
    command: str

    @classmethod
    def of(
        cls, problem: Sampled, draws: tuple[Array, Array], evidence: Array, found: Diagnostics, *,
        run: Mapping[str, Any], command: str,
    ) -> Posterior:  # fmt: skip
        """Return the posterior that a run came to."""
        columns = {name: np.round(getattr(found, name), 4).tolist() for name in vars(found)}
        return cls(
            draws[0], draws[1], np.asarray(problem.weights), problem.priors, tuple(row.id for row in problem.facts),
            tuple(row.study for row in problem.facts), tuple(float(f"{value:.6g}") for value in evidence),
            found.to_dict(),
            {name: {kind: columns[kind][i] for kind in columns} for i, name in enumerate(problem.priors.names)},
            json.loads(json.dumps(problem.identity)), dict(run), command,
        )  # fmt: skip

    @property
    def names(self) -> list[str]:
        """Names of the free parameters, and of factors behind them; the columns of ``draws``."""
        return self.priors.names

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of model, evidence, assays and arms."""
        found: Mapping[str, str] = self.identity["hashes"]
        return found

    @property
    def width(self) -> float:
        """Factor on the SDs of the priors."""
        return self.priors.width

    @cached_property
    def log_posterior(self) -> Array:
        """Tempered log posterior of each draw up to a constant, shape (n,)."""
        return np.asarray(self.log_likelihoods @ self.weights - 0.5 * (self.draws**2).sum(axis=1))

    def values(self) -> dict[str, Array]:
        """Return each parameter's draws in the register's units, shape (n,)."""
        return self.priors.values(self.draws)

    def contraction(self) -> dict[str, float]:
        """Return by parameter how much of the prior's variance the data took away: 0 nothing, 1 all of it."""
        return {
            name: float(1 - variance) for name, variance in zip(self.names, self.draws.var(axis=0, ddof=1), strict=True)
        }

    def parameter_draws(self, n: int, seed: int) -> dict[str, Array]:
        """Return ``n`` draws of the model's own parameters for predictions, each of shape (n,), in its units.

        Without replacement where there are enough. Factors of the likelihood, as of laboratories, are left out.
        """
        generator = stream(seed, "posterior/predict")
        total = len(self.draws)
        which = generator.choice(total, size=n, replace=n > total)
        values = self.priors.values(self.draws[which])
        return {row.name: values[row.name] for row in self.priors.rows if not row.of_likelihood}

    def without_study(self, study: str) -> tuple[Array, float]:
        """Return weights of the draws for the posterior without a study's facts, and their Pareto k.

        Above 0.7 the weights cannot be trusted and the posterior has to be sampled anew (Vehtari et al. 2024,
        arXiv:1507.02646).
        """
        mine = np.array([name == study for name in self.studies])
        if not mine.any():
            raise CalibrationError(f"no fact of study '{study}'", remedy=f"known: {', '.join(sorted({*self.studies}))}")
        logs, shape = smoothed(-(self.log_likelihoods[:, mine] @ self.weights[mine]))
        weights = np.exp(logs - logs.max())
        return weights / weights.sum(), shape

    def stale(self, problem: Sampled) -> list[str]:
        """Return what differs between this and what the posterior was made from."""
        mine = json.loads(json.dumps(problem.identity))
        changed = [name for name, value in mine["hashes"].items() if self.hashes.get(name) != value]
        return changed + [name for name in mine if name != "hashes" and self.identity.get(name) != mine[name]]

    def refuse_stale(self, model: Model) -> None:
        """Raise a CalibrationError if it was made with another model."""
        if self.hashes["model"] != model.sha256:
            raise CalibrationError(
                "the posterior is stale: the model has changed since",
                why=f"made with model {self.hashes['model'][:12]}, this one is {model.sha256[:12]}",
                remedy="run 'senospine calibrate --resume' anew, in another folder",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the draws, with their quantiles, as plain values for JSON."""
        contraction = self.contraction()
        edges = (0.05, 0.25, 0.5, 0.75, 0.95)
        parameters = {
            name: {
                "quantiles": [float(f"{value:.6g}") for value in np.quantile(column, edges)],
                "contraction": round(contraction[name], 4), **self.by_parameter[name],
            }
            for name, column in self.values().items()
        }  # fmt: skip
        return {
            "draws": len(self.draws), "width": self.width, "quantiles_at": list(edges), "parameters": parameters,
            "log_evidence": list(self.log_evidence), "diagnostics": dict(self.diagnostics),
            "identity": dict(self.identity), "run": dict(self.run), "command": self.command,
        }  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write it as one file; equal posteriors give equal bytes."""
        manifest = {
            "format": _FORMAT, "priors": [asdict(row) for row in self.priors.rows], "width": self.priors.width,
            "facts": self.facts, "studies": self.studies, "log_evidence": self.log_evidence,
            "diagnostics": dict(self.diagnostics), "by_parameter": dict(self.by_parameter),
            "identity": dict(self.identity), "run": dict(self.run), "command": self.command,
        }  # fmt: skip
        text = np.frombuffer(json.dumps(manifest, sort_keys=True).encode(), dtype=np.uint8)
        content = io.BytesIO()
        np.savez_compressed(
            content, manifest=text, draws=self.draws.astype(np.float32), weights=self.weights,
            log_likelihoods=self.log_likelihoods.astype(np.float32),
        )  # fmt: skip
        write_then_rename(Path(path), content.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Posterior:
        """Return the posterior in a file.

        Raises
        ------
        FileError
            The file cannot be read, or holds no posterior.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                plain = json.loads(bytes(kept["manifest"]).decode())
                arrays = [kept[name].astype(float) for name in ("draws", "log_likelihoods", "weights")]
            if plain.pop("format") != _FORMAT:
                raise ValueError("another format")
            priors = Priors(tuple(Prior(**row) for row in plain.pop("priors")), plain.pop("width"))
            for name in ("facts", "studies", "log_evidence"):
                plain[name] = tuple(plain[name])
            draws, facts, weights = arrays
            return cls(draws=draws, log_likelihoods=facts, weights=weights, priors=priors, **plain)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise FileError(
                f"cannot read a posterior: {error}", where=str(path), remedy="run 'senospine calibrate'"
            ) from None


def shipped_posterior() -> Posterior:
    """Return the mouse's posterior that comes with the package."""
    return Posterior.load(SHIPPED_POSTERIOR)
