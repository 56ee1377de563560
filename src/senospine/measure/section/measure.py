"""One image in, readings and pictures out: what a batch calls for every file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.section import prepare
from senospine.measure.section.bench import Bench
from senospine.measure.section.bone import find_bone
from senospine.measure.section.cell_readings import measure_cells
from senospine.measure.section.controls import Threshold, read_thresholds
from senospine.measure.section.fibre_readings import (
    measure_colocalisation,
    measure_double,
    measure_fibres,
    measure_intensity,
)
from senospine.measure.section.image import Mask, Section
from senospine.measure.section.overlay import Overlay, cells_overlay, fibres_overlay
from senospine.measure.section.protocol import Protocol, load_protocol
from senospine.measure.section.read import read_mask, read_section
from senospine.runs import sha256_of

if TYPE_CHECKING:
    import pandas as pd


class Found(NamedTuple):
    """What one file gave: its readings, and pictures of what was counted."""

    readings: list[Reading]
    pictures: list[Overlay]

    @property
    def arrive(self) -> dict[str, str]:
        """Items of ARRIVE 2.0 the file states: an image states none."""
        return {}


@dataclass(frozen=True)
class SectionResult:
    """What was measured on one section: readings, pictures, and a table of cells (one row each) or None."""

    readings: list[Reading]
    overlays: list[Overlay]
    cells: pd.DataFrame | None


def measure_file(
    path: str | Path, options: Protocol | Mapping[str, Any] | str | Path, place: Mapping[str, str] | None = None
) -> Found:
    """Return the readings of one image, and pictures of what was counted.

    Parameters
    ----------
    path : path
        TIFF or OME-TIFF.
    options : Protocol, mapping or path of a YAML file
        A mapping is a protocol itself, or ``{"protocol": path}``.
    place : mapping, optional
        Where the image belongs; by default what the protocol makes of the file's name or its table.

    Raises
    ------
    MeasureError
        Anything wrong with the image, its mask, its place or its thresholds; other images are not concerned.
    """
    result = measure_section_file(path, options, place)
    return Found(result.readings, result.overlays)


def measure_section_file(
    path: str | Path, options: Protocol | Mapping[str, Any] | str | Path, place: Mapping[str, str] | None = None
) -> SectionResult:
    """Return everything measured of one image, its table of cells included; see :func:`measure_file`."""
    protocol, path = load_protocol(options), Path(path)
    where = protocol.place(path) if place is None else dict(place)
    thresholds = {}
    if protocol.thresholds is not None:
        thresholds = read_thresholds(protocol.file(protocol.thresholds))
    try:
        section, bone = prepared(path, protocol)
        return measure_section(section, protocol, where, bone, thresholds)
    except MeasureError as error:
        raise MeasureError(error.what, where=error.where or str(path), why=error.why, remedy=error.remedy) from None


def measure_section(
    section: Section,
    protocol: Protocol,
    place: Mapping[str, str],
    bone: Mask | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> SectionResult:
    """Return everything the protocol asks of a prepared section."""
    bench = Bench(section, protocol, place, thresholds or {}, bone)
    readings: list[Reading] = []
    overlays: list[Overlay] = []
    table = None
    if protocol.cells is not None:
        cells, found = measure_cells(bench, protocol.cells)
        readings += found
        table = cells.table
        for item in protocol.cells.second or (None,):
            overlays.append(cells_overlay(section, cells, item.channel if item else None))
    for rule in protocol.fibres:
        readings += measure_fibres(bench, rule)
    for rule in protocol.fibres:
        second = bench.traced[rule.carries].mask if rule.carries in bench.traced else None
        overlays.append(fibres_overlay(section, rule.channel, bench.traced[rule.channel], second))
    for pair in protocol.double_positive:
        found, overlay = measure_double(bench, pair.first, pair.second)
        readings += found
        overlays.append(overlay)
    for pair in protocol.colocalise:
        readings += measure_colocalisation(bench, pair.first, pair.second)
    for name in protocol.intensity:
        readings += measure_intensity(bench, name)
    return SectionResult(readings, overlays, table)


def prepared(path: Path, protocol: Protocol) -> tuple[Section, Mask | None]:
    """Return an image read and prepared as the protocol says, and its bone."""
    channels = protocol.channels
    thickness = math.nan if protocol.thickness_um is None else protocol.thickness_um
    tissue = protocol.tissue
    section = read_section(path, channels, protocol.pixel_um, thickness, protocol.mask_files(path).get("tissue"))
    if protocol.stains:
        section = prepare.separate_stains(section, dict.fromkeys(protocol.stains))
    for name in protocol.channels_used():
        section.channel(name)
    section = replace(section, channels={n: v for n, v in section.channels.items() if n in protocol.channels_used()})
    if tissue is not None and tissue.channel is not None:
        section = prepare.find_tissue(section, tissue.channel, tissue.smooth_um)
    section, bone = _bone(section, protocol, path)
    kept = {}  # bone is no small thing on a background
    if protocol.bone is not None and protocol.bone.channel is not None:
        kept[protocol.bone.channel] = section.channel(protocol.bone.channel)
    section = prepare.subtract_background(section, protocol.background.method, protocol.background.radius_um)
    section = replace(section, channels={**section.channels, **kept})
    if protocol.bleed_through:
        section = prepare.unmix(section, protocol.bleed_through)
    return section, bone


def _bone(section: Section, protocol: Protocol, path: Path) -> tuple[Section, Mask | None]:
    rule = protocol.bone
    if rule is None:
        return section, None
    if rule.channel is not None:
        bone, level = find_bone(section, rule.channel, rule.level)
        how = "Otsu of this image" if rule.level is None else "given"
        said: dict[str, float | str] = {"bone": f"channel {rule.channel}", "bone_level": level, "bone_level_rule": how}
        return replace(section, settings={**section.settings, **said}), bone
    file = protocol.mask_files(path)["bone"]
    bone = read_mask(file)
    if bone.shape != section.shape:
        raise MeasureError(f"the bone mask has shape {bone.shape}, the image {section.shape}", where=str(file))
    return replace(section, inputs={**section.inputs, file.name: sha256_of(file)}), bone
