"""Workers of a Dask cluster (doi 10.25080/Majora-7b98e3ed-013): same calls, same bytes, other machines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from senospine.errors import ClusterError
from senospine.runs.versions import fingerprint
from senospine.runs.work import Block, carry_out, killed, pack, unpack

_LOG = logging.getLogger("senospine.runs")
_PER_THREAD = 2  # blocks in flight: one runs while the next travels
_PATIENCE = 2.0  # seconds between looks at how large the cluster is


def run_on_cluster(
    function: Callable[..., Any],
    blocks: Iterator[tuple[Any, tuple[Any, ...]]],
    on_result: Callable[[Any, Any], None],
    scheduler: str,
) -> None:
    """Run blocks over the workers of a Dask scheduler; see :func:`senospine.runs.run_blocks`.

    Notes
    -----
    Dask itself gives a block whose worker died to another one, and reports it after a few deaths; but it blames
    every block that waited on the dead worker. So the blamed ones are tried again, each alone: one that is blamed
    alone is the cause.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError(
            "a Dask scheduler was given, but the package 'distributed' is not installed",
            remedy="pip install 'senospine[cluster]'",
        ) from None
    try:
        _knock(scheduler)
        client = Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            "no Dask scheduler answers",
            where=scheduler,
            why=str(error),
            remedy="check the address, and that it can be reached from this machine",
        ) from None
    flight = _Flight(client, scheduler, function, blocks, on_result)
    try:
        flight.run()
    except BaseException:
        if not flight.delivering:
            flight.hand_over_finished()
        raise
    finally:
        _give_up(client, list(flight.flying))


def _knock(scheduler: str) -> None:
    """Raise OSError or ValueError unless something answers; a client that finds nobody is slow to go away."""
    from distributed import Security
    from distributed.comm import connect

    async def knock() -> None:
        comm = await connect(scheduler, timeout=5, **Security().get_connection_args("client"))
        await comm.close()

    with ThreadPoolExecutor(1) as elsewhere:  # a notebook has a loop of its own in this thread
        elsewhere.submit(asyncio.run, knock()).result()


def _give_up(client: Any, futures: list[Any]) -> None:
    """Cancel what is under way and leave; a scheduler that is gone is no reason to complain."""
    try:
        if futures and client.status == "running":
            client.cancel(futures, force=True)
    except (OSError, TimeoutError):
        pass
    finally:
        client.close(timeout=2)


class _Flight:
    """The blocks under way on a cluster."""

    def __init__(
        self,
        client: Any,
        scheduler: str,
        function: Callable[..., Any],
        blocks: Iterator[tuple[Any, tuple[Any, ...]]],
        on_result: Callable[[Any, Any], None],
    ) -> None:
        self.client, self.scheduler = client, scheduler
        self.function, self.blocks, self.on_result = function, blocks, on_result
        self.flying: dict[Any, Block] = {}
        self.suspects: list[Block] = []
        self.delivering = self.exhausted = False
        self.likeness, self.run_id, self.count = fingerprint(), uuid.uuid4().hex, 0
        self.looked, self.width, self.told = float("-inf"), 0, False
        self.known: set[str] = set()

    def run(self) -> None:
        while True:
            alone = self.fill()
            if self.flying:
                self.settle(self.landed(), alone)
            elif self.exhausted:
                return
            else:  # no workers: a block sent now would meet one that was never greeted
                time.sleep(0.2)

    def fill(self) -> bool:
        """Send blocks until enough are in flight; return whether the only one is a suspect, sent alone."""
        if self.suspects:
            if self.flying:
                return False
            self.send(self.suspects.pop())
            return True
        width = self.wanted()
        while len(self.flying) < width:
            following = next(self.blocks, None)
            if following is None:
                self.exhausted = True
                break
            self.send(Block(*following))
        return False

    def send(self, block: Block) -> None:
        self.count += 1
        future = self.client.submit(
            carry_out_alike, self.likeness, pack(self.function, block), key=f"senospine-{self.run_id}-{self.count}"
        )
        self.flying[future] = block

    def wanted(self) -> int:
        """Return how many blocks to keep in flight: clusters grow and shrink."""
        if self.width == 0 or time.monotonic() - self.looked > _PATIENCE:
            try:
                workers = self.client.nthreads()
                self.greet([address for address in workers if address not in self.known])
            except (OSError, TimeoutError):
                raise self.lost() from None
            threads = sum(workers.values())
            self.looked, self.width = time.monotonic(), _PER_THREAD * threads
            if not threads and not self.told:
                _LOG.warning("%s has no workers: waiting for some", self.scheduler)
            self.told = not threads
        return self.width

    def greet(self, addresses: list[str]) -> None:
        """Ask new workers whether they know senospine: one that does not would die of its first block, in silence."""
        if not addresses:
            return
        for address, answer in self.client.run(fingerprint, workers=addresses, on_error="return").items():
            if isinstance(answer, dict):
                self.known.add(address)
            elif not isinstance(answer, OSError):  # that one merely died meanwhile
                raise self.unlike(f"worker {address} says: {answer}")

    def landed(self) -> list[Any]:
        from distributed import wait

        try:
            with self.client.as_current():
                return list(wait(list(self.flying), timeout=_PATIENCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except Exception as error:
            if self.is_gone(error):
                raise self.lost() from None
            raise

    def settle(self, landed: list[Any], alone: bool) -> None:
        """Hand results over, and suspect blocks that were reported to kill their workers."""
        good = [future for future in landed if future.status == "finished"]
        for future in landed:
            if future not in good:
                self.blame(future, alone)
        try:
            answers = self.client.gather(good)  # at once: each journey costs milliseconds
        except Exception as error:
            if self.is_gone(error):
                raise self.lost() from None
            raise
        for future, answer in zip(good, answers, strict=True):
            block = self.flying.pop(future)
            future.release()
            result = unpack(answer)
            self.delivering = True
            self.on_result(block.key, result)
            self.delivering = False

    def blame(self, future: Any, alone: bool) -> None:
        """Put a failed block aside to be tried alone, or raise why it failed."""
        from distributed import KilledWorker

        try:
            future.result()
        except KilledWorker as error:
            block = self.flying.pop(future)
            if alone:
                raise killed(block, error.allowed_failures + 1, f"Dask lost a worker each time: {error}") from None
            self.suspects.append(block)
        except Exception as error:
            if self.is_gone(error):
                raise self.lost() from None
            raise self.unlike(f"{type(error).__name__}: {error}") from error

    def hand_over_finished(self) -> None:
        """Deliver what has come back already, and nothing else."""
        for future in [item for item in self.flying if item.status == "finished"]:
            if self.client.status == "running" and not self.delivering:
                with contextlib.suppress(Exception):  # one error is being raised already
                    self.settle([future], alone=True)

    def is_gone(self, error: Exception) -> bool:
        from concurrent.futures import CancelledError

        from distributed import CancelledError as DaskCancelled

        return isinstance(error, (CancelledError, DaskCancelled, OSError)) or self.client.status != "running"

    def unlike(self, why: str) -> ClusterError:
        return ClusterError(
            "the cluster cannot run our blocks",
            where=self.scheduler,
            why=why,
            remedy="give the scheduler and every worker the same Python packages as this machine",
        )

    def lost(self) -> ClusterError:
        return ClusterError(
            "the Dask scheduler went away",
            where=self.scheduler,
            remedy="start it again and give the same command: it goes on from the blocks that are finished",
        )


def carry_out_alike(likeness: dict[str, str], call: bytes) -> bytes:
    """Carry out a call, on a worker that would give the same bytes as the machine that asked."""
    mine = fingerprint()
    differing = [name for name in sorted({*mine, *likeness}) if mine.get(name) != likeness.get(name)]
    if differing:
        shown = "; ".join(
            f"{name}: {likeness.get(name)!s:.60} here, {mine.get(name)!s:.60} there" for name in differing
        )
        error = ClusterError(
            f"the worker on {socket.gethostname()} is not like this machine",
            why=f"its results could differ in the last digits ({shown})",
            remedy="give every worker the same environment and one kind of processor",
        )
        return pickle.dumps((False, error, ""), protocol=5)
    return carry_out(call)
