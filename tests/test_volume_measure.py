"""From a scan and a protocol to readings: drilled endplates, trabeculae, a disc, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senospine.assays import assay_register, readout
from senospine.errors import MeasureError, SenospineError
from senospine.measure import Reading
from senospine.measure.volume import (
    Volume,
    drilled_endplate,
    endplate_of_animal,
    endplate_region,
    load_protocol,
    measure_file,
    measure_volume,
    porosity_values,
    segment_bone,
    trabecular_field,
    write_nrrd,
)
from senospine.measure.volume.disc import disc_values, find_disc
from senospine.measure.volume.porosity import depth_profile
from senospine.measure.volume.trabecular import trabecular_values

ANIMAL = {"animal": "7"}
ENDPLATE: dict[str, Any] = {"kind": "endplate", "endplate": {"side": "cranial"}, "place": {"fixed": ANIMAL}}


def by_id(readings: list[Reading]) -> dict[str, Reading]:
    return {reading.definition: reading for reading in readings if reading.definition != "Po.depth/layer"}


@pytest.mark.parametrize("porosity", [0.05, 0.15, 0.4])
def test_the_porosity_of_a_drilled_endplate_is_exact(porosity: float) -> None:
    scan = drilled_endplate(porosity, seed=3)
    face = endplate_region(scan.mask, 9.0)
    values = porosity_values(scan.mask, face, 9.0)
    found = values.values
    assert scan.truth["porosity"] == pytest.approx(porosity, abs=1e-4)
    assert found["Po.tot/endplate-region"] == pytest.approx(scan.truth["porosity"], rel=1e-12)
    assert found["Po.areal/through"] == found["Po.areal/mouth"] == pytest.approx(scan.truth["porosity"])
    assert found["Po.N/area"] == pytest.approx(scan.truth["number"] / scan.truth["area_mm2"])
    assert list(depth_profile(scan.mask, face, 9.0).values()) == pytest.approx([scan.truth["porosity"]] * 10)
    assert found["Po.cl/endplate-region"] == 0
    assert found["Po.op/endplate-region"] == found["Po.tot/endplate-region"]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("disc", ["first", "last"])
def test_the_face_is_found_whichever_way_the_scan_lies(axis: int, disc: Any) -> None:
    scan = drilled_endplate(0.2, voxel_um=18.0, seed=4)
    turned = np.moveaxis(scan.mask, 0, axis)
    turned = np.flip(turned, axis) if disc == "last" else turned
    region = endplate_region(turned, 18.0, axis=axis, disc=disc)
    assert porosity_values(turned, region, 18.0).values["Po.tot/endplate-region"] == scan.truth["porosity"]


def test_a_tilted_and_a_domed_face_are_followed() -> None:
    """Depth is counted from the surface, so a face without pores reads 0 whatever its shape."""
    y, x = np.indices((80, 80)) - 40
    for shape in (0.3 * y, -(y**2 + x**2) / 150):
        top = np.rint(30 - shape).astype(int)
        mask = (np.arange(90)[:, None, None] >= top) & (np.hypot(y, x) < 35)
        face = endplate_region(mask, 9.0, inset=0.2)
        assert porosity_values(mask, face, 9.0).values["Po.tot/endplate-region"] == 0


def test_closed_pores_are_told_from_open_ones() -> None:
    mask = np.zeros((40, 60, 60), bool)
    mask[8:] = True
    mask[12:16, 20:24, 20:24] = False  # inside
    mask[8:40, 40:44, 40:44] = False  # through
    values = porosity_values(mask, endplate_region(mask, 10.0, inset=0.1), 10.0)
    total = values.counts["Po.tot/endplate-region"][1]
    assert values.values["Po.cl/endplate-region"] == 64 / total
    assert values.values["Po.op/endplate-region"] == 15 * 16 / total
    assert values.counts["Po.N/area"][0] == 2
    assert values.values["Po.Dm/hr-sphere/bonej/open"] == 40


def test_an_endplate_without_pores_reads_none() -> None:
    solid = np.zeros((40, 50, 50), bool)
    solid[8:] = True
    readings, pictures = measure_volume(Volume(solid, (9.0,) * 3), load_protocol(ENDPLATE), ANIMAL)
    values = by_id(readings)
    assert values["Po.tot/endplate-region"].value == values["Po.N/area"].value == 0
    assert np.isnan(values["Po.Dm/hr-sphere/bonej/open"].value)
    assert "no pore in the region" in values["Po.Dm/hr-sphere/bonej/open"].warnings[0]
    assert pictures[0].png


def test_specks_before_the_surface_are_no_surface() -> None:
    scan = drilled_endplate(0.2, seed=4)
    noisy = scan.mask.copy()
    noisy[2, 60:62, 60] = True
    assert np.array_equal(endplate_region(noisy, 9.0).region, endplate_region(scan.mask, 9.0).region)


def test_a_closing_narrower_than_the_pores_dents_the_surface() -> None:
    scan = drilled_endplate(0.2, diameter_um=140, seed=4)
    narrow = porosity_values(scan.mask, endplate_region(scan.mask, 9.0, closing_um=36), 9.0)
    assert narrow.values["Po.tot/endplate-region"] < 0.5 * scan.truth["porosity"]
    readings, _ = measure_volume(
        Volume(scan.mask, (9.0,) * 3), load_protocol(ENDPLATE | {"sensitivity": False}), ANIMAL
    )
    assert by_id(readings)["Po.tot/endplate-region"].value == scan.truth["porosity"]


def test_blur_and_noise_cost_little_of_a_porosity() -> None:
    """Blur 6 um, noise a tenth of the contrast, 9 um voxels, threshold by Otsu: within 3 % of the truth."""
    for porosity in (0.15, 0.35):
        scan = drilled_endplate(porosity, seed=9)
        readings, pictures = measure_volume(
            scan.volume, load_protocol(ENDPLATE | {"threshold": {"sigma_um": 5}}), ANIMAL
        )
        total = by_id(readings)["Po.tot/endplate-region"]
        assert total.value == pytest.approx(porosity, rel=0.03)
        around = [total.settings[f"at_threshold_{step}%"] for step in ("-10", "+10")]
        assert around[0] < total.value < around[1]
        assert total.settings["at_closing_-1_voxel"] == pytest.approx(total.value, rel=0.01)
        assert {"threshold", "depth_to_um", "inset", "closing_um", "voxel_um"} <= set(total.settings)
        layers = [reading for reading in readings if reading.definition == "Po.depth/layer"]
        assert len(layers) == 10
        assert layers[0].settings["layer_from_um"] == 0
        assert pictures[0].png.startswith(b"\x89PNG")


def test_an_animals_endplate_has_its_porosity() -> None:
    """The fold acts on the odds of the young porosity, as in the assay."""
    young = assay_register()["porosity_young"].value / 100
    for fold in (1.0, 2.0):
        odds = fold * young / (1 - young)
        scan = endplate_of_animal(fold, seed=1, subject=5)
        assert scan.truth["porosity"] == pytest.approx(odds / (1 + odds), abs=1e-4)
        expected = readout("endplate_porosity").expected({"endplate_porosity": np.array([fold])}, {"bone": np.zeros(1)})
        assert 100 * scan.truth["porosity"] == pytest.approx(expected[0], abs=0.01)
    same, other = (endplate_of_animal(2.0, seed=1, subject=who).volume.array for who in (5, 6))
    assert np.array_equal(same, scan.volume.array)
    assert not np.array_equal(same, other)


def test_a_trabecular_field_fills_its_fraction_and_is_measured_so() -> None:
    scan = trabecular_field(0.3, 200.0, size=80, seed=2)
    assert scan.truth["bone_fraction"] == pytest.approx(0.3, abs=1e-4)
    protocol = load_protocol({"kind": "trabecular", "threshold": {"sigma_um": 5}, "margin_um": 180})
    readings, pictures = measure_volume(scan.volume, protocol, ANIMAL)
    values = by_id(readings)
    inside = np.zeros_like(scan.mask)
    inside[20:-20, 20:-20, 20:-20] = True
    truth = trabecular_values(scan.mask, inside, (9.0,) * 3, border="margin").values
    for name in ("BV/TV/voxel-count", "Tb.Th/hr-sphere/bonej/margin", "Tb.Sp/hr-sphere/bonej/margin"):
        assert values[name].value == pytest.approx(truth[name], rel=0.06)
        assert "at_threshold_+10%" in values[name].settings
    thick = values["Tb.Th/hr-sphere/bonej/margin"]
    assert values["Tb.N/plate"].value == pytest.approx(1e3 * values["BV/TV/voxel-count"].value / thick.value)
    assert thick.settings["percentile_10_um"] < thick.value < thick.settings["largest_um"]  # type: ignore[operator]
    assert pictures[0].name == "trabecular"


@pytest.mark.parametrize("method", ["otsu", "fixed", "adaptive"])
def test_thresholds_find_the_bone(method: Any) -> None:
    scan = trabecular_field(0.3, 200.0, size=60, noise=0.05, seed=2)
    bone = segment_bone(scan.volume, method, 120.0 if method == "fixed" else None)
    assert (bone.mask == scan.mask).mean() > 0.96
    assert method == "adaptive" or bone.settings["threshold"] == pytest.approx(120, abs=8)
    assert bone.at(1.1).sum() < bone.mask.sum() < bone.at(0.9).sum()


def test_a_shading_defeats_one_threshold_but_not_the_adaptive_one() -> None:
    scan = trabecular_field(0.3, 120.0, size=60, noise=0.02, seed=2)
    shade = np.linspace(-70, 70, 60)[:, None, None]
    volume = Volume((scan.volume.array + shade).astype(np.float32), (9.0,) * 3)
    wrong = [(segment_bone(volume, method).mask != scan.mask).mean() for method in ("otsu", "adaptive")]  # type: ignore[arg-type]
    assert wrong[1] < 0.5 * wrong[0]


def test_noise_alone_is_told() -> None:
    noise = np.random.default_rng(1).normal(100, 10, (40, 40, 40)).astype(np.float32)
    assert "hardly differ" in segment_bone(Volume(noise, (9.0,) * 3)).warnings[0]
    assert not segment_bone(trabecular_field(size=40).volume).warnings


def vertebrae(tilt: float = 0.0) -> np.ndarray:
    """Two blocks of 40 x 30 voxels, 50 long, 12 apart at the middle."""
    z, y = np.ogrid[:140, :40]
    lower = np.rint(76 + tilt * (y - 19.5))
    bone = ((z >= 14) & (z < 64)) | ((z >= lower) & (z < lower + 50))
    return np.pad(np.repeat(bone[:, :, None], 30, axis=2), ((0, 0), (4, 4), (4, 4)))


@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_a_disc_between_two_blocks(tilt: float) -> None:
    found = disc_values(find_disc(vertebrae(tilt), 10.0, 0, 100.0), 10.0)
    assert found.values["Disc.V/between-endplates"] == pytest.approx(12 * 40 * 30 * 1e-6, rel=0.001)
    assert found.values["DHI/mid-sagittal-thirds"] == pytest.approx(12 / 50, rel=0.01)
    told = found.settings["DHI/mid-sagittal-thirds"]
    assert told["last_third_um"] - told["first_third_um"] == pytest.approx(10 * tilt * 26.5, abs=3)  # type: ignore[operator]


def test_a_vertebra_that_is_cut_has_no_length() -> None:
    found = disc_values(find_disc(vertebrae()[20:], 10.0, 0, 100.0), 10.0)
    assert np.isnan(found.values["DHI/mid-sagittal-thirds"])
    assert "cut by the end" in found.warnings[0]
    with pytest.raises(MeasureError, match="one piece of bone"):
        find_disc(vertebrae()[:70], 10.0, 0, 100.0)


def test_a_disc_from_a_file(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "m7_L4.nrrd", Volume(vertebrae(), (10.0,) * 3))
    pattern = r"m(?P<animal>\d+)_(?P<level>L\d)"
    readings, pictures = measure_file(tmp_path / "m7_L4.nrrd", {"kind": "disc", "place": {"pattern": pattern}})
    assert dict(readings[0].place) == {"animal": "7", "level": "L4"}
    assert list(readings[0].inputs) == ["m7_L4.nrrd"]
    assert pictures[0].name == "disc"


def test_a_protocol_file_and_a_table_of_animals(tmp_path: Path) -> None:
    scan = drilled_endplate(0.2, voxel_um=18.0)
    for name in ("a.nrrd", "b.nrrd"):
        write_nrrd(tmp_path / name, scan.volume)
    (tmp_path / "animals.csv").write_text("file,animal,group,note\na.nrrd,7,sham,x\nc.nrrd,8,lsi,y\nc.nrrd,9,lsi,y\n")
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(
        "kind: endplate\nplace: {table: animals.csv, fixed: {study: pilot}}\nendplate: {side: cranial}\n"
        "sensitivity: false\nallow_coarse: true\n"
    )
    readings, _ = measure_file(tmp_path / "a.nrrd", protocol)
    assert dict(readings[0].place) == {"study": "pilot", "animal": "7", "group": "sham"}
    with pytest.raises(MeasureError, match=r"0 rows for the file b\.nrrd"):
        measure_file(tmp_path / "b.nrrd", protocol)
    with pytest.raises(MeasureError, match="2 rows"):
        load_protocol(protocol).place_of(Path("c.nrrd"))


def test_crop_bin_resample_and_a_drawn_region(tmp_path: Path) -> None:
    scan = trabecular_field(0.3, 300.0, size=64, noise=0.0, blur_um=1.0)
    write_nrrd(tmp_path / "scan.nrrd", scan.volume)
    region = np.zeros_like(scan.mask)
    region[16:48, 16:48, 16:48] = True
    write_nrrd(tmp_path / "region.nrrd", Volume(region, (9.0,) * 3))
    common = {"kind": "trabecular", "place": {"fixed": ANIMAL}, "sensitivity": False}
    drawn = by_id(measure_file(tmp_path / "scan.nrrd", common | {"region_mask": tmp_path / "region.nrrd"})[0])
    inset = by_id(measure_file(tmp_path / "scan.nrrd", common | {"margin_um": 144})[0])
    assert {name: one.value for name, one in drawn.items()} == {name: one.value for name, one in inset.items()}
    assert len(drawn["BV/TV/voxel-count"].inputs) == 2
    part = by_id(
        measure_file(tmp_path / "scan.nrrd", common | {"crop": {"z": [16, 48], "y": [16, 48], "x": [16, 48]}})[0]
    )
    assert part["BV/TV/voxel-count"].value == drawn["BV/TV/voxel-count"].value
    coarse = by_id(measure_file(tmp_path / "scan.nrrd", common | {"bin": 2, "border": "open"})[0])
    assert coarse["TV/voxel-count"].value == pytest.approx(64**3 * 729e-9)
    assert coarse["BV/TV/voxel-count"].value == pytest.approx(0.3, abs=0.01)
    flat = Volume(scan.volume.array[::2], (18.0, 9.0, 9.0))
    write_nrrd(tmp_path / "flat.nrrd", flat)
    with pytest.raises(MeasureError, match="no cubes"):
        measure_file(tmp_path / "flat.nrrd", common)
    again = by_id(measure_file(tmp_path / "flat.nrrd", common | {"resample": True, "border": "open"})[0])
    assert again["BV/TV/voxel-count"].value == pytest.approx(0.3, abs=0.01)
    write_nrrd(tmp_path / "small.nrrd", Volume(region[:40], (9.0,) * 3))
    with pytest.raises(MeasureError, match="the region has shape"):
        measure_file(tmp_path / "scan.nrrd", common | {"region_mask": tmp_path / "small.nrrd"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"knid": "endplate"}, "did you mean 'kind'"),
        ({"kind": "skull"}, "kind: Input should be"),
        ({"border": "margin"}, "needs 'margin_um'"),
        ({"threshold": {"method": "fixed"}}, "needs a 'level'"),
        ({"spacing_um": -9}, "spacing_um"),
        ({"endplate": {"inset": 1.5}}, "endplate.inset"),
        ({"place": {"pattern": "(?P<animal"}}, "no regular expression"),
        ({"place": {"pattern": "(?P<mouse>.)"}}, "place.pattern: 'mouse' is no level of the design"),
        ({"endplate": {"insett": 0.1}}, "unknown key 'endplate.insett'(.|\n)*did you mean 'inset'"),
        ({"place": {}}, "which animal"),
        ({"place": {"fixed": {"animal": "7", "cages": "2"}}}, "no level of the design"),
        ({"place": {"pattern": r"m(?P<animal>\d+)"}}, "does not fit the pattern"),
        ({"crop": {"z": [0, 900]}}, "crop z from 0 to 900"),
        ({"margin_um": 5000}, "leave nothing"),
        ({"kind": "trabecular", "threshold": {"method": "fixed", "level": 300}}, "leaves no bone"),
        ({"endplate": {"depth_um": [200, 100]}}, "no region of depth"),
        ({"endplate": {"depth_um": [5000, 6000]}}, "outside the scan"),
    ],
)
def test_protocols_that_cannot_be_are_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    scan = drilled_endplate(0.2, voxel_um=18.0)
    write_nrrd(tmp_path / "a.nrrd", scan.volume)
    with pytest.raises(SenospineError, match=words):
        measure_file(tmp_path / "a.nrrd", ENDPLATE | {"sensitivity": False, "allow_coarse": True} | change)


def test_too_few_voxels_across_are_refused_unless_asked_for() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[::6] = True
    everywhere = np.ones_like(mask)
    with pytest.raises(MeasureError, match=r"1.0 voxels across"):
        trabecular_values(mask, everywhere, (9.0,) * 3, border="open", convention="voxel")
    coarse = trabecular_values(mask, everywhere, (9.0,) * 3, border="open", convention="voxel", allow_coarse=True)
    assert "1.0 voxels across" in "; ".join(coarse.warnings)
    mask[1::6] = mask[2::6] = True
    fair = trabecular_values(mask, everywhere, (9.0,) * 3, border="open")
    assert "the bone is 4.4 voxels across" in "; ".join(fair.warnings)


def test_one_phase_alone_is_refused() -> None:
    everywhere = np.ones((9, 9, 9), bool)
    for bone in (everywhere, ~everywhere):
        with pytest.raises(MeasureError, match="the region is all"):
            trabecular_values(bone, everywhere, (9.0,) * 3)


def test_the_example_in_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs/measure-volumes.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(compile(text.split("```python")[1].split("```")[0], "measure-volumes.md", "exec"), namespace)
    assert namespace["porosity"].value == pytest.approx(0.15, rel=0.03)
    assert (tmp_path / "measure-endplate.png").stat().st_size > 10_000
    (tmp_path / "protocol.yaml").write_text(text.split("```yaml")[1].split("```")[0], encoding="utf-8")
    protocol = load_protocol(tmp_path / "protocol.yaml")
    assert protocol.endplate.disc == "last"
    assert protocol.place_of(Path("lsi_m12_L4.nrrd")) == {
        "study": "pilot",
        "group": "lsi",
        "animal": "12",
        "level": "L4",
    }
