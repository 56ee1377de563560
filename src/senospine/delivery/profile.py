"""Where a drug is in the disc during a regimen, and the concentration above which senescent cells lose.

The line is drawn where kill balances regrowth at half the burden: held there for good, a concentration keeps half of
the senescent disc cells away against production and the body's own removal. Any concentration kills some cells; below
the line regrowth makes up for most of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.delivery.layers import CEP_SHARES, NUCLEUS_SHARES
from senospine.delivery.patient import Patient, entries_of, regimen_of
from senospine.engine import Kernel, Schedule, compile_model
from senospine.errors import RegimenError
from senospine.model import Model
from senospine.therapy import compose_model, load_drug

Array = NDArray[np.float64]
_STEP = 0.01  # days over which regrowth is read off


@dataclass(frozen=True)
class Profile:
    """A drug in half a disc, from the bone to the middle plane.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        From enrolment [day].
    edges : ndarray, shape (13,)
        Of the layers, from the bone inward [mm], at the first dose.
    values : ndarray, shape (12, n_times)
        Free drug in the tissue's water [umol/L].
    plasma : ndarray, shape (n_times,)
        Free drug in plasma [umol/L].
    burden : ndarray, shape (4, n_times)
        Senescent cells of the nucleus's quarters, over those of the same disc untreated [fold].
    line : float
        Concentration held at which half the senescent cells stay away [umol/L]; ``inf`` where no concentration does,
        NaN for a drug that kills no disc cells.
    line_hazard : float
        The kill hazard there: regrowth at half the burden [1/day].
    """

    drug: str
    regimen: str
    patient: Patient
    times: Array
    edges: Array
    values: Array
    plasma: Array
    burden: Array
    line: float
    line_hazard: float

    def above(self) -> Array:
        """Return the share of time each of the 12 layers is above the line, shape (12,)."""
        width = np.gradient(self.times)
        return np.asarray(((self.values > self.line) * width).sum(axis=1) / width.sum())


def profile(
    drug: str,
    regimen: str,
    *,
    species: str = "human",
    patient: Patient | None = None,
    days: float | None = None,
    reading: str | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Profile:
    """Return a drug's profile in the disc over a regimen, at the register's values.

    Parameters
    ----------
    drug, regimen : str
        A name, and one line such as ``150 mg oral daily for 7 days``.
    patient : Patient, optional
    days : float, optional
        How long to look from enrolment; by default a quarter longer than the doses, a week at least.
    reading : str, optional
        Of the drug's file, such as ``free`` or ``nominal``.
    parameters : mapping, optional
        Replaces values of the composed model.

    Raises
    ------
    RegimenError
        An unknown drug, a species without a resolved disc, or a drug without numbers for the disc.
    """
    loaded, who = load_drug(drug), patient or Patient()
    refuse_species(species)
    if species not in loaded.disc:
        raise RegimenError(
            f"{loaded.name} has no numbers for the disc of species '{species}'", where=loaded.where("disc"),
            remedy=f"add 'disc: {{{species}: ...}}' to its file: diffusivities, charge, binding, loss",
        )  # fmt: skip
    given = regimen_of(drug, regimen)
    entries = entries_of([given], who, species)
    model = compose_model(species, [loaded], readings={loaded.name: reading} if reading else {})
    symbol, values = loaded.symbol, {**who.parameters, **(parameters or {})}
    layers = [f"{symbol}_disc_cep_{i + 1}" for i in range(4)] + [f"{symbol}_disc_np_{i + 1}" for i in range(8)]
    zones = [f"senescent_disc_cells_{zone}" for zone in range(1, 5)]
    shape = ["disc_geometry_half_height", f"{symbol}_free_concentration"]
    kernel = compile_model(model, [*layers, *zones, *shape])
    last = max(entry.time for entry in entries) - who.enrolled
    span = max(days or 1.25 * last, 7.0)
    times = np.union1d(np.linspace(0, span, 600), np.array([entry.time for entry in entries]) - who.enrolled + 0.05)
    clock = who.enrolled + times[times <= span]
    treated = kernel.solve(values, Schedule.shared(entries), clock, n_subjects=1)
    alone = kernel.solve(values, times=clock, n_subjects=1)
    refuse_failed(treated.failures)
    height = float(treated["disc_geometry_half_height"][0, 0])
    cep = values.get("disc_geometry_cep_thickness", model.parameters["disc_geometry_cep_thickness"])
    thick = np.r_[np.multiply(CEP_SHARES, cep), np.multiply(NUCLEUS_SHARES, height)]
    hazard = regrowth(kernel, model, who, values)
    return Profile(
        loaded.name, given.text(), who, clock - who.enrolled, np.r_[0.0, np.cumsum(thick)],
        np.array([treated[name][0] for name in layers]), treated[shape[1]][0],
        np.array([treated[name][0] / alone[name][0] for name in zones]),
        line_of({**model.parameters, **values}, symbol, hazard), hazard,
    )  # fmt: skip


def refuse_species(species: str) -> None:
    """Raise a RegimenError for a species whose model does not resolve the disc."""
    if species != "human":
        raise RegimenError(
            f"no profile in the disc of species '{species}'",
            why="its model holds one concentration for the whole disc: a mouse's disc is level within hours",
            remedy="use --species human; times to equilibrium of mouse discs stand in docs/disc-transport.md",
        )


def refuse_failed(failures: object) -> None:
    """Raise a RegimenError where the one subject was not solved."""
    for failure in failures:  # type: ignore[attr-defined]
        raise RegimenError(
            f"the solver gave up on day {failure.time:g}: {failure.status}", remedy=failure.status.advice
        )


def regrowth(kernel: Kernel, model: Model, who: Patient, values: Mapping[str, float]) -> float:
    """Return the relative growth of senescent disc cells without drug, from half the burden at enrolment [1/day]."""
    full = compile_model(model, list(model.states)).solve(values, times=[who.enrolled], n_subjects=1)
    start = {name: float(full[name][0, 0]) for name in model.states}
    zone = "senescent_disc_cells_4"
    start[zone] /= 2
    span = [who.enrolled, who.enrolled + _STEP]
    after = kernel.solve(values, times=span, start=span[0], initial=start, n_subjects=1, rtol=1e-9)[zone][0]
    return float(np.log(after[1] / after[0]) / _STEP)


def line_of(values: Mapping[str, float], symbol: str, hazard: float) -> float:
    """Return the concentration whose kill of disc cells is ``hazard`` [umol/L]."""
    largest = values.get(f"{symbol}_disc_kill_max")
    if largest is None:
        return math.nan
    if largest <= hazard:
        return math.inf
    half, hill = values[f"{symbol}_disc_kill_half"], values[f"{symbol}_disc_kill_hill"]
    return float(half * (hazard / (largest - hazard)) ** (1 / hill))
