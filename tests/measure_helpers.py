"""Sheets and readings written on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from senospine.measure import Reading, readings_table
from senospine.measure.behaviour import measure_file

CELL_VALUE = "posture_share/tail-suspension/of-window"  # any definition will do for a number per cell
DISTANCE = "wheel_distance/voluntary/per-24h"


def sheet(folder: Path, text: str, name: str = "lab.csv") -> Path:
    """Write a sheet; lines may be indented."""
    path = folder / name
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n", encoding="utf-8")
    return path


def read(folder: Path, text: str) -> list[Reading]:
    """Return the readings of a sheet."""
    return list(measure_file(sheet(folder, text)).readings)


def animals_text(seed: int = 1, n: int = 6) -> str:
    """Return a sheet of animals in three groups whose heat latencies, withdrawals and distances differ."""
    generator = np.random.default_rng(seed)
    lines = [
        "# sheet: animals", "# study: made", "# arrive.blinding: graders were blind",
        "group,animal,withdrawals_0.4g,applications_0.4g,hot_plate_s,hot_plate_cutoff_s,wheel_distance_km,wheel_hours",
    ]  # fmt: skip
    for group, p, heat, km in (("sham", 0.3, 15, 12), ("vehicle", 0.7, 8, 8), ("navitoclax", 0.5, 11, 10)):
        for index in range(n):
            seconds = min(20.0, heat * np.exp(0.25 * generator.normal()))
            lines.append(f"{group},{group[0]}{index},{generator.binomial(30, p)},30,{seconds:.1f},20,"
                         f"{km * np.exp(0.2 * generator.normal()):.2f},48")  # fmt: skip
    return "\n".join(lines)


def cells(icc: float, seed: int, *, animals: int = 5, count: int = 30, shift: float = 0.0) -> pd.DataFrame:
    """Return readings of ``count`` cells of each animal of two groups; the first is ``shift`` higher."""
    generator = np.random.default_rng(seed)
    readings = []
    for group, move in (("a", shift), ("b", 0.0)):
        for animal in range(animals):
            centre = move + np.sqrt(icc) * generator.normal()
            for index, value in enumerate(centre + np.sqrt(1 - icc) * generator.normal(size=count)):
                place = {"group": group, "animal": f"{group}{animal}", "section": str(index % 3), "cell": str(index)}
                readings.append(Reading(DISTANCE, float(value), place, settings={"period": "all"}))
    return readings_table(readings)
