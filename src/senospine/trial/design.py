"""Trial designs: who is enrolled, what they get, what is measured, how it is analysed."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from senospine.errors import SenospineError, TrialError, suggest
from senospine.stats.multiplicity import Graph, hierarchical, holm
from senospine.therapy import parse_treatment
from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.checks import check_file
from senospine.trial.file import Endpoint, File, MarkerRange, Shares, validated
from senospine.trial.marker_plan import check_followed, entering, marker_weeks
from senospine.trial.procedures import given_as, only_procedures
from senospine.trial.refusals import check_graph
from senospine.yaml_files import Document, parse_yaml, read_yaml

DESIGNS = Path(__file__).parent / "designs"


@dataclass(frozen=True)
class Hypothesis:
    """One comparison of two arms at one endpoint, in all patients or in the marker-positive."""

    endpoint: str
    treated: str
    control: str
    positive: bool = False

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.endpoint}: {self.treated} - {self.control}" + (", marker-positive" if self.positive else "")


@dataclass(frozen=True)
class Design:
    """A trial design that has been checked.

    Attributes
    ----------
    file : File
        As it was written.
    document : Document
        Where each key stands.
    sha256 : str
    """

    file: File
    document: Document
    sha256: str

    @property
    def name(self) -> str:
        """The design's name."""
        return self.file.trial

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, controls first."""
        return tuple(sorted(self.file.arms, key=lambda name: self.file.arms[name].control is None))

    @cached_property
    def therapies(self) -> tuple[str, ...]:
        """For each arm, the key of its course in a bank."""
        return tuple(therapy_key(self.file.arms[name].therapy) for name in self.arms)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """For each arm, the kind of control whose contextual response it has.

        A therapy has its own ``given_as``, or its procedure's, or else the first control's.
        """
        first = self.file.arms[self.arms[0]].control or "none"
        arms = [self.file.arms[name] for name in self.arms]
        return tuple(arm.control or arm.given_as or given_as(arm.therapy or "") or first for arm in arms)

    @cached_property
    def done_once(self) -> tuple[bool, ...]:
        """For each arm, whether its therapy is procedures alone: done once, it is neither missed nor stopped."""
        return tuple(only_procedures(therapy) for therapy in self.therapies)

    @property
    def context_note(self) -> str | None:
        """What to say where arms that are compared look different to patients; None where they do not."""
        context = dict(zip(self.arms, self.contexts, strict=True))
        unlike = [item for item in self.hypotheses if context[item.treated] != context[item.control]]
        if not unlike:
            return None
        pairs = dict.fromkeys(
            f"{item.treated} ({context[item.treated]}) and {item.control} ({context[item.control]})" for item in unlike
        )
        return (
            f"Contexts differ between {'; '.join(pairs)}: that part of the difference is context, not the therapy. "
            "Arms alike to patients have one context ('given_as')."
        )

    @cached_property
    def visit_days(self) -> tuple[float, ...]:
        """Days of the visits."""
        return tuple(7 * week for week in self.file.visits)

    @cached_property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """What is tested, the primary first."""
        controls = [name for name in self.arms if self.file.arms[name].control is not None]
        pairs = self.file.analysis.compare or [[name, controls[0]] for name in self.arms if name not in controls]
        pairs = pairs or [[controls[1], controls[0]]]
        groups = (False, True) if self.file.population.kind == "stratified" else (False,)
        return tuple(
            Hypothesis(name, a, b, group) for name in self.file.endpoints for a, b in pairs for group in groups
        )

    @cached_property
    def graph(self) -> Graph | None:
        """How the hypotheses share alpha."""
        names: list[Hashable] = [item.name for item in self.hypotheses]
        shared = self.file.analysis.multiplicity
        if isinstance(shared, Shares):
            weights = np.array([shared.weights.get(str(name), 0.0) for name in names])
            rows = [[shared.transitions.get(str(a), {}).get(str(b), 0.0) for b in names] for a in names]
            return Graph(tuple(names), weights, np.array(rows))
        if shared == "none" or len(names) == 1:
            return None
        return hierarchical(names) if shared == "hierarchical" else holm(names)

    @property
    def multiplicity(self) -> str:
        """How the hypotheses share alpha, in a word."""
        shared = self.file.analysis.multiplicity
        return "by a graph of its own" if isinstance(shared, Shares) else shared

    def share_by_arm(self, value: float | dict[str, float]) -> tuple[float, ...]:
        """Return a share for each arm, whether it was written once or by arm."""
        return tuple(value.get(name, 0.0) if isinstance(value, dict) else value for name in self.arms)

    def visit_of(self, endpoint: Endpoint) -> int:
        """Return which visit an endpoint is read at."""
        return self.file.visits.index(endpoint.week)

    def visits_of(self, endpoint: Endpoint) -> list[int]:
        """Return the visits whose values enter the analysis of an endpoint; the last is its own."""
        return entering(self.file, endpoint)

    @cached_property
    def marker_weeks(self) -> dict[str, tuple[float, ...]]:
        """Markers measured at visits, as recorded or in truth, and the weeks of each."""
        return marker_weeks(self.file)

    def with_patients(self, patients: int) -> Design:
        """Return the same design with another number of patients; what a run is of changes with it."""
        digest = hashlib.sha256(f"{self.sha256}/patients {patients}".encode()).hexdigest()
        return replace(self, file=self.file.model_copy(update={"patients": patients}), sha256=digest)

    def check_bank(self, bank: PatientBank) -> None:
        """Refuse a bank that cannot serve the design.

        Raises
        ------
        TrialError
            A therapy it was not made with, courses that end before the trial does, or states it does not follow.
        """
        if not isinstance(bank, PatientBank):
            raise TrialError(f"a bank of patients is wanted, not {bank!r:.60}", remedy="read_bank(folder) opens one")
        for name, therapy in zip(self.arms, self.therapies, strict=True):
            bank.course(therapy, self.document.where("arms", name, "therapy"))
        if bank.days[-1] < self.visit_days[-1]:
            raise TrialError(
                f"the bank's patients are followed for {bank.days[-1]:g} days, the last visit is on day "
                f"{self.visit_days[-1]:g}",
                where=self.document.where("visits"),
                remedy="make a longer bank, or end the trial earlier",
            )
        check_followed(self.file, self.document, bank)


def therapy_key(text: str | None) -> str:
    """Return the name of a therapy's course in a bank: its canonical line if it is one treatment, else as written."""
    if text is None:
        return UNTREATED
    try:
        return parse_treatment(text).text()
    except SenospineError:  # a combination, or a bank's own name for what it simulated
        return " ".join(text.split())


def design_names() -> list[str]:
    """Return the names of the shipped designs."""
    return sorted(path.stem for path in DESIGNS.glob("*.yaml"))


def load_design(name: str | Path) -> Design:
    """Return a shipped design by name, or one from a YAML file.

    Raises
    ------
    FileError
        The file cannot be read, or holds what safe YAML does not.
    TrialError
        The design cannot be run; with file and line.

    Examples
    --------
    >>> load_design("placebo-placebo").arms
    ('placebo', 'other')
    """
    path = DESIGNS / f"{name}.yaml" if str(name) in design_names() else Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise TrialError(
            f"'{name}' is neither a shipped design nor a YAML file",
            remedy=f"{suggest(str(name), design_names())}; or give a path that ends in .yaml",
        )
    return _checked(read_yaml(path), path.read_bytes())


def parse_design(text: str, path: str | Path = "<text>") -> Design:
    """Return the design in ``text``; ``path`` only names it in messages."""
    return _checked(parse_yaml(text, path), text.encode())


def _checked(document: Document, content: bytes) -> Design:
    file = validated(document)
    check_file(file, document)
    design = Design(file, document, hashlib.sha256(content).hexdigest())
    if isinstance(file.analysis.multiplicity, Shares):
        check_graph(file.analysis.multiplicity, [item.name for item in design.hypotheses], document)
    assert len(design.contexts) == len(file.arms)  # found now, so that a control nobody knows is told now
    return design


def positive(design: Design) -> tuple[str, MarkerRange]:
    """Return the marker of the design's population and the range in which it is positive."""
    population = design.file.population
    assert population.marker is not None  # checked when the design was read
    return population.marker, MarkerRange(at_least=population.at_least, mode=population.mode)
