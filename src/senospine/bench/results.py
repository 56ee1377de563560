"""What a benchmark comes to: a row for each solver on each model, and the machine it ran on."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One solver on one model.

    Attributes
    ----------
    status : {'measured', 'not installed', 'failed'}
    words : str
        Why, if it was not measured.
    rates, cpu_rates : list of float
        Subjects a second in each round, on one core, by the clock and by processor time.
    subjects_failed : int
        Subjects in all rounds that this solver could not finish.
    times_faster, times_faster_cpu : float
        Median over rounds of our rate over this one's.
    load_seconds : float
        Reading the model and building code; a peer's build that was kept from before is not built again.
    """

    model: str
    solver: str
    label: str
    status: str
    words: str = ""
    version: str = ""
    setting: str = ""
    rtol: float | None = None
    worst_error: float | None = None
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)
    subjects_a_round: int = 0
    subjects_failed: int = 0
    times_faster: float | None = None
    times_faster_cpu: float | None = None
    import_seconds: float | None = None
    load_seconds: float | None = None
    tried: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """Median subjects a second, by the clock."""
        return statistics.median(self.rates) if self.rates else None

    @property
    def cpu_rate(self) -> float | None:
        """Median subjects a second of processor time."""
        return statistics.median(self.cpu_rates) if self.cpu_rates else None


@dataclass(frozen=True)
class ModelResult:
    """All solvers on one model.

    Attributes
    ----------
    checked : int
        Subjects on which errors were measured.
    cross_check : float
        Worst difference between our tight solution, which is the truth here, and SciPy's.
    threads_speedup, threads_speedup_again : list of float
        Each round's rate with two threads over that with one; whole calls, and with the doses read before.
    fresh : dict
        Seconds of import, reading and building, without and with a cache, in fresh processes.
    """

    model: str
    states: int
    parameters: int
    doses: int
    output_times: int
    checked: int
    cross_check: float | None
    rows: list[Row]
    threads_speedup: list[float]
    threads_speedup_again: list[float]
    fresh: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Benchmark:
    """The machine and what was measured on it."""

    machine: dict[str, Any]
    target: float
    rounds: int
    models: list[ModelResult]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = asdict(self)
        for result, item in zip(self.models, plain["models"], strict=True):
            for row, words in zip(result.rows, item["rows"], strict=True):
                words |= {"rate": row.rate, "cpu_rate": row.cpu_rate}
        return plain
