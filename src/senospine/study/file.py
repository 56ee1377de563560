"""Study files: what is asked, of which animals, given what, measured when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from senospine.assays import Readout, readout, readouts
from senospine.engine import Entry
from senospine.errors import SenospineError, StudyError, suggest
from senospine.subjects import AnimalModel, animal_model, animal_models
from senospine.therapy import (
    DosingRule,
    Drug,
    Prescribed,
    Regimen,
    dose_table,
    known_drugs,
    load_drug,
    load_rule,
    parse_moment,
    parse_regimen,
    parse_span,
    read_drug,
)  # fmt: skip
from senospine.yaml_files import Document, read_yaml

PUBLISHED = Path(__file__).parent / "published"
SPECIES = ("mouse", "human", "dog", "human_disc")
#: key of the therapies of which one was given, and it is not known which
ANY_OF = "any_of"
#: key of the therapies of which each was given to a declared number of the arm's subjects
MIXTURE = "mixture"


def published_studies() -> list[str]:
    """Return the names of the shipped studies.

    Examples
    --------
    >>> {"pan2024-aged", "pan2024-lsi"} <= set(published_studies())
    True
    """
    return sorted(path.stem for path in PUBLISHED.glob("*.yaml"))


@dataclass(frozen=True)
class Arm:
    """One group of animals. Times are in days on the animal's own clock, which starts at birth.

    Attributes
    ----------
    measure_day : float
        The last day of measurement.
    entries : tuple of Entry
        Doses and switches.
    doses : tuple of float
        When doses are given; a drug with a lag reaches the body later.
    moments : tuple of (str, float)
        Every moment of measurement as written, with its day, in order of time.
    group : str
        The arm this one stands for: of an arm whose dose is not known, each possible dose is an arm of its own.
    enrolment_day : float or None
        Of people, the day of life on which they enter the study.
    dosing_rule : DosingRule or None
        What counts decide about doses; ``prescribed`` are the doses it is about.
    share : int
        Of an arm that stands for a group with several therapies, how many of the group have this one; 0 elsewhere.
    """

    name: str
    animal_model: AnimalModel
    n: int
    regimens: tuple[Regimen, ...]
    surgery_day: float | None
    measure_day: float
    entries: tuple[Entry, ...]
    doses: tuple[float, ...]
    moments: tuple[tuple[str, float], ...] = ()
    group: str = ""
    enrolment_day: float | None = None
    dosing_rule: DosingRule | None = None
    prescribed: tuple[Prescribed, ...] = ()
    share: int = 0

    @property
    def stands_for(self) -> str:
        """The name evidence knows this arm by."""
        return self.group or self.name

    def day_of(self, moment: str) -> float:
        """Return the day of one of the arm's moments; the last without a name.

        Raises
        ------
        StudyError
            The arm is not measured then.
        """
        known = dict(self.moments)
        if moment and moment not in known:
            raise StudyError(f"arm '{self.name}' is not measured at '{moment}'", remedy=suggest(moment, known))
        return known[moment] if moment else self.measure_day


@dataclass(frozen=True)
class Study:
    """A study as it was written, resolved to days and doses.

    Attributes
    ----------
    drugs : tuple of Drug
        What its regimens give, by name; with them the model of a person or a dog is composed.
    """

    name: str
    title: str
    question: str
    source: str
    species: str
    strain: str
    sex: str
    arms: tuple[Arm, ...]
    readouts: tuple[Readout, ...]
    compare: tuple[tuple[str, str], ...]
    path: Path
    sha256: str
    drugs: tuple[Drug, ...] = ()

    @property
    def groups(self) -> dict[str, Arm]:
        """The arms as evidence knows them, each with the first that stands for it."""
        first: dict[str, Arm] = {}
        for arm in self.arms:
            first.setdefault(arm.stands_for, arm)
        return first

    def arm(self, name: str, where: str | None = None) -> Arm:
        """Return one arm.

        Raises
        ------
        StudyError
            The study has no such arm.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise StudyError(
            f"study '{self.name}' has no arm '{name}'",
            where=where,
            remedy=suggest(name, [arm.name for arm in self.arms]),
        )


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)]


Moments = str | Annotated[list[str], Field(min_length=1)]


class _Subjects(_Section):
    strain: str | None = None
    sex: Literal["male", "female", "both"]
    age_at_surgery: str | None = Field(None, alias="age at surgery")
    age_at_enrolment: str | None = Field(None, alias="age at enrolment")


class _Arm(_Section):
    animal_model: str
    n: Annotated[int, Field(ge=1, le=10_000)]
    therapy: str | dict[str, Any] | list[Any] | None = None
    dosing_rule: str | None = None
    measure_at: Moments | None = None


class _File(_Section):
    study: Word
    title: str | None = None
    question: str
    source: str
    species: str
    drugs: list[str] = []
    readings: dict[str, str] = {}
    subjects: _Subjects
    arms: dict[Word, _Arm]
    readouts: Annotated[list[str], Field(min_length=1)]
    measure_at: Moments | None = None
    compare: list[Annotated[list[str], Field(min_length=2, max_length=2)]]


def load_study(name: str | Path) -> Study:
    """Return a shipped study by name, or one from a YAML file.

    Raises
    ------
    FileError
        The file cannot be read, or holds what safe YAML does not.
    StudyError, RegimenError, UnitError
        The study asks for something that does not exist or that can be read in two ways; with file and line.

    Examples
    --------
    >>> [arm.name for arm in load_study("pan2024-lsi").arms]
    ['sham', 'vehicle', 'navitoclax']
    """
    path = PUBLISHED / f"{name}.yaml" if str(name) in published_studies() else Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise StudyError(
            f"'{name}' is neither a shipped study nor a YAML file",
            remedy=f"{suggest(str(name), published_studies())}; or give a path that ends in .yaml",
        )
    document = read_yaml(path)
    file = _validated(document)
    with known_drugs(_own_drugs(file, document), file.readings, document.where("readings")):
        return _resolve(file, document)


def _validated(document: Document) -> _File:
    if not isinstance(document.data, dict):
        raise StudyError("a study is a mapping of keys", where=str(document.path), remedy="start with 'study: a-name'")
    try:
        return _File.model_validate(document.data)
    except ValidationError as error:
        problems = error.errors()
        # a misspelt key is also a missing one: name what was written, it carries the suggestion
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        key = tuple(part for part in first["loc"] if part != "[key]")
        more = f" ({len(problems) - 1} more problems in this file)" if len(problems) > 1 else ""
        name = ".".join(str(part) for part in key)
        known = _known_keys(key)
        if first["type"] == "extra_forbidden":
            what, remedy = f"unknown key '{key[-1]}'{more}", suggest(str(key[-1]), known)
        elif first["type"] == "missing":
            what, remedy = f"key '{name}' is missing{more}", "add it"
        else:
            given = repr(first.get("input"))
            what = f"'{name}' is {given if len(given) < 80 else given[:77] + '...'}: {first['msg'].lower()}{more}"
            remedy = "see the shipped studies for an example"
        raise StudyError(what, where=document.where(*key), remedy=remedy) from None


def _own_drugs(file: _File, document: Document) -> list[Drug]:
    """Return the drugs of the study's own files, whose paths count from the study's folder."""
    found = []
    for index, name in enumerate(file.drugs):
        where = document.where("drugs", index)
        if Path(name).suffix.lower() not in {".yaml", ".yml"}:
            raise StudyError(f"'{name}' is no drug file", where=where,
                             remedy="give a path that ends in .yaml; a shipped drug needs no entry here")  # fmt: skip
        found.append(read_drug(document.path.parent / name))
    return found


def _known_keys(key: Sequence[str | int]) -> list[str]:
    section: type[BaseModel] = _File
    if len(key) > 1:
        section = _Arm if key[0] == "arms" else _Subjects
    return [field.alias or name for name, field in section.model_fields.items()]


def _resolve(file: _File, document: Document) -> Study:
    if file.species not in SPECIES or not animal_models(file.species):
        raise StudyError(
            f"species '{file.species}' has no animal models",
            where=document.where("species"),
            remedy=suggest(file.species, SPECIES),
        )
    if not file.arms:
        raise StudyError("the study has no arms", where=document.where("arms"), remedy="give at least one arm")
    if file.species == "mouse" and file.subjects.strain is None:
        raise StudyError("key 'subjects.strain' is missing", where=document.where("subjects"), remedy="add it")
    arms = tuple(arm for name, section in file.arms.items() for arm in _arms(name, section, file, document))
    outputs = tuple(readout(name, document.where("readouts", i)) for i, name in enumerate(file.readouts))
    for index, item in enumerate(outputs):
        if item.name in readouts() and file.species not in item.species:
            raise StudyError(
                f"read-out '{item.name}' is not one of species '{file.species}'",
                where=document.where("readouts", index),
                why="its young value and its noise are those of another species",
                remedy=suggest(item.name, [name for name, row in readouts().items() if file.species in row.species]),
            )
    if len(set(file.readouts)) != len(file.readouts):
        twice = next(name for name in file.readouts if file.readouts.count(name) > 1)
        raise StudyError(f"read-out '{twice}' stands twice", where=document.where("readouts"), remedy="keep one")
    names = list(file.arms)
    for index, pair in enumerate(file.compare):
        for name in pair:
            if name not in names:
                raise StudyError(
                    f"the comparison names arm '{name}', which this study does not have",
                    where=document.where("compare", index), remedy=suggest(name, names),
                )  # fmt: skip
        if pair[0] == pair[1]:
            raise StudyError(
                f"arm '{pair[0]}' is compared with itself",
                where=document.where("compare", index),
                remedy="name two arms, the treated or ill one first",
            )
    return Study(
        file.study, file.title or file.study, file.question, file.source, file.species,
        file.subjects.strain or "", file.subjects.sex, arms, outputs, tuple((a, b) for a, b in file.compare),
        document.path, hashlib.sha256(document.path.read_bytes()).hexdigest(),
        tuple(load_drug(name) for name in sorted({each.drug for arm in arms for each in arm.regimens})),
    )  # fmt: skip


def _arms(name: str, section: _Arm, file: _File, document: Document) -> Iterator[Arm]:
    """Yield an arm, or one for each therapy where it is not known which was given, or where several were."""
    if isinstance(section.therapy, dict) and MIXTURE in section.therapy:
        yield from _mixed(name, section, file, document)
        return
    choices = section.therapy.get(ANY_OF) if isinstance(section.therapy, dict) else None
    if choices is None:
        yield _arm(name, section.therapy, ("arms", name, "therapy"), "", section, file, document)
        return
    if not isinstance(choices, dict) or len(choices) < 2 or len(section.therapy) > 1:  # type: ignore[arg-type]
        raise StudyError(
            f"'{ANY_OF}' of arm '{name}' does not name two therapies or more",
            where=document.where("arms", name, "therapy"),
            remedy=f"write for instance '{ANY_OF}: {{low: <a regimen>, high: <a regimen>}}', and nothing beside it",
        )
    key = ("arms", name, "therapy", ANY_OF)
    for choice, therapy in choices.items():
        yield _arm(f"{name}.{choice}", therapy, (*key, choice), name, section, file, document)


def _mixed(name: str, section: _Arm, file: _File, document: Document) -> Iterator[Arm]:
    """Yield an arm for each part of a mixture."""
    key: tuple[str | int, ...] = ("arms", name, "therapy", MIXTURE)
    assert isinstance(section.therapy, dict)  # as the caller found
    parts = section.therapy[MIXTURE]
    alone = len(section.therapy) == 1 and isinstance(parts, dict) and len(parts) > 1
    if not alone or not all(isinstance(part, dict) and isinstance(part.get("n"), int) for part in parts.values()):
        raise StudyError(
            f"'{MIXTURE}' of arm '{name}' does not name two therapies or more, each with its number of subjects",
            where=document.where(*key),
            remedy=f"write '{MIXTURE}: {{low: {{n: 3, therapy: <a regimen>}}, high: ...}}', and nothing beside it",
        )
    counted = sum(part["n"] for part in parts.values())
    if counted != section.n or min(part["n"] for part in parts.values()) < 1:
        raise StudyError(
            f"the parts of arm '{name}' have {counted} subjects in all, the arm {section.n}",
            where=document.where(*key), remedy="let them add up, each at least 1",
        )  # fmt: skip
    for choice, part in parts.items():
        extra = part.keys() - {"n", "therapy", "dosing_rule"}
        if extra:
            raise StudyError(
                f"unknown key '{min(extra)}'", where=document.where(*key, choice, min(extra)),
                remedy=suggest(min(extra), ("n", "therapy", "dosing_rule")),
            )  # fmt: skip
        own = section.model_copy(update={"dosing_rule": part.get("dosing_rule", section.dosing_rule)})
        place = (*key, choice, "therapy")
        arm = _arm(f"{name}.{choice}", part.get("therapy"), place, name, own, file, document)
        yield replace(arm, share=part["n"])


def _arm(
    name: str, therapy: Any, key: tuple[str | int, ...], group: str, section: _Arm, file: _File, document: Document
) -> Arm:
    place = ("arms", group or name)
    model = animal_model(section.animal_model, file.species, document.where(*place, "animal_model"))
    anchors = {"birth": 0.0}
    if model.surgery:
        anchors["surgery"] = _surgery(name, file, document)
    if file.subjects.age_at_enrolment is not None:
        anchors["enrolment"] = _age("enrolment", file.subjects.age_at_enrolment, document)
    for switch in model.switches:
        if switch.at not in anchors:
            raise StudyError(
                f"arm '{name}' starts at {switch.at}, but the study does not say at what age",
                where=document.where("subjects"), remedy=f"add 'age at {switch.at}: 60 years' to subjects",
            )  # fmt: skip
    regimens, where = _regimens(therapy, key, document)
    table = dose_table(regimens, anchors, species=file.species, where=where)
    doses = tuple(float(time) for time in table["given"])
    if doses:
        anchors["first dose"] = doses[0]
    moments = _moments(name, place, section, file, document, anchors)
    measure_day = moments[-1][1]
    if measure_day <= max((*table["time"], anchors.get("surgery", 0.0))):
        raise StudyError(
            f"arm '{name}' is measured on day {measure_day:g} of life, not after its last dose or surgery",
            where=document.where(*place),
            why=f"the last of them is on day {max((*table['time'], anchors.get('surgery', 0.0))):g}",
            remedy="measure later, or dose earlier",
        )
    entries = [Entry(anchors[switch.at], "switch", switch.parameter, switch.to) for switch in model.switches]
    prescribed = tuple(Prescribed(*row) for row in table[list(Prescribed._fields)].itertuples(index=False, name=None))
    rule, amounts = _dosing_rule(section, prescribed, place, document)
    for time, target, amount in zip(table["time"], table["target"], amounts, strict=True):
        entries.append(Entry(float(time), "bolus", str(target), float(amount)))
    return Arm(
        name, model, section.n, tuple(regimens), anchors.get("surgery"), measure_day, tuple(entries), doses, moments,
        group, anchors.get("enrolment"), rule, prescribed if rule else (),
    )  # fmt: skip


def _dosing_rule(
    section: _Arm, prescribed: Sequence[Prescribed], place: tuple[str, ...], document: Document
) -> tuple[DosingRule | None, Sequence[float]]:
    """Return the arm's dosing rule, and its doses with the rule's lead-in; a path counts from the study's folder."""
    if section.dosing_rule is None:
        return None, [dose.amount for dose in prescribed]
    where = document.where(*place, "dosing_rule")
    own = document.path.parent / section.dosing_rule
    rule = load_rule(own if own.suffix else section.dosing_rule, where)
    try:
        return rule, rule.amounts(prescribed)
    except SenospineError as error:
        raise type(error)(error.what, where=where, why=error.why, remedy=error.remedy) from None


def _surgery(name: str, file: _File, document: Document) -> float:
    if file.subjects.age_at_surgery is None:
        raise StudyError(
            f"arm '{name}' has surgery, but the study does not say at what age",
            where=document.where("subjects"),
            remedy="add 'age at surgery: 3 months' to subjects",
        )
    return _age("surgery", file.subjects.age_at_surgery, document)


def _age(anchor: str, text: str, document: Document) -> float:
    where = document.where("subjects", f"age at {anchor}")
    age = parse_span(text, "age", where)
    if age <= 0:
        raise StudyError(
            f"{anchor} at age {age:g} days", where=where, remedy="give an age above zero, for instance '3 months'"
        )
    return age


def _regimens(therapy: Any, key: tuple[str | int, ...], document: Document) -> tuple[list[Regimen], str]:
    where = document.where(*key)
    given = therapy if isinstance(therapy, list) else [therapy]
    if therapy is None:  # an empty line or mapping is no such thing: it is refused below
        given = []
    regimens = []
    for index, item in enumerate(given):
        here = document.where(*key, index) if isinstance(therapy, list) else where
        regimens.append(Regimen.from_mapping(item, here) if isinstance(item, dict) else parse_regimen(item, here))
    return regimens, where


def _moments(
    name: str, place: tuple[str, ...], section: _Arm, file: _File, document: Document, anchors: dict[str, float]
) -> tuple[tuple[str, float], ...]:
    """Return the arm's moments of measurement in order of time."""
    own = section.measure_at is not None
    given = section.measure_at if own else file.measure_at
    key = (*place, "measure_at") if own else ("measure_at",)
    if given is None:
        raise StudyError(
            f"arm '{name}' is never measured",
            where=document.where(*key),
            remedy="add 'measure_at: week 8 after surgery'",
        )
    texts = [given] if isinstance(given, str) else given
    days = {}
    for index, text in enumerate(texts):
        where = document.where(*key) if isinstance(given, str) else document.where(*key, index)
        days[text] = _moment(name, text, where, anchors)
    if len(set(days.values())) < len(texts):
        raise StudyError(f"arm '{name}' is measured twice at one moment", where=document.where(*key), remedy="keep one")
    return tuple(sorted(days.items(), key=lambda item: item[1]))


def _moment(name: str, text: str, where: str, anchors: dict[str, float]) -> float:
    try:
        days, anchor = parse_moment(text, where)
    except SenospineError as error:
        raise StudyError(f"measure_at: {error.what}", where=error.where, why=error.why, remedy=error.remedy) from None
    if anchor not in anchors:
        own = f"count from: {', '.join(sorted(anchors))}; an arm may have its own measure_at"
        raise StudyError(
            f"measure_at counts from {anchor}, which arm '{name}' does not have",
            where=where, remedy="add 'age at enrolment: 60 years' to subjects" if anchor == "enrolment" else own,
        )  # fmt: skip
    return anchors[anchor] + days
