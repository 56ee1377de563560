"""The kill of platelets by navitoclax in people, fitted to what CLL 14/21 prints for calibration and to nothing else.

Two numbers, the largest hazard and the concentration of half of it, in logarithms, by least squares on the logarithms
of mean falls and on how far the mean day of nadir lies outside its published range, each in standard errors of a group
as large as the trial's, with the prior that the drug's file had before. Rates of grades are no part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.engine import Kernel, Minimum, Schedule, TimeOfMinimum, compile_model
from senospine.evidence import Bound, Fact, Value, load_evidence
from senospine.study import Arm, load_study
from senospine.subjects import draw_parameters
from senospine.therapy import compose_model

Array = NDArray[np.float64]

STUDY = "navitoclax-cll"
#: central 90 % before the fit: a hazard that takes days, and concentrations from that of 30 mg to that of a gram a day
PRIOR = {"navitoclax_platelet_kill_max": (0.2, 5.0), "navitoclax_platelet_kill_half": (0.3, 10.0)}
#: 15 patients over four doses
GROUP = 15 / 4
_NINETY = 1.6448536269514722


@dataclass(frozen=True)
class PlateletFit:
    """What came out.

    Attributes
    ----------
    values, low, high : dict of str to float
        Of each parameter, with its central 90 % from the curvature at the optimum.
    falls, nadir_days : dict of str to float
        Mean over patients by arm, those held out included [percent], [day].
    """

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    falls: dict[str, float]
    nadir_days: dict[str, float]


class _Trial:
    """The arms of the trial over one cycle, with the same patients in each."""

    def __init__(self, patients: int, seed: int) -> None:
        study = load_study(STUDY)
        self.arms: Sequence[Arm] = study.arms
        model = compose_model("human", study.drugs)
        reduce = [Minimum("platelets", name="least"), TimeOfMinimum("platelets", name="day")]
        self.kernel: Kernel = compile_model(model, outputs=["platelets"], reduce=reduce)
        drawn = draw_parameters(model, patients, seed)
        self.own = {name: model.parameters[name] for name in PRIOR}
        self.drawn = {name: np.tile(values, len(self.arms)) for name, values in drawn.items()}
        start = self.arms[0].enrolment_day or 0.0
        entries = [[item for item in arm.entries if item.kind == "bolus"] for arm in self.arms]
        self.schedule = Schedule.each([own for own in entries for _ in range(patients)]).shift(-start)
        self.days = [0.0, self.arms[0].measure_day - start]

    def solve(self, values: dict[str, float]) -> tuple[Array, Array]:
        """Return falls [percent] and days of nadir, each (arms, patients)."""
        moved = {name: self.drawn[name] * (value / self.own[name]) for name, value in values.items()}
        found = self.kernel.solve(self.drawn | moved, self.schedule, self.days, rtol=1e-5)
        falls = 100 * (1 - found["least"] / found["platelets"][:, 0])
        shape = (len(self.arms), -1)
        return falls.reshape(shape), found["day"].reshape(shape)


def fit_platelet_kill(*, patients: int = 200, seed: int = 1) -> PlateletFit:
    """Return the fit to the calibration rows of CLL 14/21.

    Notes
    -----
    Cost: some 25 solutions of four cycles of ``patients`` people, about 20 s.
    """
    from scipy.optimize import least_squares

    problem = PlateletProblem(patients, seed)
    best = least_squares(problem.residuals, [math.log(x) for x in problem.middle.values()], diff_step=0.05, x_scale=0.5)
    spread = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
    values = dict(zip(PRIOR, np.exp(best.x).tolist(), strict=True))
    falls, days = problem.trial.solve(values)
    names = [arm.name for arm in problem.trial.arms]
    wide = {name: float(np.exp(_NINETY * sd)) for name, sd in zip(PRIOR, spread, strict=True)}
    return PlateletFit(
        values,
        {name: value / wide[name] for name, value in values.items()},
        {name: value * wide[name] for name, value in values.items()},
        dict(zip(names, falls.mean(axis=1).tolist(), strict=True)),
        dict(zip(names, days.mean(axis=1).tolist(), strict=True)),
    )


class PlateletProblem:
    """The least-squares problem that the fit solves.

    Parameters
    ----------
    patients, seed : int
        Virtual patients an arm, the same in each.
    """

    def __init__(self, patients: int = 200, seed: int = 1) -> None:
        self.trial = _Trial(patients, seed)
        self.facts = [fact for fact in load_evidence() if fact.study == STUDY and fact.role == "calibration"]
        self.middle = {name: math.sqrt(low * high) for name, (low, high) in PRIOR.items()}
        self.width = {name: math.log(high / low) / (2 * _NINETY) for name, (low, high) in PRIOR.items()}
        found = self.trial.solve(self.middle)
        self.errors = [_standard_error(fact, self.trial, *found) for fact in self.facts]

    def residuals(self, logs: Sequence[float] | Array) -> Array:
        """Return what least squares squares: rows in standard errors, then the prior in its own."""
        found = self.trial.solve(dict(zip(PRIOR, np.exp(logs).tolist(), strict=True)))
        rows = [_distance(fact, self.trial, *found) / se for fact, se in zip(self.facts, self.errors, strict=True)]
        prior = [(x - math.log(self.middle[n])) / self.width[n] for n, x in zip(PRIOR, logs, strict=True)]
        return np.array([*rows, *prior])


def _row(fact: Fact, trial: _Trial, falls: Array, days: Array) -> Array:
    place = [arm.name for arm in trial.arms].index(fact.arm)
    return np.asarray(np.log(falls[place]) if isinstance(fact, Value) else days[place])


def _standard_error(fact: Fact, trial: _Trial, falls: Array, days: Array) -> float:
    return float(_row(fact, trial, falls, days).std() / math.sqrt(GROUP))


def _distance(fact: Fact, trial: _Trial, falls: Array, days: Array) -> float:
    """Return how far the mean lies from what was published, of a range from its nearer end."""
    place = [arm.name for arm in trial.arms].index(fact.arm)
    if isinstance(fact, Value):
        return math.log(float(falls[place].mean()) / fact.value)
    assert isinstance(fact, Bound)  # the study has no other kinds
    day = float(days[place].mean())
    return max(day - fact.high, 0.0) - max(fact.low - day, 0.0)
