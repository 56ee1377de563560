"""The 50 % withdrawal threshold of an up-down run, by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import Finding
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.behaviour.withdrawals import handle_numbers
from senospine.measure.reading import Reading

Array = NDArray[np.float64]

THRESHOLD = "paw_threshold/up-down/likelihood"


@dataclass(frozen=True)
class Threshold:
    """A 50 % threshold in log10 of gram.

    Attributes
    ----------
    log10_g : float
        The estimate; where all answers are alike, the end of the ladder beyond which it lies.
    low, high : float
        Likelihood interval of 95 %; one end infinite where all answers are alike.
    spread : float
        SD of the tolerance curve, in decades.
    warnings : tuple of str
    """

    log10_g: float
    low: float
    high: float
    spread: float
    warnings: tuple[str, ...] = ()

    @property
    def censored(self) -> bool:
        """Whether only a bound is known."""
        return math.isinf(self.low) or math.isinf(self.high)


def up_down_threshold(forces_g: ArrayLike, responses: str, spread: float | None = None) -> Threshold:
    """Return the force at which half the applications are answered.

    The chance of withdrawal is a normal curve over log10 of force; its mean is estimated from every answer at the
    force that was really used, so that any length and any ladder will do. On an even ladder this is Dixon's
    estimate with his table's k, to its last digit (Dixon 1965, doi 10.1080/01621459.1965.10480843; applied to paws by
    Chaplan 1994, doi 10.1016/0165-0270(94)90144-9).

    Parameters
    ----------
    forces_g : array_like, shape (applications,)
        Forces in the order of use [g], as calibrated; not the numbers on the handles.
    responses : str
        One letter for each: ``X`` withdrawal, ``O`` none.
    spread : float, optional
        SD of the curve in decades; by default the mean step between the forces used, as Dixon has it.

    Raises
    ------
    ValueError
        Forces and responses of different length, other letters, or forces that are not above zero.

    Examples
    --------
    >>> forces = [10 ** (step / 5) for step in (0, 1, 2, 1, 2, 1)]
    >>> found = up_down_threshold(forces, "OOXOXX")
    >>> round((found.log10_g - 0.2) / 0.2, 3)  # Dixon's k
    0.169
    """
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    x, answers = np.asarray(forces_g, dtype=float), responses.upper()
    if len(x) != len(answers) or not len(x) or set(answers) - set("XO"):
        raise ValueError("need one X or O for each force")
    if not np.isfinite(x).all() or (x <= 0).any():
        raise ValueError("a force must be above zero gram")
    x = np.log10(x)
    ladder = np.unique(np.round(x, 9))
    if spread is None:
        spread = float(np.diff(ladder).mean()) if len(ladder) > 1 else math.nan
    low_end, high_end = float(x.min()), float(x.max())
    if answers.count("X") == len(answers):
        return Threshold(low_end, -math.inf, low_end, spread, ("every application was answered: only an upper bound",))
    if answers.count("O") == len(answers):
        return Threshold(high_end, high_end, math.inf, spread, ("no application was answered: only a lower bound",))
    if not spread > 0:
        raise ValueError("answers differ at one force: give the spread of the tolerance curve")
    sign = np.where([letter == "X" for letter in answers], 1.0, -1.0)

    def log_likelihood(mean: float) -> float:
        return float(log_ndtr(sign * (x - mean) / spread).sum())

    def slope(mean: float) -> float:
        z = sign * (x - mean) / spread
        return float(-(sign * np.exp(-0.5 * z**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(z))).sum())

    reach = 40 * spread
    mean = float(brentq(slope, low_end - reach, high_end + reach, xtol=1e-12))
    peak = log_likelihood(mean)

    def excess(value: float) -> float:
        return 2 * (peak - log_likelihood(value)) - 3.841458820694124

    low, high = float(brentq(excess, mean - reach, mean)), float(brentq(excess, mean, mean + reach))
    outside = not low_end <= mean <= high_end
    return Threshold(mean, low, high, spread, ("the estimate lies outside the forces used",) if outside else ())


def read_up_down(sheet: Sheet) -> list[Reading]:
    """Return a threshold for each run."""
    found: list[Finding] = []
    runs: list[tuple[Row, list[float], str]] = []
    for row in sheet.rows:
        forces, responses = (
            row.text("forces_g").replace(",", ".").split(),
            row.text("responses").upper().replace(" ", ""),
        )
        try:
            values = [float(force) for force in forces]
        except ValueError:
            found.append(Finding("error", row.where, f"forces_g '{row.text('forces_g')}' holds what is no number",
                                 "forces in gram with spaces between"))  # fmt: skip
            continue
        if len(values) != len(responses):
            what = f"{len(values)} forces, but {len(responses)} responses"
            found.append(Finding("error", row.where, what, "one letter for each force"))
        elif set(responses) - set("XO"):
            found.append(Finding("error", row.where, f"responses '{responses}'", "X for a withdrawal, O for none"))
        elif not all(0 < value < 1000 and math.isfinite(value) for value in values):
            found.append(
                Finding("error", row.where, "a force is not above zero, or above a kilogram", "forces in gram")
            )
        elif len(set(values)) < 2 and len(set(responses)) > 1:
            found.append(Finding("error", row.where, "one force only, answered both ways", "is this an up-down run?"))
        else:
            runs.append((row, values, responses))
    found += handle_numbers(sheet, [(value, row.where) for row, values, _ in runs for value in values])
    refuse(found, sheet.path)
    return [_reading(sheet, row, values, responses) for row, values, responses in runs]


def _reading(sheet: Sheet, row: Row, forces: list[float], responses: str) -> Reading:
    found = up_down_threshold(forces, responses)
    warnings = found.warnings
    if any((b < a) != (answer == "X") and b != a for a, b, answer in zip(forces, forces[1:], responses, strict=False)):
        warnings += ("the forces do not go down after X and up after O; the likelihood holds all the same",)
    settings: dict[str, float | str] = {
        "responses": responses,
        "forces_g": " ".join(f"{force:g}" for force in forces),
        "spread": found.spread,
    }
    settings |= {name: row.text(name) for name in ("session", "paw") if row.text(name)}
    if math.isnan(found.spread):
        del settings["spread"]
    return Reading(THRESHOLD, found.log10_g, sheet.place(row), found.low, found.high, total=len(forces),
                   settings=settings, inputs=sheet.inputs, warnings=warnings)  # fmt: skip
