"""Readings of cells: densities, shares, and what the bone's edge bears."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.section.bench import Bench
from senospine.measure.section.bone import BoneEdge, bone_edge, covered_um
from senospine.measure.section.cells import Cells, count_cells, score_cells
from senospine.measure.section.controls import classify
from senospine.measure.section.image import Mask, Section
from senospine.measure.section.protocol import CellRule
from senospine.stats import wilson_interval


def measure_cells(bench: Bench, rule: CellRule) -> tuple[Cells, list[Reading]]:
    """Return the cells a rule counts, and every reading of them."""
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
        cells = classify(cells, threshold, section.inputs)
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
        more = {"second_marker": item.channel, "region": item.region}
        readings += _densities(bench, "N.Oc.marker", cells, number, edge, more)
        readings.append(_share(bench, cells, number, scored, item.channel, more))
    return cells, readings


def cells_of(rule: CellRule, section: Section, bone: Mask | None, level: float | None) -> Cells:
    """Return cells counted by a protocol's rule, whose own level goes before one from controls."""
    return count_cells(
        section, rule.marker, rule.nuclei, bone if rule.near_bone else None, rule.max_gap_um, rule.min_nuclei,
        level if rule.level is None else rule.level, rule.radius_um, rule.nucleus_radius_um, rule.min_area_um2,
    )  # fmt: skip


def _densities(
    bench: Bench, symbol: str, cells: Cells, number: int, edge: BoneEdge | None, more: Mapping[str, str]
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


def _share(bench: Bench, cells: Cells, number: int, scored: int, channel: str, more: Mapping[str, str]) -> Reading:
    settings = {**cells.settings, **more}
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
