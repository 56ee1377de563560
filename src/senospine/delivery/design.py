"""Sweeps of half-life, dose, route, binding and charge; exposure at the centre, cells cleared, pain; over all unknowns.

A longer half-life is a smaller clearance, so at the same dose exposure grows with it. ``matched`` gives the dose that
keeps exposure in plasma what it was: what is then gained comes from time alone. A drug that kills in proportion to its
concentration gains nothing from it, because transport is linear: areas are carried over, whatever their shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from senospine.delivery.disc import drawn
from senospine.delivery.patient import Patient, entries_of, refuse_volume, regimen_of
from senospine.engine import At, Entry, Kernel, Maximum, Mean, Reduction, Schedule, compile_model
from senospine.errors import RegimenError
from senospine.model import Model
from senospine.therapy import Drug, Regimen, compose_model, load_drug

Array = NDArray[np.float64]
_CARRIERS = 6
#: standard errors a rank correlation must be from zero: some three hundred are looked at
_TOLD = 4.0


@dataclass(frozen=True)
class Interval:
    """The 50th, 5th and 95th percentile over draws."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Design:
    """One way to give a drug, and what comes of it.

    Attributes
    ----------
    half_life : float
        Terminal, in plasma, at the register's values; NaN for what is put into the disc [hour].
    release : float
        Half-time of release from a depot in the disc; NaN for other routes [hour].
    matched : bool
        Whether the dose was scaled so that exposure in plasma stays what it is at the drug's own half-life.
    exposure : Interval
        Free drug at the centre, mean from enrolment to the end [umol/L].
    peak : Interval
        The greatest free concentration at the centre [umol/L].
    cleared : Interval
        Senescent disc cells at the end, fewer than untreated [percent].
    relief : Interval
        Fall of spinal pain at the end, of what it exceeds the healthy by when untreated [percent].
    rests_on : tuple of (str, float)
        The unknowns that cells cleared follow most, with Spearman's rank correlation over draws.
    typical : mapping of str to float
        The same four at the register's values.
    failed : int
        Draws the solver gave up on; they are in no interval.
    """

    regimen: str
    half_life: float
    release: float
    matched: bool
    retardation: float
    charge: float
    exposure: Interval
    peak: Interval
    cleared: Interval
    relief: Interval
    rests_on: tuple[tuple[str, float], ...]
    typical: Mapping[str, float]
    draws: int
    failed: int


def design(
    drug: str,
    regimens: Sequence[str],
    *,
    half_lives: Sequence[float | None] = (None,),
    matched: Sequence[bool] = (False,),
    retardations: Sequence[float | None] = (None,),
    charges: Sequence[float | None] = (None,),
    releases: Sequence[float | None] = (None,),
    patient: Patient | None = None,
    days: float | None = None,
    injected: float | None = None,
    reading: str | None = None,
    draws: int = 200,
    seed: int = 20240913,
) -> list[Design]:
    """Return what comes of every combination of regimens, half-lives, binding and charge.

    Parameters
    ----------
    drug : str
    regimens : sequence of str
        Dose, route and times, one line each, such as ``1000 mg oral daily for 84 days`` or ``1 mg intradiscal once``.
    half_lives : sequence of float or None
        Terminal half-lives in plasma [hour]; None is the drug's own.
    matched : sequence of bool
        See :class:`Design`.
    retardations, charges : sequence of float or None
        None is the drug's own, drawn from its prior.
    releases : sequence of float or None
        Half-times of release from a depot in the disc [hour]. Half-lives in plasma are swept for other routes only,
        releases for the route ``intradiscal`` only.
    patient : Patient, optional
    days : float, optional
        From enrolment to the end; by default a week after the last dose, over all regimens.
    injected : float, optional
        Volume injected by the route ``intradiscal`` [mL].
    reading : str, optional
        Of the drug's file.
    draws : int
        From the priors of drug, disc and spine; the same in every combination.

    Raises
    ------
    RegimenError
        An unknown drug, a half-life no clearance gives, a volume larger than the disc, binding below 1.

    Notes
    -----
    What leaves a depot in the disc is not followed into plasma. Cost: some milliseconds a draw and combination.
    """
    loaded, who = load_drug(drug), patient or Patient()
    if not loaded.disc.get("human"):
        raise RegimenError(
            f"{loaded.name} has no numbers for the disc", where=loaded.where("disc"),
            remedy="add 'disc: {human: ...}' to its file: diffusivities, charge, binding, loss",
        )  # fmt: skip
    if not regimens:
        raise RegimenError("no regimen", remedy="give one, such as '1000 mg oral daily for 84 days'")
    if draws < 2:
        raise RegimenError(f"{draws} draws have no interval", remedy="take two or more; 200 is the default")
    for value in retardations:
        if value is not None and not (math.isfinite(value) and value >= 1):
            raise RegimenError(f"a binding of {value:g}", why="it is total over free drug", remedy="give 1 or more")
    for value in releases:
        if value is not None and not (math.isfinite(value) and value > 0):
            raise RegimenError(f"a release of {value:g} h", remedy="give a half-time above 0")
    model = compose_model("human", [loaded], readings={loaded.name: reading} if reading else {})
    given = [regimen_of(drug, text) for text in regimens]
    if injected is not None:
        refuse_volume(model, who, injected * 1e-3, loaded.name)
    doses = [entries_of([regimen], who) for regimen in given]
    end = who.enrolled + (days or max(entry.time for entries in doses for entry in entries) - who.enrolled + 7.0)
    sweep = _Sweep(model, loaded, who, end, draws, seed)
    found = []
    for regimen, entries in zip(given, doses, strict=True):
        inside = regimen.route == "intradiscal"
        ways = [(None, False, r) for r in releases] if inside else [
            (h, same, None) for h in half_lives for same in matched if h is not None or not same
        ]  # fmt: skip
        for way, retardation, charge in product(ways, retardations, charges):
            found.append(sweep.cell(regimen, entries, *way, retardation, charge))
    return found


def half_life(parameters: Mapping[str, float], symbol: str) -> float:
    """Return the terminal half-life of a drug's linear kinetics [hour]."""
    out, there, back = _micro(parameters, symbol)
    total = out + there + back
    slow = (total - math.sqrt(total**2 - 4 * out * back)) / 2
    return 24 * math.log(2) / slow


def clearance_factor(parameters: Mapping[str, float], symbol: str, wanted: float) -> float:
    """Return what to multiply clearance by for a terminal half-life of ``wanted`` [hour].

    Raises
    ------
    RegimenError
        No clearance gives it: the way back from tissue is slower, or elimination is saturable.
    """
    if parameters[f"{symbol}_saturable_elimination_max"] > 0:
        raise RegimenError(f"{symbol} is eliminated by a saturable way", remedy="sweep doses; it has no one half-life")
    out, there, back = _micro(parameters, symbol)
    slow = 24 * math.log(2) / wanted if wanted > 0 else math.inf
    if not slow < back:
        raise RegimenError(
            f"a half-life of {wanted:g} h cannot be had by clearance",
            why=f"return from tissue alone takes {24 * math.log(2) / back:.2g} h",
            remedy="give a longer one",
        )
    return slow * (there + back - slow) / (back - slow) / out


def _micro(parameters: Mapping[str, float], symbol: str) -> tuple[float, float, float]:
    """Return elimination, exchange to and exchange from tissue [1/day]."""
    exchange = parameters[f"{symbol}_intercompartmental_clearance"]
    central = parameters[f"{symbol}_volume_central"]
    return (
        parameters[f"{symbol}_clearance"] / central,
        exchange / central,
        exchange / parameters[f"{symbol}_volume_peripheral"],
    )


class _Sweep:
    """The draws and their untreated ends, shared by every combination; the register's values go first."""

    def __init__(self, model: Model, drug: Drug, who: Patient, end: float, draws: int, seed: int) -> None:
        self.model, self.symbol, self.who, self.end, self.draws = model, drug.symbol, who, end, draws
        fixed = set(who.parameters)
        rows = [row for name, row in model.register.items() if name in model.parameters and name not in fixed]
        self.values = {
            name: np.r_[model.parameters[name], column] for name, column in drawn(rows, draws, seed, "design").items()
        }
        centre = f"{self.symbol}_disc_centre"
        self.reduce: list[Reduction] = [
            Mean(centre, start=who.enrolled, stop=end, name="exposure"),
            Maximum(centre, start=who.enrolled, stop=end, name="peak"),
            At("senescent_disc_cells", time=end, name="cells"),
            At("spinal_pain", time=end, name="pain"),
        ]
        self.kernel: Kernel = compile_model(model, reduce=self.reduce)
        self.untreated = self._solve({}, [])

    def _solve(self, changed: Mapping[str, Array], entries: Sequence[Entry]) -> dict[str, Array]:
        given = {**self.values, **self.who.parameters, **changed}
        solved = self.kernel.solve(given, Schedule.shared(entries), n_subjects=self.draws + 1)
        return {item.name: solved[item] for item in self.reduce}

    def cell(
        self, regimen: Regimen, entries: Sequence[Entry], wanted: float | None, matched: bool, release: float | None,
        retardation: float | None, charge: float | None,
    ) -> Design:  # fmt: skip
        """Return one combination."""
        symbol, parameters = self.symbol, self.model.parameters
        factor = 1.0 if wanted is None else clearance_factor(parameters, symbol, wanted)
        own = parameters[f"{symbol}_clearance"]
        changed = {f"{symbol}_clearance": factor * self.values.get(f"{symbol}_clearance", np.full(self.draws + 1, own))}
        rate = parameters[f"{symbol}_disc_release_rate"]
        if release is not None:
            rate = 24 * math.log(2) / release
            changed[f"{symbol}_disc_release_rate"] = np.full(self.draws + 1, rate)
        for name, value in (("retardation", retardation), ("charge", charge)):
            if value is not None:
                changed[f"{symbol}_disc_{name}"] = np.full(self.draws + 1, float(value))
        if matched:
            entries = [Entry(e.time, e.kind, e.target, e.amount * factor) for e in entries]
        treated = self._solve(changed, entries)
        excess = np.maximum(self.untreated["pain"] - 1, 1e-9)
        found = {
            "exposure": treated["exposure"],
            "peak": treated["peak"],
            "cleared": 100 * (1 - treated["cells"] / self.untreated["cells"]),
            "relief": 100 * (self.untreated["pain"] - treated["pain"]) / excess,
        }
        solved = np.all([np.isfinite(column) for column in found.values()], axis=0)
        inside = regimen.route == "intradiscal"  # what is in plasma does not matter there
        return Design(
            regimen.text(),
            math.nan if inside else half_life({**parameters, f"{symbol}_clearance": own * factor}, symbol),
            24 * math.log(2) / rate if inside else math.nan,
            matched,
            parameters[f"{symbol}_disc_retardation"] if retardation is None else float(retardation),
            parameters[f"{symbol}_disc_charge"] if charge is None else float(charge),
            exposure=_interval(found["exposure"], solved),
            peak=_interval(found["peak"], solved),
            cleared=_interval(found["cleared"], solved),
            relief=_interval(found["relief"], solved),
            rests_on=self._carriers(found["cleared"], solved, changed),
            typical={name: float(column[0]) for name, column in found.items()},
            draws=self.draws,
            failed=int(self.draws - solved[1:].sum()),
        )

    def _carriers(
        self, column: Array, solved: NDArray[np.bool_], changed: Mapping[str, Array]
    ) -> tuple[tuple[str, float], ...]:
        kept = solved.copy()
        kept[0] = False
        if kept.sum() < 10:
            return ()
        drawn_here = {name: values for name, values in self.values.items() if name not in changed}
        drawn_here |= {name: values for name, values in changed.items() if np.ptp(values) > 0}
        target = rankdata(column[kept])
        rho = {name: float(np.corrcoef(rankdata(v[kept]), target)[0, 1]) for name, v in drawn_here.items()}
        told = [item for item in rho.items() if abs(item[1]) > _TOLD / math.sqrt(kept.sum())]
        return tuple(sorted(told, key=lambda item: -abs(item[1]))[:_CARRIERS])


def _interval(column: Array, solved: NDArray[np.bool_]) -> Interval:
    values = column[1:][solved[1:]]
    if not len(values):
        return Interval(math.nan, math.nan, math.nan)
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return Interval(float(median), float(low), float(high))
