"""What a concentration does: Hill's curve, and what it does around zero, where solvers may step a rounding below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drug_helpers import acting_drug
from helpers import UNITS

from senospine.engine import compile_model
from senospine.model import Model, evaluate, load_model
from senospine.model.loading import BIOLOGY
from senospine.therapy import compose_model

STEEPNESSES = [0.3, 1.0, 1.7, 4.0]


def alone(folder: Path, hill: float) -> Model:
    """The module by itself, reading a concentration that rises through zero."""
    text = f"""import "drug_action.ant"
model *alone()
{UNITS}
  unit micromolar = 1e-6 mole / (1 litre);
  unit micromolar_per_day = 1e-6 mole / (1 litre * 86400 second);
  slope has micromolar_per_day; slope = 1;
  start has micromolar; start = -1e-12;
  x has fold; x' = -effect * x; x = 1;
  concentration := start + slope * time;
  action: DrugAction(effect, concentration, largest, half, steepness);
  concentration has micromolar; effect has per_day; largest has per_day; half has micromolar; steepness has fold;
  largest = 0.9; half = 0.3; steepness = {hill};
end
"""
    path = folder / "alone.ant"
    (folder / "drug_action.ant").write_bytes((BIOLOGY / "drug_action.ant").read_bytes())
    path.write_text(text, encoding="utf-8")
    return load_model(path)


@pytest.mark.parametrize("hill", STEEPNESSES)
@pytest.mark.parametrize("engine", ["lanes", "scipy"])
def test_hills_curve_and_the_line_through_zero(tmp_path: Path, hill: float, engine: str) -> None:
    kernel = compile_model(alone(tmp_path, hill), outputs=["effect", "concentration"], engine=engine)  # type: ignore[arg-type]
    times = np.array([0.0, 1e-12, 1e-10, 1e-3, 0.1, 0.3, 2.0, 1000.0])
    found = kernel.solve(times=times)
    c = times - 1e-12
    ratio = np.maximum(c / 0.3, 1e-6)
    truth = 0.9 * np.minimum(c / 0.3e-6, 1.0) * ratio**hill / (1 + ratio**hill)
    assert found["effect"][0] == pytest.approx(truth, rel=1e-9, abs=1e-15)
    assert found["effect"][0, 5] == pytest.approx(0.45, rel=1e-9)  # half the largest at half
    assert abs(found["effect"][0, 0]) < 1e-6  # a rounding below zero kills nothing


@pytest.mark.parametrize("hill", STEEPNESSES)
def test_the_slope_is_one_number_on_both_sides_of_zero(tmp_path: Path, hill: float) -> None:
    """Hill's own slope there is endless below a steepness of one, and below zero the power has no value at all."""
    model = alone(tmp_path, hill)

    def effect(concentration: np.ndarray) -> np.ndarray:
        values = {**model.parameters, "concentration": concentration}
        for name, formula in model.assignments.items():
            values.setdefault(name, evaluate(formula, values))
        return np.asarray(values["effect"])

    c = np.array([-2e-7, -1e-12, 0.0, 1e-12, 2e-7])
    slope = 0.9 * 1e-6**hill / (1 + 1e-6**hill) / 0.3e-6
    assert effect(c) == pytest.approx(slope * c, rel=1e-9)
    edge = 0.3e-6 * np.array([1 - 1e-9, 1.0, 1 + 1e-9])  # where line and curve meet
    assert effect(edge) == pytest.approx(np.full(3, slope * 0.3e-6), rel=1e-8)


def test_a_drug_without_concentration_does_nothing(tmp_path: Path) -> None:
    """In the whole model of a person, for steepness below and above one, through a year without a dose."""
    actions = {
        "endplate_kill": {"numbers": {"hill": (0.5, "fold")}}, "platelet_kill": {"numbers": {"hill": (3.0, "fold")}},
    }  # fmt: skip
    drug = acting_drug(tmp_path, "imaginary", actions)
    times = np.array([0.0, 365.0])
    with_drug, without = (
        compile_model(compose_model("human", drugs), outputs=["platelets", "senescent_osteoclasts"]).solve(times=times)
        for drugs in ([drug], [])
    )
    assert with_drug["platelets"] == pytest.approx(without["platelets"], rel=1e-4)
    assert with_drug["senescent_osteoclasts"] == pytest.approx(without["senescent_osteoclasts"], rel=1e-4, abs=1e-8)
