"""Every kind of fact: the probability reckoned from moments is the share of the virtual laboratory's repeats."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from senospine.assays import TRAITS, readouts
from senospine.assays.readout import value_of
from senospine.calibration import Assumptions, Problem, likelihood, signs
from senospine.errors import CalibrationError
from senospine.evidence import Association, Bound, Contrast, Fact, Rate, Value, load_evidence
from senospine.evidence.laboratory import Laboratory
from senospine.study import load_study, run_study

ANIMALS, REPEATS, SEED = 150, 4000, 7
STUDY = "pan2024-lsi"


def contrasts() -> list[Contrast]:
    rows = (row for row in load_evidence() if row.study == STUDY)
    return [row for row in rows if isinstance(row, Contrast) and row.testable]


def common(readout: str, arm: str, n: int, versus: str = "") -> dict[str, object]:
    first = contrasts()[0]
    kept = {name.name: getattr(first, name.name) for name in dataclasses.fields(Fact)}
    own = {"id": f"made/{readout}/{arm}", "readout": readout, "arm": arm, "versus": versus, "n_low": n, "n_high": n}
    return kept | own | {"role": "calibration"}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    folder: Path = tmp_path_factory.mktemp("lsi")
    return Laboratory(run_study(load_study(STUDY), folder, animals=ANIMALS, seed=SEED), REPEATS, 12)


def reckoned(*rows: Fact) -> np.ndarray:
    """Return log probabilities of facts, by the same animals as the laboratory's."""
    problem = Problem.published(evidence=rows, animals=ANIMALS, seed=SEED)
    problem = dataclasses.replace(problem, assumptions=Assumptions(selection=False, tempered=False))
    return problem.log_likelihoods(problem.priors.centre)[0]


def test_contrasts_of_a_study_are_the_laboratorys(laboratory: Laboratory) -> None:
    """Counts, grades, censored latencies, touches out of ten, odds: none is normal, and the t test forgives it."""
    rows = contrasts()
    found = np.exp(reckoned(*rows))
    for row, probability in zip(rows, found, strict=True):
        said = laboratory.repeat(row)
        share = {
            ("up", "yes"): said.up_star, ("down", "yes"): said.down_star, ("up", "unclear"): said.rise,
            ("down", "unclear"): 1 - said.rise, ("none", "no"): 1 - said.star, ("up", "no"): said.up,
            ("down", "no"): said.down,
        }[row.direction, row.significant]  # fmt: skip
        assert probability == pytest.approx(share, abs=0.07), row.id


def test_rates_count_animals_whatever_the_assay_does(laboratory: Laboratory) -> None:
    """A latency at its cut-off, a grade, a count: the share of animals is the assay's own."""
    cutoff = value_of("heat_cutoff")
    asked = [
        ("heat_latency", "sham", cutoff, math.inf), ("heat_latency", "vehicle", -math.inf, 0.8 * cutoff),
        ("endplate_score", "vehicle", 3.0, 5.0), ("osteoclast_density", "vehicle", 20.0, math.inf),
        ("withdrawal_frequency_0.4g", "vehicle", 4.0, math.inf),
    ]  # fmt: skip
    rows = [Rate(**common(name, arm, 6), k=k, low=low, high=high) for name, arm, low, high in asked for k in range(7)]  # type: ignore[arg-type]
    found = np.exp(reckoned(*rows))
    assert found == pytest.approx([laboratory.repeat(row).published or 0.0 for row in rows], abs=0.04)
    assert found.reshape(-1, 7).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-3)


def test_associations_are_correlations_over_animals(laboratory: Laboratory) -> None:
    asked = [
        ("endplate_porosity", "trabecular_separation", "vehicle"),  # share the bone's trait and the porosity
        ("cgrp_fibres", "withdrawal_frequency_0.4g", "vehicle"),
        ("wheel_distance", "wheel_active_time", "sham"),
    ]
    ways = [("up", "yes"), ("down", "yes"), ("up", "no"), ("down", "no")]
    rows = [
        Association(**common(one, arm, 8), direction=way, significant=star, with_readout=other)  # type: ignore[arg-type]
        for one, other, arm in asked
        for way, star in ways
    ]
    found = np.exp(reckoned(*rows)).reshape(-1, 4)
    for probabilities, row in zip(found, rows[::4], strict=True):
        said = laboratory.repeat(row)
        assert probabilities == pytest.approx([said.up_star, said.down_star, said.up, said.down], abs=0.06), row.id
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-3)


def test_values_and_bounds_have_the_spread_of_means(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without misfit; a mean of censored latencies as well as one of fractions of a control."""
    monkeypatch.setattr(likelihood, "MISFIT", 0.0)
    rows: list[Bound | Value] = []
    for readout, scale, versus in (("heat_latency", "absolute", ""), ("cgrp_fibres", "change", "sham")):
        plain = common(readout, "vehicle", 5, versus) | {"scale": scale}
        said = laboratory.repeat(Bound(**plain, low=-math.inf, high=math.inf))  # type: ignore[arg-type]
        edges = (said.ratio_low, said.ratio, said.ratio_high)
        rows += [Bound(**plain, low=edge, high=math.inf) for edge in edges]  # type: ignore[arg-type]
        rows += [Value(**plain, value=edge, spread=math.nan, spread_kind="") for edge in edges]  # type: ignore[arg-type]
    for row, probability in zip(rows, np.exp(reckoned(*rows)), strict=True):
        share = laboratory.repeat(row).published
        assert probability == (
            pytest.approx(share, abs=0.03) if isinstance(row, Bound) else pytest.approx(share, rel=0.3)
        )


def test_a_printed_spread_widens_what_a_value_tells() -> None:
    row = Value(**common("heat_latency", "vehicle", 5), scale="absolute", value=9.0, spread=4.0, spread_kind="sem")  # type: ignore[arg-type]
    bare = dataclasses.replace(row, spread=math.nan, spread_kind="")
    group = {"vehicle": likelihood.Group(np.array([9.0, 30.0]), np.array([1.0, 3.0]))}
    wide, narrow = (likelihood.log_probability(item, group) for item in (row, bare))
    assert narrow[0] > wide[0]  # right: less sure of it
    assert narrow[1] < wide[1]  # wrong: less hard on it


@pytest.mark.parametrize("selection", [True, False])
def test_signs_and_stars_share_one_probability(selection: bool) -> None:
    row = contrasts()[0]
    effects = np.linspace(-6, 6, 25)
    ways = [("up", "yes"), ("down", "yes"), ("up", "no"), ("down", "no")]
    made = [dataclasses.replace(row, direction=way, significant=star, n_low=3, n_high=9) for way, star in ways]
    total = sum(np.exp(signs.contrast(item, effects, selection=selection)) for item in made)
    assert total == pytest.approx(np.ones(25), abs=5e-4)


def test_selection_believes_a_star_less() -> None:
    row = dataclasses.replace(contrasts()[0], direction="up", significant="yes")
    effects = np.array([0.0, 1.0])
    inside, outside = (signs.contrast(row, effects, selection=selection) for selection in (True, False))
    assert (inside > outside).all()  # stars come out more often among what is reported
    assert inside[1] - inside[0] < outside[1] - outside[0]  # and tell less of the effect


def test_no_readout_hangs_on_two_traits() -> None:
    """Traits are integrated one by one."""
    for name, item in readouts().items():
        if "mouse" not in item.species:
            continue  # only the mouse is calibrated
        states = {output: np.array(1.3) for output in item.needs}
        still = {trait: np.array(0.0) for trait in TRAITS}
        usual = item.expected(states, still)
        moved = [trait for trait in TRAITS if item.expected(states, {**still, trait: np.array(1.0)}) != usual]
        assert len(moved) <= 1, name


def test_a_laboratory_stretches_all_its_folds_and_an_assay_its_own() -> None:
    rows = tuple(contrasts()[:6])
    base = Problem.published(evidence=rows, animals=4)
    free = dataclasses.replace(base, assumptions=Assumptions(laboratory_sd=0.3, assay_sd=0.2, between_animals_sd=0.3))
    names = free.priors.names
    assert [name for name in names if name not in base.priors.names] == [
        "between_animals", f"laboratory/{STUDY}", *(f"assay/{row.readout}" for row in rows)
    ]  # fmt: skip
    start = free.priors.centre
    assert start[len(base.priors.names) :] == pytest.approx(np.zeros(8), abs=1e-12)
    usual = base.log_likelihoods(base.priors.centre)[0]
    assert free.log_likelihoods(start)[0] == pytest.approx(usual, abs=1e-9)
    stretched, alike = start.copy(), start.copy()
    stretched[names.index(f"laboratory/{STUDY}")] = 2.0
    alike[names.index(f"assay/{rows[0].readout}")] = 2.0
    assert (np.abs(free.log_likelihoods(stretched)[0] - usual) > 1e-6).all()
    changed = np.abs(free.log_likelihoods(alike)[0] - usual) > 1e-9
    assert changed.tolist() == [True] + [False] * 5


def test_animals_that_differ_more_make_stars_rarer() -> None:
    row = next(item for item in contrasts() if item.readout == "snoc_density" and item.versus == "sham")
    free = dataclasses.replace(
        Problem.published(evidence=[row], animals=30), assumptions=Assumptions(between_animals_sd=0.5)
    )
    place = free.priors.names.index("between_animals")
    candidates = np.tile(free.priors.centre, (3, 1))
    candidates[:, place] = [-2.0, 0.0, 2.0]
    found = free.log_likelihoods(candidates)[:, 0]
    assert found[0] > found[1] > found[2]


def test_rows_that_speak_of_unknown_arms_or_studies_are_refused() -> None:
    row = contrasts()[0]
    small = Problem.published(evidence=[row], animals=2)
    lost = dataclasses.replace(row, versus="shame", groups=(row.arm, "shame"))
    with pytest.raises(CalibrationError, match="speaks of arm 'shame'"):
        dataclasses.replace(small, facts=(lost,)).hashes  # noqa: B018
    with pytest.raises(CalibrationError, match="which is not given"):
        dataclasses.replace(small, facts=(dataclasses.replace(row, study="none"),)).hashes  # noqa: B018
