"""Synthetic sections with known truth: bone, TRAP cells with nuclei, p16 with bleed-through, nerves and vessels.

Synthetic data, and every file and section says so. All sizes and brightnesses are assumptions about a fluorescence
section at about 0.65 µm a pixel; what is known exactly is what was drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.extra import library
from senospine.measure.section.drawing import (
    draw_bone,
    draw_cells,
    draw_lines,
    draw_tube,
    inside_length,
    seen_by_camera,
)
from senospine.measure.section.image import Mask, Section
from senospine.randomness import stream

if TYPE_CHECKING:
    import pandas as pd

CHANNELS = ("DAPI", "TRAP", "p16", "CGRP", "PGP9.5", "CD31", "Emcn", "bone")


@dataclass(frozen=True)
class Plan:
    """What is drawn. Densities are expectations; each section draws its own counts (Poisson, binomial).

    Attributes
    ----------
    osteoclasts : float
        TRAP+ cells on the bone's edge per tissue area [1/mm²]. Side by side an edge holds about 40 a millimetre;
        a denser crowd overlaps.
    senescent : float
        Share of them that carry p16.
    stroma : float
        Nuclei of other cells per tissue area [1/mm²].
    nerve_length, vessel_length : float
        Length per tissue area [mm/mm²].
    cgrp_share, type_h_share : float
        Share of nerves that carry CGRP, of vessels that are high in endomucin too.
    bleed : float
        Share of TRAP that shows in p16.
    """

    rows: int = 768
    columns: int = 768
    pixel_um: float = 0.65
    osteoclasts: float = 40.0
    senescent: float = 0.3
    stroma: float = 400.0
    nerve_length: float = 4.0
    cgrp_share: float = 0.5
    vessel_length: float = 5.0
    type_h_share: float = 0.4
    bleed: float = 0.1
    background: float = 60.0
    psf_um: float = 0.5
    read_noise: float = 3.0

    @property
    def area_mm2(self) -> float:
        """Area of the field [mm²]; all of it is tissue."""
        return self.rows * self.columns * self.pixel_um**2 * 1e-6


@dataclass(frozen=True)
class Truth:
    """What stands on one section.

    Attributes
    ----------
    cells : data frame
        ``row, column`` [pixels], ``nuclei, senescent``; some lie beyond the field and reach into it.
    labels : array (rows, columns)
        Cells, numbered as in the table from 1.
    length_um : mapping
        Length inside the field by channel.
    bone : array of bool
    bone_edge_um : float
    """

    cells: pd.DataFrame
    labels: NDArray[np.int32]
    length_um: Mapping[str, float]
    bone: Mask
    bone_edge_um: float


def draw_section(plan: Plan, seed: int, number: int = 0) -> tuple[Section, Truth]:
    """Return synthetic section ``number`` and its truth; the same arguments give the same section.

    Raises
    ------
    MeasureError
        A density below zero or a share outside [0, 1].
    """
    for name in ("senescent", "cgrp_share", "type_h_share", "bleed"):
        if not 0 <= getattr(plan, name) <= 1:
            raise MeasureError(f"the plan's {name} is {getattr(plan, name)}", remedy="give a share from 0 to 1")
    for name in ("osteoclasts", "stroma", "nerve_length", "vessel_length"):
        if getattr(plan, name) < 0:
            raise MeasureError(f"the plan's {name} is {getattr(plan, name)}", remedy="give a density of zero or more")
    rng = {purpose: stream(seed, f"section {purpose}", number) for purpose in ("cells", "nerves", "vessels", "camera")}
    shape = (plan.rows, plan.columns)
    clean = {name: np.zeros(shape, dtype=np.float32) for name in CHANNELS}
    bone, height, bands = draw_bone(plan, rng["cells"])
    clean["bone"][bone] = 1.0
    cells, labels = draw_cells(plan, rng["cells"], height, bands, clean)
    lengths = dict.fromkeys(("CGRP", "PGP9.5", "CD31", "Emcn"), 0.0)
    for first, second, share, density, radius, purpose in (
        ("PGP9.5", "CGRP", plan.cgrp_share, plan.nerve_length, 0.9, "nerves"),
        ("CD31", "Emcn", plan.type_h_share, plan.vessel_length, 3.5, "vessels"),
    ):
        for line in draw_lines(plan, rng[purpose], density):
            both = rng[purpose].random() < share
            for name in (first, second)[: 1 + both]:
                lengths[name] += inside_length(line, shape) * plan.pixel_um
                draw_tube(clean[name], line, radius / plan.pixel_um)
    edge = float(bands * np.hypot(1.0, np.diff(height)).sum() + (bands - 1) * plan.columns) * plan.pixel_um
    channels = seen_by_camera(plan, clean, rng["camera"])
    section = Section(channels, plan.pixel_um, 10.0, None, {"tissue": "whole field"}, {}, ("synthetic data",))
    return section, Truth(cells, labels, lengths, bone, edge)


def write_section(path: str | Path, section: Section, description: str = "synthetic data") -> None:
    """Write a section as OME-TIFF of 16 bits, channel names and pixel size in its metadata."""
    stack = np.stack([section.channel(name) for name in section.channels])
    if stack.min() < 0 or stack.max() > 65535:
        raise MeasureError("values outside 0-65535 do not fit 16 bits", remedy="write the section before subtracting")
    library("tifffile").imwrite(
        path, np.round(stack).astype(np.uint16), ome=True, compression="zlib",
        metadata={"axes": "CYX", "Channel": {"Name": list(section.channels)}, "PhysicalSizeX": section.pixel_um,
                  "PhysicalSizeXUnit": "µm", "PhysicalSizeY": section.pixel_um, "PhysicalSizeYUnit": "µm",
                  "Description": description},
    )  # fmt: skip


def plan_of_animal(expected: Mapping[str, float], **drawing: float) -> Plan:
    """Return the plan of a section of a simulated animal, from its true read-outs.

    Parameters
    ----------
    expected : mapping
        Read-outs of :mod:`senospine.assays` by name: ``osteoclast_density`` and ``snoc_density`` [1/mm²]; of
        ``pgp95_fibres, cgrp_fibres, cd31_vessels, emcn_vessels`` the folds. A fold scales the plan's own length
        density, an assumption: a stain's intensity is taken to grow with length.
    drawing : float
        Other attributes of :class:`Plan`.

    Raises
    ------
    MeasureError
        More senescent cells than cells, or a share above one.

    Examples
    --------
    >>> plan_of_animal({"osteoclast_density": 20.0, "snoc_density": 5.0}).senescent
    0.25
    """
    base = Plan(**drawing)  # type: ignore[arg-type]
    changes: dict[str, float] = {}
    if "osteoclast_density" in expected:
        changes["osteoclasts"] = expected["osteoclast_density"]
    if "snoc_density" in expected:
        cells = changes.get("osteoclasts", base.osteoclasts)
        changes["senescent"] = expected["snoc_density"] / cells if cells else 0.0
    for whole, part, length, share in (
        ("pgp95_fibres", "cgrp_fibres", "nerve_length", "cgrp_share"),
        ("cd31_vessels", "emcn_vessels", "vessel_length", "type_h_share"),
    ):
        fold = expected.get(whole, 1.0)
        changes[length] = getattr(base, length) * fold
        changes[share] = getattr(base, share) * expected.get(part, fold) / fold
    for name in ("senescent", "cgrp_share", "type_h_share"):
        if changes.get(name, 0.0) > 1:
            raise MeasureError(
                f"this animal asks for a {name} of {changes[name]:.2f}",
                why="a part cannot exceed its whole",
                remedy="lower the plan's own share, so that its fold fits",
            )
    return Plan(**{**base.__dict__, **changes})
