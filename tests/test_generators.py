"""Where pain comes from: nothing passes 10, the spine explains a share at most, findings follow their odds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from senospine.assays import DEVIATES, REACHES, case_definitions, course_of, findings, generators, reach_of
from senospine.assays.generators import felt_drive, joined
from senospine.assays.readout import value_of
from senospine.errors import SenospineError

CHANCE = st.floats(0.001, 0.999)


def deviates(people: int = 400, **fixed: float) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(3).random((len(DEVIATES), people))
    return dict(zip(DEVIATES, drawn, strict=True)) | {name: np.full(people, value) for name, value in fixed.items()}


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=5))
def test_generators_join_in_any_order_and_never_pass_ten(points: list[float]) -> None:
    there = joined(*map(np.array, points))
    assert max(points) - 1e-9 <= there <= 10
    assert np.isclose(there, joined(*map(np.array, reversed(points))))


@given(CHANCE, CHANCE, st.floats(0, 500))
def test_a_silent_spine_takes_no_more_than_its_share(sensitivity: float, share: float, drive: float) -> None:
    mine = deviates(1, sensitivity=sensitivity, share=share)
    own = generators(np.array([drive]), 3.0, np.ones(1), mine)
    before, after = course_of(np.array([[drive, 0.0]]), 3.0, own, mine)[0]
    assert np.isclose(before, own.pain[0], atol=1e-9)
    assert -1e-9 <= before - after <= 10 * value_of("spinal_share_most") + 1e-9
    begun = joined(own.spinal, own.persisting)[0]
    assert own.spinal[0] <= value_of("spinal_share_most") * begun + 1e-9
    assert after >= own.other[0] - 1e-9


def test_without_drive_all_pain_is_of_others_and_most_have_none() -> None:
    own = generators(np.zeros(400), 3.0, np.zeros(400), deviates())
    assert (own.spinal == 0).all()
    assert (own.persisting == 0).all()
    assert (own.facet == 0).all()
    none = (1 - value_of("muscle_painful")) * (1 - value_of("central_painful"))
    assert abs((own.pain == 0).mean() - none) < 4 * np.sqrt(none * (1 - none) / 400)


def test_a_relief_takes_its_share_of_every_source_it_reaches_and_of_no_other() -> None:
    mine = deviates()
    drive = np.full(400, 3.0)
    own = generators(drive, 3.0, np.ones(400), mine)
    relief = np.array([[0.0, 0.25]])
    found = {name: course_of(np.stack([drive, drive], 1), 3.0, own, mine, relief, reach_of(name)) for name in REACHES}
    for course in found.values():
        np.testing.assert_allclose(course[:, 0], own.pain, atol=1e-9)
    np.testing.assert_allclose(found["spine"][:, 1], own.pain, atol=1e-9)
    left = joined(own.spinal, own.persisting, 0.75 * own.facet, 0.75 * own.muscle, own.central)
    np.testing.assert_allclose(found["tissue"][:, 1], left, atol=1e-9)
    every = (0.75 * getattr(own, kind) for kind in ("persisting", "facet", "muscle", "central"))
    np.testing.assert_allclose(found["all"][:, 1], joined(own.spinal, *every), atol=1e-9)
    more = [found[name][:, 1].mean() for name in REACHES]
    assert more == sorted(more, reverse=True)
    assert len(set(more)) == 4


def test_without_a_relief_no_reading_matters() -> None:
    mine = deviates()
    drive = np.full(400, 3.0)
    own = generators(drive, 3.0, np.ones(400), mine)
    falling = np.stack([drive, drive / 2], 1)
    readings = [course_of(falling, 3.0, own, mine, 0.0, reach_of(name)) for name in REACHES]
    for other in readings[1:]:
        np.testing.assert_array_equal(readings[0], other)


def test_an_unknown_reach_is_refused() -> None:
    with pytest.raises(SenospineError, match="no reach of systemic analgesics is called 'everything'"):
        reach_of("everything")


def test_half_of_ten_is_felt_at_the_registered_drive() -> None:
    assert np.isclose(felt_drive(np.array(value_of("spinal_half") * 4.0), 4.0, np.array(1.0)), 5.0)
    assert felt_drive(np.array(-1.0), 4.0, np.array(1.0)) == 0


def test_findings_have_the_registered_odds() -> None:
    count = 60_000
    drawn = dict(zip(DEVIATES, np.random.default_rng(5).random((len(DEVIATES), count)), strict=True))
    age, degeneration = np.full(count, 40.0), np.repeat([0.0, 0.5], count // 2)
    found = findings(age, degeneration, np.full(count, 2.0), drawn)
    assert abs(100 * found["facet_degeneration"].mean() - value_of("facet_at_40")) < 0.7
    assert found["disc_degeneration"].mean() == 0.5
    modic = [(found["modic"][half] > 0).mean() for half in (slice(0, count // 2), slice(count // 2, None))]
    odds = modic[1] / (1 - modic[1]) / (modic[0] / (1 - modic[0]))
    assert abs(np.log(odds) - value_of("modic_given_degeneration")) < 0.12
    assert set(found["modic"]) == {0.0, 1.0, 2.0, 3.0}
    more = findings(age, degeneration, np.full(count, 4.0), drawn)
    assert (more["endplate_defect"] >= found["endplate_defect"]).all()  # the same people with more pores


def test_definitions_of_a_case_contain_one_another() -> None:
    pain = np.linspace(0, 9, 50)
    found = case_definitions(pain, np.full(50, 60.0))
    assert (found["patient"] <= found["chronic"]).all()
    assert (found["limiting_now"] <= found["any_now"]).all()
    assert (found["chronic"] <= found["ever"]).all()
    assert ((found["chronic"] + found["pain_free"]) <= 1).all()


def test_people_without_lasting_pain_have_episodes_and_no_fluctuation() -> None:
    """Exact: of the free a share i falls ill a year and recovers at ln 2 over the median, so odds are their product."""
    found = case_definitions(np.array([0.0, 0.5, 0.99, 1.0]), np.full(4, 60.0))
    odds = -np.log(1 - value_of("episode_incidence")) * value_of("episode_days") / np.log(2) / 365.25
    np.testing.assert_allclose(found["any_now"][:3], odds / (1 + odds))
    assert found["any_now"][3] == 0.5
    np.testing.assert_allclose(found["limiting_now"][:3], value_of("episode_limiting") * odds / (1 + odds))
