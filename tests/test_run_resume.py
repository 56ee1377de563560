"""A run that dies, at any moment and of anything, ends in the bytes of one that was left alone."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import run_helpers
from run_helpers import INPUTS, little_run
from study_helpers import SHORT_STUDY, contents

from senospine.errors import FileError
from senospine.randomness import stream
from senospine.runs import FolderLock, OutcomeFolder, check_parts, read_manifest, write_then_rename
from senospine.runs import folder as folder_module
from senospine.runs import lock as lock_module

HERE = Path(__file__).parent
TABLE = pa.table({"x": [1.0, 2.0, 3.0]})
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    little_run(folder, workers=1)
    assert len(contents(folder)) == run_helpers.BLOCKS + 1
    return contents(folder)


def start(folder: Path, workers: int, seconds: float = 0.02) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, run_helpers.__file__, str(folder), str(seconds), str(workers)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT,
    )  # fmt: skip


def parts_of(folder: Path) -> int:
    return len(list((folder / "parts").glob("*.parquet"))) if folder.exists() else 0


@pytest.mark.parametrize("workers", [1, 2])
def test_sigkill_at_random_moments_leaves_no_trace(undisturbed: dict[str, bytes], tmp_path: Path, workers: int) -> None:
    folder, moments = tmp_path / "out", stream(workers, "moments of death")
    reached = []
    for _ in range(3):
        aim = parts_of(folder) + int(moments.integers(1, 5))
        child = start(folder, workers)
        while parts_of(folder) < aim and child.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.03))
        child.kill()
        child.communicate(timeout=20)
        assert child.returncode == -signal.SIGKILL
        reached.append(parts_of(folder))
        assert (folder / ".lock").exists()  # nobody was left to remove it
    assert reached == sorted(reached)
    little_run(folder, workers=workers)
    assert contents(folder) == undisturbed


STEPS = """
import os, signal, sys
from pathlib import Path
from run_helpers import little_run
count = 0
def dying(function):
    def call(*arguments, **options):
        global count
        count += 1
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
for name in ("replace", "fsync", "open", "write", "ftruncate", "close", "unlink", "mkdir"):
    setattr(os, name, dying(getattr(os, name)))
little_run(Path(sys.argv[1]), blocks=3, workers=1)
"""


def test_death_at_every_step_on_the_disk_leaves_no_trace(tmp_path: Path) -> None:
    """Killed before the 1st, 4th, 7th, … call that touches the disk, until a run comes through."""
    little_run(tmp_path / "whole", blocks=3, workers=1)
    whole = contents(tmp_path / "whole")
    for step in range(1, 200, 3):
        folder = tmp_path / str(step)
        done = subprocess.run(
            [sys.executable, "-c", STEPS, str(folder), str(step)], capture_output=True, timeout=60, env=ENVIRONMENT
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        little_run(folder, blocks=3, workers=1)
        assert contents(folder) == whole, step
        if done.returncode == 0:
            break
    else:
        pytest.fail("no run came through")
    assert step > 20


def test_a_study_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    from senospine.study import load_study, run_study

    path = tmp_path / "short.yaml"
    path.write_text(SHORT_STUDY)
    code = (
        "import sys\nfrom senospine.study import load_study, run as module, run_study\nmodule.BLOCK = 2\n"
        "run_study(load_study(sys.argv[1]), sys.argv[2], animals=12, workers=1)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path), str(tmp_path / "out")], env=ENVIRONMENT)
    while parts_of(tmp_path / "out") < 4 and child.poll() is None:
        time.sleep(0.001)
    child.kill()
    child.wait(20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("senospine.study.run.BLOCK", 2)
        for name in ("out", "whole"):
            run_study(load_study(path), tmp_path / name, animals=12, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "gone"])
def test_a_damaged_part_is_refused_named_and_computed_again(
    undisturbed: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    folder = tmp_path / "out"
    little_run(folder, workers=1)
    part = folder / "parts" / "0003.parquet"
    whole = part.read_bytes()
    if damage == "gone":
        part.unlink()
    else:
        flipped = whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
        part.write_bytes({"truncated": whole[:-7], "flipped": flipped, "emptied": b""}[damage])
    manifest = read_manifest(folder)
    assert manifest is not None
    with pytest.raises(FileError, match=r"part '0003' is (changed|of \d+ bytes|missing)") as caught:
        check_parts(folder, manifest)
    assert caught.value.remedy
    others = {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir() if path != part}
    little_run(folder, workers=1)
    assert [record.message for record in caplog.records if "'0003'" in record.message]
    assert contents(folder) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_finished_run_is_left_alone_to_the_last_file(tmp_path: Path) -> None:
    little_run(tmp_path / "out", workers=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    little_run(tmp_path / "out", workers=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_other_versions_may_open_a_finished_run_but_not_add_to_an_unfinished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    with OutcomeFolder(path, INPUTS) as out:
        out.write_part("one", TABLE, {})
    before, now = contents(path), folder_module.versions()
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "versions", lambda: {**now, "numpy": "1.0", "processor": "abacus"})
        with pytest.raises(FileError, match="other versions") as caught:
            OutcomeFolder(path, INPUTS)
        assert "numpy, processor" in str(caught.value.why)
        assert contents(path) == before
        with OutcomeFolder(path, INPUTS, overwrite=True) as out:
            assert not out.has("one")
            out.write_part("one", TABLE, {})
            out.write_manifest("complete")
    finished = contents(path)
    with OutcomeFolder(path, INPUTS) as out:
        assert out.has("one")
    assert contents(path) == finished


def test_what_was_left_by_a_killed_run_is_swept_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out"
    OutcomeFolder(path, INPUTS).close()
    ours = [path / ".manifest.json~elsewhere~7.tmp", path / "parts" / ".one.parquet~elsewhere~7.tmp"]
    theirs = [path / ".notes.txt~elsewhere~7.tmp", path / "parts" / "notes.tmp", path / ".manifest.json.swp"]
    for file in [*ours, *theirs]:
        file.write_text("x")
    OutcomeFolder(path, INPUTS).close()
    assert not [file for file in ours if file.exists()]
    assert [file for file in theirs if file.exists()] == theirs


def test_a_journal_with_a_torn_line_counts_up_to_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    out = OutcomeFolder(path, INPUTS)
    out.write_part("one", TABLE, {"animals": 3})
    out.write_part("two", TABLE, {"animals": 3})
    journal = path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    del out  # as if killed: nothing is written any more
    manifest = read_manifest(path)
    assert manifest is not None
    assert list(manifest["parts"]) == ["one"]
    with OutcomeFolder(path, INPUTS) as out:
        assert (out.has("one"), out.has("two")) == (True, False)
    assert not journal.exists()


def test_overwriting_that_was_killed_is_ended_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with OutcomeFolder(path, INPUTS) as out:
        out.write_part("stray", TABLE, {})
        out.write_manifest("complete")
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "state": "replacing", "parts": {}}))
    with OutcomeFolder(path, INPUTS) as out:
        assert not out.has("stray")
    assert sorted(contents(path)) == ["manifest.json"]


def test_two_runs_into_one_folder_exclude_each_other(tmp_path: Path) -> None:
    child = start(tmp_path / "out", 1, seconds=1.0)
    while not (tmp_path / "out" / "manifest.json").exists() and child.poll() is None:
        time.sleep(0.01)
    try:
        with pytest.raises(FileError, match="another run is writing") as caught:
            OutcomeFolder(tmp_path / "out", {**INPUTS, "blocks": run_helpers.BLOCKS})
        assert f"process {child.pid} on {socket.gethostname()}" in str(caught.value.why)
    finally:
        child.kill()
        child.communicate(timeout=20)
    OutcomeFolder(tmp_path / "out", {**INPUTS, "blocks": run_helpers.BLOCKS}).close()  # the dead hold nothing


def test_a_lock_is_held_within_one_process_too_and_given_back(tmp_path: Path) -> None:
    with OutcomeFolder(tmp_path, INPUTS) as out:
        with pytest.raises(FileError, match="another run"):
            OutcomeFolder(tmp_path, INPUTS)
        out.close()
        OutcomeFolder(tmp_path, INPUTS).close()
    with pytest.raises(ZeroDivisionError), OutcomeFolder(tmp_path, INPUTS):
        raise ZeroDivisionError
    OutcomeFolder(tmp_path, INPUTS).close()
    assert sorted(contents(tmp_path)) == ["manifest.json"]


@pytest.mark.parametrize(
    ("host", "pid", "held"),
    [("here", "alive", True), ("here", "dead", False), ("elsewhere", "dead", True)],
)
def test_where_the_file_system_has_no_locks_the_holder_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, pid: str, held: bool
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, timeout=20)
    holder = {
        "host": socket.gethostname() if host == "here" else "node-7",
        "pid": os.getppid() if pid == "alive" else int(ended.stdout),
    }
    (tmp_path / ".lock").write_text(json.dumps(holder))
    if held:
        with pytest.raises(FileError, match="another run") as caught:
            FolderLock(tmp_path)
        assert str(holder["pid"]) in str(caught.value.why)
    else:
        FolderLock(tmp_path).release()
        assert not (tmp_path / ".lock").exists()


def test_a_lock_that_was_removed_and_made_anew_is_not_released_by_the_old_holder(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    (tmp_path / lock_module.LOCK).unlink()
    second = FolderLock(tmp_path)
    first.release()
    with pytest.raises(FileError, match="another run"):
        FolderLock(tmp_path)
    second.release()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", ["replace", "fsync", "write"])
def test_a_full_disk_in_the_middle_costs_nothing_that_stands(
    undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    folder, real, calls = tmp_path / "out", getattr(os, call), 0

    def fails(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 8:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(FileError, match=os.strerror(number)):
            little_run(folder, workers=1)
    left = contents(folder)
    parts = {name: data for name, data in left.items() if name.startswith("parts/")}
    assert parts
    assert parts.items() <= undisturbed.items()
    assert not [name for name in left if name.endswith((".tmp", ".lock"))]
    little_run(folder, workers=1)
    assert contents(folder) == undisturbed


def test_a_disk_that_is_really_full_costs_nothing_that_stands(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\nimport pyarrow as pa\n"
        "from run_helpers import INPUTS\nfrom senospine.errors import FileError\n"
        "from senospine.runs import OutcomeFolder\n"
        "small, large = pa.table({'x': [1.0]}), pa.table({'x': [float(i) ** 0.5 for i in range(20000)]})\n"
        "with OutcomeFolder(Path(sys.argv[1]), INPUTS) as out:\n"
        "    out.write_part('small', small, {})\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "    try:\n"
        "        out.write_part('large', large, {})\n"
        "    except FileError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    assert "large.parquet" in done.stdout
    assert sorted(contents(tmp_path / "out")) == ["manifest.json", "parts/small.parquet"]


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(FileError, match="cannot write here") as caught:
        OutcomeFolder(Path("/proc/senospine/out"), INPUTS)
    assert caught.value.remedy


def test_a_write_that_fails_keeps_what_stood_there(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    write_then_rename(target, lambda path: path.write_text("good"))

    def half(path: Path) -> None:
        path.write_text("ha")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FileError, match="No space left"):
        write_then_rename(target, half)
    assert contents(tmp_path) == {"x.txt": b"good"}


def test_a_reproduction_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    from senospine.evidence.reproduce import _refuse_foreign

    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, timeout=20)
    dead = tmp_path / f".scoreboard.json~{socket.gethostname()}~{int(ended.stdout)}.tmp"
    other = tmp_path / ".report.html~node-7~7.tmp"
    for file in (dead, other):
        file.write_text("x")
    _refuse_foreign(tmp_path)
    assert contents(tmp_path) == {other.name: b"x"}  # another machine's may be alive
    (tmp_path / ".thesis.txt~node-7~7.tmp").write_text("x")
    with pytest.raises(FileError, match="thesis"):
        _refuse_foreign(tmp_path)
