"""A solver's process: commands in on standard input, answers out on standard output, one JSON object a line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .statement import Peer, Statement


def main() -> None:
    """Serve until told to end. Whatever a library prints goes to standard error, never between the answers."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    begin = time.perf_counter()
    try:
        module = importlib.import_module(f"{__package__}.{sys.argv[1]}")
    except Exception as error:  # noqa: BLE001 - a library that cannot be loaded is an answer
        _say(out, {"missing": f"{type(error).__name__}: {error}"})
        return
    _say(out, {"version": module.version(), "import_seconds": time.perf_counter() - begin})
    peer: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "load":
                begin = time.perf_counter()
                statement = Statement.read(Path(order["folder"]))
                peer = module.load(statement, Path(order["folder"]))
                answer = {"seconds": time.perf_counter() - begin, "settings": peer.settings}
            elif order["do"] == "solve":
                answer = _solve(peer, order)
            else:
                return
        except Exception as error:  # noqa: BLE001 - the solver's failure is reported with its own words
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        _say(out, answer)


def _solve(peer: Peer, order: dict[str, Any]) -> dict[str, Any]:
    """Time one block; with ``again`` its second run, so that what a solver keeps of the first one is not timed."""
    if order.get("cores") and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, order["cores"])
    block = peer.prepare(order["first"], order["count"])
    if order.get("again"):
        peer.solve(block, order["rtol"], order["setting"])
    wall, cpu = time.perf_counter(), time.process_time()
    values = peer.solve(block, order["rtol"], order["setting"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if order.get("save"):
        np.save(order["save"], values)
    failed = int((~np.isfinite(values).all(axis=(1, 2))).sum())
    return {"seconds": wall, "cpu_seconds": cpu, "failed": failed}


def _say(out: TextIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
