"""What is known of removal and of the rise with age, and how each core of senescence stands to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.calibration.cores import Core
from senospine.errors import EvidenceError
from senospine.model import read_rows

Array = NDArray[np.float64]
Reading = Literal["cell", "excess"]

#: how a pulse may be read
READINGS: Mapping[Reading, str] = {
    "cell": "the rate is removal per senescent cell, beta/(kappa + X)",
    "excess": "the rate is that at which the excess over the baseline goes",
}
_COLUMNS = (
    "quantity", "label", "value", "spread", "scale", "unit", "meaning", "source", "doi", "how_obtained", "reason",
)  # fmt: skip
#: standard deviations at which a core fails a datum
FAILS_AT = 1.96


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
