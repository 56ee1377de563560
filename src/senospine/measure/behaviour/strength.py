"""Grip: pulls become one force by a rule decided beforehand, alone and over body mass."""

from __future__ import annotations

import math
from collections import defaultdict

from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet
from senospine.measure.reading import Reading

GRIP = {"maximum": "grip_force/maximum-of-pulls/gram-force", "mean": "grip_force/mean-of-pulls/gram-force"}
TO_MASS = "grip_to_mass/log-ratio/gram-per-gram"


def read_grip(sheet: Sheet) -> list[Reading]:
    """Return a force for each animal and session, and its log-ratio to body mass where the mass is known."""
    rule = sheet.settings["pulls"]
    runs: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sheet.rows:
        runs[row.text("animal"), row.text("session")].append(row)
    readings = []
    for (_, session), rows in runs.items():
        pulls = [row.number("force_g") for row in rows]
        force = max(pulls) if rule == "maximum" else sum(pulls) / len(pulls)
        masses = {row.number("body_mass_g") for row in rows if "body_mass_g" in row.cells}
        settings: dict[str, float | str] = {"pulls": len(pulls), **({"session": session} if session else {})}
        warnings = () if len(masses) < 2 else ("more than one body mass in a session: the first is used",)
        place = sheet.place(rows[0])
        if masses:
            mass = next(row.number("body_mass_g") for row in rows if "body_mass_g" in row.cells)
            settings["body_mass_g"] = mass
            readings.append(Reading(TO_MASS, math.log(force / mass), place, settings=settings, inputs=sheet.inputs,
                                    warnings=warnings))  # fmt: skip
        readings.append(Reading(GRIP[rule], force, place, settings=settings, inputs=sheet.inputs))
    return readings
