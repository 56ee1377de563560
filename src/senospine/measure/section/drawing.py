"""How synthetic sections are drawn: bone, cells, lines, and the camera. Sizes and brightnesses are assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senospine.measure.section.image import Image, Mask

if TYPE_CHECKING:
    import pandas as pd

    from senospine.measure.section.synthetic import Plan

Array = NDArray[np.float64]

#: peak brightness of each stain [electrons]; assumptions
_PEAK = {"DAPI": 400.0, "TRAP": 500.0, "p16": 200.0, "CGRP": 150.0, "PGP9.5": 200.0, "CD31": 200.0, "Emcn": 200.0,
         "bone": 300.0}  # fmt: skip


def draw_bone(plan: Plan, rng: np.random.Generator) -> tuple[Mask, Array, int]:
    """Return bands of bone about every 500 µm, the row of the first one's wavy upper edge by column, their number."""
    bands = max(1, round(plan.rows * plan.pixel_um / 500))
    period = plan.rows / bands
    x = np.arange(plan.columns) * plan.pixel_um
    waves = sum(rng.uniform(4, 14) * np.sin(2 * np.pi * x / rng.uniform(90, 300) + rng.uniform(0, 7)) for _ in range(3))
    height = 0.6 * period + np.asarray(waves) / plan.pixel_um
    return (np.arange(plan.rows) % period)[:, None] >= height[None], height, bands


def draw_cells(
    plan: Plan, rng: np.random.Generator, height: Array, bands: int, clean: dict[str, Image]
) -> tuple[pd.DataFrame, NDArray[np.int32]]:
    """Draw osteoclasts along the bone and nuclei of other cells, in place; return the cells and their labels."""
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


def draw_lines(plan: Plan, rng: np.random.Generator, density: float) -> list[Array]:
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


def inside_length(line: Array, shape: tuple[int, ...]) -> float:
    """Return the length of a line inside the field [pixels]."""
    middle = (line[1:] + line[:-1]) / 2
    inside = ((middle > -0.5) & (middle < np.array(shape) - 0.5)).all(axis=1)
    return float((np.hypot(*np.diff(line, axis=0).T) * inside).sum())


def draw_tube(image: Image, line: Array, radius: float) -> None:
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


def seen_by_camera(plan: Plan, clean: Mapping[str, Image], rng: np.random.Generator) -> dict[str, Image]:
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
