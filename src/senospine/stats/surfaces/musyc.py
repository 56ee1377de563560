"""MuSyC: two drugs bind or not, four states; synergy of efficacy apart from synergy of potency.

Meyer 2019 (doi 10.1016/j.cels.2019.01.003), Wooten 2021 (doi 10.1038/s41467-021-24789-z). A cell is free, bound by one,
by the other, or by both, with effects e0, e1, e2, e3. ``alpha12`` is how much more potent drug 1 makes drug 2,
``alpha21`` the other way round; ``gamma12``, ``gamma21`` how much steeper. Detailed balance holds for every dose only
if both gammas are 1 and alpha12^h2 = alpha21^h1, which leaves one alpha; that is the form fitted by default. Out of
balance the effect hangs also on how fast the drugs bind: both are taken to leave at one rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError
from senospine.stats.surfaces.profile import Interval, profile_interval

Array = NDArray[np.float64]

BALANCED = ("e0", "e1", "e2", "beta", "log_c1", "log_c2", "log_h1", "log_h2", "log_alpha")
FULL = (*BALANCED[:-1], "log_alpha12", "log_alpha21", "log_gamma12", "log_gamma21")


@dataclass(frozen=True)
class MuSyC:
    """A surface of two drugs.

    Examples
    --------
    >>> independent = MuSyC(e0=1, e1=0, e2=0, e3=0, c1=1, c2=1, h1=1, h2=1)
    >>> float(independent.effect(1.0, 3.0))  # half times a quarter survive: Bliss
    0.125
    """

    e0: float
    e1: float
    e2: float
    e3: float
    c1: float
    c2: float
    h1: float
    h2: float
    alpha12: float = 1.0
    alpha21: float = 1.0
    gamma12: float = 1.0
    gamma21: float = 1.0

    @classmethod
    def balanced(cls, *, alpha: float, h1: float, h2: float, **others: float) -> MuSyC:
        """Return a surface in detailed balance; ``alpha`` is alpha12^h2 = alpha21^h1."""
        return cls(h1=h1, h2=h2, alpha12=alpha ** (1 / h2), alpha21=alpha ** (1 / h1), **others)

    @property
    def beta(self) -> float:
        """Efficacy of both over that of the stronger drug alone, as a share of the latter; 0 is neither."""
        strongest = self.e1 if abs(self.e1 - self.e0) >= abs(self.e2 - self.e0) else self.e2
        return (strongest - self.e3) / (self.e0 - strongest)

    def effect(self, dose1: ArrayLike, dose2: ArrayLike) -> Array:
        """Return the effect of doses, which broadcast."""
        states = self.shares(dose1, dose2)
        return np.asarray(sum(e * share for e, share in zip((self.e0, self.e1, self.e2, self.e3), states, strict=True)))

    def shares(self, dose1: ArrayLike, dose2: ArrayLike) -> tuple[Array, Array, Array, Array]:
        """Return the shares free, bound by 1, by 2 and by both, in the steady state.

        Each state's weight is the sum over the four trees that lead to it round the square of states.
        """
        d1, d2 = np.asarray(dose1, dtype=float), np.asarray(dose2, dtype=float)
        one, two = (d1 / self.c1) ** self.h1, (d2 / self.c2) ** self.h2
        two_after = (self.alpha12 * d2 / self.c2) ** (self.gamma12 * self.h2)
        one_after = (self.alpha21 * d1 / self.c1) ** (self.gamma21 * self.h1)
        weights = (
            2 + one_after + two_after,
            one * (2 + one_after) + two * one_after,
            two * (2 + two_after) + one * two_after,
            one * two_after * (1 + one_after) + two * one_after * (1 + two_after),
        )
        total = weights[0] + weights[1] + weights[2] + weights[3]
        return tuple(np.asarray(weight / total) for weight in weights)  # type: ignore[return-value]


@dataclass(frozen=True)
class MuSyCFit:
    """A fitted surface.

    Attributes
    ----------
    surface : MuSyC
    intervals : mapping of name to Interval
        Of ``beta`` and the log alphas (and log gammas), by profile likelihood: decimal logarithms.
    deviance : float
        Weighted sum of squares.
    freedom : int
        Of the spread, for Student's quantile.
    at_bound : tuple of str
        Parameters that ended at the end of their range: the data do not tell them.
    """

    surface: MuSyC
    intervals: Mapping[str, Interval]
    deviance: float
    freedom: int
    at_bound: tuple[str, ...]


def fit_musyc(
    dose1: ArrayLike, dose2: ArrayLike, effect: ArrayLike, standard_error: ArrayLike, *, freedom: int,
    form: str = "balanced", level: float = 0.95, intervals: bool = True,
) -> MuSyCFit:  # fmt: skip
    """Return MuSyC fitted by bounded weighted least squares, from several starts.

    Parameters
    ----------
    dose1, dose2, effect, standard_error : array_like, shape (n,)
        One row a combination of doses, single drugs and control among them.
    freedom : int
        Degrees of freedom of the standard errors: animals less groups.
    form : {'balanced', 'full'}
        With one alpha, or with both alphas and gammas.
    level : float
        Of the intervals.

    Raises
    ------
    AnalysisError
        Fewer rows than parameters, no dose of a drug alone, or an unknown form.

    Notes
    -----
    Cost: about 0.2 s for 25 combinations with intervals.
    """
    names = {"balanced": BALANCED, "full": FULL}.get(form)
    if names is None:
        raise AnalysisError(f"no form '{form}'", remedy="known: balanced, full")
    x1, x2, y = (np.asarray(item, dtype=float) for item in (dose1, dose2, effect))
    se = np.broadcast_to(np.asarray(standard_error, dtype=float), y.shape)
    if len(y) <= len(names) or not (np.isfinite(y).all() and (se > 0).all()):
        raise AnalysisError(
            f"{len(y)} usable combinations for {len(names)} parameters", remedy="give more doses, with their spread"
        )
    alone = [(x1 > 0) & (x2 == 0), (x2 > 0) & (x1 == 0)]
    if min(int(mask.sum()) for mask in alone) < 2 or not ((x1 == 0) & (x2 == 0)).any():
        raise AnalysisError("MuSyC needs the control and two doses or more of each drug alone")
    problem = _Problem(names, x1, x2, y, se)
    best = problem.fit()
    surface = problem.surface(best)
    told: dict[str, Interval] = {}
    if intervals:
        for index, name in enumerate(names):
            if name.startswith(("beta", "log_alpha", "log_gamma")):
                unit = 1.0 if name == "beta" else 1 / np.log(10)
                told[name.replace("log_", "log10_")] = profile_interval(problem, best, index, freedom, level, unit)
    at_bound = tuple(
        name
        for name, value, low, high in zip(names, best, problem.low, problem.high, strict=True)
        if min(value - low, high - value) < 1e-3 * (high - low)
    )
    return MuSyCFit(surface, told, problem.deviance(best), freedom, at_bound)


class _Problem:
    """Least squares over the free parameters; doses in units of their middle."""

    def __init__(self, names: tuple[str, ...], x1: Array, x2: Array, y: Array, se: Array) -> None:
        self.names, self.y, self.se = names, y, se
        self.scales = [float(np.median(x[x > 0])) for x in (x1, x2)]
        self.x = [x / scale for x, scale in zip((x1, x2), self.scales, strict=True)]
        room = max(float(np.ptp(y)), 1e-9)
        wide: dict[str, Any] = {
            "e0": (y.min() - room, y.max() + room), "beta": (-3.0, 3.0), "log_c": (-5.0, 5.0),
            "log_h": (np.log(0.2), np.log(8.0)), "log_a": (-9.0, 9.0), "log_g": (np.log(0.1), np.log(10.0)),
        }  # fmt: skip
        wide |= {"e1": wide["e0"], "e2": wide["e0"]}
        ends = [wide[name if name in wide else name[:5]] for name in names]
        self.low, self.high = np.array(ends).T
        control = float(y[(x1 == 0) & (x2 == 0)].mean())
        tops = [float(y[(x == x.max()) & (other == 0)].mean()) for x, other in ((x1, x2), (x2, x1))]
        self._start = np.array([control, *tops, *[0.0] * (len(names) - 3)])
        self._room = room

    def surface(self, p: Array, scaled: bool = True) -> MuSyC:
        """Return the surface of parameters; ``scaled`` in the doses that were given."""
        v = dict(zip(self.names, p, strict=True))
        e0, e1, e2 = v["e0"], v["e1"], v["e2"]
        strongest = e1 if abs(e1 - e0) >= abs(e2 - e0) else e2
        units = self.scales if scaled else [1.0, 1.0]
        common = {
            "e0": e0, "e1": e1, "e2": e2, "e3": strongest - v["beta"] * (e0 - strongest),
            "c1": np.exp(v["log_c1"]) * units[0], "c2": np.exp(v["log_c2"]) * units[1],
            "h1": np.exp(v["log_h1"]), "h2": np.exp(v["log_h2"]),
        }  # fmt: skip
        plain = {name: float(value) for name, value in common.items()}
        if "log_alpha" in v:
            return MuSyC.balanced(alpha=float(np.exp(v["log_alpha"])), **plain)
        more = {name[4:]: float(np.exp(v[name])) for name in self.names[-4:]}
        return MuSyC(**plain, **more)

    def off(self, p: Array) -> Array:
        """Return the residuals in standard errors."""
        return np.asarray((self.surface(p, scaled=False).effect(*self.x) - self.y) / self.se)

    def deviance(self, p: Array) -> float:
        """Return their sum of squares."""
        return float((self.off(p) ** 2).sum())

    def fit(self, start: Array | None = None, held: int | None = None, at: float = 0.0) -> Array:
        """Return the best parameters, from several starts unless one is given; one parameter may be held."""
        from scipy.optimize import least_squares

        free = np.arange(len(self.names)) != (-1 if held is None else held)

        def whole(part: Array) -> Array:
            p = np.empty(len(self.names))
            p[free] = part
            if held is not None:
                p[held] = at
            return p

        starts = [start] if start is not None else self._starts()
        edge, found = 1e-6 * (self.high - self.low), []
        for begin in starts:
            r = least_squares(
                lambda part: self.off(whole(part)), np.clip(begin, self.low + edge, self.high - edge)[free],
                bounds=(self.low[free], self.high[free]), x_scale="jac", xtol=1e-7, ftol=1e-8, max_nfev=200,
            )  # fmt: skip
            found.append(r)
            if 2 * r.cost < 0.01 * len(self.y):  # far inside the errors: no other start can do better that counts
                break
        return whole(min(found, key=lambda r: r.cost).x)

    def _starts(self) -> list[Array]:
        starts = []
        for potency in (-1.0, 0.0, 1.0):
            p = self._start.copy()
            p[4:6] = potency
            for index in (1, 2):  # the largest dose need not be the largest effect
                p[index] += 0.1 * np.sign(p[index] - p[0]) * self._room
            starts.append(p)
        return starts
