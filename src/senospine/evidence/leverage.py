"""Which parameters carry which conclusions: how a contrast of the median animal moves with each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import TRAITS
from senospine.engine import Kernel, Schedule, compile_model
from senospine.model import Model
from senospine.study import Arm, Outcome, Study

Array = NDArray[np.float64]

#: relative step of the differences, and the solver's tolerance, far below it
STEP, RTOL = 0.02, 1e-7
#: comparisons of a study that are looked at, in its own order
PAIRS = 2


@dataclass(frozen=True)
class Carried:
    """What one conclusion rests on.

    Attributes
    ----------
    study : str
        A name, or empty for all studies together.
    comparison, group : str
        Arms, and the tissue or system whose read-outs are compared.
    readouts : tuple of str
    elasticity : mapping of str to float
        Relative change of the ratio of the two arms per relative change of a parameter, largest first in size. Of
        several read-outs the root mean square, with the sign of their mean; of all studies together the mean size.
    """

    study: str
    comparison: str
    group: str
    readouts: tuple[str, ...]
    elasticity: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """Each parameter's share of all elasticity, in size."""
        whole = sum(abs(value) for value in self.elasticity.values())
        return {name: abs(value) / whole for name, value in self.elasticity.items()} if whole else {}


def leverage(outcomes: Sequence[Outcome], model: Model) -> list[Carried]:
    """Return what the first comparisons of each study rest on, by tissue or system; then all studies together.

    Parameters that are fixed by definition, that an arm switches, or that are zero are left out: their relative change
    says nothing. Parameters of assays are left out too, and read-outs that are not above zero in both arms.

    Notes
    -----
    Cost: for each arm compared, two solves a parameter and one more.
    """
    outcomes = [
        outcome for outcome in outcomes if outcome.study.species == model.name
    ]  # of the others' models nothing here
    kernel = compile_model(model, outputs=sorted(_needed(outcomes)))
    found: list[Carried] = []
    for outcome in outcomes:
        values = tuple(sorted(outcome.manifest["inputs"].get("parameters", {}).items()))
        found += _of_study(outcome.study, kernel, values)
    groups: dict[str, list[Carried]] = {}
    for item in found:
        groups.setdefault(item.group, []).append(item)
    together = [
        Carried(
            "", f"{len(items)} comparison{'s' if len(items) > 1 else ''}", group,
            tuple(dict.fromkeys(name for item in items for name in item.readouts)),
            _joined([item.elasticity for item in items]),
        )
        for group, items in groups.items()
    ]  # fmt: skip
    return [*found, *together]


def _needed(outcomes: Sequence[Outcome]) -> set[str]:
    return {name for outcome in outcomes for item in outcome.study.readouts for name in item.needs}


def _joined(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean size of each parameter's elasticity."""
    names = dict.fromkeys(name for elasticity in found for name in elasticity)
    mean = {name: sum(abs(elasticity.get(name, 0.0)) for elasticity in found) / len(found) for name in names}
    return dict(sorted(mean.items(), key=lambda item: -item[1]))


def moved(model: Model, study: Study) -> list[str]:
    """Return the parameters that are moved for a study."""
    switched = {entry.target for arm in study.arms for entry in arm.entries if entry.kind == "switch"}
    return [
        name for name, row in sorted(model.register.items())
        if name in model.parameters and row.prior != "fixed" and name not in switched and row.value != 0
    ]  # fmt: skip


def _of_study(study: Study, kernel: Kernel, values: tuple[tuple[str, float], ...]) -> list[Carried]:
    names = moved(kernel.model, study)
    pairs = [(study.groups[a], study.groups[b]) for a, b in study.compare[:PAIRS]]
    levels = {arm.name: _levels(study, arm, kernel, names, values) for pair in pairs for arm in pair}
    found = []
    for arm, versus in pairs:
        by_group: dict[str, dict[str, Array]] = {}
        for item in study.readouts:
            slopes = _slopes(levels[arm.name][item.name]) - _slopes(levels[versus.name][item.name])
            if np.isfinite(slopes).all():
                group = kernel.model.variables[item.needs[0]].group if kernel.model.variables else item.needs[0]
                by_group.setdefault(group, {})[item.name] = slopes
        for group, slopes_of in by_group.items():
            stack = np.stack(list(slopes_of.values()))
            size = np.sqrt((stack**2).mean(axis=0)) * np.where(stack.mean(axis=0) < 0, -1, 1)
            order = np.argsort(-np.abs(size), kind="stable")
            words = f"{arm.stands_for} against {versus.stands_for}"
            found.append(Carried(study.name, words, group, tuple(slopes_of), {names[i]: float(size[i]) for i in order}))
    return found


def _slopes(level: Array) -> Array:
    """Return logarithmic derivatives from neighbours above and below, shape (n_parameters,)."""
    count = (len(level) - 1) // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(level)
    return np.asarray((logs[1 : count + 1] - logs[count + 1 :]) / (np.log1p(STEP) - np.log1p(-STEP)))


def _levels(
    study: Study, arm: Arm, kernel: Kernel, names: Sequence[str], values: tuple[tuple[str, float], ...]
) -> dict[str, Array]:
    """Return each read-out of the median animal and of its neighbours, the mean over the arm's moments."""
    centres = {**kernel.model.parameters, **dict(values)}
    count = 2 * len(names) + 1
    parameters = {name: np.full(count, centres[name]) for name in {*names, *dict(values)}}
    for index, name in enumerate(names):
        parameters[name][1 + index] *= 1 + STEP
        parameters[name][1 + len(names) + index] *= 1 - STEP
    days = [day for _, day in arm.moments] or [arm.measure_day]
    solution = kernel.solve(parameters, Schedule.shared(arm.entries), np.array(days), rtol=RTOL)
    traits = {name: np.zeros(()) for name in TRAITS}
    outputs = {name: np.asarray(solution[name]) for name in kernel.outputs}
    return {item.name: item.expected(outputs, traits).mean(axis=1) for item in study.readouts}
