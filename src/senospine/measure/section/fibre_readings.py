"""Readings of fibres, vessels, co-localisation and intensity."""

from __future__ import annotations

import math

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.section.bench import Bench
from senospine.measure.section.colocalisation import colocalise
from senospine.measure.section.fibres import Fibres, double_positive, length_within, trace_fibres
from senospine.measure.section.image import Mask
from senospine.measure.section.overlay import Overlay, grey, outline, paint
from senospine.measure.section.protocol import FibreRule
from senospine.randomness import stream


def measure_fibres(bench: Bench, rule: FibreRule) -> list[Reading]:
    """Return length, area, profiles and intensity of one channel, and the share that carries a second marker."""
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


def _trace(bench: Bench, channel: str, rule: FibreRule) -> Fibres:
    if channel not in bench.traced:
        mine = next((item for item in bench.protocol.fibres if item.channel == channel), rule)
        control = bench.threshold(channel, "ridge")
        contrast = mine.contrast if mine.contrast is not None else control.value if control else None
        bench.traced[channel] = trace_fibres(bench.section, channel, mine.radius_um, contrast, mine.min_length_um)
    return bench.traced[channel]


def _thick(mask: Mask) -> Mask:
    """Widen a mask by a pixel: two channels of one fibre differ by noise and by chromatic shift."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, structure=np.ones((3, 3))))


def measure_double(bench: Bench, first: str, second: str) -> tuple[list[Reading], Overlay]:
    """Return area and length that both channels share, and a picture."""
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


def measure_colocalisation(bench: Bench, first: str, second: str) -> list[Reading]:
    """Return Pearson's and Manders' coefficients of two channels, p among the settings."""
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


def measure_intensity(bench: Bench, channel: str) -> list[Reading]:
    """Return the mean grey value of the tissue, and the same per area."""
    mean = float(bench.section.channel(channel)[bench.section.tissue].mean())
    area = bench.section.area_mm2
    settings = {"channel": channel}
    return [
        bench.reading("I/T.Ar/mean", mean, settings=settings),
        bench.reading("intensity_mean_per_mm2", mean / area, settings=settings),
    ]
