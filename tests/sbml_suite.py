"""The SBML Test Suite as a judge: its cases are read from a folder beside the checkout, none is kept here.

Source: sbmlteam/sbml-test-suite, semantic cases in their Level 3 Version 2 form.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from senospine.engine import compile_model
from senospine.errors import ModelError, SenospineError
from senospine.model import load_model

ARCHIVE = "sbml_semantic_cases.zip"


def shared_folder() -> Path:
    """Return the folder with material that is read and not copied: SENOSPINE_SHARED, or ``shared`` beside us."""
    given = os.environ.get("SENOSPINE_SHARED")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared"


def archive() -> Path:
    """Return the cases, wherever in the shared folder they lie."""
    folder = shared_folder()
    return next((path for path in (folder / ARCHIVE, folder / "data" / ARCHIVE) if path.is_file()), folder / ARCHIVE)


@dataclass(frozen=True)
class Case:
    """One case: a model, what to ask, and what comes out."""

    id: str
    sbml: str
    variables: tuple[str, ...]
    amounts: frozenset[str]
    concentrations: frozenset[str]
    absolute: float
    relative: float
    start: float
    times: np.ndarray
    expected: dict[str, np.ndarray]


@dataclass(frozen=True)
class Result:
    """How a case ended: ``passed``, ``refused`` (with the reason), ``wrong`` or ``crashed``."""

    id: str
    ended: str
    words: str = ""
    error: float = 0.0


def case_ids(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as files:
        return sorted({name[:5] for name in files.namelist() if name[:5].isdigit()})


def read_case(path: Path, case: str) -> Case:
    with zipfile.ZipFile(path) as files:
        parts = {
            kind: files.read(f"{case}/{case}-{kind}").decode("utf-8")
            for kind in ("sbml-l3v2.xml", "settings.txt", "results.csv")
        }
    pairs = (line.split(":", 1) for line in parts["settings.txt"].splitlines() if ":" in line)
    settings = {key.strip(): value.strip() for key, value in pairs}

    def words(key: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in settings[key].split(",") if item.strip())

    header, *rows = list(csv.reader(io.StringIO(parts["results.csv"])))
    rows = [row for row in rows if row]
    columns = np.array([[float(cell) for cell in row] for row in rows]).T
    names = [name.strip() for name in header]
    start, duration, steps = float(settings["start"]), float(settings["duration"]), int(settings["steps"])
    times = columns[0]
    assert len(times) == steps + 1
    assert np.allclose(times, np.linspace(start, start + duration, steps + 1))
    return Case(
        case,
        parts["sbml-l3v2.xml"],
        words("variables"),
        frozenset(words("amount")),
        frozenset(words("concentration")),
        float(settings["absolute"]),
        float(settings["relative"]),
        start,
        times,
        dict(zip(names[1:], columns[1:], strict=True)),
    )


def judge(case: Case, rtol: float = 1e-9, engine: str = "scipy") -> Result:
    """Return how our own reader and solver do on ``case``."""
    try:
        values = simulate(case, rtol, engine)
    except SenospineError as error:
        named = isinstance(error, ModelError) and bool(error.where)
        return Result(case.id, "refused" if named else "crashed", error.what)
    except Exception as error:  # noqa: BLE001 whatever it is, it is counted as a crash
        return Result(case.id, "crashed", f"{type(error).__name__}: {error}")
    return compare(case, values)


def simulate(case: Case, rtol: float, engine: str) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{case.id}.xml"
        path.write_text(case.sbml, encoding="utf-8")
        model = load_model(path)
    asked = {name: name for name in case.variables}
    asked |= {name: f"{name}__amount" for name in case.amounts if name in model.species}
    asked |= {name: f"{name}__concentration" for name in case.concentrations if name in model.species}
    known = {*model.outputs, *model.readable}
    asked = {name: output if output in known else name for name, output in asked.items()}
    outputs = [output for output in asked.values() if output not in model.constants]
    options = {"jit": False} if engine == "scipy" else {"cache": False}
    kernel = compile_model(model, outputs=outputs, engine=engine, **options)
    solution = kernel.solve(times=case.times, start=case.start, rtol=rtol)
    if solution.failures:  # LSODA can lock on to a jump of the right-hand side (00173, 00269), and then says so
        solution = kernel.solve(times=case.times, start=case.start, rtol=rtol / 10)
    assert not solution.failures, str(solution.failures[0])
    fixed = kernel.constants(start=case.start)
    return {
        name: np.full(len(case.times), fixed[output][0]) if output in fixed else solution[output][0]
        for name, output in asked.items()
    }


def compare(case: Case, values: dict[str, np.ndarray]) -> Result:
    worst = 0.0
    for name in case.variables:
        ours, theirs = values[name], case.expected[name]
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        with np.errstate(invalid="ignore"):
            error = np.where(same, 0.0, np.abs(ours - theirs) / (case.absolute + case.relative * np.abs(theirs)))
        if not np.all(error <= 1.0):
            row = int(np.argmax(~(error <= 1.0)))
            return Result(case.id, "wrong", f"{name} at {case.times[row]:g}: {ours[row]:.8g}, not {theirs[row]:.8g}")
        worst = max(worst, float(error.max(initial=0.0)))
    return Result(case.id, "passed", error=worst)


def has_events(path: Path, case: str) -> bool:
    return "<event" in read_case(path, case).sbml


def _judge_one(path: Path, case: str, engine: str) -> Result:
    return judge(read_case(path, case), engine=engine)


def judge_all(path: Path, cases: Sequence[str], engine: str = "scipy", processes: int = 2) -> list[Result]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        n = len(cases)
        return list(pool.map(_judge_one, [path] * n, cases, [engine] * n, chunksize=8))
