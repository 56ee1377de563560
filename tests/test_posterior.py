"""The sampler against closed forms; runs that are killed, resumed, refused; the small file that is kept."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sampling_cases import Straight, run
from scipy import stats
from study_helpers import contents

from senospine.calibration import Posterior, Problem, load_problem, sample, shipped_posterior
from senospine.calibration.posterior import SHIPPED_POSTERIOR
from senospine.calibration.proposals import TAIL, Reference, propose
from senospine.errors import CalibrationError, FileError
from senospine.model import Model


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    folder = tmp_path_factory.mktemp("run")
    return sample(Straight(), folder=folder, walkers=256, draws=4000, effective=4000, command="made by a test")


def test_a_posterior_with_a_closed_form_is_found(sampled: Posterior) -> None:
    mean, covariance, _ = Straight().exact()
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(sampled.draws.mean(axis=0) - mean) / sd).max() < 5 / np.sqrt(4000)
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (sampled.draws - mean).T)
    assert np.cov(whitened) == pytest.approx(np.eye(12), abs=0.1)
    for row in whitened:
        assert stats.kstest(row[::2], "norm").pvalue > 1e-3
    assert sampled.diagnostics["largest_nested_rhat"] < 1.01
    assert sampled.diagnostics["smallest_bulk_effective"] >= 4000
    found = sampled.contraction()
    assert [found[f"x{i}"] for i in range(12)] == pytest.approx(1 - sd**2, abs=0.08)


def test_the_evidence_is_found_with_an_error_that_covers_it(sampled: Posterior) -> None:
    _, _, evidence = Straight().exact()
    assert len(sampled.log_evidence) == 4
    assert np.mean(sampled.log_evidence) == pytest.approx(evidence, abs=0.6)


def test_without_data_the_prior_comes_out(tmp_path: Path) -> None:
    class Silent(Straight):
        def log_likelihoods(self, normal: np.ndarray) -> np.ndarray:
            return np.zeros((len(normal), 4))

    found = sample(Silent(), folder=tmp_path, walkers=128, draws=2000)
    assert found.log_evidence == pytest.approx((0.0,) * 4)
    assert found.run["accepted"] > 0.9  # the moves are made for this
    for column in found.draws.T:
        assert stats.kstest(column[::2], "norm").pvalue > 1e-4


def test_a_wider_prior_is_a_wider_posterior(tmp_path: Path) -> None:
    found = sample(Straight(), folder=tmp_path, walkers=128, draws=2000, width=2.0)
    mean, covariance, _ = Straight(width=2.0).exact()
    assert found.width == 2.0
    assert found.values()["x3"] == pytest.approx(2 * found.draws[:, 3])
    assert found.draws.mean(axis=0) == pytest.approx(mean, abs=0.15)
    assert found.draws.std(axis=0) == pytest.approx(np.sqrt(np.diag(covariance)), rel=0.1)


def test_moves_leave_their_reference_as_it_is() -> None:
    """A Student's t: drawn exactly, moved without rejection, still the same."""
    generator = np.random.default_rng(1)
    root = generator.standard_normal((3, 3)) / 2
    reference = Reference(np.array([1.0, -2.0, 0.5]), root @ root.T + np.eye(3))
    target = stats.multivariate_t(reference.mean, reference.covariance, df=TAIL, seed=2)
    draws = target.rvs(20_000)
    moved, balance = propose(reference, draws, 0.6, generator)
    assert balance == pytest.approx(target.logpdf(draws) - target.logpdf(moved), abs=1e-9)
    for before, after in zip(draws.T, moved.T, strict=True):
        assert stats.ks_2samp(before, after).pvalue > 1e-3
    assert np.corrcoef(draws[:, 0], moved[:, 0])[0, 1] == pytest.approx(0.8, abs=0.03)


def test_chance_directions_are_the_priors_and_sharp_ones_stay() -> None:
    generator = np.random.default_rng(3)
    draws = generator.standard_normal((600, 60))
    assert Reference.of_draws(draws, 600).covariance == pytest.approx(np.eye(60), abs=1e-9)
    draws[:, 7] *= 0.05
    found = Reference.of_draws(draws, 600).covariance
    assert found[7, 7] == pytest.approx(0.0025, rel=0.3)
    assert np.delete(np.diag(found), 7) == pytest.approx(np.ones(59), abs=0.02)


def test_fewer_draws_than_parameters_make_no_direction_sharp() -> None:
    draws = np.repeat(np.random.default_rng(4).standard_normal((40, 60)), 2, axis=0)
    assert Reference.of_draws(draws, 40).covariance == pytest.approx(np.eye(60), abs=1e-9)


def test_a_run_that_was_killed_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole = run(str(tmp_path / "whole"))
    whole.save(tmp_path / "whole.npz")
    script = Path(__file__).with_name("sampling_cases.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 9:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    done = len(list((tmp_path / "killed").glob("round-*.npz")))
    assert 9 <= done < whole.run["rounds"]
    again = run(str(tmp_path / "killed"))
    again.save(tmp_path / "killed.npz")
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    before = contents(tmp_path / "whole")
    assert {name: text for name, text in contents(tmp_path / "killed").items() if ".tmp" not in name} == before


def test_rounds_of_another_problem_are_refused_and_kept(tmp_path: Path) -> None:
    run(str(tmp_path))
    before = contents(tmp_path)
    with pytest.raises(CalibrationError, match="run of another problem") as caught:
        sample(Straight(hashes="1"), folder=tmp_path, walkers=128)
    assert "hashes (model)" in (caught.value.why or "")
    with pytest.raises(CalibrationError, match="run of another problem"):
        sample(Straight(), folder=tmp_path, walkers=160)
    assert contents(tmp_path) == before


def test_a_damaged_round_says_what_to_do(tmp_path: Path) -> None:
    run(str(tmp_path))
    (tmp_path / "round-00003.npz").write_bytes(b"PK")
    with pytest.raises(FileError, match="cannot read a round") as caught:
        run(str(tmp_path))
    assert "remove this file" in (caught.value.remedy or "")


def test_what_cannot_be_sampled_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Impossible(Straight):
        def log_likelihoods(self, normal: np.ndarray) -> np.ndarray:
            return np.full((len(normal), 4), -np.inf)

    class Elsewhere(Straight):
        def log_likelihoods(self, normal: np.ndarray) -> np.ndarray:
            return np.where(np.abs(normal).max(axis=1, keepdims=True) > 0, -np.inf, np.zeros((len(normal), 4)))

    with pytest.raises(CalibrationError, match="'fact0' is not finite at the register's values") as caught:
        sample(Impossible(), folder=tmp_path / "new")
    assert caught.value.where == "made:0"
    assert not (tmp_path / "new").exists()
    with pytest.raises(CalibrationError, match="no draw from the prior"):
        sample(Elsewhere(), folder=tmp_path / "prior")
    with pytest.raises(CalibrationError, match="30 walkers"):
        sample(Straight(), folder=tmp_path / "new", walkers=30)
    with pytest.raises(CalibrationError, match="nothing free"):
        dataclasses.replace(Problem.published(animals=2), width=0.0)


def test_a_file_says_all_of_a_posterior(sampled: Posterior, tmp_path: Path) -> None:
    sampled.save(tmp_path / "one.npz")
    again = Posterior.load(tmp_path / "one.npz")
    again.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert again.draws == pytest.approx(sampled.draws)
    assert again.priors == sampled.priors
    assert again.diagnostics == sampled.diagnostics
    assert again.command == "made by a test"
    assert again.stale(Straight()) == []
    assert again.stale(Straight(hashes="2")) == ["model"]
    assert again.stale(Straight(width=2.0)) == ["width"]
    for content in (b"", b"PK", b"{}"):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(FileError, match="cannot read a posterior"):
            Posterior.load(tmp_path / "bad.npz")


def test_draws_for_predictions_are_the_posteriors_own_and_the_same_each_time(sampled: Posterior) -> None:
    few = sampled.parameter_draws(50, seed=3)
    assert few.keys() == set(sampled.names)
    known = set(sampled.values()["x0"].tolist())
    assert len(set(few["x0"].tolist()) & known) == 50
    assert all(np.array_equal(few[name], again) for name, again in sampled.parameter_draws(50, seed=3).items())
    assert not np.array_equal(few["x0"], sampled.parameter_draws(50, seed=4)["x0"])


def test_a_study_is_left_out_by_weights_where_they_can_be_trusted(sampled: Posterior, tmp_path: Path) -> None:
    vague = Straight(spread=3.0)
    found = sample(vague, folder=tmp_path, walkers=128, draws=2500)
    weights, shape = found.without_study("study1")
    assert weights.sum() == pytest.approx(1.0)
    matrix, data = vague.matrix[:2], vague.data[:2]
    covariance = np.linalg.inv(np.eye(12) + matrix.T @ matrix / vague.spread**2)
    mean = covariance @ matrix.T @ data / vague.spread**2
    assert shape < 0.7
    assert (np.abs(weights @ found.draws - mean) / np.sqrt(np.diag(covariance))).max() < 0.15
    assert sampled.without_study("study1")[1] > shape  # sharper data, farther to go
    with pytest.raises(CalibrationError, match="no fact of study"):
        sampled.without_study("none")


def test_a_posterior_of_another_model_is_refused(sampled: Posterior, mouse: Model) -> None:
    with pytest.raises(CalibrationError, match="the posterior is stale"):
        sampled.refuse_stale(mouse)


def test_the_shipped_posterior_belongs_to_what_is_shipped() -> None:
    """Stale as soon as model, calibration rows, arms, assays or assumptions change; 'senospine calibrate' makes one."""
    shipped = shipped_posterior()
    problem = load_problem("mouse").for_sampling()
    assert shipped.stale(problem) == []
    assert shipped.names == problem.priors.names
    assert shipped.command.startswith("senospine calibrate mouse")
    assert SHIPPED_POSTERIOR.stat().st_size < 3_000_000
    assert len(shipped.draws) == 2000
    assert shipped.diagnostics["smallest_bulk_effective"] >= 2000
    assert shipped.diagnostics["smallest_tail_effective"] >= 2000
    assert shipped.diagnostics["largest_nested_rhat"] < 1.01
    few = shipped.draws[::400]
    assert problem.log_posterior(few) == pytest.approx(shipped.log_posterior[::400], abs=0.02)
