"""Rivals: what a file may say, what a switch does, evidence against closed forms, the rule's verdicts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

from senospine.calibration import load_problem
from senospine.calibration.problem import Problem
from senospine.calibration.rival_scores import CANNOT_TELL, Base, Difference, RivalScore, log_scores, rival_scores
from senospine.calibration.rivals import Rival, load_rivals
from senospine.calibration.tempering import temper
from senospine.errors import CalibrationError


@pytest.fixture(scope="module")
def few() -> Problem:
    """The mouse with three free parameters and one study."""
    problem = load_problem("mouse").for_sampling().without_factors()
    free = ("senescence_instability_gain", "pain_mechanical_exponent", "navitoclax_kill_rate_max")
    rest = {row.name: row.value for row in problem.priors.rows if row.name not in free}
    return replace(problem, facts=tuple(row for row in problem.facts if row.study == "pan2024-lsi"), fixed=rest)


def _rival(**changes: object) -> Rival:
    plain: dict[str, object] = {"held": {}, "freed": (), "times": {}, "rules": {}}
    return Rival("question", "rival", "model", **(plain | changes))  # type: ignore[arg-type]


def test_the_shipped_rivals_answer_the_questions_of_the_field() -> None:
    rivals = load_rivals()
    assert len({rival.question for rival in rivals}) == 7
    assert {"synergy", "nerves alone", "PGE2 alone"} <= {rival.name for rival in rivals}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set: {drug_interation: 1}", "no parameter 'drug_interation'"),
        ("free: [tlr4_activity]", "no prior to be drawn from"),
        ("rules: {none.ant: {a: b}}", "no module 'none.ant'"),
        ("hold: {drug_interaction: 1}", "extra inputs"),
    ],
)
def test_a_rival_that_cannot_stand_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"rivals:\n- question: q\n  model: m\n  answers:\n    mine:\n      {text}\n", encoding="utf-8")
    with pytest.raises(CalibrationError, match=message) as error:
        load_rivals(path)
    assert "mine.yaml:" in str(error.value)


def test_a_rule_that_assigns_nothing_is_refused(few: Problem) -> None:
    with pytest.raises(CalibrationError, match="assigns 'nothing' 0 times"):
        _rival(rules={"pain.ant": {"nothing": "1"}}).of(few).log_likelihoods(few.priors.centre[None])


def test_a_held_parameter_acts_as_a_fixed_one(few: Problem) -> None:
    centre = np.array([[0.3, -0.4, 0.2]])
    fixed = replace(few, fixed={**few.fixed, "navitoclax_kills_osteoclasts": 1.0})
    held = _rival(held={"navitoclax_kills_osteoclasts": 1.0}).of(few)
    assert held.log_likelihoods(centre) == pytest.approx(fixed.log_likelihoods(centre))
    assert abs(held.log_likelihoods(centre) - few.log_likelihoods(centre)).max() > 0.1


def test_a_rule_written_as_it_stands_changes_nothing(few: Problem) -> None:
    rule = {"pain.ant": {"felt": "1 + (1 - analgesia) * max(sensitisation - 1, 0)"}}
    centre = few.priors.centre[None]
    found = _rival(rules=rule).of(few).log_likelihoods(centre)
    assert found == pytest.approx(few.log_likelihoods(centre), abs=1e-3)  # the solver steps otherwise


def test_what_is_freed_is_drawn_evenly_over_its_prior(few: Problem) -> None:
    rival = _rival(freed=("drug_interaction",)).of(few)
    drawn = rival.extended(np.zeros((200, 3)), seed=1)
    values = np.sort(rival.values(drawn)["drug_interaction"])
    assert values == pytest.approx(np.linspace(-0.995, 0.995, 200), abs=1e-6)


def test_evidence_by_weights_is_the_ratio_of_integrals(few: Problem) -> None:
    """On a grid over the prior both evidences are sums; tempering has to give one, weights their ratio."""
    nodes, chances = np.polynomial.hermite_e.hermegauss(9)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    prior = (
        np.prod(np.stack(np.meshgrid(chances, chances, chances, indexing="ij")), axis=0).ravel() / chances.sum() ** 3
    )
    rival = _rival(held={"navitoclax_kills_osteoclasts": 1.0})
    mine, other = (logsumexp(item.log_likelihoods(grid) @ few.weights, b=prior) for item in (few, rival.of(few)))
    walkers = temper(few, walkers=64, seed=3, polish=1)
    assert logsumexp(walkers.log_evidence) - math.log(4) == pytest.approx(mine, abs=0.4)
    base = Base(few, few, walkers.normal, walkers.facts, walkers.log_evidence)
    found = rival_scores([rival], {1.0: base}, retemper=False)[0].evidence[1.0]
    assert found.pareto_k < 0.7
    assert abs(found.nats - (other - mine)) < 4 * found.error
    assert found.error < 0.4


def _score(**evidence: tuple[float, float]) -> RivalScore:
    found = {float(width[1:].replace("_", ".")): Difference(*pair) for width, pair in evidence.items()}
    return RivalScore(_rival(), found, Difference(0, 1), Difference(0, 1))


def test_the_verdict_is_by_rule() -> None:
    assert _score(w0_5=(-3, 0.2), w1=(-4, 0.2), w2=(-2, 0.2)).verdict == "less likely than the model, 7 to 1 or beyond"
    assert _score(w0_5=(3, 0.2), w1=(4, 0.2), w2=(5, 0.2)).verdict.startswith("more likely")
    assert _score(w0_5=(-3, 0.2), w1=(-0.9, 0.1), w2=(-2, 0.2)).verdict == CANNOT_TELL  # below one nat
    assert _score(w0_5=(-3, 0.2), w1=(-3, 2.0), w2=(-3, 0.2)).verdict == CANNOT_TELL  # within its error
    assert _score(w0_5=(-3, 0.2), w1=(3, 0.2), w2=(-3, 0.2)).verdict == CANNOT_TELL  # the prior decides
    assert _score(w1=(-9, math.inf)).verdict == CANNOT_TELL  # weights that cannot be trusted


def test_a_row_left_out_is_predicted_by_the_others() -> None:
    """Two data about one normal mean: without one, the other's posterior predicts it."""
    generator = np.random.default_rng(4)
    mean = generator.normal(1.0 / 3, math.sqrt(1 / 3), 40_000)  # prior N(0, 1), data 0 and 1 with SD 1
    facts = np.column_stack([-0.5 * mean**2, -0.5 * (1 - mean) ** 2]) - 0.5 * math.log(2 * math.pi)
    found = log_scores(np.zeros(len(mean)), facts, np.ones(2))
    # without the second, 1 is predicted by N(0, 3/2); without the first 0 by N(1/2, 3/2)
    exact = -0.5 * 0.25 / 1.5 - 0.5 * math.log(2 * math.pi * 1.5)
    assert found[0] == pytest.approx(exact, abs=0.02)
    assert found[1] == pytest.approx(-0.5 * 1 / 1.5 - 0.5 * math.log(2 * math.pi * 1.5), abs=0.02)
