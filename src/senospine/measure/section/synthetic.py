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
from senospine.measure.section.extra import library
from senospine.measure.section.image import Image, Mask, Section
from senospine.randomness import stream

if TYPE_CHECKING:
    import pandas as pd

CHANNELS = ("DAPI", "TRAP", "p16", "CGRP", "PGP9.5", "CD31", "Emcn", "bone")
Array = NDArray[np.float64]


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


#: peak brightness of each stain [electrons]; assumptions
_PEAK = {"DAPI": 400.0, "TRAP": 500.0, "p16": 200.0, "CGRP": 150.0, "PGP9.5": 200.0, "CD31": 200.0, "Emcn": 200.0,
         "bone": 300.0}  # fmt: skip


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
    bone, height, bands = _bone(plan, rng["cells"])
    clean["bone"][bone] = 1.0
    cells, labels = _draw_cells(plan, rng["cells"], height, bands, clean)
    lengths = dict.fromkeys(("CGRP", "PGP9.5", "CD31", "Emcn"), 0.0)
    for first, second, share, density, radius, purpose in (
        ("PGP9.5", "CGRP", plan.cgrp_share, plan.nerve_length, 0.9, "nerves"),
        ("CD31", "Emcn", plan.type_h_share, plan.vessel_length, 3.5, "vessels"),
    ):
        for line in _lines(plan, rng[purpose], density):
            both = rng[purpose].random() < share
            for name in (first, second)[: 1 + both]:
                lengths[name] += _inside_length(line, shape) * plan.pixel_um
                _draw_line(clean[name], line, radius / plan.pixel_um)
    edge = float(bands * np.hypot(1.0, np.diff(height)).sum() + (bands - 1) * plan.columns) * plan.pixel_um
    channels = _camera(plan, clean, rng["camera"])
    section = Section(channels, plan.pixel_um, 10.0, None, {"tissue": "whole field"}, {}, ("synthetic data",))
    return section, Truth(cells, labels, lengths, bone, edge)


def _bone(plan: Plan, rng: np.random.Generator) -> tuple[Mask, Array, int]:
    """Return bands of bone about every 500 µm, the row of the first one's wavy upper edge by column, their number."""
    bands = max(1, round(plan.rows * plan.pixel_um / 500))
    period = plan.rows / bands
    x = np.arange(plan.columns) * plan.pixel_um
    waves = sum(rng.uniform(4, 14) * np.sin(2 * np.pi * x / rng.uniform(90, 300) + rng.uniform(0, 7)) for _ in range(3))
    height = 0.6 * period + np.asarray(waves) / plan.pixel_um
    return (np.arange(plan.rows) % period)[:, None] >= height[None], height, bands


def _draw_cells(
    plan: Plan, rng: np.random.Generator, height: Array, bands: int, clean: dict[str, Image]
) -> tuple[pd.DataFrame, NDArray[np.int32]]:
    import pandas as pd

    labels = np.zeros((plan.rows, plan.columns), dtype=np.int32)
    px = plan.pixel_um
    rows = []
    pad = 16.0 / px  # cells beyond the field reach into it
    number = rng.poisson(plan.osteoclasts * plan.area_mm2 * (1 + 2 * pad / plan.columns))
    taken: list[tuple[int, float, float]] = []
    period = plan.rows / bands
    above_bone = (np.arange(plan.rows) % period)[:, None] < height[None]
    for _ in range(number):
        nuclei = int(rng.integers(1, 9))
        across = (6.0 + 1.2 * nuclei) / px  # half of its length along the bone
        tall = rng.uniform(5.0, 7.0) / px
        for _attempt in range(200):  # cells side by side, as far as there is room; a crowd overlaps
            column, band = float(rng.uniform(-pad, plan.columns + pad)), int(rng.integers(bands))
            if all(abs(column - other) > across + reach + 3 / px for line, other, reach in taken if line == band):
                break
        taken.append((band, column, across))
        at = min(max(int(column), 0), plan.columns - 1)
        slope = float(np.gradient(height)[at])
        row = float(band * period + height[at] + slope * (column - at) - 0.8 * tall)
        senescent = bool(rng.random() < plan.senescent)
        rows.append({"row": row, "column": column, "nuclei": nuclei, "senescent": senescent})
        window, body = _ellipse(labels.shape, row, column, tall, across, slope)
        body &= above_bone[window]
        labels[window][body] = len(rows)
        clean["TRAP"][window][body] = rng.lognormal(0, 0.2)
        p16 = rng.lognormal(0.0, 0.25) if senescent else 0.0
        for k in range(nuclei):
            offset = (k - (nuclei - 1) / 2) * 1.7 * across / max(nuclei, 3)
            y = row + slope * offset + (rng.uniform(-0.25, 0.25) + 0.25 * (-1) ** k * (nuclei > 3)) * tall
            around, spot = _ellipse(labels.shape, y, column + offset, 1.9 / px, 1.6 / px, slope)
            clean["DAPI"][around][spot] = rng.uniform(0.7, 1.0)
            clean["p16"][around][spot] = p16
        clean["p16"][window][body] = np.maximum(clean["p16"][window][body], 0.25 * p16)
    for _ in range(rng.poisson(plan.stroma * plan.area_mm2)):
        y, x = rng.uniform(0, plan.rows), rng.uniform(0, plan.columns)
        if y % period > height[int(x)] - 16 / px:  # none in bone, none in the osteoclasts' row
            continue
        around, spot = _ellipse(labels.shape, y, x, rng.uniform(2.2, 3.2) / px, rng.uniform(2.2, 3.2) / px, 0.0)
        clean["DAPI"][around][spot] = rng.uniform(0.5, 1.0)
    table = pd.DataFrame(rows, columns=["row", "column", "nuclei", "senescent"])
    return table, labels


def _ellipse(
    shape: tuple[int, ...], row: float, column: float, tall: float, wide: float, slope: float
) -> tuple[tuple[slice, slice], Mask]:
    """Return a window and the ellipse in it, its long side sheared along a slope."""
    reach_y, reach_x = int(tall + abs(slope) * wide) + 2, int(wide) + 2

    def part(middle: int, reach: int, length: int) -> slice:
        return slice(min(max(middle - reach, 0), length), max(min(middle + reach + 1, length), 0))

    window = (part(int(row), reach_y, shape[0]), part(int(column), reach_x, shape[1]))
    y, x = np.ogrid[window]
    return window, ((y - row - slope * (x - column)) / tall) ** 2 + ((x - column) / wide) ** 2 <= 1


def _lines(plan: Plan, rng: np.random.Generator, density: float) -> list[Array]:
    """Return wavy lines (points, 2) [pixels] that bring the expected length into the field."""
    span = 150.0 / plan.pixel_um  # length of the straight axis of a line
    found: list[Array] = []
    margin = span / 2
    box = (plan.rows + 2 * margin) * (plan.columns + 2 * margin) * plan.pixel_um**2 * 1e-6
    t = np.linspace(-0.5, 0.5, 600)
    for _ in range(rng.poisson(density * box / _MEAN_LENGTH_MM)):
        centre = rng.uniform(-margin, [plan.rows + margin, plan.columns + margin])
        turn, wave = rng.uniform(0, np.pi), rng.uniform(50, 120) / plan.pixel_um
        swing = rng.uniform(0, 8) / plan.pixel_um * np.sin(2 * np.pi * t * span / wave + rng.uniform(0, 7))
        along = np.stack(
            [np.sin(turn) * t * span + np.cos(turn) * swing, np.cos(turn) * t * span - np.sin(turn) * swing]
        )
        found.append(centre + along.T)
    return found


def _mean_length_mm() -> float:
    """Return the mean arc length of the lines [mm] by quadrature over wave and swing, span 150 µm."""
    wave, swing = (np.linspace(low, high, 201) for low, high in ((50.0, 120.0), (0.0, 8.0)))
    phase = np.linspace(0, 2 * np.pi, 65)[:-1]
    steep = swing[None, :, None] * 2 * np.pi / wave[:, None, None] * np.cos(phase)
    return float(0.150 * np.sqrt(1 + steep**2).mean())


_MEAN_LENGTH_MM = _mean_length_mm()


def _inside_length(line: Array, shape: tuple[int, ...]) -> float:
    middle = (line[1:] + line[:-1]) / 2
    inside = ((middle > -0.5) & (middle < np.array(shape) - 0.5)).all(axis=1)
    return float((np.hypot(*np.diff(line, axis=0).T) * inside).sum())


def _draw_line(image: Image, line: Array, radius: float) -> None:
    """Draw a tube of a given half width; its wall is one pixel soft."""
    from scipy import ndimage

    reach = int(radius) + 3
    low = np.maximum(np.floor(line.min(axis=0)).astype(int) - reach, 0)
    high = np.minimum(np.ceil(line.max(axis=0)).astype(int) + reach + 1, image.shape)
    if (low >= high).any():
        return
    fine = 3
    apart = np.ones((high - low) * fine, dtype=bool)
    points = np.round((line - low + 0.5) * fine - 0.5).astype(int)
    steps = np.linspace(0, len(points) - 1, 4 * len(points)).astype(int)
    points = points[steps]
    inside = ((points >= 0) & (points < apart.shape)).all(axis=1)
    apart[tuple(points[inside].T)] = False
    if apart.all():
        return
    distance = ndimage.distance_transform_edt(apart) / fine
    cover = np.clip(radius + 0.5 - distance, 0, 1)
    cover = cover.reshape(high[0] - low[0], fine, high[1] - low[1], fine).mean(axis=(1, 3))
    window = image[low[0] : high[0], low[1] : high[1]]
    np.maximum(window, cover, out=window)


def _camera(plan: Plan, clean: Mapping[str, Image], rng: np.random.Generator) -> dict[str, Image]:
    """Return what a camera sees: blur, bleed-through, background, shot and read noise, whole numbers of 16 bits."""
    from scipy import ndimage

    light = {
        name: ndimage.gaussian_filter(values, plan.psf_um / plan.pixel_um) * _PEAK[name]
        for name, values in clean.items()
    }
    light["p16"] = light["p16"] + plan.bleed * light["TRAP"]
    seen = {}
    for name, values in light.items():
        photons = rng.poisson(values + plan.background)
        counts = photons + plan.read_noise * rng.standard_normal(values.shape) + 100.0
        seen[name] = np.clip(np.round(counts), 0, 65535).astype(np.float32)
    return seen


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
