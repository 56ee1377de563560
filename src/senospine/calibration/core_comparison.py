"""Which core of senescence reaches both measured removal rates and the rise with age, and which fails where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.calibration.cores import Core, Predicted, cores, predict
from senospine.errors import EvidenceError
from senospine.model import read_rows

Array = NDArray[np.float64]
Reading = Literal["cell", "excess"]

#: how a pulse may be read
READINGS: Mapping[Reading, str] = {
    "cell": "the rate is removal per senescent cell, beta/(kappa + X)",
    "excess": "the rate is that at which the excess over the baseline goes",
}
#: stain background that a core may need [kappa], flat
BACKGROUND = (0.0, 3.0)
_COLUMNS = (
    "quantity", "label", "value", "spread", "scale", "unit", "meaning", "source", "doi", "how_obtained", "reason",
)  # fmt: skip
#: standard deviations at which a core fails a datum
FAILS_AT = 1.96
_ROUNDS, _SHRINK = 3, 0.3


@dataclass(frozen=True)
class Datum:
    """A measured value with its standard deviation, on the natural-log scale where ``scale`` is ``log``."""

    quantity: str
    label: str
    value: float
    spread: float
    scale: str
    unit: str
    source: str
    doi: str

    def standardised(self, predicted: Array) -> Array:
        """Return how many standard deviations ``predicted`` lies above the datum."""
        shift = np.log(predicted / self.value) if self.scale == "log" else predicted - self.value
        return np.asarray(shift / self.spread)

    def log_likelihood(self, predicted: Array) -> Array:
        """Return the log of the normal density of the datum, on its scale."""
        return np.asarray(-0.5 * self.standardised(predicted) ** 2 - np.log(self.spread * np.sqrt(2 * np.pi)))


@dataclass(frozen=True)
class CoreFit:
    """How one core stands to the data.

    Attributes
    ----------
    log_evidence : float
        Log of the likelihood averaged over the core's ranges and the background: what room it wastes counts against it.
    log_likelihood, log_likelihood_without : float
        Largest, with a background of 0-3 kappa and with none.
    best : mapping of str to float
        Parameters there, ``background`` among them.
    at_best, at_best_without : mapping of quantity to float
        What the core says there.
    distances, distances_without : mapping of quantity to float
        The same in standard deviations from the datum.
    mean, sd : mapping of quantity to float
        Of the prediction, weighted by the likelihood over the ranges.
    alive : float
        Share of animals alive at 22 months at the best fit.
    samples, effective : float
        Points tried in the ranges, and how many of them carry the weight.
    """

    core: Core
    log_evidence: float
    log_likelihood: float
    log_likelihood_without: float
    best: Mapping[str, float]
    at_best: Mapping[str, float]
    at_best_without: Mapping[str, float]
    distances: Mapping[str, float]
    distances_without: Mapping[str, float]
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    alive: float
    samples: int
    effective: float

    @property
    def fails(self) -> tuple[str, ...]:
        """Data that even the best fit misses by more than :data:`FAILS_AT` standard deviations."""
        return tuple(name for name, distance in self.distances.items() if abs(distance) > FAILS_AT)

    @property
    def fails_without(self) -> tuple[str, ...]:
        """The same without a background of the stain."""
        return tuple(name for name, distance in self.distances_without.items() if abs(distance) > FAILS_AT)


@dataclass(frozen=True)
class CoreComparison:
    """Fits of all cores under one reading of the pulse, best evidence first."""

    reading: Reading
    data: tuple[Datum, ...]
    fits: tuple[CoreFit, ...]

    def fit(self, name: str) -> CoreFit:
        """Return the fit of one core; raises KeyError."""
        return {item.core.name: item for item in self.fits}[name]

    def table(self) -> pd.DataFrame:
        """Return one row a core: predictions with spread, log-likelihoods, log evidence and what fails."""
        rows = []
        for fit in self.fits:
            row: dict[str, Any] = {"core": fit.core.name}
            for datum in self.data:
                row[datum.quantity] = fit.mean[datum.quantity]
                row[f"{datum.quantity}_sd"] = fit.sd[datum.quantity]
            row |= {
                "log_likelihood": fit.log_likelihood, "log_likelihood_without_background": fit.log_likelihood_without,
                "log_evidence": fit.log_evidence, "fails": ", ".join(fit.fails),
                "fails_without_background": ", ".join(fit.fails_without), "alive": fit.alive,
                **{f"best_{name}": value for name, value in fit.best.items()},
            }  # fmt: skip
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        rows = self.table().astype(object)
        return {
            "reading": self.reading,
            "meaning": READINGS[self.reading],
            "data": [vars(datum) for datum in self.data],
            "cores": rows.where(rows.notna(), None).to_dict("records"),
        }


@cache
def removal_data() -> tuple[Datum, ...]:
    """Return the three data of Karin 2019 (10.1038/s41467-019-13192-4): two removal rates and the reporter's rise."""
    rows = read_rows(Path(__file__).parent / "removal.csv", _COLUMNS, EvidenceError)
    return tuple(
        Datum(row["quantity"], row["label"], float(row["value"]), float(row["spread"]), row["scale"], row["unit"],
              row["source"], row["doi"])
        for row, _ in rows
    )  # fmt: skip


def compare_cores(reading: Reading = "cell", *, samples: int = 512) -> CoreComparison:
    """Fit every core to both removal rates and the rise together.

    Parameters
    ----------
    reading : {'cell', 'excess'}
        What the published removal rate is, see :data:`READINGS`; the sources allow both.
    samples : int
        Points in each core's ranges (Sobol, unshuffled): a power of two. The same points give the same result.

    Notes
    -----
    Cost at 512 points: under a minute, nearly all of it for the two cores with noise.

    Examples
    --------
    >>> compare_cores(samples=64).fit("capped").fails
    ()
    """
    fits = [_fit(core, reading, samples) for core in cores().values()]
    return CoreComparison(reading, removal_data(), tuple(sorted(fits, key=lambda fit: -fit.log_evidence)))


def _fit(core: Core, reading: Reading, samples: int) -> CoreFit:
    low, high = np.log(np.array(list(core.ranges.values()))).T
    points = low + (high - low) * _sobol(len(low), samples)
    said = _predict(core, points)
    backgrounds = np.linspace(*BACKGROUND, 61)
    joint = np.stack([_log_likelihood(said, reading, np.full(samples, b)) for b in backgrounds], axis=1)
    peak = joint.max()
    weights = np.exp(joint - peak)
    evidence = peak + np.log(weights.mean())
    weights /= weights.sum()
    mean, sd = {}, {}
    for datum in removal_data():
        values = np.stack([_quantity(said, datum, reading, np.full(samples, b)) for b in backgrounds], axis=1)
        mean[datum.quantity] = float((weights * values).sum())
        sd[datum.quantity] = float(np.sqrt((weights * (values - mean[datum.quantity]) ** 2).sum()))
    best, without = _best(core, reading, points, said)
    return CoreFit(
        core, float(evidence), best.log_likelihood, without.log_likelihood, best.parameters, best.predicted,
        without.predicted, _distances(best.predicted), _distances(without.predicted), mean, sd, best.alive,
        samples, float(1 / (weights.sum(axis=1) ** 2).sum()),
    )  # fmt: skip


def _sobol(dimensions: int, samples: int) -> Array:
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, scramble=False).random(samples)
    return np.asarray(points + 0.5 / samples)  # the first point is a corner


def _predict(core: Core, points: Array) -> Predicted:
    return predict(core, dict(zip(core.ranges, np.exp(points).T, strict=True)))


def _quantity(said: Predicted, datum: Datum, reading: Reading, background: Array) -> Array:
    if datum.quantity == "rise":
        return said.rise(background)
    young = datum.quantity == "removal_young"
    if reading == "cell":
        return said.removal_young if young else said.removal_old
    return said.relaxation_young if young else said.relaxation_old


def _log_likelihood(said: Predicted, reading: Reading, background: Array) -> Array:
    return np.asarray(
        sum(datum.log_likelihood(_quantity(said, datum, reading, background)) for datum in removal_data())
    )


@dataclass(frozen=True)
class _Best:
    parameters: dict[str, float]
    predicted: dict[str, float]
    log_likelihood: float
    alive: float


def _best(core: Core, reading: Reading, points: Array, said: Predicted) -> tuple[_Best, _Best]:
    """Return the best points with and without a background, looked for in ever smaller boxes around the best so far."""
    low, high = np.log(np.array(list(core.ranges.values()))).T
    for round_ in range(1, _ROUNDS + 1):
        half = (high - low) / 2 * _SHRINK**round_
        tops = [points[_top(said, reading, with_background)[0]] for with_background in (True, False)]
        around = [top + half * (2 * _sobol(len(low), 64) - 1) for top in tops]
        points = np.vstack([*tops, *np.clip(around, low, high)])
        said = _predict(core, points)
    return _at_top(core, reading, points, said, True), _at_top(core, reading, points, said, False)


def _at_top(core: Core, reading: Reading, points: Array, said: Predicted, with_background: bool) -> _Best:
    index, background, values = _top(said, reading, with_background)
    best = {name: float(value) for name, value in zip(core.ranges, np.exp(points[index]), strict=True)}
    best["background"] = float(background[index])
    at = {datum.quantity: float(_quantity(said, datum, reading, background)[index]) for datum in removal_data()}
    return _Best(best, at, float(values[index]), float(said.alive[index]))


def _top(said: Predicted, reading: Reading, with_background: bool) -> tuple[int, Array, Array]:
    """Return the best point, the background that suits each point best (a closed form), and all log-likelihoods."""
    rise = next(datum.value for datum in removal_data() if datum.quantity == "rise")
    wanted = (said.old - rise * said.young) / (rise - 1)
    background = np.clip(wanted, *BACKGROUND) if with_background else np.zeros_like(said.young)
    values = _log_likelihood(said, reading, background)
    return int(values.argmax()), background, values


def _distances(at: Mapping[str, float]) -> dict[str, float]:
    return {datum.quantity: float(datum.standardised(np.array(at[datum.quantity]))) for datum in removal_data()}
