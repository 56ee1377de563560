"""The fit: priors as declared, probabilities as the laboratory's, a climb that can be stopped, a stale file."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from study_helpers import made_contrast

from senospine.assays import readout
from senospine.calibration import (
    Problem,
    calibrate,
    chosen_parameters,
    load_fit,
    posterior_mode,
    shipped_fit,
    write_fit,
)
from senospine.calibration import fit as fit_module
from senospine.calibration.likelihood import MISFIT, REPORTED, Group, can_judge, log_probability
from senospine.calibration.noise import NoiseTable
from senospine.calibration.priors import Priors
from senospine.errors import CalibrationError, FileError
from senospine.evidence import load_evidence
from senospine.evidence.judging import judge
from senospine.model import Model


def problem(animals: int = 3, study: str = "ash2006-platelets") -> Problem:
    return Problem.published(evidence=[row for row in load_evidence() if row.study == study], animals=animals)


def test_every_prior_is_a_standard_normal_with_the_registers_ends(mouse: Model) -> None:
    priors = Priors.of(mouse)
    for edge, name in ((-1.6448536, "low"), (1.6448536, "high")):
        values = priors.values(np.full((1, len(priors.rows)), edge))
        for row in priors.rows:
            if row.prior == "lognormal":
                assert values[row.name][0] == pytest.approx(getattr(row, name))
    far = priors.values(np.full((1, len(priors.rows)), 9.0))
    assert all(far[row.name][0] == pytest.approx(row.high) for row in priors.rows if row.prior == "uniform")
    there = priors.values(priors.centre)
    assert there == pytest.approx({row.name: row.value for row in priors.rows})


def test_switches_of_rival_mechanisms_are_not_fitted(mouse: Model) -> None:
    free = set(Priors.of(mouse).names)
    assert not free & {"drug_interaction", "o_vanillin_analgesia", "navitoclax_kills_osteoclasts", "instability_load"}
    assert {"senescence_instability_gain", "innervation_netrin1_share"} <= free


@pytest.mark.parametrize("shift", [-2.0, -0.4, 0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    ("direction", "star"), [("up", "yes"), ("down", "yes"), ("up", "no"), ("none", "no"), ("down", "unclear")]
)
def test_a_contrasts_probability_is_the_laboratorys(shift: float, direction: str, star: str) -> None:
    """Normal animals: the repeats' own shares, divided by the chance of being reported."""
    row = made_contrast(direction=direction, significant=star, n_low=5, n_high=5)
    groups = {
        "navitoclax": Group(np.array([3.0 + shift]), np.array([1.0])),
        "vehicle": Group(np.array([3.0]), np.array([1.0])),
    }
    draws = {name: group.mean + np.random.default_rng(i).standard_normal((40_000, 5))
             for i, (name, group) in enumerate(groups.items())}  # fmt: skip
    found = judge(row, {"cgrp_fibres": draws})
    published = {
        ("up", "yes"): found.up_star, ("down", "yes"): found.down_star, ("up", "no"): REPORTED * found.up,
        ("none", "no"): REPORTED * (1 - found.star), ("down", "unclear"): 1 - found.rise,
    }[direction, star]  # fmt: skip
    if star != "unclear":
        published /= found.star + REPORTED * (1 - found.star)
    assert math.exp(log_probability(row, groups)[0]) == pytest.approx(published, abs=0.01)


def test_probabilities_stay_numbers_however_large_the_effect() -> None:
    row = made_contrast(direction="down", significant="yes", n_low=3, n_high=12)
    shifts = np.linspace(-100, 100, 2001)
    groups = {"navitoclax": Group(100 + shifts, np.ones(2001)), "vehicle": Group(np.full(2001, 100.0), np.ones(2001))}
    found = log_probability(row, groups)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 1e-6).all()  # the larger the fall, the likelier the star
    assert found[0] == pytest.approx(0.0, abs=1e-6)


def test_values_and_bounds_on_the_log_scale() -> None:
    fall = next(
        row for row in load_evidence() if row.id.startswith("ash2006-platelets/abstract") and row.subset == "fall"
    )
    groups = {
        "navitoclax": Group(np.array([150.0]), np.array([15.0])),
        "vehicle": Group(np.array([1000.0]), np.array([0.0])),
    }
    n = np.mean([3, 6, 10])  # the ends and the middle of 3 to 10
    spread = math.sqrt(0.1**2 / n + MISFIT**2)
    kept = stats.norm.cdf((math.log(0.2) - math.log(0.15)) / spread)
    assert math.exp(log_probability(fall, groups)[0]) == pytest.approx(kept, rel=0.02)


def test_noise_is_sampled_once_and_read_off_smoothly() -> None:
    """Poisson over 1 mm2 has the density as variance; thirty touches have p (1 - p) / 0.3."""
    counts = NoiseTable.around(readout("osteoclast_density"), 15.0, seed=1)
    mean, variance = counts.moments(np.array([3.0, 15.0, 60.0]))
    assert mean == pytest.approx([3, 15, 60], rel=0.05)
    assert variance == pytest.approx([3, 15, 60], rel=0.1)
    levels = np.linspace(5, 6, 11)
    assert (np.diff(counts.moments(levels)[1]) > 0).all()  # no jumps to climb over
    score = NoiseTable.around(readout("endplate_score"), 2.0, seed=1)
    assert score.moments(np.array([30.0]))[0] == pytest.approx([10.0])  # the scale ends


def test_the_problem_is_made_of_calibration_rows_only() -> None:
    whole = Problem.published(animals=2)
    assert {row.role for row in whole.facts} == {"calibration"}
    assert all(can_judge(row) for row in whole.facts)
    named = {(row.study, row.arm, row.versus) for row in whole.facts}
    assert len(named) == pytest.approx(sum(weight**2 for weight in whole.weights))  # one per comparison


def test_candidates_are_judged_alike_alone_or_together() -> None:
    small = problem()
    centre = small.priors.centre
    both = np.vstack([centre, centre + 0.3])
    together = small.log_likelihoods(both)
    assert together[0] == pytest.approx(small.log_likelihoods(centre[None])[0], abs=1e-12)
    assert together[1] == pytest.approx(small.log_likelihoods((centre + 0.3)[None])[0], abs=1e-12)
    assert not np.allclose(together[0], together[1])


def test_a_climb_rises_is_kept_and_goes_on(tmp_path: Path) -> None:
    small = problem()
    seen: list[tuple[int, int]] = []
    fit = calibrate(
        small, tmp_path, starts=2, iterations=2, on_progress=lambda start, step, _: seen.append((start, step))
    )
    assert fit.log_posterior["fit"] >= fit.log_posterior["register"]
    assert all(start.reached >= start.begun for start in fit.starts)
    assert {start for start, _ in seen} == {0, 1}
    seen.clear()
    (tmp_path / "start-1.json").unlink()  # stopped within the second climb
    again = calibrate(
        small, tmp_path, starts=2, iterations=2, on_progress=lambda start, step, _: seen.append((start, step))
    )
    assert {start for start, _ in seen} == {1}
    assert again == fit
    write_fit(fit, tmp_path / "fit.json")
    assert load_fit(tmp_path / "fit.json") == fit
    assert fit.stale(small) == []
    assert fit.stale(dataclasses.replace(small, facts=small.facts[:0])) == ["evidence", "arms"]


def test_starts_of_another_problem_are_not_mixed_in(tmp_path: Path) -> None:
    small = problem()
    calibrate(small, tmp_path, starts=1, iterations=1)
    with pytest.raises(CalibrationError, match="run of another problem"):
        calibrate(problem(animals=4), tmp_path, starts=1, iterations=1)


def test_a_likelihood_that_is_not_finite_names_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = problem()
    monkeypatch.setattr(
        Problem, "log_likelihoods", lambda self, normal: np.full((len(normal), len(self.facts)), -np.inf)
    )
    with pytest.raises(CalibrationError, match="likelihood of 'ash2006-platelets") as caught:
        calibrate(small, tmp_path / "new")
    assert caught.value.where == small.facts[0].where
    assert not (tmp_path / "new").exists()


def test_evidence_that_calibrates_nothing_is_refused() -> None:
    with pytest.raises(CalibrationError, match="no fact calibrates"):
        Problem.published(evidence=[row for row in load_evidence() if row.role == "validation"])
    with pytest.raises(CalibrationError, match="no spread"):
        Problem.published(animals=1)


def test_a_file_that_is_no_fit_is_refused(tmp_path: Path) -> None:
    for text in ("{", "{}", '{"starts": [{}]}', "[]"):
        (tmp_path / "fit.json").write_text(text)
        with pytest.raises(FileError, match="cannot read a fit"):
            load_fit(tmp_path / "fit.json")
    with pytest.raises(FileError, match="cannot read a fit"):
        load_fit(tmp_path / "none.json")


def test_a_fit_of_another_model_is_refused(mouse: Model, tmp_path: Path) -> None:
    plain = json.loads(fit_module.SHIPPED.read_text())
    plain["hashes"]["model"] = "0" * 64
    (tmp_path / "old.json").write_text(json.dumps(plain))
    with pytest.raises(CalibrationError, match="the fit is stale") as caught:
        chosen_parameters(str(tmp_path / "old.json"), mouse)
    assert "--parameters register" in (caught.value.remedy or "")
    assert chosen_parameters("register", mouse) == {}


def test_the_shipped_fit_belongs_to_what_is_shipped(mouse: Model) -> None:
    """Stale as soon as model, calibration rows, arms or assays change: then 'senospine calibrate' makes a new one."""
    fit = shipped_fit()
    whole = Problem.published(animals=fit.animals, seed=fit.seed)
    assert fit.stale(whole) == []
    assert set(fit.values) == set(whole.priors.names)
    assert chosen_parameters("fit", mouse) == dict(fit.values)
    normal = np.array([fit.shift[name] for name in whole.priors.names])
    assert np.abs(normal).max() <= posterior_mode.FARTHEST


def test_the_shipped_fit_is_as_high_as_it_says() -> None:
    fit = shipped_fit()
    whole = Problem.published(animals=fit.animals, seed=fit.seed)
    best = max(fit.starts, key=lambda start: start.reached)
    assert float(whole.log_posterior(np.array(best.normal))[0]) == pytest.approx(fit.log_posterior["fit"], abs=0.05)
