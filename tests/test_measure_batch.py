"""Batches and the command line: a bad input stops nothing else, a finished one is not measured again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest
from measure_helpers import animals_text, sheet
from study_helpers import SHORT_STUDY, contents
from test_cli import senospine

from senospine.errors import FileError, MeasureError
from senospine.measure import Reading, behaviour, readings_table
from senospine.measure import batch as batch_module
from senospine.measure.animals import analyse
from senospine.measure.batch import Measurer, run_batch
from senospine.measure.behaviour import template
from senospine.measure.results import read_readings
from senospine.report.measurements import write_measurements

GRIP_ID = "grip_force/mean-of-pulls/gram-force"
GRIP = "# sheet: grip\n# pulls: mean\ngroup,animal,pull,force_g\nsham,s0,1,100\nvehicle,v0,1,80"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lab = tmp_path / "lab"
    (lab / "grip").mkdir(parents=True)
    sheet(lab, animals_text(), "animals.csv")
    sheet(lab / "grip", GRIP, "grip.csv")
    (lab / "notes.txt").write_text("not a sheet")
    return lab


def test_a_finished_input_is_not_measured_again(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_batch("behaviour", [folder], tmp_path / "out")
    assert [Path(name).name for name in first.measured] == ["animals.csv", "grip.csv"]
    measured: list[str] = []
    whole = behaviour.measure_file
    monkeypatch.setattr(behaviour, "measure_file", lambda path, options: (measured.append(path.name), whole(path))[1])
    again = run_batch("behaviour", [folder, folder / "animals.csv"], tmp_path / "out")
    assert (measured, again.reused) == ([], 2)
    assert readings_table(again.readings).equals(readings_table(first.readings))
    assert again.measured[str(folder / "animals.csv")].arrive == {"blinding": "graders were blind"}
    sheet(folder / "grip", GRIP.replace("80", "81"), "grip.csv")
    for part in (tmp_path / "out" / "parts").glob("*.json"):
        if "withdrawal" in part.read_text():
            part.write_text(part.read_text()[:-40])  # as if the disk had lost its end
    run_batch("behaviour", [folder], tmp_path / "out")
    assert measured == ["animals.csv", "grip.csv"]


def test_a_bad_input_is_named_and_the_rest_goes_on(tmp_path: Path, folder: Path) -> None:
    (folder / "broken.csv").write_bytes(b"\x00\x01")
    sheet(folder, "# sheet: grip\n# pulls: mean\ngroup,animal,pull,force_g\n,9,1,100", "lonely.csv")
    seen: list[tuple[str, int, int]] = []
    batch = run_batch("behaviour", [folder, folder / "absent.csv"], tmp_path / "out",
                      on_progress=lambda *step: seen.append(step))  # fmt: skip
    assert len(batch.measured) == 2
    messages = " ".join(item.message for item in batch.failures)
    assert "broken.csv:1" in messages
    assert "lonely.csv:4: group is empty" in messages
    assert "absent.csv" in messages
    assert seen[-1] == ("measure behaviour", 5, 5)
    assert len(list((tmp_path / "out" / "parts").iterdir())) == 2  # nothing of the bad ones


def test_other_kinds_of_input_need_a_module_and_a_line(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any module that returns readings and pictures of a path under a protocol; here each folder is one input."""
    seen: list[tuple[str, object]] = []

    def measure_file(path: Path, options: Path) -> tuple[list[Reading], list[SimpleNamespace]]:
        seen.append((path.name, options))
        reading = Reading(GRIP_ID, 100.0, {"group": "sham", "animal": "s0"})
        return [reading], [SimpleNamespace(name="outlined", caption="what was counted", png=b"PNG")]

    module = ModuleType("made_up")
    module.measure_file = measure_file  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up", module)
    monkeypatch.setattr(batch_module, "MEASURERS", {"scan": Measurer("made_up", lambda path: path.name == "grip")})
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text("threshold: 1")
    for text, times in (("threshold: 1", 1), ("threshold: 1", 1), ("threshold: 2", 2)):
        protocol.write_text(text)
        batch = run_batch("scan", [folder], tmp_path / "out", options=protocol)
        assert seen == [("grip", protocol)] * times
        assert [(name, item.title, item.png) for name, item in batch.pictures] == [
            (str(folder / "grip"), "outlined", b"PNG")
        ]
    report = write_measurements(tmp_path / "page.html", analyse(readings_table(batch.readings)), batch=batch)
    assert "what was counted" in report.read_text()


def test_folders_that_are_not_ours_are_left_alone(tmp_path: Path, folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(FileError, match="no measurement of ours"):
        run_batch("behaviour", [folder], folder)
    assert contents(folder) == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeasureError, match="no input"):
        run_batch("behaviour", [tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(MeasureError, match="did you mean 'behaviour'"):
        run_batch("behavior", [folder], tmp_path / "out")


def test_a_full_disk_stops_the_batch_and_leaves_nothing_half(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run_batch("behaviour", [folder / "animals.csv"], tmp_path / "out")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match="No space left"):
        run_batch("behaviour", [folder], tmp_path / "out")
    assert len(list((tmp_path / "out" / "parts").iterdir())) == 1


def test_the_command_writes_tables_and_a_page(tmp_path: Path, folder: Path) -> None:
    done = senospine("measure", "behaviour", folder, "--control", "sham", "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    names = {Path(path).name for path in told["files"]}
    assert names == {"readings.csv", "animals.csv", "groups.csv", "comparisons.csv", "arrive.json", "report.html"}
    assert {row["versus"] for row in told["comparisons"]} == {"sham"}
    origins = {row["name"]: row["origin"] for row in told["arrive"]}
    assert (origins["blinding"], origins["randomisation"], origins["sample_size"]) == ("stated", "missing", "data")
    page = (tmp_path / "out" / "report.html").read_text()
    for words in ("graders were blind", "not stated", "sham: 6 animals", "data:image/png;base64", "vehicle vs sham"):
        assert words in page
    assert "http" not in page.replace("https://doi.org", "")
    table = read_readings(tmp_path / "out")
    assert len(table) == told["readings"]
    again = senospine("measure", "behaviour", folder, "--control", "sham", "--out", tmp_path / "out")
    assert "2 inputs had been measured before" in again.stdout
    assert "1b experimental_unit" in again.stdout


def test_the_command_tells_what_gave_nothing_and_keeps_the_rest(tmp_path: Path, folder: Path) -> None:
    sheet(folder, GRIP.replace("80", "-80"), "bad.csv")
    done = senospine("measure", "behaviour", folder, "--out", tmp_path / "out")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "bad.csv:5: force_g: -80 is below 0.1" in done.stderr.replace("\n", "")
    assert (tmp_path / "out" / "comparisons.csv").exists()
    assert "bad.csv" in (tmp_path / "out" / "failures.csv").read_text()


def test_what_the_gate_refuses_keeps_the_readings(tmp_path: Path, folder: Path) -> None:
    sheet(folder / "grip", GRIP.replace("vehicle,v0", "vehicle,s0x").replace("sham,s0,", "vehicle,s0,"), "grip.csv")
    done = senospine("measure", "behaviour", folder, "--out", tmp_path / "out", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert "animal 's0' stands in group" in told["refusals"][0]
    assert told["readings"] > 30
    assert told["comparisons"] == []
    assert not (tmp_path / "out" / "comparisons.csv").exists()


def test_a_template_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    assert senospine("measure", "template", "up_down", "-o", file).returncode == 0
    assert file.read_text() == template("up_down")
    done = senospine("measure", "template", "-o", file)
    assert (done.returncode, "it may be filled in" in done.stderr) == (2, True)
    done = senospine("measure", "template", "updown")
    assert (done.returncode, "did you mean 'up_down'" in done.stderr) == (2, True)


def test_measured_animals_stand_beside_a_study(tmp_path: Path, folder: Path) -> None:
    assert senospine("measure", "behaviour", folder, "--out", tmp_path / "out").returncode == 0
    study = tmp_path / "short.yaml"
    study.write_text(SHORT_STUDY)
    done = senospine(
        "measure", "animals", tmp_path / "out", "--study", study, "--animals", 40, "--control", "sham",
        "--out", tmp_path / "beside", "--outcome", tmp_path / "outcome", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = pd.DataFrame(json.loads(done.stdout)["beside"])
    assert set(rows["arm"]) == {"sham", "vehicle", "navitoclax"}
    assert "SYNTHETIC DATA" in (tmp_path / "beside" / "report.html").read_text()
    for place, words in ((folder, "no measurement of ours"), (tmp_path / "out", "holds measurements of behaviour")):
        before = contents(place)
        done = senospine("measure", "animals", tmp_path / "out", "--out", place)
        assert (done.returncode, words in done.stderr) == (2, True)
        assert contents(place) == before
    done = senospine("measure", "animals", tmp_path / "out", "--study", study, "--arm", "sham:sham", cwd=tmp_path)
    assert (done.returncode, "is not GROUP=ARM" in done.stderr) == (2, True)


def test_readings_are_read_back_strictly(tmp_path: Path, folder: Path) -> None:
    table = readings_table(run_batch("behaviour", [folder], tmp_path / "out").readings)
    path = tmp_path / "readings.csv"
    table.to_csv(path, index=False)
    again = read_readings(path)
    assert again["value"].to_numpy() == pytest.approx(table["value"].to_numpy())
    for old, new, message in (
        ("grip_force/mean-of-pulls", "grip_force/mean-of-pull", "did you mean"),
        (",100.0,", ",many,", "'many' is no number"),
    ):
        path.write_text(table.to_csv(index=False).replace(old, new))
        with pytest.raises(MeasureError, match=message) as caught:
            read_readings(path)
        assert str(caught.value.where).rpartition(":")[2].isdigit()
    table.to_csv(path, index=False)
    with pytest.raises(MeasureError, match="no session 'week 9'"):
        read_readings(path, "week 9")


def test_the_sheet_in_the_documents_is_read_and_its_code_runs(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[1] / "docs/measure.md").read_text(encoding="utf-8")
    example = "# sheet" + text.split("```\n# sheet")[1].split("```")[0]
    assert len(behaviour.measure_file(sheet(tmp_path, example)).readings) == 9
    monkeypatch.chdir(tmp_path)
    batch = run_batch("behaviour", [folder / "animals.csv"], "results/behaviour")
    readings_table(batch.readings).to_csv("results/behaviour/readings.csv", index=False)
    codes = [part.split("```")[0] for part in text.split("```python")[1:]]
    exec(compile(codes[0], "docs/measure.md", "exec"), {})  # its names; what it draws has a test of its own
    exec(compile(codes[1], "docs/measure.md", "exec"), {})
    assert (tmp_path / "groups.png").stat().st_size > 10_000
