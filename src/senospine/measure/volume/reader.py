"""From a scan and a protocol to readings and pictures to check them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.volume.disc import disc_values, find_disc
from senospine.measure.volume.endplate import Endplate, endplate_region
from senospine.measure.volume.files import read_volume
from senospine.measure.volume.overlays import Overlay, disc_overlay, endplate_overlay, trabecular_overlay
from senospine.measure.volume.porosity import depth_profile, porosity_values
from senospine.measure.volume.prepare import prepared
from senospine.measure.volume.protocol import AXES, Protocol, load_protocol
from senospine.measure.volume.segment import Bone, segment_bone
from senospine.measure.volume.thickness import isotropic
from senospine.measure.volume.trabecular import Values, surface_and_connectivity, trabecular_values
from senospine.measure.volume.volume import Volume, check_grey

Mask = NDArray[np.bool_]
#: a value that moves by more than this when the threshold moves by a tenth is warned of
MOVES = 0.1


def measure_file(
    path: str | Path, options: Protocol | Mapping[str, Any] | str | Path
) -> tuple[list[Reading], list[Overlay]]:
    """Return what a scan reads under a protocol, and pictures to check it by.

    Parameters
    ----------
    path : path
        What :func:`read_volume` opens.
    options : Protocol, mapping, or path of a YAML file

    Raises
    ------
    MeasureError
        Whatever cannot be read, told or measured: what, where, why and what to do.
    """
    protocol = load_protocol(options)
    place = protocol.place_of(Path(path))
    return measure_volume(read_volume(path, protocol.edges_um), protocol, place)


def measure_volume(volume: Volume, protocol: Protocol, place: Mapping[str, str]) -> tuple[list[Reading], list[Overlay]]:
    """Return readings and pictures of a scan that is open already; see :func:`measure_file`."""
    try:
        return _measure(volume, protocol, place)
    except MeasureError as error:
        if error.where:
            raise
        raise MeasureError(error.what, where=volume.name, why=error.why, remedy=error.remedy) from None


def _measure(volume: Volume, protocol: Protocol, place: Mapping[str, str]) -> tuple[list[Reading], list[Overlay]]:
    volume, domain = prepared(volume, protocol)
    warnings = check_grey(volume)
    isotropic(volume.spacing_um)
    choice = protocol.threshold
    bone = segment_bone(volume, choice.method, choice.level, choice.sigma_um, choice.window_um)
    kinds: dict[str, Callable[..., _Result]] = {"trabecular": _trabecular, "endplate": _endplate, "disc": _disc}
    result = kinds[protocol.kind](volume, bone, domain, protocol)
    settings = {
        **bone.settings, "voxel_um": volume.spacing_um[0], "bin": protocol.bin, **result.settings,
        "resampled": str(protocol.resample),
    }  # fmt: skip
    common = (*warnings, *bone.warnings, *dict.fromkeys(result.values.warnings))
    readings = []
    for identity, value in result.values.values.items():
        count, total = result.values.counts.get(identity, (float("nan"), float("nan")))
        own = {**settings, **result.values.settings[identity], **result.moved.get(identity, {})}
        extra = _moves(value, result.moved.get(identity, {}))
        readings.append(
            Reading(identity, value, place, count=count, total=total, settings=own, inputs=volume.inputs,
                    warnings=common + extra)
        )  # fmt: skip
    for (top, bottom), value in result.profile.items():
        own = {**settings, "layer": f"{top:g}-{bottom:g} um", "layer_from_um": top, "layer_to_um": bottom}
        readings.append(Reading("Po.depth/layer", value, place, settings=own, inputs=volume.inputs, warnings=common))
    return readings, result.overlays


@dataclass(frozen=True)
class _Result:
    values: Values
    overlays: list[Overlay]
    settings: Mapping[str, float | str]
    moved: Mapping[str, Mapping[str, float]]
    profile: Mapping[tuple[float, float], float]


def _moved(bone: Bone, protocol: Protocol, measure: Callable[[Mask, int], Values], closing: bool) -> dict[str, Any]:
    """Return each value again at other thresholds and closings, by definition id."""
    if not protocol.sensitivity:
        return {}
    again: dict[str, Values | None] = {}
    for name, factor in (("at_threshold_-10%", 0.9), ("at_threshold_+10%", 1.1)):
        if bone.grey is not None:
            again[name] = _try(measure, bone.at(factor), 0)
    for name, grow in (("at_closing_-1_voxel", -1), ("at_closing_+1_voxel", 1)):
        if closing:
            again[name] = _try(measure, bone.mask, grow)
    found: dict[str, Any] = {}
    for name, values in again.items():
        for identity, value in (values.values if values else {}).items():
            found.setdefault(identity, {})[name] = value
    return found


def _try(measure: Callable[[Mask, int], Values], mask: Mask, grow: int) -> Values | None:
    """A neighbouring choice may be one that cannot be measured at all; then it is absent from the settings."""
    try:
        return measure(mask, grow)
    except MeasureError:
        return None


def _moves(value: float, moved: Mapping[str, float]) -> tuple[str, ...]:
    worst = max((abs(other - value) for other in moved.values() if np.isfinite(other)), default=0.0)
    if np.isfinite(value) and worst > MOVES * abs(value):
        return (f"moves by up to {worst:.3g} when the threshold moves by a tenth or the closing by a voxel",)
    return ()


def _trabecular(volume: Volume, bone: Bone, domain: Mask, protocol: Protocol) -> _Result:
    def measure(mask: Mask, grow: int = 0) -> Values:
        return trabecular_values(
            mask, domain, volume.spacing_um, border=protocol.border_rule, convention=protocol.convention,
            allow_coarse=protocol.allow_coarse, threads=protocol.threads,
        )  # fmt: skip

    values = measure(bone.mask)
    more = surface_and_connectivity(bone, domain)
    values.values |= more.values
    values.settings |= more.settings
    told: dict[str, float | str] = {"border": protocol.border_rule, "margin_um": protocol.margin_um or 0.0}
    overlays = [trabecular_overlay(volume, bone.mask, domain, values)]
    return _Result(values, overlays, told, _moved(bone, protocol, measure, closing=False), {})


def _endplate(volume: Volume, bone: Bone, domain: Mask, protocol: Protocol) -> _Result:
    choice, voxel = protocol.endplate, volume.spacing_um[0]

    def region(mask: Mask, grow: int) -> Endplate:
        found = endplate_region(
            mask, voxel, axis=AXES[choice.axis], disc=choice.disc, depth_um=choice.depth_um, inset=choice.inset,
            closing_um=choice.closing_um, grow_voxels=grow,
        )  # fmt: skip
        return replace(found, region=found.region & domain)

    def measure(mask: Mask, grow: int = 0) -> Values:
        return porosity_values(
            mask, region(mask, grow), voxel, convention=protocol.convention,
            smallest_pore_voxels=choice.smallest_pore_voxels, allow_coarse=protocol.allow_coarse,
            threads=protocol.threads,
        )  # fmt: skip

    found = region(bone.mask, 0)
    values = measure(bone.mask)
    values.warnings += found.warnings
    pore = values.maps.get("Po.Dm")
    if pore is not None and pore.values_um.max() >= 2 * choice.closing_um:
        values.warnings.append(
            "the largest pore is wider than the closing: raise 'closing_um', or it dents the surface"
        )
    overlays = [endplate_overlay(volume, bone.mask, found, values)]
    told = {**found.settings, "side": choice.side, "head_at": f"{choice.head} slice"}
    return _Result(
        values, overlays, told, _moved(bone, protocol, measure, closing=True), depth_profile(bone.mask, found, voxel)
    )


def _disc(volume: Volume, bone: Bone, domain: Mask, protocol: Protocol) -> _Result:
    choice, voxel = protocol.endplate, volume.spacing_um[0]

    def measure(mask: Mask, grow: int = 0) -> Values:
        found = find_disc(mask & domain, voxel, AXES[choice.axis], choice.closing_um + grow * voxel)
        return disc_values(found, voxel, protocol.front_axis)

    values = measure(bone.mask)
    found = find_disc(bone.mask & domain, voxel, AXES[choice.axis], choice.closing_um)
    told: dict[str, float | str] = {"closing_um": choice.closing_um, "spine_axis": choice.axis}
    overlays = [disc_overlay(volume, bone.mask, found, AXES[choice.axis])]
    return _Result(values, overlays, told, _moved(bone, protocol, measure, closing=True), {})
