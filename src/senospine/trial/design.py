"""Trial designs: who is enrolled, what they get, what is measured, how it is analysed."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from senospine.assays import MARKERS
from senospine.errors import SenospineError, TrialError, suggest
from senospine.stats.mmrm.structures import structure
from senospine.stats.multiplicity import Graph, hierarchical, holm
from senospine.therapy import parse_treatment
from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.file import SENSITIVITIES, Arm, Endpoint, File, MarkerRange, Range, Shares, validated
from senospine.trial.marker_plan import check_followed, check_markers, entering, marker_weeks
from senospine.trial.measures import MEASURES
from senospine.trial.procedures import given_as, only_procedures
from senospine.trial.refusals import check_graph, check_heeded
from senospine.yaml_files import Document, parse_yaml, read_yaml

DESIGNS = Path(__file__).parent / "designs"
#: platelets [1e9/L] below which doses are held until the next visit, or treatment ends
HOLDS = {"none": (0.0, 0.0), "hold below 75": (75.0, 0.0), "hold below 50": (50.0, 25.0), "stop below 25": (0.0, 25.0)}
BASELINE_STRATA = ("pain", "age", "sex")


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
    checks = (_check_arms, _check_times, check_markers, _check_entry, _check_analysis, _check_population, check_heeded)
    for check in checks:
        check(file, document)
    design = Design(file, document, hashlib.sha256(content).hexdigest())
    if isinstance(file.analysis.multiplicity, Shares):
        check_graph(file.analysis.multiplicity, [item.name for item in design.hypotheses], document)
    assert len(design.contexts) == len(file.arms)  # found now, so that a control nobody knows is told now
    return design


def _check_arms(file: File, document: Document) -> None:
    for name, arm in file.arms.items():
        _check_arm(name, arm, document)
    if not any(arm.control for arm in file.arms.values()):
        raise TrialError(
            "the design has no control",
            where=document.where("arms"),
            why="improvement over time is mostly course, regression to the mean and context, not treatment",
            remedy="give one arm 'control: pill', or none, usual care, infusion, injection, sham procedure",
        )
    for section, value in (
        ("dropout", file.dropout.rate), ("adverse_events", file.adverse_events.background),
        ("missed_visits", file.missed_visits.rate),
    ):  # fmt: skip
        for name in value if isinstance(value, dict) else ():
            if name not in file.arms:
                raise TrialError(
                    f"'{section}' names arm '{name}', which this design does not have",
                    where=document.where(section),
                    remedy=suggest(name, file.arms),
                )
    total = sum(arm.allocation for arm in file.arms.values())
    if file.block % total:
        raise TrialError(
            f"blocks of {file.block} cannot hold an allocation of {total} in whole",
            where=document.where("block"),
            remedy=f"choose a multiple of {total}",
        )
    if file.dose_holds not in HOLDS:
        raise TrialError(
            f"no rule for platelets is called '{file.dose_holds}'",
            where=document.where("dose_holds"),
            remedy=suggest(file.dose_holds, HOLDS),
        )


def _check_arm(name: str, arm: Arm, document: Document) -> None:
    if (arm.therapy is None) == (arm.control is None):
        raise TrialError(
            f"arm '{name}' needs either a therapy or a control",
            where=document.where("arms", name),
            remedy="write 'therapy: REGIMEN', or 'control: pill'",
        )


def _check_times(file: File, document: Document) -> None:
    if sorted(set(file.visits)) != file.visits or file.visits[0] <= 0:
        raise TrialError(
            "visits must be weeks above 0 that rise", where=document.where("visits"),
            remedy="write them like [4, 8, 12]; what is recorded before treatment is no visit",
        )  # fmt: skip
    if file.visits[-1] > file.weeks:
        raise TrialError(
            f"the visit at week {file.visits[-1]:g} comes after the end at week {file.weeks:g}",
            where=document.where("visits", len(file.visits) - 1),
            remedy="move the visit, or set 'weeks' later",
        )
    for name, endpoint in file.endpoints.items():
        if endpoint.measure not in MEASURES:
            raise TrialError(
                f"endpoint '{name}' is of '{endpoint.measure}', which nobody measures",
                where=document.where("endpoints", name, "measure"),
                remedy=suggest(endpoint.measure, MEASURES),
            )
        if endpoint.week not in file.visits:
            raise TrialError(
                f"endpoint '{name}' is read at week {endpoint.week:g}, when nobody measures",
                where=document.where("endpoints", name, "week"),
                remedy=f"visits are at weeks {', '.join(f'{week:g}' for week in file.visits)}",
            )


def _check_entry(file: File, document: Document) -> None:
    entry = file.entry
    ranges: dict[tuple[str, ...], Range] = {
        ("age",): entry.age,
        ("pain",): entry.pain,
        ("odi",): entry.odi,
        ("platelets",): entry.platelets,
    }
    ranges |= {("markers", name): item for name, item in file.entry.markers.items()}
    for key, item in ranges.items():
        if item.at_least is not None and item.at_most is not None and item.at_least > item.at_most:
            raise TrialError(
                f"entry by {key[-1]} from {item.at_least:g} to {item.at_most:g} enrols no one",
                where=document.where("entry", *key),
                remedy="exchange the two ends",
            )
    for name in file.entry.markers:
        _check_marker(name, document, "entry", "markers", name)
    for name in file.stratify:
        if name not in BASELINE_STRATA:
            _check_marker(name, document, "stratify", name)


def _check_marker(name: str, document: Document, *key: str) -> None:
    if name not in MARKERS:
        raise TrialError(f"unknown marker '{name}'", where=document.where(*key), remedy=suggest(name, MARKERS))


def _check_analysis(file: File, document: Document) -> None:
    where = document.where("analysis")
    for index, name in enumerate(file.analysis.sensitivity):
        if name not in SENSITIVITIES:
            raise TrialError(
                f"no sensitivity analysis is called '{name}'",
                where=document.where("analysis", "sensitivity", index),
                remedy=suggest(name, SENSITIVITIES),
            )
    _check_extras(file, document)
    for index, pair in enumerate(file.analysis.compare or ()):
        for name in pair:
            if name not in file.arms or pair[0] == pair[1]:
                raise TrialError(
                    f"the comparison of '{pair[0]}' with '{pair[1]}' is not one of two arms",
                    where=document.where("analysis", "compare", index),
                    remedy=suggest(name, file.arms),
                )
    visits = len(file.visits)
    try:
        structure(file.analysis.covariance, max(visits, 2))
    except SenospineError as error:
        raise TrialError(
            error.what, where=document.where("analysis", "covariance"), why=error.why, remedy=error.remedy
        ) from None
    if file.analysis.method == "mmrm" and visits < 2:
        raise TrialError(
            "a mixed model for repeated measures cannot be estimated from one visit",
            where=where,
            remedy="add visits, or write 'method: ancova'",
        )
    coefficients = 1 + len(file.arms) + len(file.stratify)
    if file.patients < coefficients + visits + 8:
        raise TrialError(
            f"{file.patients} patients cannot estimate {coefficients} coefficients and a covariance of {visits} visits",
            where=document.where("patients"),
            remedy=f"at least {coefficients + visits + 8} patients, and rather three times as many",
        )
    if file.analysis.method == "ancova" and file.interim is None:
        return
    if file.interim is not None and sorted(set(file.interim.at)) != file.interim.at:
        raise TrialError(
            "looks must rise",
            where=document.where("interim", "at"),
            remedy="write shares of the patients like [0.5, 0.75]",
        )
    if file.interim is not None and file.patients * file.interim.at[0] < coefficients + visits + 8:
        raise TrialError(
            f"the first look has {file.patients * file.interim.at[0]:.0f} patients: too few to estimate anything",
            where=document.where("interim", "at", 0),
            remedy="look later",
        )


def _check_extras(file: File, document: Document) -> None:
    """Subgroups and tipping points: of markers there are, in designs that can have them."""
    for name in file.analysis.subgroups:
        if name not in BASELINE_STRATA:
            _check_marker(name, document, "analysis", "subgroups", name)
    of_means = next(iter(file.endpoints.values())).responder is None
    for key, wanted in (("tipping", file.analysis.tipping is not None), ("subgroups", bool(file.analysis.subgroups))):
        if wanted and not of_means:
            raise TrialError(
                f"'{key}' needs a primary endpoint that is a mean, and the first one counts responders",
                where=document.where("analysis", key), remedy="put an endpoint without 'responder' first",
            )  # fmt: skip
        if wanted and file.population.kind == "two-stage":
            raise TrialError(
                f"a two-stage design has no '{key}'", where=document.where("analysis", key),
                why="its answer combines p values of two stages", remedy="leave it out, or use a stratified design",
            )  # fmt: skip


def _check_population(file: File, document: Document) -> None:
    population = file.population
    if population.kind == "all-comers":
        return
    if population.marker is None or population.at_least is None:
        raise TrialError(
            f"a {population.kind} design needs a marker and where it begins to be positive",
            where=document.where("population"),
            remedy="write 'marker: NAME' and 'at_least: VALUE'",
        )
    _check_marker(population.marker, document, "population", "marker")
    if population.kind in {"two-stage", "stratified"} and (len(file.arms) > 2 or file.interim is not None):
        raise TrialError(
            f"a {population.kind} design has two arms and no further looks",
            where=document.where("population"),
            remedy="leave out 'interim', or the third arm",
        )


def positive(design: Design) -> tuple[str, MarkerRange]:
    """Return the marker of the design's population and the range in which it is positive."""
    population = design.file.population
    assert population.marker is not None  # checked when the design was read
    return population.marker, MarkerRange(at_least=population.at_least, mode=population.mode)
