"""How well a method does in simulated trials, and how sure the simulation is of it.

Aims, data, estimands, methods, performance (ADEMP); every measure has the Monte-Carlo standard error of Morris, White
and Crowther 2019, table 6 (doi 10.1002/sim.8086).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.errors import AnalysisError
from senospine.stats.intervals import wilson_interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One measure of performance.

    Attributes
    ----------
    value : float
    error : float
        Monte-Carlo standard error.
    n : int
        Simulated trials it was made from.
    """

    value: float
    error: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f} (n = {self.n})"


def share(happened: ArrayLike) -> Measure:
    """Return how often something happened: power, type I error, a right decision.

    The error is that of a share of one more success and failure where none or all succeeded, so that it is never zero.

    Examples
    --------
    >>> print(share([True, False, False, False]))
    0.2500 ± 0.2165 (n = 4)
    """
    events = np.asarray(happened, float)
    n = _enough(events, 1)
    value = float(events.mean())
    spread = value if 0 < value < 1 else (events.sum() + 1) / (n + 2)
    return Measure(value, float(np.sqrt(spread * (1 - spread) / n)), n)


def mean_of(values: ArrayLike) -> Measure:
    """Return a mean with its error: expected size, screen failures.

    Examples
    --------
    >>> print(mean_of([1.0, 2.0, 3.0]))
    2.0000 ± 0.5774 (n = 3)
    """
    numbers = np.asarray(values, float)
    n = _enough(numbers, 2)
    return Measure(float(numbers.mean()), float(numbers.std(ddof=1) / np.sqrt(n)), n)


def performance(
    estimates: ArrayLike,
    errors: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    p: ArrayLike,
    *,
    truth: float,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the measures of one method: value, Monte-Carlo error, trials.

    Parameters
    ----------
    estimates, errors, lower, upper, p : array_like, shape (n_trials,)
        NaN where a trial could not be analysed; those trials are counted as ``estimable`` below one and are left out
        of the rest, never in silence.
    truth : float
    alpha : float
        Two-sided.

    Returns
    -------
    pandas.DataFrame
        Rows estimable, bias, empirical_se, model_se, relative_error_of_model_se, mean_square_error, coverage,
        bias_eliminated_coverage, rejected.

    Raises
    ------
    AnalysisError
        Fewer than two trials that could be analysed.
    """
    arrays = [np.asarray(item, float) for item in (estimates, errors, lower, upper, p)]
    good = np.isfinite(np.stack(arrays)).all(axis=0)
    estimate, se, low, high, value = (item[good] for item in arrays)
    n = _enough(estimate, 2)
    empirical, model = float(estimate.std(ddof=1)), float(np.sqrt((se**2).mean()))
    squares = (estimate - truth) ** 2
    model_error = float(np.sqrt((se**2).var(ddof=1) / (4 * n * model**2)))
    ratio = model / empirical - 1
    ratio_error = (model / empirical) * float(np.sqrt((se**2).var(ddof=1) / (4 * n * model**4) + 1 / (2 * (n - 1))))
    centre = estimate.mean()
    rows = {
        "estimable": share(good),
        "bias": Measure(float(centre - truth), empirical / np.sqrt(n), n),
        "empirical_se": Measure(empirical, empirical / np.sqrt(2 * (n - 1)), n),
        "model_se": Measure(model, model_error, n),
        "relative_error_of_model_se": Measure(ratio, ratio_error, n),
        "mean_square_error": mean_of(squares),
        "coverage": share((low <= truth) & (truth <= high)),
        "bias_eliminated_coverage": share((low <= centre) & (centre <= high)),
        "rejected": share(value <= alpha),
    }
    table = pd.DataFrame({name: [item.value, item.error, item.n] for name, item in rows.items()}).T
    return table.set_axis(["value", "error", "trials"], axis=1).astype({"trials": int}).rename_axis("measure")


def monte_carlo_interval(nominal: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return where a share should lie if its true value is ``nominal``, in ``n`` simulated trials.

    Examples
    --------
    >>> [round(x, 4) for x in monte_carlo_interval(0.05, 10_000)]
    [0.0457, 0.0543]
    """
    from scipy.special import ndtri

    half = float(ndtri(0.5 + level / 2)) * float(np.sqrt(nominal * (1 - nominal) / n))
    return max(nominal - half, 0.0), min(nominal + half, 1.0)


@dataclass(frozen=True)
class SampleSize:
    """The smallest size whose power is held to reach a target.

    Attributes
    ----------
    size : int
    table : pandas.DataFrame
        Sizes tried, rising, with power, its Monte-Carlo error and the trials behind it.
    target : float
    """

    size: int
    table: pd.DataFrame
    target: float


def search_size(power: Callable[[int], ArrayLike], *, target: float, low: int, high: int, step: int = 2) -> SampleSize:
    """Return the smallest size in steps whose simulated power reaches ``target``, by bisection.

    Parameters
    ----------
    power : callable
        From a size to whether each simulated trial succeeded, shape (n_trials,). Common random numbers between sizes
        make the search steadier.
    target : float
    low, high, step : int
        Sizes looked at: ``low``, ``low + step``, up to ``high``.

    Raises
    ------
    AnalysisError
        Even ``high`` does not reach the target, or the range is empty.
    """
    if not (0 < target < 1 and 0 < low < high and step > 0):
        raise AnalysisError(
            f"cannot search sizes {low} to {high} in steps of {step} for a power of {target}",
            remedy="give a power between 0 and 1, and sizes that rise",
        )
    tried: dict[int, Measure] = {}

    def at(index: int) -> float:
        size = low + index * step
        if size not in tried:
            tried[size] = share(power(size))
        return tried[size].value

    first, last = 0, (high - low) // step
    if at(last) < target:
        reached = tried[low + last * step]
        raise AnalysisError(
            f"{low + last * step} patients reach a power of {reached.value:.3f}, not {target:g}",
            remedy="raise the largest size, or expect a smaller power",
        )
    if at(first) >= target:
        last = first
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (first, middle) if at(middle) >= target else (middle, last)
    rows = [[size, item.value, item.error, item.n] for size, item in sorted(tried.items())]
    return SampleSize(low + last * step, pd.DataFrame(rows, columns=["size", "power", "error", "trials"]), target)


def interval_of_share(happened: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    events = np.asarray(happened, float)
    low, high = wilson_interval(events.sum(), len(events), level)
    return float(low), float(high)


def _enough(values: Array, least: int) -> int:
    if values.ndim != 1 or len(values) < least or not np.isfinite(values).all():
        raise AnalysisError(f"need at least {least} finite values, got shape {values.shape}")
    return len(values)
