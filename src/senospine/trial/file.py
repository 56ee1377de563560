"""A trial design as it is written: sections of a strict YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)

from senospine.assays import CONTROLS
from senospine.errors import TrialError, suggest
from senospine.stats.imputation import STRATEGIES
from senospine.trial.measures import outcome_key
from senospine.yaml_files import Document


class Section(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _share(value: Any) -> Any:
    """Return '25 %' or a bare share of one as a number."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        raise ValueError(f"write {value} as a share with its sign, for instance '{value} %'")
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _not_above_one(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("a share lies between 0 % and 100 %")
    return value


def _known_control(value: str) -> str:
    if value not in CONTROLS:
        raise ValueError(f"no such control; {suggest(value, CONTROLS)}")
    return value


Number = Annotated[float, BeforeValidator(lambda v: float(v) if type(v) is int else v)]
Share = Annotated[float, BeforeValidator(_share), AfterValidator(_not_above_one)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=40)]
Control = Annotated[str, AfterValidator(_known_control)]
Measure = str
Strategy = Literal["treatment policy", "hypothetical", "composite"]


class Arm(Section):
    """One arm: a therapy, or a control and what kind it is."""

    therapy: str | None = None
    control: Control | None = None
    given_as: Control | None = None
    allocation: Annotated[int, Field(ge=1, le=10)] = 1


class Range(Section):
    """From where to where, both ends included."""

    at_least: Number | None = None
    at_most: Number | None = None

    def holds(self, values: Any) -> Any:
        """Return which values lie inside."""
        inside = values == values
        if self.at_least is not None:
            inside = inside & (values >= self.at_least)
        if self.at_most is not None:
            inside = inside & (values <= self.at_most)
        return inside


class PainRange(Range):
    """Of the mean of daily ratings over so many days."""

    days: Annotated[int, Field(ge=1, le=14)] = 7


class MarkerRange(Range):
    """Of a marker, as recorded (clinic) or in truth (oracle)."""

    mode: Literal["clinic", "oracle"] = "clinic"


class Entry(Section):
    """Who may enter."""

    age: Range = Range()
    pain: PainRange = PainRange()
    odi: Range = Range()
    platelets: Range = Range()
    markers: dict[str, MarkerRange] = {}


class Endpoint(Section):
    """What is compared, when, and how it is read: as a change from baseline or as the share of responders.

    A marker is read as recorded (clinic) or in truth (oracle).
    """

    measure: Measure
    week: Number
    responder: Share | None = None
    mode: Literal["clinic", "oracle"] = "clinic"

    @property
    def benefit(self) -> float:
        """Sign of a difference of arms that is a benefit: more responders, and less of everything that is measured."""
        return -1.0 if self.responder is None else 1.0

    @property
    def key(self) -> str:
        """What tables of a trial call it."""
        return outcome_key(self.measure, self.mode)


class Dropout(Section):
    """Who leaves: a share by the end at a reference pain, and how much pain matters to it."""

    rate: Share | dict[str, Share] = 0.0
    mechanism: Literal["completely at random", "at random", "not at random"] = "at random"
    log_hazard_per_point: Number = 0.0
    at_pain: Number = 5.0
    followed: Share = 0.0


class Missed(Section):
    """Visits missed by patients who come back: a share of all but the last, more or fewer by the pain last recorded."""

    rate: Share | dict[str, Share] = 0.0
    log_odds_per_point: Number = 0.0
    at_pain: Number = 5.0


class Accrual(Section):
    """Candidates screened a week, and weeks from a look's last visit to its decision."""

    screened_per_week: Annotated[Number, Field(gt=0)]
    readout_weeks: Annotated[Number, Field(ge=0)] = 0.0


class AdverseEvents(Section):
    """Adverse events: a share of patients by the end, more with gut exposure, some of which end treatment."""

    background: Share | dict[str, Share] = 0.0
    per_gut_exposure: Share = 0.0
    stops: Share = 0.0


class Rescue(Section):
    """Rescue medication: from which weekly mean on, and how many take it then."""

    pain_at_least: Annotated[Number, Field(ge=0, le=10)]
    uptake: Share = 1.0


class Estimand(Section):
    """How intercurrent events count."""

    stopping: Literal["treatment policy", "hypothetical"] = "treatment policy"
    rescue: Strategy = "treatment policy"


class Tipping(Section):
    """How much worse those who left treatment may have done: shifts in equal steps, in the endpoint's unit."""

    up_to: Annotated[Number, Field(gt=0)]
    steps: Annotated[int, Field(ge=1, le=20)] = 4
    strategy: Literal["MAR", "J2R", "CIR", "CR"] = "MAR"

    @property
    def deltas(self) -> tuple[float, ...]:
        """Shifts that have a row of their own, 0 first."""
        return tuple(self.up_to * step / self.steps for step in range(self.steps + 1))

    def method(self, delta: float) -> str:
        """Return the name of the analysis with a shift."""
        return f"{self.strategy}+{delta:g}"


class Shares(Section):
    """How hypotheses share alpha: their weights, and where a rejected one's share goes; names as tables show them."""

    weights: Annotated[dict[str, Share], Field(min_length=1)]
    transitions: dict[str, dict[str, Share]] = {}


class Analysis(Section):
    """How the question is answered."""

    method: Literal["mmrm", "ancova"] = "mmrm"
    covariance: str = "unstructured"
    df: Literal["satterthwaite", "kenward-roger", "kenward-roger-linear", "kenward-roger-sas"] = "kenward-roger-linear"
    sensitivity: list[str] = []
    imputations: Annotated[int, Field(ge=2, le=1000)] = 25
    multiplicity: Annotated[
        Annotated[Literal["none", "hierarchical", "holm"], Tag("name")] | Annotated[Shares, Tag("graph")],
        Discriminator(lambda value: "graph" if isinstance(value, dict | Shares) else "name"),
    ] = "hierarchical"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    tipping: Tipping | None = None
    subgroups: dict[str, Number] = {}
    subgroup_scale: Annotated[Number, Field(gt=0)] | None = None
    compare: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None


class Interim(Section):
    """Looks before the end."""

    at: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    success: Literal["obrien-fleming", "pocock", "none"] = "obrien-fleming"
    futility_z: Number | None = None
    binding: bool = True


class Population(Section):
    """Whom the trial is about."""

    kind: Literal["all-comers", "marker-enriched", "stratified", "two-stage"] = "all-comers"
    marker: str | None = None
    at_least: Number | None = None
    mode: Literal["clinic", "oracle"] = "clinic"
    first_stage: Annotated[float, Field(gt=0, lt=1)] = 0.5
    select_difference: Number = 0.0


class File(Section):
    """The whole design."""

    trial: Word
    title: str = ""
    question: str
    source: str = ""
    patients: Annotated[int, Field(ge=4, le=100_000)]
    weeks: Annotated[Number, Field(gt=0, le=520)]
    arms: Annotated[dict[Word, Arm], Field(min_length=2)]
    entry: Entry = Entry()
    stratify: dict[str, Number] = {}
    block: Annotated[int, Field(ge=2, le=100)] = 4
    visits: Annotated[list[Number], Field(min_length=1)]
    markers: dict[str, list[Number]] = {}
    endpoints: Annotated[dict[Word, Endpoint], Field(min_length=1)]
    analysis: Analysis = Analysis()
    population: Population = Population()
    interim: Interim | None = None
    accrual: Accrual | None = None
    adherence: Share = 1.0
    offset_days: Annotated[Number, Field(gt=0)] = 14.0
    dose_holds: str = "none"
    dropout: Dropout = Dropout()
    missed_visits: Missed = Missed()
    adverse_events: AdverseEvents = AdverseEvents()
    rescue: Rescue | None = None
    estimand: Estimand = Estimand()
    worthwhile: Annotated[Number, Field(gt=0)] = 0.4


SENSITIVITIES = ("ancova", "mmrm", *STRATEGIES)
#: platelets [1e9/L] below which doses are held until the next visit, or treatment ends
HOLDS = {"none": (0.0, 0.0), "hold below 75": (75.0, 0.0), "hold below 50": (50.0, 25.0), "stop below 25": (0.0, 25.0)}
BASELINE_STRATA = ("pain", "age", "sex")


def validated(document: Document) -> File:
    """Return the sections of a document.

    Raises
    ------
    TrialError
        The first key that is unknown, missing or impossible, with its line.
    """
    if not isinstance(document.data, dict):
        raise TrialError("a design is a mapping of keys", where=str(document.path), remedy="start with 'trial: NAME'")
    try:
        return File.model_validate(document.data)
    except ValidationError as error:
        problems = error.errors()
        first = next((item for item in problems if item["type"] == "extra_forbidden"), problems[0])
        key = _place(document.data, first["loc"])
        # where alternatives were tried, the one that got furthest into the file tells most
        others = {_place(document.data, item["loc"]): item for item in problems}
        further = [place for place in others if place[: len(key)] == key and len(place) > len(key)]
        if first["type"] not in {"extra_forbidden", "missing"} and further:
            key = max(further, key=len)
            first = others[key]
        name = ".".join(str(part) for part in key)
        apart = sum(place != key[: len(place)] for place in others)
        more = f" ({apart} more {'problem' if apart == 1 else 'problems'} in this file)" if apart else ""
        if first["type"] == "extra_forbidden":
            what, remedy = f"unknown key '{key[-1]}'{more}", suggest(str(key[-1]), _known(key[:-1]))
        elif first["type"] == "missing":
            what, remedy = f"key '{'.'.join(map(str, (*key, first['loc'][-1])))}' is missing{more}", "add it"
        else:
            said = first["msg"].removeprefix("Value error, ").lower()
            what, remedy = (
                f"'{name}' is {first.get('input')!r:.80}: {said}{more}",
                "docs/trial-designs.md lists every key",
            )
        raise TrialError(what, where=document.where(*key), remedy=remedy) from None


def _place(data: Any, location: Sequence[Any]) -> tuple[Any, ...]:
    """Return the keys of a location that stand in the file; pydantic also names its own alternatives."""
    key = []
    for step in location:
        if (isinstance(data, dict) and step in data) or (isinstance(data, list) and isinstance(step, int)):
            data = data[step]
            key.append(step)
    return tuple(key)


def _known(key: Sequence[Any]) -> list[str]:
    """Return the keys of the section at ``key``."""
    section: Any = File
    for part in key:
        field = section.model_fields.get(part) if isinstance(section, type) and issubclass(section, Section) else None
        if field is not None:
            section = field.annotation
        found = [item for item in _flat(section) if isinstance(item, type) and issubclass(item, Section)]
        section = found[0] if found else section
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, Section) else []


def _flat(annotation: Any) -> list[Any]:
    return [annotation, *(leaf for item in get_args(annotation) for leaf in _flat(item))]
