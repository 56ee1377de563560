"""Problems of one's own: from a file to facts, and what a file may not say."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from study_helpers import SHORT_STUDY
from typer.testing import CliRunner

from senospine.calibration import Problem, load_problem, sampling
from senospine.cli.commands import app
from senospine.errors import CalibrationError, EvidenceError
from senospine.evidence.rows import COLUMNS

TEXT = """problem: mine
studies: [short.yaml]
evidence: [mine.csv]
fixed: {drug_interaction: 1}
width: 0.5
assumptions: {laboratory_sd: 0.0, selection: false}
"""
ROW = {
    "id": "mine/1", "kind": "contrast", "study": "short", "subset": "all", "claim": "disease", "panel": "1",
    "readout": "snoc_density", "arm": "vehicle", "versus": "sham", "direction": "up", "significant": "yes",
    "test": "t-test", "groups": "vehicle|sham", "comparisons": "1", "n_stated": "6", "n_low": "6", "n_high": "6",
    "how_obtained": "counted", "confidence": "high", "role": "calibration", "source": "ours", "doi": "none",
}  # fmt: skip
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(text: str = TEXT, *rows: dict[str, str]) -> Path:
        (tmp_path / "short.yaml").write_text(SHORT_STUDY)
        with open(tmp_path / "mine.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows or (ROW,))
        (tmp_path / "problem.yaml").write_text(text)
        return tmp_path / "problem.yaml"

    return made


def test_a_problem_of_ones_own(make: Make) -> None:
    problem = load_problem(make(), animals=4)
    assert [row.id for row in problem.facts] == ["mine/1"]
    assert problem.width == 0.5
    assert not problem.assumptions.selection
    assert problem.fixed == {"drug_interaction": 1.0}
    assert problem.log_likelihoods(problem.priors.centre)[0, 0] < 0


def test_shipped_studies_bring_their_evidence(make: Make) -> None:
    problem = load_problem(make(TEXT.replace("[short.yaml]", "[short.yaml, ash2006-platelets]")))
    assert {row.study for row in problem.facts} == {"short", "ash2006-platelets"}
    published = load_problem("mouse")
    assert published.facts == Problem.published().facts


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("width: 0.5", "widht: 0.5", "unknown key 'widht'", 5),
        ("width: 0.5", "width: 0", "'width': input should be greater than 0", 5),
        ("laboratory_sd: 0.0", "laboratory: 0.1", "unknown key 'assumptions.laboratory'", 6),
        ("[short.yaml]", "[short.yaml, short.yaml]", "study 'short' is named twice", 2),
        ("drug_interaction", "drug_interactions", "no parameter 'drug_interactions' to fix", None),
    ],
)
def test_a_file_that_cannot_stand_says_where(make: Make, old: str, new: str, message: str, line: int | None) -> None:
    path = make(TEXT.replace(old, new))
    with pytest.raises(CalibrationError, match=message) as caught:
        load_problem(path)
    if line:
        assert caught.value.where == f"{path}:{line}"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": "vehicles", "groups": "vehicles|sham"}, "vehicles"),
        ({"n_low": "1", "n_high": "1"}, "n of 1 per group"),
        ({"kind": "value", "direction": "", "significant": "", "test": "", "groups": "", "comparisons": "",
          "scale": "absolute", "value": "9", "spread": "0", "spread_kind": "sd", "versus": ""}, "a spread of 0"),
        ({"study": "longer"}, "study 'longer' does not exist"),
    ],
)  # fmt: skip
def test_evidence_that_cannot_stand_is_refused(make: Make, change: dict[str, str], message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        load_problem(make(TEXT, ROW | change))


def test_evidence_that_contradicts_itself_is_refused(make: Make) -> None:
    with pytest.raises(EvidenceError, match="contradicts mine/1"):
        load_problem(make(TEXT, ROW, ROW | {"id": "mine/2", "direction": "down"}))


def test_no_evidence_is_no_problem(make: Make) -> None:
    with pytest.raises(CalibrationError, match="no fact calibrates"):
        load_problem(make(TEXT, ROW | {"role": "validation"}))
    with pytest.raises(CalibrationError, match="neither a published problem"):
        load_problem("mice")


def test_the_shell_goes_from_a_file_to_a_posterior_and_on(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "ADAPTING", 2)
    monkeypatch.setattr(sampling, "ROUNDS", 8)
    options = {"--out": str(tmp_path / "out"), "--starts": "0", "--walkers": "32", "--draws": "64"}
    call = ["calibrate", str(make()), "--json", *(word for pair in options.items() for word in pair)]
    refused = CliRunner().invoke(app, [*call, "--resume"])
    assert isinstance(refused.exception, CalibrationError)
    assert "nothing to resume" in str(refused.exception)
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)["posterior"]
    assert told["draws"] == 64
    assert told["width"] == 0.5
    assert len(told["log_evidence"]) == 4
    kept = (tmp_path / "out" / "posterior.npz").read_bytes()
    again = CliRunner().invoke(app, [*call, "--resume"])
    assert again.exit_code == 0
    assert (tmp_path / "out" / "posterior.npz").read_bytes() == kept
