"""Who acts on whom in a model, and with which sign, read from its own equations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from senospine.model import Expression, Model, evaluate
from senospine.model.expressions import names, substitute
from senospine.randomness import stream

#: states at which signs are tried, and how far each lies around a variable's typical size
_STATES, _SPREAD = 200, 4.0


@dataclass(frozen=True)
class Arrow:
    """One variable acting on another.

    Attributes
    ----------
    sign : int
        1 raises, -1 lowers, 0 either, by the state the animal is in.
    """

    source: str
    target: str
    sign: int


def mechanism_nodes(model: Model) -> tuple[str, ...]:
    """Return the variables a picture of ``model`` shows: the declared ones, then states nobody declared."""
    known = {*model.outputs, *model.parameters}
    declared = [name for name in model.variables if name in known]
    return (*declared, *(state for state in model.states if state not in declared))


def mechanism_arrows(model: Model) -> tuple[Arrow, ...]:
    """Return who enters whose rate or assignment, with the sign of the partial derivative.

    Assigned variables that are not declared are contracted: what they read acts through them. A variable's action
    on itself (decay, saturation) is left out, and so is one that is zero at the model's own parameter values. Signs
    are taken at 200 states spread fourfold about each variable's typical size.

    Examples
    --------
    >>> from senospine.model import load_model
    >>> Arrow("endplate_kill", "senescent_osteoclasts", -1) in mechanism_arrows(load_model("mouse"))
    True
    """
    nodes = mechanism_nodes(model)
    inner: dict[str, Expression] = {}
    for name, formula in model.assignments.items():  # ordered: what it reads comes before it
        if name not in nodes:
            inner[name] = substitute(formula, inner)
    values, time = _plausible(model)
    arrows = []
    for target in nodes:
        own = model.rates.get(target) or model.assignments.get(target)
        if own is None:
            continue
        formula = substitute(own, inner)
        for source in (node for node in nodes if node in names(formula) and node != target):
            slope = _slope(formula, source, values, time, model.scale(source))
            rises, falls = bool((slope > 0).any()), bool((slope < 0).any())
            if rises or falls:
                arrows.append(Arrow(source, target, int(rises) - int(falls)))
    return tuple(arrows)


def _plausible(model: Model) -> tuple[dict[str, Any], Any]:
    """Return values of everything at many states, assigned variables consistent with them, and the times."""
    generator = stream(0, "mechanism arrows")
    horizon = max((10 * row.scale for row in model.variables.values() if row.group == "clock"), default=1000.0)
    time = 10.0 ** generator.uniform(0, math.log10(horizon), _STATES)
    values: dict[str, Any] = dict(model.parameters)
    with np.errstate(all="ignore"):
        for name, formula in model.start.items():  # what the model derives from its parameters
            values[name] = evaluate(formula, values, 0.0)
    for name in model.states:
        values[name] = model.scale(name) * _SPREAD ** generator.uniform(-1, 1, _STATES)
    for name in model.variables:
        if name in model.parameters:  # a switch that a study turns
            values[name] = model.scale(name) * generator.uniform(0, 1, _STATES)
    with np.errstate(all="ignore"):
        for name, formula in model.assignments.items():
            values[name] = evaluate(formula, values, time) + np.zeros(_STATES)
    return values, time


def _slope(formula: Expression, name: str, values: Mapping[str, Any], time: Any, scale: float) -> Any:
    """Return the partial derivative by central difference; what is rounding only is zero."""
    step = 1e-4 * scale
    with np.errstate(all="ignore"):
        high, low = (
            np.asarray(evaluate(formula, {**values, name: values[name] + change}, time)) for change in (step, -step)
        )
        difference = high - low
        noise = 1e-10 * (np.abs(high) + np.abs(low))
    return np.where(np.isfinite(difference) & (np.abs(difference) > noise), difference, 0.0)
