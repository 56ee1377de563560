"""What markers come from, over time: outputs of the human model, and findings that follow them in each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import DEVIATES, findings
from senospine.errors import TrialError, suggest
from senospine.trial.measures import FINDINGS, FOLLOWED_STATES, MEASURES

Array = NDArray[np.float64]
#: outputs of the human model that each state is made of
_OUTPUTS = {
    "endplate_senescence": ("senescent_osteoclasts",), "disc_senescence": ("senescent_disc_cells",),
    "degeneration": ("degeneration",), "endplate_defect": ("endplate_porosity",),
    "modic": ("endplate_porosity", "degeneration"),
}  # fmt: skip


def states_of_markers(markers: Sequence[str]) -> tuple[str, ...]:
    """Return the states that markers at visits need, in the order of ``FOLLOWED_STATES``.

    Raises
    ------
    TrialError
        A marker that cannot be measured at visits.

    Examples
    --------
    >>> states_of_markers(["modic", "gdf15"])
    ('endplate_senescence', 'modic')
    """
    able = {name: item for name, item in MEASURES.items() if not item.reported}
    for name in markers:
        if name not in able:
            raise TrialError(f"no marker '{name}' can be measured at visits", remedy=suggest(name, able))
    needed = {state for name in markers for state in able[name].needs}
    return tuple(state for state in FOLLOWED_STATES if state in needed)


def model_states(states: Sequence[str]) -> tuple[str, ...]:
    """Return the outputs of the human model that states are made of."""
    return tuple(dict.fromkeys(name for state in states for name in _OUTPUTS[state]))


def states_over_time(states: Sequence[str], outputs: Mapping[str, Array], people: Any) -> dict[str, Array]:
    """Return states over time, shape (n_people, n_days).

    A finding has the same deviate all along, so it comes or goes only when porosity or degeneration pass the person's
    own threshold; nothing lags behind and nothing scars.

    Parameters
    ----------
    states : sequence of str
        Of ``FOLLOWED_STATES``.
    outputs : mapping of str to ndarray, shape (n_people, n_days)
        As :func:`model_states` names them.
    people : pyarrow.Table
        With ``age`` and people's deviates.
    """
    found = {state: outputs[_OUTPUTS[state][0]] for state in states if state not in FINDINGS}
    if any(state in FINDINGS for state in states):
        columns = {name: people[f"deviate_{name}"].to_numpy()[:, None] for name in DEVIATES}
        porosity = np.maximum(outputs["endplate_porosity"].astype(float), 1e-6)
        degeneration = outputs["degeneration"] if "degeneration" in outputs else np.zeros_like(porosity)
        age = people["age"].to_numpy()[:, None]
        seen = findings(age, degeneration.astype(float), porosity, columns)
        found |= {state: seen[state] for state in states if state in FINDINGS}
    return found
