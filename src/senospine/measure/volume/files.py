"""Open a scan, whatever program wrote it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.volume import headers, slices
from senospine.measure.volume.scan import Scan
from senospine.measure.volume.volume import Volume
from senospine.runs import sha256_of

#: endings of files that are scans, and of slices that make one together
ENDINGS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".isq", ".tif", ".tiff")
SLICES = (".bmp", ".png", ".jpg")


def is_scan(path: Path) -> bool:
    """Tell by names alone whether a path is one scan: a file, or a folder of numbered slices.

    Slices that are TIFF files make a folder a scan where the scanner's log lies beside them; else each may be a stack.
    """
    name = path.name.lower()
    if not path.is_dir():
        return name.endswith(ENDINGS) or ".isq;" in name
    numbered = [item.suffix.lower() for item in path.iterdir() if re.search(r"\d$", item.stem)]
    slices = sum(ending in SLICES for ending in numbered)
    if any(path.glob("*.log")):
        slices += sum(ending in (".tif", ".tiff") for ending in numbered)
    return slices > 1


def read_volume(path: str | Path, spacing_um: Sequence[float] | None = None) -> Volume:
    """Return the scan at ``path``: NRRD, NIfTI-1, TIFF stack, Scanco ISQ, or a Skyscan folder.

    Raw NRRD, NIfTI, ISQ and plain TIFF are mapped, not read: a part can be cropped from a scan larger than memory.

    Parameters
    ----------
    path : path
        A file, or a folder with slices and the scanner's log.
    spacing_um : three floats, optional
        Voxel edges z, y, x; overrides what the file says, needed where it says nothing.

    Raises
    ------
    MeasureError
        An unknown kind, a corrupt or truncated file, no spacing, one slice.
    """
    path = Path(path)
    if not path.exists():
        raise MeasureError("no such file or folder", where=str(path), remedy="check the path")
    array, told = _reader(path)(path)
    if spacing_um is None and told is None:
        raise MeasureError(
            "the file does not say how large a voxel is",
            where=str(path),
            why="every length, and so every thickness and density, would be a guess",
            remedy="give 'spacing_um' (z, y, x) in the protocol",
        )
    given = told if spacing_um is None else tuple(float(edge) for edge in spacing_um)
    return Volume(array, given, str(path), hashes(path))  # type: ignore[arg-type]


def _reader(path: Path) -> Callable[[Path], Scan]:
    name = path.name.lower()
    if path.is_dir():
        return slices.read_folder
    for endings, reader in (
        ((".nrrd", ".nhdr"), headers.read_nrrd),
        ((".nii", ".nii.gz"), headers.read_nifti),
        ((".isq",), headers.read_isq),
        ((".tif", ".tiff"), slices.read_tiff),
    ):
        if name.endswith(endings) or (reader is headers.read_isq and ".isq;" in name):
            return reader
    raise MeasureError(
        f"'{path.suffix or path.name}' is no kind of scan that can be read",
        where=str(path),
        remedy="known: .nrrd, .nhdr, .nii, .nii.gz, .tif, .tiff, .isq, and folders of Skyscan slices with their log",
    )


def hashes(path: Path) -> dict[str, str]:
    """Return file name to SHA-256; of a folder, one hash over its files in order of name."""
    if path.is_file():
        return {path.name: sha256_of(path)}
    whole = hashlib.sha256()
    for item in sorted(item for item in path.iterdir() if item.is_file()):
        with item.open("rb") as file:
            whole.update(item.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return {path.name: whole.hexdigest()}


def write_nrrd(path: str | Path, volume: Volume) -> None:
    """Write a volume as NRRD, gzip, with its spacing in micrometres; a file already there is kept.

    Raises
    ------
    MeasureError
        The file exists.
    """
    import gzip

    types = {"bool": "uint8", "float32": "float", "float64": "double"}
    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    nz, ny, nx = array.shape
    z, y, x = volume.spacing_um
    head = (
        f"NRRD0004\ntype: {types.get(array.dtype.name, array.dtype.name)}\ndimension: 3\nsizes: {nx} {ny} {nz}\n"
        f'spacings: {x!r} {y!r} {z!r}\nunits: "um" "um" "um"\nendian: little\nencoding: gzip\n\n'
    )
    content = gzip.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 5, mtime=0)
    try:
        with Path(path).open("xb") as file:
            file.write(head.encode("ascii") + content)
    except FileExistsError:
        raise MeasureError("the file exists", where=str(path), remedy="choose another name") from None
