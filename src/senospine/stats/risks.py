"""Responders in two groups: risk difference and odds ratio with their intervals, in one or many strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.intervals import wilson_interval

Array = NDArray[np.float64]
METHODS = ("miettinen-nurminen", "newcombe", "wald")


@dataclass(frozen=True)
class Effect:
    """An estimate with its interval and a two-sided p value.

    Attributes
    ----------
    name : str
    estimate, lower, upper, p, level : float
        The interval holds the truth with probability ``level``.
    method : str
    """

    name: str
    estimate: float
    lower: float
    upper: float
    p: float
    level: float
    method: str

    def __str__(self) -> str:
        p = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.4f}"
        interval = f"{self.level:.0%} interval {self.lower:.3f} to {self.upper:.3f}"
        return f"{self.name} {self.estimate:.3f} ({interval}; {p}; {self.method})"


def risk_difference(
    responders: ArrayLike, treated: ArrayLike, control_responders: ArrayLike, controls: ArrayLike,
    *, method: str = "miettinen-nurminen", level: float = 0.95,
) -> Effect:  # fmt: skip
    """Return the difference of two proportions of responders, treated minus control.

    Parameters
    ----------
    responders, treated, control_responders, controls : array_like, shape () or (n_strata,)
        Counts. Strata are combined with Mantel-Haenszel weights, n1 n0 / (n1 + n0).
    method : str
        "miettinen-nurminen" inverts the score test (1985, doi 10.1002/sim.4780040211); "newcombe" joins two Wilson
        intervals, for one stratum (1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I); "wald".
    level : float

    Raises
    ------
    AnalysisError
        Impossible counts, an unknown method, or strata with a method that has none.

    Examples
    --------
    >>> print(risk_difference(56, 70, 48, 80, method="newcombe"))
    risk difference 0.200 (95% interval 0.052 to 0.334; p = 0.0080; newcombe)
    """
    x1, n1, x0, n0 = _counts(responders, treated, control_responders, controls, level)
    if method not in METHODS:
        raise AnalysisError(f"no method {method!r}", remedy=suggest(method, METHODS))
    z = _quantile(level)
    weight = n1 * n0 / (n1 + n0)
    weight = weight / weight.sum()
    estimate = float(weight @ (x1 / n1 - x0 / n0))
    score = _score(estimate, 0.0, x1, n1, x0, n0, weight)
    if method == "newcombe":
        if len(n1) > 1:
            raise AnalysisError("Newcombe's interval has no strata", remedy="use miettinen-nurminen")
        (low1, high1), (low0, high0) = wilson_interval(x1, n1, level), wilson_interval(x0, n0, level)
        p1, p0 = x1 / n1, x0 / n0
        lower = estimate - float(np.hypot(p1 - low1, high0 - p0)[0])
        upper = estimate + float(np.hypot(high1 - p1, p0 - low0)[0])
        score = _score(estimate, 0.0, x1, n1, x0, n0, weight, plain=True)
    elif method == "wald":
        spread = float(np.sqrt(weight**2 @ (x1 * (n1 - x1) / n1**3 + x0 * (n0 - x0) / n0**3)))
        lower, upper = estimate - z * spread, estimate + z * spread
        score = estimate / spread if spread > 0 else np.nan
    else:
        lower, upper = (_invert(sign, estimate, z, x1, n1, x0, n0, weight) for sign in (-1, 1))
    return Effect("risk difference", estimate, max(lower, -1.0), min(upper, 1.0), _two_sided(score), level, method)


def odds_ratio(
    responders: ArrayLike, treated: ArrayLike, control_responders: ArrayLike, controls: ArrayLike,
    *, level: float = 0.95,
) -> Effect:  # fmt: skip
    """Return the odds ratio of responding, treated over control; strata by Mantel and Haenszel.

    One stratum has Woolf's interval; strata have that of Robins, Breslow and Greenland (1986, doi 10.2307/2531052),
    which is the same for one. The p value is that of the interval's own (Wald) test.

    Raises
    ------
    AnalysisError
        Impossible counts, or an odds ratio of zero or infinity.

    Examples
    --------
    >>> print(odds_ratio(56, 70, 48, 80))
    odds ratio 2.667 (95% interval 1.276 to 5.572; p = 0.0091; mantel-haenszel)
    """
    x1, n1, x0, n0 = _counts(responders, treated, control_responders, controls, level)
    total = n1 + n0
    agree, differ = x1 * (n0 - x0) / total, x0 * (n1 - x1) / total
    r, s = float(agree.sum()), float(differ.sum())
    if r == 0 or s == 0:
        raise AnalysisError(
            "the odds ratio is zero or infinite",
            why="a group has no responder, or none but responders",
            remedy="report the risk difference",
        )
    p, q = (x1 + n0 - x0) / total, (x0 + n1 - x1) / total
    variance = (p @ agree) / (2 * r**2) + (p @ differ + q @ agree) / (2 * r * s) + (q @ differ) / (2 * s**2)
    log, spread = float(np.log(r / s)), float(np.sqrt(variance))
    z = _quantile(level)
    lower, upper = np.exp([log - z * spread, log + z * spread])
    return Effect("odds ratio", r / s, lower, upper, _two_sided(log / spread), level, "mantel-haenszel")


def _counts(
    responders: ArrayLike, treated: ArrayLike, control_responders: ArrayLike, controls: ArrayLike, level: float
) -> tuple[Array, Array, Array, Array]:
    given = [np.atleast_1d(np.asarray(item, float)) for item in (responders, treated, control_responders, controls)]
    x1, n1, x0, n0 = np.broadcast_arrays(*given)
    for x, n in ((x1, n1), (x0, n0)):
        if not ((n > 0) & (x >= 0) & (x <= n)).all():
            raise AnalysisError("need 0 <= responders <= patients and at least one patient in each group and stratum")
    if not 0 < level < 1:
        raise AnalysisError(f"level must lie between 0 and 1, got {level}")
    return x1, n1, x0, n0


def _restricted(delta: float, x1: Array, n1: Array, x0: Array, n0: Array) -> tuple[Array, Array]:
    """Return the proportions of largest likelihood that differ by delta (the cubic of Miettinen and Nurminen)."""
    total = n1 + n0
    a = (n1 + 2 * n0) * delta - total - (x1 + x0)
    b = (n0 * delta - total - 2 * x0) * delta + x1 + x0
    c = x0 * delta * (1 - delta)
    v = a**3 / (3 * total) ** 3 - a * b / (6 * total**2) + c / (2 * total)
    u = np.where(v >= 0, 1.0, -1.0) * np.sqrt(np.maximum(a**2 / (3 * total) ** 2 - b / (3 * total), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.where(u == 0, 0.0, np.clip(v / u**3, -1.0, 1.0))
    p0 = np.clip(2 * u * np.cos((np.pi + np.arccos(turn)) / 3) - a / (3 * total), 0.0, 1.0)
    return np.clip(p0 + delta, 0.0, 1.0), p0


def _score(
    estimate: float, delta: float, x1: Array, n1: Array, x0: Array, n0: Array, weight: Array, *, plain: bool = False
) -> float:
    p1, p0 = _restricted(delta, x1, n1, x0, n0)
    factor = 1.0 if plain else (n1 + n0) / (n1 + n0 - 1)
    variance = float(weight**2 @ ((p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * factor))
    if variance <= 0:
        return 0.0 if estimate == delta else float(np.inf * np.sign(estimate - delta))
    return float((estimate - delta) / np.sqrt(variance))


def _invert(sign: int, estimate: float, z: float, x1: Array, n1: Array, x0: Array, n0: Array, weight: Array) -> float:
    from scipy.optimize import brentq

    def excess(delta: float) -> float:
        return abs(_score(estimate, delta, x1, n1, x0, n0, weight)) - z

    end = sign * (1 - 1e-12)
    if abs(estimate - end) < 1e-9 or excess(end) <= 0:
        return float(sign)
    return float(brentq(excess, estimate, end, xtol=1e-12))


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
