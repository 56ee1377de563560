"""Blocks over processes: the same results for any number of them, errors that come home, nothing that hangs."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from typing import Any

import pytest
from study_helpers import within

from senospine.errors import StudyError
from senospine.randomness import stream
from senospine.runs import available_workers, run_blocks

# What a worker calls must be importable by name, so these stand at the top of the module.


def draw(subject: int) -> list[float]:
    return list(stream(1, "block", subject).random(3))


def slow_first(subject: int) -> list[float]:
    time.sleep(0.5 if subject == 0 else 0.0)
    return draw(subject)


def refuse_third(subject: int) -> int:
    if subject == 2:
        raise StudyError("the third is refused", where="x.yaml:3", why="a test", remedy="none")
    return subject


class Awkward(Exception):
    """Cannot be rebuilt from its arguments when it comes back from a worker."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def raise_awkwardly(subject: int) -> int:
    raise Awkward("cannot", "travel")


def die(subject: int) -> None:
    os._exit(17)


def where_am_i(subject: int) -> int:
    return os.getpid()


def collect(function: Any, count: int, workers: int | None, seconds: float = 40) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    with within(seconds):
        run_blocks(function, [(i, (i,)) for i in range(count)], lambda *item: found.append(item), workers=workers)
    return found


def test_one_worker_runs_here_and_in_order() -> None:
    found = collect(where_am_i, 4, 1)
    assert found == [(i, os.getpid()) for i in range(4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_do_not_hang_on_the_number_of_workers(workers: int) -> None:
    assert dict(collect(draw, 5, workers)) == {i: draw(i) for i in range(5)}


def test_results_come_by_key_in_order_of_completion() -> None:
    found = collect(slow_first, 4, 2)
    assert [key for key, _ in found][-1] == 0  # slept longest, and kept its own numbers
    assert dict(found) == {i: draw(i) for i in range(4)}


def test_workers_are_processes_of_their_own() -> None:
    pids = {pid for _, pid in collect(where_am_i, 3, 2)}
    assert os.getpid() not in pids


def test_nothing_to_do_is_done() -> None:
    assert collect(draw, 0, None) == []
    assert available_workers() >= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_home_with_its_fields_and_keeps_what_was_handed_over(workers: int) -> None:
    found: list[int] = []
    with within(40), pytest.raises(StudyError, match="the third is refused") as caught:
        run_blocks(refuse_third, [(i, (i,)) for i in range(3)], lambda key, _: found.append(key), workers=workers)
    assert (caught.value.where, caught.value.why, caught.value.remedy) == ("x.yaml:3", "a test", "none")
    assert set(found) <= {0, 1}
    if workers == 1:
        assert found == [0, 1]


@pytest.mark.parametrize("function", [raise_awkwardly, die])
def test_an_error_that_cannot_travel_and_a_worker_that_dies_do_not_hang(function: Any) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        collect(function, 3, 2)
    assert not isinstance(caught.value, TimeoutError)


def test_arguments_that_cannot_travel_fail_at_once() -> None:
    lock = threading.Lock()
    with within(10), pytest.raises(TypeError, match="pickle"):
        run_blocks(draw, [(i, (lock,)) for i in range(2)], lambda *_: None, workers=2)


def test_an_error_of_the_receiver_stops_the_run_and_leaves_no_process() -> None:
    before = set(multiprocessing.active_children())

    def full(key: int, _: Any) -> None:
        raise OSError("no space left")

    with within(40), pytest.raises(OSError, match="no space left"):
        run_blocks(draw, [(i, (i,)) for i in range(6)], full, workers=2)
    assert set(multiprocessing.active_children()) == before
