"""What follows from a drug's kinetics: half-lives, the peak of a dose, the steady state; each with its interval over the priors.

All are of a body of reference weight. Peak and half-lives leave saturable elimination out or take it at low concentration,
and say which; the average at steady state holds it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from senospine.randomness import stream
from senospine.therapy.rows import Row
from senospine.therapy.schema import Drug
from senospine.therapy.terms import KINETICS

Array = NDArray[np.float64]
Numbers = Mapping[str, Array]

DRAWS = 2000
_SEED = 20240913
_EDGE = 1.6448536269514722  # of a standard normal: low and high of a prior hold its central 90 %
_DAY_HOURS = 24.0
_LONG_HOURS = 96.0
_APART = 1e-5  # two equal rates have no partial fractions: so far apart nobody sees them


@dataclass(frozen=True)
class Derived:
    """A number that follows from others.

    Attributes
    ----------
    value : float
        From the values of the file.
    low, high : float
        Central 90 % over the priors of the file.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str


class _Route(NamedTuple):
    name: str
    uptake: tuple[str, ...]  # rates of the stages before the blood, in the order of passage


def derived_numbers(drug: Drug, species: str, dose: float = 100.0, every: float = 1.0) -> tuple[Derived, ...]:
    """Return what follows from a drug's kinetics in a species; nothing where the file has none.

    Parameters
    ----------
    dose, every : float
        Dose [mg] whose peak is told, and interval [day] between doses whose steady state is.

    Examples
    --------
    >>> from senospine.therapy import load_drug
    >>> [f"{item.value:.1f} {item.unit}" for item in derived_numbers(load_drug("navitoclax"), "human")[:1]]
    ['15.6 h']
    """
    rows = drug.kinetics.get(species, {})
    if not rows:
        return ()
    whole = {name: rows.get(name) or term.default() for name, term in KINETICS.items()}
    numbers = {name: drawn * whole[name].factor(KINETICS[name].unit) for name, drawn in _all_drawn(whole).items()}
    told = (
        _told(name, unit, meaning, formula(numbers)) for name, unit, meaning, formula in _formulas(rows, dose, every)
    )
    return tuple(item for item in told if item is not None)


def derived_of_register(symbol: str, rows: Mapping[str, Row]) -> tuple[Derived, ...]:
    """Return the half-life that follows from rows of a hand-written model's register, by the names they have there."""
    numbers = _all_drawn(rows)
    volume, clearance, loss = (f"{symbol}_{name}" for name in ("distribution_volume", "clearance", "loss_rate"))
    if volume in numbers and clearance in numbers:
        days = np.log(2) * numbers[volume] / numbers[clearance]
        told = _told("half-life", "h", "one compartment", _DAY_HOURS * days)
    elif loss in numbers:
        told = _told("half-life", "h", "of what is left of a dose", _DAY_HOURS * np.log(2) / numbers[loss])
    else:
        return ()
    return (told,) if told else ()


def _told(name: str, unit: str, meaning: str, values: Array) -> Derived | None:
    """Return a number with the interval of its draws; nothing where it has no end. Long times are told in days."""
    if not np.all(np.isfinite(values)):
        return None
    low, high = np.quantile(values[1:], [0.05, 0.95])
    turn, unit = (1 / _DAY_HOURS, "day") if unit == "h" and values[0] >= _LONG_HOURS else (1.0, unit)
    return Derived(name, float(values[0] * turn), float(low * turn), float(high * turn), unit, meaning)


def _all_drawn(rows: Mapping[str, Row]) -> dict[str, Array]:
    """Return the value and, after it, draws from the prior of each row, in the row's unit; a name has its own stream."""
    return {
        name: _drawn(row, np.clip(stream(_SEED, f"prior of {name}").random(DRAWS), 1e-12, 1 - 1e-12))
        for name, row in rows.items()
    }


def _drawn(row: Row, uniform: Array) -> Array:
    from scipy.special import ndtri

    if row.prior == "fixed" or row.low is None or row.high is None:
        drawn = np.full(uniform.shape, row.value)
    elif row.prior == "uniform":
        drawn = row.low + (row.high - row.low) * uniform
    else:
        turn, back = (np.log, np.exp) if row.prior == "lognormal" else (np.asarray, np.asarray)
        low, high = turn(row.low), turn(row.high)
        drawn = back((low + high) / 2 + (high - low) / (2 * _EDGE) * ndtri(uniform))
    return np.concatenate(([row.value], drawn))


def _formulas(
    rows: Mapping[str, Row], dose: float, every: float
) -> list[tuple[str, str, str, Callable[[Numbers], Array]]]:
    saturable = "saturable_elimination_max" in rows
    clear = ", saturable elimination left out" if saturable else ""
    routes = [_Route("oral", ("absorption_rate", "transit_rate"))] if "absorption_rate" in rows else []
    routes += [_Route("subcutaneous", ("depot_absorption_rate",))] if "depot_absorption_rate" in rows else []
    amount = f"{dose:g} mg"
    daily = f"{amount} a day" if every == 1 else f"{amount} in {every:g} days, as if spread evenly"
    found: list[tuple[str, str, str, Callable[[Numbers], Array]]] = [
        ("half-life", "h", f"terminal{clear}", lambda n: _DAY_HOURS * terminal_half_life(n)),
    ]
    if saturable:
        found.append(("half-life at low concentration", "h", "terminal, where saturable elimination works fully",
                      lambda n: _DAY_HOURS * terminal_half_life(with_intrinsic(n))))  # fmt: skip
    found += [
        ("effective half-life", "h", f"ln 2 times steady-state volume over clearance{clear}", _effective),
        ("time to 90 % of steady state", "day", f"3.3 terminal half-lives{clear}",
         lambda n: np.log2(10) * terminal_half_life(n)),
    ]  # fmt: skip
    for route in routes:
        food = "" if route.name != "oral" else ", with food" if _fed(rows) else ", without food"
        found += [
            (f"peak, {route.name}: when", "h", f"after one dose, lag included{clear}",
             lambda n, route=route: _DAY_HOURS * _peak(n, route, dose)[0]),
            (f"peak, {route.name}: total", "umol/L", f"of one dose of {amount}{food}{clear}",
             lambda n, route=route: _peak(n, route, dose)[1]),
            (f"average, {route.name}: total", "umol/L", f"at steady state on {daily}{food}",
             lambda n, route=route: _average(n, route, dose / every)),
            (f"average, {route.name}: free", "umol/L", f"at steady state on {daily}{food}",
             lambda n, route=route: n["unbound_fraction"] * _average(n, route, dose / every)),
        ]  # fmt: skip
    return found


def terminal_half_life(numbers: Numbers) -> Array:
    """Return the terminal half-life [day] of two compartments with linear elimination (Gibaldi & Perrier 1982)."""
    return np.asarray(np.log(2) / _exponents(numbers)[1])


def _exponents(numbers: Numbers) -> tuple[Array, Array]:
    """Return the fast and the slow exponent [1/day] of a bolus into blood."""
    out = numbers["clearance"] / numbers["volume_central"]
    there = numbers["intercompartmental_clearance"] / numbers["volume_central"]
    back = numbers["intercompartmental_clearance"] / numbers["volume_peripheral"]
    whole = out + there + back
    root = np.sqrt(np.maximum(whole**2 - 4 * out * back, 0.0))
    fast = (whole + root) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        slow = np.where(back > 0, out * back / fast, out)
    return fast, slow


def with_intrinsic(numbers: Numbers) -> Numbers:
    """Return the numbers with saturable elimination added to clearance as it is at low concentration."""
    per_volume = numbers["saturable_half_concentration"] * numbers["molar_mass"]
    return {**numbers, "clearance": numbers["clearance"] + numbers["saturable_elimination_max"] / per_volume}


def _effective(numbers: Numbers) -> Array:
    volume = numbers["volume_central"] + np.where(
        numbers["intercompartmental_clearance"] > 0, numbers["volume_peripheral"], 0.0
    )
    with np.errstate(divide="ignore"):
        return np.asarray(_DAY_HOURS * np.log(2) * volume / numbers["clearance"])


def _taken_up(numbers: Numbers, route: _Route) -> Array:
    if route.name != "oral":
        return numbers["depot_bioavailability"]
    return numbers["bioavailability"] * (1 + numbers["fed"] * (numbers["food_effect"] - 1))


def _peak(numbers: Numbers, route: _Route, dose: float) -> tuple[Array, Array]:
    """Return time [day] and total concentration [umol/L] at the peak of one dose.

    The course is a sum of exponentials, one a stage of uptake and two of the blood, by partial fractions; its largest is
    looked for on a fine grid.
    """
    fast, slow = _exponents(numbers)
    rates = [numbers[name] for name in route.uptake] + [fast, slow]
    rates = [rate * (1 + _APART * index) for index, rate in enumerate(rates)]
    back = numbers["intercompartmental_clearance"] / numbers["volume_peripheral"]
    into = np.prod([numbers[name] for name in route.uptake], axis=0) / numbers["volume_central"]
    times = np.concatenate(([0.0], np.geomspace(1e-3, 60.0, 600)))[:, None] / np.maximum(fast, slow)
    course = np.zeros_like(times)
    for rate in rates:
        others = np.prod([other - rate for other in rates if other is not rate], axis=0)
        course += into * (back - rate) / others * np.exp(-rate * times)
    top = np.argmax(course, axis=0)
    every = np.arange(course.shape[1])
    lag = numbers["lag"] if route.name == "oral" else 0.0
    size = dose * _taken_up(numbers, route) / numbers["molar_mass"]
    return times[top, every] + lag, size * course[top, every]


def _average(numbers: Numbers, route: _Route, daily: float) -> Array:
    """Return the total concentration [umol/L] at which a daily dose [mg], spread over the day, and elimination are even."""
    rate = daily * _taken_up(numbers, route) / numbers["molar_mass"]  # umol/day
    largest = numbers["saturable_elimination_max"] / numbers["molar_mass"]
    half, clearance = numbers["saturable_half_concentration"], numbers["clearance"]
    spare = clearance * half + largest - rate
    return np.asarray(2 * rate * half / (spare + np.sqrt(spare**2 + 4 * clearance * half * rate)))


def _fed(rows: Mapping[str, Row]) -> bool:
    return "fed" in rows and rows["fed"].value == 1
