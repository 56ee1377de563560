"""What each patient of a trial takes from visit to visit, and what that makes of pain, blood and gut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.design import Design
from senospine.trial.enrol import Enrolled

Array = NDArray[np.float64]
Who = NDArray[np.bool_]


class Taking:
    """Treatment of the patients of one trial, and the effect and context that come of it.

    A patient's course is a sum of the bank's courses, ``weights`` of them: of the treated until doses stop on day *a*,
    of those who stopped on *a* from then on. A pause from *a* to *b* takes away what the doses between did in those
    who had them: course stopped on *a*, plus treated, minus stopped on *b*. Until *b* that is exact; afterwards it is
    a superposition, and the loss lasts longer than it would, since later doses find more to kill. Missed doses scale
    the distance to the untreated course.

    Under a therapy of which the bank holds nobody who stops, effects fade and come back with the design's
    ``offset_days`` instead; context always does once treatment has ended.

    Attributes
    ----------
    on, receiving : ndarray of bool, shape (n,)
        Treatment not ended; and not held either.
    day_stopped : ndarray, shape (n,)
        Day on which treatment ended, NaN for never.
    effect, context : ndarray, shape (n,)
        Share of the course's effect, and of the contextual response.
    """

    def __init__(self, design: Design, bank: PatientBank, enrolled: Enrolled, adherence: Array) -> None:
        done = np.array(design.done_once)[enrolled.arm]  # a nerve that is cut stays cut in those who leave
        self.bank, self.offset, self.adherence = bank, design.file.offset_days, np.where(done, 1.0, adherence)
        self.rows, n = enrolled.row, len(enrolled.row)
        self.on, self.receiving = np.ones(n, bool), np.ones(n, bool)
        self.day_stopped = np.full(n, np.nan)
        self.effect, self.context = self.adherence.copy(), np.ones(n)
        self.arms = {
            therapy: np.flatnonzero(np.array(design.therapies)[enrolled.arm] == therapy)
            for therapy in dict.fromkeys(design.therapies) if therapy != UNTREATED
        }  # fmt: skip
        self.weights = {therapy: bank.stops[therapy].weights(np.full(len(who), np.inf))
                        for therapy, who in self.arms.items() if therapy in bank.stops}  # fmt: skip
        self.lasting = done  # those whose effect does not fade by itself; also those whose courses know of stopping
        for therapy in self.weights:
            self.lasting[self.arms[therapy]] = True

    def advance(self, span: float) -> None:
        """Let so many days pass."""
        kept = 0.5 ** (span / self.offset)
        wanted = self.adherence * (self.receiving | self.lasting)
        self.effect = wanted + (self.effect - wanted) * kept
        self.context = self.on + (self.context - self.on) * kept

    def end(self, who: Who, on_day: Array, now: float) -> None:
        """End treatment for good on days up to now, each patient's own."""
        new = who & self.on
        kept = 0.5 ** ((now - on_day) / self.offset)
        self.context = np.where(new, self.context * kept, self.context)
        self.effect = np.where(new & self.receiving & ~self.lasting, self.effect * kept, self.effect)
        self._switch(new & self.receiving, on_day, -1.0)
        self.day_stopped = np.where(new, on_day, self.day_stopped)
        self.on, self.receiving = self.on & ~who, self.receiving & ~who

    def hold(self, held: Who, day: float) -> None:
        """Hold the doses of these from a day on, and of no others."""
        wanted = self.on & ~held
        for who, sign in ((self.receiving & ~wanted, -1.0), (~self.receiving & wanted, 1.0)):
            self._switch(who, np.full(len(who), day), sign)
        self.receiving = wanted

    def _switch(self, who: Who, day: Array, sign: float) -> None:
        """Doses end (-1) or go on again (+1): the treated course in exchange for that of who stops on the day."""
        for therapy, weights in self.weights.items():
            mine = np.flatnonzero(who[self.arms[therapy]])
            if len(mine):
                weights[mine, -1] += sign
                weights[mine] -= sign * self.bank.stops[therapy].weights(day[self.arms[therapy][mine]])

    def courses(self, output: str, days: Array) -> tuple[Array, Array, Array]:
        """Return values on the bank's days at or before ``days``, each of shape (n, n_days).

        They are the untreated, as treatment was taken, and as if it had gone on.
        """
        untreated, course, treated = self.apart(output, days)
        taken = untreated + self.effect[:, None] * (course - untreated)
        return untreated, taken, untreated + self.adherence[:, None] * (treated - untreated)

    def apart(self, output: str, days: Array) -> tuple[Array, Array, Array]:
        """Return the bank's values as :meth:`courses`, had every dose been taken."""
        bank = self.bank
        at = np.searchsorted(bank.days, days, side="right") - 1
        untreated = bank.course(UNTREATED)[output][self.rows[:, None], at].astype(float)
        course, treated = untreated.copy(), untreated.copy()
        for therapy, who in self.arms.items():
            rows = self.rows[who]
            course[who] = treated[who] = bank.course(therapy)[output][rows[:, None], at]
            if therapy in self.weights:
                course[who] = bank.stops[therapy].mixed(
                    output, self.weights[therapy], untreated[who], treated[who], rows=rows, at=at, days=len(bank.days)
                )
        return untreated, course, treated
