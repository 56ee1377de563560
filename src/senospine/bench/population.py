"""A population's year with nothing stored but sketches: how fast, in how much memory, and the same bytes each time."""

from __future__ import annotations

import hashlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from senospine.bench.reference_model import OUTPUT_TIMES, Reference, reference_model
from senospine.engine import (
    Area,
    End,
    Maximum,
    Mean,
    Minimum,
    Reduction,
    TimeBelow,
    TimeOfMinimum,
    compile_model,
)
from senospine.engine.lanes import LaneKernel
from senospine.runs import run_blocks
from senospine.runs.blocks import available_workers
from senospine.stats import QuantileSketch

if TYPE_CHECKING:
    from rich.console import Console

LAST = float(OUTPUT_TIMES[-1])
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MILLION = 1_000_000

#: what is kept of each subject's year; the model's time is in hours
KEPT: tuple[Reduction, ...] = (
    End("PAIN"), Mean("PAIN", LAST - 28 * 24, LAST), Minimum("PLT"), TimeOfMinimum("PLT"), TimeBelow("PLT", 150.0),
    Maximum("CA"), Area("CA"), Minimum("S1"), End("POR"),
)  # fmt: skip


@dataclass(frozen=True)
class PopulationResult:
    """What a run came to.

    Attributes
    ----------
    seconds, cpu_seconds : float
        By the clock from the first block to the last, processes started included; of the processors in blocks.
    peak_mebibytes : float or None
        The largest resident sizes of this process and of each worker, added; None where the system does not tell.
    first_half_mebibytes : float or None
        The same over the first half of the blocks: it tells whether memory grows with subjects.
    extrapolated_million_seconds, extrapolated_million_idle_seconds : float
        ``seconds`` for a million subjects if the rate stayed, and ``cpu_seconds`` shared by as many idle processors as
        there are workers; no measurements.
    quantiles : dict of str to list of float
        By reduction, at :data:`QUANTILES`, within ``relative_error``.
    sha256 : str
        Of the merged sketch: equal for equal subjects, tolerance and code path, whatever the blocks and workers.
    """

    subjects: int
    failed: int
    rtol: float
    block: int
    workers: int
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float | None
    first_half_mebibytes: float | None
    extrapolated_million_seconds: float
    extrapolated_million_idle_seconds: float
    quantiles: dict[str, list[float]]
    relative_error: float
    sha256: str
    code_path: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and words for JSON."""
        return asdict(self)


@lru_cache(maxsize=1)
def _kernel() -> tuple[Reference, LaneKernel]:
    reference = reference_model()
    kernel = compile_model(reference.model, reduce=KEPT)
    assert isinstance(kernel, LaneKernel)  # it has no events
    return reference, kernel


def solve_block(first: int, count: int, rtol: float) -> tuple[bytes, int, float, int, float | None]:
    """Return one block's sketch, failed subjects, processor seconds, process and its largest size so far [MiB]."""
    begun = time.process_time()
    reference, kernel = _kernel()
    population = reference.population(count, first=first)
    solution = kernel.solve(population, reference.schedule(population), [LAST], rtol=rtol, threads=1)
    sketch = QuantileSketch((len(KEPT),))
    sketch.update(np.column_stack([solution[item] for item in KEPT]))
    return sketch.to_bytes(), len(solution.failures), time.process_time() - begun, os.getpid(), _largest()


def run_population(
    subjects: int, *, rtol: float = 1e-4, block: int = 200, workers: int | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> PopulationResult:  # fmt: skip
    """Return the reduced year of ``subjects`` virtual subjects of the reference model, and what it cost.

    Parameters
    ----------
    subjects : int
        Subject i is the same whatever the number.
    rtol : float
        At 1e-4 the worst output of 128 subjects is within 5e-4.
    block : int
        Subjects solved at once by a process.
    workers : int, optional
        Processes; by default all processors.
    """
    _kernel()[1].build()  # once, so that workers find the machine code in the cache
    merged, failed, cpu, done = QuantileSketch((len(KEPT),)), 0, 0.0, 0
    largest: dict[int, float] = {}
    half: float | None = None

    def blocks() -> Iterator[tuple[int, tuple[int, int, float]]]:
        for first in range(0, subjects, block):
            yield first, (first, min(block, subjects - first), rtol)

    def take(first: int, found: tuple[bytes, int, float, int, float | None]) -> None:
        nonlocal failed, cpu, done, half
        content, lost, seconds, process, size = found
        merged.merge(QuantileSketch.from_bytes(content))
        failed, cpu, done = failed + lost, cpu + seconds, done + min(block, subjects - first)
        if size is not None:
            largest[process] = max(size, largest.get(process, 0.0))
        if half is None and 2 * done >= subjects:
            half = _sum_of(largest)
        if on_progress is not None:
            on_progress("subject-years", done, subjects)

    count = workers or available_workers()
    begun = time.perf_counter()
    run_blocks(solve_block, blocks(), take, workers=count)
    seconds = time.perf_counter() - begun
    rows = merged.quantile(QUANTILES)
    quantiles = {item.label: [float(value) for value in rows[:, i]] for i, item in enumerate(KEPT)}
    return PopulationResult(
        subjects, failed, rtol, block, count, seconds, cpu, _sum_of(largest), half, seconds * MILLION / subjects,
        cpu * MILLION / subjects / count,
        quantiles, merged.relative_error, hashlib.sha256(merged.to_bytes()).hexdigest(), _kernel()[1].code_path,
    )  # fmt: skip


def _sum_of(largest: dict[int, float]) -> float | None:
    """Return the largest sizes of all processes, this one's included."""
    own = _largest()
    return None if own is None else own + sum(size for process, size in largest.items() if process != os.getpid())


def _largest() -> float | None:
    """Return this process's largest resident size so far, in MiB."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 2**10


def print_population(console: Console, result: PopulationResult) -> None:
    """Print what a run came to."""
    from rich.table import Table

    table = Table(title=f"{result.subjects:,} virtual subject-years of the reference model, synthetic")
    table.add_column("kept of each subject")
    for quantile in QUANTILES:
        table.add_column(f"{quantile:.0%}", justify="right")
    for label, values in result.quantiles.items():
        table.add_row(label, *(f"{value:.4g}" for value in values))
    console.print(table)
    peak = result.peak_mebibytes
    rate = result.subjects / result.seconds
    lines = [
        f"{result.seconds:.1f} s with {result.workers} processes, {rate:,.0f} subject-years a second; "
        f"{result.cpu_seconds:.1f} s of processor time in blocks; {result.failed} failed; rtol {result.rtol:g}",
        "memory: not told by this system" if peak is None else f"memory of all processes at its peak: {peak:.0f} MiB "
        f"(after half of the subjects: {result.first_half_mebibytes or math.nan:.0f} MiB)",
        f"sketch {result.sha256[:16]}, quantiles within {result.relative_error:.2%}; {result.code_path}",
    ]  # fmt: skip
    if result.subjects < MILLION:
        minutes, idle = result.extrapolated_million_seconds / 60, result.extrapolated_million_idle_seconds / 60
        lines.append(
            f"extrapolated, not measured: a million subject-years in {minutes:.0f} min at this rate; by the processor "
            f"time spent, in {idle:.0f} min were {result.workers} processors free for it"
        )
    console.print("\n".join(lines), highlight=False)
