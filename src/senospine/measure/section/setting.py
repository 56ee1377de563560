"""Thresholds of a whole protocol from its control images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.section.cells import count_cells, score_cells
from senospine.measure.section.controls import Control, Threshold, threshold_from_controls
from senospine.measure.section.fibres import ridge_contrast
from senospine.measure.section.measure import prepared
from senospine.measure.section.protocol import Protocol, load_protocol

#: pixels of one control that are kept
_PIXELS = 200_000


@dataclass(frozen=True)
class ControlImage:
    """A control image: its file, the animal, what kind of control it is, and the channels it is a control for."""

    path: str | Path
    animal: str
    kind: str
    channels: tuple[str, ...]


def thresholds_from_images(
    images: Sequence[ControlImage], options: Protocol | Mapping[str, Any] | str | Path
) -> list[Threshold]:
    """Return every threshold the protocol can use, set on control images that are prepared as the protocol says.

    For each second marker the score of a cell; for each fibre channel the contrast of a ridge (region ``ridge``); for
    the marker of cells and for double positive channels a grey level (region ``pixel``). A channel for which no
    control is given gets none.

    Raises
    ------
    MeasureError
        A control that cannot be read, one control image only for a channel, a kind that is unknown.
    """
    protocol = load_protocol(options)
    seen = [(item, *prepared(Path(item.path), protocol)) for item in images]
    for item in images:
        unknown = set(item.channels) - protocol.channels_used()
        if unknown:
            raise MeasureError(f"the protocol does not use channel '{sorted(unknown)[0]}'", where=str(item.path))
    rule = protocol.controls
    made: list[Threshold] = []

    def of(channel: str, scores: Any, region: Any, statistic: Any, share: float, level: float = math.nan) -> None:
        controls = [
            Control(scores(section, bone), section.inputs[Path(item.path).name], item.animal, item.kind)
            for item, section, bone in seen
            if channel in item.channels
        ]
        if controls:
            made.append(threshold_from_controls(controls, channel, region, statistic, share, level))

    for channel in _pixel_channels(protocol):
        of(channel, lambda s, _b, c=channel: _sample(s.channel(c)[s.tissue]), "pixel", "mean", rule.pixel_false_positive)
    for fibre in protocol.fibres:
        radii = fibre.radius_um
        of(
            fibre.channel,
            lambda s, _b, c=fibre.channel, r=radii: _sample(ridge_contrast(s.channel(c), [s.pixels(v) for v in r])[s.tissue]),
            "ridge", "mean", rule.ridge_false_positive,
        )  # fmt: skip
    cells = protocol.cells
    for item in cells.second if cells else ():
        assert cells is not None
        own = next((t for t in made if t.marker == cells.marker and t.region == "pixel"), None)
        pixel = next((t.value for t in made if t.marker == item.channel and t.region == "pixel"), None)

        def scores(section: Any, bone: Any, item: Any = item, own: Any = own, pixel: Any = pixel) -> list[float]:
            assert cells is not None
            level = cells.level if cells.level is not None else own.value if own else None
            found = count_cells(section, cells.marker, cells.nuclei, bone if cells.near_bone else None,
                                cells.max_gap_um, cells.min_nuclei, level, cells.radius_um,
                                cells.nucleus_radius_um, cells.min_area_um2)  # fmt: skip
            scored = score_cells(found, section, item.channel, item.region, item.statistic, pixel)
            return list(scored.counted[f"{item.channel}_score"])

        level = pixel if item.statistic == "area fraction" and pixel is not None else math.nan
        of(item.channel, scores, item.region, item.statistic, rule.false_positive, level)
    return made


def _pixel_channels(protocol: Protocol) -> list[str]:
    named = [name for pair in protocol.double_positive for name in (pair.first, pair.second)]
    if protocol.cells:
        named.append(protocol.cells.marker)
        named += [item.channel for item in protocol.cells.second if item.statistic == "area fraction"]
    return list(dict.fromkeys(named))


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return evenly spaced order statistics, so that the tail is kept."""
    return np.sort(values)[np.linspace(0, values.size - 1, min(values.size, _PIXELS)).astype(int)]
