"""What data speak about, what they would have printed, how rows are scored, and how parts are kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sampling_cases import Straight

from senospine.calibration import Posterior, load_problem, shipped_posterior
from senospine.calibration.identify import groups, in_words, profile, spoken
from senospine.calibration.problem import Problem
from senospine.calibration.recovery import Recovery, recover
from senospine.calibration.reduced import Reduced
from senospine.calibration.simulated import outcomes, simulate, untempered
from senospine.calibration.uncertainty import Asked, run_parts, shipped_uncertainty
from senospine.calibration.validation import _in_sets, by_role, row_scores
from senospine.errors import CalibrationError
from senospine.evidence import Contrast, Value


@pytest.fixture(scope="module")
def few() -> Problem:
    """The mouse with three free parameters and the facts of two studies."""
    problem = load_problem("mouse").for_sampling().without_factors()
    free = ("senescence_instability_gain", "pain_mechanical_exponent", "senescence_removal_rate")
    rest = {row.name: row.value for row in problem.priors.rows if row.name not in free}
    facts = tuple(row for row in problem.facts if row.study in {"pan2024-lsi", "karin2019"})
    return replace(problem, facts=facts, fixed=rest)


def _posterior(draws: np.ndarray, facts: np.ndarray) -> Posterior:
    straight = Straight(parameters=draws.shape[1])
    names = tuple(f"fact{i}" for i in range(facts.shape[1]))
    made = {"hashes": {}}
    return Posterior(draws, facts, np.ones(len(names)), straight.priors, names, names, (0.0,), {}, {}, made, {}, "made")


def _summed(n: int = 4000) -> Posterior:
    """x0 + x1 is measured to 1.2, x2 to 0.3, x3 not at all: a closed form."""
    matrix = np.array([[1.0, 1, 0, 0], [0, 0, 1, 0]])
    spread = np.array([1.2, 0.3])
    covariance = np.linalg.inv(np.eye(4) + matrix.T @ np.diag(spread**-2) @ matrix)
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(4), covariance, n)
    return _posterior(draws, -0.5 * (draws @ matrix.T / spread) ** 2)


def test_data_speak_of_what_they_measure() -> None:
    found = spoken(_summed())
    assert found["clearly"][0] == "x2"
    assert {*found["clearly"][1:], *found["something"]} == {"x0", "x1"}
    assert found["prior only"] == ["x3"]


def test_what_is_measured_as_a_sum_trades_off_and_the_fact_that_ties_it_is_named() -> None:
    (group,) = groups(_summed())
    assert group.names == ("x0", "x1")
    assert group.pairs[0][2] == pytest.approx(-1 / (1 + 1.44), abs=0.04)
    assert group.ties[0][0] == "fact0"
    words = " ".join(in_words(_summed()))
    assert "x0, x1 are known together better than one by one" in words
    assert "tied by fact0" in words
    assert "Prior only: x3." in words


def test_a_profile_is_the_closed_forms() -> None:
    """Of normal data the profile's log posterior is -(u - mean)^2 / (2 variance)."""
    straight = Straight(parameters=5)
    mean, covariance, _ = straight.exact()
    draws = np.random.default_rng(1).multivariate_normal(mean, covariance, 5000)
    posterior = replace(_posterior(draws, straight.log_likelihoods(draws)), priors=straight.priors)

    class Tall(Straight):
        def log_posterior(self, normal: np.ndarray) -> np.ndarray:
            return self.log_likelihoods(normal).sum(axis=1) - 0.5 * (normal**2).sum(axis=1)

    found = profile(Tall(parameters=5), posterior, "x2", points=7)
    exact = -0.5 * (np.linspace(-2.5, 2.5, 7) - mean[2]) ** 2 / covariance[2, 2]
    assert found.log_posterior == pytest.approx(exact - exact.max(), abs=0.05)
    with pytest.raises(CalibrationError, match="not free"):
        profile(Tall(parameters=5), posterior, "x9")


def test_what_a_paper_could_have_said_has_probability_one(few: Problem) -> None:
    for row in few.facts[::4]:
        if options := outcomes(row):
            logs = few.with_facts(options).log_likelihoods(np.zeros((2, 3)))
            assert np.exp(logs).sum(axis=1) == pytest.approx(1.0, abs=2e-3)
            assert row in options


def test_simulated_facts_follow_their_probabilities(few: Problem) -> None:
    plain = untempered(few)
    truth = np.tile([0.5, 0.2, -0.3], (3000, 1))
    sets = simulate(plain, truth, np.random.default_rng(1))
    row = next(row for row in plain.facts if isinstance(row, Contrast) and row.significant == "yes")
    place = plain.facts.index(row)
    chance = math.exp(float(plain.with_facts([row]).log_likelihoods(truth[:1])[0, 0]))
    share = np.mean([rows[place] == row for rows in sets])
    assert share == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 3000) + 1e-3)
    told = [rows[0].value for rows in sets if isinstance(rows[0], Value)]
    first = plain.facts[0]
    measured = plain.measured(plain.priors.values(truth[:1]))
    middle = measured.group((first.study, first.arm, first.at), first.readout).mean[0]
    assert np.median(told) == pytest.approx(middle, rel=0.05)


def test_means_come_with_every_contrast(few: Problem) -> None:
    plain = untempered(few)
    (stars,), (both,) = (simulate(plain, np.zeros((1, 3)), np.random.default_rng(1), means=m) for m in (False, True))
    contrasts = [row for row in plain.facts if isinstance(row, Contrast)]
    assert len(both) == len(stars) + len(contrasts)
    assert np.isfinite(plain.with_facts(both).log_likelihoods(np.zeros((1, 3)))).all()


def test_a_grid_reads_as_the_problem_it_stands_for(few: Problem) -> None:
    free = ("pain_mechanical_exponent", "senescence_instability_gain")
    found = Reduced.of(few, free, nodes=17)
    at = np.array([[0.31, -0.42], [-1.2, 0.9]])
    full = np.zeros((2, 3))
    names = few.priors.names
    full[:, [names.index(name) for name in free]] = at
    full[:, 2] = few.priors.centre[2]
    rows = [index for index, row in enumerate(few.facts) if row in found.facts]
    assert found.log_likelihoods(at).sum(axis=1) == pytest.approx(
        few.log_likelihoods(full)[:, rows].sum(axis=1), abs=0.6
    )
    said = found.simulated(at[0], np.random.default_rng(0))
    assert len(said.facts) == len(found.facts)


def test_prediction_sets_hold_what_they_should() -> None:
    shares = np.array([0.6, 0.3, 0.1])
    assert _in_sets(shares, 0) == {0.5: pytest.approx(0.5 / 0.6), 0.9: 1.0}
    assert _in_sets(shares, 1) == {0.5: 0.0, 0.9: pytest.approx(1.0)}
    assert _in_sets(shares, 2) == {0.5: 0.0, 0.9: pytest.approx(0.0, abs=1e-9)}
    for edge in (0.5, 0.9):  # over outcomes drawn by their shares a set holds its level
        assert sum(share * _in_sets(shares, i)[edge] for i, share in enumerate(shares)) == pytest.approx(edge)


def test_rows_are_scored_by_role_beside_other_rules() -> None:
    problem = load_problem("mouse").for_sampling()
    scores = row_scores(problem, shipped_posterior(), draws=12)
    roles = by_role(scores)
    assert {*roles} == {"calibration", "validation"}
    assert roles["calibration"]["rows"] == len(problem.facts)
    assert all(math.isfinite(item.log_score) for item in scores)
    assert {item.fact.role for item in scores if not math.isnan(item.burden)} == {"calibration", "validation"}


def test_recovery_counts_what_it_says() -> None:
    truths = np.random.default_rng(0).standard_normal((400, 2))
    noise = np.random.default_rng(1).standard_normal((400, 2)) * 0.6
    means = (truths + noise) / (1 + 0.36)
    sds = np.full((400, 2), math.sqrt(0.36 / 1.36))
    place = (truths - means) / sds
    ranks = np.round((1 + np.vectorize(math.erf)(place / math.sqrt(2))) / 2 * 100).astype(int)
    found = Recovery(("a", "b"), "stars", truths, means, sds, ranks, 100)
    assert found.contraction() == pytest.approx(1 - 0.36 / 1.36)
    assert found.explained() == pytest.approx(1 / 1.36, abs=0.05)
    assert found.coverage(0.9) == pytest.approx(0.9, abs=0.04)


def test_parts_are_kept_and_made_again_once_the_posterior_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, posterior = load_problem("mouse").for_sampling(), shipped_posterior()
    first = run_parts(problem, posterior, ("identify",), tmp_path)
    monkeypatch.setattr("senospine.calibration.identify.summary", lambda _: {"made": "again"})
    assert run_parts(problem, posterior, ("identify",), tmp_path) == first
    other = replace(posterior, log_evidence=(1.0,))
    assert run_parts(problem, other, ("identify",), tmp_path)["identify"] == {"made": "again"}
    with pytest.raises(CalibrationError, match="no part 'rival'"):
        run_parts(problem, posterior, ("rival",), tmp_path)
    with pytest.raises(CalibrationError, match="of another problem"):
        run_parts(replace(problem, width=2.0), posterior, ("identify",), tmp_path, asked=Asked())


def test_what_is_shipped_is_of_the_shipped_posterior() -> None:
    assert shipped_uncertainty()["posterior"] == dict(shipped_posterior().hashes)


def test_fits_of_simulated_data_are_kept_and_go_on(few: Problem, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def fitted(problem: Problem, seed: int) -> np.ndarray:
        seen.append((len(problem.facts), sum(isinstance(row, Value) for row in problem.facts)))
        return np.random.default_rng(seed).standard_normal((40, len(problem.priors.names)))

    first = recover(few, tmp_path, replicates=2, fitted=fitted)
    assert seen[0][0] == seen[1][0]  # means stand in place of stars, not beside them
    assert seen[0][1] < seen[1][1] == seen[1][0]
    again = recover(few, tmp_path, replicates=2, fitted=fitted)
    assert len(seen) == 4
    assert np.array_equal(first["means"].ranks, again["means"].ranks)
