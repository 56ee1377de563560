"""Antibiotics in discs of animals beside what the disc's transport predicts, misses shown.

Nothing is fitted here: predictions come from the same modules as any drug's, with priors for the animals' discs and the
antibiotics' kinetics. ``diffusivity_of`` gives diffusivities from molar mass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senospine.delivery.disc import disc_model, drawn
from senospine.engine import Entry, Schedule, compile_model
from senospine.errors import EvidenceError
from senospine.model import Parameter, read_register, read_rows

Array = NDArray[np.float64]
HERE = Path(__file__).parent
COLUMNS = (
    "name",
    "case",
    "quantity",
    "value",
    "low",
    "high",
    "unit",
    "role",
    "source",
    "doi",
    "how_obtained",
    "reason",
)
#: molar mass [g/mol] and diffusivity [mm2/day]: fluorescein in inner annulus (PMC2798905, 2.68e-6 cm2/s), and
#: ioxaglate in articular cartilage (PMC4297109, 0.92e-6 cm2/s; its molar mass recalled)
_ANCHORS = ((332.0, 2.68 * 8.64), (1270.0, 0.92 * 8.64))
_HOURS = 8.0
_MINUTE = 1 / 1440


def diffusivity_of(molar_mass: float) -> float:
    """Return the diffusivity of a molecule of ``molar_mass`` [g/mol] in disc tissue [mm2/day].

    A power through two measured solutes, 332 and 1270 g/mol; its exponent is -0.80. Beyond them it is an extrapolation.

    Examples
    --------
    >>> round(diffusivity_of(974.6) / 8.64, 2)  # in 1e-6 cm2/s, where navitoclax's file says 1.0
    1.14
    """
    (light, fast), (heavy, slow) = _ANCHORS
    exponent = math.log(slow / fast) / math.log(heavy / light)
    return float(fast * (molar_mass / light) ** exponent)


@dataclass(frozen=True)
class Comparison:
    """A published number and the prediction of it: median and central 90 % over the priors."""

    name: str
    quantity: str
    unit: str
    role: str
    doi: str
    measured: float
    measured_low: float | None
    measured_high: float | None
    median: float
    low: float
    high: float

    @property
    def hit(self) -> bool:
        """Whether the published number lies in the central 90 % of the prediction."""
        return self.low <= self.measured <= self.high


def antibiotics(draws: int = 500, seed: int = 20240913) -> list[Comparison]:
    """Return published entry of antibiotics into discs beside its prediction. Cost: a few seconds."""
    inputs = read_register(HERE / "antibiotic_inputs.csv")
    found = []
    for row, where in read_rows(HERE / "antibiotics.csv", COLUMNS, EvidenceError):
        values = _values(row["case"], inputs, draws, seed)
        predict = _PREDICTIONS.get(row["quantity"])
        if predict is None:
            raise EvidenceError(f"no prediction of '{row['quantity']}'", where=where, remedy=", ".join(_PREDICTIONS))
        predicted = predict(values)
        if row["quantity"] == "over that of cefazolin":
            predicted = predicted / _ratio(_values("cefazolin_rabbit", inputs, draws, seed))
        low, median, high = np.quantile(predicted, [0.05, 0.5, 0.95])
        least, most = (float(row[key]) if row[key] else None for key in ("low", "high"))
        found.append(
            Comparison(
                row["name"], row["quantity"], row["unit"], row["role"], row["doi"], float(row["value"]), least, most,
                float(median), float(low), float(high),
            )
        )  # fmt: skip
    return found


def _values(case: str, inputs: Mapping[str, Parameter], draws: int, seed: int) -> dict[str, Array]:
    """Return draws for a case; animals of a species share disc and sampling, whatever they were given."""
    rows, animal = _rows(case, inputs), case.split("_")[1]
    shared = [row for name, row in rows.items() if not name.startswith("drug_") or name == "drug_diffusivity_annulus"]
    shared = [row for row in shared if row.name not in {"unbound_fraction", "elimination_rate"}]
    own = [row for row in rows.values() if row not in shared]
    values = {name: np.full(draws, row.value) for name, row in rows.items()}
    return values | drawn(shared, draws, seed, animal) | drawn(own, draws, seed, case)


def _rows(case: str, inputs: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the human disc's rows with those of the animal and the antibiotic in their place."""
    model, animal = disc_model("human"), case.split("_")[1]
    rows = dict(model.register)
    for name, row in inputs.items():
        owner, own = name.split("__")
        if owner in {case, animal}:
            rows[own] = Parameter(**{**row.__dict__, "name": own})
    del rows["drug_retardation"]  # antibiotics are taken as unbound in the disc
    return rows


def _solve(values: Mapping[str, Array], schedule: Schedule | None, times: Array, plasma: float) -> dict[str, Array]:
    model = disc_model("human")
    kernel = compile_model(model, ["mean", "plasma", "exposure"])
    given = {name: column for name, column in values.items() if name in model.parameters}
    count = len(times)
    solution = kernel.solve(given, schedule, times, initial={"plasma": plasma}, n_subjects=count)
    return {name: solution[name] for name in kernel.outputs}


def _ratio(values: Mapping[str, Array]) -> Array:
    """Return drug in the nucleus's tissue over serum, both total, at the time of sampling after a bolus."""
    times = np.c_[np.zeros_like(values["sampled"]), values["sampled"]]
    found = _solve(values, None, times, 1.0)
    return np.asarray(values["disc_geometry_water_nucleus"] * found["mean"][:, -1] / found["plasma"][:, -1])


def _infusion(values: Mapping[str, Array], times: Array) -> dict[str, Array]:
    count, length = len(values["peak"]), float(values["infused"][0])
    schedule = Schedule.each([[Entry(0.0, "infusion", "plasma", float(p), length)] for p in values["peak"]])
    return _solve(values, schedule, np.tile(times, (count, 1)), 0.0)


def _area(values: Mapping[str, Array]) -> Array:
    times = np.linspace(0, _HOURS / 24, 200)
    found = _infusion(values, times)
    return np.asarray(found["exposure"][:, -1] / np.trapezoid(found["plasma"], times, axis=1))


def _delay(values: Mapping[str, Array]) -> Array:
    """Return when the mean over the nucleus first reaches 4 mg/L [min]; three days where it does not before."""
    times = np.linspace(0, 3, 1500)
    mean = _infusion(values, times)["mean"]
    reached = mean >= 4.0
    return np.asarray(np.where(reached.any(axis=1), times[reached.argmax(axis=1)], times[-1]) / _MINUTE)


_PREDICTIONS = {
    "nucleus over serum": _ratio,
    "over that of cefazolin": _ratio,
    "disc over plasma area 0-8 h": _area,
    "time to 4 mg/L": _delay,
}
