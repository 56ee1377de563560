"""Speed, measured: this engine beside others, tuned alike, in interleaved rounds."""

from senospine.bench.compare import run_benchmark
from senospine.bench.problems import PROBLEMS, problem
from senospine.bench.results import Benchmark, ModelResult, Row
from senospine.bench.show import draw_benchmark, print_benchmark
from senospine.bench.tuning import worst_errors

__all__ = [
    "PROBLEMS",
    "Benchmark",
    "ModelResult",
    "Row",
    "draw_benchmark",
    "print_benchmark",
    "problem",
    "run_benchmark",
    "worst_errors",
]
