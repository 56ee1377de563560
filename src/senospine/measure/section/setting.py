"""Thresholds of a whole protocol from its control images."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from senospine.errors import FileError, MeasureError
from senospine.measure.section.cell_readings import cells_of
from senospine.measure.section.cells import score_cells
from senospine.measure.section.controls import Control, Threshold, threshold_from_controls, write_thresholds
from senospine.measure.section.fibres import ridge_contrast
from senospine.measure.section.image import Image, Mask, Section
from senospine.measure.section.measure import prepared
from senospine.measure.section.protocol import CellRule, FibreRule, Protocol, SecondMarker, load_protocol
from senospine.runs import write_then_rename

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


def thresholds_of_table(protocol: str | Path, table: str | Path) -> tuple[Path, list[Threshold]]:
    """Set the thresholds a protocol names on the control images of a table, and write them where it says.

    Parameters
    ----------
    protocol : path
    table : path
        CSV with columns ``file`` (relative to the table), ``animal``, ``kind``, and ``channels`` with spaces between.

    Returns
    -------
    file : Path
    thresholds : list of Threshold

    Raises
    ------
    MeasureError
        The protocol names no file of thresholds, a column is missing, or what :func:`thresholds_from_images` raises.
    FileError
        A file cannot be read or written.
    """
    rules, path = load_protocol(protocol), Path(table)
    if rules.thresholds is None:
        raise MeasureError("the protocol names no file of thresholds", where=str(protocol),
                           remedy="add a line such as thresholds: thresholds.yaml")  # fmt: skip
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"cannot read the table of controls: {error}", where=str(path), remedy="check it") from None
    images = []
    for line, row in enumerate(rows, 2):
        for name in ("file", "animal", "kind", "channels"):
            if not (row.get(name) or "").strip():
                raise MeasureError(f"{name} is empty or missing", where=f"{path}:{line}",
                                   remedy="columns are file, animal, kind, channels")  # fmt: skip
        images.append(ControlImage(path.parent / row["file"].strip(), row["animal"].strip(), row["kind"].strip(),
                                   tuple(row["channels"].split())))  # fmt: skip
    made = thresholds_from_images(images, rules)
    if not made:
        raise MeasureError("the table holds no control of any channel", where=str(path), remedy="name images in it")
    file = rules.file(rules.thresholds)
    write_then_rename(file, lambda beside: write_thresholds(beside, made))
    return file, made


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
