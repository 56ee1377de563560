"""Blocks of work over processes: pure functions in, results by key out, in any order, stoppable."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

Key = TypeVar("Key")


def available_workers() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_blocks(
    function: Callable[..., Any],
    blocks: Iterable[tuple[Key, tuple[Any, ...]]],
    on_result: Callable[[Key, Any], None],
    *,
    workers: int | None = None,
) -> None:
    """Call ``function(*arguments)`` for every block and hand each result to ``on_result`` as it comes.

    Parameters
    ----------
    function : callable
        Pure, and importable by name: it runs in other processes, so its arguments must pickle.
    blocks : iterable of (key, arguments)
    on_result : callable
        Called in this process, in order of completion.
    workers : int, optional
        Processes; 1 runs everything here. All available processors by default.

    Notes
    -----
    An error or an interrupt drops the blocks not begun; results already handed over stay. Processes are
    spawned, not forked: libraries with threads of their own do not survive a fork.
    """
    pending = list(blocks)
    workers = min(workers or available_workers(), len(pending))
    if workers <= 1:
        for key, arguments in pending:
            on_result(key, function(*arguments))
        return
    pickle.dumps([arguments for _, arguments in pending[:1]])  # inside the pool this failure would hang it
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts_to_parent
    )
    try:
        futures = {pool.submit(function, *arguments): key for key, arguments in pending}
        for future in as_completed(futures):
            on_result(futures[future], future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
