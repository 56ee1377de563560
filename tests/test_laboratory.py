"""The virtual laboratory: who is drawn, how many, and what it finds where nothing or everything is to be found."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from study_helpers import DAY, YOUNG, made_contrast, made_outcome, made_study

from senospine.assays import TRAITS, readout
from senospine.errors import EvidenceError
from senospine.evidence import Laboratory, Repeats, load_evidence, run_laboratory
from senospine.stats import pooled_t
from senospine.study import Outcome
from senospine.subjects import draw_traits

ARMS = ("sham", "vehicle", "navitoclax")
REPEATS = 4000
ANOVA = {"groups": ARMS, "comparisons": 3, "test": "anova-bonferroni"}


def outcome(animals: int = 400, **states: dict[str, float]) -> Outcome:
    return made_outcome(made_study(*ARMS), states, animals)


@pytest.fixture(scope="module")
def null() -> Laboratory:
    """Three arms to which nothing was done."""
    return Laboratory(outcome(), REPEATS, 12)


def near(rate: float, repeats: int = REPEATS) -> float:
    return 4 * math.sqrt(rate * (1 - rate) / repeats)


def test_no_animal_stands_in_two_arms_or_twice_in_one(null: Laboratory) -> None:
    together = np.sort(np.concatenate([null.animals[arm] for arm in ARMS], axis=1), axis=1)
    assert together.shape == (REPEATS, 36)
    assert (np.diff(together, axis=1) > 0).all()
    assert together.min() >= 0
    assert together.max() < 400


def test_every_animal_is_as_likely_in_every_place(null: Laboratory) -> None:
    for arm in ARMS:
        for place in (0, 11):
            counts = np.bincount(null.animals[arm][:, place], minlength=400)
            assert stats.chisquare(counts).pvalue > 1e-4, (arm, place)


def test_a_pool_just_large_enough_is_used_whole_and_a_smaller_one_refused() -> None:
    laboratory = Laboratory(outcome(36), 50, 12)
    everyone = np.sort(np.concatenate([laboratory.animals[arm] for arm in ARMS], axis=1), axis=1)
    assert (everyone == np.arange(36)).all()
    with pytest.raises(EvidenceError, match="35 solved animals, but one repeat of 'pan2024-lsi' needs 36") as caught:
        Laboratory(outcome(35), 50, 12)
    assert caught.value.remedy == "simulate more animals"


def test_the_same_animals_are_measured_in_every_readout_each_once(null: Laboratory) -> None:
    study = null.outcome.study
    distance, time = (null.measure(name).values["sham"] for name in ("wheel_distance", "wheel_active_time"))
    assert np.corrcoef(np.log(distance).ravel(), np.log(time).ravel())[0, 1] > 0.5
    assert null.measure("wheel_distance") is null.measure("wheel_distance")  # measured once, not once a contrast
    z = draw_traits(TRAITS, 400, null.outcome.seed)["running"][null.animals["sham"]]
    assert np.corrcoef(z.ravel(), np.log(distance).ravel())[0, 1] > 0.8  # each value belongs to its animal
    true = null.outcome.expected(readout("wheel_distance"), study.arm("sham"))[null.animals["sham"]]
    assert np.log(distance / true).std() == pytest.approx(math.sqrt(math.log1p(0.17**2)), rel=0.02)


def test_group_sizes_are_even_over_the_range_and_alike_within_a_panel(null: Laboratory) -> None:
    drug = made_contrast(n_low=4, n_high=12)
    sizes = null.group_sizes(drug)
    counts = np.bincount(sizes, minlength=13)[4:]
    assert sizes.shape == (REPEATS,)
    assert (sizes.min(), sizes.max()) == (4, 12)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert (null.group_sizes(made_contrast(n_low=4, n_high=12, id="b", arm="vehicle", versus="sham")) == sizes).all()
    assert (null.group_sizes(made_contrast(n_low=4, n_high=12, panel="6d")) != sizes).any()
    assert (null.group_sizes(made_contrast(n_low=3, n_high=3)) == 3).all()


def test_a_repeat_is_the_papers_test_on_its_first_animals(null: Laboratory) -> None:
    """Written out repeat by repeat, against the whole table at once."""
    contrast = made_contrast(n_low=3, n_high=6, **ANOVA)
    sizes, values = null.group_sizes(contrast), null.measure("cgrp_fibres").values
    stars = [
        pooled_t(values["navitoclax"][i, :n], values["vehicle"][i, :n], [values["sham"][i, :n]], comparisons=3)
        for i, n in enumerate(sizes[:300])
    ]
    small = Laboratory(outcome(), REPEATS, 12)
    small.repeats = 300
    small._measured["cgrp_fibres", ""] = dataclasses.replace(
        small.measure("cgrp_fibres"), values={arm: v[:300] for arm, v in values.items()}
    )
    found = small.repeat(contrast)
    assert found.star == pytest.approx(np.mean([float(s.p) < 0.05 for s in stars]))
    assert found.rise == pytest.approx(np.mean([float(s.difference) > 0 for s in stars]))


def test_a_drug_that_does_nothing_earns_stars_at_the_tests_own_rate(null: Laboratory) -> None:
    found = null.repeat(made_contrast(n_low=6, n_high=6))
    assert found.star == pytest.approx(0.05, abs=near(0.05))
    assert found.rise == pytest.approx(0.5, abs=near(0.5))
    assert found.ratio == pytest.approx(1.0, abs=0.02)
    assert found.ratio_low < 1 < found.ratio_high


@pytest.mark.parametrize("name", ["cgrp_fibres", "heat_latency", "ngf_mrna", "wheel_distance", "endplate_porosity"])
def test_with_three_comparisons_a_null_earns_at_most_a_third(null: Laboratory, name: str) -> None:
    found = null.repeat(made_contrast(readout=name, n_low=3, n_high=12, **ANOVA))
    assert found.star <= 0.05 / 3 + near(0.05 / 3)
    assert found.rise == pytest.approx(0.5, abs=near(0.5))


@pytest.mark.parametrize("name", ["snoc_density", "withdrawal_frequency_0.07g"])
def test_ties_count_half_and_half(null: Laboratory, name: str) -> None:
    """Few cells and thirds of withdrawals tie often; the sign of a tie must not hang on rounding."""
    found = null.repeat(made_contrast(readout=name, n_low=4, n_high=4))
    values = null.measure(name).values
    ties = np.isclose(values["vehicle"][:, :4].sum(1), values["navitoclax"][:, :4].sum(1), atol=1e-9).mean()
    assert ties > 0.04
    assert found.rise == pytest.approx(0.5, abs=near(0.5))
    assert found.rise + (found.down + found.down_star) == pytest.approx(1)
    swapped = null.repeat(made_contrast(readout=name, n_low=4, n_high=4, arm="vehicle", versus="navitoclax"))
    assert swapped.rise == pytest.approx(1 - found.rise, abs=1e-12)
    assert swapped.up_star == pytest.approx(found.down_star, abs=1e-12)


def test_all_values_alike_are_no_finding() -> None:
    found = Laboratory(outcome(**{arm: {"heat_pain": 1e-3} for arm in ARMS}), 100, 4).repeat(
        made_contrast(readout="heat_latency")
    )  # every trial stops at the cut-off
    assert (found.up_star, found.up, found.down, found.down_star) == (0.0, 0.5, 0.5, 0.0)
    assert (found.ratio_low, found.ratio, found.ratio_high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("level", "star"), [(20.0, "up_star"), (0.01, "down_star")])
def test_a_huge_effect_is_always_found(level: float, star: str) -> None:
    laboratory = Laboratory(outcome(navitoclax={"netrin1": level}), 1000, 6)
    found = laboratory.repeat(made_contrast(readout="netrin1_mrna", n_low=6, n_high=6))
    assert getattr(found, star) > 0.999
    assert found.ratio == pytest.approx(level, rel=0.05)


def test_a_control_without_cells_has_no_ratio_and_is_counted(null: Laboratory) -> None:
    found = null.repeat(made_contrast(readout="snoc_density", n_low=4, n_high=4))
    empty = (null.measure("snoc_density").values["vehicle"][:, :4] == 0).all(axis=1).mean()
    assert 0 < found.without_ratio == pytest.approx(empty)
    assert null.repeat(made_contrast(readout="netrin1_mrna")).without_ratio == 0


def test_power_is_the_one_of_the_t_test() -> None:
    """Log-normal of small spread is nearly normal: power from the noncentral t distribution."""
    n, fold = 6, 1.035
    laboratory = Laboratory(outcome(2000, navitoclax={"netrin1": fold}, vehicle={"netrin1": 1.0}), REPEATS, n)
    found = laboratory.repeat(made_contrast(readout="netrin1_protein", n_low=n, n_high=n))
    spread = math.sqrt(0.25**2 + 0.06**2)
    shift = (fold - 1) / spread * math.sqrt(n / 2)
    critical = stats.t.ppf(0.975, 2 * n - 2)
    power = stats.nct.sf(critical, 2 * n - 2, shift) + stats.nct.cdf(-critical, 2 * n - 2, shift)
    assert found.star == pytest.approx(power, abs=near(power) + 0.01)


def test_more_animals_than_are_drawn_are_refused_not_replaced_by_fewer(null: Laboratory) -> None:
    with pytest.raises(EvidenceError, match="up to 13 animals per group, but only 12 are drawn") as caught:
        null.repeat(made_contrast(n_high=13))
    assert caught.value.where == "made.csv:2"


def test_same_seed_same_findings_other_seed_others() -> None:
    contrast = made_contrast(n_low=3, n_high=6)
    first, again = (Laboratory(outcome(), 500, 6).repeat(contrast) for _ in range(2))
    study = made_study(*ARMS)
    other = Laboratory(made_outcome(study, {}, 400, seed=2), 500, 6).repeat(contrast)
    assert first == again
    assert first != other


def test_the_whole_board_of_a_small_run(lsi_outcome: Outcome) -> None:
    rows = [row for row in load_evidence() if row.study == "pan2024-lsi"]
    seen: list[tuple[int, int]] = []
    findings, laboratories = run_laboratory([lsi_outcome], rows, repeats=60, on_progress=lambda *n: seen.append(n))
    assert set(findings) == {row.id for row in rows if row.testable}
    assert seen[-1] == (len(findings), len(findings))
    laboratory = laboratories["pan2024-lsi"]
    assert (laboratory.largest, laboratory.repeats) == (6, 60)
    for found in findings.values():
        assert isinstance(found, Repeats)
        assert found.up_star + found.up + found.down + found.down_star == pytest.approx(1)
        assert found.ratio_low <= found.ratio <= found.ratio_high
    first = laboratory.measure("heat_latency").first(7, 4)
    assert {arm: values.shape for arm, values in first.items()} == dict.fromkeys(ARMS, (4,))


def test_the_made_outcome_is_young() -> None:
    """The tests above stand on this: what is not changed is at its reference."""
    state = outcome(3).at_measurement(made_study("sham").arms[0])
    assert {name: set(values) for name, values in state.items()} == {name: {value} for name, value in YOUNG.items()}
    assert outcome(3).study.arms[0].measure_day == DAY
