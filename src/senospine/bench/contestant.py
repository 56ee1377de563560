"""A solver's process seen from here: start, ask, wait no longer than allowed, start again if it died."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.bench.peers.statement import Setting

Array = NDArray[np.float64]

#: name -> what people call it; the first three need senospine and always run in this Python
LABELS = {
    "senospine_lanes": "senospine",
    "senospine_again": "senospine, doses read before",
    "scipy_lsoda": "SciPy LSODA",
    "roadrunner": "libRoadRunner",
    "amici": "AMICI",
    "pydiffsol": "pydiffsol",
}
#: those that have forward sensitivities
DIFFERENTIATORS = {
    "senospine_sensitivities": "senospine",
    "amici_sensitivities": "AMICI",
    "pydiffsol_sensitivities": "pydiffsol",
}
OURS, AGAIN = "senospine_lanes", "senospine_again"
OWN = (OURS, "scipy_lsoda", "senospine_sensitivities")
_ONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")


class Trouble(Exception):
    """The solver could not do what it was asked; the text is its own."""


@dataclass(frozen=True)
class Timing:
    """How long a block of subjects took."""

    subjects: int
    seconds: float
    cpu_seconds: float
    failed: int

    @property
    def rate(self) -> float:
        """Subjects per second."""
        return self.subjects / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Subjects per second of processor time, which other jobs on the machine change less."""
        return self.subjects / max(self.cpu_seconds, 1e-9)


@dataclass
class Contestant:
    """One solver in a process of its own.

    Attributes
    ----------
    missing : str
        Why it cannot run here, or nothing.
    settings : list of dict
        Ways to run it, known after :meth:`load`.
    """

    name: str
    python: str
    work: Path
    timeout: float = 900.0
    version: str = ""
    missing: str = ""
    import_seconds: float = float("nan")
    settings: list[Setting] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _answers: queue.Queue[str] = field(default_factory=queue.Queue, repr=False)
    _listener: threading.Thread = field(default_factory=threading.Thread, repr=False)
    _loaded: Path | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """What people call it."""
        return (LABELS | DIFFERENTIATORS)[self.name]

    def start(self) -> None:
        """Start the process; a solver that cannot be imported is marked missing."""
        here = Path(__file__).parent
        package = "senospine.bench.peers" if self.name in OWN else "peers"
        root = here.parents[1] if self.name in OWN else here
        environment = os.environ | dict.fromkeys(_ONE, "1")
        environment["PYTHONPATH"] = str(root)
        environment["PATH"] = os.pathsep.join([str(Path(self.python).parent), environment.get("PATH", "")])
        with (self.work / f"{self.name}.log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [self.python, "-m", package, self.name], env=environment, cwd=self.work, text=True, encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self._answers = queue.Queue()
        self._listener = threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True)
        self._listener.start()
        hello = self._hear(self.timeout)
        self.missing = hello.get("missing", "")
        self.version, self.import_seconds = hello.get("version", ""), hello.get("import_seconds", float("nan"))

    def load(self, folder: Path) -> float:
        """Load a statement; return seconds, building included."""
        answer = self._ask(do="load", folder=str(folder))
        self._loaded, self.settings = folder, answer["settings"]
        return float(answer["seconds"])

    def solve(
        self, first: int, count: int, rtol: float, setting: Setting, *, cores: list[int] | None = None,
        timeout: float | None = None, again: bool = False,
    ) -> Timing:  # fmt: skip
        """Time a block of subjects, or with ``again`` its second run."""
        answer = self._ask(
            timeout, do="solve", first=first, count=count, rtol=rtol, setting=setting, cores=cores, save=None,
            again=again,
        )  # fmt: skip
        return Timing(count, answer["seconds"], answer["cpu_seconds"], answer["failed"])

    def values(
        self, first: int, count: int, rtol: float, setting: Setting, *, cores: list[int] | None = None,
        timeout: float | None = None,
    ) -> tuple[Array, Timing]:  # fmt: skip
        """Return the outputs of a block, shape (n_subjects, n_times, n_outputs), and its timing."""
        path = self.work / f"{self.name}.npy"
        answer = self._ask(
            timeout, do="solve", first=first, count=count, rtol=rtol, setting=setting, cores=cores, save=str(path)
        )
        return np.load(path), Timing(count, answer["seconds"], answer["cpu_seconds"], answer["failed"])

    def stop(self) -> None:
        """End the process, politely if it listens."""
        if self._process is None:
            return
        try:
            self._tell({"do": "end"})
            self._process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        self._forget()

    def _tell(self, order: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _forget(self, kill: bool = False) -> int:
        """Wait for the process, close what led to it, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if kill:
            process.kill()
        code = process.wait()
        self._listener.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return code

    def _ask(self, timeout: float | None = None, **order: Any) -> dict[str, Any]:
        """Return the answer to an order; a process that died before is started again first."""
        if self._process is None:
            self.start()
            if self._loaded is not None and order["do"] != "load":
                self._ask(do="load", folder=str(self._loaded))
        try:
            self._tell(order)
        except OSError:
            self._forget(kill=True)
            raise Trouble("its process has ended") from None
        answer = self._hear(timeout or self.timeout)
        if "error" in answer:
            raise Trouble(answer["error"])
        return answer

    def _hear(self, timeout: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self._forget(kill=True)
            raise Trouble(f"no answer within {timeout:g} s") from None
        if not line:
            raise Trouble(f"its process died with code {self._forget()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


def contestants(names: list[str], peer_python: str | None, work: Path, timeout: float = 900.0) -> list[Contestant]:
    """Return solvers, not started: ours in this Python, peers in the one given."""
    return [
        Contestant(name, sys.executable if name in OWN else peer_python or sys.executable, work, timeout)
        for name in names
    ]


def load_all(
    entrants: Sequence[Contestant], home: Path, stack: ExitStack, on_loading: Callable[[int, int], None]
) -> tuple[dict[str, float], dict[str, tuple[str, str]]]:
    """Start every solver and let it read the problem in ``home``; ``stack`` stops them.

    Returns
    -------
    loads : dict of str to float
        Seconds, of those that could.
    out : dict of str to (str, str)
        Status and words of those that could not.
    """
    loads: dict[str, float] = {}
    out: dict[str, tuple[str, str]] = {}
    for number, entrant in enumerate(entrants):
        on_loading(number, len(entrants))
        stack.callback(entrant.stop)
        try:
            entrant.start()
            if entrant.missing:
                out[entrant.name] = ("not installed", entrant.missing)
            else:
                loads[entrant.name] = entrant.load(home)
        except Trouble as trouble:
            out[entrant.name] = ("failed", str(trouble))
    return loads, out
