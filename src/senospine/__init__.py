"""An in-silico laboratory for senolytic therapy of spinal pain."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: public name -> the room it lives in; loaded when first used, so that the command line starts at once
_ROOMS = {
    "load_model": "model",
    "Model": "model",
    "compile_model": "engine",
    "Kernel": "engine",
    "Solution": "engine",
    "Schedule": "engine",
    "Entry": "engine",
    "Decision": "engine",
    "Status": "engine",
    "sensitivities": "engine",
    "steady_state": "engine",
    "parse_regimen": "therapy",
    "dose_table": "therapy",
    "load_drug": "therapy",
    "readout": "assays",
    "readouts": "assays",
    "load_study": "study",
    "run_study": "study",
    "open_outcome": "study",
    "published_studies": "study",
    "load_evidence": "evidence",
    "reproduce": "evidence",
    "scoreboard": "evidence",
    "load_design": "trial",
    "run_trials": "trial",
}

__all__ = ["__version__", *_ROOMS]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'senospine' has no attribute '{name}'")
    return getattr(import_module(f"senospine.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
