"""Readers of scans that are pictures: TIFF stacks, and Skyscan folders of slices with the scanner's log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.extra import library, tiff_complaints
from senospine.measure.volume.memory import available_memory
from senospine.measure.volume.scan import MICROMETRES, Scan

_PICTURES = (".bmp", ".tif", ".tiff", ".png", ".jpg")
#: what reconstruction programs write the voxel edge under, the reconstructed one first
_LOG_KEYS = ("pixel size (um)", "image pixel size (um)")


def read_tiff(path: Path) -> Scan:
    """Read a TIFF stack; mapped where its pages lie in one piece."""
    tifffile = library("tifffile")
    try:
        with tiff_complaints(), tifffile.TiffFile(path) as file:
            series = file.series[0]
            spacing = _tiff_spacing(file)
            shape = tuple(n for n in series.shape if n > 1)
            if len(shape) != 3 or series.axes.replace("Q", "").endswith("S"):
                raise MeasureError(
                    f"pages of shape {series.shape} ({series.axes}), not one grey stack",
                    where=str(path),
                    remedy="give a stack of grey slices: one slice is no volume, colours and channels are none",
                )
            whole = series.dataoffset is not None
            if (
                whole
                and path.stat().st_size < series.dataoffset + int(np.prod(shape, dtype=object)) * series.dtype.itemsize
            ):
                raise MeasureError(
                    "the file is shorter than its pages",
                    where=str(path),
                    why="it was cut short",
                    remedy="copy it again",
                )
            if not whole:
                _fits(int(np.prod(shape, dtype=object)) * series.dtype.itemsize, path)
            array = tifffile.memmap(path, mode="r") if whole else series.asarray()
    except MeasureError:
        raise
    except Exception as error:  # noqa: BLE001 tifffile meets broken files with errors of many kinds
        raise MeasureError(
            f"cannot be read as TIFF: {error}", where=str(path), why="corrupt or cut short", remedy="export it again"
        ) from None
    return array.reshape(shape), spacing


def _tiff_spacing(file: Any) -> tuple[float, float, float] | None:
    """Return edges from OME or ImageJ metadata; plain TIFF tells no distance between slices."""
    if file.is_ome and file.ome_metadata:
        found = []
        for axis in "ZYX":
            size = re.search(rf'PhysicalSize{axis}="([^"]+)"', file.ome_metadata)
            unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', file.ome_metadata)
            scale = MICROMETRES.get(unit.group(1).lower() if unit else "um")
            if size is None or scale is None:
                return None
            found.append(float(size.group(1)) * scale)
        return found[0], found[1], found[2]
    if file.is_imagej and file.imagej_metadata:
        scale = MICROMETRES.get(str(file.imagej_metadata.get("unit", "")).lower())
        depth = file.imagej_metadata.get("spacing")
        tags = file.pages[0].tags
        if scale is None or depth is None or "XResolution" not in tags or "YResolution" not in tags:
            return None
        y, x = (below / above if above else np.nan for above, below in (tags[f"{a}Resolution"].value for a in "YX"))
        return float(depth) * scale, y * scale, x * scale
    return None


def _fits(size: int, path: Path) -> None:
    if size > 0.8 * available_memory():
        raise MeasureError(
            f"{size / 1e9:.1f} GB, {available_memory() / 1e9:.1f} GB of memory are free",
            where=str(path),
            remedy="save as an uncompressed TIFF stack or raw NRRD: then 'crop' or 'bin' in the protocol read parts",
        )


def read_folder(path: Path) -> Scan:
    """Read a folder of reconstructed slices, in order of their number, with the voxel size of the log beside them."""
    slices = _numbered(path)
    first = _picture(slices[0])
    _fits(first.nbytes * len(slices), path)
    array = np.empty((len(slices), *first.shape), first.dtype)
    for index, name in enumerate(slices):
        plane = _picture(name)
        if plane.shape != first.shape or plane.dtype != first.dtype:
            raise MeasureError(
                f"{plane.shape} {plane.dtype} voxels, the first slice has {first.shape} {first.dtype}",
                where=str(name),
                remedy="keep one reconstruction in a folder",
            )
        array[index] = plane
    return array, _log_spacing(path)


def _numbered(path: Path) -> list[Path]:
    """Return the slices of the largest series in the folder; a gap in it is refused."""
    series: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for item in sorted(path.iterdir()):
        match = re.fullmatch(r"(.*?)(\d+)", item.stem)
        if item.suffix.lower() in _PICTURES and match and not item.stem.lower().endswith("_spr"):
            series.setdefault((match.group(1), item.suffix.lower()), []).append((int(match.group(2)), item))
    if not series:
        raise MeasureError(
            "no numbered slices in this folder", where=str(path), remedy=f"expected {', '.join(_PICTURES)} files"
        )
    found = sorted(series[max(series, key=lambda one: len(series[one]))])
    numbers = [number for number, _ in found]
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise MeasureError(
            f"{len(missing)} slices are missing, the first is number {missing[0]}",
            where=str(path),
            why="the distance between slices would change in the middle",
            remedy="copy the folder again",
        )
    return [item for _, item in found]


def _picture(path: Path) -> NDArray[Any]:
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            with tiff_complaints():
                plane = np.asarray(library("tifffile").imread(path))
        else:
            from PIL import Image

            with Image.open(path) as image:
                plane = np.asarray(image.convert("L") if image.mode in ("P", "RGB", "RGBA") else image)
    except MeasureError:
        raise
    except Exception as error:  # noqa: BLE001 picture libraries meet broken files with errors of many kinds
        raise MeasureError(
            f"the slice cannot be read: {error}", where=str(path), why="corrupt or cut short", remedy="copy it again"
        ) from None
    if plane.ndim != 2:
        raise MeasureError(f"a slice of {plane.ndim} axes", where=str(path), remedy="give grey slices")
    return plane


def _log_spacing(path: Path) -> tuple[float, float, float] | None:
    """Return the voxel edge of a Skyscan log, the reconstruction's own (``_rec.log``) before the scan's."""
    for log in sorted(path.glob("*.log"), key=lambda item: "_rec" not in item.stem):
        text = log.read_text(encoding="latin-1").lower()
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        for key in _LOG_KEYS:
            if key in values:
                try:
                    edge = float(values[key])
                except ValueError:
                    raise MeasureError(
                        f"'{values[key]}' is no {key}", where=str(log), remedy="correct the log"
                    ) from None
                return edge, edge, edge
    return None
