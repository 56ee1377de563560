"""Running wheels: distance, active time and largest speed, per 24 hours, whole and by night and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise

from senospine.errors import Finding
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.reading import Reading

DISTANCE = "wheel_distance/voluntary/per-24h"
ACTIVE = "wheel_active_time/voluntary/per-24h"
SPEED = "wheel_max_speed/voluntary/largest-bin"

_WIDE_BIN = 5.0  # minutes beyond which a bin with any distance is hardly all activity


def read_wheel(sheet: Sheet) -> list[Reading]:
    """Return distance, active time and largest speed of each animal and session: all hours, night, day.

    A bin belongs to the period it begins in. The first night is the one in which, or before which, recording began.
    """
    runs: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sheet.rows:
        runs[row.text("animal"), row.text("session")].append(row)
    off, on = (datetime.strptime(sheet.settings[name], "%H:%M").time() for name in ("lights_off", "lights_on"))
    found = [finding for rows in runs.values() for finding in _clashes(rows)]
    if off == on:
        found.append(Finding("error", f"{sheet.path}:1", "lights go on and off at the same time", "correct one"))
    refuse(found, sheet.path)
    readings = []
    for (_, session), rows in runs.items():
        readings += _readings(sheet, sorted(rows, key=lambda row: row.cells["time"]), session, off, on)
    return readings


def _clashes(rows: Sequence[Row]) -> list[Finding]:
    zones = {row.cells["time"].utcoffset() for row in rows}
    if len(zones) > 1:
        return [Finding("error", rows[0].where, "some times have a time zone and some another or none", "use one")]
    ordered = sorted(rows, key=lambda row: row.cells["time"])
    return [
        Finding("error", after.where, f"the bin begins before the one in {before.where} ends", "check time and bin_min")
        for before, after in pairwise(ordered)
        if after.cells["time"] < before.cells["time"] + timedelta(minutes=before.number("bin_min") - 1e-6)
    ]


def _is_night(at: datetime, off: time, on: time) -> bool:
    clock = at.time()
    return off <= clock < on if off < on else clock >= off or clock < on


def _first_night_ends(begin: datetime, off: time, on: time) -> datetime:
    """Return when lights go on after the first dark hours that were recorded."""
    dark = begin
    if not _is_night(begin, off, on):
        dark = datetime.combine(begin.date(), off, begin.tzinfo)
        dark += timedelta(days=0 if dark >= begin else 1)
    light = datetime.combine(dark.date(), on, begin.tzinfo)
    return light if light > dark else light + timedelta(days=1)


def _readings(sheet: Sheet, rows: list[Row], session: str, off: time, on: time) -> list[Reading]:
    begin, drop = rows[0].cells["time"], sheet.settings["first_night"] == "drop"
    ends = _first_night_ends(begin, off, on)
    kept = [row for row in rows if not drop or row.cells["time"] >= ends]
    choice = "dropped" if drop else "kept"
    warnings: tuple[str, ...] = () if drop else ("the first night is among the hours, as declared",)
    place = sheet.place(rows[0])
    if not kept:
        warnings += (f"nothing is left after the first night, which ended {ends:%Y-%m-%d %H:%M}",)
        none_left: dict[str, float | str] = {
            "period": "all",
            "first_night": choice,
            **({"session": session} if session else {}),
        }
        return [Reading(DISTANCE, float("nan"), place, settings=none_left, inputs=sheet.inputs, warnings=warnings)]
    widest = max(row.number("bin_min") for row in kept)
    wide = (f"bins of {widest:g} min: active time is too long",) if widest > _WIDE_BIN else ()
    dark = {id(row): _is_night(row.cells["time"], off, on) for row in kept}
    periods = {
        "all": kept,
        "night": [row for row in kept if dark[id(row)]],
        "day": [row for row in kept if not dark[id(row)]],
    }
    readings = []
    for period, mine in periods.items():
        if not mine:
            continue
        minutes = sum(row.number("bin_min") for row in mine)
        full = {"all": 24.0, "night": _dark_hours(off, on), "day": 24 - _dark_hours(off, on)}[period]
        days = minutes / 60 / full
        settings: dict[str, float | str] = {
            "period": period,
            "hours": minutes / 60,
            "bin_min": widest,
            "first_night": choice,
            **({"session": session} if session else {}),
        }
        short = ("less than one whole period was recorded",) if days < 0.99 else ()
        active = sum(row.number("bin_min") for row in mine if row.number("distance_m") > 0)
        speeds = [max(row.number("distance_m") / row.number("bin_min"), float(row.cells.get("max_speed_m_per_min", 0)))
                  for row in mine]  # fmt: skip
        distance = sum(row.number("distance_m") for row in mine) / 1000
        for identity, value, more in (
            (DISTANCE, distance / days, ()), (ACTIVE, active / 60 / days, wide), (SPEED, max(speeds), wide)
        ):  # fmt: skip
            readings.append(Reading(identity, value, place, settings=settings, inputs=sheet.inputs,
                                    warnings=warnings + short + more))  # fmt: skip
    return readings


def _dark_hours(off: time, on: time) -> float:
    minutes = (on.hour * 60 + on.minute - off.hour * 60 - off.minute) % (24 * 60)
    return minutes / 60
