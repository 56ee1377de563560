"""Processes of this machine: a worker that dies costs its block a try, never the run.

The standard library's pool breaks as a whole when one process dies and cannot say whose block it was; here every
process has a pipe of its own and holds one block, so the cause is known and only the dead are replaced.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any

from senospine.errors import ClusterError
from senospine.runs.work import DEATHS_ALLOWED, Block, carry_out, killed, pack, unpack

# spawned, not forked: libraries with threads of their own do not survive a fork
_CONTEXT = multiprocessing.get_context("spawn")


class _Worker:
    """A process, the pipe to it, and the block it holds."""

    def __init__(self) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # or its death would not close the pipe
        self.block: Block | None = None
        self.started = self.reading = False

    def receive(self) -> bytes:
        """Return what it sent; raises EOFError or OSError if it died."""
        self.reading = True  # an interrupt in here leaves half a message in the pipe
        message = self.pipe.recv_bytes()
        self.reading = False
        return message

    def end(self, at_once: bool) -> int | None:
        """Stop the process and return its exit code."""
        self.pipe.close()  # it leaves by itself when it next looks
        if at_once:
            self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return self.process.exitcode


class _Pool:
    """The parent's side: who holds what, and what is still to do."""

    def __init__(
        self,
        function: Callable[..., Any],
        blocks: Iterator[tuple[Any, tuple[Any, ...]]],
        on_result: Callable[[Any, Any], None],
        size: int,
    ) -> None:
        self.function, self.blocks, self.on_result = function, blocks, on_result
        self.again: list[Block] = []
        self.exhausted = self.delivering = False
        self.idle_deaths = 0
        self.workers: list[_Worker] = []
        for _ in range(size):
            self.workers.append(_Worker())

    def run(self) -> None:
        while not (self.exhausted and not self.again and all(worker.block is None for worker in self.workers)):
            handles = [item for worker in self.workers for item in (worker.pipe, worker.process.sentinel)]
            ready = set(connection.wait(handles))
            for worker in list(self.workers):
                if worker.pipe in ready or worker.process.sentinel in ready:
                    self.attend(worker)

    def attend(self, worker: _Worker) -> None:
        """Take what a worker sent, give it the next block, then hand the result over; or bury it."""
        try:
            if not worker.pipe.poll() and worker.process.exitcode is not None:
                raise EOFError
            message = worker.receive()
        except (EOFError, OSError):
            self.bury(worker)
            return
        done, worker.block = worker.block, None
        if not worker.started:
            worker.started, done = True, None
        self.give(worker)
        if done is not None:
            self.deliver(done, message)

    def give(self, worker: _Worker) -> None:
        block = self.next_block()
        if block is None:
            return
        call = pack(self.function, block)
        worker.block = block
        try:
            worker.pipe.send_bytes(call)
        except OSError:  # it died before it had the block: the block is not to blame
            worker.block = None
            self.again.append(block)

    def next_block(self) -> Block | None:
        if self.again:
            return self.again.pop()
        following = next(self.blocks, None)
        self.exhausted = following is None
        return None if following is None else Block(*following)

    def deliver(self, block: Block, message: bytes) -> None:
        result = unpack(message)
        self.delivering = True
        self.on_result(block.key, result)
        self.delivering = False

    def bury(self, worker: _Worker) -> None:
        """Replace a dead worker; its block is tried again, until it is held to be the cause."""
        code = worker.end(at_once=True)
        self.workers.remove(worker)
        block, how = worker.block, _cause(code)
        if block is not None:
            block.deaths += 1
            if block.deaths >= DEATHS_ALLOWED:
                raise killed(block, block.deaths, how)
            self.again.append(block)
        else:
            self.idle_deaths += 1
            if self.idle_deaths >= DEATHS_ALLOWED:
                raise ClusterError(
                    "the worker processes die before they are given any work",
                    why=how,
                    remedy="in a script of your own, call this under `if __name__ == '__main__':`; or use one worker",
                )
        self.workers.append(_Worker())

    def hand_over_finished(self) -> None:
        """Deliver what has come back already, and nothing else."""
        for worker in self.workers:
            block, ready = worker.block, worker.started and not worker.reading
            if block is not None and ready and not self.delivering and worker.pipe.poll():
                worker.block = None
                with contextlib.suppress(Exception):  # one error is being raised already
                    self.deliver(block, worker.receive())


def run_in_processes(
    function: Callable[..., Any],
    blocks: Iterator[tuple[Any, tuple[Any, ...]]],
    on_result: Callable[[Any, Any], None],
    size: int,
) -> None:
    """Run blocks over ``size`` processes; see :func:`senospine.runs.run_blocks`."""
    pool = _Pool(function, blocks, on_result, size)
    at_once = True
    try:
        pool.run()
        at_once = False
    except BaseException:
        if not pool.delivering:  # else nothing more can be handed over
            pool.hand_over_finished()
        raise
    finally:
        for worker in pool.workers:
            if at_once:
                worker.process.terminate()
        for worker in pool.workers:
            worker.end(at_once)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"the process ended by itself with exit code {code}"


def _serve(pipe: connection.Connection) -> None:
    """Work until the parent closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    answer = b"ready"
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe: nothing is left to do
        while True:
            pipe.send_bytes(answer)
            del answer  # or it would stay while the next one is made
            answer = carry_out(pipe.recv_bytes())


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
