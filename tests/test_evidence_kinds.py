"""Values, bounds, rates and associations: what repeats say to them, and what the naive rule gives them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from study_helpers import made_contrast, made_repeats

from senospine.evidence import Association, Bound, Rate, Repeats, Value, scoreboard
from senospine.evidence.judging import density, judge

COMMON: dict[str, Any] = {
    "id": "row", "study": "made", "subset": "s", "claim": "treatment", "panel": "p", "readout": "platelet_count",
    "arm": "drug", "versus": "vehicle", "at": "", "n_stated": "", "n_low": 6, "n_high": 6, "how_obtained": "text",
    "confidence": "low", "role": "calibration", "source": "s", "doi": "d", "note": "", "where": "made.csv:2",
}  # fmt: skip
REPEATS = 20_000


def value(number: float, scale: str = "change", **changes: Any) -> Value:
    row = {**COMMON, "kind": "value", "scale": scale, "value": number, "spread": math.nan, "spread_kind": ""}
    return Value(**{**row, **changes})


def bound(low: float, high: float, **changes: Any) -> Bound:
    return Bound(**{**COMMON, "kind": "bound", "scale": "change", "low": low, "high": high, **changes})


def groups(drug: float, vehicle: float, cv: float = 0.1, seed: int = 1) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "drug": drug * (1 + cv * generator.standard_normal((REPEATS, 6))),
        "vehicle": vehicle * (1 + cv * generator.standard_normal((REPEATS, 6))),
    }


def test_a_change_is_told_in_per_cent_of_the_other_arm() -> None:
    found = judge(value(-80.0), {"platelet_count": groups(200.0, 1000.0)})
    assert found.ratio == pytest.approx(-80.0, abs=0.3)
    assert found.rise == 0.0
    spread = 100 * 0.2 * math.sqrt(2 * 0.1**2 / 6)  # of a ratio of two means, to first order
    assert found.ratio_high - found.ratio_low == pytest.approx(2 * 1.645 * spread, rel=0.05)


def test_a_bound_has_the_probability_that_it_is_kept() -> None:
    """The mean of six animals of CV 0.1 about 200 lies below 200 half the time; the vehicle's mean moves too."""
    measured = {"platelet_count": groups(200.0, 1000.0)}
    half = judge(bound(-math.inf, -80.0), measured)
    assert half.published == pytest.approx(0.5, abs=0.02)
    sd = 0.2 * math.sqrt(2 * 0.1**2 / 6)
    below = judge(bound(-math.inf, -82.0), measured).published
    assert below == pytest.approx(stats.norm.cdf(-0.02 / sd), abs=0.02)
    assert judge(bound(-100.0, 0.0), measured).published == 1.0


def test_a_values_density_is_the_one_of_its_repeats() -> None:
    """Normal repeats on the log scale: a Student's t through their quartiles, so heights are known."""
    x = np.random.default_rng(3).normal(0.3, 0.2, 200_000)
    row = value(100 * (math.exp(0.3) - 1))
    width = 0.2 * stats.norm.ppf(0.75) / stats.t.ppf(0.75, 4)
    assert density(row, 100 * (np.exp(x) - 1)) == pytest.approx(stats.t.pdf(0, 4) / width, rel=0.02)
    far = value(100 * (math.exp(1.3) - 1))
    assert density(far, 100 * (np.exp(x) - 1)) == pytest.approx(stats.t.pdf(1 / width, 4) / width, rel=0.03)


def test_a_rate_is_counted_animal_by_animal() -> None:
    row = Rate(**{**COMMON, "kind": "rate", "k": 3, "low": -math.inf, "high": 50.0, "n_low": 10, "n_high": 10})
    values = 100 * np.random.default_rng(2).uniform(size=(REPEATS, 10))
    found = judge(row, {"platelet_count": {"drug": values}})
    assert found.published == pytest.approx(stats.binom.pmf(3, 10, 0.5), rel=0.05)
    assert found.ratio == 5


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_an_association_is_pearsons_with_its_own_test(rho: float) -> None:
    generator = np.random.default_rng(5)
    one = generator.standard_normal((REPEATS, 8))
    other = rho * one + math.sqrt(1 - rho**2) * generator.standard_normal((REPEATS, 8))
    other[:, 6:] = one[:, 6:] = np.nan  # a group of six
    row = Association(**{**COMMON, "kind": "association", "claim": "none", "versus": "", "direction": "up",
                         "significant": "yes", "with_readout": "lymphocyte_count"})  # fmt: skip
    found = judge(row, {"platelet_count": {"drug": one}, "lymphocyte_count": {"drug": other}})
    stars = [stats.pearsonr(a[:6], b[:6]) for a, b in zip(one[:400], other[:400], strict=True)]
    up = np.mean([item.statistic > 0 and item.pvalue < 0.05 for item in stars])
    assert found.up_star == pytest.approx(up, abs=4 * math.sqrt(max(up, 0.03) / 400))
    if rho == 0:
        assert found.star == pytest.approx(0.05, abs=4 * math.sqrt(0.05 / REPEATS))
        assert found.rise == pytest.approx(0.5, abs=0.02)


def found(low: float, middle: float, high: float, published: float, rise: float) -> Repeats:
    return Repeats(0.0, rise, 1 - rise, 0.0, middle, low, high, 1000, 0.0, published)


def test_verdicts_of_values_and_bounds() -> None:
    """Agrees inside the central 90 % or with the bound kept more often than not; weak with the sign by far."""
    inside = scoreboard([value(-50.0)], {"row": found(-60, -45, -30, 1.0, 0.0)})[0]
    outside = scoreboard([value(-50.0)], {"row": found(-30, -20, -10, 0.1, 0.05)})[0]
    wrong = scoreboard([value(-50.0)], {"row": found(-10, 5, 20, 0.01, 0.6)})[0]
    assert [score.verdict for score in (inside, outside, wrong)] == ["agrees", "weak", "misses"]
    assert (inside.p_sign, inside.p_star, inside.p_low) == (1.0, None, None)
    kept = scoreboard([bound(-math.inf, -80.0)], {"row": found(-90, -85, -70, 0.8, 0.0)})[0]
    broken = scoreboard([bound(-math.inf, -80.0)], {"row": found(-79, -75, -70, 0.0, 0.0)})[0]
    assert (kept.verdict, broken.verdict) == ("agrees", "weak")
    assert kept.p_published == 0.8


def test_the_naive_rule_is_lent_a_size_where_one_was_published() -> None:
    """Alone on the board the rule is trusted by half. |ln fold| exponential with mean ln 2, on either side.

    Platelets are better with more, so the rule expects a treatment to raise them: a fall lies on its other side.
    """
    score = scoreboard([bound(-math.inf, -80.0)], {"row": found(-90, -85, -70, 0.8, 0.0)})[0]
    assert score.p_naive == pytest.approx(0.5 * math.exp(-math.log(5) / math.log(2)))
    assert score.naive_sign is False
    assert score.gain_bits == pytest.approx(math.log2((800.5 / 1001) / score.p_naive))
    sized = scoreboard([value(100.0)], {"row": found(80, 100, 120, 2.0, 1.0)})[0]
    assert sized.p_naive == pytest.approx(0.5 * math.exp(-1) / math.log(2))
    assert sized.gain_bits == pytest.approx(math.log2(2.0 / sized.p_naive))
    within = scoreboard([bound(-20.0, 20.0)], {"row": found(-5, 0, 5, 0.9, 0.5)})[0]
    low, high = (math.exp(-abs(math.log(1 + x / 100)) / math.log(2)) for x in (-20, 20))
    assert within.p_naive == pytest.approx(1 - 0.5 * low - 0.5 * high)


def test_the_rule_is_silent_without_a_claim_and_on_absolute_values() -> None:
    for row in (value(0.2, "absolute", versus=""), bound(-20.0, 20.0, claim="none")):
        score = scoreboard([row], {"row": found(0.1, 0.2, 0.3, 1.0, 0.5)})[0]
        assert (score.p_naive, score.gain_bits) == (None, None)


def test_rows_on_which_the_rule_is_silent_teach_it_nothing() -> None:
    contrast = made_contrast()
    alone = scoreboard([contrast], {"row": made_repeats((0.0, 0.1, 0.3, 0.6))})[0].p_naive
    other = bound(-20.0, 20.0, id="other", claim="none")
    repeats = {"row": made_repeats((0.0, 0.1, 0.3, 0.6)), "other": found(-5, 0, 5, 0.9, 0.5)}
    assert scoreboard([contrast, other], repeats)[0].p_naive == alone


@pytest.mark.parametrize(
    ("row", "text"),
    [(value(-45.6), "-46 %"), (value(0.055, "absolute", spread=0.035, spread_kind="sem"), "0.055 ± 0.035"),
     (bound(-math.inf, -80.0), "≤ -80 %"), (bound(20.0, math.inf), "≥ +20 %"), (bound(-20.0, 20.0), "-20 to 20 %")],
)  # fmt: skip
def test_a_finding_in_a_few_signs(row: Value | Bound, text: str) -> None:
    assert row.text == text
    plain = row.to_dict()
    assert all(item is None or not isinstance(item, float) or math.isfinite(item) for item in plain.values())
