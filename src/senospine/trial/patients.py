"""Virtual patients out of the human model: lives to a sampled age, then a year untreated and under each therapy.

A block is some people of one draw of the parameters. Person ``i`` is the same person in every draw: what differs
between people (traits, sex, age, degeneration, other pain) is theirs, what is doubted about all people is the draw's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import DEVIATES
from senospine.assays.readout import value_of
from senospine.engine import Decision, Entry, Kernel, Schedule, compile_model
from senospine.errors import SenospineError, TrialError
from senospine.model import Model, load_model
from senospine.randomness import stream
from senospine.subjects import draw_doubt, draw_people, draw_translation, untreated_life
from senospine.therapy import (
    Drug,
    Performed,
    Prescribed,
    Procedure,
    Regimen,
    as_measured,
    compose_model,
    dose_table,
    load_drug,
    load_rule,
    parse_treatment,
)
from senospine.trial.bank import UNTREATED
from senospine.trial.continuing import untreated_from
from senospine.trial.design import therapy_key
from senospine.trial.procedures import jumps_of
from senospine.trial.stopping import telling

Array = NDArray[np.float64]
Single = NDArray[np.float32]
DAYS_PER_YEAR = 365.25
RTOL = 1e-4
#: what is read of every course
OUTPUTS = ("spinal_pain", "systemic_relief", "platelets", "neutrophils", "gut_exposure")
#: what is read of people before the first treatment
STATES = (
    "degeneration", "endplate_porosity", "disc_matrix", "senescent_osteoclasts", "senescent_disc_cells",
    "trabecular_bone", "sensitisation", "dorsal_horn_gliosis", "spinal_pain", "platelets", "neutrophils",
)  # fmt: skip
#: the youngest and oldest age at which degeneration may set in [year], all between equally likely before weighting
ONSET = (10.0, 60.0)
#: when the day's exposure of the gut is read [day after the morning's dose]
AFTER_DOSE = 0.25


@dataclass(frozen=True)
class Therapy:
    """A therapy as a design writes it: regimens and procedures with ``+`` between, ``; rule NAME`` for doses."""

    text: str
    regimens: tuple[Regimen, ...]
    rule: str | None
    performed: tuple[Performed, ...] = ()

    @property
    def drugs(self) -> tuple[Drug, ...]:
        """What it gives, by name."""
        return tuple(load_drug(name) for name in sorted({each.drug for each in self.regimens}))

    @property
    def procedures(self) -> tuple[Procedure, ...]:
        """What is done, by name."""
        return tuple(sorted({each.procedure for each in self.performed}, key=lambda item: item.name))

    def compose(self) -> Model:
        """Return the human model with what is given and done."""
        return compose_model("human", self.drugs, procedures=self.procedures)


def read_therapy(text: str, where: str | None = None) -> Therapy:
    """Return a therapy from its text; day 0 after enrolment is the day of the first treatment.

    Raises
    ------
    SenospineError
        A regimen or a rule that cannot be read.

    Examples
    --------
    >>> found = read_therapy("navitoclax 150 mg oral once at day 0 after enrolment; rule navitoclax-entry")
    >>> found.drugs[0].name, found.rule
    ('navitoclax', 'navitoclax-entry')
    """
    doses, *rules = (part.strip() for part in text.split(";"))
    names = [item.removeprefix("rule ").strip() for item in rules]
    if len(rules) > 1 or any(not item.startswith("rule ") for item in rules):
        raise TrialError(
            f"therapy '{text}' cannot be read", where=where,
            remedy="write regimens with ' + ' between them, and at most one '; rule NAME' behind",
        )  # fmt: skip
    parts = [parse_treatment(item.strip(), where) for item in doses.split(" + ")]
    regimens = tuple(item for item in parts if isinstance(item, Regimen))
    performed = tuple(item for item in parts if isinstance(item, Performed))
    if names:
        load_rule(names[0], where)
        if not regimens:
            raise TrialError(f"therapy '{text}' has a rule for doses and no doses", where=where,
                             remedy="leave the rule out: a procedure is done once")  # fmt: skip
    return Therapy(therapy_key(text), regimens, names[0] if names else None, performed)


@dataclass(frozen=True)
class Plan:
    """What a bank is made of; everything in it decides the bytes.

    Attributes
    ----------
    therapies : tuple of Therapy
    days : tuple of float
        Rising from 0.
    ages : (float, float)
        Years; all between equally likely before weighting.
    centres : mapping of str to float
        Values in place of the register's: gains carried over by a fit.
    uncertainty : {'all', 'translation', 'none'}
        What differs from draw to draw.
    between : bool
        Whether people differ in parameters as the register says; if not they differ in age, sex, degeneration and
        other pain only.
    stops : tuple of float
        Days on which some stop each therapy for good; those that tell nothing of a therapy are left out for it.
    """

    therapies: tuple[Therapy, ...]
    days: tuple[float, ...]
    seed: int
    ages: tuple[float, float] = (20.0, 90.0)
    centres: Mapping[str, float] = field(default_factory=dict)
    uncertainty: str = "all"
    between: bool = True
    stops: tuple[float, ...] = ()


def doubt_of(plan: Plan, model: Model, draw: int) -> dict[str, float]:
    """Return one draw's parameters for a model, beside what the plan puts in place of the register's."""
    found: dict[str, float] = {name: value for name, value in plan.centres.items() if name in model.parameters}
    if plan.uncertainty == "all":
        drawn = draw_doubt(model, 1, plan.seed, first=draw)
        found |= {name: float(value[0]) for name, value in drawn.items() if name not in found}
    if plan.uncertainty != "none":
        found |= {name: float(value[0]) for name, value in draw_translation(model, 1, plan.seed, first=draw).items()}
    return found


@dataclass(frozen=True)
class Block:
    """Some people of one draw, as arrays; those who could not be solved are NaN.

    Attributes
    ----------
    people : mapping of str to ndarray, shape (n,)
    reference : float
        ``spinal_pain`` above the healthy of a severely degenerated spine at 50 years under this draw [fold].
    courses : mapping of therapy to mapping of output to ndarray, shape (n, n_days)
        Of those who stop under ``until(therapy, day)``, with the days after that day only.
    """

    people: Mapping[str, NDArray[Any]]
    reference: float
    courses: Mapping[str, Mapping[str, Single]]


def simulate_people(plan: Plan, draw: int, first: int, count: int) -> Block:
    """Return people of one draw, untreated and under every therapy. Pure: the same arguments give the same bytes."""
    base = load_model("human")
    own = doubt_of(plan, base, draw)
    drawn = draw_people(base, count, plan.seed, ages=plan.ages, first=first, centres=own)
    uniform = np.array(
        [stream(plan.seed, "patients", first + index).random(len(DEVIATES) + 2) for index in range(count)]
    )
    lasting = {
        "degeneration_load": uniform[:, -1],
        "degeneration_onset": DAYS_PER_YEAR * (ONSET[0] + (ONSET[1] - ONSET[0]) * uniform[:, -2]),
    }
    life = untreated_life(base, _of(plan, base, drawn.parameters, own) | lasting, drawn.ages, rtol=RTOL, threads=1)
    courses: dict[str, dict[str, Single]] = {}
    states: dict[str, Array] = {}
    for therapy in (None, *plan.therapies):
        model = base if therapy is None else therapy.compose()
        mine = doubt_of(plan, model, draw)
        people: dict[str, Array] = {}
        for alone in _each_alone(therapy):  # what else is taken changes no one
            found = draw_people(
                alone, count, plan.seed, ages=plan.ages, first=first, centres=doubt_of(plan, alone, draw)
            )
            people |= found.parameters
        parameters = _of(plan, model, people, mine) | _of(plan, base, drawn.parameters, own) | lasting
        followed, at_first = _courses(plan, therapy, model, parameters, life, first)
        courses |= followed
        states = states or at_first
    people_table: dict[str, NDArray[Any]] = {
        "patient": np.arange(first, first + count), "draw": np.full(count, draw), "age": drawn.ages / DAYS_PER_YEAR,
        "sex": np.where(drawn.female, "female", "male"),
        "body_weight": np.asarray(drawn.parameters.get("body_weight", np.full(count, base.parameters["body_weight"]))),
        **states, **{f"deviate_{name}": uniform[:, index] for index, name in enumerate(DEVIATES)},
    }  # fmt: skip
    return Block(people_table, reference_drive(base, own), courses)


def _each_alone(therapy: Therapy | None) -> list[Model]:
    """Return the human model with each drug, and with each procedure, of a therapy alone."""
    if therapy is None:
        return []
    drugs = [compose_model("human", (drug,)) for drug in therapy.drugs]
    return drugs + [compose_model("human", procedures=(item,)) for item in therapy.procedures]


def _of(plan: Plan, model: Model, people: Mapping[str, Array], centres: Mapping[str, float]) -> dict[str, Array]:
    """Return people's parameters; without differences between them, those by sex and age alone."""
    if plan.between:
        return dict(people)
    kept = {"age_at_start", "senescence_critical_age"}
    return {
        name: value if name in kept else np.full(len(value), centres.get(name, model.parameters[name]))
        for name, value in people.items()
    }


def reference_drive(model: Model, parameters: Mapping[str, float]) -> float:
    """Return what a severely degenerated spine sends at 50 years above the healthy [fold]."""
    solution = _kernel(model.name).solve(
        {**parameters, "degeneration_load": 1.0, "age_at_start": 0.0}, times=[50 * DAYS_PER_YEAR], n_subjects=1,
        rtol=RTOL, threads=1,
    )  # fmt: skip
    drive = float(solution["spinal_pain"][0, 0]) - 1
    if not drive > 0:
        raise TrialError("a severely degenerated spine of 50 years sends no pain under these parameters",
                         why=f"spinal_pain above the healthy is {drive:g}")  # fmt: skip
    return drive


@lru_cache(maxsize=16)
def _kernel(
    species: str, drugs: tuple[Drug, ...] = (), procedures: tuple[Procedure, ...] = (),
    outputs: tuple[str, ...] = (*OUTPUTS, *STATES),
) -> Kernel:  # fmt: skip
    model = compose_model(species, drugs, procedures=procedures)
    return compile_model(model, outputs=[name for name in dict.fromkeys(outputs) if name in model.outputs])


def until(therapy: str, day: float) -> str:
    """Return the name of the course of those who stop a therapy on a day."""
    return f"{therapy} until day {day:g}"


def stops_of(plan: Plan, schedule: Schedule) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the days on which some stop for good, and those on which something is given or done."""
    given = tuple(np.unique(schedule.time).tolist())
    return telling(plan.stops, given), given


def _courses(
    plan: Plan, therapy: Therapy | None, model: Model, parameters: Mapping[str, Array], life: Mapping[str, Array],
    first: int,
) -> tuple[dict[str, dict[str, Single]], dict[str, Array]]:  # fmt: skip
    """Return courses under a therapy and of those who stop it, and states on day 0."""
    count = len(parameters["age_at_start"])
    schedule = schedule_of(plan, therapy, model, parameters, first)
    stops, _ = stops_of(plan, schedule)
    daily = np.arange(0.0, plan.days[-1]) + AFTER_DOSE
    times = np.unique([*plan.days, *(daily if therapy is not None else ()), *stops])
    given = (therapy.drugs, therapy.procedures) if therapy else ((), ())
    kernel = _kernel("human", *given, (*OUTPUTS, *STATES, *(model.states if stops else ())))
    solution = kernel.solve(parameters, schedule, times, initial=life, rtol=RTOL, threads=1, n_subjects=count)
    at_first = {name: solution[name][:, np.searchsorted(times, plan.days[0])] for name in STATES}
    found = {UNTREATED if therapy is None else therapy.text: _read(plan, solution.values, times, count)}
    if therapy is not None and stops:
        rest = _kernel("human", *given, OUTPUTS)
        states = {name: solution[name][:, np.searchsorted(times, stops)] for name in model.states}
        for place, day in enumerate(stops):
            begin = {name: values[:, place] for name, values in states.items()}
            later = _read(plan, untreated_from(day, rest, solution, begin, parameters, rtol=RTOL), times, count)
            after = int(np.searchsorted(plan.days, day, side="right"))
            found[until(therapy.text, day)] = {name: values[:, after:] for name, values in later.items()}
    return found, at_first


def _read(plan: Plan, values: Mapping[str, Array], times: Array, count: int) -> dict[str, Single]:
    """Return outputs over the plan's days, exposure of the gut as its mean over the days since the last."""
    on = np.searchsorted(times, plan.days)
    found: dict[str, Single] = {}
    for name in OUTPUTS:
        if name in values:
            found[name] = values[name][:, on].astype(np.float32)
        else:
            found[name] = np.zeros((count, len(on)), np.float32)
    if "gut_exposure" in values:
        daily = np.arange(0.0, plan.days[-1]) + AFTER_DOSE
        place = np.searchsorted(times, daily)
        since = np.searchsorted(plan.days, daily) - 1  # of each day, the grid day before it
        mean = np.zeros((count, len(on)))
        for index in range(len(on) - 1):
            mean[:, index + 1] = values["gut_exposure"][:, place[since == index]].mean(axis=1)
        found["gut_exposure"] = mean.astype(np.float32)
    return found


def schedule_of(
    plan: Plan, therapy: Therapy | None, model: Model, parameters: Mapping[str, Array], first: int
) -> Schedule:
    """Return what is given to all, and what procedures take of each."""
    doses = Schedule.shared(*doses_of(plan, therapy, model, len(parameters["age_at_start"]), first))
    done = jumps_of(therapy.performed, model, parameters, plan.seed, first, plan.days[-1]) if therapy else None
    return doses if done is None else doses + done


def doses_of(
    plan: Plan, therapy: Therapy | None, model: Model, count: int, first: int
) -> tuple[list[Entry], tuple[Decision, ...]]:
    """Return what is given over the plan's days, and what counts decide; refuse what cannot be given to people."""
    if therapy is None or not therapy.regimens:
        return [], ()
    try:
        table = dose_table(therapy.regimens, {"enrolment": 0.0, "birth": -130 * DAYS_PER_YEAR}, species="human")
    except SenospineError as error:
        raise TrialError(f"therapy '{therapy.text}': {error.what}", where=error.where, why=error.why,
                         remedy=error.remedy) from None  # fmt: skip
    table = table[table["time"] < plan.days[-1]]
    amounts = table["amount"].tolist()
    decisions: tuple[Decision, ...] = ()
    if therapy.rule is not None:
        rule = load_rule(therapy.rule)
        prescribed = [Prescribed(*row) for row in table[list(Prescribed._fields)].itertuples(index=False, name=None)]
        amounts = rule.amounts(prescribed)
        units = {name: row.unit for name, row in model.variables.items() if name in model.outputs}
        exact = rule.decisions(prescribed, units)
        decisions = as_measured(exact, value_of("count_noise_cv"), count, plan.seed, first)
    entries = [
        Entry(float(time), "bolus", str(target), float(amount))
        for time, target, amount in zip(table["time"], table["target"], amounts, strict=True)
    ]
    return entries, decisions
