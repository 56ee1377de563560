"""What the drawn spine shows: each quantity with its unit, its colour, and what one mark of it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import assay_register
from senospine.assays.readout import percent_of_odds
from senospine.report.svg import BLUE, PURPLE, VERMILION
from senospine.study import Study

Array = NDArray[np.float64]

MARROW, BONE, WRONG_BONE, CARTILAGE, ANNULUS, NUCLEUS, CELL = (
    "#fdf3ee", "#e7d9b8", "#8a7a55", "#d3e3ea", "#e9eef0", "#b7d3de", "#E69F00",
)  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """One thing that is drawn.

    Attributes
    ----------
    needs : tuple of str
        Model outputs it is computed from, animal by animal.
    most, least : float
        The largest and the smallest value that can be drawn, in ``unit``; beyond them a mark says so.
    step : float
        What one mark stands for, in ``unit``; zero where an area is drawn true to scale.
    digits : int
        Decimals shown.
    """

    name: str
    label: str
    unit: str
    needs: tuple[str, ...]
    most: float
    step: float
    digits: int
    colour: str
    meaning: str
    _value: Callable[[Mapping[str, Array]], Array]
    least: float = 0.0

    def is_beyond(self, value: float) -> bool:
        """Return whether a value cannot be drawn."""
        return not self.least - 0.05 <= value <= self.most

    def value(self, outputs: Mapping[str, Array]) -> Array:
        """Return each animal's value, in ``unit``."""
        return np.asarray(self._value(outputs))


def _of(name: str) -> float:
    return assay_register()[name].value


def _odds(young: str, output: str) -> Callable[[Mapping[str, Array]], Array]:
    """Return a share in per cent: the output acts on the odds of the young, as in the assay."""

    def value(outputs: Mapping[str, Array]) -> Array:
        share = _of(young) / 100
        return percent_of_odds(share / (1 - share) * outputs[output])

    return value


def _fold(output: str, times: float = 1.0) -> Callable[[Mapping[str, Array]], Array]:
    return lambda outputs: times * outputs[output]


def _senescent(outputs: Mapping[str, Array]) -> Array:
    return _of("trap_density") * np.maximum(outputs["trap_osteoclasts"] - outputs["osteoclasts"], 0.0)


QUANTITIES: tuple[Quantity, ...] = (
    Quantity("porosity", "endplate porosity", "%", ("endplate_porosity",), 70.0, 0.0, 1, MARROW,
             "pores of the median animal; dashed 95 %, line 5 %", _odds("porosity_young", "endplate_porosity")),
    Quantity("ossification", "ectopic ossification", "%", ("ectopic_ossification",), 75.0, 0.0, 1, WRONG_BONE,
             "bone in the cartilage; dashed 95 %, line 5 %", _fold("ectopic_ossification", 100.0)),
    Quantity("osteoclasts", "p16− osteoclasts", "/mm²", ("osteoclasts",), 60.0, 1.5, 1, CELL,
             "osteoclast (TRAP+), not senescent", lambda y: _of("trap_density") * y["osteoclasts"]),
    Quantity("senescent_osteoclasts", "p16+ osteoclasts", "/mm²", ("trap_osteoclasts", "osteoclasts"), 45.0, 1.5,
             1, PURPLE, "senescent osteoclast (p16+TRAP+)", _senescent),
    Quantity("fibres", "CGRP+ fibres", "fold", ("sensory_innervation",), 5.0, 0.125, 2, BLUE,
             "CGRP+ nerve fibre; the last one by its share", _fold("sensory_innervation")),
    Quantity("vessels", "H-type vessels", "fold", ("h_vessels",), 3.0, 0.2, 2, VERMILION,
             "H-type vessel; the last one by its share", _fold("h_vessels")),
    Quantity("bone", "vertebral BV/TV", "%", ("trabecular_bone",), 60.0, 0.0, 1, BONE,
             "trabeculae: drawn area is BV/TV", _odds("bvtv_young", "trabecular_bone"), 8.0),
    Quantity("disc_cells", "senescent disc cells", "κ", ("senescent_disc_cells",), 16.0, 0.1, 2, PURPLE,
             "senescent disc cell; κ: burden at half of largest removal", _fold("senescent_disc_cells")),
    Quantity("matrix", "disc matrix", "%", ("disc_matrix",), 100.0, 0.0, 1, NUCLEUS,
             "nucleus: area is the matrix left; dashed: all of it", _fold("disc_matrix", 100.0)),
)  # fmt: skip

#: outputs that make a study one of endplate or disc
_TISSUE = {name for item in QUANTITIES for name in item.needs} | {"disc_sasp"}


def shows_spine(study: Study) -> bool:
    """Return whether a study reads out endplate, vertebra or disc; a disc in culture has no spine about it."""
    return study.species != "human_disc" and any(_TISSUE & set(item.needs) for item in study.readouts)
