"""Dosing rules as data: a file says at which visits which count is looked at and what follows for later doses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from senospine.errors import RegimenError, UnitError, suggest
from senospine.model.units import unit_of_text
from senospine.randomness import standard_normals
from senospine.therapy.checks import MAX_DOSES
from senospine.therapy.drug import load_drug
from senospine.therapy.rule_steps import RuleStep, read_step, read_visit
from senospine.therapy.schema import Source
from senospine.yaml_files import Document, read_yaml

if TYPE_CHECKING:
    import pandas as pd

    from senospine.engine import Decision

RULES = Path(__file__).parent / "rules"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rule: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    drug: str
    meaning: Annotated[str, Field(min_length=1)]
    source: list[Source] = Field(default_factory=list)
    visits: Annotated[list[str], Field(min_length=1)]
    steps: Annotated[list[Any], Field(min_length=1)]


@dataclass(frozen=True)
class DosingRule:
    """Steps of one drug's dosing, and the visits at which counts are looked at.

    Attributes
    ----------
    visits : tuple of (float, bool)
        Days since the first dose, and whether it is an interval that repeats to the last dose.
    """

    name: str
    drug: str
    meaning: str
    source: tuple[Source, ...]
    visits: tuple[tuple[float, bool], ...]
    steps: tuple[RuleStep, ...]

    @property
    def lead_in(self) -> RuleStep | None:
        """The lead-in, if there is one."""
        return next((step for step in self.steps if step.action == "lead in"), None)

    def amounts(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return the amounts of a dose table with the lead-in in the place of its first doses.

        Raises
        ------
        RegimenError
            The table has no dose of the drug, or a lead-in in another unit.
        """
        mine = self._mine(table)
        given = table["amount"].to_numpy(dtype=float).copy()
        if self.lead_in is not None:
            units = set(table["unit"][mine])
            if units != {self.lead_in.unit}:
                raise RegimenError(
                    f"dosing rule '{self.name}' leads in with {self.lead_in.unit}, the doses are in {', '.join(units)}",
                    remedy=f"write a rule whose lead-in is in {', '.join(units)}",
                )
            time = table["time"].to_numpy(dtype=float)
            early = mine & (time < time[mine].min() + self.lead_in.days - 1e-9)
            given[early] = np.minimum(given[early], self.lead_in.dose)
        return given

    def decisions(self, table: pd.DataFrame, units: Mapping[str, str]) -> tuple[Decision, ...]:
        """Return the rule for the engine. Every step reads the true count; see :func:`as_measured`.

        Parameters
        ----------
        table : DataFrame
            Doses as prescribed, see :func:`senospine.therapy.dose_table`.
        units : mapping
            Unit of each output of the model.

        Raises
        ------
        RegimenError
            The table has no dose of the drug, an output the model does not have, or doses that no one factor turns
            into those of the lead-in.
        UnitError
            A count in a unit of another dimension than the output's.
        """
        from senospine.engine import Decision  # slow to import, and only needed here

        mine = self._mine(table)
        time = table["time"].to_numpy(dtype=float)[mine]
        found = []
        for step in self.steps:
            if step.action == "lead in":
                continue
            limit, until = (value * self._factor(step, units) for value in (step.below, step.until))
            factor = self._lead_share(table, mine) if step.action == "escalate" else None
            if factor == 1.0:
                continue  # the lead-in is not below the doses: nothing to escalate to
            action: Any = {"start": "stop", "escalate": "reduce", "halve": "step down"}.get(step.action, step.action)
            for target in sorted(set(table["target"][mine])):
                found.append(
                    Decision(
                        self._visits(step, float(time.min()), float(time.max())), step.observe, target, below=limit,
                        until_above=until, action=action, factor=0.5 if step.action == "halve" else factor,
                    )
                )  # fmt: skip
        return tuple(found)

    def _mine(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        mine = (table["drug"] == self.drug).to_numpy()
        if not mine.any():
            raise RegimenError(
                f"dosing rule '{self.name}' is about {self.drug}, of which no dose is given",
                remedy="take the rule out, or name one of the arm's drug",
            )
        return np.asarray(mine)

    def _factor(self, step: RuleStep, units: Mapping[str, str]) -> float:
        if step.observe not in units:
            raise RegimenError(
                f"dosing rule '{self.name}' looks at '{step.observe}', which the model does not have",
                remedy=suggest(step.observe, units),
            )
        count, output = unit_of_text(step.unit), unit_of_text(units[step.observe])
        if count.exponents != output.exponents:
            raise UnitError(
                f"dosing rule '{self.name}': {step.observe} in {units[step.observe]}, the threshold in {step.unit}",
                why="the model of this species counts relative to the young" if units[step.observe] == "fold" else None,
                remedy=f"give the threshold in {units[step.observe]}",
            )
        return count.factor / output.factor

    def _lead_share(self, table: pd.DataFrame, mine: NDArray[np.bool_]) -> float:
        assert self.lead_in is not None  # checked where the file is read
        time, amount = (table[name].to_numpy(dtype=float)[mine] for name in ("time", "amount"))
        late = np.unique(amount[time >= time.min() + self.lead_in.days - 1e-9])
        if len(late) > 1:
            raise RegimenError(
                f"dosing rule '{self.name}' escalates to one dose, the arm has {', '.join(f'{x:g}' for x in late)}",
                remedy="give one dose after the lead-in, or leave 'escalate' out of the rule",
            )
        return 1.0 if not len(late) else min(1.0, self.lead_in.dose / float(late[0]))

    def _visits(self, step: RuleStep, first: float, last: float) -> list[float]:
        """Return the days on which a step looks; a rounding before a dose would miss it, so days are sums of two."""
        if step.once:
            return [first]
        start = self.lead_in.days if step.action == "escalate" and self.lead_in is not None else 0.0
        days = {start} if step.action == "escalate" else set()
        for visit, repeats in self.visits:
            count = int((last - first) / visit + 1e-9) if repeats else 1
            if count > MAX_DOSES:
                raise RegimenError(f"dosing rule '{self.name}' has more than {MAX_DOSES:,} visits")
            days |= {visit * number for number in range(1, count + 1)} if repeats else {visit}
        kept = sorted(day for day in days if start <= day <= last - first + 1e-9)
        return [first + day for day in kept] or [first + start]


def as_measured(
    decisions: tuple[Decision, ...], cv: float, subjects: int, seed: int, first: int = 0
) -> tuple[Decision, ...]:
    """Return decisions that read a measured count where they look once, and the true one where they look often.

    A count that is read ``exp(e)`` times too high lies below a threshold exactly where the true one lies below
    ``exp(-e)`` of it, so one measurement is a threshold of each subject's own. The engine keeps one threshold over all
    visits of a rule: errors that differ from visit to visit it cannot hold.

    Parameters
    ----------
    cv : float
        Coefficient of variation of one count.
    subjects, seed, first : int
        How many subjects, from which, as in a block of a run.
    """
    spread = float(np.sqrt(np.log1p(cv**2)))
    error = standard_normals(seed, "dosing rule counts", subjects, len(decisions), first) if decisions else None
    found = []
    for number, item in enumerate(decisions):
        if len(item.times) == 1 and error is not None:
            limit = np.asarray(item.below) * np.exp(-spread * error[:, number])
            item = replace(item, below=limit, until_above=limit)
        found.append(item)
    return tuple(found)


def rule_names() -> list[str]:
    """Return the names of the shipped dosing rules.

    Examples
    --------
    >>> "navitoclax-platelets" in rule_names()
    True
    """
    return sorted(path.stem for path in RULES.glob("*.yaml"))


def load_rule(name: str | Path, where: str | None = None) -> DosingRule:
    """Return a shipped dosing rule by name, or one from a YAML file.

    Raises
    ------
    FileError
        The file cannot be read.
    RegimenError, UnitError
        The rule does not exist, or a part of it is missing, unknown or impossible; with file and line.

    Examples
    --------
    >>> [step.action for step in load_rule("navitoclax-platelets").steps]
    ['start', 'lead in', 'escalate', 'hold', 'halve']
    """
    path = RULES / f"{name}.yaml" if str(name) in rule_names() else Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise RegimenError(
            f"'{name}' is neither a shipped dosing rule nor a YAML file",
            where=where,
            remedy=f"{suggest(str(name), rule_names())}; or give a path that ends in .yaml",
        )
    document = read_yaml(path)
    try:
        file = _File.model_validate(document.data)
    except ValidationError as error:
        finding = error.errors()[0]
        key = tuple(part for part in finding["loc"] if part != "[key]")
        raise RegimenError(
            f"dosing rule: '{'.'.join(map(str, key)) or 'the file'}': {finding['msg'].lower()}",
            where=document.where(*key),
            remedy=f"a rule has the keys {', '.join(_File.model_fields)}",
        ) from None
    return _rule(file, document)


def _rule(file: _File, document: Document) -> DosingRule:
    steps = tuple(read_step(step, document.where("steps", index)) for index, step in enumerate(file.steps))
    visits = tuple(read_visit(visit, document.where("visits", index)) for index, visit in enumerate(file.visits))
    actions = [step.action for step in steps]
    for action in ("lead in", "start", "escalate"):
        if actions.count(action) > 1:
            raise RegimenError(
                f"'{action}' stands twice", where=document.where("steps"), remedy="doses begin once; keep one"
            )
    if "escalate" in actions and "lead in" not in actions:
        raise RegimenError(
            "'escalate' without a lead-in",
            where=document.where("steps", actions.index("escalate")),
            remedy="add a step such as 'lead in 150 mg for 7 days'",
        )
    drug = load_drug(file.drug, document.where("drug"))
    return DosingRule(file.rule, drug.name, file.meaning, tuple(file.source), visits, steps)
