"""Weights: closed forms, an independent algorithm, and what cannot be weighted."""

from __future__ import annotations

import numpy as np
import pytest

from senospine.errors import AnalysisError
from senospine.stats.balancing import entropy_balance


def test_one_share_has_a_closed_form() -> None:
    group = np.array([1.0] * 30 + [0.0] * 70)
    found = entropy_balance((group - 0.5)[:, None], [1e-6])
    np.testing.assert_allclose(found.weights[:30], 0.5 / 30, rtol=1e-5)
    np.testing.assert_allclose(found.weights[30:], 0.5 / 70, rtol=1e-5)
    assert found.effective_size == pytest.approx(1 / (0.25 / 30 + 0.25 / 70), rel=1e-5)


def test_margins_are_those_of_iterative_proportional_fitting() -> None:
    generator = np.random.default_rng(1)
    a, b = (generator.random((2, 500)) < np.array([[0.3], [0.6]])).astype(float)
    found = entropy_balance(np.stack([a - 0.55, b - 0.4], axis=1), [1e-6, 1e-6]).weights
    raked = np.full(500, 1 / 500)
    for _ in range(200):
        for column, share in ((a, 0.55), (b, 0.4)):
            raked *= np.where(column > 0, share / (raked @ column), (1 - share) / (raked @ (1 - column)))
    np.testing.assert_allclose(found, raked, rtol=1e-4)


def test_what_is_known_less_well_is_met_less_closely() -> None:
    group = np.array([1.0] * 10 + [0.0] * 90)
    columns = np.stack([group - 0.2, group - 0.4], axis=1)  # two sources that disagree
    shares = [float(entropy_balance(columns, [0.01, error]).weights @ group) for error in (0.01, 0.03, 0.3)]
    assert shares[0] == pytest.approx(0.3, abs=0.01)
    assert shares[0] > shares[1] > shares[2] > 0.19


def test_even_weights_where_nothing_is_asked_that_is_not_so() -> None:
    found = entropy_balance([[-0.5], [0.5]], [0.1])
    assert found.weights.tolist() == [0.5, 0.5]
    assert found.effective_size == 2


@pytest.mark.parametrize(
    ("columns", "errors", "said"),
    [
        ([[0.1]], [0.0], "not above 0"),
        ([[np.nan]], [1.0], "not finite"),
        ([[0.1, 0.2]], [1.0], "one tolerance for each"),
    ],
)
def test_what_cannot_be_weighted_is_refused(columns: list[list[float]], errors: list[float], said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        entropy_balance(columns, errors)


def test_people_on_one_side_only_of_a_target_are_told() -> None:
    with pytest.raises(AnalysisError, match="no weights were found"):
        entropy_balance(np.full((5, 1), 0.5), [1e-9])
