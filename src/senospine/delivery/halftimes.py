"""How long the centre of a disc takes to half of what it will reach, over all that is not known of disc and drug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.delivery.disc import GEOMETRY, disc_model, drawn
from senospine.engine import compile_model
from senospine.errors import RegimenError, suggest
from senospine.model import Parameter
from senospine.therapy import load_drug
from senospine.therapy.terms import DISC

Array = NDArray[np.float64]
#: a drug's numbers that are drawn; retardation is swept, a depot plays no part
_DRUG = ("diffusivity_nucleus", "diffusivity_ratio_cep", "diffusivity_annulus", "charge", "disc_loss_rate")
_PER_DRAW = 160


@dataclass(frozen=True)
class HalfTime:
    """Time to half-equilibrium at the centre under plasma that is held.

    Attributes
    ----------
    median, low, high : float
        Over draws from the priors of drug and disc: the 50th, 5th and 95th percentile [day].
    level, level_low, level_high : float
        What the centre reaches in the end, free drug over free drug in plasma [fold].
    draws : int
    """

    species: str
    drug: str
    retardation: float
    median: float
    low: float
    high: float
    level: float
    level_low: float
    level_high: float
    draws: int


def half_times(
    drugs: Sequence[str] = ("navitoclax", "rg-7112", "o-vanillin"),
    *,
    species: Sequence[str] = ("human", "mouse"),
    retardations: Sequence[float] = (1.0, 10.0, 100.0),
    draws: int = 1000,
    seed: int = 20240913,
) -> list[HalfTime]:
    """Return times to half-equilibrium at the centre of a healthy disc, for each species, drug and binding.

    What a drug's file says of the human disc's tissue serves for the mouse too. Cost: a few seconds.

    Raises
    ------
    RegimenError
        An unknown drug, or one whose file has no numbers for the disc.
    """
    return [
        half_time(drug, kind, retardation, draws=draws, seed=seed)
        for kind in species
        for drug in drugs
        for retardation in retardations
    ]


def half_time(drug: str, species: str, retardation: float, *, draws: int = 1000, seed: int = 20240913) -> HalfTime:
    """Return one entry of :func:`half_times`."""
    kernel = compile_model(disc_model(species), ["centre"])
    rows = {**transport_rows(drug), **{n: r for n, r in kernel.model.register.items() if n.startswith(GEOMETRY)}}
    values = {name: np.full(draws, row.value) for name, row in rows.items()}
    values |= drawn(rows.values(), draws, seed, "half-time")
    values["drug_retardation"] = np.full(draws, retardation)
    way = values["disc_geometry_nucleus_height"] / 2 + values["disc_geometry_cep_thickness"]
    scale = retardation * way**2 / values["drug_diffusivity_nucleus"]
    times = scale[:, None] * np.r_[0.0, np.geomspace(1e-3, 30, _PER_DRAW), 1e4]
    centre = kernel.solve(values, times=times, n_subjects=draws, rtol=1e-6)["centre"]
    level = centre[:, -1]
    reached = [float(np.interp(0.5, c / c[-1], t)) for c, t in zip(centre, times, strict=True)]
    low, median, high = np.quantile(reached, [0.05, 0.5, 0.95])
    level_low, level_median, level_high = np.quantile(level, [0.05, 0.5, 0.95])
    return HalfTime(
        species, drug, retardation, float(median), float(low), float(high), float(level_median), float(level_low),
        float(level_high), draws,
    )  # fmt: skip


def transport_rows(drug: str) -> dict[str, Parameter]:
    """Return a drug's numbers of the human disc under the names of the model of a disc by itself.

    Raises
    ------
    RegimenError
        An unknown drug, or one without numbers for the disc.
    """
    loaded = load_drug(drug)
    given = loaded.disc.get("human", {})
    if not given:
        from senospine.therapy import drug_names

        known = [name for name in drug_names() if load_drug(name).disc]
        raise RegimenError(
            f"{loaded.name} has no numbers for the disc",
            where=loaded.where("disc"),
            remedy=f"add 'disc: {{human: ...}}' to its file; {suggest(drug, known)}",
        )
    rows = {}
    for name in _DRUG:
        row, term = given.get(name) or DISC[name].default(), DISC[name]
        where = loaded.where("disc", "human", name)
        rows[f"drug_{name}"] = row.parameter(f"drug_{name}", term.unit, "human", term.meaning, where)
    return rows
