"""SciPy's LSODA on compiled right-hand sides: this package's own oracle."""

from __future__ import annotations

from pathlib import Path

import scipy

from senospine.engine import compile_model

from .senospine_lanes import Ours, read_model
from .statement import Statement


def version() -> str:
    """Return the version."""
    return str(scipy.__version__)


def load(statement: Statement, folder: Path) -> Ours:
    """Return the oracle, compiled."""
    kernel = compile_model(read_model(statement, folder), statement.outputs, engine="scipy")
    oracle = Ours(statement, {"LSODA": kernel}, [{"way": "LSODA"}])
    oracle.solve(oracle.prepare(0, 1), 1e-3, oracle.settings[0])  # compiles
    return oracle
