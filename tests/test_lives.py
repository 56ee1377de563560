"""Lives that are shared give what arms solved one by one give; few even animals give what many give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from senospine.calibration import Problem
from senospine.calibration.animals import Animals
from senospine.calibration.lives import Lives
from senospine.engine import Schedule, compile_model
from senospine.evidence import load_evidence
from senospine.model import Model
from senospine.study import load_study
from senospine.subjects import draw_parameters

OUTPUTS = ("senescent_osteoclasts", "sensitisation", "platelets")


@pytest.fixture(scope="module")
def lives(mouse: Model) -> Lives:
    names = ("pan2024-lsi", "pan2024-aged", "mannarino2025", "ash2006-platelets")
    arms = [(name, arm, tuple(moment for moment, _ in arm.moments)) for name in names for arm in load_study(name).arms]
    return Lives(mouse, OUTPUTS, tuple(arms), 1e-8, 1)


def test_arms_alike_share_a_life_and_doses_branch_off(lives: Lives) -> None:
    """Untreated mice live once, whatever study they stand in; so do those of one operation until their first dose."""
    dosed = [arm for _, arm, _ in lives.arms if arm.doses]
    assert len(lives.roots) == 3  # untouched, operated, without SPARC
    assert len(lives.branches) == len({arm.entries for arm in dosed})
    assert all(life.start == min(entry.time for entry in life.entries) for life in lives.branches)


def test_shared_lives_are_the_arms_own(lives: Lives, mouse: Model) -> None:
    animals = draw_parameters(mouse, 6, seed=3)
    found = lives.solve(animals, 6)
    kernel = compile_model(mouse, outputs=OUTPUTS)
    for study, arm, moments in lives.arms:
        days = np.array([arm.day_of(moment) for moment in moments])
        alone = kernel.solve(animals, Schedule.shared(arm.entries), days, rtol=1e-8)
        for column, moment in enumerate(moments):
            for name in OUTPUTS:
                expected = alone[name][:, column]
                assert found[study, arm.name, moment][name] == pytest.approx(expected, rel=1e-5, abs=1e-7), arm.name


def test_an_animal_that_fails_before_its_first_dose_is_missing_after_it(lives: Lives, mouse: Model) -> None:
    animals = draw_parameters(mouse, 2, seed=3)
    animals["senescence_critical_age"] = np.array([animals["senescence_critical_age"][0], 1e-300])
    found = lives.solve(animals, 2)
    for (study, arm, _), columns in found.items():
        alive = np.isfinite(columns["sensitisation"])
        assert alive[0], (study, arm)
        assert not alive[1], (study, arm)


def test_even_animals_have_the_registers_spread(mouse: Model) -> None:
    """Whatever their number; and quadrature over traits is exact for means of log-normals."""
    many = Animals.even(mouse, 1024, seed=1)
    for name, logs in many.logs.items():
        sd = np.sqrt(np.log1p(mouse.register[name].between_animal_cv ** 2))
        assert logs.mean() == pytest.approx(0.0, abs=0.01 * sd)
        assert logs.std() == pytest.approx(sd, rel=0.02)
    assert np.exp(0.4 * many.traits["bone"][0]) @ many.weights == pytest.approx(np.exp(0.08), rel=1e-5)
    random = Animals.random(mouse, 5, seed=2)
    drawn = draw_parameters(mouse, 5, seed=2)
    assert all(np.exp(random.logs[name]) * mouse.parameters[name] == pytest.approx(drawn[name]) for name in drawn)


def test_few_even_animals_say_what_many_say() -> None:
    """Closer than as many independent ones; up to a constant, which a posterior does not see."""
    rows = [row for row in load_evidence() if row.study == "pan2024-lsi" and row.role == "calibration"]
    base = Problem.published(evidence=rows)
    generator = np.random.default_rng(5)
    candidates = base.priors.centre + 0.5 * generator.standard_normal((8, len(base.priors.names)))
    many = base.for_sampling(256).log_posterior(candidates)

    def wrong(problem: Problem) -> float:
        return float((problem.log_posterior(candidates) - many).std())

    even = [wrong(dataclasses.replace(base.for_sampling(), seed=seed)) for seed in (1, 2, 3)]
    independent = [wrong(dataclasses.replace(base, animals=8, rtol=1e-3, seed=seed)) for seed in (1, 2, 3)]
    assert max(even) < 0.25
    assert np.mean(even) < 0.6 * np.mean(independent)
