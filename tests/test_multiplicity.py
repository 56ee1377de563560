"""Procedures for several hypotheses: the closed test they stand for, special cases, and the error they hold."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from senospine.errors import AnalysisError
from senospine.stats.multiplicity import Graph, fallback, hierarchical, holm

P = st.lists(st.floats(0, 1), min_size=3, max_size=5)


@given(P)
def test_holm_is_holm(p: list[float]) -> None:
    found = holm(range(len(p))).test(p)["adjusted"]
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1))
    assert np.allclose(found.to_numpy()[order], np.minimum(stepped, 1.0), atol=1e-12)


@given(P)
def test_hierarchical_is_the_running_maximum(p: list[float]) -> None:
    assert np.allclose(hierarchical(range(len(p))).test(p)["adjusted"], np.maximum.accumulate(p))


# two primary hypotheses that open the way to two secondary ones (Bretz et al. 2009, doi 10.1002/sim.3495)
GATES = Graph(
    ("H1", "H2", "H3", "H4"),
    np.array([0.5, 0.5, 0, 0]),
    np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1], [0, 0, 1, 0]], float),
)


def weights_of(graph: Graph, kept: tuple[int, ...]) -> np.ndarray:
    """Return the weights of an intersection hypothesis: the others taken out one by one, in any order."""
    weights, moves, left = graph.weights.copy(), graph.transitions.copy(), list(range(len(graph.names)))
    for gone in [index for index in left if index not in kept]:
        left.remove(gone)
        new_w, new_m = np.zeros_like(weights), np.zeros_like(moves)
        for i in left:
            new_w[i] = weights[i] + weights[gone] * moves[gone, i]
            for j in left:
                loop = moves[i, gone] * moves[gone, i]
                if i != j and loop < 1:
                    new_m[i, j] = (moves[i, j] + moves[i, gone] * moves[gone, j]) / (1 - loop)
        weights, moves = new_w, new_m
    return weights


@given(st.lists(st.floats(0, 0.1), min_size=4, max_size=4))
def test_a_graph_is_the_closed_test_of_weighted_bonferroni_tests(p: list[float]) -> None:
    found = GATES.test(p)["adjusted"].to_numpy()
    for index in range(4):
        highest = 0.0
        for size in range(1, 5):
            for kept in combinations(range(4), size):
                if index in kept:
                    weights = weights_of(GATES, kept)
                    ratios = [p[i] / weights[i] if weights[i] > 0 else np.inf for i in kept]
                    highest = max(highest, min(min(ratios), 1.0))
        assert found[index] == pytest.approx(highest, abs=1e-12)


def test_a_rejected_share_is_handed_on() -> None:
    table = GATES.test({"H1": 0.01, "H2": 0.03, "H3": 0.005, "H4": 0.02}, alpha=0.05)
    assert table["adjusted"].tolist() == pytest.approx([0.02, 0.06, 0.02, 0.04])  # H3 hands its share to H4
    assert table["rejected"].tolist() == [True, False, True, True]
    second = fallback(["a", "b"], [0.8, 0.2]).test([0.5, 0.009], alpha=0.05)
    assert second["adjusted"].tolist() == pytest.approx([0.625, 0.045])


def test_many_families_are_each_the_one() -> None:
    p = np.random.default_rng(4).beta(0.4, 3, (60, 4))
    p[0], p[1] = 0.0, 1.0
    many = GATES.adjust_many(p)
    for row, got in zip(p, many, strict=True):
        np.testing.assert_allclose(got, GATES.test(row)["adjusted"])
    assert len({tuple(np.argsort(row)) for row in many}) > 10  # by many orders of rejection
    with pytest.raises(AnalysisError, match="p value"):
        GATES.adjust_many(p[:, :3])


def test_family_wise_error_is_held() -> None:
    """Two true hypotheses of four, correlated statistics: at most 5 % of trials reject a true one."""
    generator = np.random.default_rng(3)
    root = np.linalg.cholesky(0.5 * np.eye(4) + 0.5)
    z = generator.normal(size=(1500, 4)) @ root.T + np.array([3.0, 0.0, 0.0, 3.0])
    p = stats.norm.sf(z)
    wrong = [GATES.test(row, alpha=0.05)["rejected"].to_numpy()[[1, 2]].any() for row in p]
    assert np.mean(wrong) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500)
    assert np.mean(wrong) > 0.01


def test_impossible_graphs_are_refused() -> None:
    moves = np.zeros((2, 2))
    with pytest.raises(AnalysisError, match="sum to one"):
        Graph(("a", "b"), np.array([0.9, 0.2]), moves)
    with pytest.raises(AnalysisError, match="lead elsewhere"):
        Graph(("a", "b"), np.array([0.5, 0.5]), np.eye(2))
    with pytest.raises(AnalysisError, match="2 hypotheses need"):
        Graph(("a", "a"), np.array([0.5, 0.5]), moves)
    with pytest.raises(AnalysisError, match="p value"):
        holm(["a", "b"]).test([0.1, 1.2])
