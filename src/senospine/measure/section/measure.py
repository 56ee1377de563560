"""One image in, readings and pictures out: what a batch calls for every file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.section import controls, prepare
from senospine.measure.section.bone import BoneEdge, bone_edge, covered_um, find_bone
from senospine.measure.section.cells import Cells, count_cells, score_cells
from senospine.measure.section.colocalisation import colocalise
from senospine.measure.section.fibres import Fibres, double_positive, length_within, trace_fibres
from senospine.measure.section.image import Mask, Section
from senospine.measure.section.overlay import Overlay, cells_overlay, fibres_overlay, grey, outline, paint
from senospine.measure.section.protocol import CellRule, FibreRule, Protocol, load_protocol
from senospine.measure.section.read import file_sha256, read_mask, read_section
from senospine.randomness import stream
from senospine.stats import wilson_interval
from senospine.stats.counts import poisson_interval

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


@dataclass
class _Bench:
    """What the measurements of one section share."""

    section: Section
    protocol: Protocol
    place: Mapping[str, str]
    thresholds: Mapping[str, controls.Threshold]
    bone: Mask | None = None
    traced: dict[str, Fibres] = field(default_factory=dict)

    def reading(self, definition: str, value: float, warnings: Sequence[str] = (), **more: Any) -> Reading:
        settings = {**self.section.settings, "pixel_um": self.section.pixel_um, **more.pop("settings", {})}
        if math.isfinite(self.section.thickness_um):
            settings["thickness_um"] = self.section.thickness_um
        told = tuple(dict.fromkeys((*self.section.warnings, *warnings)))
        return Reading(
            definition, value, self.place, settings=settings, inputs=self.section.inputs, warnings=told, **more
        )

    def rate(self, definition: str, count: int, total: float, warnings: Sequence[str] = (), **more: Any) -> Reading:
        low, high = poisson_interval(count)
        return self.reading(definition, count / total, warnings, low=float(low) / total, high=float(high) / total,
                            count=count, total=total, **more)  # fmt: skip

    def threshold(self, name: str, region: str) -> controls.Threshold | None:
        found = self.thresholds.get(f"{name} {region}")
        if found is not None and set(self.section.inputs.values()) & set(found.images):
            raise MeasureError(
                f"this image is one of the controls the {region} threshold of {name} was set on",
                remedy="measure other images, or set the threshold on other controls",
            )
        return found


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
        thresholds = controls.read_thresholds(protocol.file(protocol.thresholds))
    try:
        section, bone = prepared(path, protocol)
        return measure_section(section, protocol, where, bone, thresholds)
    except MeasureError as error:
        raise MeasureError(error.what, where=error.where or str(path), why=error.why, remedy=error.remedy) from None


def prepared(path: Path, protocol: Protocol) -> tuple[Section, Mask | None]:
    """Return an image read and prepared as the protocol says, and its bone."""
    channels = protocol.channels
    thickness = math.nan if protocol.thickness_um is None else protocol.thickness_um
    tissue = protocol.tissue
    mask = None
    if tissue is not None and tissue.file_ending is not None:
        mask = path.with_name(path.name.split(".")[0] + tissue.file_ending)
    section = read_section(path, channels, protocol.pixel_um, thickness, mask)
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
        said = "Otsu, this image" if rule.level is None else rule.level
        section = replace(section, settings={**section.settings, "bone": f"channel {rule.channel}", "bone_level": said})
        return section, find_bone(section, rule.channel, rule.level)
    file = path.with_name(path.name.split(".")[0] + str(rule.file_ending))
    bone = read_mask(file)
    if bone.shape != section.shape:
        raise MeasureError(f"the bone mask has shape {bone.shape}, the image {section.shape}", where=str(file))
    return replace(section, inputs={**section.inputs, file.name: file_sha256(file)}), bone


def measure_section(
    section: Section,
    protocol: Protocol,
    place: Mapping[str, str],
    bone: Mask | None = None,
    thresholds: Mapping[str, controls.Threshold] | None = None,
) -> SectionResult:
    """Return everything the protocol asks of a prepared section."""
    bench = _Bench(section, protocol, place, thresholds or {}, bone)
    readings: list[Reading] = []
    overlays: list[Overlay] = []
    table = None
    if protocol.cells is not None:
        cells, found = _measure_cells(bench, protocol.cells)
        readings += found
        table = cells.table
        for item in protocol.cells.second or (None,):
            overlays.append(cells_overlay(section, cells, item.channel if item else None))
    for rule in protocol.fibres:
        readings += _measure_fibres(bench, rule)
    for rule in protocol.fibres:
        second = bench.traced[rule.carries].mask if rule.carries in bench.traced else None
        overlays.append(fibres_overlay(section, rule.channel, bench.traced[rule.channel], second))
    for pair in protocol.double_positive:
        found, overlay = _measure_double(bench, pair.first, pair.second)
        readings += found
        overlays.append(overlay)
    for pair in protocol.colocalise:
        readings += _measure_colocalisation(bench, pair.first, pair.second)
    for name in protocol.intensity:
        readings += _measure_intensity(bench, name)
    return SectionResult(readings, overlays, table)


def _measure_cells(bench: _Bench, rule: CellRule) -> tuple[Cells, list[Reading]]:
    section = bench.section
    marker = bench.threshold(rule.marker, "pixel")
    cells = cells_of(rule, section, bench.bone, marker.value if marker else None)
    for item in rule.second:
        threshold = bench.thresholds.get(item.channel)
        if threshold is None:
            raise MeasureError(
                f"no threshold of {item.channel} was set on controls",
                why="a threshold taken from the measured image itself finds positives in any image",
                remedy="set one with threshold_from_controls, and name its file as thresholds in the protocol",
            )
        level = threshold.level if math.isfinite(threshold.level) else None
        cells = score_cells(cells, section, item.channel, item.region, item.statistic, level)
        cells = controls.classify(cells, threshold, section.inputs)
    edge = None if bench.bone is None else bone_edge(bench.bone, section)
    readings = _densities(bench, "N.Oc", cells, cells.counted.shape[0], edge, {})
    if edge is not None and edge.total_um > 0:
        on = np.isin(cells.labels, cells.counted["cell"])
        covered = covered_um(edge, on, rule.max_gap_um, section.pixel_um)
        share = covered / edge.total_um
        readings.append(bench.reading("Oc.S/BS/trap-object", share, cells.warnings, settings=cells.settings,
                                      count=covered / 1e3, total=edge.total_um / 1e3))  # fmt: skip
    for item in rule.second:
        positive = cells.counted[f"{item.channel}_positive"]
        number, scored = int(positive.sum()), int(positive.notna().sum())
        more = {"second_marker": item.channel}
        readings += _densities(bench, "N.Oc.marker", cells, number, edge, more)
        readings.append(_share(bench, cells, number, scored, item.channel))
    return cells, readings


def cells_of(rule: CellRule, section: Section, bone: Mask | None, level: float | None) -> Cells:
    """Return cells counted by a protocol's rule, whose own level goes before one from controls."""
    return count_cells(
        section, rule.marker, rule.nuclei, bone if rule.near_bone else None, rule.max_gap_um, rule.min_nuclei,
        level if rule.level is None else rule.level, rule.radius_um, rule.nucleus_radius_um, rule.min_area_um2,
    )  # fmt: skip


def _densities(
    bench: _Bench, symbol: str, cells: Cells, number: int, edge: BoneEdge | None, more: Mapping[str, str]
) -> list[Reading]:
    settings: dict[str, float | str] = {**cells.settings, **more}
    area = bench.section.area_mm2
    found = [bench.rate(f"{symbol}/T.Ar/trap-object", number, area, cells.warnings, settings=settings)]
    if edge is not None and edge.total_um > 0:
        found.append(
            bench.rate(f"{symbol}/BS/trap-object", number, edge.total_um / 1e3, cells.warnings, settings=settings)
        )
    height = bench.protocol.cells.abercrombie_height_um if bench.protocol.cells else None
    if height is not None:
        factor = abercrombie(bench.section.thickness_um, height)
        plain = found[0]
        settings["abercrombie_height_um"] = height
        found.append(bench.reading(f"{symbol}/T.Ar/trap-object/abercrombie", plain.value * factor, cells.warnings,
                                   settings=settings, low=plain.low * factor, high=plain.high * factor,
                                   count=number, total=area))  # fmt: skip
    return found


def abercrombie(thickness_um: float, height_um: float) -> float:
    """Return the share of counted profiles that are cells with their centre in the section.

    T / (T + h) (Abercrombie 1946, doi 10.1002/ar.1090940210): what makes sections of 4, 10 and 30 µm comparable.

    Examples
    --------
    >>> abercrombie(10.0, 10.0)
    0.5
    """
    if not (thickness_um > 0 and height_um > 0):
        raise MeasureError("Abercrombie's correction needs a thickness and a height", remedy="give thickness_um")
    return thickness_um / (thickness_um + height_um)


def _share(bench: _Bench, cells: Cells, number: int, scored: int, channel: str) -> Reading:
    settings = {**cells.settings, "second_marker": channel}
    name, warnings = "N.Oc.marker/N.Oc/trap-object", list(cells.warnings)
    missing = len(cells.counted) - scored
    if missing:
        warnings.append(f"{missing} cells could not be scored for {channel}")
    if scored == 0:
        return bench.reading(name, math.nan, [*warnings, "no cell in this field"], settings=settings, count=0, total=0)
    low, high = wilson_interval(number, scored)
    if low <= float(cells.settings[f"{channel}_control_false_positive"]):
        warnings.append(f"share of {channel} is not clearly above that of the controls")
    return bench.reading(name, number / scored, warnings, settings=settings, low=float(low), high=float(high),
                         count=number, total=scored)  # fmt: skip


def _trace(bench: _Bench, channel: str, rule: FibreRule) -> Fibres:
    if channel not in bench.traced:
        mine = next((item for item in bench.protocol.fibres if item.channel == channel), rule)
        control = bench.threshold(channel, "ridge")
        contrast = mine.contrast if mine.contrast is not None else control.value if control else None
        bench.traced[channel] = trace_fibres(bench.section, channel, mine.radius_um, contrast, mine.min_length_um)
    return bench.traced[channel]


def _measure_fibres(bench: _Bench, rule: FibreRule) -> list[Reading]:
    section, fibres = bench.section, _trace(bench, rule.channel, rule)
    area, millimetres, number = section.area_mm2, fibres.length_um / 1e3, len(fibres.table)
    base: dict[str, float | str] = {**fibres.settings, "channel": rule.channel}
    told = fibres.warnings
    values, tissue = section.channel(rule.channel), section.tissue
    readings = [
        bench.reading("L/T.Ar/ridge-path", millimetres / area, told, settings=base, count=millimetres, total=area),
        bench.reading("Ar/T.Ar/ridge-half-maximum", float(fibres.mask[tissue].mean()), told, settings=base),
        bench.rate("N/T.Ar/ridge-profiles", number, area, told, settings=base),
        bench.reading("I/T.Ar/integrated", float(values[fibres.mask].sum() / tissue.sum()), told, settings=base),
    ]
    if rule.thin_and_isotropic:
        readings.append(bench.reading("L_V/ridge-path/saltykov", 2 * number / area, told, settings=base))
    if rule.carries is not None:
        second = _trace(bench, rule.carries, rule)
        shared = length_within(second, _thick(fibres.mask), section.pixel_um)
        value = shared / fibres.length_um if fibres.length_um else math.nan
        told = (*told, *second.warnings, *(() if fibres.length_um else (f"no {rule.channel} in this field",)))
        settings = {**base, **second.settings, "channel": f"{rule.carries} in {rule.channel}"}
        readings.append(bench.reading("L.share/ridge-path/within-mask", value, told, settings=settings,
                                      count=shared / 1e3, total=millimetres))  # fmt: skip
    return readings


def _thick(mask: Mask) -> Mask:
    """Widen a mask by a pixel: two channels of one fibre differ by noise and by chromatic shift."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, structure=np.ones((3, 3))))


def _measure_double(bench: _Bench, first: str, second: str) -> tuple[list[Reading], Overlay]:
    section = bench.section
    levels = [bench.threshold(name, "pixel") for name in (first, second)]
    if levels[0] is None or levels[1] is None:
        raise MeasureError(
            f"no pixel level of {first if levels[0] is None else second} was set on controls",
            remedy="set one with thresholds_from_images, and name its file as thresholds in the protocol",
        )
    both = double_positive(section, first, second, (levels[0].value, levels[1].value))
    settings = {
        "channel": f"{first} and {second}",
        f"{first}_level": levels[0].value,
        f"{second}_level": levels[1].value,
    }
    told = (*levels[0].warnings, *levels[1].warnings)
    readings = [
        bench.reading("Ar.double/T.Ar/both-levels", float(both[section.tissue].mean()), told, settings=settings,
                      count=float(both.sum()) * section.pixel_um**2 * 1e-6, total=section.area_mm2)
    ]  # fmt: skip
    if first in bench.traced:
        fibres = bench.traced[first]
        length = length_within(fibres, both, section.pixel_um) / 1e3
        more = {**settings, **fibres.settings}
        readings.append(bench.reading("L.double/T.Ar/ridge-path", length / section.area_mm2, (*told, *fibres.warnings),
                                      settings=more, count=length, total=section.area_mm2))  # fmt: skip
    picture = grey(section.channel(first), section.tissue)
    paint(picture, outline(both), (255, 80, 220))
    return readings, Overlay(f"{first} and {second}", "double positive pixels outlined magenta", picture)


def _measure_colocalisation(bench: _Bench, first: str, second: str) -> list[Reading]:
    section = bench.section
    found = colocalise(section.channel(first), section.channel(second), section.tissue,
                       generator=stream(bench.protocol.seed, f"colocalise {first} {second}"))  # fmt: skip
    base: dict[str, float | str] = {"channel": f"{first}, {second}", "null": found.null}
    cuts = {f"{first}_costes": found.threshold_first, f"{second}_costes": found.threshold_second}
    rows: tuple[tuple[str, float, float, dict[str, float]], ...]
    rows = (("coloc.pearson/T.Ar/shift-null", found.pearson, found.p_pearson, {}),
            ("coloc.M1/T.Ar/costes", found.m1, found.p_m1, cuts),
            ("coloc.M2/T.Ar/costes", found.m2, found.p_m2, cuts))  # fmt: skip
    known = [
        bench.reading(name, value, found.warnings,
                      settings={**base, **{k: v for k, v in (*more.items(), ("p", p)) if math.isfinite(v)}})
        for name, value, p, more in rows
    ]  # fmt: skip
    return known


def _measure_intensity(bench: _Bench, channel: str) -> list[Reading]:
    mean = float(bench.section.channel(channel)[bench.section.tissue].mean())
    area = bench.section.area_mm2
    settings = {"channel": channel}
    return [
        bench.reading("I/T.Ar/mean", mean, settings=settings),
        bench.reading("intensity_mean_per_mm2", mean / area, settings=settings),
    ]
