"""The sheet of one row an animal: its columns are told apart and read by those who read the longer sheets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from senospine.errors import Finding
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.latencies import read_latencies
from senospine.measure.behaviour.schema import schema
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.behaviour.strength import read_grip
from senospine.measure.behaviour.up_down import read_up_down
from senospine.measure.behaviour.wheel import ACTIVE, DISTANCE, SPEED
from senospine.measure.behaviour.withdrawals import read_withdrawals
from senospine.measure.reading import Reading

#: columns that mean nothing without another one
_PAIRS = {
    "up_down_forces_g": "up_down_responses",
    "up_down_responses": "up_down_forces_g",
    "hot_plate_s": "hot_plate_cutoff_s",
    "hargreaves_s": "hargreaves_cutoff_s",
    "wheel_distance_km": "wheel_hours",
    "wheel_active_time_h": "wheel_hours",
    "wheel_max_speed_m_per_min": "wheel_hours",
}
_WHEEL = {"wheel_distance_km": DISTANCE, "wheel_active_time_h": ACTIVE, "wheel_max_speed_m_per_min": SPEED}


def read_animals(sheet: Sheet) -> list[Reading]:
    """Return every read-out that the columns of a sheet of animals hold."""
    refuse(_unpaired(sheet), sheet.path)
    readings: list[Reading] = []
    for kind, read, rows in (
        ("withdrawals", read_withdrawals, _withdrawals(sheet)),
        ("up_down", read_up_down, _chosen(sheet, {"forces_g": "up_down_forces_g", "responses": "up_down_responses"})),
        ("latencies", read_latencies, [*_latencies(sheet, "hot_plate"), *_latencies(sheet, "hargreaves")]),
        ("grip", read_grip, _chosen(sheet, {"force_g": "grip_force_g", "body_mass_g": "body_mass_g"}, "force_g")),
    ):
        readings += _as_sheet(sheet, kind, rows, read)
    return readings + [reading for row in sheet.rows for reading in _wheel(sheet, row)]


def _as_sheet(sheet: Sheet, kind: str, rows: list[Row], read: Callable[[Sheet], list[Reading]]) -> list[Reading]:
    settings = {**sheet.settings, "pulls": "maximum"} if kind == "grip" else sheet.settings
    return read(replace(sheet, schema=schema(kind), settings=settings, rows=tuple(rows))) if rows else []


def _unpaired(sheet: Sheet) -> list[Finding]:
    found = []
    for row in sheet.rows:
        for name in row.cells:
            other = _PAIRS.get(name)
            for one, two in (("withdrawals_", "applications_"), ("applications_", "withdrawals_")):
                other = two + name.removeprefix(one) if name.startswith(one) else other
            if other and other not in row.cells:
                found.append(Finding("error", row.where, f"{name} stands without {other}", "fill in both or neither"))
    return found


def _home(row: Row) -> dict[str, Any]:
    return {name: row.cells[name] for name in ("group", "cage", "animal", "session") if name in row.cells}


def _withdrawals(sheet: Sheet) -> list[Row]:
    rows = []
    for row in sheet.rows:
        for name, value in row.cells.items():
            match = re.fullmatch(r"withdrawals_(?P<force>[0-9.]+)g", name)
            if match:
                cells = {"force_g": float(match["force"]), "withdrawals": value,
                         "applications": row.cells[f"applications_{match['force']}g"]}  # fmt: skip
                rows.append(Row({**_home(row), **cells}, row.where))
    return rows


def _chosen(sheet: Sheet, names: Mapping[str, str], needed: str = "") -> list[Row]:
    rows = []
    for row in sheet.rows:
        cells = {new: row.cells[old] for new, old in names.items() if old in row.cells}
        if cells and (not needed or needed in cells):
            rows.append(Row({**_home(row), **cells}, row.where))
    return rows


def _latencies(sheet: Sheet, test: str) -> list[Row]:
    rows = _chosen(sheet, {"seconds": f"{test}_s", "cutoff_s": f"{test}_cutoff_s"}, "seconds")
    return [Row({**row.cells, "test": test}, row.where) for row in rows]


def _wheel(sheet: Sheet, row: Row) -> list[Reading]:
    readings = []
    for name, identity in _WHEEL.items():
        if name in row.cells:
            hours = row.number("wheel_hours")
            settings: dict[str, float | str] = {
                "period": "all",
                "hours": hours,
                "first_night": "as the laboratory had it",
            }
            settings |= {"session": row.text("session")} if row.text("session") else {}
            value = row.number(name) if identity == SPEED else row.number(name) / hours * 24
            readings.append(Reading(identity, value, sheet.place(row), settings=settings, inputs=sheet.inputs))
    return readings
