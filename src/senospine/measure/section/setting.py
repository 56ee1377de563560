"""Thresholds of a whole protocol from its control images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.section.cell_readings import cells_of
from senospine.measure.section.cells import score_cells
from senospine.measure.section.controls import Control, Threshold, threshold_from_controls
from senospine.measure.section.fibres import ridge_contrast
from senospine.measure.section.image import Image, Mask, Section
from senospine.measure.section.measure import prepared
from senospine.measure.section.protocol import CellRule, FibreRule, Protocol, SecondMarker, load_protocol

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
    seen = []
    for image in images:
        unknown = sorted(set(image.channels) - protocol.channels_used())
        if unknown:
            raise MeasureError(f"the protocol does not use channel '{unknown[0]}'", where=str(image.path))
        seen.append((image, *prepared(Path(image.path), protocol)))
    share = protocol.controls
    made: list[Threshold] = []

    def of(channel: str, scores: Callable[[Section, Mask | None], Any], **how: Any) -> None:
        controls = [
            Control(scores(section, bone), section.inputs[Path(image.path).name], image.animal, image.kind)
            for image, section, bone in seen
            if channel in image.channels
        ]
        if controls:
            made.append(threshold_from_controls(controls, channel, **how))

    for channel in _pixel_channels(protocol):
        of(channel, partial(_pixels, channel), region="pixel", false_positive=share.pixel_false_positive)
    for rule in protocol.fibres:
        of(rule.channel, partial(_ridges, rule), region="ridge", false_positive=share.ridge_false_positive)
    levels = {item.marker: item.value for item in made if item.region == "pixel"}
    if protocol.cells is not None:
        for second in protocol.cells.second:
            level = levels.get(second.channel) if second.statistic == "area fraction" else None
            of(
                second.channel, partial(_scores, protocol.cells, second, levels),
                region=second.region, statistic=second.statistic, false_positive=share.false_positive,
                level=math.nan if level is None else level,
            )  # fmt: skip
    return made


def _pixels(channel: str, section: Section, _bone: Mask | None) -> Image:
    return _sample(section.channel(channel)[section.tissue])


def _ridges(rule: FibreRule, section: Section, _bone: Mask | None) -> Image:
    contrast = ridge_contrast(section.channel(rule.channel), [section.pixels(radius) for radius in rule.radius_um])
    return _sample(contrast[section.tissue])


def _scores(
    rule: CellRule, second: SecondMarker, levels: Mapping[str, float], section: Section, bone: Mask | None
) -> list[float]:
    cells = cells_of(rule, section, bone, levels.get(rule.marker))
    level = levels.get(second.channel) if second.statistic == "area fraction" else None
    scored = score_cells(cells, section, second.channel, second.region, second.statistic, level)
    return [float(score) for score in scored.counted[f"{second.channel}_score"]]


def _pixel_channels(protocol: Protocol) -> list[str]:
    named = [name for pair in protocol.double_positive for name in (pair.first, pair.second)]
    if protocol.cells:
        named.append(protocol.cells.marker)
        named += [item.channel for item in protocol.cells.second if item.statistic == "area fraction"]
    return list(dict.fromkeys(named))


def _sample(values: Image) -> Image:
    """Return evenly spaced order statistics, so that the tail is kept."""
    kept: Image = np.sort(values)[np.linspace(0, values.size - 1, min(values.size, _PIXELS)).astype(int)]
    return kept
