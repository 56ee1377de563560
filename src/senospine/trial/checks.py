"""What a design cannot be: arms, times, entry, analysis and population, each refused with its place and a remedy."""

from __future__ import annotations

from senospine.assays import MARKERS
from senospine.errors import SenospineError, TrialError, suggest
from senospine.stats.mmrm.structures import structure
from senospine.trial.file import BASELINE_STRATA, HOLDS, SENSITIVITIES, Arm, File, Range
from senospine.trial.marker_plan import check_markers
from senospine.trial.measures import MEASURES
from senospine.trial.refusals import check_heeded
from senospine.yaml_files import Document


def check_file(file: File, document: Document) -> None:
    """Refuse a design that cannot be run.

    Raises
    ------
    TrialError
        The first thing that is wrong, with file and line.
    """
    for check in (
        _check_arms, _check_times, check_markers, _check_entry, _check_analysis, _check_population, check_heeded,
    ):  # fmt: skip
        check(file, document)


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
