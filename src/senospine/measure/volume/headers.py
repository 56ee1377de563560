"""Readers of formats that are a header and a block of numbers: NRRD, NIfTI-1, Scanco ISQ."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import MeasureError
from senospine.measure.volume.memory import available_memory
from senospine.measure.volume.scan import MICROMETRES, Scan

_NRRD_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    "float": "f4",
    "double": "f8",
}
_NIFTI_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
_NIFTI_UNITS = {1: 1e6, 2: 1e3, 3: 1.0}


def _corrupt(path: Path, what: str) -> MeasureError:
    return MeasureError(what, where=str(path), why="the file is corrupt or cut short", remedy="copy or export it again")


def _mapped(path: Path, kind: np.dtype[Any], shape: tuple[int, int, int], offset: int) -> NDArray[Any]:
    """Return the voxels as they lie in the file, z y x."""
    if min(shape) < 1:
        raise _corrupt(path, f"the header tells a scan of {' x '.join(map(str, shape))} voxels")
    wanted = offset + int(np.prod(shape, dtype=object)) * kind.itemsize
    if offset < 0 or path.stat().st_size < wanted:
        raise _corrupt(path, f"the header tells {wanted} bytes, the file holds {path.stat().st_size}")
    return np.memmap(path, kind, "r", offset, shape)


def _unzipped(path: Path, kind: np.dtype[Any], shape: tuple[int, int, int], start: int, skip: int = 0) -> NDArray[Any]:
    """Return gzipped voxels; never more is unpacked than the header tells."""
    wanted = int(np.prod(shape, dtype=object)) * kind.itemsize
    if wanted > 0.8 * available_memory():
        raise MeasureError(
            f"{wanted / 1e9:.1f} GB once unpacked, {available_memory() / 1e9:.1f} GB of memory are free",
            where=str(path),
            remedy="save it without compression: then 'crop' or 'bin' in the protocol read parts of it",
        )
    unpacker = zlib.decompressobj(wbits=47)
    parts, held = [], 0
    try:
        with path.open("rb") as file:
            file.seek(start)
            while held < wanted + skip and (packed := file.read(1 << 22)):
                part = unpacker.decompress(packed, wanted + skip - held)
                parts.append(part)
                held += len(part)
    except zlib.error as error:
        raise _corrupt(path, f"cannot be unpacked: {error}") from None
    if held < wanted + skip:
        raise _corrupt(path, f"the header tells {wanted} bytes, {max(held - skip, 0)} are there")
    return np.frombuffer(b"".join(parts), kind, offset=skip).reshape(shape)


def read_nrrd(path: Path) -> Scan:
    """Read NRRD, raw or gzip, attached or with a data file of its own (http://teem.sourceforge.net/nrrd/format.html)."""
    with path.open("rb") as file:
        if not file.read(4) == b"NRRD":
            raise _corrupt(path, "does not start with NRRD")
        file.readline()
        fields: dict[str, str] = {}
        while line := file.readline(100_000):
            text = line.decode("latin-1").strip()
            if not text:
                break
            if not text.startswith("#") and ": " in text:
                key, value = text.split(": ", 1)
                fields[key.strip().lower()] = value.strip()
        start = file.tell()
    try:
        sizes = [int(size) for size in fields["sizes"].split()]
        kind = np.dtype(_NRRD_TYPES[fields["type"]]).newbyteorder(
            "<" if fields.get("endian", "little") == "little" else ">"
        )
        encoding = fields["encoding"].lower()
    except (KeyError, ValueError) as error:
        raise _corrupt(path, f"the header lacks or garbles {error}") from None
    if len(sizes) != 3:
        raise MeasureError(f"{len(sizes)} axes, not 3", where=str(path), remedy="export one grey channel")
    data = fields.get("data file", fields.get("datafile"))
    source, start = (path.parent / data, 0) if data else (path, start)
    if not source.is_file():
        raise _corrupt(path, f"its data file '{data}' is not there")
    shape = sizes[2], sizes[1], sizes[0]
    if encoding == "raw":
        array = _mapped(source, kind, shape, start + int(fields.get("byte skip", 0)))
    elif encoding in ("gzip", "gz"):
        array = _unzipped(source, kind, shape, start)
    else:
        raise MeasureError(f"encoding '{encoding}' is not read", where=str(path), remedy="save as raw or gzip")
    return array, _nrrd_spacing(fields, path)


def _nrrd_spacing(fields: dict[str, str], path: Path) -> tuple[float, float, float] | None:
    """Return edges in um; None where size or unit is not told."""
    units = [unit for unit in fields.get("space units", fields.get("units", "")).replace('"', " ").split() if unit]
    if len(units) != 3 or any(unit.lower() not in MICROMETRES for unit in units):
        return None
    try:
        if "space directions" in fields:
            vectors = [item.strip("() ") for item in fields["space directions"].split(")") if item.strip("() ")]
            edges = [float(np.linalg.norm([float(part) for part in vector.split(",")])) for vector in vectors]
        else:
            edges = [float(edge) for edge in fields["spacings"].split()]
    except KeyError:
        return None
    except ValueError:
        raise _corrupt(path, "the voxel size in the header is no number") from None
    if len(edges) != 3 or not np.isfinite(edges).all():
        return None
    x, y, z = (edge * MICROMETRES[unit.lower()] for edge, unit in zip(edges, units, strict=True))
    return z, y, x


def read_nifti(path: Path) -> Scan:
    """Read NIfTI-1 in one file, .nii or .nii.gz (https://nifti.nimh.nih.gov/nifti-1)."""
    import gzip

    zipped = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            head = file.read(348)
    except (OSError, EOFError, zlib.error) as error:
        raise _corrupt(path, f"cannot be unpacked: {error}") from None
    if len(head) < 348 or head[344:347] != b"n+1":
        raise _corrupt(path, "no NIfTI-1 header")
    order = "<" if struct.unpack("<i", head[:4])[0] == 348 else ">"
    dim = struct.unpack(f"{order}8h", head[40:56])
    code = struct.unpack(f"{order}h", head[70:72])[0]
    edges = struct.unpack(f"{order}8f", head[76:108])[1:4]
    offset, slope, intercept = struct.unpack(f"{order}3f", head[108:120])
    if code not in _NIFTI_TYPES:
        raise MeasureError(f"NIfTI data type {code} is not read", where=str(path), remedy="save as 8 or 16 bit grey")
    if not 3 <= dim[0] <= 7 or any(size > 1 for size in dim[4 : dim[0] + 1]) or min(dim[1:4]) < 1:
        raise MeasureError(
            f"sizes {dim[1 : max(dim[0], 0) + 1]}, not one 3-D scan", where=str(path), remedy="export one 3-D scan"
        )
    if not np.isfinite(offset) or offset < 348:
        raise _corrupt(path, f"voxels start at byte {offset:g}")
    kind, shape = np.dtype(order + _NIFTI_TYPES[code]), (dim[3], dim[2], dim[1])
    array = _unzipped(path, kind, shape, 0, int(offset)) if zipped else _mapped(path, kind, shape, int(offset))
    if slope not in (0.0, 1.0) or (slope and intercept):
        array = array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    unit = _NIFTI_UNITS.get(head[123] & 7)
    if unit is None or not all(np.isfinite(edge) and edge > 0 for edge in edges):
        return array, None
    x, y, z = (float(edge) * unit for edge in edges)
    return array, (z, y, x)


def read_isq(path: Path) -> Scan:
    """Read Scanco ISQ: a header of 512-byte blocks, then 16-bit grey values in native units."""
    with path.open("rb") as file:
        head = file.read(512)
    if len(head) < 512 or not head.startswith(b"CTDATA-HEADER_V1"):
        raise _corrupt(path, "no ISQ header")
    nx, ny, nz, x_um, y_um, z_um = struct.unpack("<6i", head[44:68])
    offset = struct.unpack("<i", head[508:512])[0]
    array = _mapped(path, np.dtype("<i2"), (nz, ny, nx), 512 * (offset + 1))
    if min(x_um, y_um, z_um) <= 0:
        return array, None
    return array, (z_um / nz, y_um / ny, x_um / nx)
