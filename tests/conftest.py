"""The mouse and the human, loaded once; the mouse compiled once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import compile_with, model_of
from hypothesis import settings

from senospine.engine import Entry, Kernel, Schedule
from senospine.model import Model, load_model
from senospine.study import Outcome, load_study, run_study

settings.register_profile("calm", deadline=None)  # a busy machine is no failure
settings.load_profile("calm")

SURGERY = 91.3125  # three months of 30.4375 days


@pytest.fixture(scope="session")
def mouse() -> Model:
    return load_model("mouse")


@pytest.fixture(scope="session")
def human() -> Model:
    return load_model("human")


@pytest.fixture(scope="session", params=["lanes", "scipy"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines stand behind one door, so both are held to the same tests."""
    return str(request.param)


@pytest.fixture(scope="session")
def mouse_kernel(mouse: Model, engine: str) -> Kernel:
    return compile_with(engine, mouse)


def _doses(first: float) -> list[Entry]:
    return [Entry(first + 21 * cycle + day, "bolus", "navitoclax_gut", 50.0) for cycle in (0, 1) for day in range(7)]


@pytest.fixture(scope="session")
def lsi_course() -> Schedule:
    """Instability at three months, two courses of navitoclax from week 4 (Pan 2024, doi 10.7554/eLife.92889)."""
    return Schedule.shared([Entry(SURGERY, "switch", "instability_load", 1.0), *_doses(SURGERY + 28)])


@pytest.fixture(scope="session")
def aged_course() -> Schedule:
    """Two courses of navitoclax in mice of 23 months (Pan 2024, doi 10.7554/eLife.92889)."""
    return Schedule.shared(_doses(700.0625))


@pytest.fixture(scope="session")
def oral(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Kernel:
    """One-compartment oral drug: ``ka`` in, ``ke`` out, bioavailability ``f``; all solutions are closed forms."""
    body = "gut' = -ka * gut; plasma' = f * ka * gut - ke * plasma; ka = 1.5; ke = 0.4; f = 0.8; gut = 0; plasma = 0;"
    return compile_with(engine, model_of(tmp_path_factory.mktemp("oral"), body))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of tables the shipped evidence was read from; beside the checkout, or where SENOSPINE_SHARED says."""
    folder = Path(os.environ.get("SENOSPINE_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: the source tables are not part of this repository")
    return folder


@pytest.fixture(scope="session")
def lsi_outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Instability study of Pan 2024, 24 animals an arm, one process."""
    return run_study(load_study("pan2024-lsi"), tmp_path_factory.mktemp("lsi") / "out", animals=24, workers=1)
