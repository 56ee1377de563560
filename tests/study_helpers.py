"""Studies, outcomes and contrasts made by hand, so that what should come out is known beforehand."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from senospine.assays import readout
from senospine.evidence import Contrast, Repeats
from senospine.study import Arm, Outcome, Study
from senospine.subjects import animal_model

DAY = 100.0

#: a mouse at its young reference: every output of the mechanism is one, and it is three months old
YOUNG = {
    "osteoclasts": 1.0, "trap_osteoclasts": 1.0, "endplate_porosity": 1.0, "sensory_innervation": 1.0,
    "neuronal_fibres": 1.0, "h_vessels": 1.0, "netrin1": 1.0, "ngf": 1.0, "mechanical_pain": 1.0, "heat_pain": 1.0,
    "movement_pain": 1.0, "age": 91.3125, "senescent_osteoclasts": 0.0, "senescent_disc_cells": 0.0,
    "senescent_dorsal_horn": 0.0, "senescent_removal": 0.21, "ectopic_ossification": 0.0, "endplate_calcification": 1.0,
    "trabecular_bone": 1.0, "trabecular_thickness": 1.0, "bone_formation": 1.0, "prostaglandin_e2": 1.0,
    "disc_sasp": 1.0, "disc_matrix": 1.0, "dorsal_horn_cgrp": 1.0, "dorsal_horn_gfap": 1.0, "cold_pain": 1.0,
    "axial_pain": 1.0, "running_vigour": 1.0, "platelets": 1.0, "lymphocytes": 1.0,
    "disc_matrix_share_of_start": 1.0, "disc_sasp_share_of_start": 1.0,
}  # fmt: skip

SHORT_STUDY = """study: short
question: does the file run?
source: none, made for a test
species: mouse
subjects: {strain: C57BL/6J, sex: male, age at surgery: 3 months}
arms:
  sham: {animal_model: sham, n: 2}
  vehicle: {animal_model: lsi, n: 2}
  navitoclax:
    animal_model: lsi
    n: 2
    therapy: navitoclax 50 mg/kg oral daily for 2 days from day 3 after surgery
readouts: [snoc_density, heat_latency]
measure_at: day 8 after surgery
compare: [[vehicle, sham], [navitoclax, vehicle]]
"""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Turn a hang into a failure."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def made_study(*arms: str, name: str = "pan2024-lsi", n: int = 4) -> Study:
    """Return a study of untouched arms, all measured on one day."""
    model = animal_model("young", "mouse")
    made = tuple(Arm(arm, model, n, (), None, DAY, (), ()) for arm in arms)
    readouts = (readout("cgrp_fibres"),)
    return Study(name, name, "", "", "mouse", "", "male", made, readouts, (), Path("none.yaml"), "0")


def made_outcome(study: Study, states: Mapping[str, Mapping[str, Any]], animals: int, seed: int = 1) -> Outcome:
    """Return an outcome whose outputs on the day of measurement are given; what is not given is young."""
    frames = [
        pd.DataFrame(
            {"arm": arm.name, "animal": np.arange(animals), "time": DAY, **YOUNG, **dict(states.get(arm.name, {}))}
        )
        for arm in study.arms
    ]
    outcome = Outcome(Path("nowhere"), study, {"inputs": {"animals": animals, "seed": seed}, "parts": {}})
    outcome.__dict__["frame"] = pd.concat(frames, ignore_index=True)
    return outcome


def made_contrast(**changes: Any) -> Contrast:
    """Return a drug contrast of CGRP fibres, with some cells replaced."""
    row: dict[str, Any] = {
        "id": "row", "kind": "contrast", "study": "pan2024-lsi", "panel": "6e", "readout": "cgrp_fibres",
        "arm": "navitoclax", "versus": "vehicle", "direction": "down", "significant": "yes", "test": "t-test",
        "groups": ("vehicle", "navitoclax"), "comparisons": 1, "n_stated": "", "n_low": 4, "n_high": 4,
        "subset": "drug", "claim": "treatment", "at": "", "how_obtained": "text", "confidence": "low",
        "role": "calibration", "source": "s", "doi": "d", "note": "", "where": "made.csv:2",
    }  # fmt: skip
    return Contrast(**{**row, **changes})


def made_repeats(shares: Sequence[float], repeats: int = 1000) -> Repeats:
    """Return repeats with the given shares: significant rise, rise, fall, significant fall."""
    return Repeats(*shares, 1.0, 0.9, 1.1, repeats)
