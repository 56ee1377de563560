"""Scans of every kind come back as they were written; broken ones are refused with what to do."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from senospine.errors import MeasureError
from senospine.measure.volume import Volume, read_volume, write_nrrd
from senospine.measure.volume import files as files_module
from senospine.measure.volume import headers as headers_module
from senospine.measure.volume import volume as volume_module
from senospine.measure.volume.volume import check_grey

SCAN = np.random.default_rng(1).integers(-500, 3000, (5, 6, 7)).astype(np.int16)
SPACING = (9.0, 8.0, 7.0)


def nrrd(path: Path, encoding: str = "raw", endian: str = "little", size: str | None = None, **lines: str) -> Path:
    data = SCAN.astype("<i2" if endian == "little" else ">i2").tobytes()
    where = (
        size
        if size is not None
        else 'space directions: (0.007,0,0) (0,0.008,0) (0,0,0.009)\nspace units: "mm" "mm" "mm"'
    )
    head = f"NRRD0005\n# a remark\ntype: short\ndimension: 3\nsizes: 7 6 5\n{where}\n"
    head += f"endian: {endian}\nencoding: {encoding}\n"
    head += "".join(f"{key.replace('_', ' ')}: {value}\n" for key, value in lines.items())
    body = gzip.compress(data) if encoding == "gzip" else data
    if "data_file" in lines:
        (path.parent / lines["data_file"]).write_bytes(body)
        body = b""
    path.write_bytes(head.encode() + b"\n" + body)
    return path


def nifti(
    path: Path, order: str = "<", units: int = 2, slope: float = 0.0, dims: tuple[int, ...] = (3, 7, 6, 5)
) -> Path:
    scale = {2: 1e-3, 3: 1.0, 0: 1.0}[units]
    head = bytearray(352)
    struct.pack_into(f"{order}i", head, 0, 348)
    struct.pack_into(f"{order}8h", head, 40, *dims, *[1] * (8 - len(dims)))
    struct.pack_into(f"{order}2h", head, 70, 4, 16)
    struct.pack_into(f"{order}8f", head, 76, 1, *(scale * edge for edge in SPACING[::-1]), 0, 0, 0, 0)
    struct.pack_into(f"{order}3f", head, 108, 352.0, slope, 10.0 if slope else 0.0)
    head[123] = units
    head[344:348] = b"n+1\0"
    content = bytes(head) + SCAN.astype(f"{order}i2").tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def isq(path: Path) -> Path:
    head = bytearray(1024)
    head[:16] = b"CTDATA-HEADER_V1"
    struct.pack_into("<6i", head, 44, 7, 6, 5, 49, 48, 45)  # sizes, then whole lengths in um
    struct.pack_into("<i", head, 508, 1)
    path.write_bytes(bytes(head) + SCAN.astype("<i2").tobytes())
    return path


def imagej(path: Path) -> Path:
    tifffile.imwrite(
        path, SCAN.astype(np.uint16), imagej=True, resolution=(1 / 7, 1 / 8),
        metadata={"spacing": 9.0, "unit": "um", "axes": "ZYX"},
    )  # fmt: skip
    return path


def ome(path: Path) -> Path:
    tifffile.imwrite(
        path, SCAN, ome=True, compression="zlib",
        metadata={"axes": "ZYX", "PhysicalSizeZ": 0.009, "PhysicalSizeZUnit": "mm", "PhysicalSizeY": 8,
                  "PhysicalSizeX": 7, "PhysicalSizeXUnit": "µm"},
    )  # fmt: skip
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "raw.nrrd": nrrd,
    "big.nrrd": lambda path: nrrd(path, endian="big"),
    "zip.nrrd": lambda path: nrrd(path, "gzip"),
    "apart.nhdr": lambda path: nrrd(path, data_file="apart.raw"),
    "one.nii": nifti,
    "big.nii": lambda path: nifti(path, ">"),
    "um.nii.gz": lambda path: nifti(path, units=3),
    "scan.isq": isq,
    "scan.ISQ;1": isq,
    "fiji.tif": imagej,
    "ome.tif": ome,
}


@pytest.mark.parametrize("name", KINDS)
def test_voxels_and_their_size_come_back(name: str, tmp_path: Path) -> None:
    volume = read_volume(KINDS[name](tmp_path / name))
    expected = SCAN.astype(np.uint16) if name == "fiji.tif" else SCAN
    assert np.array_equal(volume.array, expected)
    assert volume.spacing_um == pytest.approx(SPACING)
    assert list(volume.inputs) == [name]


def test_scale_and_offset_of_nifti_are_applied(tmp_path: Path) -> None:
    assert np.allclose(read_volume(nifti(tmp_path / "a.nii", slope=0.5)).array, 0.5 * SCAN + 10)


def test_large_raw_files_are_mapped_not_read(tmp_path: Path) -> None:
    for name in ("raw.nrrd", "one.nii", "scan.isq"):
        array = read_volume(KINDS[name](tmp_path / name)).array
        assert isinstance(array, np.memmap)
    stack = tmp_path / "plain.tif"
    tifffile.imwrite(stack, SCAN, photometric="minisblack")
    assert isinstance(read_volume(stack, SPACING).array, np.memmap)


def test_what_is_written_comes_back_and_nothing_is_overwritten(tmp_path: Path) -> None:
    for array in (SCAN, SCAN > 0, SCAN.astype(np.float32)):
        path = tmp_path / f"{array.dtype}.nrrd"
        write_nrrd(path, Volume(array, SPACING))
        again = read_volume(path)
        assert np.array_equal(again.array, array)
        assert again.spacing_um == SPACING
        with pytest.raises(MeasureError, match="exists"):
            write_nrrd(path, Volume(array, SPACING))


def skyscan(folder: Path, ending: str = "bmp", log: str = "Pixel Size (um)=9.0") -> Path:
    folder.mkdir()
    for index, plane in enumerate((SCAN - SCAN.min() >> 4).astype(np.uint8)):
        Image.fromarray(plane).save(folder / f"m7_rec{index + 12:08d}.{ending}")
    Image.fromarray(np.zeros((6, 7), np.uint8)).save(folder / "m7_rec_spr.bmp")
    (folder / "m7_.log").write_text("[System]\nScanner=Skyscan1172\nImage Pixel Size (um)=18\n")
    (folder / "m7_rec.log").write_text(f"[Reconstruction]\nProgram=NRecon\n{log}\n", encoding="latin-1")
    return folder


@pytest.mark.parametrize("ending", ["bmp", "png", "tif"])
def test_a_skyscan_folder(ending: str, tmp_path: Path) -> None:
    volume = read_volume(skyscan(tmp_path / "scan", ending))
    assert np.array_equal(volume.array, (SCAN - SCAN.min() >> 4).astype(np.uint8))
    assert volume.spacing_um == (9, 9, 9)


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    folder = skyscan(tmp_path / "gap")
    (folder / "m7_rec00000014.bmp").rename(tmp_path / "lost.bmp")
    with pytest.raises(MeasureError, match="1 slices are missing, the first is number 14"):
        read_volume(folder)
    folder = skyscan(tmp_path / "cut")
    (folder / "m7_rec00000014.bmp").write_bytes((folder / "m7_rec00000014.bmp").read_bytes()[:60])
    with pytest.raises(MeasureError, match="cannot be read"):
        read_volume(folder)
    folder = skyscan(tmp_path / "sizes")
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(folder / "m7_rec00000014.bmp")
    with pytest.raises(MeasureError, match="the first slice has"):
        read_volume(folder)
    with pytest.raises(MeasureError, match="is no pixel size"):
        read_volume(skyscan(tmp_path / "log", log="Pixel Size (um)=nine"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeasureError, match="no numbered slices"):
        read_volume(tmp_path / "empty")


@pytest.mark.parametrize("name", [name for name in KINDS if name != "apart.nhdr"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.98])
def test_a_file_cut_short_is_refused(name: str, share: float, tmp_path: Path) -> None:
    path = KINDS[name](tmp_path / name)
    whole = read_volume(path).array.copy()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    try:
        rest = read_volume(path).array
    except MeasureError as error:
        assert error.remedy  # noqa: PT017
    else:  # Fiji's pages end before the file does
        assert (name, share) == ("fiji.tif", 0.98)
        assert np.array_equal(rest, whole)


def test_any_byte_may_be_wrong(tmp_path: Path) -> None:
    """A thousand damaged headers: each reads, or is refused in words."""
    generator = np.random.default_rng(8)
    for name in KINDS:
        whole = KINDS[name](tmp_path / name).read_bytes()
        for trial in range(90):
            broken = bytearray(whole)
            for place in generator.integers(0, min(len(whole), 400), 3):
                broken[place] = generator.integers(0, 256)
            path = tmp_path / f"{trial}-{name}"
            path.write_bytes(broken)
            try:
                read_volume(path)
            except MeasureError as error:
                assert error.where  # noqa: PT017


def lost_data(path: Path) -> Path:
    nrrd(path, data_file="a.raw")
    (path.parent / "a.raw").unlink()
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: nrrd(f / "a.nrrd", size="spacings: 9 9 9"), "does not say how large"),
        (lambda f: nrrd(f / "a.nrrd", size='spacings: 9 9 9\nunits: "furlong" "um" "um"'), "does not say how large"),
        (lambda f: nifti(f / "a.nii", units=0), "does not say how large"),
        (lambda f: nrrd(f / "a.nrrd", "bzip2"), "encoding 'bzip2' is not read"),
        (lambda f: lost_data(f / "a.nhdr"), "is not there"),
        (lambda f: nifti(f / "a.nii", dims=(4, 7, 6, 5, 3)), "not one 3-D scan"),
        (lambda f: f / "none.nrrd", "no such file"),
        (lambda f: (f / "a.dcm").write_bytes(b"DICM") and f / "a.dcm", "no kind of scan"),
    ],
)  # fmt: skip
def test_what_is_not_told_is_not_guessed(make: Callable[[Path], Path], words: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(MeasureError, match=words):
        read_volume(make(tmp_path / "in"))


def test_spacing_may_be_given(tmp_path: Path) -> None:
    assert read_volume(nrrd(tmp_path / "a.nrrd", size="spacings: 9 9 9"), (9, 8, 7)).spacing_um == (9, 8, 7)
    with pytest.raises(MeasureError, match="another unit"):
        read_volume(nrrd(tmp_path / "b.nrrd"), (0.009, 0.009, 0.009))


def test_one_slice_is_no_volume(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SCAN[0])
    with pytest.raises(MeasureError, match="one slice is no volume"):
        read_volume(tmp_path / "a.tif", SPACING)
    with pytest.raises(MeasureError, match="one slice is no volume"):
        Volume(SCAN[:1], SPACING)
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((6, 7, 3), np.uint8), photometric="rgb")
    with pytest.raises(MeasureError, match="not one grey stack"):
        read_volume(tmp_path / "rgb.tif", SPACING)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 4), np.uint8), "every voxel holds 0"),
        (np.full((4, 4, 4), np.nan, np.float32), "hold no number"),
        (np.maximum(np.arange(512) % 256, (np.arange(512) % 5 > 0) * 255).reshape(8, 8, 8).astype("u1"), "saturated"),
    ],
)  # fmt: skip
def test_empty_and_saturated_scans_are_refused(array: Any, words: str) -> None:
    with pytest.raises(MeasureError, match=words):
        check_grey(Volume(array, SPACING))


def test_some_saturation_is_told() -> None:
    array = (np.arange(4096).reshape(16, 16, 16) % 251).astype(np.uint8)
    assert check_grey(Volume(array, SPACING)) == ()
    array[:1] = 255
    assert "saturated at 255" in check_grey(Volume(array, SPACING))[0]
    assert check_grey(Volume((array > 99).astype(np.uint8) * 255, SPACING)) == ()  # a mask


def test_a_scan_larger_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Volume(np.broadcast_to(np.int16(3), (2200, 2200, 2200)), (9.0, 9.0, 9.0), "huge.isq")
    with pytest.raises(MeasureError, match=r"huge.isq(.|\n)*need some 340.7 GB(.|\n)*bin: "):
        huge.require_memory(32)
    monkeypatch.setattr(headers_module, "available_memory", lambda: 100)
    with pytest.raises(MeasureError, match="once unpacked"):
        read_volume(nrrd(tmp_path / "a.nrrd", "gzip"))
    monkeypatch.setattr(volume_module, "available_memory", lambda: 100)
    with pytest.raises(MeasureError, match="are free"):
        Volume(SCAN, SPACING).require_memory(1)
    assert files_module.hashes(tmp_path / "a.nrrd")


def test_binning_and_resampling_keep_what_there_is() -> None:
    array = np.random.default_rng(2).random((8, 12, 10)).astype(np.float32)
    binned = Volume(array, (9.0, 8.0, 7.0)).binned(2)
    assert binned.spacing_um == (18, 16, 14)
    assert binned.array.mean() == pytest.approx(array.mean(), rel=1e-6)
    slope = np.broadcast_to(np.arange(20.0)[:, None, None], (20, 10, 10))
    fine = Volume(slope, (20.0, 10.0, 10.0)).resampled()
    assert fine.array.shape == (40, 10, 10)
    assert fine.spacing_um == (10, 10, 10)
    assert fine.array[2:-2].mean(axis=(1, 2)) == pytest.approx((np.arange(2, 38) - 0.5) / 2)
    mask = Volume(slope > 9, (20.0, 10.0, 10.0)).resampled()
    assert mask.array.dtype == bool
    assert mask.array.mean() == 0.5
