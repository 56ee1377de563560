"""One trial, from screening to the last visit: what is recorded, and what was true."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senospine.assays import (
    PainReports,
    contextual_response,
    lasting_change,
    record_marker,
    report_disability,
    report_pain,
)
from senospine.assays.readout import value_of
from senospine.randomness import stream
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design
from senospine.trial.enrol import Enrolled, enrol
from senospine.trial.file import HOLDS
from senospine.trial.measures import MEASURES
from senospine.trial.reading import MarkerVisits
from senospine.trial.taking import Taking

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class Reason(IntEnum):
    """Why a patient ended treatment."""

    COMPLETED = 0
    LACK_OF_EFFICACY = 1
    ADVERSE_EVENT = 2
    PLATELETS = 3
    OTHER = 4


@dataclass(frozen=True)
class TrialData:
    """One simulated trial.

    Attributes
    ----------
    enrolled : Enrolled
    baseline : dict of measure to ndarray, shape (n,)
        As recorded at screening.
    observed : dict of measure to ndarray, shape (n, n_visits)
        As the analysis sees it; NaN where a visit was missed, and from the visit on at which a patient was gone.
        Markers are NaN also at visits that do not measure them, here and below.
    complete : dict of measure to ndarray, shape (n, n_visits)
        What would have been recorded had everyone come to every visit, treated as they were.
    ideal : dict of measure to ndarray, shape (n, n_visits)
        What would have been recorded without the intercurrent events whose strategy is hypothetical; the same as
        ``complete`` where none is.
    stopped, left, rescued : ndarray of int, shape (n,)
        First visit off treatment, gone, and under rescue; the number of visits for never.
    missed : ndarray of bool, shape (n, n_visits)
        Visits missed by those who were not gone.
    reason : ndarray of int, shape (n,)
        Why treatment ended.
    day_stopped : ndarray, shape (n,)
        Day on which treatment ended, NaN for never; by an event between two visits it lies between them.
    held : ndarray of bool, shape (n, n_visits)
        Doses held at the visit.
    counts : dict of str to ndarray, shape (n, n_visits)
        Blood counts as recorded [1e9/L].
    events : ndarray of bool, shape (n, n_visits)
        An adverse event since the visit before; the one that made a patient leave is the last.
    """

    enrolled: Enrolled
    baseline: dict[str, Array]
    observed: dict[str, Array]
    complete: dict[str, Array]
    ideal: dict[str, Array]
    stopped: Integers
    left: Integers
    rescued: Integers
    missed: NDArray[np.bool_]
    reason: Integers
    day_stopped: Array
    held: NDArray[np.bool_]
    counts: dict[str, Array]
    events: NDArray[np.bool_]


def simulate_trial(
    design: Design, bank: PatientBank, seed: int, trial: int, *, patients: int | None = None,
    only_positive: bool = False, part: str = "", tables: bool = False,
) -> TrialData:  # fmt: skip
    """Return one trial; the same arguments give the same bytes anywhere.

    Parameters
    ----------
    trial : int
        Its number; with the seed it names all noise.
    patients : int, optional
        To be randomised; the design's number by default.
    only_positive, part
        As for :func:`senospine.trial.enrol.enrol`.
    tables : bool
        Whether blood counts are recorded although no rule needs them; it changes nothing else.

    Raises
    ------
    TrialError
        The criteria enrol too few.
    """
    enrolled = enrol(
        design, bank, seed, trial, patients=patients or design.file.patients, only_positive=only_positive, part=part
    )
    conduct = _Conduct(design, bank, enrolled, seed, trial, part, tables)
    for visit in range(len(design.visit_days)):
        conduct.visit(visit)
    return conduct.data()


@dataclass
class _Conduct:
    """A trial under way."""

    design: Design
    bank: PatientBank
    enrolled: Enrolled
    seed: int
    trial: int
    part: str
    tables: bool

    def __post_init__(self) -> None:
        design, n, visits = self.design, len(self.enrolled.row), len(self.design.visit_days)
        self.n, self.visits = n, visits
        self.course = lasting_change(n, self._stream("course"))
        function = self.enrolled.function
        self.disability = self._stream("disability").standard_normal(n) if function is None else function[1]
        mean = design.file.adherence
        adherence = self._stream("adherence").beta(10 * mean, 10 * (1 - mean), n) if 0 < mean < 1 else np.full(n, mean)
        self.fluctuation, self.since = self.enrolled.fluctuation, -1.0
        self.taking = Taking(design, self.bank, self.enrolled, adherence)
        self.previous = self.enrolled.pain
        never = np.full(n, visits)
        self.stopped, self.left, self.rescued = never.copy(), never.copy(), never.copy()
        self.reason = np.zeros(n, np.int64)
        self.missed = np.zeros((n, visits), bool)
        self.held, self.events = np.zeros((n, visits), bool), np.zeros((n, visits), bool)
        self.counts = {name: np.full((n, visits), np.nan) for name in ("platelets", "neutrophils")}
        asked = (item.measure for item in design.file.endpoints.values() if MEASURES[item.measure].reported)
        measures = dict.fromkeys(["pain", *asked])
        self.complete = {name: np.empty((n, visits)) for name in measures}
        self.ideal = {name: np.empty((n, visits)) for name in measures}
        self.baseline = {
            name: self.enrolled.pain
            if name == "pain"
            else report_disability(name, self.enrolled.felt, self.disability, self._stream(f"{name}/baseline"))
            for name in measures
        }
        if function is not None and "odi" in measures:
            self.baseline["odi"] = function[0]  # the one they entered by
        age = self.bank.numbers["age"][self.enrolled.row]
        self.markers = MarkerVisits(
            design.marker_weeks, design.file.visits, age, self.enrolled.deviates, self._stream
        )  # fmt: skip
        self.rate = np.array(design.share_by_arm(design.file.dropout.rate))[self.enrolled.arm]
        self.skip = np.array(design.share_by_arm(design.file.missed_visits.rate))[self.enrolled.arm]
        self.harm = np.array(design.share_by_arm(design.file.adverse_events.background))[self.enrolled.arm]

    def _stream(self, purpose: str) -> np.random.Generator:
        return stream(self.seed, f"trial/{self.part}{purpose}", self.trial)

    def visit(self, visit: int) -> None:
        """Go on to a visit: who has stopped since the last, what is recorded, who misses it, is held or rescued."""
        day, before = self.design.visit_days[visit], self.design.visit_days[visit - 1] if visit else 0.0
        self.taking.advance(day - before)
        events = self._stream(f"events/{visit}").random((self.n, 8)).T
        self._harm(visit, before, day, events)
        if self.design.file.dropout.mechanism != "not at random":
            self._leave(visit, before, day, self.previous, events)
            weekly, fluctuation = self._pain(visit, day)
        else:  # they go by what they would have felt here; then it is recorded as it is without treatment
            self._leave(visit, before, day, self._pain(visit, day)[0], events)
            weekly, fluctuation = self._pain(visit, day)
        self._markers(visit, day)
        self._miss(visit, events)
        if self.tables or self.design.file.dose_holds != "none":
            self._blood(visit, day, events)
        self._rescue(visit, weekly, events)
        self.previous = np.where(self.missed[:, visit], self.previous, weekly)
        self.fluctuation, self.since = fluctuation, day

    def _pain(self, visit: int, day: float) -> tuple[Array, Array]:
        """Record what patients feel, and return weekly means and where their fluctuation stands."""
        days = np.arange(day - 6, day + 1)
        days = days[days > self.since]
        _, taken, whole = self.taking.courses("pain", days)
        response = np.stack([contextual_response(kind, days) for kind in self.design.contexts])[self.enrolled.arm]
        rescue = value_of("rescue_effect") * (self.rescued <= visit)
        context = self.taking.context[:, None] * response
        actual = self._report(visit, days, taken, context + rescue[:, None])
        ideal = actual
        plan = self.design.file.estimand
        if "hypothetical" in {plan.stopping, plan.rescue}:
            latent, context = (whole, response) if plan.stopping == "hypothetical" else (taken, context)
            relief = 0.0 if plan.rescue == "hypothetical" else rescue[:, None]
            ideal = self._report(visit, days, latent, context + relief)
        for into, report in ((self.ideal, ideal), (self.complete, actual)):
            weekly = report.ratings.mean(axis=1)
            for name in into:
                into[name][:, visit] = weekly if name == "pain" else report_disability(
                    name, report.felt.mean(axis=1), self.disability, self._stream(f"{name}/{visit}")
                )  # fmt: skip
        return np.asarray(actual.ratings.mean(axis=1)), actual.fluctuation

    def _markers(self, visit: int, day: float) -> None:
        def courses(state: str) -> tuple[Array, Array, Array]:
            untreated, taken, whole = (values[:, 0] for values in self.taking.courses(state, np.array([day])))
            return untreated, taken, whole

        self.markers.visit(visit, courses, whole=self.design.file.estimand.stopping == "hypothetical")

    def _report(self, visit: int, days: Array, latent: Array, relief: Array) -> PainReports:
        return report_pain(
            latent, days, self._stream(f"pain/{visit}"), relief=relief, course=self.course,
            fluctuation=self.fluctuation, since=self.since,
        )  # fmt: skip

    def _harm(self, visit: int, before: float, day: float, events: Array) -> None:
        """Adverse events since the visit before, some of which end treatment on their day."""
        plan = self.design.file.adverse_events
        span = (day - before) / (7 * self.design.file.weeks)
        days = self.bank.days[(self.bank.days > before) & (self.bank.days <= day)]
        untreated, taken, _ = self.taking.courses("gut_exposure", days if len(days) else np.array([day]))
        exposure = np.maximum((taken - untreated).mean(axis=1), 0.0)
        with np.errstate(divide="ignore"):
            hazard = (-np.log1p(-self.harm) - exposure * np.log1p(-plan.per_gut_exposure)) * span
        self.events[:, visit] = events[0] < -np.expm1(-hazard)
        on_day = _moment(before, day, hazard, events[0])
        self._stop(
            self.events[:, visit] & (events[1] < plan.stops), visit, Reason.ADVERSE_EVENT, events[2], on_day, day
        )

    def _leave(self, visit: int, before: float, day: float, pain: Array, events: Array) -> None:
        """Those who go before this visit, by the pain last recorded or by the pain nobody will see."""
        plan = self.design.file.dropout
        with np.errstate(divide="ignore"):
            hazard = -np.log1p(-self.rate) * (day - before) / (7 * self.design.file.weeks)
        if plan.mechanism != "completely at random":
            hazard = hazard * np.exp(plan.log_hazard_per_point * (pain - plan.at_pain))
        gone = events[3] < -np.expm1(-hazard)
        unhelped = pain > self.enrolled.pain - 1  # less than a point of improvement
        on_day = _moment(before, day, hazard, events[3])
        self._stop(gone & unhelped, visit, Reason.LACK_OF_EFFICACY, events[4], on_day, day)
        self._stop(gone & ~unhelped, visit, Reason.OTHER, events[4], on_day, day)

    def _miss(self, visit: int, events: Array) -> None:
        """Visits missed by those who come back; nobody misses the last so."""
        if visit + 1 < self.visits:
            plan = self.design.file.missed_visits
            logit = special.logit(self.skip) + plan.log_odds_per_point * (self.previous - plan.at_pain)
            self.missed[:, visit] = (self.left > visit) & (events[7] < special.expit(logit))

    def _stop(
        self, who: NDArray[np.bool_], visit: int, reason: Reason, chance: Array, on_day: Array, now: float
    ) -> None:
        """End treatment; those not followed further miss this visit and all later ones."""
        followed = chance < self.design.file.dropout.followed
        new = who & self.taking.on
        self.reason[new], self.stopped[new] = reason, visit
        self.taking.end(new, on_day, now)
        away = new & ~followed
        self.left[away] = np.minimum(self.left[away], visit)

    def _blood(self, visit: int, day: float, events: Array) -> None:
        """Record blood counts; the rule for platelets decides on the next doses."""
        here = (self.left > visit) & ~self.missed[:, visit]
        for name in self.counts:
            true = self.taking.courses(name, np.array([day]))[1][:, 0]
            recorded = record_marker(name, {name: true}, self._stream(f"{name}/{visit}"))
            self.counts[name][:, visit] = np.where(here, recorded, np.nan)
        hold, end = HOLDS[self.design.file.dose_holds]
        low = np.where(here, self.counts["platelets"][:, visit], np.inf)
        unseen = (self.left > visit) & self.missed[:, visit]  # nobody decides then
        self.held[:, visit] = self.taking.on & np.where(unseen, ~self.taking.receiving, low < hold)
        self.taking.hold(self.held[:, visit], day)
        if visit + 1 < self.visits:
            now = np.full(self.n, day)
            self._stop((low < end) & self.taking.on, visit + 1, Reason.PLATELETS, events[5], now, day)

    def _rescue(self, visit: int, weekly: Array, events: Array) -> None:
        plan = self.design.file.rescue
        if plan is not None:
            new = (
                (self.left > visit)
                & ~self.missed[:, visit]
                & (weekly >= plan.pain_at_least)
                & (events[6] < plan.uptake)
            )
            self.rescued[new] = np.minimum(self.rescued[new], visit + 1)

    def data(self) -> TrialData:
        """Return the trial as it ended."""
        away = np.arange(self.visits) >= self.left[:, None]
        gone = away | self.missed
        complete, ideal = {**self.complete, **self.markers.complete}, {**self.ideal, **self.markers.ideal}
        observed = {name: np.where(gone, np.nan, value) for name, value in complete.items()}
        events = self.events & (np.arange(self.visits) <= self.left[:, None])
        return TrialData(
            self.enrolled, {**self.baseline, **self.enrolled.at_entry}, observed, complete, ideal, self.stopped,
            self.left, self.rescued, self.missed, self.reason, self.taking.day_stopped, self.held, self.counts, events,
        )  # fmt: skip


def _moment(before: float, day: float, hazard: Array, chance: Array) -> Array:
    """Return when an event came that came by ``day``: the chance that decided on it, read as a time."""
    with np.errstate(all="ignore"):
        share = np.where(hazard > 0, -np.log1p(-chance) / hazard, 1.0)
    return np.asarray(before + (day - before) * np.clip(np.where(np.isnan(share), 0.0, share), 0.0, 1.0))
