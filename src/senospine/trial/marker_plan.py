"""Which markers a design has measured, when, and what a bank must follow for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from senospine.errors import TrialError, suggest
from senospine.trial.file import Endpoint, File
from senospine.trial.measures import MEASURES, measure_of, outcome_key
from senospine.yaml_files import Document

if TYPE_CHECKING:
    from senospine.trial.bank import PatientBank

VISITS_REMEDY = "visits are at weeks "


def marker_weeks(file: File) -> dict[str, tuple[float, ...]]:
    """Return for each marker that is measured at visits, as recorded or in truth, the weeks.

    A marker is measured at the visits its endpoints and the section ``markers`` ask for, in truth at the same.
    """
    asked: dict[str, set[float]] = {name: set(weeks) for name, weeks in file.markers.items()}
    keys = [outcome_key(name, "clinic") for name in file.markers]
    for endpoint in file.endpoints.values():
        if not MEASURES[endpoint.measure].reported:
            asked.setdefault(endpoint.measure, set()).add(endpoint.week)
            keys.append(endpoint.key)
    return {key: tuple(sorted(asked[measure_of(key).name])) for key in dict.fromkeys(keys)}


def entering(file: File, endpoint: Endpoint) -> list[int]:
    """Return the visits whose values enter an endpoint's analysis: all up to its own at which it is measured.

    Of grades, findings and what is read in truth only the endpoint's own visit: without noise, or where few change,
    earlier visits tell the later one and a covariance of visits is singular.
    """
    item = MEASURES[endpoint.measure]
    last = file.visits.index(endpoint.week)
    if item.reported:
        return list(range(last + 1))
    if item.scale != "ratio" or endpoint.mode == "oracle":
        return [last]
    weeks = marker_weeks(file)[endpoint.key]
    return [index for index in range(last + 1) if file.visits[index] in weeks]


def check_markers(file: File, document: Document) -> None:
    """Refuse markers that cannot be measured as a design asks.

    Raises
    ------
    TrialError
        With place and remedy.
    """
    at_visits = ", ".join(f"{week:g}" for week in file.visits)
    for name, weeks in file.markers.items():
        where = document.where("markers", name)
        item = MEASURES.get(name)
        if item is None or item.reported or item.only_truth:
            able = [key for key, other in MEASURES.items() if not other.reported and not other.only_truth]
            raise TrialError(f"no marker '{name}' can be measured at visits", where=where, remedy=suggest(name, able))
        if not weeks:
            raise TrialError(f"marker '{name}' is never recorded", where=where, remedy=f"write its weeks; {at_visits}")
        for index, week in enumerate(weeks):
            if week not in file.visits:
                raise TrialError(
                    f"marker '{name}' is recorded at week {week:g}, which is no visit",
                    where=document.where("markers", name, index), remedy=f"{VISITS_REMEDY}{at_visits}",
                )  # fmt: skip
    for name, endpoint in file.endpoints.items():
        _check_endpoint(name, endpoint, document)
    first = next(iter(file.endpoints.values()))
    if not MEASURES[first.measure].reported:
        _check_primary(file, document)


def _check_endpoint(name: str, endpoint: Endpoint, document: Document) -> None:
    item = MEASURES[endpoint.measure]
    if item.reported and endpoint.mode == "oracle":
        raise TrialError(
            f"endpoint '{name}' asks for the truth of '{item.name}'", where=document.where("endpoints", name, "mode"),
            why="what patients report has no other truth than their reports", remedy="leave out 'mode'",
        )  # fmt: skip
    if item.only_truth and endpoint.mode != "oracle":
        raise TrialError(
            f"endpoint '{name}' is of '{item.name}', which nobody can read in a patient",
            where=document.where("endpoints", name, "measure"),
            remedy="write 'mode: oracle' to see what is true, or choose a marker",
        )
    if endpoint.responder is not None and not item.reported and item.scale != "ratio":
        raise TrialError(
            f"endpoint '{name}' counts responders of '{item.name}', which is {item.unit} and has no per cent",
            where=document.where("endpoints", name, "responder"),
            remedy="leave out 'responder': findings are compared as shares, grades as means",
        )


def _check_primary(file: File, document: Document) -> None:
    """Refuse what is in points where the primary endpoint is not."""
    if file.analysis.tipping is not None:
        raise TrialError(
            "'tipping' shifts points, and the first endpoint is a marker",
            where=document.where("analysis", "tipping"), remedy="leave it out, or put another endpoint first",
        )  # fmt: skip
    if file.analysis.subgroups and file.analysis.subgroup_scale is None:
        raise TrialError(
            "subgroups of a marker need a 'subgroup_scale': 'worthwhile' is in points",
            where=document.where("analysis", "subgroups"), remedy="write how far effects may lie apart, on its scale",
        )  # fmt: skip


def check_followed(file: File, document: Document, bank: PatientBank) -> None:
    """Refuse a bank that does not follow what a design's markers come from.

    Raises
    ------
    TrialError
        With the place that asks for it.
    """
    weeks = marker_weeks(file)
    for key in weeks:
        item = measure_of(key)
        missing = [state for state in item.needs if state not in bank.followed]
        if missing:
            names = sorted({measure_of(other).name for other in weeks})
            raise TrialError(
                f"the bank does not follow '{missing[0]}' over time, from which '{item.name}' is measured at visits",
                where=_asked(file, document, item.name),
                remedy=f"make the bank with {_options(names)}, or leave out --bank",
            )


def _asked(file: File, document: Document, name: str) -> str:
    for endpoint, item in file.endpoints.items():
        if item.measure == name:
            return document.where("endpoints", endpoint, "measure")
    return document.where("markers", name)


def _options(names: Sequence[str]) -> str:
    return " ".join(f"--marker {name}" for name in names)
