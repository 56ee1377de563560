"""Times: latencies with a cut-off, seconds and responses after acetone, seconds in postures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from senospine.errors import Finding
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.reading import Reading

LATENCIES = {
    "hot_plate": "hot_plate_latency/first-response/cut-off",
    "hargreaves": "hargreaves_latency/paw/cut-off",
    "tail_flick": "tail_flick_latency/tail/cut-off",
    "cold_plate": "cold_plate_latency/first-response/cut-off",
}
ACETONE_TIME = "acetone_time/window/seconds"
ACETONE_COUNT = "acetone_count/window/responses"
POSTURE = "posture_share/tail-suspension/of-window"


def read_latencies(sheet: Sheet) -> list[Reading]:
    """Return a latency for each trial; one that reached its cut-off is known only to be at least that long."""
    refuse(_too_long(sheet.rows, "seconds", "cutoff_s", "the cut-off"), sheet.path)
    readings = []
    for row in sheet.rows:
        seconds, limit = row.number("seconds"), row.number("cutoff_s")
        settings: dict[str, float | str] = {"cutoff_s": limit, **_labels(row, "session", "paw", "trial")}
        cut = seconds >= limit
        readings.append(
            Reading(LATENCIES[row.text("test")], seconds, sheet.place(row), limit if cut else math.nan,
                    math.inf if cut else math.nan, settings=settings, inputs=sheet.inputs)
        )  # fmt: skip
    return readings


def read_acetone(sheet: Sheet) -> list[Reading]:
    """Return seconds and responses of each trial, as far as they were noted."""
    found = [*_too_long(sheet.rows, "seconds", "window_s", "the window")]
    for row in sheet.rows:
        if "seconds" not in row.cells and "responses" not in row.cells:
            found.append(Finding("error", row.where, "neither seconds nor responses", "note what was watched"))
    refuse(found, sheet.path)
    readings = []
    for row in sheet.rows:
        settings: dict[str, float | str] = {
            "window_s": row.number("window_s"),
            **_labels(row, "session", "paw", "trial"),
        }
        if "seconds" in row.cells:
            readings.append(Reading(ACETONE_TIME, row.number("seconds"), sheet.place(row), settings=settings,
                                    inputs=sheet.inputs))  # fmt: skip
        if "responses" in row.cells:
            count = row.number("responses")
            readings.append(Reading(ACETONE_COUNT, count, sheet.place(row), count=count, total=1, settings=settings,
                                    inputs=sheet.inputs))  # fmt: skip
    return readings


def read_postures(sheet: Sheet) -> list[Reading]:
    """Return each posture's share of its window; the shares of an animal and session add up to one."""
    windows: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sheet.rows:
        windows[row.text("animal"), row.text("session")].append(row)
    found: list[Finding] = []
    every = {row.text("posture") for row in sheet.rows}
    for (animal, _), rows in windows.items():
        lengths = {row.number("window_s") for row in rows}
        spent, length = sum(row.number("seconds") for row in rows), min(lengths)
        if len(lengths) > 1 or abs(spent - length) > 0.01 * length:
            what = f"the postures of animal '{animal}' take {spent:g} s of a window of {length:g} s"
            found.append(
                Finding("error", rows[-1].where, what, "the postures fill the window: add the rest as one more")
            )
        missing = every - {row.text("posture") for row in rows}
        if missing:
            what = f"animal '{animal}' has no time for {', '.join(sorted(missing))}"
            found.append(Finding("error", rows[-1].where, what, "write 0 where a posture was not seen"))
    refuse(found, sheet.path)
    return [
        Reading(POSTURE, row.number("seconds") / spent, sheet.place(row), count=row.number("seconds"), total=spent,
                settings={"posture": row.text("posture"), **_labels(row, "session")}, inputs=sheet.inputs)
        for rows in windows.values()
        for spent in [sum(row.number("seconds") for row in rows)]
        for row in rows
    ]  # fmt: skip


def _labels(row: Row, *names: str) -> dict[str, str]:
    return {name: row.text(name) for name in names if row.text(name)}


def _too_long(rows: Iterable[Row], column: str, limit: str, what: str) -> list[Finding]:
    return [
        Finding("error", row.where, f"{row.number(column):g} s is past {what} of {row.number(limit):g} s",
                f"write {row.number(limit):g} where it was reached, or correct the limit")
        for row in rows
        if row.number(column) > row.number(limit)
    ]  # fmt: skip
