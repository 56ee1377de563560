"""Rows that did not calibrate, put beside those that did: one problem over both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.likelihood import can_judge
from senospine.calibration.problem import Problem
from senospine.evidence import load_evidence
from senospine.randomness import stream
from senospine.study import load_study, published_studies

Array = NDArray[np.float64]


def with_validation(problem: Problem) -> Problem:
    """Return the problem with all shipped validation rows of its species behind its own facts."""
    known = {row.id for row in problem.facts}
    rows = [row for row in load_evidence() if row.role == "validation" and can_judge(row) and row.id not in known]
    studies = dict(problem.studies)
    for name in dict.fromkeys(row.study for row in rows):
        if name not in studies and name in published_studies():
            studies[name] = load_study(name)
    studies = {name: study for name, study in studies.items() if study.species == problem.model.name}
    rows = [row for row in rows if row.study in studies]
    return replace(problem, facts=(*problem.facts, *rows), studies=studies)


def lift(problem: Problem, joint: Problem, normal: Array, seed: int) -> Array:
    """Return coordinates of the joint problem from the problem's own.

    A laboratory that calibrated nothing has its factor drawn from the prior.
    """
    here = {name: index for index, name in enumerate(problem.priors.names)}
    columns = [
        normal[:, here[name]]
        if name in here
        else stream(seed, f"calibration/validation/{name}").standard_normal(len(normal))
        for name in joint.priors.names
    ]
    return np.column_stack(columns)
