"""Dosing rules as data: a file says at which visits which count is looked at and what follows for later doses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from senospine.errors import RegimenError, UnitError, suggest
from senospine.model.units import unit_of_text
from senospine.randomness import standard_normals
from senospine.therapy.checks import MAX_DOSES
from senospine.therapy.drug import load_drug
from senospine.therapy.rows import Source
from senospine.therapy.rule_steps import RuleStep, read_step, read_visit
from senospine.yaml_files import Document, read_yaml

if TYPE_CHECKING:
    from senospine.engine import Decision

RULES = Path(__file__).parent / "rules"


class Prescribed(NamedTuple):
    """A dose as prescribed: a row of a dose table, with the columns that a dosing rule reads."""

    given: float
    drug: str
    target: str
    amount: float
    unit: str


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

    def amounts(self, doses: Sequence[Prescribed]) -> list[float]:
        """Return the amounts of doses with the lead-in in the place of the first.

        Raises
        ------
        RegimenError
            No dose is of the drug, or the lead-in has another unit.
        """
        mine = self._mine(doses)
        lead = self.lead_in
        if lead is None:
            return [dose.amount for dose in doses]
        units = sorted({dose.unit for dose in mine} - {lead.unit})
        if units:
            raise RegimenError(
                f"dosing rule '{self.name}' leads in with {lead.unit}, the doses are in {', '.join(units)}",
                remedy=f"write a rule whose lead-in is in {', '.join(units)}",
            )
        end = mine[0].given + lead.days - 1e-9
        early = [dose.drug == self.drug and dose.given < end for dose in doses]
        return [min(dose.amount, lead.dose) if led else dose.amount for dose, led in zip(doses, early, strict=True)]

    def decisions(self, doses: Sequence[Prescribed], units: Mapping[str, str]) -> tuple[Decision, ...]:
        """Return the rule for the engine. Every step reads the true count; see :func:`as_measured`.

        Parameters
        ----------
        doses : sequence of Prescribed
            As prescribed, before any lead-in.
        units : mapping
            Unit of each output of the model.

        Raises
        ------
        RegimenError
            No dose is of the drug, an output the model does not have, or doses that no one factor turns into those of
            the lead-in.
        UnitError
            A count in a unit of another dimension than the output's.
        """
        from senospine.engine import Decision  # slow to import, and only needed here

        mine = self._mine(doses)
        found = []
        for step in self.steps:
            factor = {"halve": 0.5, "escalate": self._lead_share(mine)}.get(step.action)
            if step.action == "lead in" or factor == 1.0:
                continue  # a lead-in is in the amounts; one that is not below the doses has nothing to escalate to
            limit, until = (value * self._factor(step, units) for value in (step.below, step.until))
            action: Any = {"start": "stop", "escalate": "reduce", "halve": "step down"}.get(step.action, step.action)
            visits = self._visits(step, mine[0].given, mine[-1].given)
            found += [
                Decision(visits, step.observe, target, below=limit, until_above=until, action=action, factor=factor)
                for target in sorted({dose.target for dose in mine})
            ]
        return tuple(found)

    def _mine(self, doses: Sequence[Prescribed]) -> list[Prescribed]:
        mine = sorted(dose for dose in doses if dose.drug == self.drug)
        if not mine:
            raise RegimenError(
                f"dosing rule '{self.name}' is about {self.drug}, of which no dose is given",
                remedy="take the rule out, or name one of the arm's drug",
            )
        return mine

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

    def _lead_share(self, mine: Sequence[Prescribed]) -> float | None:
        """Return the dose of the lead-in over the one that follows it, at most 1; None without a lead-in."""
        if self.lead_in is None:
            return None
        late = sorted({dose.amount for dose in mine if dose.given >= mine[0].given + self.lead_in.days - 1e-9})
        if len(late) > 1:
            raise RegimenError(
                f"dosing rule '{self.name}' escalates to one dose, the arm has {', '.join(f'{x:g}' for x in late)}",
                remedy="give one dose after the lead-in, or leave 'escalate' out of the rule",
            )
        return min(1.0, self.lead_in.dose / late[0]) if late else 1.0

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
