"""The kill of platelets in the drug's file is the one that the calibration rows of CLL 14/21 give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from senospine.calibration.platelets import PRIOR, PlateletProblem
from senospine.therapy import load_drug


@pytest.fixture(scope="module")
def problem() -> PlateletProblem:
    return PlateletProblem(patients=200, seed=1)


def shipped() -> list[float]:
    rows = load_drug("navitoclax").actions["human"]["platelet_kill"]
    return [math.log(rows.max.value), math.log(rows.half.value)]


def test_only_rows_declared_for_calibration_are_fitted(problem: PlateletProblem) -> None:
    assert {fact.arm for fact in problem.facts} == {"mg-10", "mg-110", "mg-250"}
    assert {fact.role for fact in problem.facts} == {"calibration"}
    assert not any("grade" in fact.readout for fact in problem.facts)


def test_the_drugs_file_lies_at_the_optimum(problem: PlateletProblem) -> None:
    """No step of a seventh along either number, or along both, is better by half a squared standard error.

    The two go together along a flat valley; their central 90 % is where the sum rises by 4.6.
    """
    best = (problem.residuals(shipped()) ** 2).sum()
    for step in ((0.15, 0.0), (-0.15, 0.0), (0.0, 0.15), (0.0, -0.15), (0.15, 0.15), (-0.15, -0.15)):
        assert (problem.residuals(np.add(shipped(), step)) ** 2).sum() > best - 0.5, step


def test_the_dose_held_out_comes_out_inside_what_its_few_patients_allow(problem: PlateletProblem) -> None:
    """68 % at 200 mg: a mean of three or four patients, whose spread is the model's."""
    falls, _ = problem.trial.solve(dict(zip(PRIOR, np.exp(shipped()).tolist(), strict=True)))
    place = [arm.name for arm in problem.trial.arms].index("mg-200")
    error = falls[place].std() / math.sqrt(15 / 4)
    assert abs(falls[place].mean() - 68) < 1.645 * error
