"""Which core of senescence reaches both measured removal rates and the rise with age, and which fails where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.core_comparison import CoreComparison, CoreFit, Datum, Reading, removal_data
from senospine.calibration.cores import Core, Predicted, cores, predict

Array = NDArray[np.float64]

#: stain background that a core may need [kappa], flat
BACKGROUND = (0.0, 3.0)
#: rounds of the search for the best point, and how much smaller each round's box is
_ROUNDS, _SHRINK = 3, 0.3


def compare_cores(reading: Reading = "cell", *, samples: int = 512) -> CoreComparison:
    """Fit every core to both removal rates and the rise together.

    Parameters
    ----------
    reading : {'cell', 'excess'}
        What the published removal rate is, see :data:`READINGS`; the sources allow both.
    samples : int
        Points in each core's ranges (Sobol, unshuffled): a power of two. The same points give the same result.

    Notes
    -----
    Cost at 512 points: under a minute, nearly all of it for the two cores with noise.

    Examples
    --------
    >>> compare_cores(samples=64).fit("capped").fails
    ()
    """
    fits = [_fit(core, reading, samples) for core in cores().values()]
    return CoreComparison(reading, removal_data(), tuple(sorted(fits, key=lambda fit: -fit.log_evidence)))


def _fit(core: Core, reading: Reading, samples: int) -> CoreFit:
    low, high = np.log(np.array(list(core.ranges.values()))).T
    points = low + (high - low) * _sobol(len(low), samples)
    said = _predict(core, points)
    backgrounds = np.linspace(*BACKGROUND, 61)
    joint = np.stack([_log_likelihood(said, reading, np.full(samples, b)) for b in backgrounds], axis=1)
    peak = joint.max()
    weights = np.exp(joint - peak)
    evidence = peak + np.log(weights.mean())
    weights /= weights.sum()
    mean, sd = {}, {}
    for datum in removal_data():
        values = np.stack([_quantity(said, datum, reading, np.full(samples, b)) for b in backgrounds], axis=1)
        mean[datum.quantity] = float((weights * values).sum())
        sd[datum.quantity] = float(np.sqrt((weights * (values - mean[datum.quantity]) ** 2).sum()))
    best, without = _best(core, reading, points, said)
    return CoreFit(
        core, float(evidence), best.log_likelihood, without.log_likelihood, best.parameters, best.predicted,
        without.predicted, _distances(best.predicted), _distances(without.predicted), mean, sd, best.alive,
        samples, float(1 / (weights.sum(axis=1) ** 2).sum()),
    )  # fmt: skip


def _sobol(dimensions: int, samples: int) -> Array:
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, scramble=False).random(samples)
    return np.asarray(points + 0.5 / samples)  # the first point is a corner


def _predict(core: Core, points: Array) -> Predicted:
    return predict(core, dict(zip(core.ranges, np.exp(points).T, strict=True)))


def _quantity(said: Predicted, datum: Datum, reading: Reading, background: Array) -> Array:
    if datum.quantity == "rise":
        return said.rise(background)
    young = datum.quantity == "removal_young"
    if reading == "cell":
        return said.removal_young if young else said.removal_old
    return said.relaxation_young if young else said.relaxation_old


def _log_likelihood(said: Predicted, reading: Reading, background: Array) -> Array:
    return np.asarray(
        sum(datum.log_likelihood(_quantity(said, datum, reading, background)) for datum in removal_data())
    )


@dataclass(frozen=True)
class _Best:
    parameters: dict[str, float]
    predicted: dict[str, float]
    log_likelihood: float
    alive: float


def _best(core: Core, reading: Reading, points: Array, said: Predicted) -> tuple[_Best, _Best]:
    """Return the best points with and without a background, looked for in ever smaller boxes around the best so far."""
    low, high = np.log(np.array(list(core.ranges.values()))).T
    for round_ in range(1, _ROUNDS + 1):
        half = (high - low) / 2 * _SHRINK**round_
        tops = [points[_top(said, reading, with_background)[0]] for with_background in (True, False)]
        around = [top + half * (2 * _sobol(len(low), 64) - 1) for top in tops]
        points = np.vstack([*tops, *np.clip(around, low, high)])
        said = _predict(core, points)
    return _at_top(core, reading, points, said, True), _at_top(core, reading, points, said, False)


def _at_top(core: Core, reading: Reading, points: Array, said: Predicted, with_background: bool) -> _Best:
    index, background, values = _top(said, reading, with_background)
    best = {name: float(value) for name, value in zip(core.ranges, np.exp(points[index]), strict=True)}
    best["background"] = float(background[index])
    at = {datum.quantity: float(_quantity(said, datum, reading, background)[index]) for datum in removal_data()}
    return _Best(best, at, float(values[index]), float(said.alive[index]))


def _top(said: Predicted, reading: Reading, with_background: bool) -> tuple[int, Array, Array]:
    """Return the best point, the background that suits each point best (a closed form), and all log-likelihoods."""
    rise = next(datum.value for datum in removal_data() if datum.quantity == "rise")
    wanted = (said.old - rise * said.young) / (rise - 1)
    background = np.clip(wanted, *BACKGROUND) if with_background else np.zeros_like(said.young)
    values = _log_likelihood(said, reading, background)
    return int(values.argmax()), background, values


def _distances(at: Mapping[str, float]) -> dict[str, float]:
    return {datum.quantity: float(datum.standardised(np.array(at[datum.quantity]))) for datum in removal_data()}
