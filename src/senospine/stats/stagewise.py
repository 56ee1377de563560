"""What a group-sequential trial estimates: median-unbiased, with intervals and p values that know when it stopped.

Outcomes are ordered by stage (Tsiatis, Rosner and Mehta 1984, doi 10.2307/2530924; Jennison and Turnbull 1999, chapter
8, doi 10.1201/9780367805326): a success at an earlier look lies above everything later, a stop below at an earlier look
lies under it, and within a look Z decides. Under an effect delta, an outcome at least as high as the one seen has the
probability

    p(delta) = sum over earlier looks of P(success at j) + P(no stop before k, Z_k at least as high as seen),

which rises with delta. It is one half at the median-unbiased estimate and alpha / 2 and 1 - alpha / 2 at the ends of
the interval. Only looks up to the stop are needed, so those never taken need not have been planned. Given the
information the theory is exact for normal estimates. Where their variance is estimated, the last look's own t
distribution is used and earlier looks are taken as normal: without an interim look that is the t interval, else an
approximation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import elementwise

from senospine.errors import AnalysisError
from senospine.stats.sequential import Boundaries

Array = NDArray[np.float64]
REACH = 8.0  # standard deviations
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True)
class ManyStopped:
    """Estimates after stopping, in each of many trials.

    Attributes
    ----------
    estimate, lower, upper, p : ndarray, shape (n_trials,)
        Median-unbiased estimate, interval and two-sided p of no effect; NaN where a trial cannot be estimated.
    p_higher : ndarray, shape (n_trials,)
        One-sided p of no effect against a positive one.
    """

    estimate: Array
    lower: Array
    upper: Array
    p: Array
    p_higher: Array


@dataclass(frozen=True)
class Stopped:
    """What one group-sequential trial estimates.

    Attributes
    ----------
    look : int
    estimate, lower, upper : float
        Median-unbiased, with its interval by stage-wise ordering.
    p : float
        As sided as the boundaries.
    naive, naive_lower, naive_upper : float
        As if nobody had looked before.
    level : float
    boundaries : Boundaries
    futility : str
        How it entered, in words.
    """

    look: int
    estimate: float
    lower: float
    upper: float
    p: float
    naive: float
    naive_lower: float
    naive_upper: float
    level: float
    boundaries: Boundaries
    futility: str

    def summary(self) -> str:
        """Return the result as text that can go into a report."""
        level, sides = f"{100 * self.level:g}%", {1: "one-sided", 2: "two-sided"}[self.boundaries.sided]
        facts = {
            "boundaries": f"{self.boundaries.name}, {sides}, {len(self.boundaries.critical)} looks",
            "futility": self.futility,
            "stopped at look": f"{self.look}",
            "median-unbiased": f"{self.estimate:.4f} ({level} interval {self.lower:.4f} to {self.upper:.4f})",
            "p, stage-wise": f"{self.p:.4f}",
            "not adjusted": f"{self.naive:.4f} ({level} interval {self.naive_lower:.4f} to {self.naive_upper:.4f})",
        }
        width = max(len(name) for name in facts)
        return "\n".join(
            ["Estimate after a group-sequential trial", *(f"{k:>{width}} = {v}" for k, v in facts.items())]
        )

    def __str__(self) -> str:
        return self.summary()


def after_stopping(
    boundaries: Boundaries,
    look: int,
    estimate: float,
    se: float,
    *,
    information: ArrayLike | None = None,
    futility: ArrayLike | None = None,
    binding: bool = False,
    df: float = np.inf,
    level: float = 0.95,
) -> Stopped:
    """Return the median-unbiased estimate of a trial that stopped at a look, with interval and p value.

    Parameters
    ----------
    boundaries : Boundaries
        Success; two-sided ones also stop for harm, where Z is at most minus the critical value.
    look : int
        Counted from 1.
    estimate, se : float
        At that look, a benefit positive.
    information : array_like, shape (at least look,), optional
        At the looks so far, in any unit (for instance 1 / se squared); the boundaries' own by default.
    futility : array_like, shape (n_looks - 1,) or float, optional
        The trial stops where Z is below it.
    binding : bool
        Whether it always stopped there. Then the estimate takes credit for it; otherwise estimate, interval and p are
        as if there were no such bound, which keeps them in line with a test that ignores it and understates a benefit
        where it was obeyed.
    df : float
        Degrees of freedom at that look.
    level : float

    Raises
    ------
    AnalysisError
        No such look, an impossible standard error or level, information that does not rise.

    Examples
    --------
    >>> from senospine.stats.sequential import spending_boundaries
    >>> found = after_stopping(spending_boundaries([0.5, 1.0]), 1, 3.2, 1.0)
    >>> round(found.estimate, 2), round(found.p, 4)
    (3.2, 0.0014)
    """
    looks = len(boundaries.critical)
    if not 1 <= look <= looks:
        raise AnalysisError(f"there is no look {look}", remedy=f"looks are 1 to {looks}")
    floor = -boundaries.critical if boundaries.sided == 2 else np.full(looks, -np.inf)
    words = "none"
    if futility is not None:
        words = "binding" if binding else "not binding: left out"
        bound = np.append(np.broadcast_to(np.asarray(futility, float), looks - 1), -np.inf)
        floor = np.maximum(floor, bound) if binding else floor
    found = after_stopping_many(
        [estimate], [se], [look], boundaries.information if information is None else information,
        boundaries.critical, floor, df=df, level=level,
    )  # fmt: skip
    half = float(special.stdtrit(df, 0.5 + level / 2)) * se
    return Stopped(
        look, float(found.estimate[0]), float(found.lower[0]), float(found.upper[0]),
        float((found.p if boundaries.sided == 2 else found.p_higher)[0]), estimate, estimate - half, estimate + half,
        level, boundaries, words,
    )  # fmt: skip


def after_stopping_many(
    estimate: ArrayLike,
    se: ArrayLike,
    look: ArrayLike,
    information: ArrayLike,
    critical: ArrayLike,
    floor: ArrayLike,
    *,
    df: ArrayLike = np.inf,
    level: float = 0.95,
) -> ManyStopped:
    """Return what :func:`after_stopping` does, in each of many trials.

    Parameters
    ----------
    estimate, se, df : array_like, shape (n_trials,)
        At the look where each stopped, a benefit positive.
    look : array_like of int, shape (n_trials,)
        Counted from 1.
    information : array_like, shape (n_looks,) or (n_trials, n_looks)
        In any unit; what comes after a trial's stop is not looked at.
    critical, floor : array_like, shape (n_looks,)
        A trial goes on while ``floor < Z < critical``; minus infinity where nothing stops it from below.
    level : float

    Raises
    ------
    AnalysisError
        Other shapes, an impossible standard error or level, information that does not rise.

    Notes
    -----
    Cost: nothing at the first look; a sum over 48 nodes at the second and products of 48 by 48 matrices at each later
    one, for some thirty evaluations a trial.
    """
    value, error = np.asarray(estimate, float), np.asarray(se, float)
    place, degrees = np.asarray(look, int), np.broadcast_to(np.asarray(df, float), value.shape)
    bars, floors = np.asarray(critical, float), np.asarray(floor, float)
    given = np.asarray(information, float)
    if given.ndim == 1:
        given = np.broadcast_to(given, (len(value), len(given)))
    if not 0 < level < 1:
        raise AnalysisError(f"level must lie between 0 and 1, got {level}")
    good = np.isfinite(value) & np.isfinite(error)
    if (error[good] <= 0).any() or bars.shape != floors.shape or bars.ndim != 1 or given.shape[0] != len(value):
        raise AnalysisError(
            "estimates, standard errors, information and boundaries do not belong together",
            remedy="give a positive standard error and a row of information for each trial, two bounds for each look",
        )
    out = np.full((5, len(value)), np.nan)
    targets = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
    for number in np.unique(place[good]):
        mine = np.flatnonzero(good & (place == number))
        if not 1 <= number <= min(len(bars), given.shape[1]):
            raise AnalysisError(f"there is no look {number}", remedy=f"looks are 1 to {len(bars)}")
        times = given[mine, :number] / given[mine, number - 1 : number]
        if not (np.diff(times, axis=1, prepend=0.0) > 0).all():
            raise AnalysisError("information must rise from look to look")
        process = _Ordering(times, bars, floors, value[mine] / error[mine], degrees[mine])
        out[:3, mine] = error[mine] * np.stack([process.effect(target) for target in targets])
        out[3, mine] = process.higher(np.zeros(len(mine)), np.arange(len(mine)))
    out[4] = 2 * np.minimum(out[3], 1 - out[3])
    return ManyStopped(out[0], out[1], out[2], out[4], out[3])


@dataclass(frozen=True)
class _Ordering:
    """Trials that stopped at one look: how probable an outcome at least as high is, for any drift.

    ``drift`` is the expected Z at the look of the stop; times are shares of its information, (n_trials, look).
    """

    times: Array
    critical: Array
    floor: Array
    z: Array
    df: Array

    def effect(self, target: float) -> Array:
        """Return the drift at which the probability is ``target``."""
        naive = self.z - special.stdtrit(self.df, 1 - target)
        if self.times.shape[1] == 1:
            return np.asarray(naive)
        aim = special.ndtri(target)

        def gap(drift: Array, index: NDArray[np.int64]) -> Array:
            return np.asarray(np.clip(special.ndtri(self.higher(drift, index)), -37, 37) - aim)

        index = np.arange(len(self.z))
        ends = elementwise.bracket_root(gap, naive - 0.5, naive + 0.5, args=(index,)).bracket
        found = elementwise.find_root(gap, ends, args=(index,), tolerances={"xatol": 1e-8, "fatol": 1e-8})
        return np.where(found.success, found.x, np.nan)

    def higher(self, drift: Array, index: NDArray[np.int64]) -> Array:
        """Return the probability of an outcome at least as high as that of trials ``index`` under ``drift``."""
        times, last = self.times[index], self.times.shape[1] - 1
        # in terms of what is left when the drift is taken away: a process without drift between bounds that sink
        seen = -special.ndtri(special.stdtr(self.df[index], drift - self.z[index]))
        seen = np.clip(seen, -37, 37)
        total, before = np.zeros(len(index)), np.zeros(len(index))
        nodes, mass = np.zeros((len(index), 1)), np.ones((len(index), 1))
        for look in range(last):
            time = times[:, look]
            root, step = np.sqrt(time), np.sqrt(time - before)
            high, low = (bound * root - drift * time for bound in (self.critical[look], self.floor[look]))
            total += (mass * special.ndtr((nodes - high[:, None]) / step[:, None])).sum(axis=1)
            high, low = np.clip(high, -REACH * root, REACH * root), np.clip(low, -REACH * root, REACH * root)
            half = np.maximum(high - low, 0.0) / 2
            place = low[:, None] + half[:, None] * (NODES + 1)
            apart = (place[:, :, None] - nodes[:, None, :]) / step[:, None, None]
            density = np.einsum("iab,ib->ia", np.exp(-0.5 * apart**2), mass) / (step * np.sqrt(2 * np.pi))[:, None]
            nodes, mass, before = place, half[:, None] * WEIGHTS * density, time
        step = np.sqrt(times[:, last] - before)
        return np.asarray(total + (mass * special.ndtr((nodes - seen[:, None]) / step[:, None])).sum(axis=1))
