"""The human model in libRoadRunner (CVODE), as the mouse (Welsh 2023, 10.1093/bioinformatics/btac770)."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import compile_with
from test_oracle_roadrunner import reference

from senospine.engine import Entry, Schedule
from senospine.model import Model

YEAR = 365.25


def _course(start: float) -> Schedule:
    """Return a severe degeneration, then hazards and shares of every kind of drug for a month.

    The load is switched on a year after its onset: CVODE does not get across the jump itself at these tolerances.
    """
    on = {"endplate_kill": 0.4, "disc_kill_1": 0.2, "disc_kill_4": 0.01, "dorsal_horn_kill": 0.05, "platelet_kill": 1.0,
          "lymphocyte_kill": 0.02, "osteoblast_kill": 0.1, "senomorphic_action": 0.4, "cox2_inhibition": 0.5,
          "ngf_neutralisation": 0.9, "tlr4_inhibition": 0.5, "analgesia": 0.2, "endplate_denervation": 0.7}  # fmt: skip
    return Schedule.shared(
        [Entry(36 * YEAR, "switch", "degeneration_load", 1.0),
         *(Entry(start, "switch", name, value) for name, value in on.items()),
         *(Entry(start + 28.0, "switch", name, 0.0) for name in on)]
    )  # fmt: skip


@pytest.mark.parametrize("case", ["a healthy life", "a degenerating life, every drug at 60"])
def test_every_state_of_the_human_agrees(human: Model, engine: str, case: str) -> None:
    schedule, last = {
        "a healthy life": (Schedule.shared([]), 90 * YEAR),
        "a degenerating life, every drug at 60": (_course(60 * YEAR), 61 * YEAR),
    }[case]
    times = np.unique([*np.linspace(10 * YEAR, last, 60), 60 * YEAR + 7, 60 * YEAR + 29])
    theirs = reference(human, schedule, times)
    found = compile_with(engine, human).solve(times=times, schedule=schedule, rtol=1e-10)
    assert found.failures == ()
    for name, expected in zip(human.states, theirs, strict=True):
        assert np.isfinite(expected).all(), name
        peak = max(np.abs(expected).max(), human.scale(name))
        difference = np.abs(found[name][0] - expected) / (1e-5 * np.maximum(np.abs(expected), 1e-3 * peak))
        assert difference.max() <= 1.0, (name, times[difference.argmax()])
