"""A population's sketches: the same bytes for any blocks and processes, and what the subjects themselves say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from senospine.bench import population
from senospine.bench.population import KEPT, LAST, MILLION, QUANTILES, print_population, run_population, solve_block
from senospine.cli import app
from senospine.engine import Schedule, compile_model
from senospine.stats import QuantileSketch


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENOSPINE_CACHE", str(tmp_path_factory.getbasetemp() / "lanes"))
        yield


def test_blocks_order_and_processes_change_no_byte() -> None:
    one = run_population(20, block=20, workers=1)
    two = run_population(20, block=3, workers=2)
    assert (one.sha256, one.quantiles, one.failed) == (two.sha256, two.quantiles, 0)
    sketches = [QuantileSketch.from_bytes(solve_block(first, 5, 1e-4)[0]) for first in (15, 0, 10, 5)]
    for sketch in sketches[1:]:
        sketches[0].merge(sketch)
    assert two.quantiles == {
        item.label: sketches[0].quantile(QUANTILES)[:, number].tolist() for number, item in enumerate(KEPT)
    }


def test_quantiles_are_those_of_the_subjects() -> None:
    result = run_population(9, block=4, workers=1)
    reference, _ = population._kernel()
    subjects = reference.population(9)
    kernel = compile_model(reference.model, reduce=KEPT)
    alone = [
        kernel.solve({name: item[i] for name, item in subjects.items()},
                     Schedule.shared(reference.schedule(subjects).of(i)), [LAST], rtol=1e-4)
        for i in range(9)
    ]  # fmt: skip
    for item in KEPT:
        sorted_ = np.sort([solution[item][0] for solution in alone])
        np.testing.assert_allclose(result.quantiles[item.label][2], sorted_[4], rtol=result.relative_error)
    assert result.extrapolated_million_seconds == pytest.approx(result.seconds * MILLION / 9)


def test_the_command_prints_a_table_or_json() -> None:
    answer = CliRunner().invoke(app, ["bench", "--population", "4", "--workers", "1", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["subjects"] == 4
    refused = CliRunner().invoke(app, ["bench", "--population", "4", "--models", "mouse-lsi"])
    assert "this engine alone" in str(refused.exception)
    console = Console(record=True, width=110)
    print_population(console, run_population(4, workers=1))
    text = console.export_text()
    assert "extrapolated, not measured" in text
    assert "synthetic" in text
