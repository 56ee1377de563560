"""Sections from files: names, pixel sizes, and everything that must be refused with a clear word."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from senospine.errors import MeasureError
from senospine.measure.section import Section, read_section, write_section

RNG = np.random.default_rng(5)
NOISE = RNG.poisson(50, (2, 64, 80)).astype(np.uint16)


def ome(path: Path, pixels: np.ndarray = NOISE, axes: str = "CYX", **metadata: object) -> Path:
    known = {"axes": axes, "Channel": {"Name": ["DAPI", "TRAP"]}, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm",
             "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}  # fmt: skip
    tifffile.imwrite(path, pixels, ome=True, metadata={**known, **metadata})
    return path


def test_names_pixel_size_and_hash_come_from_ome(tmp_path: Path) -> None:
    section = read_section(ome(tmp_path / "a.ome.tif"))
    assert (list(section.channels), section.pixel_um, section.shape) == (["DAPI", "TRAP"], 0.5, (64, 80))
    assert np.array_equal(section.channel("TRAP"), NOISE[1])
    assert section.area_mm2 == pytest.approx(64 * 80 * 0.25e-6)
    assert len(section.inputs["a.ome.tif"]) == 64


def test_other_units_and_imagej_files_are_understood(tmp_path: Path) -> None:
    section = read_section(ome(tmp_path / "n.ome.tif", PhysicalSizeX=500.0, PhysicalSizeXUnit="nm", PhysicalSizeY=500.0,
                               PhysicalSizeYUnit="nm"))  # fmt: skip
    assert section.pixel_um == 0.5
    tifffile.imwrite(
        tmp_path / "j.tif", NOISE, imagej=True, resolution=(4.0, 4.0), metadata={"unit": "um", "axes": "CYX"}
    )
    section = read_section(tmp_path / "j.tif", channels={"nuclei": 0})
    assert section.pixel_um == pytest.approx(0.25)


def test_a_written_section_comes_back(tmp_path: Path) -> None:
    section = Section({"DAPI": NOISE[0], "p16": NOISE[1]}, 0.65)
    write_section(tmp_path / "w.ome.tif", section)
    back = read_section(tmp_path / "w.ome.tif")
    assert (list(back.channels), back.pixel_um) == (["DAPI", "p16"], 0.65)
    assert np.array_equal(back.channel("p16"), NOISE[1])
    with tifffile.TiffFile(tmp_path / "w.ome.tif") as tiff:
        assert "synthetic data" in str(tiff.ome_metadata)


def test_a_channel_that_is_missing_is_named_with_a_suggestion(tmp_path: Path) -> None:
    file = ome(tmp_path / "a.ome.tif")
    with pytest.raises(MeasureError, match="did you mean 'TRAP'"):
        read_section(file, channels={"TRAP": "TRAAP"})
    with pytest.raises(MeasureError, match="no channel 2: the file holds 2"):
        read_section(file, channels={"p16": 2})
    with pytest.raises(MeasureError, match="did you mean 'TRAP'"):
        read_section(file).channel("TRAQ")


def test_no_pixel_size_is_no_section_and_two_must_agree(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "plain.tif", NOISE, photometric="minisblack", resolution=(72, 72), resolutionunit="INCH"
    )
    with pytest.raises(MeasureError, match="pixel size is not known"):
        read_section(tmp_path / "plain.tif", channels={"DAPI": 0})
    assert read_section(tmp_path / "plain.tif", channels={"DAPI": 0}, pixel_um=0.3).pixel_um == 0.3
    with pytest.raises(MeasureError, match="the file says"):
        read_section(ome(tmp_path / "a.ome.tif"), pixel_um=0.3)
    with pytest.raises(MeasureError, match="not square"):
        read_section(ome(tmp_path / "b.ome.tif", PhysicalSizeY=1.0))
    with pytest.raises(MeasureError, match="pixel size is 0"):
        Section({"DAPI": NOISE[0]}, 0.0)


def test_zero_saturated_and_stacked_images_are_refused(tmp_path: Path) -> None:
    dark = NOISE.copy()
    dark[1] = 0
    with pytest.raises(MeasureError, match="channel 'TRAP' is all zero"):
        read_section(ome(tmp_path / "dark.ome.tif", dark))
    full = NOISE.copy()
    full[1, :10] = 4095  # twelve bits
    with pytest.raises(MeasureError, match="16% of channel 'TRAP' is saturated"):
        read_section(ome(tmp_path / "full.ome.tif", full))
    few = NOISE.copy()
    few[1, 0, :20] = 65535
    assert "saturated" in read_section(ome(tmp_path / "few.ome.tif", few)).warnings[0]
    with pytest.raises(MeasureError, match="3 planes in depth"):
        read_section(ome(tmp_path / "z.ome.tif", np.stack([NOISE] * 3), axes="ZCYX"))


def test_a_mask_must_fit_and_hold_tissue(tmp_path: Path) -> None:
    file = ome(tmp_path / "a.ome.tif")
    tifffile.imwrite(tmp_path / "small.tif", np.ones((64, 79), np.uint8))
    with pytest.raises(MeasureError, match="another size"):
        read_section(file, mask=tmp_path / "small.tif")
    tifffile.imwrite(tmp_path / "none.tif", np.zeros((64, 80), np.uint8))
    with pytest.raises(MeasureError, match="tissue mask is empty"):
        read_section(file, mask=tmp_path / "none.tif")
    half = np.zeros((64, 80), np.uint8)
    half[:32] = 255
    tifffile.imwrite(tmp_path / "half.tif", half)
    section = read_section(file, mask=tmp_path / "half.tif")
    assert section.area_mm2 == pytest.approx(32 * 80 * 0.25e-6)
    assert set(section.inputs) == {"a.ome.tif", "half.tif"}


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_told_as_such(tmp_path: Path, share: float) -> None:
    whole = ome(tmp_path / "a.ome.tif").read_bytes()
    (tmp_path / "cut.ome.tif").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(MeasureError, match=r"cut\.ome\.tif: not a whole TIFF"):
        read_section(tmp_path / "cut.ome.tif")


def test_it_is_told_whoever_has_silenced_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("tifffile"), "level", logging.CRITICAL)
    test_a_truncated_file_is_told_as_such(tmp_path, 0.6)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("no image")
    with pytest.raises(MeasureError, match="not a whole TIFF"):
        read_section(tmp_path / "a.tif")
    with pytest.raises(MeasureError, match="no such file"):
        read_section(tmp_path / "b.tif")


def test_an_image_larger_than_the_machine_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ome(tmp_path / "a.ome.tif")
    monkeypatch.setattr("os.sysconf", lambda name: 64)
    with pytest.raises(MeasureError, match="this machine has"):
        read_section(file)


def test_without_the_extra_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ome(tmp_path / "a.ome.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(MeasureError, match=r"senospine\[measure\]"):
        read_section(file)


def test_the_room_imports_without_the_extra() -> None:
    import subprocess

    code = (
        "import sys; sys.modules['skimage'] = sys.modules['tifffile'] = None; import senospine.measure.section; "
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
