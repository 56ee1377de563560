"""Sections from OME-TIFF, ImageJ and plain TIFF files: channels by name, pixel size always known."""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.extra import library, tiff_complaints
from senospine.measure.section.image import Section, check_exposure
from senospine.runs import sha256_of

_MICROMETRES = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00b5m": 1.0, "nm": 1e-3, "mm": 1e3,
                "cm": 1e4}  # fmt: skip
_COLOURS = ["red", "green", "blue"]
#: float copies of every channel that measuring holds at once, at most
_COPIES = 8


def read_section(
    path: str | Path,
    channels: Mapping[str, int | str] | None = None,
    pixel_um: float | None = None,
    thickness_um: float = math.nan,
    mask: str | Path | None = None,
) -> Section:
    """Return the section in a TIFF file.

    Parameters
    ----------
    channels : mapping of str to int or str, optional
        Our name to the file's: a position from 0, or the name in its metadata. Names of the metadata by default.
        The channels of a colour image are called ``red``, ``green`` and ``blue``.
    pixel_um : float, optional
        Only where the file does not say (OME and ImageJ files do); another value than the file's is refused.
    mask : path, optional
        An image of the same size, tissue where it is not zero.

    Raises
    ------
    MeasureError
        Missing, truncated, no TIFF, a stack in depth or time, too large for this machine, no pixel size, a channel
        missing, constant or saturated, a mask of another size.
    """
    path = Path(path)
    planes, names, said_um = _planes(path)
    where = str(path)
    wanted = {name: name for name in names} if channels is None else dict(channels)
    if not wanted:
        raise MeasureError(
            f"{len(planes)} channels without names", where=where, remedy="name them: channels: {DAPI: 0, TRAP: 1}"
        )
    found, warnings = {}, []
    for name, source in wanted.items():
        values = planes[_position(source, names, len(planes), where)]
        warnings += check_exposure(name, values, where, white_is_light=names == _COLOURS)
        found[name] = values
    inputs = {path.name: sha256_of(path)}
    tissue = None
    if mask is not None:
        tissue = read_mask(mask)
        inputs[Path(mask).name] = sha256_of(Path(mask))
    try:
        section = Section(found, _pixel_um(pixel_um, said_um, where), thickness_um, tissue, {}, inputs, tuple(warnings))
    except MeasureError as error:
        raise MeasureError(error.what, where=error.where or where, why=error.why, remedy=error.remedy) from None
    return section.with_mask(section.tissue, tissue="given" if mask is not None else "whole field")


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Return a mask image: True where it is not zero, (rows, columns)."""
    planes, _, _ = _planes(Path(path))
    if len(planes) != 1:
        raise MeasureError(f"the mask holds {len(planes)} planes", where=str(path), remedy="give a mask of one plane")
    return np.asarray(planes[0] != 0)


def _planes(path: Path) -> tuple[NDArray[Any], list[str], float | None]:
    """Return pixels (channels, rows, columns), channel names as far as the file says, pixel size [µm] if it says."""
    tifffile = library("tifffile")
    if not path.is_file():
        raise MeasureError("no such file", where=str(path), remedy="check the path")
    try:
        with tiff_complaints() as complaints, tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            _check_memory(series, path)
            names, pixel_um = _metadata(tiff, str(path))
            planes = series.asarray()
            if complaints:  # a file cut short may still hold its first planes, and is then read without them
                raise ValueError(complaints[0])
            return (*_arrange(planes, series.axes, names, str(path)), pixel_um)
    except (tifffile.TiffFileError, ValueError, OSError, IndexError, KeyError, EOFError, RuntimeError, struct.error,
            zlib.error, ElementTree.ParseError) as error:  # fmt: skip
        if "imagecodecs" in str(error):
            raise MeasureError(
                "the TIFF is compressed in a way that needs another library",
                where=str(path),
                remedy="save it uncompressed or with Deflate, or install imagecodecs",
            ) from None
        raise MeasureError(
            f"not a whole TIFF file: {str(error)[:120] or type(error).__name__}",
            where=str(path),
            why="it is truncated, damaged, or of another format",
            remedy="copy or export it again",
        ) from None


def _check_memory(series: Any, path: Path) -> None:
    need = int(np.prod(series.shape)) * 4 * _COPIES
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else need
    if need > have:
        raise MeasureError(
            f"measuring this image takes about {need / 1e9:.0f} GB, this machine has {have / 1e9:.0f} GB",
            where=str(path),
            remedy="export the region of interest, or every second pixel",
        )


def _arrange(pixels: NDArray[Any], axes: str, names: list[str], where: str) -> tuple[NDArray[Any], list[str]]:
    for axis, word in (("Z", "planes in depth"), ("T", "points in time")):
        if axis in axes and pixels.shape[axes.index(axis)] > 1:
            raise MeasureError(
                f"the file holds {pixels.shape[axes.index(axis)]} {word}",
                where=where,
                why="a projection or a choice of plane changes every density, so it is not made in silence",
                remedy="export one plane, or a projection you declare",
            )
    keep = [axis for axis, length in zip(axes, pixels.shape, strict=True) if length > 1 or axis in "YX"]
    pixels = pixels.reshape([pixels.shape[axes.index(axis)] for axis in keep])
    if len(keep) > 3 or "Y" not in keep or "X" not in keep:
        raise MeasureError(f"axes {axes} of shape {pixels.shape} are no section", where=where)
    if len(keep) == 2:
        return pixels[None], names[:1]
    other = next(axis for axis in keep if axis not in "YX")
    pixels = np.moveaxis(pixels, keep.index(other), 0)
    if other == "S":
        return pixels[:3], list(_COLOURS)
    return pixels, names


def _metadata(tiff: Any, where: str) -> tuple[list[str], float | None]:
    """Return channel names and pixel size of OME or ImageJ metadata; plain resolution tags are printer's dots."""
    if tiff.is_ome:
        root = ElementTree.fromstring(tiff.ome_metadata)
        pixels = root.find(".//{*}Pixels")
        if pixels is None:
            return [], None
        names = [item.get("Name") or item.get("ID") or "" for item in pixels.findall("{*}Channel")]
        sides = [
            float(side) * _MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"), math.nan)
            for axis in "XY"
            if (side := pixels.get(f"PhysicalSize{axis}"))
        ]
        return names, _square(sides, where)
    if tiff.is_imagej:
        labels = tiff.imagej_metadata.get("Labels")
        scale = _MICROMETRES.get(str(tiff.imagej_metadata.get("unit", "")).lower())
        tags = [tiff.pages[0].tags.get(name) for name in ("XResolution", "YResolution")]
        if scale is None or None in tags or 0 in [tag.value[0] for tag in tags]:
            return list(labels or []), None
        return list(labels or []), _square([scale * tag.value[1] / tag.value[0] for tag in tags], where)
    return [], None


def _square(sides: list[float], where: str) -> float | None:
    if not sides:
        return None
    if max(sides) > 1.001 * min(sides):
        raise MeasureError(
            f"pixels of {sides[0]:g} by {sides[1]:g} µm are not square", where=where, remedy="resample the image first"
        )
    return sides[0]


def _pixel_um(given: float | None, said: float | None, where: str) -> float:
    if given is None and (said is None or not math.isfinite(said)):
        raise MeasureError(
            "the pixel size is not known",
            where=where,
            why="without it neither an area nor a length has a unit; resolution tags of plain TIFF are printer's dots",
            remedy="give pixel_um, or export as OME-TIFF",
        )
    if given is not None and said is not None and abs(given - said) > 0.01 * said:
        raise MeasureError(
            f"pixel size given as {given:g} µm, the file says {said:g} µm",
            where=where,
            remedy="leave pixel_um out to believe the file, or correct the file",
        )
    return float(given if given is not None else said)  # type: ignore[arg-type]


def _position(source: int | str, names: list[str], count: int, where: str) -> int:
    if isinstance(source, str):
        if source not in names:
            remedy = suggest(source, names) if names else "the file names no channels: give positions from 0"
            raise MeasureError(f"the file has no channel '{source}'", where=where, remedy=remedy)
        return names.index(source)
    if not 0 <= source < count:
        raise MeasureError(f"no channel {source}: the file holds {count}", where=where, remedy="count from 0")
    return source
