"""The whole road: a laboratory's folder through the commands, stopped and gone on with, bad files among good ones."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from scipy import stats
from study_helpers import SHORT_STUDY
from test_cli import senospine

from senospine.errors import FileError, MeasureError, SenospineError
from senospine.measure import Reading, readings_table, section, volume
from senospine.measure.animals import analyse, conversion, summarise
from senospine.measure.batch import run_batch
from senospine.measure.laboratory import SyntheticAnimal, animals_of, write_laboratory
from senospine.measure.section import Plan, load_protocol
from senospine.measure.volume import Volume, drilled_endplate, measure_volume, scan_power, write_nrrd
from senospine.measure.volume import load_protocol as load_scan_protocol
from senospine.measure.volume.design import READING_SD, READING_SHIFT

SMALL_PLAN = Plan(rows=320, columns=400, cgrp_share=0.3, type_h_share=0.3)
SMALL_SCAN = {"radius_um": 260.0, "thickness_um": 170.0}
TRUE = {
    "sham": {"osteoclast_density": 40.0, "snoc_density": 2.0, "endplate_porosity": 15.0, "cgrp_fibres": 1.0,
             "pgp95_fibres": 1.0, "heat_latency": 10.0, "withdrawal_frequency_0.4g": 4.0, "wheel_distance": 12.0},
    "vehicle": {"osteoclast_density": 90.0, "snoc_density": 45.0, "endplate_porosity": 30.0, "cgrp_fibres": 1.8,
                "pgp95_fibres": 1.5, "heat_latency": 6.0, "withdrawal_frequency_0.4g": 7.0, "wheel_distance": 8.0},
}  # fmt: skip


def animals(n: int = 3) -> list[SyntheticAnimal]:
    """Return animals whose porosities lie 4 % of the odds or so apart within a group."""
    made = []
    for group, true in TRUE.items():
        for k in range(n):
            mine = {**true, "endplate_porosity": true["endplate_porosity"] + 0.7 * (k - 1)}
            made.append(SyntheticAnimal(group, len(made) + 1, mine))
    return made


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "laboratory"
    return write_laboratory(folder, animals(), sections=1, plan=SMALL_PLAN, scan=SMALL_SCAN, seed=3)


@pytest.fixture(scope="module")
def measured(laboratory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the three commands were run."""
    work = tmp_path_factory.mktemp("work")
    for kind, folder in (("behaviour", "behaviour"), ("volume", "scans"), ("section", "sections")):
        done = senospine("measure", kind, laboratory / folder, "--control", "sham", cwd=work)
        assert done.returncode == 0, done.stderr
        assert "vehicle vs sham" in done.stdout
    return work


def test_readings_are_what_was_drawn(laboratory: Path, measured: Path) -> None:
    assert "SYNTHETIC DATA" in (laboratory / "truth.csv").read_text().splitlines()[0]
    truth = pd.read_csv(laboratory / "truth.csv", skiprows=1).set_index("what")
    scans = pd.read_csv(measured / "results/volume/readings.csv")
    total = scans[scans["definition"] == "Po.tot/endplate-region"]
    assert len(total) == 6
    for row in total.itertuples():
        name = next(iter(json.loads(str(row.inputs))))
        assert 100 * float(str(row.value)) == pytest.approx(truth.loc[name, "endplate_porosity"], rel=0.04)
    cells = pd.read_csv(measured / "results/section/readings.csv")
    density = cells[cells["definition"] == "N.Oc/T.Ar/trap-object"]
    for row in density.itertuples():
        name = next(iter(json.loads(str(row.inputs))))
        drawn = truth.loc[name, "osteoclast_density"] * SMALL_PLAN.area_mm2
        assert abs(float(str(row.count)) - float(str(drawn))) <= 2


def test_pages_show_what_was_counted(measured: Path) -> None:
    for kind, words in (("volume", "the endplate region"), ("section", "counted TRAP cells green")):
        page = (measured / "results" / kind / "report.html").read_text()
        assert page.count("data:image/png;base64") >= 6 + 2  # each input's picture, and the plots
        assert words in page
        assert "http" not in page.replace("https://doi.org", "")


def test_animals_measured_in_three_ways_stand_beside_a_study(measured: Path, tmp_path: Path) -> None:
    study = tmp_path / "short.yaml"
    study.write_text(SHORT_STUDY)
    results = [measured / "results" / kind for kind in ("behaviour", "volume", "section")]
    done = senospine("measure", "animals", *results, "--study", study, "--animals", 40, "--control", "sham",
                     "--out", tmp_path / "out", "--outcome", tmp_path / "outcome", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    beside = pd.DataFrame(told["beside"])
    assert {"endplate_porosity", "trabecular_separation", "snoc_density", "osteoclast_density", "cgrp_fibres",
            "heat_latency", "withdrawal_frequency_0.4g", "wheel_distance"} <= set(beside["readout"])  # fmt: skip
    porosity = beside[(beside["readout"] == "endplate_porosity") & (beside["group"] == "vehicle")].iloc[0]
    assert porosity["measured_mean"] == pytest.approx(30, rel=0.04)
    fold = beside[(beside["readout"] == "cgrp_fibres") & (beside["group"] == "sham")].iloc[0]
    assert fold["measured_mean"] == pytest.approx(1)
    each = {(row["group"], row["n_group"], row["n_versus"]) for row in told["comparisons"]}
    assert each == {("vehicle", 3, 3)}
    again = senospine("measure", "animals", results[0], results[0], "--out", tmp_path / "twice")
    assert (again.returncode, "an animal would count twice" in again.stderr) == (2, True)


def test_a_killed_batch_goes_on_where_it_was(laboratory: Path, tmp_path: Path) -> None:
    code = "from senospine.cli import main; main()"
    command = [sys.executable, "-c", code, "measure", "volume", str(laboratory / "scans"), "--out", str(tmp_path / "o")]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "o" / "parts"
    for _ in range(2000):
        if parts.is_dir() and len(list(parts.glob("*.json"))) >= 2:
            break
        assert running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    done = senospine("measure", "volume", laboratory / "scans", "--out", tmp_path / "o", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["reused"] >= 2
    whole = run_batch("volume", [laboratory / "scans"], tmp_path / "o", options=laboratory / "scans/protocol.yaml")
    fresh = volume.measure_file(laboratory / "scans/synthetic_sham_m01_L1.nrrd", laboratory / "scans/protocol.yaml")
    mine = readings_table(next(iter(whole.measured.values())).readings)
    assert whole.reused == 6
    assert mine.equals(readings_table(fresh[0]))


def copies(laboratory: Path, folder: Path, kind: str, keep: int = 1) -> Path:
    """Return a folder with a protocol, thresholds, and the first scans or sections of the laboratory."""
    new = folder / kind
    new.mkdir()
    for path in [*sorted((laboratory / kind).glob("*.yaml")), *sorted((laboratory / kind).glob("*_m0*"))[:keep]]:
        os.link(path, new / path.name)
    return new


def test_bad_scans_are_named_and_the_rest_goes_on(
    laboratory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copies(laboratory, tmp_path, "scans")
    good = (folder / "synthetic_sham_m01_L1.nrrd").read_bytes()
    grey = np.random.default_rng(1).integers(0, 200, (20, 20, 20)).astype(np.uint8)
    (folder / "synthetic_sham_m21_L1.nrrd").write_bytes(good[: len(good) // 2])
    (folder / "synthetic_sham_m22_L1.nrrd").write_bytes(good)
    write_nrrd(folder / "synthetic_sham_m23_L1.nrrd", Volume(grey, (18.0, 9.0, 9.0)))
    write_nrrd(folder / "synthetic_sham_m24_L1.nrrd", Volume(grey * 0, (9.0,) * 3))
    write_nrrd(folder / "synthetic_sham_m25_L1.nrrd", Volume(grey * 0 + 255 - (grey < 20), (9.0,) * 3))
    tifffile.imwrite(folder / "synthetic_sham_m26_L1.tif", grey)
    tifffile.imwrite(folder / "synthetic_sham_m27_L1.tif", grey[0])
    write_nrrd(folder / "left_over.nrrd", Volume(grey, (9.0,) * 3))
    batch = run_batch("volume", [folder], tmp_path / "out", options=folder / "protocol.yaml")
    said = {Path(item.input).name: item.message for item in batch.failures}
    for name, words in (
        ("m21_L1.nrrd", "cut short"), ("m22_L1.nrrd", "holds the same as"), ("m23_L1.nrrd", "are no cubes"),
        ("m24_L1.nrrd", "every voxel holds 0"), ("m25_L1.nrrd", "are saturated"),
        ("m26_L1.tif", "how large a voxel is"), ("m27_L1.tif", "one slice is no volume"),
    ):  # fmt: skip
        assert words in said[f"synthetic_sham_{name}"], said[f"synthetic_sham_{name}"]
        assert "what to do" in said[f"synthetic_sham_{name}"]
    assert "does not fit the pattern" in said["left_over.nrrd"]
    assert [Path(name).name for name in batch.measured] == ["synthetic_sham_m01_L1.nrrd"]
    assert len(list((tmp_path / "out/parts").iterdir())) == 1
    monkeypatch.setattr("senospine.measure.volume.volume.available_memory", lambda: 1_000_000)
    small = run_batch("volume", [folder], tmp_path / "small", options=folder / "protocol.yaml")
    assert "GB are free" in next(item.message for item in small.failures if "m01" in item.input)
    assert not small.measured


def test_bad_sections_are_named_and_the_rest_goes_on(
    laboratory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copies(laboratory, tmp_path, "sections", keep=2)
    good = folder / "synthetic_sham_m01_s1.ome.tif"
    for path in (laboratory / "sections/controls").iterdir():
        os.link(path, folder / path.name)
    stack = tifffile.imread(good)
    names = ["DAPI", "TRAP", "p16", "CGRP", "PGP9.5", "CD31", "Emcn", "bone"]

    def write(name: str, pixels: np.ndarray, channels: list[str], **more: object) -> None:
        meta = {"axes": "CYX", "Channel": {"Name": channels}, "PhysicalSizeX": 0.65, "PhysicalSizeY": 0.65, **more}
        known = {key: value for key, value in meta.items() if value is not None}
        tifffile.imwrite(folder / name, pixels, ome=True, metadata=known)

    (folder / "synthetic_sham_m31_s1.ome.tif").write_bytes(good.read_bytes()[:60_000])
    (folder / "synthetic_sham_m32_s1.ome.tif").write_bytes(good.read_bytes())
    write("synthetic_sham_m33_s1.ome.tif", np.delete(stack, 2, 0), [name for name in names if name != "p16"])
    write("synthetic_sham_m34_s1.ome.tif", stack * 0, names)
    bright = stack.copy()
    bright[1] = 65535 - (bright[1] % 2)
    write("synthetic_sham_m35_s1.ome.tif", bright, names)
    write("synthetic_sham_m36_s1.ome.tif", stack + 1, names, PhysicalSizeY=1.3)
    write("synthetic_sham_m37_s1.ome.tif", stack + 2, names, PhysicalSizeX=None, PhysicalSizeY=None)
    batch = run_batch("section", [folder], tmp_path / "out", options=folder / "protocol.yaml")
    said = {Path(item.input).name: item.message for item in batch.failures}
    for name, words in (
        ("m31_s1.ome.tif", "not a whole TIFF"), ("m32_s1.ome.tif", "holds the same as"),
        ("m33_s1.ome.tif", "p16"), ("m34_s1.ome.tif", "channel"), ("m35_s1.ome.tif", "saturated"),
        ("m36_s1.ome.tif", "not square"), ("m37_s1.ome.tif", "pixel size is not known"),
    ):  # fmt: skip
        assert words in said[f"synthetic_sham_{name}"], said[f"synthetic_sham_{name}"]
    assert len(batch.measured) == 2
    assert set(batch.left_out.values()) == {"control image"}
    assert len(batch.left_out) == 3
    # one protocol fails as a whole, before anything is measured
    thresholds = folder / "thresholds.yaml"
    text = thresholds.read_text()
    thresholds.unlink()
    with pytest.raises(SenospineError, match=r"thresholds\.yaml"):
        run_batch("section", [folder], tmp_path / "out", options=folder / "protocol.yaml")
    lone = {name: {**row, "images": row["images"][:1]} for name, row in yaml.safe_load(text).items()}
    thresholds.write_text(yaml.safe_dump(lone))
    with pytest.raises(MeasureError, match="from one image"):
        run_batch("section", [folder], tmp_path / "out", options=folder / "protocol.yaml")


def test_a_fault_of_ours_in_one_input_costs_no_other(
    laboratory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copies(laboratory, tmp_path, "scans", keep=2)
    whole = volume.measure_file

    def faulty(path: Path, options: object) -> object:
        if "m01" in path.name:
            raise ZeroDivisionError("a slip")
        return whole(path, options)  # type: ignore[arg-type]

    monkeypatch.setattr(volume, "measure_file", faulty, raising=False)
    batch = run_batch("volume", [folder], tmp_path / "out", options=folder / "protocol.yaml")
    assert "ZeroDivisionError: a slip" in batch.failures[0].message
    assert len(batch.measured) == 1


def test_what_decides_a_reading_decides_whether_it_is_read_again(
    laboratory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copies(laboratory, tmp_path, "sections", keep=2)
    protocol, thresholds, places = (folder / name for name in ("protocol.yaml", "thresholds.yaml", "places.csv"))
    text, levels = protocol.read_text().split("name_pattern")[0], thresholds.read_text()
    for path in (protocol, thresholds):
        path.unlink()  # else the links' other ends change too
    thresholds.write_text(levels)
    rows = "file,group,animal\nsynthetic_sham_m01_s1.ome.tif,sham,m01\nsynthetic_sham_m02_s1.ome.tif,sham,m02\n"
    read: list[str] = []
    place = {"group": "sham", "animal": "m01"}
    monkeypatch.setattr(
        section, "measure_file", lambda path, _: (read.append(path.name), ([Reading("I/T.Ar/mean", 1.0, place)], []))[1]
    )

    def times(words: str, table: str = rows, controls: str = levels) -> int:
        protocol.write_text(words + "places: places.csv\n")
        places.write_text(table)
        thresholds.write_text(controls)
        read.clear()
        run_batch("section", [folder], tmp_path / "out", options=protocol)
        return len(read)

    assert times(text) == 2
    assert times(text) == 0
    assert times("# a remark\n" + text + "arrive: {blinding: the graders were blind}\n") == 0
    assert times(text, rows + "another.tif,sham,m03\n") == 0
    assert times(text, rows.replace("sham,m02", "lsi,m02")) == 1
    assert times(text, rows, levels.replace("known-negative", "isotype")) == 2
    assert times(text + "seed: 2\n") == 2


def test_masks_beside_an_image_are_part_of_it_and_no_images(laboratory: Path, tmp_path: Path) -> None:
    folder = copies(laboratory, tmp_path, "sections")
    path = folder / "synthetic_sham_m01_s1.ome.tif"
    stack = tifffile.imread(path)
    mask = folder / "synthetic_sham_m01_s1_bone.tif"
    tifffile.imwrite(mask, (stack[7] > 250).astype(np.uint8))
    rules = load_protocol({"bone": {"file_ending": "_bone.tif"}, "intensity": ["CGRP"],
                           "name_pattern": r"(?P<animal>m\d+)"})  # fmt: skip
    before = rules.basis(path)
    batch = run_batch("section", [folder, mask], tmp_path / "out", options=rules)  # type: ignore[arg-type]
    assert list(batch.left_out.values()) == ["mask"]
    assert next(iter(batch.measured.values())).readings[0].inputs.keys() == {path.name, mask.name}
    tifffile.imwrite(mask, np.ones((9, 9), np.uint8))
    assert rules.basis(path) != before
    again = run_batch("section", [folder], tmp_path / "out", options=rules)  # type: ignore[arg-type]
    assert "the bone mask has shape (9, 9)" in again.failures[0].message


def test_an_animal_without_a_group_is_left_out_and_told() -> None:
    table = readings_table(
        [Reading("Po.tot/endplate-region", 0.1 + k / 50, {"group": group, "animal": f"{group}{k}"},
                 settings={"side": side})
         for side in ("caudal", "cranial") for group in ("a", "b", "") for k in range(3)]
    )  # fmt: skip
    found = analyse(table)
    assert len(found.comparisons) == 2  # of each side by itself
    assert set(found.comparisons["variant"]) == {"caudal", "cranial"}
    assert "no group is given for animal 0, 1, 2" in found.refusals[0]
    places = [{"group": "c", "animal": str(k), "cage": "z"} for k in range(3)]
    sheet = readings_table([Reading("acetone_time/window/seconds", 5.0, place) for place in places])
    known = summarise(pd.concat([table, sheet], ignore_index=True))  # what a sheet says of an animal holds for a scan
    assert set(known[known["animal"] == "1"]["group"]) == {"c"}
    assert set(known[known["animal"] == "1"]["cage"]) == {"z"}
    assert analyse(readings_table([Reading("TV/voxel-count", 1.0, {"animal": "7"})])).refusals


def test_the_command_asks_for_one_protocol(laboratory: Path, tmp_path: Path) -> None:
    scan = laboratory / "scans/synthetic_sham_m01_L1.nrrd"
    done = senospine("measure", "volume", scan, cwd=tmp_path)
    assert (done.returncode, "no protocol was given" in done.stderr) == (2, True)
    page = laboratory / "scans/protocol.yaml"
    done = senospine("measure", "volume", page, laboratory / "sections/protocol.yaml", scan, cwd=tmp_path)
    assert (done.returncode, "2 protocols" in done.stderr) == (2, True)
    assert not (tmp_path / "results").exists()


def test_thresholds_are_set_from_a_table(laboratory: Path, tmp_path: Path) -> None:
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text((laboratory / "sections/protocol.yaml").read_text())
    done = senospine("measure", "thresholds", protocol, laboratory / "sections/controls.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "thresholds.yaml").read_text() == (laboratory / "sections/thresholds.yaml").read_text()
    (tmp_path / "controls.csv").write_text("file,animal,kind,channels\na.tif,c1,,p16\n")
    done = senospine("measure", "thresholds", protocol, tmp_path / "controls.csv")
    assert (done.returncode, "controls.csv:2: kind is empty" in done.stderr.replace("\n", "")) == (2, True)


def test_conversions_know_region_and_channel() -> None:
    assert conversion("Po.tot/endplate-region", "cranial") is None  # another endplate than the study's
    assert conversion("Tb.Sp/hr-sphere/bonej/open", "") is None  # of trabecular bone
    assert conversion("N.Oc/T.Ar/trap-object", "ALP") is None
    found = conversion("N.Oc.marker/T.Ar/trap-object", "TRAP, p16, nuclear")
    assert found is not None
    assert found.to == "snoc_density"


def test_a_laboratory_is_its_seed_and_writes_over_nothing(tmp_path: Path, lsi_outcome: object) -> None:
    from senospine.study import Outcome

    assert isinstance(lsi_outcome, Outcome)
    drawn = animals_of(lsi_outcome, 1, ["sham", "vehicle"])
    assert [one.name for one in drawn] == ["m01", "m02"]
    assert drawn[1].expected["snoc_density"] > drawn[0].expected["snoc_density"]
    made = [write_laboratory(tmp_path / name, drawn, sections=1, plan=SMALL_PLAN, scan=SMALL_SCAN) for name in "ab"]
    files = [sorted(path for path in folder.rglob("*") if path.is_file()) for folder in made]
    assert len(files[0]) == 13
    for one, two in zip(*files, strict=True):
        if not one.name.endswith(".ome.tif") and one.name != "thresholds.yaml":  # an OME file carries an id of its own
            assert one.read_bytes() == two.read_bytes(), one
        elif one.suffix == ".tif":
            assert (tifffile.imread(one) == tifffile.imread(two)).all()
    with pytest.raises(FileError, match="holds files"):
        write_laboratory(tmp_path / "a", drawn)
    with pytest.raises(MeasureError, match="not 100000"):
        animals_of(lsi_outcome, 100_000)


def test_the_scan_model_has_the_noise_of_the_scans() -> None:
    """What a scan's reading adds to the truth: shift and SD of log odds, over porosities between 0.08 and 0.3."""
    protocol = load_scan_protocol({"kind": "endplate", "endplate": {"side": "cranial"}, "sensitivity": False,
                                   "threshold": {"sigma_um": 5}})  # fmt: skip
    moved = []
    for subject, porosity in enumerate([0.08, 0.15, 0.3] * 4):
        scan = drilled_endplate(porosity, radius_um=400.0, seed=11, subject=subject)
        readings, _ = measure_volume(scan.volume, protocol, {"animal": "7"})
        read = next(item.value for item in readings if item.definition == "Po.tot/endplate-region")
        moved.append(math.log(read / (1 - read)) - math.log(scan.truth["porosity"] / (1 - scan.truth["porosity"])))
    assert np.mean(moved) == pytest.approx(READING_SHIFT, abs=0.004)
    assert READING_SD / 2 < np.std(moved, ddof=1) < 2 * READING_SD


def test_scan_power_is_that_of_the_t_test_where_theory_knows_it() -> None:
    cv, n, low, high = 0.05, 5, 0.15, 0.165
    table = scan_power(low, high, [n], [1], cv, 0.0, 0.0, (0.0, 0.0), repeats=8000)
    spreads = [p * (1 - p) * math.sqrt(math.log1p(cv**2)) for p in (low, high)]
    shift = (high - low) / math.sqrt((spreads[0] ** 2 + spreads[1] ** 2) / n)
    freedom, edge = 2 * n - 2, stats.t.ppf(0.975, 2 * n - 2)
    theory = stats.nct.sf(edge, freedom, shift) + stats.nct.cdf(-edge, freedom, shift)
    assert table["power"][0] == pytest.approx(theory, abs=0.02)


def test_scan_power_has_its_size_and_scans_help_where_endplates_differ() -> None:
    null = scan_power(0.15, 0.15, [4, 8], [1], repeats=4000)
    assert null["power"].between(0.03, 0.065).all()
    table = scan_power(0.15, 0.2, [4, 6], [1, 3], endplate_cv=0.3, repeats=2000).set_index(["animals", "scans"])[
        "power"
    ]
    assert table[4, 3] > table[4, 1] + 0.1
    assert table[6, 1] > table[4, 1]
    with pytest.raises(MeasureError, match="no shares"):
        scan_power(15, 20)
    with pytest.raises(MeasureError, match="two animals"):
        scan_power(0.15, 0.2, [1])


def test_the_design_in_the_documents_runs() -> None:
    text = (Path(__file__).parents[1] / "docs/measure-volumes.md").read_text(encoding="utf-8")
    code = next(part for part in text.split("```python")[1:] if "scan_power" in part).split("```")[0]
    names: dict[str, pd.DataFrame] = {}
    exec(compile(code, "docs/measure-volumes.md", "exec"), names)
    assert len(names["table"]) == 6
