"""Derivatives of every output with respect to every parameter: this engine beside peers, at equal error."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from senospine.bench.contestant import DIFFERENTIATORS, Contestant, Timing, Trouble, contestants, load_all
from senospine.bench.machine import cores_allowed, describe
from senospine.bench.peers.statement import Event, Statement
from senospine.bench.problems import SEED, state
from senospine.bench.reference_model import DOSE_TIMES, DRUGS, OUTPUT_TIMES, reference_model
from senospine.bench.results import Row
from senospine.bench.tuning import Choice, tune, worst_errors
from senospine.engine.start import start_values
from senospine.errors import BenchmarkError, suggest
from senospine.model import Model

Array = NDArray[np.float64]
OURS = "senospine_sensitivities"
UNCHECKED, PAIR = "senospine, errors not stated", "senospine, two threads"
LADDER = tuple(round(step * 10.0**-power, 9) for power in (2, 3, 4, 5) for step in (1.0, 0.3))
#: a derivative per relative change below this part of the output's peak is measured by it
FLOOR = 1e-3
#: what the peers' tight solution, the third route to the truth, is asked for
TIGHT = 1e-8
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SensitivityBenchmark:
    """All solvers on one problem.

    Attributes
    ----------
    lsoda, peers : float or None
        Worst difference of the truth (differences of sixth order, lanes) from SciPy's LSODA on a few parameters, and
        from the forward sensitivities of each peer at a tight tolerance.
    """

    machine: dict[str, Any]
    target: float
    rounds: int
    checked: int
    states: int
    parameters: int
    output_times: int
    outputs: int
    lsoda: float | None
    peers: dict[str, float]
    rows: list[Row]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self) | {"seconds": {row.label: 1 / row.rate for row in self.rows if row.rate}}


def sensitivity_problem(subjects: int) -> tuple[Statement, Array]:
    """Return the reference model with its doses as parameters, and how its initial values hang on parameters."""
    reference = reference_model(7, unit_doses=True)
    events = [Event(time, "bolus", f"G{drug}", 1.0) for time in DOSE_TIMES for drug in DRUGS]
    population = reference.population(subjects, SEED)
    name = f"sensitivities-{len(reference.model.states)}"
    statement = state(name, reference.model, reference.outputs, population, events, OUTPUT_TIMES, 0.0, subjects)
    return statement, initial_slopes(reference.model)


def initial_slopes(model: Model) -> Array:
    """Return derivatives of initial values with respect to parameters, shape (n_states, n_parameters)."""
    names = list(model.parameters)
    at = np.array(list(model.parameters.values()))
    step = 1e-3 * np.where(at == 0.0, 1.0, np.abs(at))
    moved = np.concatenate([at + np.diag(step), at - np.diag(step)])
    first, _ = start_values(model, dict(zip(names, moved.T, strict=True)), {}, 0.0, len(moved))
    return np.asarray((first[: len(at)] - first[len(at) :]).T / (2 * step))


def run_sensitivity_benchmark(
    peers: Sequence[str] | None = None, *, peer_python: str | None = None, rounds: int = 5, subjects: int = 1,
    target: float = 1e-3, work: Path | None = None, on_progress: Progress | None = None,
    given: tuple[Statement, Array] | None = None,
) -> SensitivityBenchmark:  # fmt: skip
    """Return how long 61 derivatives of one subject take, everyone at the fastest setting under the same error.

    Parameters
    ----------
    peers : sequence of str, optional
        All by default.
    subjects : int
        On how many errors are measured; every round differentiates another one of them.
    target : float
        Largest error over parameters, outputs, times and subjects: the difference from the truth of the derivative per
        relative change of the parameter, over the largest of its size, 1 % of its peak in time, and 0.1 % of the
        output's peak.
    peer_python, rounds, work, on_progress
        As in :func:`senospine.bench.run_benchmark`.
    given : statement and slopes of its initial values, optional
        Another problem.

    Raises
    ------
    BenchmarkError
        An unknown name, or our own engine cannot be run.
    """
    chosen = (
        [name for name in DIFFERENTIATORS if name != OURS] if peers is None else [f"{p}_sensitivities" for p in peers]
    )
    for name in chosen:
        if name not in DIFFERENTIATORS:
            known = [item.removesuffix("_sensitivities") for item in DIFFERENTIATORS]
            peer = name.removesuffix("_sensitivities")
            raise BenchmarkError(f"no peer '{peer}' that has sensitivities", remedy=suggest(peer, known))
    statement, slopes = given or sensitivity_problem(subjects)
    report = on_progress or (lambda what, done, of: None)
    machine = describe()
    with ExitStack() as stack:
        folder = (work or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        home = folder / statement.name
        statement.write(home)
        np.save(home / "initial_slopes.npy", slopes)
        entrants = contestants([OURS, *(name for name in chosen if name != OURS)], peer_python, folder)
        return _compare(statement, entrants, home, stack, machine, rounds, subjects, target, report)


def _compare(
    statement: Statement, entrants: list[Contestant], home: Path, stack: ExitStack, machine: dict[str, Any],
    rounds: int, subjects: int, target: float, report: Progress,
) -> SensitivityBenchmark:  # fmt: skip
    cores = cores_allowed()
    pin, scales = cores[-1:], [1.0] * (len(statement.outputs) * len(statement.parameters))
    choices = dict[str, Choice]()
    _, out = load_all(entrants, home, stack, lambda done, of: report(f"{statement.name}: load", done, of))
    by_name = {entrant.name: entrant for entrant in entrants}
    rows = {name: _row(statement, by_name[name], *why) for name, why in out.items()}
    if OURS in rows:
        raise BenchmarkError("our own engine could not be loaded", why=rows[OURS].words)
    report(f"{statement.name}: truth", 0, 1)
    truth, _ = entrants[0].values(0, subjects, TIGHT, {"way": "differences"})
    floor = np.repeat(FLOOR * _peaks(statement, subjects), len(statement.parameters), axis=2)
    running = [entrant for entrant in entrants if entrant.name not in rows]
    lsoda, checks = _cross_checks(statement, running, truth, scales, floor)
    for number, entrant in enumerate(running):
        report(f"{statement.name}: tune", number, len(running))
        try:
            choices[entrant.name] = tune(entrant, truth, scales, target, pin, LADDER, floor=floor)
        except Trouble as trouble:
            rows[entrant.name] = _row(statement, entrant, "failed", str(trouble))
    if OURS not in choices:
        raise BenchmarkError("our own engine could not be measured", why=rows[OURS].words)
    laps = dict[str, list[Timing]]()
    for number in range(rounds):
        report(f"{statement.name}: rounds", number, rounds)
        for entrant in (item for item in running if item.name in choices):
            choice, first = choices[entrant.name], number % subjects
            laps.setdefault(entrant.name, []).append(entrant.solve(first, 1, choice.rtol, choice.setting, cores=pin))
            if entrant.name == OURS:
                for label, more, where in ((UNCHECKED, {"errors": "none"}, pin), (PAIR, {"threads": 2}, cores)):
                    lap = entrant.solve(first, 1, choice.rtol, choice.setting | more, cores=where)
                    laps.setdefault(label, []).append(lap)
    measured = [
        _measured(statement, entrant, choices[entrant.name], laps, label)
        for entrant in running if entrant.name in choices
        for label in ([OURS, UNCHECKED, PAIR] if entrant.name == OURS else [entrant.name])
    ]  # fmt: skip
    return SensitivityBenchmark(
        machine, target, rounds, subjects, len(statement.states), len(statement.parameters), len(statement.times),
        len(statement.outputs), lsoda, checks, [*measured, *rows.values()],
    )  # fmt: skip


def _peaks(statement: Statement, subjects: int) -> Array:
    """Return the largest value of each output, shape (n_subjects, 1, n_outputs)."""
    from senospine.bench.peers.senospine_lanes import load as load_lanes

    with tempfile.TemporaryDirectory() as folder:
        ours = load_lanes(statement, Path(folder))
        values = ours.solve(ours.prepare(0, subjects), 1e-6, ours.settings[0])
    return np.asarray(np.abs(values).max(axis=1, keepdims=True))


def _cross_checks(
    statement: Statement, running: list[Contestant], truth: Array, scales: list[float], floor: Array
) -> tuple[float | None, dict[str, float]]:
    """Return how far SciPy's differences and the peers' tight derivatives are from the truth, on the first subject."""
    lsoda, checks = None, {}
    with suppress(Trouble):
        values, _ = running[0].values(0, 1, TIGHT, {"way": "LSODA"})
        known = np.isfinite(values[0, 0])
        lsoda = float(worst_errors(values[:, :, known], truth[:1, :, known], [1.0], floor[:1, :, known]).max())
    for peer in running[1:]:
        with suppress(Trouble):
            values, _ = peer.values(0, 1, TIGHT, peer.settings[0])
            checks[peer.label] = float(worst_errors(values, truth[:1], scales, floor[:1]).max())
    return lsoda, checks


def _row(statement: Statement, entrant: Contestant, status: str, words: str) -> Row:
    return Row(statement.name, entrant.name, entrant.label, status, words, entrant.version)


def _measured(
    statement: Statement, entrant: Contestant, choice: Choice, laps: dict[str, list[Timing]], which: str
) -> Row:
    own, mine = laps[which], laps[OURS]
    return Row(
        statement.name, entrant.name, entrant.label if which == entrant.name else which, "measured", "",
        entrant.version,
        ", ".join(f"{key} {value}" for key, value in choice.setting.items()), choice.rtol, choice.error,
        [lap.rate for lap in own], [lap.cpu_rate for lap in own], 1, sum(lap.failed for lap in own),
        statistics.median(us.rate / them.rate for us, them in zip(mine, own, strict=True)),
        statistics.median(us.cpu_rate / them.cpu_rate for us, them in zip(mine, own, strict=True)),
        entrant.import_seconds, None, choice.tried,
    )  # fmt: skip


def print_sensitivity_benchmark(console: Console, benchmark: SensitivityBenchmark) -> None:
    """Print the table, the settings and the checks of the truth."""
    title = (
        f"{benchmark.parameters} derivatives of {benchmark.outputs} outputs at {benchmark.output_times} times, "
        f"one subject, {benchmark.states} states, worst error ≤ {benchmark.target:g}"
    )
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for name in ("solver", "seconds", "range", "rtol", "worst error", "ours ×", "ours × (processor time)"):
        table.add_column(name, justify="left" if name == "solver" else "right")
    for row in (item for item in benchmark.rows if item.rate):
        range_ = f"{1 / max(row.rates):.3g}-{1 / min(row.rates):.3g}"
        ratios = ("", "") if row.label == "senospine" else (f"{row.times_faster:.1f}", f"{row.times_faster_cpu:.1f}")
        table.add_row(
            row.label, f"{1 / (row.rate or 1):.3g}", range_, f"{row.rtol:g}", f"{row.worst_error:.1e}", *ratios
        )
    console.print(table)
    for row in benchmark.rows:
        console.print(f"  {row.label} {row.version}: {row.setting or row.words}")
    against = [f"SciPy on a few parameters {benchmark.lsoda:.0e}"] if benchmark.lsoda is not None else []
    against += [f"{name} at rtol {TIGHT:g} {error:.0e}" for name, error in benchmark.peers.items()]
    console.print(f"truth (differences of sixth order) against {', '.join(against) or 'nobody'}")
    machine = benchmark.machine
    console.print(f"{machine['processor']}, {machine['cores']} cores, load before {machine['load_before']}")
