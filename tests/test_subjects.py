"""Animals: what is done to them, and how the register says they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senospine.assays import TRAITS
from senospine.errors import StudyError
from senospine.model import Model
from senospine.subjects import Switch, animal_model, animal_models, draw_parameters, draw_traits

ANIMALS = 6000


def test_the_four_animal_models_of_pan_2024() -> None:
    models = animal_models("mouse")
    assert {name: (models[name].surgery, models[name].switches) for name in ("young", "aged", "sham", "lsi")} == {
        "young": (False, ()),
        "aged": (False, ()),
        "sham": (True, ()),
        "lsi": (True, (Switch("instability_load", 1.0, "surgery"),)),
    }
    assert all(row.species == "mouse" and row.name == name and row.meaning for name, row in models.items())


def test_switches_set_parameters_that_the_mouse_has(mouse: Model) -> None:
    for row in animal_models("mouse").values():
        for switch in row.switches:
            assert mouse.parameters[switch.parameter] != switch.to  # off before


def test_an_unknown_animal_model_is_refused_with_a_suggestion() -> None:
    with pytest.raises(StudyError, match="species 'mouse' has no animal model 'shame'") as caught:
        animal_model("shame", "mouse", "study.yaml:9")
    assert caught.value.where == "study.yaml:9"
    assert "did you mean 'sham'?" in str(caught.value.remedy)


@pytest.mark.parametrize("species", ["cat", "rat", ""])
def test_a_species_without_models_is_refused(species: str) -> None:
    assert animal_models(species) == {}
    with pytest.raises(StudyError, match="no animal models of species") as caught:
        animal_model("lsi", species)
    assert "mouse" in str(caught.value.remedy)


@pytest.fixture(scope="module")
def drawn(mouse: Model) -> dict[str, np.ndarray]:
    return draw_parameters(mouse, ANIMALS, 99)


def test_what_varies_is_what_the_register_says(mouse: Model, drawn: dict[str, np.ndarray]) -> None:
    assert set(drawn) == {name for name, row in mouse.register.items() if row.between_animal_cv > 0}
    assert all(mouse.register[name].prior != "fixed" for name in drawn)
    assert not {"instability_load", "endplate_maturity_age", "pain_ep4_activity", "navitoclax_molar_mass"} & set(drawn)


def test_medians_and_spreads_are_the_registered_ones(mouse: Model, drawn: dict[str, np.ndarray]) -> None:
    for name, values in drawn.items():
        spread = math.sqrt(math.log1p(mouse.register[name].between_animal_cv ** 2))
        logs = np.log(values / mouse.parameters[name])
        assert np.median(logs) == pytest.approx(0, abs=4.5 * 1.2533 * spread / math.sqrt(ANIMALS)), name
        assert logs.std() == pytest.approx(spread, rel=4.5 / math.sqrt(2 * ANIMALS)), name
        cv = values.std() / values.mean()
        assert cv == pytest.approx(mouse.register[name].between_animal_cv, rel=0.1), name


def test_parameters_of_an_animal_are_independent(drawn: dict[str, np.ndarray]) -> None:
    correlation = np.corrcoef(np.log(list(drawn.values())))
    above = np.abs(correlation[np.triu_indices(len(drawn), 1)])
    assert above.max() < 5 / math.sqrt(ANIMALS)


def test_traits_are_standard_and_independent_of_parameters(drawn: dict[str, np.ndarray]) -> None:
    traits = draw_traits(TRAITS, ANIMALS, 99)
    assert tuple(traits) == TRAITS
    together = np.corrcoef([*traits.values(), *(np.log(values) for values in drawn.values())])
    assert np.abs(together[np.triu_indices(len(together), 1)]).max() < 5 / math.sqrt(ANIMALS)
    assert all(abs(z.std() - 1) < 4.5 / math.sqrt(2 * ANIMALS) for z in traits.values())


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 29), st.integers(0, 2**31))
def test_an_animal_is_the_same_in_any_block(mouse: Model, cut: int, seed: int) -> None:
    whole = draw_parameters(mouse, 30, seed)
    parts = [draw_parameters(mouse, cut, seed, 0), draw_parameters(mouse, 30 - cut, seed, cut)]
    for name, values in whole.items():
        assert (np.concatenate([part[name] for part in parts]) == values).all()
    late = draw_traits(TRAITS, 30 - cut, seed, cut)
    assert all((late[name] == z[cut:]).all() for name, z in draw_traits(TRAITS, 30, seed).items())


def test_another_seed_gives_other_animals(mouse: Model) -> None:
    first, second = draw_parameters(mouse, 20, 1), draw_parameters(mouse, 20, 2)
    assert all((first[name] != second[name]).all() for name in first)


def test_no_animals_are_no_animals(mouse: Model) -> None:
    assert all(values.shape == (0,) for values in draw_parameters(mouse, 0, 1).values())
