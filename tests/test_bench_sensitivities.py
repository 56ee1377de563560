"""The benchmark of derivatives: what judges it, who is measured, what comes out. No timings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import model_of
from rich.console import Console

from senospine.bench.derivatives import (
    PAIR,
    UNCHECKED,
    SensitivityBenchmark,
    initial_slopes,
    print_sensitivity_benchmark,
    run_sensitivity_benchmark,
    sensitivity_problem,
)
from senospine.bench.peers.senospine_sensitivities import Ours
from senospine.bench.peers.statement import Array, Event, Statement
from senospine.bench.problems import state
from senospine.bench.tuning import worst_errors
from senospine.errors import BenchmarkError

TARGET = 1e-3
K, DOSE_AT = np.array([0.2, 0.5]), 3.0
BODY = "x' = -k*x; x = 2*a; k = 0.4; a = 1;"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Statement, Array]:
    """Decay from an initial value that hangs on a parameter, with a dose on the way."""
    model = model_of(tmp_path_factory.mktemp("tiny"), BODY)
    events = [Event(DOSE_AT, "bolus", "x", 1.0)]
    times = np.arange(0.5, 8.0, 0.7)
    return state("tiny", model, ["x"], {"k": K, "a": np.array([1.0, 1.5])}, events, times, 0.0, 2), initial_slopes(
        model
    )


@pytest.fixture(scope="module")
def result(tiny: tuple[Statement, Array], tmp_path_factory: pytest.TempPathFactory) -> SensitivityBenchmark:
    """Ours, and a peer that is not installed beside the tests."""
    work = tmp_path_factory.mktemp("work")
    return run_sensitivity_benchmark(["amici"], rounds=2, subjects=2, target=TARGET, work=work, given=tiny)


def exact(statement: Statement) -> Array:
    """Return derivatives per relative change, shape (n_subjects, n_times, n_parameters)."""
    times = np.array(statement.times)
    rows = []
    for values in statement.values:
        p = dict(zip(statement.parameters, values, strict=True))
        left, later = np.exp(-p["k"] * times), np.maximum(times - DOSE_AT, 0.0)
        dose = np.where(times > DOSE_AT, np.exp(-p["k"] * later), 0.0)
        by = {"k": -2 * p["a"] * times * left - later * dose, "a": 2 * left}
        rows.append(np.stack([by[name] * p[name] for name in statement.parameters], axis=-1))
    return np.array(rows)


def test_initial_values_hang_on_parameters(tiny: tuple[Statement, Array]) -> None:
    statement, slopes = tiny
    np.testing.assert_allclose(slopes[0, statement.parameters.index("a")], 2.0, rtol=1e-12)
    assert slopes[0, statement.parameters.index("k")] == 0.0


@pytest.mark.parametrize("setting", [{"way": "differences"}, {"way": "LSODA"}, {"norm": "rms", "errors": "stated"}])
def test_every_route_finds_the_closed_form(
    tiny: tuple[Statement, Array], tmp_path: Path, setting: dict[str, str]
) -> None:
    statement, _ = tiny
    ours = Ours(statement, tmp_path)
    values = ours.solve(ours.prepare(0, 2), 1e-6, setting)
    assert worst_errors(values, exact(statement), [1.0, 1.0]).max() < (1e-8 if "way" in setting else 1e-4)


def test_ours_is_measured_and_a_peer_that_is_missing_is_named(result: SensitivityBenchmark) -> None:
    rows = {row.label: row for row in result.rows}
    assert set(rows) == {"senospine", UNCHECKED, PAIR, "AMICI"}
    for label in ("senospine", UNCHECKED, PAIR):
        assert rows[label].worst_error is not None
        assert rows[label].worst_error <= TARGET
        assert len(rows[label].rates) == 2
    assert (rows["AMICI"].status, rows["AMICI"].rate) == ("not installed", None)
    assert result.lsoda is not None
    assert result.lsoda < 1e-6
    assert result.peers == {}


def test_the_page_and_the_data(result: SensitivityBenchmark) -> None:
    console = Console(width=140, file=io.StringIO(), record=True)
    print_sensitivity_benchmark(console, result)
    page = console.export_text()
    assert "2 derivatives of 1 outputs at 11 times, one subject" in page
    assert "No module named 'amici'" in page
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(plain["seconds"]) == {"senospine", UNCHECKED, PAIR}


def test_the_problem_has_its_doses_among_its_parameters() -> None:
    statement, slopes = sensitivity_problem(1)
    assert (len(statement.states), len(statement.parameters)) == (46, 61)
    assert (len(statement.times), len(statement.outputs)) == (182, 23)
    assert {event.amount for event in statement.events} == {1.0}
    assert slopes[statement.states.index("PLT"), statement.parameters.index("PLT0")] == pytest.approx(1.0)
    assert "doseA" in statement.sbml


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="did you mean 'amici'"):
        run_sensitivity_benchmark(["amicii"])
