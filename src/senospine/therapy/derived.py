"""What follows from a drug's kinetics: half-lives, peak, steady state, each with its interval over the priors.

All are of a body of reference weight. Peak and half-lives leave saturable elimination out or take it at low
concentration, and say which; the average at steady state holds it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from senospine.randomness import stream
from senospine.therapy.rows import Row
from senospine.therapy.schema import Drug
from senospine.therapy.terms import KINETICS
from senospine.therapy.two_compartments import (
    ORAL,
    SUBCUTANEOUS,
    Array,
    Numbers,
    Route,
    at_low_concentration,
    average,
    effective_half_life,
    peak,
    terminal_half_life,
)

Formula = tuple[str, str, str, Callable[[Numbers], Array]]

DRAWS = 2000
_SEED = 20240913
_EDGE = 1.6448536269514722  # of a standard normal: low and high of a prior hold its central 90 %
_DAY_HOURS = 24.0
_LONG_HOURS = 96.0


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
    """Return the value and, after it, draws from the prior of each row, in its unit; a name has its own stream."""
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


def _formulas(rows: Mapping[str, Row], dose: float, every: float) -> list[Formula]:
    """Return name, unit, meaning and formula of what can be told of the numbers that a file gives."""
    saturable = "saturable_elimination_max" in rows
    clear = ", linear elimination only" if saturable else ""
    found: list[Formula] = [("half-life", "h", f"terminal{clear}", lambda n: _DAY_HOURS * terminal_half_life(n))]
    if saturable:
        found.append((
            "half-life at low concentration", "h", "terminal, where saturable elimination works fully",
            lambda n: _DAY_HOURS * terminal_half_life(at_low_concentration(n)),
        ))  # fmt: skip
    found += [
        ("effective half-life", "h", f"ln 2 times steady-state volume over clearance{clear}",
         lambda n: _DAY_HOURS * effective_half_life(n)),
        ("time to 90 % of steady state", "day", f"3.3 terminal half-lives{clear}",
         lambda n: np.log2(10) * terminal_half_life(n)),
    ]  # fmt: skip
    for route in (ORAL, SUBCUTANEOUS):
        if route.uptake[0] in rows:
            found += _of_route(route, rows, dose, every, clear)
    return found


def _of_route(route: Route, rows: Mapping[str, Row], dose: float, every: float, clear: str) -> list[Formula]:
    food = "" if route != ORAL else ", with food" if "fed" in rows and rows["fed"].value == 1 else ", without food"
    after = f"after one dose{', lag included' if route == ORAL else ''}{clear}"
    one = f"of one dose of {dose:g} mg{food}{clear}"
    often = "a day" if every == 1 else f"in {every:g} days, as if spread evenly"
    steady = f"at steady state on {dose:g} mg {often}{food}"
    name, daily = route.name, dose / every
    return [
        (f"peak, {name}: when", "h", after, lambda n: _DAY_HOURS * peak(n, route, dose)[0]),
        (f"peak, {name}: total", "umol/L", one, lambda n: peak(n, route, dose)[1]),
        (f"average, {name}: total", "umol/L", steady, lambda n: average(n, route, daily)),
        (f"average, {name}: free", "umol/L", steady, lambda n: n["unbound_fraction"] * average(n, route, daily)),
    ]
