"""Regimens and the anchors of one study arm, turned into the table of its doses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from senospine.errors import RegimenError, UnitError, suggest
from senospine.therapy.arrival import arrival
from senospine.therapy.checks import MAX_DOSES
from senospine.therapy.drug import load_drug
from senospine.therapy.regimen import Regimen

if TYPE_CHECKING:
    import pandas as pd

# Times this close are one time: the sum of two anchored times carries the rounding of its terms.
SIMULTANEOUS_DAYS = 1e-9


def dose_table(
    regimens: Sequence[Regimen],
    anchors: Mapping[str, float],
    *,
    species: str = "mouse",
    where: str | None = None,
) -> pd.DataFrame:
    """Return every dose of one study arm, one row a dose.

    Parameters
    ----------
    regimens : sequence of Regimen
        In the order in which simultaneous doses are given.
    anchors : mapping
        Time of each anchor the arm has [day], for instance ``{"birth": 0.0, "surgery": 91.3}``.
    species : str
        Species of the arm.
    where : str, optional
        File and line, for messages.

    Returns
    -------
    pandas.DataFrame
        Columns ``time`` [day, on the clock of the anchors] when the dose reaches the model, ``drug``, ``route``,
        ``target`` (state of the model), ``amount`` [in ``unit``], ``unit``, ``regimen`` (its place in ``regimens``,
        from 0), ``dose`` (its number within the regimen, from 1) and ``given`` [day] when it is taken, which a lag sets
        before ``time``; sorted by time, then by regimen. In people and dogs amounts are in mg: a dose per kilogram is
        multiplied by the weight the drug's kinetics are of.

    Raises
    ------
    RegimenError
        An anchor the arm does not have, a dose before birth, a species the drug has no data or no kinetics for, or two
        regimens of one drug that overlap.
    UnitError
        A dose in the unit of another species.

    Examples
    --------
    >>> from senospine.therapy import parse_regimen
    >>> regimen = parse_regimen("navitoclax 50 mg/kg oral daily for 2 days from week 4 after surgery")
    >>> dose_table([regimen], {"birth": 0.0, "surgery": 91.0})[["time", "target", "amount", "unit"]]
        time          target  amount   unit
    0  119.0  navitoclax_gut    50.0  mg/kg
    1  120.0  navitoclax_gut    50.0  mg/kg
    """
    import pandas as pd  # slow to import, and only needed here

    place = where or "therapy"
    for index, regimen in enumerate(regimens):
        _check_species(regimen, species, f"{place}, regimen {index + 1}")
    zeros = _zeros(regimens, anchors, place)
    _check_overlaps(regimens, zeros, place)
    reached = [
        arrival(load_drug(each.drug), each.route, species, each.dose, f"{place}, regimen {index + 1}")
        for index, each in enumerate(regimens)
    ]
    rows: list[tuple[float, int, int, float]] = []
    for index, regimen in enumerate(regimens):
        times = [zeros[index] + day for day in regimen.dose_days()]
        _check_birth(times[0], regimen, anchors, place)
        rows += [(time + reached[index].lag, index, number, time) for number, time in enumerate(times, start=1)]
        if len(rows) > MAX_DOSES:
            raise RegimenError(
                f"more than {MAX_DOSES:,} doses in one arm", where=place, remedy="check intervals and durations"
            )
    rows = _in_order(rows)
    doses = [reached[index] for _, index, _, _ in rows]
    given = [regimens[index] for _, index, _, _ in rows]
    return pd.DataFrame(
        {
            "time": pd.Series([time for time, _, _, _ in rows], dtype="float64"),
            "drug": pd.Series([each.drug for each in given], dtype="str"),
            "route": pd.Series([each.route for each in given], dtype="str"),
            "target": pd.Series([dose.target for dose in doses], dtype="str"),
            "amount": pd.Series([dose.amount for dose in doses], dtype="float64"),
            "unit": pd.Series([dose.unit for dose in doses], dtype="str"),
            "regimen": pd.Series([index for _, index, _, _ in rows], dtype="int64"),
            "dose": pd.Series([number for _, _, number, _ in rows], dtype="int64"),
            "given": pd.Series([taken for _, _, _, taken in rows], dtype="float64"),
        }
    )


def _check_species(regimen: Regimen, species: str, place: str) -> None:
    drug = load_drug(regimen.drug)
    if species not in drug.species:
        raise RegimenError(
            f"{drug.name} has no data for species '{species}'",
            where=place,
            why="its units and routes there have no source",
            remedy=suggest(species, drug.species),
        )
    if regimen.unit != drug.dose_units[species]:
        raise UnitError(
            f"dose: {drug.name} is dosed in {drug.dose_units[species]} in {species}, not in {regimen.unit}",
            where=place,
            remedy=f"write the dose in {drug.dose_units[species]}",
        )


def _zeros(regimens: Sequence[Regimen], anchors: Mapping[str, float], place: str) -> list[float]:
    """Return the time [day] of each regimen's anchor."""
    if "first dose" in anchors:
        raise RegimenError(
            "'first dose' is given as an anchor of the arm",
            where=place,
            why="it follows from the regimens",
            remedy="leave it out",
        )
    for name, time in anchors.items():
        if not isfinite(time):
            raise RegimenError(f"anchor '{name}': {time} is not a time", where=place, remedy="give a finite day")
    fixed: dict[int, float] = {}
    for index, regimen in enumerate(regimens):
        if regimen.anchor == "first dose":
            continue
        if regimen.anchor not in anchors:
            raise RegimenError(
                f"regimen {index + 1}, '{regimen.text()}', counts from {regimen.anchor}, which this arm does not have",
                where=place,
                remedy=f"count from an anchor of this arm: {', '.join(sorted(anchors)) or 'it has none'}",
            )
        fixed[index] = float(anchors[regimen.anchor])
    if regimens and not fixed:
        raise RegimenError(
            "every regimen counts from the first dose, so none says when that is",
            where=place,
            remedy="let at least one regimen count from birth or surgery",
        )
    first = min((zero + regimens[index].start_days for index, zero in fixed.items()), default=0.0)
    return [fixed.get(index, first) for index in range(len(regimens))]


def _check_birth(first: float, regimen: Regimen, anchors: Mapping[str, float], place: str) -> None:
    if "birth" in anchors and first < anchors["birth"]:
        raise RegimenError(
            f"'{regimen.text()}' gives its first dose on day {first:g}, before birth on day {anchors['birth']:g}",
            where=place,
            remedy="check the anchors of this arm",
        )


def _check_overlaps(regimens: Sequence[Regimen], zeros: Sequence[float], place: str) -> None:
    """Raise if two courses of one drug overlap; a course is half-open, a single dose is a point."""
    courses = sorted(
        (regimen.drug, zeros[index] + start, zeros[index] + end, index)
        for index, regimen in enumerate(regimens)
        for start, end in regimen.courses()
    )
    # Sorted courses that do not overlap also end in order, so neighbours are all there is to compare.
    for (drug, start, end, before), (next_drug, next_start, _, after) in pairwise(courses):
        together = next_start - start < SIMULTANEOUS_DAYS or end - next_start > SIMULTANEOUS_DAYS
        if drug == next_drug and together:
            one, two = sorted((before, after))
            raise RegimenError(
                f"regimen {one + 1}, '{regimens[one].text()}', and regimen {two + 1}, '{regimens[two].text()}', "
                f"overlap on day {next_start:g}",
                where=place,
                why=f"two courses of {drug} at once leave its dose ambiguous",
                remedy="let one end before the other starts, or write one regimen with the dose that is meant",
            )


def _in_order(rows: list[tuple[float, int, int, float]]) -> list[tuple[float, int, int, float]]:
    """Return the doses by time, then by regimen; times closer than their rounding become one."""
    merged: list[tuple[float, int, int, float]] = []
    for time, index, number, given in sorted(rows):
        same = merged and time - merged[-1][0] <= SIMULTANEOUS_DAYS
        merged.append((merged[-1][0] if same else time, index, number, given))
    return sorted(merged)
