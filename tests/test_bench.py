"""The benchmark: errors, the ladder of tolerances, the protocol between processes, and what comes out. No timings."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from senospine.bench import PROBLEMS, draw_benchmark, print_benchmark, problem, run_benchmark, worst_errors
from senospine.bench.compare import compare
from senospine.bench.contestant import Contestant, Timing, Trouble, contestants
from senospine.bench.machine import describe
from senospine.bench.peers.statement import Array, Event, Setting, Statement
from senospine.bench.problems import state
from senospine.bench.results import Benchmark, ModelResult
from senospine.bench.statements import diffsl, smooth_steps
from senospine.bench.tuning import tune
from senospine.cli import app
from senospine.engine import compile_model
from senospine.errors import BenchmarkError
from senospine.model import load_model
from senospine.model.register import Variable

TARGET = 1e-3
DOSE = 3.0
TINY = """model tiny()
  gut' = -ka*gut; blood' = ka*gut - k*blood;
  gut = 1; blood = 0; ka = 1.5; k = 0.4; amount = 2;
end
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Statement:
    """A drug in two compartments: a dose of each subject's own, then a switch of its elimination."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.ant"
    path.write_text(TINY, encoding="utf-8")
    model = load_model(path)
    scales = {name: Variable(name, name, "", "state", "", 0.1) for name in model.states}
    model = replace(model, variables=MappingProxyType(scales))
    population = {"k": np.linspace(0.2, 0.8, 12), "amount": np.linspace(1.0, 2.0, 12)}
    events = [Event(0.0, "bolus", "gut", 1.0), Event(DOSE, "bolus", "gut", "amount"), Event(5.0, "switch", "k", 0.1)]
    return state("tiny", model, ["blood", "gut"], population, events, np.arange(0.5, 8.0, 0.7), 0.0, 12)


@pytest.fixture(scope="module")
def result(tiny: Statement, tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    """Ours, the oracle, and two peers of which one is never installed beside the tests."""
    work = tmp_path_factory.mktemp("work")
    entrants = contestants(["senospine_lanes", "scipy_lsoda", "roadrunner", "amici"], None, work, timeout=120)
    entrants[3].python = entrants[0].python
    return compare(tiny, entrants, work, 2, 8, 0.01, TARGET, lambda what, done, of: None)


def exact(statement: Statement, subjects: int) -> Array:
    """Bateman's function, the dose and the switch put in by superposition and restart."""
    times, ka = np.array(statement.times), 1.5

    def flow(gut: Array, blood: Array, k: Array, t: Array) -> tuple[Array, Array]:
        there = gut * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))
        return gut * np.exp(-ka * t), blood * np.exp(-k * t) + there

    rows = []
    for values, initial in zip(statement.values[:subjects], statement.initial[:subjects], strict=True):
        p = dict(zip(statement.parameters, values, strict=True))
        y = dict(zip(statement.states, initial, strict=True))
        k = np.where(times > 5.0, 0.1, p["k"])
        one = flow(y["gut"], y["blood"], p["k"], np.minimum(times, DOSE))
        gut, blood = flow(y["gut"], y["blood"], p["k"], np.array(DOSE))
        two = flow(gut + p["amount"], blood, p["k"], np.clip(times - DOSE, 0.0, 2.0))
        gut, blood = flow(gut + p["amount"], blood, p["k"], np.array(5.0 - DOSE))
        three = flow(gut, blood, k, np.maximum(times - 5.0, 0.0))
        paths = [
            np.where(times > 5.0, c, np.where(times > DOSE, b, a)) for a, b, c in zip(one, two, three, strict=True)
        ]
        rows.append(np.column_stack([paths[1], paths[0]]))
    return np.array(rows)


def test_errors_are_relative_to_the_value_or_a_hundredth_of_the_peak() -> None:
    truth = np.array([[[1.0, 0.0], [0.001, 0.0]]])
    values = truth + np.array([[[0.01, 0.0], [0.0005, 0.002]]])
    assert worst_errors(values, truth, [1.0, 2.0]) == pytest.approx([0.1])  # 0.002 over 1 % of the scale 2
    assert worst_errors(values[:, :, :1], truth[:, :, :1], [1.0]) == pytest.approx([0.05])  # 0.0005 over 1 % of 1
    assert worst_errors(truth, truth, [1.0, 2.0]) == 0.0
    assert worst_errors(np.full_like(truth, np.nan), truth, [1.0, 2.0]) == np.inf


class Pretender(Contestant):
    """Answers with an error of ``rtol`` times the setting's factor, at the setting's speed; one setting breaks."""

    def values(self, first: int, count: int, rtol: float, setting: Setting, **_: object) -> tuple[Array, Timing]:
        """Return wrong values of a known error."""
        if setting["way"] == "breaks":
            raise Trouble("it broke")
        return np.full((count, 1, 1), 1.0 + rtol * setting["factor"]), self.solve(first, count, rtol, setting)

    def solve(self, first: int, count: int, rtol: float, setting: Setting, **_: object) -> Timing:
        """Return a timing at the setting's speed."""
        seconds = count / setting.get("speed", 1.0)
        return Timing(count, seconds, seconds, 0)


def pretender(*settings: Setting) -> Contestant:
    return Pretender("amici", "", Path(), settings=list(settings))


def test_tuning_takes_the_loosest_tolerance_under_the_target_of_the_fastest_way() -> None:
    fast = {"way": "fast", "factor": 20.0, "speed": 100.0}
    slow = {"way": "slow", "factor": 1.0, "speed": 10.0}
    truth = np.ones((16, 1, 1))
    choice = tune(pretender(slow, {"way": "breaks"}, fast), truth, [1.0], TARGET)
    assert choice.setting == fast
    assert choice.rtol == 5e-5
    assert choice.error == pytest.approx(1e-3)
    assert any("it broke" in words for words in choice.tried)
    hopeless = {"way": "hopeless", "factor": 20.0, "speed": 1.0}
    assert any("slower already" in words for words in tune(pretender(fast, hopeless), truth, [1.0], TARGET).tried)
    assert tune(pretender(slow), truth, [1.0], TARGET).rtol == 1e-3


def test_a_solver_that_never_meets_the_target_is_not_measured() -> None:
    with pytest.raises(Trouble, match="above the target"):
        tune(pretender({"way": "bad", "factor": 1e9}), np.ones((4, 1, 1)), [1.0], TARGET)


def test_everyone_present_is_measured_under_the_target(result: ModelResult) -> None:
    rows = {row.solver: row for row in result.rows}
    for name in ("senospine_lanes", "senospine_again", "scipy_lsoda", "roadrunner"):
        assert rows[name].status == "measured", rows[name].words
        assert rows[name].worst_error is not None
        assert rows[name].worst_error <= TARGET
        assert len(rows[name].rates) == 2
        assert (rows[name].times_faster or 0) > 0
    assert result.cross_check is not None
    assert result.cross_check < 1e-6
    assert result.checked == 8
    assert set(result.fresh) == {"cold", "warm"}


def test_a_peer_that_is_not_installed_is_named(result: ModelResult) -> None:
    row = result.rows[-1]
    assert (row.solver, row.status) == ("amici", "not installed")
    assert "No module named 'amici'" in row.words
    assert row.rate is None


def test_values_come_through_the_protocol_unchanged_and_a_dead_process_is_started_again(
    tiny: Statement, tmp_path: Path
) -> None:
    tiny.write(tmp_path / "tiny")
    (ours,) = contestants(["senospine_lanes"], None, tmp_path, timeout=60)
    ours.start()
    try:
        ours.load(tmp_path / "tiny")
        values, timing = ours.values(0, 5, 1e-9, ours.settings[0])
        assert worst_errors(values, exact(tiny, 5), [0.1, 0.1]).max() < 1e-6
        assert (timing.subjects, timing.failed) == (5, 0)
        with pytest.raises(Trouble, match="KeyError"):
            ours.solve(0, 5, 1e-4, {"way": "nonsense"})
        ours._process.kill()
        with pytest.raises(Trouble, match=r"died|ended"):
            ours.solve(0, 5, 1e-4, ours.settings[0])
        again, _ = ours.values(0, 5, 1e-9, ours.settings[0])
        assert np.array_equal(again, values)
    finally:
        ours.stop()


def test_table_json_and_picture(result: ModelResult, tmp_path: Path) -> None:
    benchmark = Benchmark(describe(), TARGET, 2, [result])
    console = Console(width=118, file=io.StringIO(), record=True)
    print_benchmark(console, benchmark)
    page = console.export_text()
    assert "AMICI: not installed" in page
    assert "libRoadRunner" in page
    assert "ours ×" in page
    plain = json.loads(json.dumps(benchmark.to_dict(), allow_nan=False))
    assert set(plain) == {"machine", "target", "rounds", "models"}
    assert {"rate", "times_faster", "worst_error", "tried"} <= set(plain["models"][0]["rows"][0])
    assert {"processor", "cores", "vector_units", "date", "versions"} <= set(plain["machine"])
    draw_benchmark(benchmark, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_no_output_of_a_problem_falls_on_an_event(name: str) -> None:
    statement = problem(name, 2)
    moments = np.array([event.time for event in statement.events])
    gaps = np.abs(np.subtract.outer(np.array(statement.times), moments))
    assert gaps.min() > 1e-7
    assert min(statement.times) > statement.start
    assert statement.diffsl


def test_steep_steps_stand_for_choices(tmp_path: Path) -> None:
    statement = problem("mouse-lsi", 2)
    smooth = smooth_steps(statement.sbml)
    assert "piecewise" in statement.sbml
    assert "piecewise" not in smooth
    assert smooth_steps(smooth) == ""
    solutions = []
    for name, text in (("exact.xml", statement.sbml), ("smooth.xml", smooth)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        kernel = compile_model(load_model(tmp_path / name), statement.outputs)
        solution = kernel.solve({"instability_load": 1.0}, None, statement.times, rtol=1e-8)
        solutions.append(np.stack([solution[output] for output in statement.outputs], axis=-1))
    assert worst_errors(solutions[1], solutions[0], statement.scales).max() < 1e-4


def test_an_operator_without_counterpart_leaves_diffsl_empty(tmp_path: Path) -> None:
    path = tmp_path / "odd.ant"
    path.write_text("model odd()\n x' = -floor(k*x); x = 1; k = 1;\nend\n", encoding="utf-8")
    assert diffsl(load_model(path)) == ""


def test_unknown_names_are_refused_with_a_suggestion() -> None:
    with pytest.raises(BenchmarkError, match="did you mean 'mouse-lsi'"):
        run_benchmark(["mouse-lsj"])
    with pytest.raises(BenchmarkError, match="did you mean 'roadrunner'"):
        run_benchmark(["mouse-lsi"], ["roadruner"])
    answer = CliRunner().invoke(app, ["bench", "--models", "human"])
    assert isinstance(answer.exception, BenchmarkError)
