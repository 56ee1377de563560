"""Populations with their own counts, mixtures of doses, dosing rules and courses, run as studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from senospine.assays import readout
from senospine.errors import SenospineError, StudyError
from senospine.evidence.laboratory import Laboratory
from senospine.model import load_model
from senospine.report.platelets import draw_platelets
from senospine.study import Outcome, load_study, run_study
from senospine.subjects import animal_model, draw_parameters, own_traits

DOGS = """study: dogs
question: q
source: s
species: dog
subjects: {{sex: both, age at enrolment: 2 years}}
arms:
{arms}
readouts: [platelet_fall, platelets_counted]
measure_at: day 3 after enrolment
compare: []
"""
LOW, HIGH = (f"navitoclax {dose} mg/kg oral once at day 0 after enrolment" for dose in (0.01, 30))
RULE = """rule: own
drug: navitoclax
meaning: whom a trial lets in
visits: [day 1]
steps: [start if platelets at least 300 1e9/L]
"""


def study_of(folder: Path, arms: str) -> Path:
    (folder / "rule.yaml").write_text(RULE, encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(DOGS.format(arms=arms), encoding="utf-8")
    return path


def mixture(low: int, high: int, n: int) -> str:
    parts = f"low: {{n: {low}, therapy: {LOW}}}, high: {{n: {high}, therapy: {HIGH}}}"
    return f"  all: {{animal_model: healthy, n: {n}, therapy: {{mixture: {{{parts}}}}}}}"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("dogs")
    arms = mixture(2, 5, 7) + (
        "\n  untreated: {animal_model: healthy, n: 4}"
        f"\n  ruled: {{animal_model: healthy, n: 4, therapy: {HIGH}, dosing_rule: rule.yaml}}"
    )
    return run_study(load_study(study_of(folder, arms)), folder / "out", animals=60, workers=1)


def test_every_repeat_of_a_mixture_has_the_declared_numbers(outcome: Outcome) -> None:
    """Of seven dogs two have a dose too small to see and five one that takes nearly all platelets."""
    laboratory = Laboratory(outcome, repeats=40, largest=7)
    falls = laboratory.measure("platelet_fall").values["all"]
    assert falls.shape == (40, 7)
    assert ((falls > 50).sum(axis=1) == 5).all()
    assert len({tuple(row > 50) for row in falls}) > 1  # which of them differs from repeat to repeat


def test_a_course_is_read_from_just_before_the_first_dose(outcome: Outcome) -> None:
    arm = outcome.study.arm("all.high")
    course = outcome.over_course(arm)
    own = outcome.frame[(outcome.frame["arm"] == arm.name) & (outcome.frame["animal"] == 5)]
    after = own[own["time"] > arm.doses[0] - 1e-5]
    assert course["platelets"][5].min() == after["platelets"].min()
    assert course["time"][0] == pytest.approx(0.0, abs=2e-6)
    fall = outcome.expected(readout("platelet_fall"), arm)
    assert fall[5] == pytest.approx(100 * (1 - after["platelets"].min() / after["platelets"].iloc[0]))


def test_untreated_arms_are_read_over_the_days_of_the_treated(outcome: Outcome) -> None:
    untreated, treated = (outcome.over_course(outcome.study.arm(name)) for name in ("untreated", "all.high"))
    np.testing.assert_array_equal(untreated["time"], treated["time"])
    np.testing.assert_allclose(outcome.expected(readout("platelet_fall"), outcome.study.arm("untreated")), 0, atol=1e-5)


def test_a_dosing_rule_of_an_arm_turns_away_by_a_measured_count(outcome: Outcome) -> None:
    """The entry count of 300 is the median: half are let in, and those near it by the chance of one count."""
    arm = outcome.study.arm("ruled")
    before = outcome.over_course(arm)["platelets"][:, 0]
    dosed = outcome.expected(readout("platelet_fall"), arm) > 50
    assert dosed[before > 300 * 1.2].all()
    assert not dosed[before < 300 / 1.2].any()
    assert 0.25 < dosed.mean() < 0.75


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (mixture(2, 5, 8), "have 7 subjects in all, the arm 8"),
        (
            f"  all: {{animal_model: healthy, n: 4, therapy: {{mixture: {{low: {LOW}, high: {HIGH}}}}}}}",
            "two therapies",
        ),
        (
            f"  all: {{animal_model: healthy, n: 4, therapy: {HIGH}, dosing_rule: nobody}}",
            "neither a shipped dosing rule",
        ),
        ("  all: {animal_model: healthy, n: 4, dosing_rule: navitoclax-entry}", "of which no dose is given"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, arms: str, message: str) -> None:
    with pytest.raises(SenospineError, match=message) as caught:
        load_study(study_of(tmp_path, arms))
    assert "study.yaml:" in str(caught.value)


def test_read_outs_of_another_species_are_refused(tmp_path: Path) -> None:
    path = study_of(tmp_path, "  all: {animal_model: healthy, n: 4}")
    path.write_text(path.read_text().replace("platelet_fall,", "heat_latency,"), encoding="utf-8")
    with pytest.raises(StudyError, match="'heat_latency' is not one of species 'dog'"):
        load_study(path)


def test_a_population_has_its_own_counts_cut_off_where_a_trial_lets_in() -> None:
    """Against SciPy's distribution of what is left of a log-normal above its cut-off; the order of patients stays."""
    model, kind = load_model("human"), animal_model("relapsed-lymphoma", "human")
    drawn = draw_parameters(model, 20_000, seed=1)
    own = own_traits(model, kind, drawn)
    for trait in kind.traits:
        spread = np.sqrt(np.log1p(trait.cv**2))
        whole = stats.lognorm(spread, scale=trait.median)
        below = whole.cdf(trait.at_least)
        left = [float(whole.ppf(below + (1 - below) * share)) for share in (0.1, 0.5, 0.9)]
        np.testing.assert_allclose(np.quantile(own[trait.parameter], [0.1, 0.5, 0.9]), left, rtol=0.02)
        assert own[trait.parameter].min() >= trait.at_least
        order = np.argsort(drawn[trait.parameter])
        assert (np.diff(own[trait.parameter][order]) >= 0).all()
    # Porrata 2008: 45 of 121 patients below 1.0 at relapse
    assert np.mean(own["lymphocytes_baseline"] < 1.0) == pytest.approx(45 / 121, abs=0.015)


def test_people_without_a_trial_keep_the_registers_counts() -> None:
    model = load_model("human")
    assert own_traits(model, animal_model("degenerated", "human"), draw_parameters(model, 5, seed=1)) == {}


def test_the_picture_has_a_panel_an_arm_and_the_lines_of_grades(outcome: Outcome) -> None:
    panels = draw_platelets(outcome).axes
    assert [panel.get_title() for panel in panels] == [arm.name for arm in outcome.study.arms]
    lines = {float(line.get_ydata()[0]) for line in panels[0].lines if len(set(line.get_ydata())) == 1}
    assert {150.0, 75.0, 50.0, 25.0} <= lines
    median = np.median(outcome.over_course(outcome.study.arms[0])["platelets"], axis=0)
    assert any(np.array_equal(line.get_ydata(), median) for line in panels[0].lines)
