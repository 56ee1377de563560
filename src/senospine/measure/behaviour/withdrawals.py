"""Withdrawals from fixed filaments: x of n, and how steeply they rise with force."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import Finding
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.reading import Reading
from senospine.stats import wilson_interval

Array = NDArray[np.float64]

FREQUENCY = "withdrawal_frequency/fixed-filament/x-of-n"
SLOPE = "withdrawal_slope/logistic/log10-force"


@dataclass(frozen=True)
class PsychometricSlope:
    """How the log odds of withdrawal rise per decade of force; infinite where the answers separate."""

    slope: float
    low: float
    high: float


def psychometric_slope(forces_g: ArrayLike, withdrawals: ArrayLike, applications: ArrayLike) -> PsychometricSlope:
    """Return the slope of a logistic curve on log10 of force, with its profile likelihood interval of 95 %.

    Parameters
    ----------
    forces_g, withdrawals, applications : array_like, shape (filaments,)
        At least two different forces [g].

    Raises
    ------
    ValueError
        One force only, or counts that cannot be.

    Notes
    -----
    With two filaments the estimate is the difference of log odds over the difference of log10 forces, exactly.
    """
    from scipy.optimize import brentq

    x, k, n = (np.asarray(item, dtype=float) for item in (forces_g, withdrawals, applications))
    if len(np.unique(x)) < 2 or (x <= 0).any() or (k < 0).any() or (k > n).any():
        raise ValueError("need two different forces above zero, and 0 <= withdrawals <= applications")
    x = np.log10(x) - np.log10(x).mean()
    if k.sum() in (0, n.sum()):
        return PsychometricSlope(math.nan, -math.inf, math.inf)
    steep = 200.0 / np.ptp(x)  # beyond it the curve is a step
    best, peak = _best_slope(x, k, n, steep)

    def excess(slope: float) -> float:
        return 2 * (peak - _profile(slope, x, k, n)) - 3.841458820694124

    slope = best if abs(best) < 0.99 * steep else math.copysign(math.inf, best)
    low = float(brentq(excess, -steep, best)) if excess(-steep) > 0 and best > -steep else -math.inf
    high = float(brentq(excess, best, steep)) if excess(steep) > 0 and best < steep else math.inf
    return PsychometricSlope(slope, low, high)


def _best_slope(x: Array, k: Array, n: Array, steep: float) -> tuple[float, float]:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda b: -_profile(b, x, k, n), bounds=(-steep, steep), method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    edges = {b: _profile(b, x, k, n) for b in (-steep, steep, float(found.x))}
    best = max(edges, key=lambda b: edges[b])
    return best, edges[best]


def _profile(slope: float, x: Array, k: Array, n: Array) -> float:
    """Return the log likelihood of a slope, the intercept at its best: the fitted total equals the observed one."""
    from scipy.optimize import brentq
    from scipy.special import expit, log_expit

    reach = 50 + abs(slope) * float(np.ptp(x))
    level = brentq(lambda a: float((n * expit(a + slope * x)).sum() - k.sum()), -reach, reach, xtol=1e-12)
    eta = level + slope * x
    return float((k * log_expit(eta) + (n - k) * log_expit(-eta)).sum())


def read_withdrawals(sheet: Sheet) -> list[Reading]:
    """Return a frequency for each row, and a slope for each animal and session with two forces or more."""
    refuse(_impossible(sheet), sheet.path)
    readings, runs = [], defaultdict(list)
    for row in sheet.rows:
        k, n, force = row.number("withdrawals"), row.number("applications"), row.number("force_g")
        settings: dict[str, float | str] = {
            "force_g": force,
            **{name: row.text(name) for name in ("session", "paw", "replicate") if row.text(name)},
        }
        low, high = wilson_interval(k, n)
        readings.append(
            Reading(FREQUENCY, k / n, sheet.place(row), float(low), float(high), k, n, settings, sheet.inputs)
        )
        runs[row.text("animal"), row.text("session")].append(row)
    for (_, session), rows in runs.items():
        forces = [row.number("force_g") for row in rows]
        if len(set(forces)) > 1:
            found = psychometric_slope(
                forces, [row.number("withdrawals") for row in rows], [row.number("applications") for row in rows]
            )
            warning = () if math.isfinite(found.slope) else ("answers separate by force: the slope is not finite",)
            readings.append(
                Reading(SLOPE, found.slope if math.isfinite(found.slope) else math.nan, sheet.place(rows[0]),
                        found.low, found.high, settings={"session": session} if session else {},
                        inputs=sheet.inputs, warnings=warning)
            )  # fmt: skip
    return readings


def _impossible(sheet: Sheet) -> Iterable[Finding]:
    for row in sheet.rows:
        if row.number("withdrawals") > row.number("applications"):
            what = f"{row.text('withdrawals')} withdrawals of {row.text('applications')} applications"
            yield Finding("error", row.where, what, "correct one of the two")
    yield from handle_numbers(sheet, [(row.number("force_g"), row.where) for row in sheet.rows])


#: what stands on the handles of Semmes-Weinstein filaments: log10 of the force in units of 0.1 mg, not gram
HANDLES = (1.65, 2.36, 2.44, 2.83, 3.22, 3.61, 3.84, 4.08, 4.17, 4.31, 4.56, 4.74, 4.93, 5.07, 5.18, 5.46, 5.88, 6.10,
           6.45, 6.65)  # fmt: skip


def handle_numbers(sheet: Sheet, forces: Sequence[tuple[float, str]]) -> list[Finding]:
    """Return a finding where all forces of a sheet are numbers of handles, which nobody means as gram."""
    values = [force for force, _ in forces]
    if not values or sheet.settings.get("forces") or not all(min(abs(v - h) for h in HANDLES) < 0.004 for v in values):
        return []
    example = values[0]
    return [
        Finding(
            "error", forces[0][1],
            f"{example:g} and all other forces are numbers that stand on filaments' handles, not gram",
            f"a handle {example:g} means about {10 ** (example - 4):.2g} g: write the force as calibrated",
        )
    ]  # fmt: skip
