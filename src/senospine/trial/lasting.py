"""How long a benefit outlasts its treatment, and what a trial takes for those who stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.benefit import passing
from senospine.trial.design import Design

Array = NDArray[np.float64]
#: benefit on the day of stopping from which on one can speak of its half [points of 0-10] (assumption)
LEAST = 0.05


@dataclass(frozen=True)
class Lasting:
    """How long a therapy's benefit lasts in those who would be enrolled and stop it on one day.

    Attributes
    ----------
    arm : str
    stopped : float
        Day from which on no dose is given.
    until : float
        Last day of the bank.
    by_draw : ndarray, shape (n_draws,)
        Days until half of the benefit on that day is left, the median over patients with at least ``LEAST`` points
        of it; infinite where more than half of them keep it to the end, NaN in a draw that has nobody.
    kept : float
        Share of these patients who keep more than half to the end, the mean over draws.
    """

    arm: str
    stopped: float
    until: float
    by_draw: Array
    kept: float

    @property
    def median(self) -> float:
        """Over draws."""
        return self._quantile(0.5)

    @property
    def interval(self) -> tuple[float, float]:
        """Central 90 % over draws; NaN for fewer than two."""
        if np.isfinite(self.by_draw).sum() + np.isinf(self.by_draw).sum() < 2:
            return float("nan"), float("nan")
        return self._quantile(0.05), self._quantile(0.95)

    def _quantile(self, level: float) -> float:
        known = np.sort(self.by_draw[~np.isnan(self.by_draw)])
        # never between two of them: half-times may be infinite
        return float(known[max(int(np.ceil(level * len(known))) - 1, 0)]) if len(known) else float("nan")

    def to_dict(self) -> dict[str, object]:
        """Return plain data; None for a half-time that the bank's days do not show."""
        known = [self.median, *self.interval]
        plain = [value if np.isfinite(value) else None for value in known]
        return {"arm": self.arm, "stopped": self.stopped, "until": self.until, "kept": self.kept,
                **dict(zip(("median_days", "low", "high"), plain, strict=True))}  # fmt: skip

    def text(self) -> str:
        """Return it as a sentence."""
        if np.isnan(self.by_draw).all():
            return f"{self.arm} stopped on day {self.stopped:g}: nobody has {LEAST:g} points of benefit to lose."
        most = self.until - self.stopped

        def shown(days: float) -> str:
            return f"{days:.0f}" if np.isfinite(days) else f"more than {most:.0f}"

        low, high = self.interval
        over = "" if np.isnan(low) else f" (90 % over draws {shown(low)} to {shown(high)})"
        return (
            f"{self.arm} stopped on day {self.stopped:g}: half of the benefit is left after {shown(self.median)} days"
            f"{over}, the median over patients; {100 * self.kept:.0f} % keep more than half to day {self.until:g}."
        )


def lasting_benefit(design: Design, bank: PatientBank, stopped: float | None = None) -> list[Lasting]:
    """Return for each arm whose therapy the bank has stop days of how long its benefit lasts after ``stopped``.

    ``stopped`` is half of the way to the last visit if left out. Patients count by their weight times their chance to
    pass the entry criteria; benefit is that of the latent pain, beyond the untreated, of everyone who takes all doses
    before that day.

    Raises
    ------
    TrialError
        Nobody passes the entry criteria.
    """
    if stopped is None:
        stopped = design.visit_days[-1] / 2
    weight = passing(design, bank)
    untreated = bank.course(UNTREATED)["pain"].astype(float)
    found = []
    for arm, therapy in zip(design.arms, design.therapies, strict=True):
        if therapy not in bank.stops or not 0 < stopped < bank.days[-1]:
            continue
        relief = untreated - bank.course(therapy, stopped=stopped)["pain"]
        days, mine = _half_times(relief, bank.days, stopped), weight * (_on(relief, bank.days, stopped) >= LEAST)
        medians, kept = [], []
        for number in bank.draws:
            here = mine * (bank.draw_of == number)
            medians.append(_median(days, here))
            kept += [float(here @ np.isinf(days) / here.sum())] if here.sum() > 0 else []
        found.append(Lasting(arm, stopped, float(bank.days[-1]), np.array(medians),
                             float(np.mean(kept)) if kept else float("nan")))  # fmt: skip
    return found


def _on(values: Array, days: Array, day: float) -> Array:
    """Return values on a day between two of the grid, shape (n,)."""
    after = min(int(np.searchsorted(days, day)), len(days) - 1)
    share = (day - days[after - 1]) / (days[after] - days[after - 1])
    return np.asarray(values[:, after - 1] * (1 - share) + values[:, after] * share)


def _half_times(relief: Array, days: Array, stopped: float) -> Array:
    """Return days from the stop until half of the relief on that day is first left, infinite for never, shape (n,)."""
    first = _on(relief, days, stopped)
    later = days > stopped
    times = np.concatenate([[stopped], days[later]])
    share = np.column_stack([first, relief[:, later]])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = share / first[:, None]
    below = share <= 0.5
    at, rows = below.argmax(axis=1), np.flatnonzero(below.any(axis=1) & (first > 0))
    found = np.full(len(share), np.inf)
    high, low = share[rows, at[rows] - 1], share[rows, at[rows]]
    begun, ended = times[at[rows] - 1], times[at[rows]]
    found[rows] = begun + (high - 0.5) / (high - low) * (ended - begun) - stopped
    return found


def _median(values: Array, weight: Array) -> float:
    """Return the weighted median; NaN without weight."""
    if not weight.sum() > 0:
        return float("nan")
    order = np.argsort(values)
    passed = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(passed, 0.5 * passed[-1])])


def stopping_text(design: Design, bank: PatientBank) -> str:
    """Say what becomes of those who stop treatment in trials of a design from a bank."""
    half_life = f"with a half-life of {design.file.offset_days:g} days"
    arms = zip(design.therapies, design.done_once, strict=True)
    given = dict.fromkeys(therapy for therapy, done in arms if therapy != UNTREATED and not done)
    bare = [therapy for therapy in given if therapy not in bank.stops]
    told = []
    if len(bare) < len(given):
        told.append("Those who stop follow the mechanism, between courses of the bank that stopped before and after.")
    if bare:
        told.append(f"The bank holds nobody who stops {' or '.join(bare)}: effects fade {half_life}, a stand-in.")
    return " ".join([*told, f"Context fades {half_life} after the last dose (assumption)."])
