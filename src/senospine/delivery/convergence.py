"""How far the layers of the disc are from exact series: at the centre, in the mean over time, and early near the bone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from senospine.delivery.disc import disc_model
from senospine.delivery.exact import TwoLayers
from senospine.delivery.layers import shares
from senospine.engine import Kernel, compile_model

Array = NDArray[np.float64]
#: a bone that does not resist
_OPEN = {"disc_geometry_bone_transfer": 1e9}
_PLAIN = {**_OPEN, "drug_diffusivity_annulus": 0.0, "loading": 0.0}
#: name -> species and what differs from its register; "sealed" is without loss, annulus and resistance of the bone
CASES: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "sealed, one tissue": ("human", {**_PLAIN, "drug_diffusivity_ratio_cep": 1.0}),
    "sealed, two layers": ("human", _PLAIN),
    "bone resists": ("human", {"drug_diffusivity_annulus": 0.0}),
    "binding 100": ("human", {**_PLAIN, "drug_retardation": 100.0}),
    "cation": ("human", {**_PLAIN, "drug_charge": 1.0}),
    "anion": ("human", {**_PLAIN, "drug_charge": -1.0}),
    "leaky": ("human", {**_PLAIN, "drug_disc_loss_rate": 0.3}),
    "annulus": ("human", {**_OPEN, "drug_diffusivity_annulus": 17.0}),
    "calcified": ("human", {**_PLAIN, "calcification": 0.8}),
    "degenerated": ("human", {**_PLAIN, "degeneration": 1.0}),
    "all at once": (
        "human",
        {"drug_disc_loss_rate": 0.3, "drug_charge": 1.0, "drug_retardation": 10.0, "calcification": 0.3},
    ),
    "mouse, sealed": ("mouse", _PLAIN),
    "mouse, register": ("mouse", {}),
}
_SHAPE = (
    "half_height", "cep_thickness", "water_cep", "water_nucleus", "charge_ratio_cep", "charge_ratio_nucleus",
    "passage", "endplate_transfer", "radius",
)  # fmt: skip


@dataclass(frozen=True)
class Accuracy:
    """Errors of one case with so many layers, as shares of the concentration at the boundary.

    Attributes
    ----------
    centre : float
        Largest at the centre, at any time.
    area : float
        Largest of the area under the nucleus's mean up to any time, over boundary concentration times that time.
    """

    case: str
    layers: int
    centre: float
    area: float


def accuracy(case: str, split: int = 1) -> Accuracy:
    """Return the errors of the layers in a case, each shipped layer cut into ``split``; time is solved to 1e-8."""
    exact, per_boundary, times, values = _solved(case, split)
    centre = np.abs(values["centre"][0] / per_boundary - exact.centre(times))
    area = np.abs(values["exposure"][0] / per_boundary - exact.area(times)) / times
    count = sum(len(tissue) for tissue in shares(split))
    return Accuracy(case, count, float(centre.max()), float(area.max()))


def early_errors(case: str = "sealed, two layers", split: int = 1) -> tuple[Array, Array, Array]:
    """Return times [shares of the diffusion time], depths of layers [mm], and layer errors, (n_layers, n_times).

    A layer's mean is set against the exact concentration at its middle: near the bone it is wrong until the front has
    passed, whatever the number of layers.
    """
    exact, _, times, values = _solved(case, split)
    cep, nucleus = shares(split)
    thick = np.array([*np.multiply(cep, exact.cep), *np.multiply(nucleus, exact.half)])
    depths = np.cumsum(thick) - thick / 2
    names = [f"drug_cep_{i + 1}" for i in range(len(cep))] + [f"drug_np_{i + 1}" for i in range(len(nucleus))]
    rows = [values[name][0] - exact.at_depth(times, depth) for name, depth in zip(names, depths, strict=True)]
    return times / _travel(exact), depths, np.array(rows)


def exact_disc(values: Mapping[str, float]) -> TwoLayers:
    """Return the exact problem of the disc model's values: outputs of its geometry, and the drug's parameters."""
    geometry = {name: values[f"disc_geometry_{name}"] for name in _SHAPE}
    charge, diffusivity = values["drug_charge"], values["drug_diffusivity_nucleus"]
    return TwoLayers(
        cep=geometry["cep_thickness"],
        half=geometry["half_height"],
        diffusivity_cep=geometry["passage"] * values["drug_diffusivity_ratio_cep"] * diffusivity,
        diffusivity_nucleus=diffusivity,
        storage_cep=geometry["water_cep"] * geometry["charge_ratio_cep"] ** charge,
        storage_nucleus=geometry["water_nucleus"] * geometry["charge_ratio_nucleus"] ** charge,
        transfer=geometry["endplate_transfer"],
        retardation=values["drug_retardation"],
        loss=values["drug_disc_loss_rate"],
        annulus=5.783185962946785 * values["drug_diffusivity_annulus"] / geometry["radius"] ** 2,
    )


def _travel(exact: TwoLayers) -> float:
    way = exact.cep / np.sqrt(exact.diffusivity_cep) + exact.half / np.sqrt(exact.diffusivity_nucleus)
    return float(way**2 * exact.retardation)


@lru_cache(maxsize=8)
def _kernel(species: str, split: int) -> Kernel:
    return compile_model(disc_model(species, split))


def _solved(case: str, split: int) -> tuple[TwoLayers, float, Array, Mapping[str, Array]]:
    species, changed = CASES[case]
    kernel = _kernel(species, split)
    start = kernel.solve(changed, times=[0.0], n_subjects=1)
    shape = {name: float(value[0, 0]) for name, value in start.values.items()}
    values = {**kernel.model.parameters, **shape, **changed}
    exact = exact_disc(values)
    times = _travel(exact) * np.geomspace(3e-4, 10, 120)
    solution = kernel.solve(changed, times=times, rtol=1e-8, n_subjects=1)
    boundary = float(values["disc_geometry_charge_ratio_nucleus"] ** values["drug_charge"])
    return exact, boundary, times, solution.values


def convergence(splits: Sequence[int] = (1, 2, 4), cases: Sequence[str] | None = None) -> list[Accuracy]:
    """Return the errors of cases with more and more layers. Cost: some ten seconds for all."""
    return [accuracy(case, split) for case in cases or tuple(CASES) for split in splits]
