"""Solvers against each other: everyone tuned, then rounds A B C A B C, then medians and ratios within rounds."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from senospine.bench.contestant import AGAIN, LABELS, OURS, Contestant, Timing, Trouble, contestants, load_all
from senospine.bench.machine import cores_allowed, describe, fresh_process
from senospine.bench.peers.statement import Statement
from senospine.bench.problems import PROBLEMS, problem
from senospine.bench.results import Benchmark, ModelResult, Row
from senospine.bench.tuning import Array, Choice, tune, worst_errors
from senospine.errors import BenchmarkError, suggest

ORACLE = "scipy_lsoda"
TWO, TWO_AGAIN = "two threads", "two threads again"
TRUTH, CROSS_CHECK, CROSS_CHECKED = 1e-10, 1e-9, 4
#: subjects that there are to draw blocks from
POPULATION = {"reference": 2048, "mouse": 16384}
Progress = Callable[[str, int, int], None]


def run_benchmark(
    models: Sequence[str] | None = None, peers: Sequence[str] | None = None, *, peer_python: str | None = None,
    rounds: int = 5, subjects: int = 64, seconds: float = 2.0, target: float = 1e-3, work: Path | None = None,
    on_progress: Progress | None = None,
) -> Benchmark:  # fmt: skip
    """Return speeds of this engine and its peers, everyone at the fastest setting that keeps the same accuracy.

    Parameters
    ----------
    models, peers : sequence of str, optional
        Names; all by default. A peer that is not installed becomes a row that says so.
    peer_python : str, optional
        Another Python, in whose environment the peers are installed.
    rounds : int
    subjects : int
        On how many errors are measured.
    seconds : float
        Roughly how long each solver works in a round.
    target : float
        Largest error allowed.
    work : path, optional
        Folder to keep the peers' builds and logs in; a temporary one by default.
    on_progress : callable, optional
        Called with (what, done, of).

    Raises
    ------
    BenchmarkError
        An unknown name, or our own engine cannot be run.

    Notes
    -----
    Cost: minutes for each model; AMICI compiles C++ for a minute or more.
    """
    names, solvers = (
        list(models or PROBLEMS),
        list(peers if peers is not None else [item for item in LABELS if item not in {OURS, AGAIN}]),
    )
    for kind, given, known in (
        ("model", names, list(PROBLEMS)),
        ("peer", solvers, [item for item in LABELS if item != AGAIN]),
    ):
        for name in given:
            if name not in known:
                raise BenchmarkError(f"no benchmark {kind} '{name}'", remedy=suggest(name, known))
    report = on_progress or (lambda what, done, of: None)
    machine = describe()
    with ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        results = []
        for name in names:
            statement = problem(name, POPULATION[name.split("-")[0]])
            entrants = contestants([OURS, *(item for item in solvers if item != OURS)], peer_python, folder.resolve())
            results.append(compare(statement, entrants, folder, rounds, subjects, seconds, target, report))
    return Benchmark(machine, target, rounds, results)


def compare(
    statement: Statement, entrants: list[Contestant], folder: Path, rounds: int, subjects: int, seconds: float,
    target: float, report: Progress,
) -> ModelResult:  # fmt: skip
    """Return all solvers on one problem; the first one has to be ours."""
    home = folder.resolve() / statement.name
    statement.write(home)
    cores = cores_allowed()
    pin = cores[-1:]
    chosen: dict[str, Choice] = {}
    scales = [statement.scales[column] for column in statement.columns()]
    with ExitStack() as stack:
        loads, out = load_all(entrants, home, stack, lambda done, of: report(f"{statement.name}: load", done, of))
        by_name = {entrant.name: entrant for entrant in entrants}
        rows = {name: _row(statement, by_name[name], *why) for name, why in out.items()}
        truth, cross_check = _truth(entrants, rows, subjects, scales, pin)
        running = [entrant for entrant in entrants if entrant.name not in rows]
        for number, entrant in enumerate(running):
            report(f"{statement.name}: tune", number, len(running))
            try:
                chosen[entrant.name] = tune(entrant, truth, scales, target, pin, most=len(statement.values))
            except Trouble as trouble:
                rows[entrant.name] = _row(statement, entrant, "failed", str(trouble), loads[entrant.name])
        if OURS not in chosen:
            raise BenchmarkError("our own engine could not be measured", why=rows[entrants[0].name].words)
        running = [entrant for entrant in running if entrant.name in chosen]
        laps, broken = _rounds(statement, running, chosen, rounds, seconds, pin, cores, report)
        if OURS in broken:
            raise BenchmarkError("our own engine could not be measured", why=broken[OURS])
    for entrant in running:
        if entrant.name in broken:
            rows[entrant.name] = _row(statement, entrant, "failed", broken[entrant.name], loads[entrant.name])
            continue
        rows[entrant.name] = _measured(statement, entrant, chosen[entrant.name], laps, loads[entrant.name])
    report(f"{statement.name}: fresh processes", 0, 1)
    ours = [rows.pop(OURS), _measured(statement, entrants[0], chosen[OURS], laps, loads[OURS], AGAIN)]
    speedups = [
        [pair.rate / one.rate for pair, one in zip(laps[two], laps[single], strict=True)]
        for two, single in ((TWO, OURS), (TWO_AGAIN, AGAIN))
    ]
    return ModelResult(
        statement.name, len(statement.states), len(statement.parameters), len(statement.moments()),
        len(statement.times), subjects, cross_check, [*ours, *(rows[entrant.name] for entrant in entrants[1:])],
        speedups[0], speedups[1], fresh_process(statement),
    )  # fmt: skip


def _truth(
    entrants: list[Contestant], rows: dict[str, Row], subjects: int, scales: list[float], pin: list[int]
) -> tuple[Array, float | None]:
    """Return our tight solution and how far SciPy's is from it."""
    ours = entrants[0]
    if ours.name in rows:
        raise BenchmarkError("our own engine could not be loaded", why=rows[ours.name].words)
    try:
        truth, timing = ours.values(0, subjects, TRUTH, ours.settings[0], cores=pin)
    except Trouble as trouble:
        raise BenchmarkError("our own engine could not be run", why=str(trouble)) from None
    if timing.failed:
        raise BenchmarkError(f"{timing.failed} subjects could not be solved tightly", remedy="take other subjects")
    oracle = next((item for item in entrants if item.name == ORACLE and item.name not in rows), None)
    if oracle is None:
        return truth, None
    few = min(CROSS_CHECKED, subjects)
    with suppress(Trouble):
        other, _ = oracle.values(0, few, CROSS_CHECK, oracle.settings[0], cores=pin)
        return truth, float(worst_errors(other, truth[:few], scales).max())
    return truth, None


def _rounds(
    statement: Statement, running: list[Contestant], chosen: dict[str, Choice], rounds: int, seconds: float,
    pin: list[int], cores: list[int], report: Progress,
) -> tuple[dict[str, list[Timing]], dict[str, str]]:  # fmt: skip
    """Return each solver's timings, and why some broke off.

    Every round takes other subjects, and every solver has its turn in it.
    """
    population = len(statement.values)
    laps: dict[str, list[Timing]] = {
        name: [] for name in [*(entrant.name for entrant in running), AGAIN, TWO, TWO_AGAIN]
    }
    broken: dict[str, str] = {}
    for number in range(rounds):
        report(f"{statement.name}: rounds", number, rounds)
        for entrant in (item for item in running if item.name not in broken):
            choice = chosen[entrant.name]
            count = max(1, min(population, round(choice.timing.rate * seconds)))
            first = number * count % (population - count + 1)
            try:
                laps[entrant.name].append(entrant.solve(first, count, choice.rtol, choice.setting, cores=pin))
                if entrant.name == OURS:
                    pair = choice.setting | {"threads": 2}
                    laps[TWO].append(entrant.solve(first, count, choice.rtol, pair, cores=cores))
                    laps[AGAIN].append(entrant.solve(first, count, choice.rtol, choice.setting, cores=pin, again=True))
                    laps[TWO_AGAIN].append(entrant.solve(first, count, choice.rtol, pair, cores=cores, again=True))
            except Trouble as trouble:
                broken[entrant.name] = str(trouble)
    return laps, broken


def _row(statement: Statement, entrant: Contestant, status: str, words: str, load: float | None = None) -> Row:
    return Row(statement.name, entrant.name, entrant.label, status, words, entrant.version, load_seconds=load)


def _measured(
    statement: Statement, entrant: Contestant, choice: Choice, laps: dict[str, list[Timing]], load: float,
    which: str | None = None,
) -> Row:  # fmt: skip
    own, mine = laps[which or entrant.name], laps[OURS]
    return Row(
        statement.name, which or entrant.name, LABELS.get(which or "", entrant.label), "measured", "", entrant.version,
        ", ".join(f"{key} {value}" for key, value in choice.setting.items()), choice.rtol, choice.error,
        [lap.rate for lap in own], [lap.cpu_rate for lap in own], own[0].subjects, sum(lap.failed for lap in own),
        statistics.median(us.rate / them.rate for us, them in zip(mine, own, strict=True)),
        statistics.median(us.cpu_rate / them.cpu_rate for us, them in zip(mine, own, strict=True)),
        entrant.import_seconds, load, choice.tried,
    )  # fmt: skip
