"""Scores: probabilities that sum to one, a naive rule learned from all other rows, verdicts and totals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from study_helpers import made_contrast, made_repeats

from senospine.evidence import Contrast, load_evidence, scoreboard, totals
from senospine.evidence.scoreboard import naive_direction, probabilities
from senospine.stats import wilson_interval

MOSTLY_DOWN = (0.01, 0.09, 0.3, 0.6)  # significant rise, rise, fall, significant fall

shares = st.lists(st.integers(0, 250), min_size=4, max_size=4).filter(sum).map(
    lambda parts: [part / sum(parts) for part in parts]
)  # fmt: skip


@given(shares, st.sampled_from(["up", "down"]))
def test_all_outcomes_together_have_probability_one(parts: list[float], direction: str) -> None:
    found = made_repeats(parts)
    other = {"up": "down", "down": "up"}[direction]
    total = sum(
        probabilities(made_contrast(direction=sign, significant=star), found)[1] or 0.0
        for sign in (direction, other)
        for star in ("yes", "no")
    )
    assert total == pytest.approx(1)
    sign, star = probabilities(made_contrast(direction=direction), found)
    assert sign is not None
    assert star is not None
    assert 0 <= star <= sign + 1e-12 <= 1 + 2e-12
    both = sign + (probabilities(made_contrast(direction=other), found)[0] or 0.0)
    assert both == pytest.approx(1)


@pytest.mark.parametrize(
    ("direction", "significant", "p_sign", "p_star", "text"),
    [("down", "yes", 0.9, 0.6, "↓*"), ("up", "yes", 0.1, 0.01, "↑*"), ("down", "no", 0.9, 0.3, "↓ n.s."),
     ("up", "no", 0.1, 0.09, "↑ n.s."), ("down", "unclear", 0.9, None, "↓?"), ("none", "no", None, 0.39, "no *")],
)  # fmt: skip
def test_what_each_kind_of_finding_asks_for(
    direction: str, significant: str, p_sign: float | None, p_star: float | None, text: str
) -> None:
    row = made_contrast(direction=direction, significant=significant)
    found = probabilities(row, made_repeats(MOSTLY_DOWN))
    assert found == (
        None if p_sign is None else pytest.approx(p_sign),
        None if p_star is None else pytest.approx(p_star),
    )
    assert row.text == text
    score = scoreboard([row], {"row": made_repeats(MOSTLY_DOWN)})[0]
    assert score.p_published == pytest.approx(p_sign if significant == "unclear" else p_star)


def test_naive_rule_is_disease_worse_drug_better() -> None:
    """For every read-out: the disease moves it to its worse side, the drug back."""
    for row in load_evidence():
        if not row.testable or not isinstance(row, Contrast) or not row.study.startswith("pan2024"):
            continue
        worse = "down" if row.readout.startswith(("wheel", "heat")) else "up"
        better = {"up": "down", "down": "up"}[worse]
        assert naive_direction(row) == (worse if row.arm == "vehicle" else better), row.id


def test_laplace_leave_one_out_by_hand() -> None:
    """Hits of the rule: yes, yes, no (published no star), no (published the other way), yes.

    For each row (hits among the other four + 1) / (4 + 2), or one minus it where the rule missed.
    """
    rows = [
        made_contrast(id="a"), made_contrast(id="b", significant="unclear"),
        made_contrast(id="c", direction="none", significant="no"), made_contrast(id="d", direction="up"),
        made_contrast(id="e", arm="vehicle", versus="sham", claim="disease", direction="up"),
    ]  # fmt: skip
    untested = made_contrast(id="f", readout="mmp13_intensity")
    scores = scoreboard([*rows, untested], {row.id: made_repeats(MOSTLY_DOWN) for row in rows})
    assert [score.naive_sign for score in scores] == [True, True, None, False, True, None]
    expected = [3 / 6, 3 / 6, 1 - 4 / 6, 1 - 4 / 6, 3 / 6]
    assert [score.p_naive for score in scores[:5]] == pytest.approx(expected)
    published = [0.6, 0.9, 0.39, 0.01, 0.01]
    gains = [math.log2((p * 1000 + 0.5) / 1001 / naive) for p, naive in zip(published, expected, strict=True)]
    assert [score.gain_bits for score in scores[:5]] == pytest.approx(gains)
    for score, p in zip(scores[:5], published, strict=True):
        assert (score.p_low, score.p_high) == pytest.approx(tuple(map(float, wilson_interval(p * 1000, 1000))))
    last = scores[5]
    assert (last.verdict, last.p_sign, last.p_naive, last.gain_bits) == ("not testable", None, None, None)
    assert last.label == "MMP13"


def test_a_single_row_leaves_the_rule_without_knowledge() -> None:
    score = scoreboard([made_contrast()], {"row": made_repeats(MOSTLY_DOWN)})[0]
    assert score.p_naive == 0.5


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_no_row_informs_its_own_naive_probability(hits: list[bool]) -> None:
    rows = [made_contrast(id=str(i), direction="down" if hit else "up") for i, hit in enumerate(hits)]
    repeats = {row.id: made_repeats(MOSTLY_DOWN) for row in rows}
    before = scoreboard(rows, repeats)[0].p_naive
    flipped = [made_contrast(id="0", direction="up" if hits[0] else "down"), *rows[1:]]
    after = scoreboard(flipped, repeats)[0].p_naive
    assert before is not None
    assert after == pytest.approx(1 - before)  # the trust in the rule stays, only what it gave changes side


def test_a_model_that_never_finds_it_is_punished_but_not_without_end() -> None:
    score = scoreboard([made_contrast()], {"row": made_repeats((0.5, 0.5, 0.0, 0.0))})[0]
    assert score.gain_bits == pytest.approx(math.log2(0.5 / 1001 / 0.5))
    assert (score.p_low, score.verdict) == (0.0, "misses")


@pytest.mark.parametrize(
    ("significant", "parts", "verdict"),
    [("yes", (0.0, 0.2, 0.3, 0.5), "agrees"), ("yes", (0.0, 0.2, 0.301, 0.499), "weak"),
     ("yes", (0.0, 0.201, 0.3, 0.499), "misses"), ("no", (0.0, 0.1, 0.5, 0.4), "agrees"),
     ("no", (0.0, 0.1, 0.4, 0.5), "weak"), ("unclear", (0.0, 0.2, 0.5, 0.3), "agrees"),
     ("unclear", (0.0, 0.201, 0.499, 0.3), "misses")],
)  # fmt: skip
def test_verdicts_turn_where_they_say(significant: str, parts: tuple[float, ...], verdict: str) -> None:
    row = made_contrast(significant=significant)
    assert scoreboard([row], {"row": made_repeats(parts)})[0].verdict == verdict


@pytest.mark.parametrize(("stars", "verdict"), [(0.5, "agrees"), (0.502, "misses")])
def test_a_published_lack_of_difference_agrees_or_misses(stars: float, verdict: str) -> None:
    row = made_contrast(direction="none", significant="no")
    assert scoreboard([row], {"row": made_repeats((0, 1 - stars, 0, stars))})[0].verdict == verdict


def test_totals_by_hand() -> None:
    rows = [
        made_contrast(id="a"), made_contrast(id="b", significant="unclear"),
        made_contrast(id="c", role="validation", direction="up"),
        made_contrast(id="d", role="validation", readout="colx_intensity"),
    ]  # fmt: skip
    scores = scoreboard(rows, {row.id: made_repeats(MOSTLY_DOWN) for row in rows[:3]})
    calibration, validation, everything = totals(scores)
    assert [total.role for total in (calibration, validation, everything)] == ["calibration", "validation", "all"]
    assert [total.rows for total in (calibration, validation, everything)] == [2, 2, 4]
    assert calibration.verdicts == {"agrees": 2, "weak": 0, "misses": 0, "not testable": 0}
    assert validation.verdicts == {"agrees": 0, "weak": 0, "misses": 1, "not testable": 1}
    assert (calibration.mean_p_sign, calibration.mean_p_star) == pytest.approx((0.9, 0.6))
    assert (calibration.naive_hits, validation.naive_hits, everything.naive_hits) == (2, 0, 2)
    assert everything.naive_bits == pytest.approx(math.log2(0.5) + math.log2(0.5) + math.log2(0.25))
    assert everything.model_bits == pytest.approx(sum(math.log2((p * 1000 + 0.5) / 1001) for p in (0.6, 0.9, 0.01)))
    for total in (calibration, validation, everything):
        assert total.gain_bits == pytest.approx(total.model_bits - total.naive_bits)
    assert everything.model_bits == pytest.approx(calibration.model_bits + validation.model_bits)


def test_totals_of_nothing_testable_are_not_a_number_but_zero_bits() -> None:
    total = totals(scoreboard([made_contrast(readout="colx_intensity")], {}))[-1]
    assert math.isnan(total.mean_p_sign)
    assert (total.rows, total.naive_hits, total.model_bits, total.gain_bits) == (1, 0, 0, 0)


@given(shares, st.sampled_from(["up", "down", "none"]), st.sampled_from(["yes", "no", "unclear"]))
def test_every_finding_that_a_table_may_hold_can_be_scored(parts: list[float], direction: str, star: str) -> None:
    assume(not (direction == "none" and star != "no"))
    score = scoreboard([made_contrast(direction=direction, significant=star)], {"row": made_repeats(parts)})[0]
    assert score.p_published is not None
    assert score.p_low is not None
    assert score.p_high is not None
    assert 0 <= score.p_low <= score.p_published + 1e-12 <= score.p_high + 2e-12
    assert np.isfinite(score.gain_bits or 0.0)
    plain = score.to_dict()
    assert plain["id"] == "row"
    assert "where" not in plain
