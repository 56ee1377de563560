"""Two compartments in closed form: half-lives, peak of one dose, average at steady state, for many draws at once.

Numbers are those of a drug file by name, in the model's units, each of shape (n_draws,), of a body of reference weight.
Formulas after Gibaldi & Perrier 1982, Pharmacokinetics, 2nd edition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = Mapping[str, Array]

_APART = 1e-5  # two equal rates have no partial fractions: so far apart nobody sees them


class Route(NamedTuple):
    """A way into the blood, and the rates of the stages before it in the order of passage."""

    name: str
    uptake: tuple[str, ...]


ORAL = Route("oral", ("absorption_rate", "transit_rate"))
SUBCUTANEOUS = Route("subcutaneous", ("depot_absorption_rate",))


def terminal_half_life(numbers: Numbers) -> Array:
    """Return the terminal half-life [day] with linear elimination alone."""
    fast, slow = _exponents(numbers)
    return np.asarray(np.log(2) / np.where(slow > 0, slow, fast))


def effective_half_life(numbers: Numbers) -> Array:
    """Return ln 2 times volume at steady state over clearance [day], linear elimination alone."""
    both = numbers["intercompartmental_clearance"] > 0
    volume = numbers["volume_central"] + np.where(both, numbers["volume_peripheral"], 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(2) * volume / numbers["clearance"])


def at_low_concentration(numbers: Numbers) -> Numbers:
    """Return the numbers with saturable elimination added to clearance as it is where nothing is saturated."""
    per_volume = numbers["saturable_half_concentration"] * numbers["molar_mass"]
    return {**numbers, "clearance": numbers["clearance"] + numbers["saturable_elimination_max"] / per_volume}


def peak(numbers: Numbers, route: Route, dose: float) -> tuple[Array, Array]:
    """Return time [day] and total concentration [umol/L] at the peak of one dose [mg], saturable elimination left out.

    The course is a sum of exponentials by partial fractions, one for each stage of uptake and two of the blood; its
    largest is looked for on a grid of steps of one or two percent, lag added.
    """
    rates = [numbers[name] for name in route.uptake] + list(_exponents(numbers))
    rates = [rate * (1 + _APART * index) for index, rate in enumerate(rates)]
    back = numbers["intercompartmental_clearance"] / numbers["volume_peripheral"]
    into = np.prod([numbers[name] for name in route.uptake], axis=0) / numbers["volume_central"]
    largest = np.max(rates, axis=0)
    smallest = np.min([np.where(rate > 0, rate, largest) for rate in rates], axis=0)
    times = np.geomspace(1e-2 / largest, 10 / smallest, 800)
    course = np.zeros_like(times)
    for index, rate in enumerate(rates):
        others = np.prod([other - rate for place, other in enumerate(rates) if place != index], axis=0)
        course += into * (back - rate) / others * np.exp(-rate * times)
    top, every = np.argmax(course, axis=0), np.arange(course.shape[1])
    lag = numbers["lag"] if route == ORAL else 0.0
    size = dose * _taken_up(numbers, route) / numbers["molar_mass"]
    return times[top, every] + lag, size * course[top, every]


def average(numbers: Numbers, route: Route, daily: float) -> Array:
    """Return the total concentration [umol/L] at which ``daily`` mg, spread over the day, and elimination are even."""
    rate = daily * _taken_up(numbers, route) / numbers["molar_mass"]  # umol/day
    most = numbers["saturable_elimination_max"] / numbers["molar_mass"]
    half, clearance = numbers["saturable_half_concentration"], numbers["clearance"]
    spare = clearance * half + most - rate
    return np.asarray(2 * rate * half / (spare + np.sqrt(spare**2 + 4 * clearance * half * rate)))


def _exponents(numbers: Numbers) -> tuple[Array, Array]:
    """Return the fast and the slow exponent [1/day] of a bolus into blood; the slow is 0 where nothing is exchanged."""
    out = numbers["clearance"] / numbers["volume_central"]
    there = numbers["intercompartmental_clearance"] / numbers["volume_central"]
    back = numbers["intercompartmental_clearance"] / numbers["volume_peripheral"]
    whole = out + there + back
    fast = (whole + np.sqrt(np.maximum(whole**2 - 4 * out * back, 0.0))) / 2
    return fast, out * back / fast


def _taken_up(numbers: Numbers, route: Route) -> Array:
    if route != ORAL:
        return numbers["depot_bioavailability"]
    return numbers["bioavailability"] * (1 + numbers["fed"] * (numbers["food_effect"] - 1))
