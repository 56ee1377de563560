"""Blocks that worker processes can import, and a little run in a folder that a test may kill."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from senospine.randomness import stream
from senospine.runs import OutcomeFolder, run_blocks

INPUTS = {"study": "little", "seed": 1}
BLOCKS = 24


def draw(subject: int) -> np.ndarray:
    """Return numbers that hang on the subject and on nothing else."""
    return stream(1, "block", subject).standard_normal(50)


def slow_draw(subject: int, seconds: float) -> np.ndarray:
    time.sleep(seconds)
    return draw(subject)


def draw_or_die_once(subject: int, deadly: tuple[int, ...], marks: str) -> np.ndarray:
    """Kill the worker the first time a deadly subject comes along."""
    mark = Path(marks) / str(subject)
    if subject in deadly and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(subject)


def draw_or_die(subject: int, deadly: int) -> np.ndarray:
    """Kill every worker that is given the deadly subject."""
    if subject == deadly:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(subject)


def refuse_seventh(subject: int) -> np.ndarray:
    if subject == 7:
        raise ZeroDivisionError("the seventh")
    return draw(subject)


def table_of(subject: int, seconds: float) -> Any:
    import pyarrow as pa

    return pa.table({"x": slow_draw(subject, seconds)})


def little_run(folder: Path, *, seconds: float = 0.0, blocks: int = BLOCKS, **options: Any) -> None:
    """Run blocks into a folder, as a study does."""
    with OutcomeFolder(folder, {**INPUTS, "blocks": blocks}) as out:
        todo = ((f"{i:04d}", (i, seconds)) for i in range(blocks) if not out.has(f"{i:04d}"))
        run_blocks(table_of, todo, lambda key, table: out.write_part(key, table, {"animals": 50}), **options)
        out.write_manifest("complete")


if __name__ == "__main__":
    little_run(Path(sys.argv[1]), seconds=float(sys.argv[2]), workers=int(sys.argv[3]))
