"""CTCAE grades, gut events and their noise, against their definitions and the rates they come from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from senospine.assays import readout, readouts
from senospine.assays.blood import GRADED, ctcae_grade, cut_offs
from senospine.assays.gut import EVENTS, gut_event_probability
from senospine.assays.readout import assay_register, human_assay_register, value_of
from senospine.errors import StudyError

DAYS = np.arange(8.0)


def course(*counts: float, cells: str = "platelets") -> dict[str, np.ndarray]:
    return {"time": np.arange(float(len(counts))), cells: np.array([counts])}


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        ("platelets", (150, 75, 50, 25)),
        ("neutrophils", (2.0, 1.5, 1.0, 0.5)),
        ("lymphocytes", (1.0, 0.8, 0.5, 0.2)),
    ],
)
def test_grades_begin_below_the_cut_offs_of_ctcae(cells: str, counts: tuple[float, ...]) -> None:
    at = np.array(counts)
    assert cut_offs(cells).tolist() == list(counts)
    assert ctcae_grade(cells, at).tolist() == [0, 1, 2, 3]  # at a cut-off the milder grade
    assert ctcae_grade(cells, at * (1 - 1e-9)).tolist() == [1, 2, 3, 4]
    assert ctcae_grade(cells, 0.0) == 4


def test_cells_without_grades_are_refused() -> None:
    with pytest.raises(StudyError, match="'platelet' have no CTCAE grades"):
        cut_offs("platelet")


@pytest.mark.parametrize("cells", list(GRADED))
def test_the_grade_of_a_course_is_that_of_its_nadir(cells: str) -> None:
    grade = readout(f"{GRADED[cells]}_grade")
    top, cuts = 1.5 * cut_offs(cells)[0], cut_offs(cells)
    generator = np.random.default_rng(1)
    for number, (cut, below) in enumerate(pairwise([*cuts, cuts[-1] / 2]), 1):
        expected = grade.expected(course(top, np.sqrt(cut * below), top, cells=cells), {})
        many = grade.measure(np.repeat(expected, 200), generator)
        assert np.mean(many == number) > 0.95  # the middle of a grade is two widths of the noise from its ends, or more
        assert np.floor(expected) == number


def test_a_grade_no_worse_than_before_the_drug_is_no_event() -> None:
    grade = readout("lymphocyte_grade")
    states = course(0.45, 0.40, 0.45, cells="lymphocytes")
    assert grade.measure(grade.expected(states, {}), np.random.default_rng(1)) == 0
    states = course(0.55, 0.40, 0.45, cells="lymphocytes")
    assert np.floor(grade.expected(states, {})) == 3


def test_noise_of_a_grade_is_the_noise_of_the_count() -> None:
    """At a cut-off half of the counts fall on either side, and one standard deviation above it, one in six."""
    grade, sd = readout("platelet_grade"), np.sqrt(np.log1p(value_of("count_noise_cv") ** 2))
    for above, share in ((0.0, 0.5), (1.0, 0.158655)):
        expected = grade.expected(course(237.0, 50.0 * np.exp(above * sd) * (1 + 1e-12), 237.0), {})
        many = grade.measure(np.repeat(expected, 40_000), np.random.default_rng(2))
        assert np.mean(many >= 3) == pytest.approx(share, abs=0.01)


def test_fall_and_day_of_nadir() -> None:
    states = course(200.0, 120.0, 60.0, 80.0)
    assert readout("platelet_fall").expected(states, {}) == pytest.approx(70.0)
    assert readout("platelet_nadir_day").expected(states, {}) == 2
    assert readout("platelet_nadir").expected(states, {}) == 60
    many = readout("platelet_fall").measure(np.full(50_000, 70.0), np.random.default_rng(3))
    spread = np.log1p(value_of("count_noise_cv") ** 2)
    assert np.log(1 - many / 100).std() == pytest.approx(np.sqrt(2 * spread), rel=0.02)


def test_gut_events_give_back_the_trial_their_slopes_come_from() -> None:
    """MIRROS: diarrhoea 87.0 % against 32.9 % on placebo, nausea 52.5 % against 31.5 %."""
    assert gut_event_probability("diarrhoea", 1.0, background=0.329) == pytest.approx(0.870, abs=5e-4)
    assert gut_event_probability("nausea", 1.0, background=0.315) == pytest.approx(0.525, abs=5e-4)


@pytest.mark.parametrize("event", EVENTS)
def test_gut_events_rise_with_exposure_from_the_background(event: str) -> None:
    exposure = np.linspace(0, 2, 9)
    rate = gut_event_probability(event, exposure)
    assert rate[0] == pytest.approx(value_of(f"{event}_background"))
    assert (np.diff(rate) > 0).all()
    severe = gut_event_probability(event, exposure, severe=True)
    assert (severe < rate).all()


def test_drawn_gut_events_have_the_probabilities_told() -> None:
    event = readout("diarrhoea_grade")
    half = np.full((60_000, len(DAYS)), 0.5)
    drawn = event.measure(event.expected({"time": DAYS, "gut_exposure": half}, {}), np.random.default_rng(4))
    assert set(np.unique(drawn)) == {0, 1, 3}
    assert (drawn > 0).mean() == pytest.approx(float(gut_event_probability("diarrhoea", 0.5)), abs=0.006)
    severe = float(gut_event_probability("diarrhoea", 0.5, severe=True))
    assert (drawn == 3).mean() == pytest.approx(severe, abs=0.003)


def test_days_off_the_drug_do_not_dilute_its_exposure() -> None:
    """Two weeks at 0.5 are the same exposure with and without a week off behind them."""
    event, days = readout("diarrhoea_grade"), np.linspace(0.0, 21.0, 211)
    on = np.where(days <= 14, 0.5, 0.0)
    whole = event.expected({"time": days, "gut_exposure": on[None]}, {})
    short = event.expected({"time": days[:141], "gut_exposure": on[None, :141]}, {})
    assert whole == pytest.approx(short, rel=1e-2)


def test_a_model_without_drugs_has_the_background_alone() -> None:
    event = readout("nausea_grade")
    share = 1 / (1 + np.exp(-event.expected({"time": DAYS}, {})))
    assert share == pytest.approx(value_of("nausea_background"))


def test_gut_events_refuse_what_is_no_event_or_no_probability() -> None:
    with pytest.raises(StudyError, match="unknown gut event 'diarrhea'"):
        gut_event_probability("diarrhea", 1.0)
    with pytest.raises(StudyError, match="a background of 0 is no probability"):
        gut_event_probability("nausea", 1.0, background=0.0)


def test_people_have_a_register_of_their_own() -> None:
    """What is added for people must not touch what fits to mice were made from."""
    assert not set(assay_register()) & set(human_assay_register())
    assert {row.species for row in human_assay_register().values()} == {"human"}
    assert {row.species for row in assay_register().values()} == {"mouse"}


def test_read_outs_of_a_course_say_so() -> None:
    assert {name for name, row in readouts().items() if row.course} == {
        *(f"{word}_{kind}" for word in GRADED.values() for kind in ("nadir", "grade")),
        "platelet_fall", "platelet_nadir_day", "diarrhoea_grade", "nausea_grade",
    }  # fmt: skip
