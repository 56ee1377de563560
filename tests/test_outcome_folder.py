"""An outcome's folder: whose it is, what is refused, and that nothing is lost when something fails."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from study_helpers import contents

from senospine.errors import FileError
from senospine.runs import NOTICE, OutcomeFolder, read_manifest, versions, write_then_rename

INPUTS = {"study": "a", "seed": 1, "animals": 4}
TABLE = pa.table({"x": [1.0, 2.0, 3.0]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run of two parts."""
    run = OutcomeFolder(tmp_path / "out", INPUTS)
    run.write_part("one", TABLE, {"animals": 2, "failures": []})
    run.write_part("two", TABLE, {"animals": 2, "failures": []})
    run.write_manifest("complete")
    return tmp_path / "out"


def refusal(folder: Path, inputs: dict[str, Any], **options: Any) -> FileError:
    """Return the refusal of a folder, after making sure that not a byte under it changed."""
    before = contents(folder) if folder.is_dir() else folder.read_bytes()
    with pytest.raises(FileError) as caught:
        OutcomeFolder(folder, inputs, **options)
    assert (contents(folder) if folder.is_dir() else folder.read_bytes()) == before
    assert caught.value.where
    assert caught.value.remedy
    return caught.value


def fail_replacing(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
    def replace(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("senospine.runs.files.os.replace", replace)


def test_a_new_folder_says_what_it_is(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest["notice"] == NOTICE
    assert manifest["state"] == "complete"
    assert manifest["inputs"] == INPUTS
    assert list(manifest["parts"]) == ["one", "two"]
    assert manifest["versions"] == versions()
    assert {"python", "senospine", "numpy", "scipy", "numba"} <= set(manifest["versions"])
    assert "not measured" in NOTICE
    schema = parquet.read_schema(folder / "parts" / "one.parquet")
    assert schema.metadata[b"notice"].decode() == NOTICE  # a part says so even without its manifest
    assert sorted(contents(folder)) == ["manifest.json", "parts/one.parquet", "parts/two.parquet"]


def test_until_the_end_the_state_is_running(tmp_path: Path) -> None:
    OutcomeFolder(tmp_path / "out", INPUTS).write_part("one", TABLE, {})
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert manifest["state"] == "running"


def test_the_same_inputs_go_on_where_they_were(folder: Path) -> None:
    (folder / "parts" / "two.parquet").unlink()
    run = OutcomeFolder(folder, INPUTS)
    assert (run.has("one"), run.has("two"), run.has("three")) == (True, False, False)


def test_another_study_is_refused_even_with_overwrite(folder: Path) -> None:
    for overwrite in (False, True):
        assert "another study, 'a'" in refusal(folder, {**INPUTS, "study": "b"}, overwrite=overwrite).what


def test_other_inputs_are_refused_and_named(folder: Path) -> None:
    error = refusal(folder, {**INPUTS, "seed": 2, "rtol": 0.1})
    assert error.why == "these differ: rtol, seed"
    assert "--overwrite" in str(error.remedy)


def test_overwrite_starts_afresh(folder: Path) -> None:
    run = OutcomeFolder(folder, {**INPUTS, "seed": 2}, overwrite=True)
    assert not run.has("one")
    assert sorted(contents(folder)) == [".lock", "manifest.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"inputs": []}', '{"inputs": null, "parts": {}}', '{"inputs": {"study": "a"}}',
             '{"inputs": {"study": "a"}, "parts": []}'],
)  # fmt: skip
def test_another_programs_manifest_is_not_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    for overwrite in (False, True):
        assert "no run of ours wrote" in refusal(tmp_path, INPUTS, overwrite=overwrite).what


def test_foreign_files_are_refused_even_with_overwrite(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        assert "no run of ours wrote" in refusal(tmp_path, INPUTS, overwrite=overwrite).what


def test_files_under_parts_alone_are_foreign(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "brakes.csv").write_text("pads")
    assert "no run of ours wrote" in refusal(tmp_path, INPUTS).what


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    assert "not a folder" in refusal(tmp_path / "out", INPUTS).what
    with pytest.raises(FileError, match="cannot write here"):
        OutcomeFolder(tmp_path / "out" / "below", INPUTS)


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", closed)
        with pytest.raises(FileError, match="Permission denied"):
            OutcomeFolder(tmp_path, INPUTS)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_closed_disk_costs_nothing_that_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run, before = OutcomeFolder(folder, INPUTS), contents(folder)
    with monkeypatch.context() as patch:
        fail_replacing(patch, number)
        with pytest.raises(FileError) as caught:
            run.write_part("three", TABLE, {})
    assert os.strerror(number) in caught.value.what
    assert caught.value.remedy == "check free space and permissions"
    assert contents(folder) == before  # no half part, no temporary file
    assert "three" not in run.parts


def test_a_disk_that_fills_while_a_part_is_written_leaves_no_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, before = OutcomeFolder(folder, INPUTS), contents(folder)

    def half(_: Any, path: Path, **__: Any) -> None:
        path.write_bytes(b"PAR1 half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", half)
    with pytest.raises(FileError, match="No space left"):
        run.write_part("three", TABLE, {})
    assert contents(folder) == before


def test_overwriting_on_a_full_disk_keeps_the_old_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_replacing(monkeypatch)
    assert "cannot write" in refusal(folder, {**INPUTS, "seed": 2}, overwrite=True).what


def test_after_a_disk_full_at_the_very_start_the_same_folder_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_replacing(patch)
        with pytest.raises(FileError):
            OutcomeFolder(tmp_path / "out", INPUTS)
    (tmp_path / "out" / ".manifest.json~host~1.tmp").write_text("{")  # what a run killed there would leave
    assert OutcomeFolder(tmp_path / "out", INPUTS).parts == {}


def test_an_error_that_is_not_the_disks_leaves_no_temporary_file(tmp_path: Path) -> None:
    def broken(path: Path) -> None:
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_then_rename(tmp_path / "x.json", broken)
    assert contents(tmp_path) == {}


def test_a_manifest_is_plain_json_with_sorted_keys(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert read_manifest(folder / "nowhere") is None
