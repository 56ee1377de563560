"""Models composed of a spine and drugs: what joins how, what is known of each number, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drug_helpers import ACTION, acting_drug, drug_data, made_drug, row, rows, write_drug
from therapy_helpers import refusal

from senospine.engine import compile_model
from senospine.errors import RegimenError
from senospine.model import Model, load_model
from senospine.therapy import Drug, compose_model, read_drug

DISC = {
    "diffusivity_nucleus": (20.0, "mm2/day"), "diffusivity_ratio_cep": (0.5, "fold"), "charge": (-1.0, "fold"),
    "diffusivity_annulus": (10.0, "mm2/day"), "retardation": (3.0, "fold"), "disc_loss_rate": (0.2, "1/day"),
    "release_rate": (2.0, "1/day"),
}  # fmt: skip


def inputs(model: Model, concentrations: dict[str, float], names: list[str], **parameters: float) -> dict[str, float]:
    """Return inputs of the spine at plasma concentrations, held by the amounts in the drugs' central volumes."""
    held = {f"{symbol}_central": value * 5.0 * 0.5 * (75 / 10) for symbol, value in concentrations.items()}
    solution = compile_model(model, outputs=names).solve(parameters, times=np.array([0.0]), initial=held)
    return {name: float(solution[name][0, 0]) for name in names}


def hill(concentration: float, largest: float = ACTION["max"][0]) -> float:
    ratio = (concentration / ACTION["half"][0]) ** ACTION["hill"][0]
    return largest * ratio / (1 + ratio)


@pytest.fixture
def two(tmp_path: Path) -> list[Drug]:
    """Two drugs that do the same by what they read."""
    actions = {
        "endplate_kill": {"reads": "free"}, "disc_kill": {"reads": "total"},
        "senomorphic_action": {"reads": "total", "numbers": {"max": (0.8, "fold")}},
        "gut_exposure": {"reads": "total", "numbers": {"max": (2.0, "fold")}},
    }  # fmt: skip
    return [acting_drug(tmp_path, name, actions) for name in ("beta", "alpha")]


def test_hazards_add_shares_combine_and_interaction_is_null_at_zero(two: list[Drug]) -> None:
    model = compose_model("human", two)
    assert model.check() == []
    names = ["endplate_kill", "disc_kill_1", "disc_kill_4", "senomorphic_action", "gut_exposure", "analgesia"]
    found = inputs(model, {"alpha": 0.5, "beta": 0.2}, names[:-1])
    assert found["endplate_kill"] == pytest.approx(hill(0.01) + hill(0.004), rel=1e-9)
    assert found["disc_kill_1"] == found["disc_kill_4"] == pytest.approx(hill(0.5) + hill(0.2), rel=1e-9)
    assert found["senomorphic_action"] == pytest.approx(1 - (1 - hill(0.5, 0.8)) * (1 - hill(0.2, 0.8)), rel=1e-9)
    assert found["gut_exposure"] == pytest.approx(hill(0.5, 2.0) + hill(0.2, 2.0), rel=1e-9)
    helped = inputs(model, {"alpha": 0.5, "beta": 0.2}, ["disc_kill_2", "gut_exposure"], drug_interaction=0.7)
    together = hill(0.5) + hill(0.2) + 0.7 * np.sqrt(hill(0.5) * hill(0.2))
    assert helped["disc_kill_2"] == pytest.approx(together, rel=1e-5)  # the smallest hazard that counts is 1e-6
    assert helped["gut_exposure"] == found["gut_exposure"]
    one = inputs(model, {"alpha": 0.5, "beta": 0.0}, ["disc_kill_2"], drug_interaction=0.7)
    assert one["disc_kill_2"] == pytest.approx(hill(0.5), abs=1e-6)


def test_a_zone_of_the_disc_is_killed_by_what_reaches_it(tmp_path: Path) -> None:
    data = drug_data("imaginary", "human")
    data["disc"] = {"human": rows(DISC)}
    data["actions"] = {"human": {"disc_kill": {"reads": "disc", **rows(ACTION)}}}
    model = compose_model("human", [read_drug(write_drug(tmp_path, data))])
    assert model.check() == []
    layers = [f"imaginary_disc_{name}" for name in ("np_1", "np_2", "np_7", "np_8")]
    held = dict(zip(layers, (0.1, 0.1, 0.7, 0.7), strict=True))
    kernel = compile_model(model, outputs=["disc_kill_1", "disc_kill_2", "disc_kill_4"])
    found = kernel.solve(times=np.array([0.0]), initial=held)
    assert [float(found[name][0, 0]) for name in kernel.outputs] == pytest.approx([hill(0.1), 0.0, hill(0.7)], rel=1e-9)


def test_order_does_not_matter_and_numbers_do(tmp_path: Path, two: list[Drug]) -> None:
    model = compose_model("human", two)
    again = compose_model("human", two[::-1])
    assert (again.text, again.sha256) == (model.text, model.sha256)
    assert list(again.parameters.items()) == list(model.parameters.items())
    hashes = {model.sha256, compose_model("human", two[:1]).sha256, load_model("human").sha256}
    changed = acting_drug(tmp_path, "alpha", {"endplate_kill": {"numbers": {"half": (0.31, "umol/L")}}})
    hashes |= {compose_model("human", [changed]).sha256, compose_model("human", two[1:]).sha256}
    assert len(hashes) == 5
    assert compose_model("human", []) is load_model("human")
    assert "drugs: alpha, beta" in model.text


def test_every_number_knows_its_line_and_every_variable_its_size(tmp_path: Path, two: list[Drug]) -> None:
    model = compose_model("human", two)
    for name in model.parameters:
        assert name in model.register, name
    lines = (tmp_path / "alpha.yaml").read_text(encoding="utf-8").splitlines()
    path, number = model.register["alpha_clearance"].where.rsplit(":", 1)
    assert path == str(tmp_path / "alpha.yaml")
    assert lines[int(number) - 1].strip() == "clearance:"
    assert model.register["alpha_endplate_kill_half"].where.startswith(f"{tmp_path / 'alpha.yaml'}:")
    assert "endplate_kill" not in model.register  # drugs move it now
    assert "platelet_kill" in model.register
    for name in [*model.states, "alpha_concentration", "alpha_endplate_kill_effect"]:
        assert name in model.variables, name
        assert model.scale(name) > 0
    # half of what the most sensitive action reads is 0.3 umol/L total: 0.3 * 5 L * 0.5 mg/umol, to one digit
    assert model.scale("alpha_central") == 0.8
    assert model.where("alpha_endplate_kill_effect").startswith("human (composed):")


def test_numbers_come_in_the_models_units(tmp_path: Path) -> None:
    hourly = made_drug(tmp_path, clearance=(0.5, "L/h"), volume_central=(5000.0, "mL"), absorption_rate=(1.0, "1/h"))
    model = compose_model("dog", [hourly])
    assert model.parameters["imaginary_clearance"] == pytest.approx(12.0)
    assert model.parameters["imaginary_volume_central"] == pytest.approx(5.0)
    assert model.parameters["imaginary_absorption_rate"] == pytest.approx(24.0)
    assert model.register["imaginary_clearance"].unit == "L/day"


def test_a_reading_replaces_what_it_names(tmp_path: Path) -> None:
    data = drug_data("imaginary", "human")
    data["actions"] = {"human": {"endplate_kill": {"reads": "free", **rows(ACTION)}}}
    data["readings"] = {
        "nominal": {"actions.human.endplate_kill.reads": "total", "kinetics.human.clearance": row(3.0, "L/day")}
    }
    drug = read_drug(write_drug(tmp_path, data))
    free, nominal = (compose_model("human", [drug], readings=given) for given in ({}, {"imaginary": "nominal"}))
    assert (free.parameters["imaginary_clearance"], nominal.parameters["imaginary_clearance"]) == (12.0, 3.0)
    found = [inputs(model, {"imaginary": 0.5}, ["endplate_kill"])["endplate_kill"] for model in (free, nominal)]
    assert found == pytest.approx([hill(0.01), hill(0.5)], rel=1e-9)
    assert "readings" not in nominal.register["imaginary_volume_central"].where
    error = refusal(RegimenError, "human", [drug], readings={"imaginary": "nominel"}, call=compose_model)
    assert "did you mean 'nominal'" in str(error.remedy)


def test_refusals(tmp_path: Path) -> None:
    error = refusal(RegimenError, "human", ["navitoclacs"], call=compose_model)
    assert "did you mean 'navitoclax'" in str(error.remedy)
    error = refusal(RegimenError, "rat", [], call=compose_model)
    assert "no model of species 'rat'" in error.what
    dog = made_drug(tmp_path, "canine")
    error = refusal(RegimenError, "human", [dog], call=compose_model)
    assert "canine has no kinetics in species 'human'" in error.what
    data = drug_data("barking", "dog")
    data["actions"] = {"dog": {"analgesia": {"reads": "free", **rows({**ACTION, "max": (0.5, "fold")})}}}
    error = refusal(RegimenError, "dog", [read_drug(write_drug(tmp_path, data))], call=compose_model)
    assert "the dog model has no input 'analgesia'" in error.what
    assert str(error.where).startswith(f"{tmp_path / 'barking.yaml'}:")
    data = drug_data("taken", "human") | {"symbol": "blood"}
    error = refusal(RegimenError, "human", [read_drug(write_drug(tmp_path, data))], call=compose_model)
    assert "the symbol 'blood' of taken is taken" in error.what
