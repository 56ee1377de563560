"""Responders: published examples, statsmodels, and what must hold by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2
from statsmodels.stats.proportion import confint_proportions_2indep

from senospine.errors import AnalysisError
from senospine.stats.risks import odds_ratio, risk_difference

# Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, Table II, methods 10 and 5:
# 56/70 - 48/80, 9/10 - 3/10, 6/7 - 2/7, 5/56 - 0/29, 0/10 - 0/20, 10/10 - 0/20
COUNTS = [(56, 70, 48, 80), (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (0, 10, 0, 20), (10, 10, 0, 20)]
HYBRID = [(0.0524, 0.3339), (0.1705, 0.8090), (0.0582, 0.8062), (-0.0381, 0.1926), (-0.1611, 0.2775), (0.6791, 1.0)]
SCORE = [(0.0528, 0.3382), (0.1700, 0.8406), (0.0342, 0.8534), (-0.0326, 0.1933), (-0.1658, 0.2844), (0.7156, 1.0)]


@pytest.mark.parametrize(("counts", "hybrid", "score"), list(zip(COUNTS, HYBRID, SCORE, strict=True)))
def test_intervals_of_newcombes_table(
    counts: tuple[int, ...], hybrid: tuple[float, float], score: tuple[float, float]
) -> None:
    for method, expected in (("newcombe", hybrid), ("miettinen-nurminen", score)):
        found = risk_difference(*counts, method=method)
        assert (round(found.lower, 4), round(found.upper, 4)) == pytest.approx(expected, abs=1.01e-4)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (12, 33, 20, 41), (3, 50, 9, 45)])
def test_agrees_with_statsmodels(counts: tuple[int, ...]) -> None:
    x1, n1, x0, n0 = counts
    for method, name in (("newcombe", "newcomb"), ("wald", "wald")):  # its score interval misses Newcombe's table
        peer = confint_proportions_2indep(x1, n1, x0, n0, method=name, compare="diff")
        found = risk_difference(*counts, method=method)
        assert (found.lower, found.upper) == pytest.approx(peer, abs=2e-6)
    table = Table2x2([[x1, n1 - x1], [x0, n0 - x0]])
    ratio = odds_ratio(*counts)
    assert ratio.estimate == pytest.approx(table.oddsratio, rel=1e-12)
    assert (ratio.lower, ratio.upper) == pytest.approx(table.oddsratio_confint(), rel=1e-10)
    assert ratio.p == pytest.approx(table.oddsratio_pvalue(), rel=1e-9)


@pytest.mark.parametrize("counts", [(12, 33, 20, 41), (3, 50, 9, 45), (9, 10, 3, 10)])
def test_ends_of_the_score_interval_by_maximising_the_likelihood(counts: tuple[int, ...]) -> None:
    """At an end, the score statistic with the restricted estimates is the normal quantile."""
    x1, n1, x0, n0 = counts
    found = risk_difference(*counts)
    for end in (found.lower, found.upper):

        def minus_log(p: float, end: float = end) -> float:
            return -(
                x1 * np.log(p + end) + (n1 - x1) * np.log(1 - p - end) + x0 * np.log(p) + (n0 - x0) * np.log(1 - p)
            )

        ends = (max(0.0, -end) + 1e-9, min(1.0, 1 - end) - 1e-9)
        p0 = minimize_scalar(minus_log, bounds=ends, method="bounded", options={"xatol": 1e-10}).x
        p1 = p0 + end
        variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * (n1 + n0) / (n1 + n0 - 1)
        assert abs(found.estimate - end) / np.sqrt(variance) == pytest.approx(1.959963984540054, rel=1e-5)


def test_strata_by_mantel_and_haenszel() -> None:
    x1, n1, x0, n0 = np.array([12, 5, 30]), np.array([33, 20, 60]), np.array([8, 2, 22]), np.array([31, 22, 55])
    tables = [np.array([[a, b - a], [c, d - c]]) for a, b, c, d in zip(x1, n1, x0, n0, strict=True)]
    peer = StratifiedTable([item.astype(float) for item in tables])
    found = odds_ratio(x1, n1, x0, n0)
    assert found.estimate == pytest.approx(peer.oddsratio_pooled, rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx(peer.oddsratio_pooled_confint(), rel=1e-9)
    difference = risk_difference(x1, n1, x0, n0)
    weight = n1 * n0 / (n1 + n0)
    assert difference.estimate == pytest.approx(((x1 / n1 - x0 / n0) * weight).sum() / weight.sum(), rel=1e-12)
    assert difference.lower < difference.estimate < difference.upper


def test_interval_and_p_say_the_same_and_groups_may_change_places() -> None:
    for counts in COUNTS[:4]:
        found = risk_difference(*counts, level=0.9)
        assert (found.p < 0.1) == (found.lower > 0 or found.upper < 0)
        at_p = risk_difference(*counts, level=1 - found.p)
        assert min(abs(at_p.lower), abs(at_p.upper)) < 1e-6
        swapped = risk_difference(*counts[2:], *counts[:2], level=0.9)
        assert (swapped.lower, swapped.upper) == pytest.approx((-found.upper, -found.lower), abs=1e-9)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(AnalysisError, match="0 <= responders"):
        risk_difference(5, 4, 1, 4)
    with pytest.raises(AnalysisError, match="no method"):
        risk_difference(1, 4, 1, 4, method="exact")
    with pytest.raises(AnalysisError, match="no strata"):
        risk_difference([1, 2], [4, 4], [1, 1], [4, 4], method="newcombe")
    with pytest.raises(AnalysisError, match="zero or infinite"):
        odds_ratio(0, 10, 3, 10)
    with pytest.raises(AnalysisError, match="level"):
        odds_ratio(1, 10, 3, 10, level=1.0)
