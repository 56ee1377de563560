"""A regimen: which drug, how much, by which route, how often, for how long, from when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from senospine.errors import RegimenError, SenospineError
from senospine.therapy.checks import check_regimen
from senospine.therapy.dose import dose_in_drug_unit
from senospine.therapy.drug import load_drug
from senospine.therapy.times import moment_text, number_text, span_text


@dataclass(frozen=True, kw_only=True)
class Regimen:
    """One drug on one schedule, checked and in the drug's own unit.

    Intervals count start to start and are half-open: daily for 7 days is a dose at 0, 1, ..., 6 days.

    Parameters
    ----------
    drug : str
        Name or synonym; kept as the name.
    dose : float
        Amount of one dose, in ``unit``; kept in the unit the drug is dosed in.
    unit : str
        Unit of the dose, for instance ``mg/kg``.
    route : str
        A route the drug has.
    interval_days : float, optional
        From one dose to the next [day]; None for a single dose.
    duration_days : float, optional
        Length of one course [day], a whole number of intervals; None for a single dose.
    cycle_days : float, optional
        From the start of one course to the start of the next [day].
    cycles : int
        Number of courses.
    start_days : float
        Time elapsed from the anchor to the first dose [day].
    anchor : str
        ``birth``, ``surgery``, ``enrolment`` or ``first dose`` (the earliest dose of the arm's other regimens).

    Raises
    ------
    RegimenError
        The regimen is impossible or ambiguous.
    UnitError
        The dose is not in a unit of the drug.

    Examples
    --------
    >>> once = Regimen(drug="ABT-263", dose=100, unit="mg/kg", route="oral", start_days=3, anchor="surgery")
    >>> once.text()
    'navitoclax 100 mg/kg oral once at day 3 after surgery'
    """

    drug: str
    dose: float
    unit: str
    route: str
    interval_days: float | None = None
    duration_days: float | None = None
    cycle_days: float | None = None
    cycles: int = 1
    start_days: float
    anchor: str

    def __post_init__(self) -> None:
        drug = load_drug(self.drug)
        check_regimen(self, drug)
        dose, unit = dose_in_drug_unit(drug, float(self.dose), self.unit)
        values: dict[str, Any] = {"drug": drug.name, "dose": dose, "unit": unit, "cycles": int(self.cycles)}
        for name in ("interval_days", "duration_days", "cycle_days", "start_days"):
            value = getattr(self, name)
            values[name] = None if value is None else float(value) + 0.0  # -0.0 becomes 0.0
        for name, value in values.items():
            object.__setattr__(self, name, value)  # once, so that equal regimens compare equal

    @property
    def doses_per_course(self) -> int:
        """Number of doses in one course."""
        if self.interval_days is None or self.duration_days is None:
            return 1
        return round(self.duration_days / self.interval_days)

    def dose_days(self) -> list[float]:
        """Return the time of every dose since the anchor [day], each by one product, so that no error adds up.

        Examples
        --------
        >>> from senospine.therapy import parse_regimen
        >>> parse_regimen("navitoclax 50 mg/kg oral daily for 3 days from day 1 after surgery").dose_days()
        [1.0, 2.0, 3.0]
        """
        interval = self.interval_days or 0.0
        return [start + k * interval for start, _ in self.courses() for k in range(self.doses_per_course)]

    def courses(self) -> list[tuple[float, float]]:
        """Return start and end of each course since the anchor [day], half-open; a single dose ends as it starts."""
        starts = [self.start_days + cycle * (self.cycle_days or 0.0) for cycle in range(self.cycles)]
        return [(start, start + (self.duration_days or 0.0)) for start in starts]

    def text(self) -> str:
        """Return the regimen as its canonical line, which parses back to an equal regimen."""
        head = f"{self.drug} {number_text(self.dose)} {self.unit} {self.route}"
        start = moment_text(self.start_days, self.anchor)
        if self.interval_days is None or self.duration_days is None:
            return f"{head} once at {start}"
        weekly = self.interval_days == 7.0
        words = {1.0: "daily", 7.0: "weekly"}
        frequency = words.get(self.interval_days) or f"every {span_text(self.interval_days)}"
        course = f"{head} {frequency} for {span_text(self.duration_days, weeks=weekly)}"
        if self.cycle_days is None:
            return f"{course} from {start}"
        plural = "cycle" if self.cycles == 1 else "cycles"
        return f"{course} every {span_text(self.cycle_days)}, {self.cycles} {plural}, from {start}"

    def to_mapping(self) -> dict[str, str | int]:
        """Return the regimen as plain data for YAML, every quantity with its unit.

        Examples
        --------
        >>> from senospine.therapy import parse_regimen
        >>> line = "navitoclax 50 mg/kg oral daily for 7 days from week 4 after surgery"
        >>> parse_regimen(line).to_mapping()  # doctest: +NORMALIZE_WHITESPACE
        {'drug': 'navitoclax', 'dose': '50 mg/kg', 'route': 'oral',
         'every': '1 day', 'for': '7 days', 'from': 'week 4 after surgery'}
        """
        head: dict[str, str | int] = {
            "drug": self.drug,
            "dose": f"{number_text(self.dose)} {self.unit}",
            "route": self.route,
        }
        start = moment_text(self.start_days, self.anchor)
        if self.interval_days is None or self.duration_days is None:
            return head | {"at": start}
        head |= {"every": span_text(self.interval_days), "for": span_text(self.duration_days)}
        if self.cycle_days is not None:
            head |= {"cycles": self.cycles, "cycle length": span_text(self.cycle_days)}
        return head | {"from": start}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], where: str | None = None) -> Regimen:
        """Return the regimen written as the mapping of ``to_mapping``.

        Raises
        ------
        RegimenError
            A key is missing or unknown, or the regimen is impossible.
        UnitError
            A quantity has no unit, or one of another kind.
        """
        from senospine.therapy.mapping import read_mapping  # which builds regimens

        return read_mapping(mapping, where)


def build_regimen(where: str, *, cycles: int | None, **fields: Any) -> Regimen:
    """Return the regimen read from text or mapping; its errors name the place ``where``."""
    try:
        if cycles is None and fields.get("cycle_days") is not None:
            raise RegimenError(
                f"a second interval, every {span_text(fields['cycle_days'])}, without a number of cycles",
                why="it does not say when to stop",
                remedy="say how many courses there are, for instance '2 cycles'",
            )
        return Regimen(cycles=1 if cycles is None else cycles, **fields)
    except SenospineError as error:
        raise type(error)(error.what, where=where, why=error.why, remedy=error.remedy) from None
