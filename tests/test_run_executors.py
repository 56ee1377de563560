"""One result whatever runs it: here, over processes, over a real Dask cluster, and over workers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_helpers
from run_helpers import draw, draw_or_die, draw_or_die_once, refuse_seventh, slow_draw
from study_helpers import SHORT_STUDY, contents, within

from senospine.errors import ClusterError, RunError
from senospine.runs import cluster, fingerprint, run_blocks, work
from senospine.runs.pool import _CONTEXT

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a Dask scheduler in a process of its own, with two workers in processes of theirs."""
    code = (
        "import sys\nfrom distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    with LocalCluster(n_workers=2, threads_per_worker=1, host='127.0.0.1', dashboard_address=None,\n"
        "                      worker_dashboard_address=None) as cluster:\n"
        "        print(cluster.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        # a local cluster gives a worker up that is starting again 15 s after it died; here they die all the time
        "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "1h",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",  # as long it looks for a result in a worker that died
    }
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    assert child.stdin
    assert child.stdout
    try:
        address = child.stdout.readline().strip()
        assert address.startswith("tcp://")
        yield address
    finally:
        child.stdin.close()
        child.wait(30)
        child.stdout.close()


def collect(function: Any, count: int, *arguments: Any, **options: Any) -> dict[int, bytes]:
    found: dict[int, bytes] = {}

    def keep(key: int, numbers: np.ndarray) -> None:
        assert key not in found  # no block is handed over twice, however often it ran
        found[key] = numbers.tobytes()

    with within(150):
        run_blocks(function, ((i, (i, *arguments)) for i in range(count)), keep, **options)
    return found


#: a dying Dask worker can make Dask itself wait for minutes, so those cases run by `make test-cluster`
WHERE = pytest.mark.parametrize("where", ["processes", pytest.param("dask", marks=pytest.mark.cluster)])


@pytest.fixture(params=["here", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "dask":
        return {"scheduler": request.getfixturevalue("scheduler")}
    return {"workers": 1 if request.param == "here" else 2}


def test_every_executor_gives_the_same_bytes(executor: dict[str, Any]) -> None:
    assert collect(draw, 12, **executor) == {i: draw(i).tobytes() for i in range(12)}


@WHERE
def test_workers_that_are_killed_cost_no_block(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    options = {"workers": 2} if where == "processes" else {"scheduler": request.getfixturevalue("scheduler")}
    found = collect(draw_or_die_once, 12, (0, 3, 4, 11), str(tmp_path), **options)
    assert found == {i: draw(i).tobytes() for i in range(12)}
    assert sorted(os.listdir(tmp_path)) == ["0", "11", "3", "4"]  # each did die once


def test_a_worker_killed_from_outside_costs_no_block() -> None:
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 20
        while not killed and time.monotonic() < deadline:
            for child in _CONTEXT.active_children():
                time.sleep(0.7)  # let it begin
                os.kill(child.pid or 0, signal.SIGKILL)
                killed.append(child.pid or 0)
                break
            time.sleep(0.05)

    thread = threading.Thread(target=kill_one)
    thread.start()
    found = collect(slow_draw, 10, 0.2, workers=2)
    thread.join()
    assert killed
    assert found == {i: draw(i).tobytes() for i in range(10)}


@WHERE
def test_a_block_that_always_kills_its_worker_is_named(where: str, request: pytest.FixtureRequest) -> None:
    options = {"workers": 2} if where == "processes" else {"scheduler": request.getfixturevalue("scheduler")}
    found: list[str] = []
    blocks = ((f"block-{i}", (i, 2)) for i in range(6))
    with within(150), pytest.raises(RunError, match=r"block 'block-2' killed its worker \d times") as caught:
        run_blocks(draw_or_die, blocks, lambda key, _: found.append(key), **options)
    assert "block-2" not in found
    assert len(set(found)) == len(found) > 0
    assert "same command again" in str(caught.value.remedy)
    if where == "processes":
        assert str(work.DEATHS_ALLOWED) in caught.value.what
        assert "SIGKILL" in str(caught.value.why)


def test_an_error_in_a_block_comes_home_and_says_where_it_was(executor: dict[str, Any]) -> None:
    with pytest.raises(ZeroDivisionError, match="the seventh") as caught:
        collect(refuse_seventh, 12, **executor)
    if executor != {"workers": 1}:
        assert "refuse_seventh" in caught.value.__notes__[0]


def test_blocks_are_read_only_as_fast_as_they_are_handed_out(executor: dict[str, Any]) -> None:
    given, most = 0, 0
    done = 0

    def blocks() -> Iterator[tuple[int, tuple[int]]]:
        nonlocal given, most
        for i in range(60):
            given += 1
            most = max(most, given - done)
            yield i, (i,)

    def keep(key: int, _: Any) -> None:
        nonlocal done
        done += 1

    with within(150):
        run_blocks(draw, blocks(), keep, **executor)
    assert done == 60
    assert most <= 2 * 2 + 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Take interrupts as a terminal's program does: one that was begun in the background may be told to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_an_interrupt_is_prompt_and_keeps_what_is_finished(
    where: str, request: pytest.FixtureRequest, interruptible: None
) -> None:
    options = {"workers": 2} if where == "processes" else {"scheduler": request.getfixturevalue("scheduler")}
    found: list[int] = []

    def keep(key: int, _: Any) -> None:
        found.append(key)
        if len(found) == 2:
            threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    seconds = [0.0, 0.0, 3.0, 3.0, 3.0, 3.0]
    start = time.monotonic()
    with within(60), pytest.raises(KeyboardInterrupt):
        run_blocks(slow_draw, ((i, (i, wait)) for i, wait in enumerate(seconds)), keep, **options)
    assert set(found[:2]) == {0, 1}
    assert len(found) < 6
    if where == "processes":
        assert time.monotonic() - start < 10
        assert not _CONTEXT.active_children()


def test_a_study_gives_the_same_folder_over_dask(scheduler: str, tmp_path: Path) -> None:
    from senospine.study import load_study, run_study

    (tmp_path / "short.yaml").write_text(SHORT_STUDY)
    study = load_study(tmp_path / "short.yaml")
    with within(120):
        run_study(study, tmp_path / "dask", animals=3, scheduler=scheduler)
    run_study(study, tmp_path / "here", animals=3, workers=1)
    assert contents(tmp_path / "dask") == contents(tmp_path / "here")


def test_no_scheduler_there_is_said_at_once() -> None:
    for address in ("tcp://127.0.0.1:1", "nonsense"):
        with within(30), pytest.raises(ClusterError, match="no Dask scheduler answers") as caught:
            run_blocks(draw, [(0, (0,))], lambda *_: None, scheduler=address)
        assert caught.value.where == address


@pytest.mark.parametrize("lacking", ["scheduler", "worker"])
def test_a_cluster_without_our_packages_is_refused(lacking: str) -> None:
    ours = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    children = []

    def launch(what: str, *arguments: str) -> subprocess.Popen[str]:
        hide = "import sys; sys.modules['senospine'] = None; " if what == lacking else ""
        code = f"{hide}from distributed.cli import dask_{what}; dask_{what}.main()"
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments, "--no-dashboard"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ours,
            )
        )  # fmt: skip
        return children[-1]

    try:
        started = launch("scheduler", "--port", "0", "--host", "127.0.0.1")
        assert started.stderr
        with within(30):
            address = next(line.split()[-1] for line in started.stderr if "Scheduler at:" in line)
        launch("worker", address, "--nthreads", "1", "--no-nanny")
        with within(40), pytest.raises(ClusterError, match="cannot run our blocks") as caught:
            run_blocks(draw, [(0, (0,))], lambda *_: None, scheduler=address)
        assert "same Python packages" in str(caught.value.remedy)
    finally:
        for child in children:
            child.kill()
            child.communicate(timeout=20)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match="not installed") as caught:
        run_blocks(draw, [(0, (0,))], lambda *_: None, scheduler="tcp://127.0.0.1:1")
    assert "senospine[cluster]" in str(caught.value.remedy)


def test_workers_and_a_scheduler_exclude_each_other() -> None:
    with pytest.raises(ClusterError, match="both"):
        run_blocks(draw, [(0, (0,))], lambda *_: None, workers=2, scheduler="tcp://127.0.0.1:1")


def test_a_worker_that_is_not_like_this_machine_refuses() -> None:
    call = work.pack(draw, work.Block(3, (3,)))
    assert work.unpack(cluster.carry_out_alike(fingerprint(), call)).tobytes() == draw(3).tobytes()
    for name in ("numpy", "processor", "source"):
        with pytest.raises(ClusterError, match="not like this machine") as caught:
            work.unpack(cluster.carry_out_alike({**fingerprint(), name: "1.0"}, call))
        assert f"{name}: 1.0 here, {fingerprint()[name]} there" in str(caught.value.why)


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from run_helpers import draw\nfrom senospine.runs import run_blocks\n"
        "run_blocks(draw, [(i, (i,)) for i in range(4)], lambda *_: None, workers=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert "ClusterError" in done.stderr
    assert "__name__ == '__main__'" in done.stderr


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, run_helpers.__file__, str(tmp_path / "out"), "30", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    while not (tmp_path / "out" / "manifest.json").exists() and time.monotonic() - started < 20:
        time.sleep(0.05)
    time.sleep(1.5)
    child.kill()
    child.communicate(timeout=10)  # a worker left behind would hold the pipes open for thirty seconds
