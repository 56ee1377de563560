"""Sections for tests: prepared as a laboratory would, and the labelled nuclei of a package's own data."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from senospine.measure.section import Plan, Section, Truth, draw_section, subtract_background, unmix


def prepared_section(plan: Plan, seed: int, number: int, *channels: str) -> tuple[Section, Truth]:
    """Return a synthetic section with background and bleed-through of TRAP into p16 taken away, and its truth."""
    section, truth = draw_section(plan, seed, number)
    section = replace(section, channels={name: section.channels[name] for name in channels})
    section = subtract_background(section, "top hat", 25.0)
    return (unmix(section, {"p16": {"TRAP": plan.bleed}}) if "p16" in channels else section), truth


def labelled_nuclei() -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return the image and the labels that stardist ships (BSD-3), without importing stardist."""
    spec = find_spec("stardist")
    assert spec is not None, "stardist is in the dev group, for its images only"
    assert spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "data" / "images"
    return tifffile.imread(folder / "img2d.tif"), tifffile.imread(folder / "mask2d.tif").astype(int)


def f1_at_half(found: NDArray[np.int32], truth: NDArray[np.int64]) -> float:
    """Return F1 of objects that overlap by more than half of their union."""
    pairs, area = np.unique(np.stack([truth.ravel(), found.ravel()]), axis=1, return_counts=True)
    true_area, found_area = np.bincount(truth.ravel()), np.bincount(found.ravel())
    both = (pairs > 0).all(axis=0)
    union = true_area[pairs[0, both]] + found_area[pairs[1, both]] - area[both]
    hits = np.count_nonzero(area[both] > 0.5 * union)
    return 2 * hits / (np.count_nonzero(true_area[1:]) + np.count_nonzero(found_area[1:]))
