"""Two kinds of doubt told apart: exact sums of squares, simulation with known variances, and pure draws in a study."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from study_helpers import SHORT_STUDY

from senospine.assays import readout
from senospine.calibration import Posterior, chosen_values, posterior_draws, worlds_for
from senospine.calibration.priors import Prior, Priors
from senospine.errors import CalibrationError, EvidenceError, ModelError, StudyError
from senospine.evidence import Laboratory, doubts
from senospine.evidence.doubt import explained
from senospine.model import Model, ParameterDraws, load_model
from senospine.report.doubts import comparison_dicts
from senospine.report.outcomes import outcome_dict
from senospine.report.timecourses import course
from senospine.stats import split_worlds
from senospine.study import Outcome, Study, load_study, run_study
from senospine.study import run as module
from senospine.subjects import draw_parameters, draw_people

GAIN = "endplate_sasp_per_senescent_cell"  # an assumption of the mouse
SOURCED = "innervation_growth_rate"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "short.yaml"
    path.write_text(SHORT_STUDY)
    return load_study(path)


@pytest.fixture(scope="module")
def draws(mouse: Model) -> ParameterDraws:
    rng = np.random.default_rng(4)
    return ParameterDraws({name: mouse.parameters[name] * np.exp(0.8 * rng.standard_normal(3))
                           for name in (GAIN, "pain_heat_exponent")}, "a guess")  # fmt: skip


@pytest.fixture(scope="module")
def outcome(short: Study, draws: ParameterDraws, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_study(short, tmp_path_factory.mktemp("drawn"), animals=14, workers=1, parameters=draws)


# --- the split ---


def test_the_split_of_unequal_worlds_is_the_textbooks() -> None:
    """Sums of squares by hand: worlds {1, 3}, {10, 14, 12} and {5}, the last of which says nothing within."""
    values = [1.0, 10.0, 5.0, 3.0, 14.0, np.nan, np.nan, 12.0, np.nan]
    found = split_worlds(values, 3)
    grand, n0 = 45 / 6, (6 - (4 + 9 + 1) / 6) / 2
    between = (2 * (2 - grand) ** 2 + 3 * (12 - grand) ** 2 + (5 - grand) ** 2) / 2
    within = (2 + 8) / 3
    assert found.within == pytest.approx(within)
    assert found.between == pytest.approx((between - within) / n0)
    assert found.mean == pytest.approx((2 + 12 + 5) / 3)
    assert found.median == pytest.approx(7.5)


def test_variances_and_intervals_are_recovered_from_few_animals_a_world() -> None:
    rng = np.random.default_rng(11)
    worlds, animals, studies = 50, 12, 300
    means = rng.normal(100, 3, (1, worlds, studies))
    values = (means + rng.normal(0, 6, (animals, worlds, studies))).reshape(-1, studies)
    values[rng.random(values.shape) < 0.1] = np.nan
    found = split_worlds(values, worlds)
    assert found.between.mean() == pytest.approx(9, rel=0.05)
    assert found.within.mean() == pytest.approx(36, rel=0.02)
    # naive means of worlds would vary by 9 + 36 / 10.8, and their interval be wider by a sixth
    assert (found.mean_high - found.mean_low).mean() == pytest.approx(2 * 1.6449 * 3, rel=0.04)
    assert (found.high - found.low).mean() == pytest.approx(2 * 1.6449 * 6, rel=0.08)
    assert found.share.mean() == pytest.approx(9 / 45, abs=0.01)


def test_worlds_alike_leave_nothing_between() -> None:
    values = np.random.default_rng(3).normal(5, 1, (400, 500))
    found = split_worlds(values, 20)
    assert found.between.mean() == pytest.approx(0, abs=0.003)  # unbiased: below zero as often as above
    assert 0.3 < (found.between < 0).mean() < 0.7
    flat = split_worlds(np.ones(12), 3)
    assert (flat.mean_low, flat.mean_high, flat.between, flat.within) == (1, 1, 0, 0)
    with pytest.raises(ValueError, match="two worlds"):
        split_worlds([1.0, 2.0], 1)


def test_an_interval_never_leaves_what_was_seen() -> None:
    counts = np.random.default_rng(5).poisson(0.4, (60, 40)).astype(float)
    found = split_worlds(counts, 6)
    assert (found.mean_low >= 0).all()
    assert (found.low >= 0).all()


# --- draws ---


def test_draws_are_checked_hashed_and_handed_out_in_turn() -> None:
    draws = ParameterDraws({"b": [1.0, 2.0, 3.0], "a": [4.0, 5.0, 6.0]}, "made up")
    assert draws.names == ["a", "b"]
    assert draws.of(1, 4)["b"].tolist() == [2, 3, 1, 2]
    assert draws.sha256 == ParameterDraws({"a": [4, 5, 6], "b": [1, 2, 3]}, "else").sha256
    assert draws.sha256 != ParameterDraws({"b": [4, 5, 6], "a": [1, 2, 3]}, "made up").sha256
    assert draws.first(2).worlds == 2
    for bad in ({}, {"a": [1.0]}, {"a": [1.0, 2.0], "b": [1.0]}, {"a": 3.0}):
        with pytest.raises(ModelError, match="equal length"):
            ParameterDraws(bad, "bad")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not finite"):
        ParameterDraws({"a": [1.0, np.inf]}, "bad")


def test_animals_differ_around_the_centre_of_their_own_world(mouse: Model) -> None:
    centre = mouse.parameters[GAIN]
    plain = draw_parameters(mouse, 4, 9)
    drawn = draw_parameters(mouse, 4, 9, 0, {GAIN: np.array([1.0, 2.0, 3.0, 4.0])})
    assert drawn[GAIN] == pytest.approx(plain[GAIN] / centre * [1, 2, 3, 4])


def test_what_sexes_differ_in_keeps_its_ratio_to_the_register() -> None:
    human = load_model("human")
    age = human.parameters["senescence_critical_age"]
    plain = draw_people(human, 4, 2).parameters["senescence_critical_age"]
    drawn = draw_people(human, 4, 2, centres={"senescence_critical_age": 1.2 * age})
    assert drawn.parameters["senescence_critical_age"] == pytest.approx(1.2 * plain)


# --- a study under draws ---


def test_an_animal_is_the_one_its_world_makes_of_it(
    short: Study, draws: ParameterDraws, outcome: Outcome, tmp_path: Path
) -> None:
    """Animal 4 carries set 1: alone with that set it is the same animal."""
    one = {name: draws.columns[name][1] for name in draws.names}
    alone = run_study(short, tmp_path / "one", animals=14, workers=1, parameters=one)
    for arm in short.arms:
        mine, theirs = (item.expected(readout("heat_latency"), arm) for item in (outcome, alone))
        assert mine[1::3] == pytest.approx(theirs[1::3], rel=1e-9)
        assert not np.isclose(mine[::3], theirs[::3]).any()
    assert outcome.worlds == 3
    assert outcome.manifest["inputs"]["draws"] == {"worlds": 3, "sha256": draws.sha256, "source": "a guess"}
    assert alone.worlds == 1


def test_workers_and_blocks_change_no_byte(
    short: Study, draws: ParameterDraws, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = run_study(short, tmp_path / "two", animals=14, workers=2, parameters=draws)
    assert again.frame.equals(outcome.frame)
    monkeypatch.setattr(module, "BLOCK", 4)
    pieces = run_study(short, tmp_path / "pieces", animals=14, workers=1, parameters=draws)
    arm = short.arms[0]
    assert pieces.expected(readout("heat_latency"), arm) == pytest.approx(
        outcome.expected(readout("heat_latency"), arm), rel=1e-6
    )


def test_too_few_animals_or_an_unknown_parameter_are_refused(
    short: Study, draws: ParameterDraws, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="2 animals cannot carry 3 draws"):
        run_study(short, tmp_path / "a", animals=2, parameters=draws)
    with pytest.raises(StudyError, match="no parameter 'nothing'"):
        run_study(short, tmp_path / "a", animals=4, parameters=ParameterDraws({"nothing": [1, 2]}, "bad"))
    assert not (tmp_path / "a").exists()


def test_a_repeat_takes_all_its_animals_from_one_world(outcome: Outcome) -> None:
    laboratory = Laboratory(outcome, repeats=60, largest=1)
    drawn = np.concatenate(list(laboratory.animals.values()), axis=1)
    assert (drawn % 3 == drawn[:, :1] % 3).all()
    assert sorted(np.bincount(drawn[:, 0] % 3)) == [20, 20, 20]
    assert all(len(set(row)) == 3 for row in drawn)
    with pytest.raises(EvidenceError, match="no world has as many"):
        Laboratory(outcome, repeats=10, largest=2)


def test_both_intervals_reach_table_json_and_curve(outcome: Outcome) -> None:
    item = next(row for row in outcome_dict(outcome)["readouts"] if row["readout"] == "heat_latency")
    for arm in outcome.study.arms:
        values = outcome.expected(readout("heat_latency"), arm)
        expected = split_worlds(values, 3)
        found = item["arms"][arm.name]
        assert found["mean_p95"] == pytest.approx(float(expected.mean_high))
        assert found["p05"] == pytest.approx(float(expected.low))
        assert found["variance_between_worlds"] == pytest.approx(float(expected.between))
        days, bands = course(outcome, arm, "sasp")
        rows = outcome.frame[outcome.frame["arm"] == arm.name]
        last = split_worlds(rows[rows["time"] == days[-1]]["sasp"].to_numpy(), 3)
        parts = (last.low, last.mean_median, last.high, last.mean_low, last.mean_high)
        assert bands[:, -1] == pytest.approx([float(part) for part in parts])


def test_a_comparison_is_the_ratio_of_the_worlds_means(outcome: Outcome) -> None:
    row = next(item for item in comparison_dicts(outcome) if item["readout"] == "heat_latency")
    groups = outcome.study.groups
    one, other = (outcome.expected(readout("heat_latency"), groups[row[name]]) for name in ("arm", "versus"))
    logs = [np.log(one[k::3].mean() / other[k::3].mean()) for k in range(3)]
    assert row["scale"] == "ratio"
    assert np.exp(min(logs)) <= row["low"] <= row["effect"] <= row["high"] <= np.exp(max(logs))


# --- what doubt rests on ---


def test_doubt_follows_whose_parameter_varies(short: Study, mouse: Model) -> None:
    """Only an assumption varies: all rests on it. Only a sourced number: nothing. Knowing the one takes all away."""
    factor = np.exp(0.5 * np.random.default_rng(2).standard_normal(60))
    assert mouse.register[GAIN].assumed
    assert not mouse.register[SOURCED].assumed
    pair = [short.compare[0]]
    for name, share in ((GAIN, 1.0), (SOURCED, 0.0)):
        still = np.full(60, mouse.parameters["pain_heat_exponent"])
        drawn = ParameterDraws({name: mouse.parameters[name] * factor, "pain_heat_exponent": still}, "a guess")
        (found,) = (
            item for item in doubts(short, drawn, seed=1, pairs=pair, subjects=2) if item.readout == "heat_latency"
        )
        assert found.assumed == pytest.approx(share, abs=1e-6)
        assert [row.parameter for row in found.worth] == [name]
        assert found.worth[0].share > 0.97
        assert found.worth[0].assumed == bool(share)
        assert (found.worlds, found.lost) == (60, 0)


def test_the_worth_of_a_parameter_is_its_first_order_share() -> None:
    """Ishigami's function by its exact indices (Saltelli 2008): 0.314, 0.442 and 0."""
    rng = np.random.default_rng(8)
    x = rng.uniform(-np.pi, np.pi, (3, 20_000))
    y = np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])
    assert explained(y, x[0]) == pytest.approx(0.314, abs=0.02)  # a cubic follows a sine
    assert explained(y, x[2]) == pytest.approx(0, abs=0.002)
    linear = 3 * x[0] + 4 * x[1]
    assert explained(linear, x[0]) == pytest.approx(9 / 25, abs=0.015)


# --- draws for a prediction ---


@pytest.fixture(scope="module")
def small_posterior(mouse: Model) -> Posterior:
    priors = Priors(tuple(Prior.of(mouse.register[name]) for name in (GAIN, SOURCED)))
    draws = np.random.default_rng(1).standard_normal((40, 2))
    return Posterior(
        draws, np.zeros((40, 1)), np.ones(1), priors, ("f",), ("s",), (0.0,), {}, {},
        {"hashes": {"model": mouse.sha256}}, {}, "made for a test",
    )  # fmt: skip


def test_people_take_gains_multipliers_and_priors_once_a_world(small_posterior: Posterior, mouse: Model) -> None:
    human = load_model("human")
    whole = posterior_draws(small_posterior, human, 6, seed=3)
    gains = posterior_draws(small_posterior, mouse, 6, seed=3)
    carried = [name for name in whole.names if name.startswith("mouse_")]
    assert carried == [name for name in (f"mouse_{GAIN}", f"mouse_{SOURCED}") if name in human.parameters]
    for name in carried:
        assert whole.columns[name] == pytest.approx(gains.columns[name.removeprefix("mouse_")])
    multipliers = [name for name in whole.names if name.startswith("translation_")]
    assert len(multipliers) > 10
    still = posterior_draws(small_posterior, human, 6, seed=3, doubt=("gains",))
    assert all((still.columns[name] == 1).all() for name in multipliers)
    assert len(still.names) < len(whole.names)
    dog = posterior_draws(small_posterior, load_model("dog"), 6, seed=3)
    assert dog.source == "priors"
    with pytest.raises(CalibrationError, match="nothing is left to draw"):
        posterior_draws(small_posterior, mouse, 6, seed=3, doubt=())
    with pytest.raises(CalibrationError, match="unknown kind of doubt"):
        posterior_draws(small_posterior, mouse, 6, seed=3, doubt=("gain",))  # type: ignore[arg-type]


def test_a_file_of_a_posterior_is_chosen_and_a_stale_one_refused(
    small_posterior: Posterior, mouse: Model, tmp_path: Path
) -> None:
    small_posterior.save(tmp_path / "p.npz")
    chosen = chosen_values(str(tmp_path / "p.npz"), mouse, 5, seed=1)
    assert isinstance(chosen, ParameterDraws)
    assert (chosen.worlds, chosen.names) == (5, sorted([GAIN, SOURCED]))
    old = dataclasses.replace(small_posterior, identity={"hashes": {"model": "0" * 64}})
    old.save(tmp_path / "old.npz")
    with pytest.raises(CalibrationError, match="stale"):
        chosen_values(str(tmp_path / "old.npz"), mouse, 5, seed=1)
    assert chosen_values("register", mouse, seed=1) == {}
    assert [worlds_for(n) for n in (1000, 100, 5)] == [50, 10, 2]
