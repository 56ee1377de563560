"""People: sexes, ages, what is carried over from the mouse, and lives cut in two."""

from __future__ import annotations

import numpy as np
import pytest

from senospine.engine import compile_model
from senospine.errors import ModelError, StudyError
from senospine.model import Model
from senospine.subjects import (
    animal_models,
    draw_parameters,
    draw_people,
    draw_translation,
    sex_parameters,
    untreated_life,
)

YEAR = 365.25
PEOPLE = 4000


def test_kinds_of_people_switch_degeneration_only(human: Model) -> None:
    kinds = animal_models("human")
    spines = {"healthy", "mildly-degenerated", "moderately-degenerated", "degenerated"}
    assert spines <= set(kinds)
    assert not any(kind.switches for name, kind in kinds.items() if name not in spines)  # their blood is their own
    loads = [switch.to for kind in kinds.values() for switch in kind.switches]
    assert loads == sorted(loads)
    assert loads[-1] == 1.0
    assert {switch.parameter for kind in kinds.values() for switch in kind.switches} == {"degeneration_load"}
    assert all(kind.species == "human" and not kind.surgery for kind in kinds.values())
    assert human.parameters["degeneration_load"] == 0


def test_sexes_differ_by_the_published_critical_age() -> None:
    assert sex_parameters("female") == {"senescence_critical_age": 40773.0}
    assert sex_parameters("male") == {"senescence_critical_age": 39576.0}
    with pytest.raises(StudyError, match="unknown sex 'men'"):
        sex_parameters("men")


def test_patients_are_of_the_ages_and_sexes_asked_for(human: Model) -> None:
    people = draw_people(human, PEOPLE, 7, ages=(40, 60), women=0.7)
    assert 40 * YEAR <= people.ages.min() < 40.2 * YEAR
    assert 59.8 * YEAR < people.ages.max() <= 60 * YEAR
    assert people.female.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / PEOPLE))
    critical = people.parameters["senescence_critical_age"]
    for sex, mine in (("female", people.female), ("male", ~people.female)):
        spread = human.register["senescence_critical_age"].between_animal_cv / np.sqrt(mine.sum())
        assert np.median(critical[mine]) == pytest.approx(
            sex_parameters(sex)["senescence_critical_age"], rel=5 * spread
        )


def test_a_patient_is_the_same_in_any_block_and_of_any_kind(human: Model) -> None:
    whole = draw_people(human, 20, 3, "degenerated")
    late = draw_people(human, 12, 3, "healthy", first=8)
    assert (whole.female[8:] == late.female).all()
    for name, values in late.parameters.items():
        if name != "degeneration_load":
            assert (whole.parameters[name][8:] == values).all(), name
    assert (whole.parameters["degeneration_load"] == 1).all()
    assert set(draw_parameters(human, 1, 3)) <= set(whole.parameters)


@pytest.mark.parametrize("bad", [{"ages": (60, 40)}, {"ages": (-1, 40)}, {"ages": (20, 200)}, {"women": 1.2}])
def test_impossible_people_are_refused(human: Model, bad: dict[str, object]) -> None:
    with pytest.raises(StudyError) as caught:
        draw_people(human, 3, 1, **bad)  # type: ignore[arg-type]
    assert caught.value.remedy


def test_an_unknown_kind_of_people_is_refused_with_a_suggestion(human: Model) -> None:
    with pytest.raises(StudyError, match="no animal model 'healty'") as caught:
        draw_people(human, 3, 1, "healty")
    assert "did you mean 'healthy'?" in str(caught.value.remedy)


def test_translation_is_drawn_from_its_priors_and_can_be_turned_off(human: Model) -> None:
    drawn = draw_translation(human, PEOPLE, 5)
    off = draw_translation(human, PEOPLE, 5, translation=False)
    names = {name for name in human.parameters if name.startswith("translation_")}
    assert set(drawn) == set(off) == names
    assert len(names) == 21
    for name, values in drawn.items():
        row = human.register[name]
        assert (off[name] == 1).all()
        assert row.value == 1
        assert ((values < row.low) | (values > row.high)).mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / PEOPLE))
        assert np.median(values) == pytest.approx(1, rel=0.15)
    correlation = np.corrcoef(np.log(list(drawn.values())))
    assert np.abs(correlation[np.triu_indices(len(drawn), 1)]).max() < 5 / np.sqrt(PEOPLE)


def test_without_translation_the_model_is_the_register(human: Model) -> None:
    kernel = compile_model(human, outputs=["spinal_pain"])
    plain = kernel.solve(times=[60 * YEAR])["spinal_pain"]
    off = kernel.solve(draw_translation(human, 2, 1, translation=False), times=[60 * YEAR])["spinal_pain"]
    assert (off == plain).all()


def test_translation_widens_what_is_predicted_of_people(human: Model) -> None:
    """Across draws of the doubt, one patient's pain spreads; without the doubt it does not."""
    kernel = compile_model(human, outputs=["spinal_pain"])
    drawn = {**draw_translation(human, 64, 2), "degeneration_load": 1.0}
    pain = kernel.solve(drawn, times=[60 * YEAR])
    assert pain.failures == ()
    assert np.std(np.log(pain["spinal_pain"])) > 0.2


def test_a_life_cut_in_two_is_the_life(human: Model) -> None:
    """Solved to 65 in one go, and to 52 then 13 years from time 0 at that age."""
    people = draw_people(human, 12, 11, "degenerated")
    parameters = {**people.parameters, **draw_translation(human, 12, 4)}
    cut, end = np.full(12, 52 * YEAR), np.full(12, 65 * YEAR)
    initial = untreated_life(human, parameters, cut, rtol=1e-10)
    kernel = compile_model(human, outputs=[*human.states, "age"])
    solution = kernel.solve({**parameters, "age_at_start": cut}, times=[13 * YEAR], initial=initial, rtol=1e-10)
    whole = untreated_life(human, parameters, end, rtol=1e-10)
    assert solution["age"][:, 0] == pytest.approx(end)
    for state in human.states:
        assert solution[state][:, 0] == pytest.approx(whole[state], rel=1e-6, abs=1e-8), state


def test_onset_of_degeneration_after_a_trial_began_is_felt(human: Model) -> None:
    """The onset is an age, not a time: a patient of 30 whose degeneration begins at 35 degenerates five years in."""
    parameters = {"degeneration_load": 1.0, "degeneration_onset": 35 * YEAR, "degeneration_time": 1000.0}
    kernel = compile_model(human, outputs=["degeneration"])
    initial = untreated_life(human, parameters, 30 * YEAR)
    solution = kernel.solve(
        {**parameters, "age_at_start": 30 * YEAR}, times=[4.9 * YEAR, 6 * YEAR], initial=initial, rtol=1e-9
    )
    assert solution["degeneration"][0] == pytest.approx([0.0, 1 - np.exp(-YEAR / 1000)], abs=1e-5)


def test_each_person_is_read_at_an_age_of_their_own(human: Model) -> None:
    ages = YEAR * np.array([20.0, 50.0, 90.0])
    together = untreated_life(human, {"degeneration_load": 1.0}, ages)
    for index, age in enumerate(ages):
        alone = untreated_life(human, {"degeneration_load": 1.0}, age)
        assert {name: values[0] for name, values in alone.items()} == {n: v[index] for n, v in together.items()}


@pytest.mark.parametrize("ages", [0.0, -5.0, np.nan, [[20.0]]])
def test_impossible_ages_are_refused(human: Model, ages: object) -> None:
    with pytest.raises(ModelError, match="age is not a positive number"):
        untreated_life(human, {}, ages)  # type: ignore[arg-type]


def test_a_life_that_cannot_be_solved_says_so(human: Model) -> None:
    with pytest.raises(ModelError, match=r"untreated lives of \d of 2 people"):
        untreated_life(human, {"endplate_osteoclast_turnover": [0.08, -1.0]}, 50 * YEAR)
