"""In what units a hypothesis is told: points, per cent of patients, or a ratio of arms."""

from __future__ import annotations

import numpy as np

from senospine.stats.performance import Measure
from senospine.trial import Design
from senospine.trial.file import Endpoint
from senospine.trial.measures import is_oracle, measure_of, told

#: of an endpoint, what is on the scale of its analysis
_ON_SCALE = ("truth", "bias", "bias_if_chosen")
_RANGE = {"pain": ", 0–10", "rmdq": ", 0–24"}
_LONG = {"pain": "pain, points of 0–10", "odi": "Oswestry index, % points", "rmdq": "Roland–Morris, points of 0–24"}


def endpoint_of(design: Design, hypothesis: str) -> Endpoint:
    """Return the endpoint a hypothesis, or a subgroup of one, is about."""
    return design.file.endpoints[hypothesis.split(":")[0]]


def unit_of(endpoint: Endpoint) -> str:
    """Return in what a difference of arms at an endpoint is told."""
    if endpoint.responder is not None:
        return f"share of patients {100 * endpoint.responder:g} % better"
    return (
        measure_of(endpoint.key).step + _RANGE.get(endpoint.key, "") + (" in truth" if is_oracle(endpoint.key) else "")
    )


def axis_of(key: str) -> str:
    """Return a measure for an axis of changes, on the scale of the analysis."""
    scale = {"ratio": "; log of the ratio to entry", "share": "; share", "points": ""}[measure_of(key).scale]
    return _LONG.get(key, told(key) + scale)


def on_scale(endpoint: Endpoint, name: str, item: Measure) -> tuple[Measure, bool]:
    """Return a measure of performance as it is told, and whether in per cent: ratios of ratios, shares in per cent."""
    scale = measure_of(endpoint.key).scale
    if name not in _ON_SCALE or endpoint.responder is not None or scale == "points":
        return item, False
    if scale == "share":
        return item, True
    value = float(np.exp(item.value))
    return Measure(value, value * item.error, item.n), False
