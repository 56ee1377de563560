"""Errors, and each solver's fastest way that keeps them small: the same ladder of tolerances for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from senospine.bench.contestant import Contestant, Timing, Trouble
from senospine.bench.peers.statement import Setting

Array = NDArray[np.float64]

LADDER = tuple(round(step * 10.0**-power, 9) for power in (3, 4, 5, 6) for step in (1.0, 0.7, 0.5, 0.3, 0.2, 0.15))
FEW = 12
#: a way this much slower than the best one is not followed further
HOPELESS = 0.8
#: seconds
LONG_ENOUGH = 0.5


def worst_errors(values: Array, truth: Array, scales: Sequence[float], floor: Array | float = 0.0) -> Array:
    """Return each subject's largest error over outputs and times, shape (n_subjects,).

    Relative to the larger of the true value and 1 % of that output's peak in that subject; an output that is zero
    throughout is measured by 1 % of its scale. NaN counts as infinite.

    Parameters
    ----------
    values, truth : ndarray, shape (n_subjects, n_times, n_outputs)
    scales : sequence of float, length n_outputs
    floor : ndarray, shape (n_subjects, 1, n_outputs), optional
        Smaller values are measured by this.
    """
    peak = np.abs(truth).max(axis=1, keepdims=True)
    peak = np.where(peak > 0, peak, np.asarray(scales))
    error = np.abs(values - truth) / np.maximum(np.maximum(np.abs(truth), 0.01 * peak), floor)
    return np.asarray(np.where(np.isfinite(error), error, np.inf).max(axis=(1, 2)))


@dataclass(frozen=True)
class Choice:
    """The fastest way found for a solver.

    Attributes
    ----------
    error : float
        Worst error over the subjects that were checked.
    tried : list of str
        What every way that was tried came to, in words.
    """

    setting: Setting
    rtol: float
    error: float
    timing: Timing
    tried: list[str] = field(repr=False)


def loosest(
    contestant: Contestant, setting: Setting, truth: Array, scales: Sequence[float], target: float,
    cores: list[int] | None = None, ladder: Sequence[float] = LADDER, at_least: float = 0.0, floor: Array | float = 0.0,
) -> tuple[float, float, Timing] | None:  # fmt: skip
    """Return the loosest tolerance of the ladder whose worst error is at most the target, that error and the timing.

    Gives up where a rung is slower than ``at_least`` subjects a second of processor time: those below are slower still.
    """
    for rtol in ladder:
        values, timing = contestant.values(0, len(truth), rtol, setting, cores=cores)
        if values.shape != truth.shape:
            raise Trouble(f"its results have shape {values.shape}, they should have {truth.shape}")
        error = float(worst_errors(values, truth, scales, floor).max())
        if error <= target:
            return rtol, error, timing
        if timing.cpu_rate < at_least:
            raise Trouble(f"slower already at rtol {rtol:g} ({timing.cpu_rate:.3g} a second, error {error:.1e})")
    return None


def tune(
    contestant: Contestant, truth: Array, scales: Sequence[float], target: float = 1e-3,
    cores: list[int] | None = None, ladder: Sequence[float] = LADDER, most: int = 0, floor: Array | float = 0.0,
) -> Choice:  # fmt: skip
    """Return a solver's fastest setting under the target.

    Every way the solver names is brought under the target on a few subjects; the fastest two are then brought under
    it on all, timed on up to ``most`` subjects where so few would be too quick to time, and the faster one is taken.

    Raises
    ------
    Trouble
        No way meets the target.
    """
    floor = np.broadcast_to(floor, (len(truth), 1, truth.shape[2]))
    tried: list[str] = []
    found: list[tuple[float, float, Setting]] = []
    for setting in contestant.settings:
        words = ", ".join(str(value) for value in setting.values())
        enough = HOPELESS * max((item[0] for item in found), default=0.0)
        try:
            contestant.solve(0, 1, ladder[0], setting, cores=cores)  # warm
            result = loosest(contestant, setting, truth[:FEW], scales, target, cores, ladder, enough, floor[:FEW])
        except Trouble as trouble:
            tried.append(f"{words}: {trouble}")
            continue
        if result is None:
            tried.append(f"{words}: above the target at every tolerance")
        else:
            tried.append(f"{words}: rtol {result[0]:g}, {result[2].cpu_rate:.3g} a second, error {result[1]:.1e}")
            found.append((result[2].cpu_rate, result[0], setting))
    best: Choice | None = None
    for _, rtol, setting in sorted(found, key=lambda item: -item[0])[:2]:
        steps = [step for step in ladder if step <= rtol]
        try:
            result = loosest(contestant, setting, truth, scales, target, cores, steps, floor=floor)
            if result is None:
                continue
            more = min(most, round(result[2].cpu_rate * LONG_ENOUGH))
            timing = result[2]
            if more > len(truth):
                timing = contestant.solve(0, more, result[0], setting, cores=cores)
        except Trouble as trouble:
            tried.append(f"{setting}: {trouble}")
            continue
        words = ", ".join(str(value) for value in setting.values())
        tried.append(f"{words}: on all, rtol {result[0]:g}, {timing.cpu_rate:.3g} a second, error {result[1]:.1e}")
        if best is None or timing.cpu_rate > best.timing.cpu_rate:
            best = Choice(setting, result[0], result[1], timing, tried)
    if best is None:
        raise Trouble("; ".join(tried) or "it names no way to run")
    return best
