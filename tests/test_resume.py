"""A run that was stopped, however roughly, goes on where it was and ends in the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from study_helpers import SHORT_STUDY, contents

from senospine.study import Study, load_study, open_outcome, run_study
from senospine.study import run as module

ANIMALS, BLOCK = 5, 3  # two blocks an arm, six parts

KILLED = f"""
import os, signal, sys
from senospine.study import load_study, run_study
from senospine.study import run as module

count, replace = 0, os.replace
def dies(source, target):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace, module.BLOCK = dies, {BLOCK}
run_study(load_study(sys.argv[1]), sys.argv[2], animals={ANIMALS}, workers=1)
"""


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "short.yaml"
    path.write_text(SHORT_STUDY)
    return load_study(path)


@pytest.fixture(scope="module")
def undisturbed(study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", BLOCK)
        run_study(study, folder, animals=ANIMALS, workers=1)
    return contents(folder)


def whole(folder: Path) -> dict[str, bytes]:
    """Return manifest and parts, without what a living run keeps beside them."""
    beside = (".tmp", ".lock", "journal.jsonl")
    return {name: data for name, data in contents(folder).items() if not name.endswith(beside)}


def test_finished_parts_stay_and_missing_ones_come_back(
    study: Study, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run_study(study, tmp_path / "out", animals=ANIMALS, workers=1)
    parts = sorted((tmp_path / "out" / "parts").iterdir())
    for gone in parts[1:3]:
        gone.unlink()
    kept = [parts[0], *parts[3:]]
    for path in kept:
        os.utime(path, ns=(1, 1))
    seen: list[tuple[int, int]] = []
    run_study(study, tmp_path / "out", animals=ANIMALS, workers=1, on_progress=lambda *now: seen.append(now))
    assert contents(tmp_path / "out") == undisturbed
    assert all(path.stat().st_mtime_ns == 1 for path in kept)
    assert seen[0] == (10, 15)  # a block of three and one of two were gone
    assert seen[-1] == (15, 15)


def test_a_finished_run_is_only_opened(study: Study, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    run_study(study, tmp_path / "out", animals=ANIMALS, workers=1)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    run_study(study, tmp_path / "out", animals=ANIMALS, workers=1)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()} == times
    assert contents(tmp_path / "out") == undisturbed


@pytest.mark.parametrize("moment", [1, 2, 4])
def test_a_run_killed_in_the_middle_goes_on_to_the_same_bytes(
    study: Study, undisturbed: dict[str, bytes], tmp_path: Path, moment: int
) -> None:
    """Killed before the first manifest stands, before the first part gets its name, and before a later one does."""
    folder = tmp_path / "out"
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(study.path), str(folder), str(moment)],
        check=False, timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    left = whole(folder)
    assert len(left) == {1: 0, 2: 1, 4: 3}[moment]  # manifest and whole parts; nothing half stands under a name
    assert {name: data for name, data in left.items() if name != "manifest.json"}.items() <= undisturbed.items()
    if moment > 1:
        with pytest.raises(Exception, match="not finished"):
            open_outcome(folder, study)
    run_study(study, folder, animals=ANIMALS, workers=1)
    assert whole(folder) == undisturbed


def test_an_error_in_a_block_keeps_the_parts_before_it(
    study: Study, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, calls = module.solve_block, 0

    def third_fails(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return solve(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(module, "solve_block", third_fails)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, tmp_path / "out", animals=ANIMALS, workers=1)
    assert len(contents(tmp_path / "out")) == 3
    run_study(study, tmp_path / "out", animals=ANIMALS, workers=1)
    assert contents(tmp_path / "out") == undisturbed
